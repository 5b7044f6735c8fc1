"""Every edit by hand is told, undo and redo too: what is told alone makes up the same labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unet import layers
from napari_unet.core.tally import tally
from napari_unet.layers.edits import Edit
from napari_unet.widgets.watching import Watching

from .mouse import canvas_pixel, settle, stroke

pytestmark = pytest.mark.gui
SIDE = 160
STACK = (3, SIDE, SIDE)
EDITS = int(os.environ.get("LIVE_EDITS", "16"))  # of each kind of layer


class Shadow:
    """Labels and counts made from what is told, and from nothing else."""

    def __init__(self, labels: Labels) -> None:
        self.data = np.array(labels.data)
        self.tally = tally(self.data)
        self.told = 0

    def take(self, layer: Labels, edits: list[Edit]) -> None:
        for edit in edits:
            part = self.data[edit.box]
            old = part[edit.where]
            np.testing.assert_array_equal(old, np.broadcast_to(edit.old, old.shape))
            part[edit.where] = edit.new
            self.tally.change(edit.old, edit.new, edit.slices(self.data.shape))
        self.told += 1

    def assert_same(self, labels: Labels) -> None:
        np.testing.assert_array_equal(self.data, np.asarray(labels.data[...]))
        afresh = tally(self.data)
        assert self.tally.pixels == afresh.pixels
        assert self.tally.painted.tolist() == afresh.painted.tolist()


def made(kind: str, shape: tuple[int, ...], tmp_path: Path) -> Any:
    if kind == "numpy":
        return np.zeros(shape, np.int32)
    zarr = pytest.importorskip("zarr")
    chunks = (1,) * (len(shape) - 2) + (64, 64)
    return zarr.create_array(tmp_path / "labels.zarr", shape=shape, chunks=chunks, dtype="int32")


@pytest.mark.canvas
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("numpy", (SIDE, SIDE)), ("numpy", STACK), ("zarr", STACK)],
    ids=["2D", "stack", "zarr"],
)
def test_edits_make_up_the_labels(
    kind: str, shape: tuple[int, ...], window: Viewer, tmp_path: Path, qtbot: Any
) -> None:
    image = window.add_image(np.zeros(shape, np.uint8))
    labels = Labels(made(kind, shape, tmp_path), name="mine")
    window.add_layer(labels)
    layers.pair(window, image, labels)
    watching = Watching(window)
    watching.refresh()
    shadow, rng, replaced = Shadow(labels), np.random.default_rng(2), []
    watching.edited.connect(shadow.take)
    watching.replaced.connect(replaced.append)
    settle(window, qtbot)
    native = window.window._qt_viewer.canvas.native
    for number in range(EDITS):
        if len(shape) == 3 and number % 8 == 7:
            window.dims.set_current_step(0, number % 3)
        deed = rng.choice(["paint", "paint", "erase", "fill", "polygon", "set", "undo", "redo"])
        labels.mode = deed if deed in ("paint", "erase", "fill") else "pan_zoom"
        labels.selected_label, labels.brush_size = int(rng.integers(1, 9)), int(rng.integers(6, 20))
        y, x = rng.integers(10, SIDE - 40, 2)
        at = (window.dims.current_step[0],) if len(shape) == 3 else ()
        if deed in ("paint", "erase"):
            stroke(window, qtbot, [(y, x), (y + 20, x + 8), (y + 5, x + 30)], pause=1)
        elif deed == "fill":
            QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=canvas_pixel(window, (y, x)))
        elif deed == "polygon":
            corners = [(*at, *p) for p in ((y, x), (y + 30, x + 3), (y + 9, x + 31))]
            labels.paint_polygon(corners, int(rng.integers(1, 9)))
        elif deed == "set":
            ys, xs = np.mgrid[y : y + 5, x : x + 7].reshape(2, -1)
            index = (*(np.full_like(ys, a) for a in at), ys, xs)
            labels.data_setitem(index, rng.integers(0, 9, len(ys)))
        else:
            key = Qt.Key.Key_Z
            keys = Qt.KeyboardModifier.ControlModifier
            if deed == "redo":
                keys |= Qt.KeyboardModifier.ShiftModifier
            window.layers.selection.active = labels
            QTest.keyClick(native, key, keys)
        shadow.assert_same(labels)
    assert shadow.told > EDITS / 2
    assert not replaced, "nor is a change of slice taken for one"

    replaced.clear()
    labels.data = np.asarray(labels.data[...]) + 1
    assert replaced
    watching.close()
    assert "undo" not in vars(labels) and "redo" not in vars(labels)
    labels.undo()


@pytest.mark.canvas
def test_in_the_middle_of_a_stroke(window: Viewer, qtbot: Any) -> None:
    image = window.add_image(np.zeros((SIDE, SIDE), np.uint8))
    labels = layers.make_labels(window, image)
    watching = Watching(window)
    watching.refresh()
    layers.start_painting(window, labels)
    settle(window, qtbot)
    native = window.window._qt_viewer.canvas.native
    place = canvas_pixel(window, (SIDE / 2, SIDE / 2))
    assert not watching.painting(labels)
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=place)
    assert labels.data.any() and watching.painting(labels)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=place)
    assert not watching.painting(labels)
    watching.close()


def test_what_is_large_is_looked_at_afresh(
    window: Viewer, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet.layers.edits.LARGE", 999)
    image = window.add_image(np.zeros((SIDE, SIDE), np.uint8))
    labels = layers.make_labels(window, image)
    watching, told, replaced = Watching(window), [], []
    watching.refresh()
    settle(window, qtbot)
    watching.edited.connect(lambda layer, edits: told.append(edits))
    watching.replaced.connect(replaced.append)
    labels.data_setitem((np.arange(20), np.arange(20)), 3)
    assert len(told) == 1 and not replaced
    labels.fill((50, 50), 2)
    assert len(told) == 1 and replaced
    count = len(replaced)
    labels.undo()
    assert len(told) == 1 and len(replaced) > count
    labels.undo()
    assert len(told) == 2
    watching.close()


@pytest.mark.parametrize("step", ["undo", "redo"])
def test_labels_that_were_made_narrower_meanwhile(step: str, window: Viewer) -> None:
    """By napari's “Convert data type”: no number is cut off where it comes back."""
    image = window.add_image(np.zeros((9, 9), np.uint8))
    labels = layers.make_labels(window, image)
    watching = Watching(window)
    watching.refresh()
    at = np.arange(3), np.arange(3)
    labels.data_setitem(at, 300)
    if step == "undo":
        labels.data_setitem(at, 1)
    else:
        labels.undo()
    labels.data = labels.data.astype(np.uint8)
    getattr(labels, step)()
    assert (labels.data[at] == 300).all()
    watching.close()
