"""The two nearest cells against a distance transform for each cell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.core import nearest
from napari_unet.core.nearest import pair_distance


def rectangles(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Boxes that overlap as they like; ids are 1..n without gaps."""
    labels = np.zeros(shape, np.int32)
    for cell in range(1, cells + 1):
        y, x = rng.integers(0, shape)
        labels[y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = cell
    return np.unique(labels, return_inverse=True)[1].reshape(shape).astype(np.int32)


def brute(cells: np.ndarray, reach: float) -> np.ndarray:
    ids = np.unique(cells[cells > 0])
    total = np.full(cells.shape, np.inf)
    if len(ids) >= 2:
        distances = np.stack([ndimage.distance_transform_edt(cells != i) for i in ids])
        total = np.sort(distances, axis=0)[:2].sum(axis=0)
    total[(total > reach) | (cells > 0)] = np.inf
    return total


@pytest.mark.parametrize("reach", [2.5, 3.5, 8.7, 21.46, 23.9, 40.3, 150.1])
@pytest.mark.parametrize("block", [(16, 20), (7, 33), (64, 512)])
def test_equals_the_brute_force(
    reach: float, block: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "BLOCK", block)
    rng = np.random.default_rng([int(10 * reach), *block])
    for cells in (0, 1, 2, 5, 30):
        labels = rectangles(rng, tuple(rng.integers(1, 80, 2)), cells)
        np.testing.assert_allclose(pair_distance(labels, reach), brute(labels, reach), rtol=1e-6)


def test_a_reach_beyond_the_image_costs_no_more_than_the_image() -> None:
    """Of a margin as wide as the reach there would be 40 TB."""
    labels = rectangles(np.random.default_rng(0), (60, 100), 3)
    found = pair_distance(labels, 1e6)
    np.testing.assert_allclose(found, brute(labels, np.inf), rtol=1e-6)


def test_many_cells_in_a_block() -> None:
    labels = rectangles(np.random.default_rng(0), (120, 120), 900)
    assert labels.max() > 100
    np.testing.assert_allclose(pair_distance(labels, 21.46), brute(labels, 21.46), rtol=1e-6)


def test_every_pixel_but_one_its_own_cell() -> None:
    labels = np.arange(1, 90_001, dtype=np.int32).reshape(300, 300)
    labels[150, 150] = 0
    found = pair_distance(labels, 21.46)
    assert found[150, 150] == 2
    assert np.isinf(found).sum() == found.size - 1


def test_nothing_is_near_within_a_reach_of_a_pixel() -> None:
    labels = np.array([[1, 0, 2]], np.int32)
    assert np.isinf(pair_distance(labels, 1.9)).all()
    assert pair_distance(labels, 2.0)[0, 1] == 2
