"""The live weight map: after any edits it equals the map computed afresh."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_unet.core.carving import TooLarge, carve, touching_pairs
from napari_unet.core.live import LiveMap, ModelGrid
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.core.weights import border_term, class_counts, class_weights
from napari_unet.core.windows import Window, part_of

from .cells import in_image_pixels, in_model_pixels, random_cells, slow_shown_map

PRESETS = [WeightSettings(), WeightSettings.of("fiji")]
FACTORS = [1.0, 0.37, 2.6]


def grid_of(labels: npt.NDArray[Any], factor: float) -> ModelGrid:
    return ModelGrid(lambda w: labels[part_of(w)], labels.shape, factor)


def edit(labels: npt.NDArray[np.int32], rng: np.random.Generator) -> tuple[Window, list[int]]:
    """A stroke, a rectangle or an erasure anywhere; its box and the ids that were there."""
    height, width = labels.shape
    y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
    h, w = (1, 1) if rng.random() < 0.2 else (int(n) for n in rng.integers(1, 40, 2))
    box = (y, min(y + h, height), x, min(x + w, width))
    part = labels[part_of(box)]
    before = np.unique(part).tolist()
    near = np.unique(labels[max(y - 9, 0) : y + 9, max(x - 9, 0) : x + 9])
    value = rng.choice([0, int(rng.integers(1, 400)), int(rng.choice(near))])
    if rng.random() < 0.5:
        part[...] = value
    else:  # a slanted line
        for i in range(part.shape[0]):
            part[i, min(i, part.shape[1] - 1)] = value
    return box, before


def afresh(labels: npt.NDArray[np.int32], settings: WeightSettings, factor: float) -> Any:
    """Border term and cells of the whole slice, all at once."""
    carved = carve(labels if factor == 1 else in_model_pixels(labels, factor))
    both = border_term(carved, settings), (carved > 0).astype(np.float32)
    return both if factor == 1 else [in_image_pixels(x, labels.shape, factor) for x in both]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("settings", PRESETS, ids=["paper", "fiji"])
def test_after_edits_it_equals_the_map_computed_afresh(
    settings: WeightSettings, factor: float
) -> None:
    labels = random_cells(3, (210, 230), 150)
    rng, changed = np.random.default_rng(0), 0
    live = LiveMap(grid_of(labels, factor), settings)
    window = (35, 170, 28, 190)
    live.look(window)
    for number in range(90):
        box, before = edit(labels, rng)
        earlier = live.border.copy()
        try:
            dirty = live.update(box, before)
        except TooLarge:
            live.look(window)
            dirty = window
        same = earlier == live.border
        if dirty is not None:
            same[part_of((dirty[0] - 35, dirty[1] - 35, dirty[2] - 28, dirty[3] - 28))] = True
            changed += 1
        assert same.all(), "it has changed where it does not say so"
        if number % (4 if factor <= 1 else 10) == 0:
            border, cells = (x[part_of(window)] for x in afresh(labels, settings, factor))
            np.testing.assert_allclose(live.border, border, atol=1e-6)
            np.testing.assert_allclose(live.cells, cells, atol=1e-6)
            again = LiveMap(grid_of(labels, factor), settings)
            again.look(window)
            assert live.pairs == again.pairs
            np.testing.assert_array_equal(live.touching(window), again.touching(window))
    assert changed > 50


@pytest.mark.parametrize("settings", PRESETS, ids=["paper", "fiji"])
def test_it_is_the_map_that_the_button_shows(settings: WeightSettings) -> None:
    labels, scale = random_cells(1, (160, 170), 60), ScaleSettings(diameter=30.0)
    expected, factor = slow_shown_map(labels, settings, scale)
    assert factor != 1
    live = LiveMap(grid_of(labels, factor), settings)
    live.look((20, 140, 10, 165))
    shown = live.border
    if settings.preset == "paper":
        model = in_model_pixels(labels, factor)
        weights = class_weights(class_counts(carve(model), None, "instances"), settings)
        shown = shown + weights[0] + (weights[1] - weights[0]) * live.cells
    np.testing.assert_allclose(shown, expected[20:140, 10:165], atol=1e-4)


def test_it_tells_which_cells_touch() -> None:
    labels = np.zeros((60, 80), np.int32)
    labels[10:20, 10:20], labels[10:20, 21:30], labels[40:50, 40:60] = 1, 2, 3
    live = LiveMap(grid_of(labels, 1.0), WeightSettings())
    live.look((5, 55, 5, 75))
    assert not live.pairs and not live.touching(live.window).any()
    labels[12, 20] = 2
    live.update((12, 13, 20, 21))
    assert live.pairs == Counter({(1, 2): 3})
    assert set(map(tuple, np.argwhere(live.touching(live.window)))) == {
        (y, x) for y, x in [(6, 14), (7, 14), (8, 14), (7, 15)]
    }
    labels[12, 20] = 0
    live.update((12, 13, 20, 21))
    assert not live.pairs and not live.touching(live.window).any()


def test_pairs_are_those_of_the_window() -> None:
    labels = random_cells(2, (100, 120), 60)
    live = LiveMap(grid_of(labels, 1.0), WeightSettings())
    live.look((0, 100, 0, 120))
    pairs, counts = touching_pairs(labels)
    assert live.pairs == {tuple(p): n for p, n in zip(pairs.tolist(), counts.tolist(), strict=True)}


def test_a_cell_that_reaches_out_of_the_window() -> None:
    """Cut in two far outside, it falls apart otherwise, and the gap in the window goes."""
    labels = np.zeros((40, 400), np.int32)
    labels[18:21, 5:395], labels[21:24, 50:56] = 1, 2
    live = LiveMap(grid_of(labels, 1.0), WeightSettings())
    live.look((5, 35, 30, 80))
    kept = live.cells.copy()
    labels[15:18, 300], labels[21:26, 300] = 3, 3  # a thin cross on the long cell
    labels[18:21, 300] = 3
    live.update((15, 26, 300, 301), before=[0, 1])
    again = LiveMap(grid_of(labels, 1.0), WeightSettings())
    again.look((5, 35, 30, 80))
    np.testing.assert_array_equal(live.cells, again.cells)
    np.testing.assert_array_equal(live.border, again.border)
    assert (kept > 0).any()


def test_a_change_that_needs_too_much_is_refused_and_looked_at() -> None:
    labels = np.zeros((900, 900), np.int32)
    labels[:, :450], labels[:, 450:] = 1, 2
    live = LiveMap(grid_of(labels, 1.0), WeightSettings())
    live.look((0, 900, 0, 900))
    labels[5:9, 440:460] = 0
    with pytest.raises(TooLarge):
        live.update((5, 9, 440, 460))
    live.look(live.window)
    np.testing.assert_array_equal(live.border, border_term(carve(labels), WeightSettings()))


def test_only_the_neighbourhood_is_read() -> None:
    """A layer of 16k x 16k: nobody may read all of it for a stroke."""
    size, read = 16_384, []

    def reader(window: Window) -> npt.NDArray[np.int32]:
        y0, y1, x0, x1 = window
        read.append((y1 - y0) * (x1 - x0))
        ys, xs = np.mgrid[y0:y1, x0:x1]
        cell = (ys // 70 * 234 + xs // 70 + 1).astype(np.int32)
        return np.where((ys % 70 < 60) & (xs % 70 < 60), cell, 0)

    live = LiveMap(ModelGrid(reader, (size, size), 0.8), WeightSettings())
    live.look((8000, 8500, 8000, 8600))
    assert max(read) < 700 * 800
    read.clear()
    live.update((8200, 8230, 8300, 8330), before=[0])
    assert sum(read) < 200 * 200
