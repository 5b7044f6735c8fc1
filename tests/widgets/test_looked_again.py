"""What comes at a bad moment, or is called or read otherwise later on. No window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.session import Session
from napari_unet.widgets import arriving
from napari_unet.widgets.annotating import Annotating

SHAPE = (30, 40)


@pytest.fixture
def annotating(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Annotating]:
    """Part 1's deeds in a viewer that nobody sees."""
    monkeypatch.setattr(arriving, "AFTERWARDS", 1, raising=False)
    parent = QObject()
    made = Annotating(ViewerModel(), Session(), parent)  # type: ignore[arg-type]
    yield made
    made.close()


def test_what_came_while_a_job_ran_is_said_afterwards(annotating: Annotating, qtbot: Any) -> None:
    viewer, session = annotating._viewer, annotating._session
    viewer.add_image(np.zeros(SHAPE), name="a")
    session.job = "training"
    session.say("Training, step 3.", "busy")
    viewer.add_labels(np.ones(SHAPE, np.int32), name="q_labels")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    assert session.status == "Training, step 3."
    session.job = ""
    session.say("The training has failed.", "error")
    qtbot.waitUntil(lambda: "“q_labels” waits for an image called “q”" in session.status)
    assert session.status.startswith("The training has failed. “q_labels”")
    assert session.mood == "error"


def test_a_job_that_follows_at_once_is_waited_for(annotating: Annotating, qtbot: Any) -> None:
    """As the prediction that ends a training."""
    viewer, session = annotating._viewer, annotating._session
    session.job = "training"
    viewer.add_image(np.zeros(SHAPE), name="a")
    viewer.add_labels(np.ones(SHAPE, np.int32), name="a_labels")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    session.job = ""
    session.job = "predicting"
    session.say("Predicting.", "busy")
    qtbot.wait(5)
    assert session.status == "Predicting."
    session.job = ""
    session.say("Found 3 cells.", "done")
    qtbot.waitUntil(lambda: "“a_labels” holds the labels of a." in session.status)


@pytest.mark.parametrize("renamed", ["image", "labels"])
def test_the_name_that_was_waited_for_comes_later(
    renamed: str, annotating: Annotating, qtbot: Any
) -> None:
    viewer, session = annotating._viewer, annotating._session
    image = viewer.add_image(np.zeros(SHAPE), name="a")
    labels = viewer.add_labels(np.ones(SHAPE, np.int32), name="q_labels")
    if renamed == "image":
        image.name = "q"
    else:
        labels.name = "a_labels"
    assert layers.partner(viewer, image, "labels") is labels
    assert session.labels == layers.key(labels)
    qtbot.waitUntil(lambda: "holds the labels of" in session.status)


def test_another_name_pairs_nothing_else(annotating: Annotating) -> None:
    """Labels of an image that was removed are not given to another one by a correction."""
    viewer = annotating._viewer
    image = viewer.add_image(np.zeros(SHAPE), name="a")
    other = viewer.add_image(np.ones(SHAPE), name="b")
    labels = viewer.add_labels(np.ones(SHAPE, np.int32), name="mask")
    viewer.layers.remove(other)
    labels.name = "mask of b"
    image.name = "A"
    assert layers.partner(viewer, image, "labels") is None


def test_a_label_file_that_fits_once_the_axes_are_right(annotating: Annotating, qtbot: Any) -> None:
    """Channels that were taken for slices."""
    viewer = annotating._viewer
    image = viewer.add_image(np.zeros((3, *SHAPE)), name="a")
    viewer.add_image(np.ones(SHAPE, np.uint8), name="a_labels")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    annotating.choose_image(layers.key(image))
    annotating.choose_axes("CYX")
    qtbot.waitUntil(lambda: layers.partner(viewer, image, "labels") is not None)
    assert isinstance(viewer.layers["a_labels"], Labels)


def test_a_script_that_names_the_axes_is_followed(annotating: Annotating) -> None:
    """As a choice in the panel: what was painted is set aside until it fits again."""
    viewer, session = annotating._viewer, annotating._session
    image = viewer.add_image(np.zeros((3, *SHAPE)), name="a")
    annotating.new_cell()
    painted = annotating.labels()
    image.axis_labels = ("c", "y", "x")
    assert session.axes == layers.axes(image) == "CYX"
    assert session.shape == SHAPE and not session.labels
    annotating.new_cell()
    assert annotating.labels().data.shape == SHAPE
    image.axis_labels = ("z", "y", "x")
    assert session.axes == "ZYX" and annotating.labels() is painted


def test_axes_of_other_names_say_nothing(annotating: Annotating) -> None:
    image = annotating._viewer.add_image(np.zeros((3, *SHAPE)), name="a")
    annotating.choose_axes("CYX")
    image.axis_labels = ("a", "b", "c")
    assert annotating._session.axes == layers.axes(image) == "CYX"


def test_other_images_are_followed_too(annotating: Annotating) -> None:
    """What is painted for one that is not in hand is set aside as well."""
    viewer = annotating._viewer
    image = viewer.add_image(np.zeros((3, *SHAPE)), name="a")
    painted = layers.make_labels(viewer, image)
    other = viewer.add_image(np.zeros(SHAPE), name="b")
    annotating.choose_image(layers.key(other))
    image.axis_labels = ("c", "y", "x")
    assert layers.partner(viewer, image, "labels") is None
    annotating.choose_image(layers.key(image))
    annotating.choose_axes("ZYX")
    assert annotating.labels() is painted


def test_pixels_that_labels_fit_come_later(annotating: Annotating, qtbot: Any) -> None:
    viewer, session = annotating._viewer, annotating._session
    image = viewer.add_image(np.zeros((9, 40)), name="a")
    labels = viewer.add_labels(np.ones(SHAPE, np.int32), name="a_labels")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    image.data = np.zeros(SHAPE)
    assert layers.partner(viewer, image, "labels") is labels
    assert session.labels == layers.key(labels)
    qtbot.waitUntil(lambda: "“a_labels” holds the labels of a." in session.status)


def test_nobody_is_said_to_have_labels_without(annotating: Annotating, qtbot: Any) -> None:
    viewer, session = annotating._viewer, annotating._session
    viewer.add_image(np.zeros(SHAPE), name="a")
    labels = viewer.add_labels(np.ones((9, 40), np.int32), name="a_labels")
    labels.data = np.ones(SHAPE, np.int32)
    viewer.add_labels(np.ones(SHAPE, np.int32), name="x")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    assert "which has some" not in session.status


def test_what_comes_just_after_a_job_spares_its_words(annotating: Annotating, qtbot: Any) -> None:
    viewer, session = annotating._viewer, annotating._session
    viewer.add_image(np.zeros(SHAPE), name="a")
    session.job = "training"
    viewer.add_labels(np.ones(SHAPE, np.int32), name="q_labels")
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    session.job = ""
    session.say("The worker process was killed.", "error")
    annotating._arriving._later.setInterval(10_000)
    viewer.add_points([(1, 1)])
    qtbot.waitUntil(lambda: not annotating._arriving._soon.isActive())
    assert session.status == "The worker process was killed." and session.mood == "error"
    session.say("Adding cells… 10 %.", "busy")
    annotating._arriving._later.setInterval(1)
    qtbot.wait(20)
    assert session.status == "Adding cells… 10 %." and session.mood == "busy"
    session.say("12 cells added.", "done")
    qtbot.waitUntil(lambda: session.status.startswith("12 cells added. “q_labels” waits"))
