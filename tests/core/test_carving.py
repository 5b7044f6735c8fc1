"""The gaps between touching cells, of whole slices and of windows."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.carving import TooLarge, carve, carved_window, touching_pairs
from napari_unet.core.windows import part_of

from .cells import brute_carve, random_cells


@pytest.mark.parametrize("seed", range(12))
def test_gaps_equal_the_pixelwise_rule(seed: int) -> None:
    labels = random_cells(seed, (60, 70), 30)
    assert np.array_equal(carve(labels), brute_carve(labels))


def test_gaps_are_two_pixels_wide_and_take_from_both_sides() -> None:
    labels = np.zeros((5, 8), np.int32)
    labels[1:4, 0:4], labels[1:4, 4:8] = 3, 9
    assert carve(labels)[2].tolist() == [3, 3, 3, 0, 0, 9, 9, 9]


def test_gaps_depend_neither_on_ids_nor_on_flips() -> None:
    labels = random_cells(5)
    other_ids = np.where(labels > 0, 1000 - labels, 0).astype(np.int32)
    assert np.array_equal(carve(labels) > 0, carve(other_ids) > 0)
    for axes in (0, 1, (0, 1)):
        assert np.array_equal(carve(np.flip(labels, axes)), np.flip(carve(labels), axes))


def test_a_cell_that_would_vanish_or_fall_apart_keeps_its_pixels() -> None:
    labels = np.zeros((9, 12), np.int32)
    labels[2:8, 1:11] = 1
    labels[4, 4] = 2  # one pixel inside another cell: would vanish
    labels[2:8, 8] = 3  # one pixel wide: would vanish
    carved = carve(labels)
    assert (carved == 2).sum() == 1
    assert (carved == 3).sum() == 6
    bar = np.zeros((3, 9), np.int32)
    bar[1] = 5
    bar[0, 4] = 6  # touches the bar's middle: without it the bar falls apart
    assert (carve(bar) == 5).sum() == 9


def test_seventy_thousand_ids_stay_so_many() -> None:
    labels = np.arange(1, 70_001, dtype=np.int32).reshape(250, 280)
    spread = np.zeros((500, 560), np.int32)
    spread[::2, ::2] = labels
    assert len(np.unique(carve(spread))) == 70_001


def test_each_piece_of_a_cell_is_judged_by_itself() -> None:
    """Else a window could not know: the other piece may lie anywhere."""
    labels = np.zeros((12, 20), np.int32)
    labels[2:6, 2:8], labels[2:6, 8:12] = 1, 2  # touches, and stands it
    labels[9, 2:8], labels[8, 5] = 1, 3  # the same cell again; it would fall apart here
    carved = carve(labels)
    assert (carved[2:6, 7] == 0).all()
    assert (carved[9, 2:8] == 1).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_window_is_carved_as_the_whole(seed: int) -> None:
    labels = random_cells(seed, (150, 170), 120)
    labels[60:63] = 999  # a long one
    whole, rng = carve(labels), np.random.default_rng(seed)
    for _ in range(40):
        y, x = rng.integers(0, 140), rng.integers(0, 160)
        window = (y, y + rng.integers(1, 150 - y + 1), x, x + rng.integers(1, 170 - x + 1))
        part = carved_window(lambda w: labels[part_of(w)], labels.shape, window)
        np.testing.assert_array_equal(part, whole[part_of(window)])


def test_a_window_reads_little_and_not_more_than_it_may() -> None:
    labels = np.zeros((400, 4000), np.int32)
    labels[100:104, 5:3900], labels[104:106, 1000:1005] = 1, 2
    read: list[int] = []

    def reader(window: tuple[int, int, int, int]) -> np.ndarray:
        read.append((window[1] - window[0]) * (window[3] - window[2]))
        return labels[part_of(window)]

    carved_window(reader, labels.shape, (100, 120, 500, 520))
    assert sum(read) < 1000, "nothing touches there"
    with pytest.raises(TooLarge):
        carved_window(reader, labels.shape, (100, 120, 1000, 1010), most=20_000)
    assert max(read) <= 20_000


def test_pairs_that_touch() -> None:
    labels = np.zeros((8, 9), np.int32)
    labels[:3, :3], labels[:3, 3:6], labels[3, 6], labels[6:, 6:] = 7, 2, 5, 4
    pairs, counts = touching_pairs(labels)
    assert pairs.tolist() == [[2, 5], [2, 7]]
    assert counts.tolist() == [1, 7]
