"""Layers that come and go: nothing painted is lost, nothing becomes another image's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, _layer_actions
from napari.layers._source import layer_source

from napari_unet import layers

from .conftest import partner

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
gui = pytest.mark.gui


@pytest.fixture
def model() -> Any:
    """A viewer without a window."""
    return ViewerModel()


def picture(seed: int = 0, shape: tuple[int, ...] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def painted_for(viewer: Any, image: Image) -> list[Layer]:
    made = (layers.make_labels, layers.make_regions, layers.make_background)
    return [make(viewer, image) for make in made]


def remove(viewer: Any, image: Layer) -> None:
    viewer.layers.remove(image)
    layers.leave(viewer, image)


def belongs(viewer: Any, image: Image) -> list[Layer | None]:
    return [layers.partner(viewer, image, x) for x in ("labels", "regions", "background")]


def test_an_image_that_is_opened_again_has_its_own(model: Any) -> None:
    image = model.add_image(picture(), name="cells", scale=(2, 2))
    made = painted_for(model, image)
    remove(model, image)
    again = model.add_image(picture(), name="cells [1]", scale=(2, 2))
    assert layers.take_back(model) == made
    assert belongs(model, again) == made
    assert layers.take_back(model) == []


def test_its_axes_come_back_too(model: Any) -> None:
    image = model.add_image(picture(0, (3, 40, 50)), name="colours")
    layers.set_axes(model, image, "CYX")
    made = painted_for(model, image)
    remove(model, image)
    again = model.add_image(picture(0, (3, 40, 50)), name="colours")
    layers.take_back(model)
    assert belongs(model, again) == made and layers.axes(again) == "CYX"


@pytest.mark.parametrize(
    "other",
    [
        {"data": picture(1), "name": "cells"},
        {"data": picture(0, (40, 51)), "name": "cells"},
        {"data": picture(), "name": "cells", "translate": (3, 0)},
    ],
    ids=["other pixels", "another shape", "another place"],
)
def test_what_is_another_images_is_not_taken(other: dict[str, Any], model: Any) -> None:
    image = model.add_image(picture(), name="cells")
    made = painted_for(model, image)
    remove(model, image)
    new = model.add_image(**other)
    assert layers.take_back(model) == [] and belongs(model, new) == [None] * 3
    same_shape = other["data"].shape == (40, 50)
    assert layers.left_for(model, new) == ("cells" if same_shape else "")
    labels = made[0]
    if same_shape:  # the user says that it is the same
        assert isinstance(labels, Labels)
        layers.pair(model, new, labels)
        assert belongs(model, new) == made


def test_an_image_that_has_labels_keeps_them(model: Any) -> None:
    image = model.add_image(picture(), name="cells")
    painted_for(model, image)
    twin = model.add_image(picture(), name="twin")
    own = layers.make_labels(model, twin)
    remove(model, image)
    assert layers.take_back(model) == []
    assert layers.partner(model, twin, "labels") is own


@pytest.mark.parametrize("name", ["cells", "others"])
def test_of_pixels_that_say_nothing_the_name_decides(name: str, model: Any) -> None:
    image = model.add_image(np.zeros((40, 50)), name="cells")
    made = painted_for(model, image)
    remove(model, image)
    again = model.add_image(np.zeros((40, 50)), name=name)
    layers.take_back(model)
    assert belongs(model, again) == (made if name == "cells" else [None] * 3)


def test_of_pixels_on_disk_the_file_decides_too(model: Any, tmp_path: Path) -> None:
    array = pytest.importorskip("dask.array")

    def opened(folder: str) -> Image:
        with layer_source(path=str(tmp_path / folder / "0.zarr")):
            image: Image = model.add_image(array.zeros((40, 50)), name="0", multiscale=False)
            return image

    image = opened("well A")
    made = painted_for(model, image)
    remove(model, image)
    other = opened("well B")
    assert layers.take_back(model) == []
    remove(model, other)
    again = opened("well A")
    assert layers.take_back(model) == made and belongs(model, again) == made


@gui
def test_reopened_in_the_window(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    session, labels = dock.desk.session, partner(painted, "labels")
    press("unet_regions")
    regions = partner(painted, "regions")
    painted.layers.remove("cells")
    assert not session.image
    painted.add_image(discs[0], name="cells")
    assert session.labels == layers.key(labels)
    assert partner(painted, "regions") is regions
    qtbot.waitUntil(lambda: "used for cells again" in session.status, timeout=5000)
    press("unet_new_cell")
    assert painted.layers.selection.active is labels and labels.selected_label == 11


@gui
def test_another_image_of_this_shape_is_told_of_them(
    painted: Viewer, dock: Any, discs: Discs, qtbot: Any
) -> None:
    session, labels = dock.desk.session, partner(painted, "labels")
    painted.layers.remove("cells")
    painted.add_image(255 - discs[0], name="inverted")
    assert not session.labels
    told = "painted for “cells”, which was removed"
    qtbot.waitUntil(lambda: told in session.status, timeout=5000)
    dock.desk.annotating.choose_labels(layers.key(labels))
    qtbot.waitUntil(lambda: session.annotated.cells == 10, timeout=5000)


# ---- label files


@pytest.mark.parametrize("first", ["image", "labels"])
def test_a_label_file_becomes_labels(first: str, model: Any) -> None:
    add = {
        "image": lambda: model.add_image(picture(), name="cells", scale=(2, 2)),
        "labels": lambda: model.add_image(picture(3).astype(np.uint16), name="cells_labels"),
    }
    names = ["image", "labels"] if first == "image" else ["labels", "image"]
    for name in names:
        add[name]()
    ((image, labels),) = layers.take_label_files(model)
    assert layers.partner(model, image, "labels") is labels and labels.name == "cells_labels"
    assert layers.images(model) == [image]
    np.testing.assert_array_equal(labels.data, picture(3))
    np.testing.assert_allclose(labels.scale, image.scale)
    assert layers.take_label_files(model) == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (picture(3).astype(np.float32), "cells_labels"),
        (picture(3, (40, 51)), "cells_labels"),
        (picture(3), "others_labels"),
        (picture(3), "cells_mask"),
    ],
    ids=["fractions", "another shape", "of another image", "another ending"],
)
def test_what_is_no_label_file_stays_an_image(data: np.ndarray, name: str, model: Any) -> None:
    model.add_image(picture(), name="cells")
    model.add_image(data, name=name)
    assert layers.take_label_files(model) == []
    assert len(layers.images(model)) == 2


def test_an_image_that_is_painted_for_stays_one(model: Any) -> None:
    odd = model.add_image(picture() // 9, name="cells_labels")
    made = painted_for(model, odd)
    model.add_image(picture(1), name="cells")
    assert layers.take_label_files(model) == []
    assert odd in model.layers and belongs(model, odd) == made


def test_labels_that_are_there_stay(model: Any) -> None:
    image = model.add_image(picture(), name="cells")
    own = layers.make_labels(model, image)
    model.add_image(picture(3), name="cells_labels")
    ((_, new),) = layers.take_label_files(model)
    assert layers.partner(model, image, "labels") is own
    assert new in layers.fitting_labels(model, image)
    again = model.add_image(new.data, name=new.name, metadata=new.metadata)  # by the user
    assert layers.take_label_files(model) == [] and again in layers.images(model)
    assert layers.folder(again) == ""  # nobody knows where it lies


def test_a_label_file_opened_on_the_command_line_becomes_labels(model: Any) -> None:
    file = model.add_image(picture(3), name="cells_labels")
    layers.note_file(file, "/data/cells_labels.tif")
    image = model.add_image(picture(), name="cells")
    ((found, labels),) = layers.take_label_files(model)
    assert found is image and layers.partner(model, image, "labels") is labels


@gui
def test_a_label_file_dragged_into_the_window(
    window: Viewer, dock: Any, discs: Discs, qtbot: Any
) -> None:
    session = dock.desk.session
    image = window.add_image(discs[0], name="cells")
    window.add_image(discs[1].astype(np.uint16), name="cells_labels")
    qtbot.waitUntil(lambda: session.annotated.cells == 30, timeout=5000)
    labels = layers.partner(window, image, "labels")
    assert session.image == layers.key(image) and session.labels == layers.key(labels)
    qtbot.waitUntil(lambda: "holds the labels of cells" in session.status, timeout=5000)
    qtbot.waitUntil(lambda: labels.selected_label == 31, timeout=5000)
    window.layers.selection = {labels}
    _layer_actions._convert(window.layers, "image")  # taken back by the user: it stays so
    qtbot.wait(50)
    assert [x.name for x in layers.images(window)] == ["cells", "cells_labels"]


# ---- files of numbers that napari opens as labels ---------------------------------------------


ORDERS = ["a b a_labels b_labels", "a a_labels b b_labels", "b_labels a a_labels b"]


@pytest.mark.parametrize("order", [*ORDERS, "a_labels a b_labels b"])
def test_labels_go_to_the_image_of_their_name(
    order: str, window: Viewer, dock: Any, qtbot: Any
) -> None:
    """In any order; none is another image's for a moment."""
    for name in order.split():
        if name.endswith("_labels"):
            window.add_labels(np.full((40, 50), 1 + ord(name[0]), np.int32), name=name)
        else:
            window.add_image(picture(ord(name)), name=name)
        for image in layers.images(window):
            labels = layers.partner(window, image, "labels")
            assert labels is None or labels.name == f"{image.name}_labels"
    for image in layers.images(window):
        assert layers.partner(window, image, "labels").name == f"{image.name}_labels"
    session = dock.desk.session
    qtbot.waitUntil(lambda: "_labels” holds the labels of " in session.status)


def test_labels_of_another_name_are_nobodys(window: Viewer, dock: Any, qtbot: Any) -> None:
    session = dock.desk.session
    window.add_labels(np.ones((40, 50), np.int32), name="b_labels")
    image = window.add_image(picture(), name="a")
    qtbot.waitUntil(lambda: "waits for an image called “b”" in session.status)
    assert layers.partner(window, image, "labels") is None
    layers.make_labels(window, image)
    window.add_labels(np.ones((40, 50), np.int32), name="a_labels")
    qtbot.waitUntil(lambda: "holds the labels of a, which has some" in session.status)
    session.say("Something else.", "done")
    window.add_image(picture(1, (9, 9)), name="c")
    qtbot.wait(20)
    assert "_labels" not in session.status, "it is said once"


def test_labels_of_any_other_name_go_to_the_only_image(window: Viewer, dock: Any) -> None:
    image = window.add_image(picture(), name="a")
    labels = window.add_labels(np.ones((40, 50), np.int32), name="mask")
    assert layers.partner(window, image, "labels") is labels


def test_what_nobody_asked_for_becomes_no_images_labels(
    window: Viewer, dock: Any, press: Press
) -> None:
    """Not when a layer of ours comes, nor any other: it is there before, and nobody's."""
    image, other = window.add_image(picture(), name="a"), window.add_image(picture(1), name="b")
    mask = window.add_labels(np.ones((40, 50), np.int32), name="mask")
    window.layers.remove(other)
    dock.desk.annotating.turn_to(layers.key(image))
    press("unet_background")
    layers.prediction_layer(window, image)
    window.add_points([(1, 1)])
    assert layers.partner(window, image, "labels") is None
    own = layers.make_labels(window, image)
    window.layers.remove(own)  # to begin anew
    press("unet_regions")
    assert layers.partner(window, image, "labels") is None
    dock.desk.annotating.choose_labels(layers.key(mask))
    assert layers.partner(window, image, "labels") is mask


def test_whose_labels_they_are_is_said(window: Viewer, dock: Any, qtbot: Any) -> None:
    window.add_labels(np.ones((40, 50), np.int32), name="mask")
    window.add_image(picture(), name="a")
    qtbot.waitUntil(lambda: "“mask” holds the labels of a." in dock.desk.session.status)
