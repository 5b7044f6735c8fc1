"""What is accepted is written in portions: one undo step, every pixel told, the user in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Labels

from napari_unet import layers
from napari_unet.layers import adding as module
from napari_unet.layers import history
from napari_unet.layers.adding import whole_copy
from napari_unet.widgets import accepting
from napari_unet.widgets.watching import Watching

from .conftest import partner
from .test_accepting import accept, cells
from .test_watching import Shadow

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 37)


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some ten portions of what is found on discs, one at a time."""
    monkeypatch.setattr(module, "PORTION", 997)
    monkeypatch.setattr(accepting, "AT_ONCE", 1e-9)


@pytest.fixture
def labels(viewer: ViewerModel, small: None) -> Labels:
    """Two painted cells, paired with an image."""
    image = viewer.add_image(np.zeros((3, 20, 20)))
    made = layers.make_labels(viewer, image)
    made.data_setitem((np.zeros(4, int), np.arange(4), np.arange(4)), 1)
    made.data_setitem((np.ones(4, int), np.arange(4), np.arange(4)), 2)
    return made


def everything(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """All positions, in cells of 50 px, the highest id first."""
    index = np.arange(labels.data.size)
    return index, 10 + (index // 50 + 23) % 24


def write(adding: layers.Adding) -> None:
    while adding.left:
        adding.go_on()


def test_portions_are_one_undo_step(labels: Labels) -> None:
    before = labels.data.copy()
    adding = layers.Adding(labels, *everything(labels), 33)
    write(adding)
    after = labels.data.copy()
    values = everything(labels)[1]
    own = before.ravel()
    np.testing.assert_array_equal(after.ravel(), np.where(own > 0, own, values))
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    assert adding.undone
    labels.redo()
    np.testing.assert_array_equal(labels.data, after)
    assert not adding.undone


def test_a_portion_lies_together(labels: Labels) -> None:
    """napari draws the box that holds a portion: never one from the last cell to the first."""
    boxes: list[tuple[int, ...]] = []
    labels.events.labels_update.connect(lambda event: boxes.append(event.data.shape))
    order = np.arange(400)
    order = np.concatenate([order[-15:], order[:-15]])  # the highest id is that of the last cell
    write(layers.Adding(labels, order, np.where(order >= 385, 9, 8), 9))
    assert (labels.data[0] > 0).all()
    assert max(height for height, _ in boxes) <= 3


def test_a_full_history_loses_one_step_for_all_portions(labels: Labels) -> None:
    limit = labels._undo_history.maxlen
    assert limit is not None
    for number in range(limit):
        labels.data_setitem((np.array([2]), np.array([0]), np.array([0])), 100 + number)
    write(layers.Adding(labels, *everything(labels), 33))
    for _ in range(limit):
        labels.undo()
    assert labels.data[2, 0, 0] == 100


def test_what_is_painted_between_portions_stays(labels: Labels) -> None:
    before = labels.data.copy()
    adding = layers.Adding(labels, *everything(labels), 33)
    adding.go_on()
    labels.data_setitem((np.array([2]), np.array([5]), np.array([5])), 3)  # not written yet
    labels.data_setitem((np.array([0]), np.array([0]), np.array([9])), 3)  # written already
    write(adding)
    assert (labels.data[2, 5, 5], labels.data[0, 0, 9]) == (3, 3)
    accepted = labels.data.copy()
    for _ in range(3):
        labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    for _ in range(3):
        labels.redo()
    np.testing.assert_array_equal(labels.data, accepted)


def test_a_free_id_is_beyond_all_that_is_still_to_be_written(labels: Labels) -> None:
    adding = layers.Adding(labels, *everything(labels), 33)
    adding.go_on()
    assert layers.next_free_id(labels) == 10 + 24
    write(adding)
    assert layers.next_free_id(labels) == 10 + 24


def test_a_copy_in_the_middle_is_not_filled_where_it_was_erased(labels: Labels) -> None:
    index, values = everything(labels)
    adding = layers.Adding(labels, np.roll(index, 60), np.roll(values, 60), 33)
    adding.go_on()
    at = np.full(4, 2), np.arange(4), np.arange(4)  # not written yet
    labels.data_setitem(at, 3)
    labels.data_setitem(at, 0)
    copy = whole_copy(labels)
    assert not copy[at].any() and np.count_nonzero(copy == 0) == 4
    write(adding)
    np.testing.assert_array_equal(labels.data, copy)


def test_each_portion_is_told(viewer: ViewerModel, labels: Labels) -> None:
    watching = Watching(viewer)
    watching.refresh()
    shadow = Shadow(labels)
    watching.edited.connect(shadow.take)
    adding = layers.Adding(labels, *everything(labels), 33)
    write(adding)
    shadow.assert_same(labels)
    assert shadow.told > 1200 // module.PORTION
    labels.undo()
    shadow.assert_same(labels)
    watching.close()


def test_where_napari_keeps_no_history(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history.Step, "_newest", lambda self: None)
    adding = layers.Adding(labels, *everything(labels), 33)
    write(adding)
    assert (labels.data > 0).all()
    assert not adding.undone and adding.part is None


def test_undone_in_the_middle(
    trained: Viewer, dock: Any, press: Callable[[str], None], qtbot: Any, several: None
) -> None:
    labels = partner(trained, "labels")
    before = labels.data.copy()
    dock.desk.session.status = ""
    press("unet_accept")
    qtbot.waitUntil(lambda: dock.desk.session.status.startswith("Adding 20 cells"), timeout=5000)
    assert cells(labels.data) > 10
    labels.undo()
    qtbot.waitUntil(lambda: "no longer added" in dock.desk.session.status, timeout=5000)
    np.testing.assert_array_equal(labels.data, before)
    assert accept(dock, press, qtbot).startswith("Adding 20 cells")
    qtbot.waitUntil(lambda: "20 cells added" in dock.desk.session.status, timeout=5000)
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_the_next_cell_of_the_user_in_the_middle(
    trained: Viewer, dock: Any, press: Callable[[str], None], qtbot: Any, several: None
) -> None:
    labels = partner(trained, "labels")
    press("unet_new_cell")
    assert labels.selected_label == 11
    press("unet_accept")
    qtbot.waitUntil(lambda: dock.desk.session.status.startswith("Adding 20 cells"), timeout=5000)
    assert labels.selected_label == 31
    press("unet_new_cell")
    assert labels.selected_label == 31
    qtbot.waitUntil(lambda: "20 cells added" in dock.desk.session.status, timeout=5000)
    assert labels.data.max() == 30
