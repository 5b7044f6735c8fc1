"""Large labels layers: drawn in parts, and as napari would have drawn them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import label_colormap

from napari_unet import layers
from napari_unet.layers import drawing
from napari_unet.layers.edits import LabelsWatcher


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts as large, and is done in many portions."""
    monkeypatch.setattr(drawing, "LARGE", 1)
    monkeypatch.setattr(drawing, "BAND", 500)
    monkeypatch.setattr("napari_unet.layers.writing.PORTION", 500)


class Heard:
    """What napari is told of a layer's pixels."""

    def __init__(self, layer: Labels) -> None:
        self.parts: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.whole = 0
        layer.events.labels_update.connect(self._part)
        layer.events.set_data.connect(self._all)

    def _part(self, event: Any) -> None:
        self.parts.append((tuple(event.offset), event.data.shape))

    def _all(self, event: Any) -> None:
        self.whole += 1


def some_ids(shape: tuple[int, ...], dtype: Any = np.int32) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 400, [-(-n // 5) for n in shape[-2:]])
    coarse[coarse < 200] = 0
    ids = np.kron(coarse, np.ones((5, 5), int))[: shape[-2], : shape[-1]]
    return np.broadcast_to(ids, shape).astype(dtype)


def right(layer: Labels) -> bool:
    """Whether what is on show is what napari itself makes of the data."""
    image = layer._slice.image
    plain = Labels._raw_to_displayed(layer, image.raw)
    return bool(np.array_equal(image.view, plain))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64, np.int16, np.uint8])
@pytest.mark.parametrize("contour", [0, 1, 2])
def test_colours_are_those_of_napari(large: None, dtype: Any, contour: int) -> None:
    ids = some_ids((97, 113), dtype)
    if np.dtype(dtype).itemsize >= 4:
        # napari's outlines are of float64, which knows no neighbours above 2^53
        highest = np.iinfo(np.int32 if contour else dtype).max
        ids[:20, :20] = highest - np.arange(20, dtype=dtype)
    layer = Labels(ids)
    layer.contour = contour
    layers.drawing.draw_quickly(layer)
    displayed: Any = layer._raw_to_displayed
    for part in (None, (slice(0, 97), slice(0, 113)), (slice(3, 61), slice(10, 11))):
        plain = Labels._raw_to_displayed(layer, ids, data_slice=part)
        found = displayed(ids, data_slice=part)
        assert found.dtype == plain.dtype
        np.testing.assert_array_equal(found, plain)


def test_colours_of_another_kind_are_left_to_napari(large: None) -> None:
    layer = Labels(some_ids((40, 50)))
    layers.drawing.draw_quickly(layer)
    displayed: Any = layer._raw_to_displayed
    layer.colormap = label_colormap(20, background_value=3)
    np.testing.assert_array_equal(
        displayed(layer.data), Labels._raw_to_displayed(layer, layer.data)
    )
    layer.colormap = label_colormap(30)
    layer.selected_label, layer.show_selected_label = int(layer.data.max()), True
    np.testing.assert_array_equal(
        displayed(layer.data), Labels._raw_to_displayed(layer, layer.data)
    )


def test_a_new_layer_is_sliced_once(viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    image = viewer.add_image(np.zeros((40, 50), np.uint8))
    sliced: list[Any] = []
    plain = Labels.set_view_slice

    def counted(self: Labels) -> None:
        sliced.append(self)
        plain(self)

    monkeypatch.setattr(Labels, "set_view_slice", counted)
    made = [layers.make_labels(viewer, image), layers.prediction_layer(viewer, image)]
    assert sliced == made
    assert all(x.visible and right(x) for x in made)
    assert viewer.layers.selection.active is made[0]


@pytest.mark.canvas
def test_only_what_was_written_is_drawn(window: Viewer, qtbot: Any) -> None:
    image = window.add_image(np.zeros((80, 90), np.uint8))
    layer = layers.prediction_layer(window, image)
    for contour in (0, 1, 2):
        layer.contour = contour
        layer.data[...] = 0
        layer.refresh()
        qtbot.wait(50)  # drawn once
        heard = Heard(layer)
        layer.data[20:30, 40:60] = 7
        drawing.redraw_parts(layer, [(0, (20, 30, 40, 60))])
        wide = 2 * contour
        assert heard.parts == [((20 - contour, 40 - contour), (10 + wide, 20 + wide))]
        assert heard.whole == 0
        assert right(layer)
        seen = window.screenshot(canvas_only=True, flash=False)
        layer.refresh()
        np.testing.assert_array_equal(seen, window.screenshot(canvas_only=True, flash=False))
        assert len(np.unique(seen.reshape(-1, 4), axis=0)) > 1  # it is seen


def test_other_slices_cost_nothing(window: Viewer, qtbot: Any) -> None:
    image = window.add_image(np.zeros((3, 40, 50), np.uint8))
    layer = layers.prediction_layer(window, image)
    window.dims.set_point(0, 1)
    qtbot.wait(50)
    heard = Heard(layer)
    layer.data[2, 5:9, 5:9] = 3
    drawing.redraw_parts(layer, [(2, (5, 9, 5, 9))])
    assert (heard.parts, heard.whole) == ([], 0)
    layer.data[1, 5:9, 5:9] = 4
    drawing.redraw_parts(layer, [(1, (5, 9, 5, 9))])
    rim = int(layer.contour)  # an outline reaches so far beyond what was written
    assert (heard.parts, heard.whole) == ([((5 - rim, 5 - rim), (4 + 2 * rim, 4 + 2 * rim))], 0)
    assert right(layer)


def test_what_cannot_be_drawn_in_part_is_drawn_whole(window: Viewer, qtbot: Any) -> None:
    image = window.add_image(np.zeros((40, 40), np.uint8))
    layer = layers.prediction_layer(window, image)
    window.dims.order = (1, 0)
    qtbot.wait(50)
    heard = Heard(layer)
    layer.data[5:9, 20:30] = 3
    drawing.redraw_parts(layer, [(0, (5, 9, 20, 30))])
    assert heard.parts == []
    assert heard.whole == 1
    assert right(layer)


def test_labels_are_drawn_quickly_while_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, counted = Labels(some_ids((40, 50))), []
    plain = drawing.colour_numbers

    def counting(*args: Any, **options: Any) -> Any:
        counted.append(args)
        return plain(*args, **options)

    monkeypatch.setattr(drawing, "colour_numbers", counting)
    watcher = LabelsWatcher(layer, lambda edits: None, lambda: None)
    layer.refresh()
    assert len(counted) == 1
    assert right(layer)
    watcher.close()
    layer.refresh()
    assert len(counted) == 1
    assert right(layer)


def test_undo_draws_what_it_changes(window: Viewer, large: None, qtbot: Any) -> None:
    image = window.add_image(np.zeros((3, 80, 90), np.uint8))
    layer = layers.make_labels(window, image)
    window.dims.set_point(0, 1)
    watcher = LabelsWatcher(layer, lambda edits: None, lambda: None)
    layer.brush_size = 6
    layer.paint((1, 20, 30), 1)
    layer.data_setitem((np.array([1, 1]), np.array([40, 50]), np.array([60, 61])), 2)
    qtbot.wait(50)
    heard = Heard(layer)
    layer.undo()
    assert layer.data.max() == 1
    assert heard.parts == [((40, 60), (11, 2))]
    layer.undo()
    assert not layer.data.any()
    assert right(layer)
    layer.redo()
    assert right(layer)
    assert layer.data.any()
    assert heard.whole == 0
    assert len(heard.parts) == 3
    watcher.close()


def test_writing_goes_on_in_portions(window: Viewer, large: None, qtbot: Any) -> None:
    image = window.add_image(np.zeros((2, 60, 70), np.uint8))
    layer = layers.prediction_layer(window, image)
    window.dims.set_point(0, 0)
    qtbot.wait(50)
    plane = some_ids((60, 70))
    heard, whole = Heard(layer), layers.whole_slice(layer)
    parts: list[layers.Part] = [
        (0, whole, plane),
        (1, (2, 4, 3, 6), plane[:2, :3]),
    ]
    writing = layers.Writing(layer, parts)
    turns = 0
    while writing.go_on():
        turns += 1
    assert turns > 5
    assert writing.whole
    np.testing.assert_array_equal(layer.data[0], plane)
    np.testing.assert_array_equal(layer.data[1, 2:4, 3:6], plane[:2, :3])
    assert right(layer)
    assert heard.whole == 0
    shown = len(heard.parts)
    again = layers.Writing(layer, parts)
    while again.go_on():
        pass
    assert again.whole
    assert len(heard.parts) == shown  # nothing has changed
    emptying = layers.Writing(layer, [(0, whole, None)])
    while emptying.go_on():
        pass
    assert not layer.data[0].any()
    assert layer.data[1].any()
    assert right(layer)


def test_the_newest_writing_wins(viewer: ViewerModel, large: None) -> None:
    image = viewer.add_image(np.zeros((60, 70), np.uint8))
    layer = layers.prediction_layer(viewer, image)
    whole = layers.whole_slice(layer)
    first = layers.Writing(layer, [(0, whole, np.full((60, 70), 1, np.int32))])
    assert first.go_on()
    second = layers.Writing(layer, [(0, whole, np.full((60, 70), 2, np.int32))])
    assert not first.go_on()
    while second.go_on():
        pass
    assert (first.whole, second.whole) == (False, True)
    assert (layer.data == 2).all()
    third = layers.Writing(layer, [(0, whole, np.full((60, 70), 3, np.int32))])
    layer.data = np.zeros((60, 70), np.int32)
    assert not third.go_on()
    assert not layer.data.any()
