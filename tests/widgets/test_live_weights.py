"""The weight map follows the brush: after any edits it is the map computed afresh."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_unet import field, layers, models
from napari_unet.core.settings import WeightSettings
from napari_unet.files.model_file import read_model, write_model
from napari_unet.layers.edits import Edit, gathered
from napari_unet.runs.folder import create_run
from napari_unet.session import FROM_SCRATCH
from napari_unet.widgets.trained import options_of
from tests.runs.tiny import disc_pair

from .mouse import canvas_pixel, settle, stroke

pytestmark = pytest.mark.gui
SIDE = 170
GENERAL = Path(models.__file__).parent / "default.safetensors"
# of each kind of layer; LIVE_EDITS=250 makes it 500 in all
EDITS = int(os.environ.get("LIVE_EDITS", "24"))


def made(kind: str, data: np.ndarray, tmp_path: Path) -> Any:
    if kind == "numpy":
        return data.copy()
    zarr = pytest.importorskip("zarr")
    chunks = (1,) * (data.ndim - 2) + (128, 128)
    array = zarr.create_array(
        tmp_path / "labels.zarr", shape=data.shape, chunks=chunks, dtype="int32"
    )
    array[...] = data
    return array


def some_cells(shape: tuple[int, ...]) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    ys, xs = np.mgrid[: shape[-2], : shape[-1]]
    for number, (y, x) in enumerate(np.ndindex(5, 5), start=1):
        disc = (ys - 20 - 32 * y) ** 2 + (xs - 18 - 31 * x) ** 2 < (12 + number % 5) ** 2
        labels[..., disc] = number
    return labels


def shown_map(window: Viewer, dock: Any, qtbot: Any) -> Any:
    """The map on show, once everything that was done has been taken in."""
    weighing = dock.desk.weighing
    qtbot.waitUntil(
        lambda: (
            weighing._on is not None
            and not weighing._asked
            and not weighing._soon.isActive()
            and not weighing._pause.isActive()
            and not weighing._marks.isActive()
        ),
        timeout=20_000,
    )
    return weighing._on


def start(window: Viewer, dock: Any, labels: Labels, qtbot: Any) -> Any:
    """Weigh these labels of a fresh image, as a training from scratch would: classes, too."""
    dock.desk.session.base = FROM_SCRATCH
    image = window.add_image(np.zeros(labels.data.shape, np.uint8))
    window.add_layer(labels)
    layers.pair(window, image, labels)
    dock.desk.annotating.refresh()
    settle(window, qtbot)
    button = dock.findChild(QPushButton, "unet_show_weights")
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    button.click()
    return shown_map(window, dock, qtbot)


def assert_fresh(on: Any, dock: Any, settings: WeightSettings) -> None:
    again = field.look(on.field, settings, None, factor=on.map.factor)  # type: ignore[arg-type]
    for name in ("border", "cells"):
        ours, afresh = getattr(on.map.live, name), getattr(again.live, name)
        np.testing.assert_allclose(ours, afresh, atol=1e-6)
    assert on.map.live.pairs == again.live.pairs
    np.testing.assert_array_equal(on.map.touching, again.touching)


@pytest.mark.canvas
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numpy", "zarr"])
def test_after_random_edits(
    kind: str, window: Viewer, dock: Any, tmp_path: Path, qtbot: Any
) -> None:
    """Strokes, erasing, fills, polygons, undo, redo, other slices."""
    labels = Labels(made(kind, some_cells((2, SIDE, SIDE)), tmp_path), name="mine")
    start(window, dock, labels, qtbot)
    native = window.window._qt_viewer.canvas.native
    rng, settings, deeds = np.random.default_rng(4), WeightSettings(), []
    for number in range(EDITS):
        if number % 18 == 17:
            window.dims.set_current_step(0, 1 - window.dims.current_step[0])
            shown_map(window, dock, qtbot)
        deed = str(rng.choice(["paint", "paint", "erase", "fill", "polygon", "undo", "redo"]))
        deeds.append(deed)
        window.layers.selection.active = labels
        labels.mode = deed if deed in ("paint", "erase", "fill") else "pan_zoom"
        y, x = rng.integers(10, SIDE - 40, 2)
        near = int(np.asarray(labels.data[(window.dims.current_step[0], y, x)]))
        labels.selected_label = int(rng.choice([near or 1, rng.integers(1, 60)]))
        labels.brush_size = int(rng.integers(5, 17))
        if deed in ("paint", "erase"):
            stroke(window, qtbot, [(y, x), (y + 20, x + 8), (y + 5, x + 30)], pause=1)
        elif deed == "fill":
            QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=canvas_pixel(window, (y, x)))
        elif deed == "polygon":
            at = window.dims.current_step[0]
            corners = [(at, *p) for p in ((y, x), (y + 30, x + 3), (y + 9, x + 31))]
            labels.paint_polygon(corners, int(rng.integers(1, 60)))
        else:
            keys = Qt.KeyboardModifier.ControlModifier
            if deed == "redo":
                keys |= Qt.KeyboardModifier.ShiftModifier
            QTest.keyClick(native, Qt.Key.Key_Z, keys)
        on = shown_map(window, dock, qtbot)
        if number % 5 == 0:
            assert_fresh(on, dock, settings)
    assert set(deeds) == {"paint", "erase", "fill", "polygon", "undo", "redo"}
    assert len(on.map.live.pairs) > 0, "cells touch somewhere after so many strokes"


@pytest.mark.canvas
def test_it_follows_the_brush_and_tells_what_touches(window: Viewer, dock: Any, qtbot: Any) -> None:
    data = np.zeros((SIDE, SIDE), np.int32)
    data[40:90, 20:60], data[40:90, 70:110] = 1, 2
    labels = Labels(data, name="mine")
    dock.desk.session.preset = "paper"  # without rescaling
    on = start(window, dock, labels, qtbot)
    session = dock.desk.session
    assert "without a gap" not in session.weight_words
    before = on.map.weights[65, 65]
    assert on.layer.data[65, 65] == before
    assert layers.partner(window, on.image, "touching") is None

    window.layers.selection.active = labels
    labels.mode, labels.selected_label, labels.brush_size = "paint", 2, 7
    stroke(window, qtbot, [(50, 74), (50, 64)], pause=1)
    on = shown_map(window, dock, qtbot)
    assert labels.data[50, 64] == 2 and labels.data[50, 60] == 0, "a gap of a pixel is left"
    assert on.layer.data[50, 60] > before + 3
    stroke(window, qtbot, [(80, 74), (80, 61)], pause=1)
    on = shown_map(window, dock, qtbot)
    assert "1 pair of cells touches without a gap" in session.weight_words
    marks = layers.partner(window, on.image, "touching")
    assert marks.visible and marks.data[80, 57] and not marks.data[50].any()

    QTest.keyClick(
        window.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
    )
    shown_map(window, dock, qtbot)
    assert "without a gap" not in session.weight_words
    assert not marks.visible


def test_the_map_has_the_weights_of_the_training_to_come(
    window: Viewer, dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    on = start(window, dock, Labels(some_cells((SIDE, SIDE))), qtbot)
    desk, kinds, factors = dock.desk, set(), set()
    config, weights = read_model(GENERAL)
    own = tmp_path / "own.safetensors"  # of cells of 60 px, and never rescaled
    write_model(own, replace(config, diameter=None, image_diameter=60.0), weights)
    for base in (FROM_SCRATCH, str(GENERAL), str(own)):
        desk.choose_base(base)
        on = shown_map(window, dock, qtbot)
        run = create_run(tmp_path / Path(base).stem, [disc_pair()], options_of(desk.session))
        assert run.settings.scale == desk.weighing.scale()
        factors.add(on.map.factor)
        assert on.map.live.settings == run.settings.weights == desk.weighing.settings()
        kinds.add(on.map.weighed.ground)  # the class weight alone
    assert len(kinds) == 2 and 1.0 in kinds
    assert len(factors) == 2


def test_class_weights_settle_after_a_pause(window: Viewer, dock: Any, qtbot: Any) -> None:
    labels = Labels(some_cells((SIDE, SIDE)), name="mine")
    on = start(window, dock, labels, qtbot)
    labels.paint_polygon([(0, 0), (0, SIDE), (SIDE, SIDE), (SIDE, SIDE // 2)], 99)
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells < 26, timeout=5000)

    def settled() -> bool:
        now = shown_map(window, dock, qtbot)
        again = field.look(now.field, WeightSettings(), None, factor=now.map.factor)
        return bool(np.allclose(now.map.weights, again.weights, atol=1e-5))

    qtbot.waitUntil(settled, timeout=10_000)
    assert on.map.live.settings == WeightSettings()


@pytest.mark.canvas
def test_of_a_large_layer_only_what_is_seen(
    window: Viewer, dock: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field, "WHOLE", 120 * 120)
    labels = Labels(np.tile(some_cells((SIDE, SIDE)), (4, 4)), name="mine")
    on = start(window, dock, labels, qtbot)
    assert on.map.weights.shape == (120, 120), "zoomed out: the middle of what is seen"
    assert "zoom in" in dock.desk.session.weight_words
    camera = window.scene.camera if hasattr(window, "scene") else window.camera
    for corner in ((100, 100), (500, 520)):
        camera.zoom, camera.center = 9, corner
        qtbot.waitUntil(
            lambda corner=corner: all(
                low <= at <= high
                for at, low, high in zip(
                    corner,
                    shown_map(window, dock, qtbot).field.window[::2],
                    shown_map(window, dock, qtbot).field.window[1::2],
                    strict=True,
                )
            ),
            timeout=10_000,
        )
        on = shown_map(window, dock, qtbot)
        y0, y1, x0, x1 = on.field.window
        assert y1 - y0 <= 120 and x1 - x0 <= 120
        np.testing.assert_allclose(on.layer.data_to_world((3, 5)), (y0 + 3, x0 + 5))
        assert_fresh(on, dock, WeightSettings())


@pytest.mark.canvas
def test_regions_background_and_kinds(window: Viewer, dock: Any, qtbot: Any) -> None:
    labels = Labels(some_cells((SIDE, SIDE)), name="mine")
    on = start(window, dock, labels, qtbot)
    assert on.map.weights[2, 2] > 0
    regions = layers.make_regions(window, on.image)
    regions.add_rectangles([[60, 60], [150, 150]])
    qtbot.waitUntil(lambda: shown_map(window, dock, qtbot).map.weights[2, 2] == 0, timeout=10_000)
    assert shown_map(window, dock, qtbot).map.weights[100, 140] > 0
    background = layers.make_background(window, on.image)
    background.brush_size = 9
    background.selected_label = 1
    background.paint((4, 4), 1)
    qtbot.waitUntil(lambda: shown_map(window, dock, qtbot).map.weights[4, 4] > 0, timeout=10_000)
    background.undo()
    qtbot.waitUntil(lambda: shown_map(window, dock, qtbot).map.weights[4, 4] == 0, timeout=10_000)
    dock.desk.annotating.choose_labels_are("classes")
    qtbot.waitUntil(
        lambda: shown_map(window, dock, qtbot).field.labels_are == "classes", timeout=10_000
    )
    labels.paint((100, 140), 3)
    qtbot.wait(50)
    assert shown_map(window, dock, qtbot).map.pairs == 0


def test_hidden_and_removed_maps_rest(window: Viewer, dock: Any, qtbot: Any) -> None:
    labels = Labels(some_cells((SIDE, SIDE)), name="mine")
    on = start(window, dock, labels, qtbot)
    on.layer.visible = False
    before = on.map.weights.copy()
    labels.paint((36, 34), 77)
    qtbot.wait(30)
    np.testing.assert_array_equal(on.map.weights, before)
    on.layer.visible = True
    on = shown_map(window, dock, qtbot)
    assert not np.array_equal(on.map.weights, before)
    window.layers.remove(on.layer)
    labels.paint((60, 66), 78)
    qtbot.waitUntil(lambda: dock.desk.weighing._on is None, timeout=5000)
    other = window.add_image(np.zeros((30, 30), np.uint8), name="other")
    assert layers.partner(window, other, "weights") is None


def test_it_is_of_the_labels_in_hand(window: Viewer, dock: Any, qtbot: Any) -> None:
    first, second = some_cells((SIDE, SIDE)), np.zeros((SIDE, SIDE), np.int32)
    start(window, dock, Labels(first, name="mine"), qtbot)
    second[20:50, 20:50], second[20:50, 52:80] = 1, 2
    other = window.add_labels(second, name="other")
    dock.desk.annotating.choose_labels(layers.key(other))
    weighing = dock.desk.weighing
    qtbot.waitUntil(lambda: weighing._on.labels is other and not weighing._asked, timeout=5000)
    on = weighing._on
    before = on.map.weights.copy()
    other.paint((100, 100), 3)
    qtbot.waitUntil(lambda: not np.array_equal(weighing._on.map.weights, before), timeout=5000)
    window.layers.remove(other)
    qtbot.waitUntil(lambda: weighing._on is None, timeout=5000)
    assert not on.layer.visible and not dock.desk.session.weight_words


def test_dabs_of_a_stroke_are_taken_together() -> None:
    def edit(y: int, x: int, old: int) -> Edit:
        where = (np.zeros(1, int), np.zeros(1, int))
        return Edit((slice(y, y + 10), slice(x, x + 10)), where, np.array([old]), 9)

    boxes = gathered([edit(0, 0, 1), edit(4, 5, 2), edit(500, 900, 3)])
    assert boxes == [((0, 14, 0, 15), {1, 2}), ((500, 510, 900, 910), {3})]
