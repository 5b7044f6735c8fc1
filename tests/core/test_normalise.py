"""Normalisation: percentiles, odd images, and the promise that nothing explodes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.core.normalise import LEAST, MOST, normalise
from napari_unet.core.settings import NormaliseSettings

DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]


def test_the_percentiles_become_0_and_1() -> None:
    image = np.random.default_rng(0).normal(500, 30, (2, 60, 70))
    image[1] += 4000
    out, finite = normalise(image, NormaliseSettings(low=1.0, high=99.8))
    assert out.dtype == np.float32 and finite.all() and finite.shape == (60, 70)
    for channel, mapped in zip(image, out, strict=True):
        low, high = np.percentile(channel, (1, 99.8))
        assert np.abs(mapped - np.clip((channel - low) / (high - low), LEAST, MOST)).max() < 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type(dtype: str) -> None:
    image = (np.random.default_rng(1).random((1, 20, 30)) * 100).astype(dtype)
    out, finite = normalise(image)
    assert out.dtype == np.float32 and np.isfinite(out).all() and finite.all()
    assert normalise(image.astype(np.float64))[0] == pytest.approx(out)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_a_large_offset_keeps_the_small_range(dtype: type) -> None:
    image = np.random.default_rng(2).integers(0, 1000, (1, 30, 30))
    shifted = (image + 2**40).astype(dtype)
    assert np.abs(normalise(shifted)[0] - normalise(image)[0]).max() < 1e-6


@pytest.mark.parametrize("value", [0, 7, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 8)])
def test_a_constant_image_is_0(value: float, shape: tuple[int, ...]) -> None:
    out, finite = normalise(np.full(shape, value))
    assert np.array_equal(out, np.zeros(shape))
    assert finite.all() == np.isfinite(value)


def test_missing_pixels_get_the_median_and_are_reported() -> None:
    image = np.random.default_rng(3).random((2, 40, 40)).astype(np.float32)
    clean, _ = normalise(image)
    image[0, 3, 4], image[1, 5, 6], image[1, 7, 8] = np.nan, np.inf, -np.inf
    out, finite = normalise(image)
    assert sorted(zip(*np.nonzero(~finite), strict=True)) == [(3, 4), (5, 6), (7, 8)]
    assert np.isfinite(out).all()
    assert out[0, 3, 4] == pytest.approx(np.median(out[0]), abs=1e-3)
    assert np.abs(out - clean)[:, finite].max() < 0.02


def test_values_beyond_float32_count_as_missing() -> None:
    image = np.random.default_rng(3).random((1, 9, 9))
    image[0, 0, 0] = 1e300
    out, finite = normalise(image)
    assert not finite[0, 0] and finite.sum() == 80 and np.isfinite(out).all()


def test_sparse_specks_do_not_vanish() -> None:
    image = np.zeros((1, 100, 100), np.uint8)
    image[0, 50, 50:53] = 200  # 0.03 %: both percentiles are 0
    assert np.array_equal(normalise(image)[0], image / 200)


def test_a_hot_pixel_is_limited() -> None:
    image = np.random.default_rng(4).random((1, 100, 100))
    clean = normalise(image)[0]
    image[0, 5, 5], image[0, 6, 6] = 1e9, -1e9
    out = normalise(image)[0]
    assert (out[0, 5, 5], out[0, 6, 6]) == (MOST, LEAST)
    image_changed = np.zeros((100, 100), bool)
    image_changed[5, 5] = image_changed[6, 6] = True
    assert np.abs(out - clean)[0][~image_changed].max() < 0.01


def test_large_images_are_measured_on_a_grid() -> None:
    image = np.random.default_rng(5).random((1, 300, 400))
    few = normalise(image, NormaliseSettings(samples=10_000))[0]
    assert 0 < np.abs(few - normalise(image)[0]).max() < 0.05
    thin = np.random.default_rng(5).random((1, 1, 40_000))
    assert np.isfinite(normalise(thin, NormaliseSettings(samples=1000))[0]).all()


def test_a_grid_of_missing_pixels_falls_back_to_the_rest() -> None:
    image = np.full((1, 100, 100), np.nan)
    image[0, :2, :2] = [[1, 2], [3, 4]]
    out, finite = normalise(image, NormaliseSettings(samples=25))
    assert finite.sum() == 4 and out[0, 0, 0] < 0.1 < 0.9 < out[0, 1, 1]


def test_a_slice_alone_equals_the_slice_in_its_stack() -> None:
    stack = np.random.default_rng(6).integers(0, 4000, (4, 1, 30, 30)).astype(np.uint16)
    assert all(np.array_equal(normalise(s)[0], normalise(s.copy())[0]) for s in stack)


def test_a_large_uint16_image_never_exists_as_float64() -> None:
    image = np.random.default_rng(7).integers(0, 60000, (1, 3000, 3000), dtype=np.uint16)
    tracemalloc.start()
    normalise(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 72e6 + 25e6  # float64 alone would be 72 MB on top of the 36 MB result


@pytest.mark.parametrize("image", [np.zeros((1, 2, 2), complex), np.array([[["a"]]])])
def test_no_numbers(image: Any) -> None:
    with pytest.raises(BadInput):
        normalise(image)
