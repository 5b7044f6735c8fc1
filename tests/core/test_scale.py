"""Image pixels and model pixels: one coordinate map, any window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.live import ModelGrid
from napari_unet.core.scale import (
    mirror,
    model_length,
    nearest_indices,
    scale_factor,
    shrink_image,
    taps,
)
from napari_unet.core.settings import ScaleSettings


@pytest.mark.parametrize("length", range(1, 9))
def test_mirror_is_numpys_reflect_by_any_margin(length: int) -> None:
    expected = np.pad(np.arange(length), 40, mode="reflect")
    assert np.array_equal(mirror(-40, length + 40, length), expected)


@pytest.mark.parametrize("factor", [0.25, 0.37, 1.0, 1.7, 4.0])
def test_a_window_holds_what_the_whole_holds(factor: float) -> None:
    whole, part = taps(-20, 80, factor), taps(13, 31, factor)
    assert np.array_equal(whole.index[33:51], part.index)
    assert np.array_equal(whole.weight[33:51], part.weight)
    assert np.allclose(part.weight.sum(axis=1), 1)


@pytest.mark.parametrize("factor", [0.37, 0.5, 2.6])
def test_a_ramp_stays_a_ramp_on_the_coordinate_map(factor: float) -> None:
    """m + 0.5 = s (y + 0.5): resampling y itself gives each model pixel's place."""
    y = np.arange(200.0)
    grid = taps(20, 40, factor)
    found = grid.apply(y[grid.start : grid.stop], 0, grid.start)
    assert found == pytest.approx((np.arange(20, 40) + 0.5) / factor - 0.5, abs=0.05)


def test_there_and_back_keeps_a_smooth_image() -> None:
    y, x = np.mgrid[:90, :70]
    image = np.sin(y / 15) + np.cos(x / 11)
    for factor in (0.5, 2.0):
        small = shrink_image(image[None], factor)
        assert small.shape[1:] == (model_length(90, factor), model_length(70, factor))
        grid = ModelGrid(lambda window: np.zeros(0, np.int32), (90, 70), factor)
        held = (0, grid.shape[0], 0, grid.shape[1])
        back = grid.to_image(small.astype(np.float32), held, (0, 90, 0, 70))
        assert np.abs(back[0] - image)[5:-5, 5:-5].max() < 0.06


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile([0.0, 1.0], 100)[None, None].repeat(40, axis=1)
    assert np.ptp(shrink_image(stripes, 0.25)[0][:, 5:-5]) < 0.05


def test_labels_are_read_at_the_centres() -> None:
    assert nearest_indices(6, 0.5).tolist() == [1, 3, 5]
    assert nearest_indices(3, 2.0).tolist() == [0, 0, 1, 1, 2, 2]
    assert nearest_indices(1, 0.25).tolist() == [0]


def test_the_factor_is_limited_and_one_where_nothing_is_known() -> None:
    settings = ScaleSettings(diameter=26.0)
    assert scale_factor(52.0, settings) == 0.5
    assert scale_factor(1000.0, settings) == 0.25
    assert scale_factor(2.0, settings) == 4.0
    assert scale_factor(None, settings) == 1.0
    assert scale_factor(52.0, ScaleSettings(diameter=None)) == 1.0
