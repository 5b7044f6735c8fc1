"""What was painted for an image that has another shape now, and arrays that layers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import _layer_actions
from qtpy.QtWidgets import QFileDialog

from napari_unet import layers

from .conftest import done, partner

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("fake_worker")]

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]


def test_the_background_of_an_image_that_was_cropped(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session = dock.desk.session
    press("unet_background")
    earlier = partner(painted, "background")
    earlier.paint((100, 100), 1)
    image = layers.images(painted)[0]
    image.data = image.data[:200].copy()
    press("unet_new_cell")
    labels = partner(painted, "labels")
    labels.paint((20, 20), labels.selected_label)
    qtbot.waitUntil(lambda: session.annotated.cells == 1)
    press("unet_fine_tune")
    assert "press “Background” for an empty one" in session.status
    press("unet_background")
    assert partner(painted, "background") is not earlier and earlier in painted.layers
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: done(dock))


def test_regions_of_an_image_that_has_become_a_stack(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session = dock.desk.session
    press("unet_regions")
    earlier = partner(painted, "regions")
    earlier.add_rectangles([[10, 10], [10, 100], [100, 100], [100, 10]])
    qtbot.waitUntil(lambda: session.annotated.regions == 1)
    image = layers.images(painted)[0]
    image.data = np.stack([image.data] * 3)
    press("unet_new_cell")
    labels = partner(painted, "labels")
    labels.paint((0, 20, 20), labels.selected_label)
    qtbot.waitUntil(lambda: session.annotated.cells == 1)
    assert session.annotated.regions == 0
    press("unet_regions")
    assert partner(painted, "regions").ndim == 3 and earlier in painted.layers


def test_the_weight_map_of_a_stack_that_has_grown(
    window: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    session = dock.desk.session
    said: list[str] = []
    session.events.status.connect(said.append)
    image = window.add_image(np.stack([discs[0]] * 3), name="stack")
    press("unet_new_cell")
    partner(window, "labels").data = np.stack([discs[1]] * 3)
    qtbot.waitUntil(lambda: session.annotated.cells == 30)
    press("unet_show_weights")
    qtbot.waitUntil(lambda: session.weights_shown)
    image.data = np.stack([discs[0]] * 5)
    window.dims.set_point(0, 4)
    qtbot.waitUntil(lambda: not session.weights_shown)
    assert not any("mistake" in words for words in said)


def test_what_shares_its_array_with_the_prediction_is_not_drawn_into(
    trained: Viewer, dock: Any, qtbot: Any
) -> None:
    found = partner(trained, "prediction")
    mine = trained.add_labels(found.data, name="mine")
    dock.desk.annotating.choose_labels(layers.key(mine))
    mine.paint((4, 4), 99)
    before = np.array(mine.data)
    dock.desk.filtering.choose_threshold(0.96)
    qtbot.waitUntil(lambda: "at threshold 0.96" in dock.desk.session.status)
    np.testing.assert_array_equal(mine.data, before)
    dock.desk.predicting.start()
    qtbot.waitUntil(lambda: done(dock) and dock.desk.session.status.startswith("Found"))
    np.testing.assert_array_equal(mine.data, before)


def test_an_export_is_of_the_image_that_was_in_hand(
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    discs: Discs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def chosen(*_: Any, **__: Any) -> tuple[str, str]:
        trained.add_image(discs[0][::-1].copy(), name="another plugin's")
        return str(tmp_path / "mine.tif"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)
    press("unet_export_labels")
    qtbot.waitUntil(lambda: "10 cells written" in dock.desk.session.status)


@pytest.mark.usefixtures("qapp")
def test_labels_that_come_back_are_not_an_images_second_ones() -> None:
    viewer: Any = ViewerModel()
    image = viewer.add_image(np.zeros((20, 20)))
    first = layers.make_labels(viewer, image)
    first.metadata["napari-unet"]["file"] = True
    viewer.layers.remove(first)
    second = layers.make_labels(viewer, image)
    viewer.add_layer(first)
    layers.disown_copy(viewer, first)
    viewer.layers.move(viewer.layers.index(first), 0)
    assert layers.partner(viewer, image, "labels") is second


@pytest.mark.usefixtures("qapp")
def test_a_copy_of_a_mapped_file_is_in_memory(tmp_path: Path) -> None:
    viewer: Any = ViewerModel()
    np.save(tmp_path / "labels.npy", np.full((9, 9), 255, np.uint8))
    labels = viewer.add_labels(np.load(tmp_path / "labels.npy", mmap_mode="r"))
    assert "read-only: duplicate it" in layers.unwritable(labels)
    _layer_actions._duplicate_layer(viewer.layers)
    assert layers.take_next_id(viewer.layers[-1]) == 256
