"""From probability to cells."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure, segmentation

from napari_unet.core.carving import carve
from napari_unet.core.instances import (
    OUTLINE_REACH,
    _grown,
    label_cells,
    moved,
)
from napari_unet.core.settings import InstanceSettings

from .cells import random_cells

PLAIN = InstanceSettings(give_back=0.0)


def discs(*places: tuple[int, int, int], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.max([(np.hypot(y - a, x - b) <= r) * 0.9 for a, b, r in places], axis=0)


def test_connected_pieces_above_the_threshold_are_cells() -> None:
    probability = discs((15, 15, 8), (15, 40, 8), (40, 30, 10))
    cells = label_cells(probability, PLAIN)
    assert cells.dtype == np.int32
    assert np.array_equal(cells > 0, probability > 0.5)
    assert np.array_equal(np.unique(cells), [0, 1, 2, 3])
    assert cells[15, 15] == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_perfect_probability_gives_the_labels_back(seed: int) -> None:
    labels = random_cells(seed, (150, 160), 35)
    carved = carve(labels)
    cells = label_cells((carved > 0).astype(np.float32), InstanceSettings())
    pieces, _ = ndimage.label(carved > 0)
    assert cells.max() == pieces.max()
    gap = (labels > 0) & (carved == 0)
    # carved gaps come back to one of their two neighbours, free outlines do not grow
    assert (cells[gap] > 0).mean() > 0.9
    far = ndimage.distance_transform_edt(labels == 0) > 1.5
    assert (cells[far & (labels == 0)] > 0).mean() < 0.05


def test_free_outlines_do_not_grow() -> None:
    probability = discs((30, 30, 12))
    assert np.array_equal(label_cells(probability, InstanceSettings()) > 0, probability > 0.5)


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("gap", range(1, 7))
def test_a_gap_is_given_back_whole_or_not_at_all(gap: int, scale: float) -> None:
    probability = np.zeros((20, 40))
    probability[2:18, 2:15] = probability[2:18, 15 + gap : 35] = 1
    row = label_cells(probability, InstanceSettings(), scale)[10]
    filled = int((row[15 : 15 + gap] > 0).sum())
    assert filled == (gap if gap <= round(2 / scale) else 0)
    assert row.max() == 2


@pytest.mark.parametrize("angle", range(0, 180, 15))
@pytest.mark.parametrize("width", [2, 3, 5])
def test_an_aslant_gap_is_filled_like_a_straight_one(angle: int, width: int) -> None:
    y, x = np.mgrid[-30:31, -30:31]
    across = np.cos(np.deg2rad(angle)) * x + np.sin(np.deg2rad(angle)) * y
    settings = InstanceSettings(give_back=width)
    narrow, wide = (np.abs(across) > gap / 2 for gap in (width - 0.6, width + 2.5))
    filled = label_cells(narrow.astype(np.float32), settings)
    assert (filled > 0).all() and filled.max() == 2
    # and to the nearer one: at most a pixel off the middle
    one, other = filled[across < -20][0], filled[across > 20][0]
    assert (filled[across < -1.5] == one).all() and (filled[across > 1.5] == other).all()
    assert np.array_equal(label_cells(wide.astype(np.float32), settings) > 0, wide)


def test_seeds_split_where_the_probability_dips() -> None:
    probability = discs((30, 25, 11), (30, 45, 11))
    probability[:, 35] = np.minimum(probability[:, 35], 0.55)
    assert label_cells(probability, PLAIN).max() == 1
    assert label_cells(probability, replace(PLAIN, seed_threshold=0.7)).max() == 2


def test_a_dip_between_two_cells_parts_them_and_crumbs_do_not() -> None:
    cut = replace(PLAIN, dip=0.75, part_size=100)
    two = discs((30, 25, 11), (30, 45, 11))
    two[:, 35] = np.minimum(two[:, 35], 0.7)
    assert label_cells(two, PLAIN).max() == 1
    assert label_cells(two, cut).max() == 2
    assert label_cells(two, replace(cut, dip=9.0)).max() == 1
    # each part is looked at again: a deeper level parts the third
    three = discs((30, 20, 11), (30, 40, 11), (30, 60, 11))
    three[:, 30], three[:, 50] = np.minimum(three[:, 30], 0.55), np.minimum(three[:, 50], 0.7)
    cells = label_cells(three, cut)
    assert cells.max() == 3
    assert len({cells[30, x] for x in (20, 40, 60)}) == 3
    # nothing of the mask is lost to the parts below the least size
    assert ((cells > 0) == (three > 0.5)).all()
    rim = discs((30, 30, 15))
    rim[:, 41] = np.minimum(rim[:, 41], 0.6)  # parts off 60 px of 700
    assert label_cells(rim, cut).max() == 1
    speckled = discs((30, 30, 15))
    speckled[::3] = np.minimum(speckled[::3], 0.6)
    assert label_cells(speckled, cut).max() == 1


@pytest.mark.parametrize(
    ("inside", "gap", "cells"),
    [(0.99, 0.95, 2), (0.8, 0.55, 2), (0.75, 0.7, 1), (0.95, 0.93, 1)],
)
def test_a_dip_counts_by_its_depth_in_log_odds(inside: float, gap: float, cells: int) -> None:
    two = inside * (discs((30, 25, 11), (30, 45, 11)) > 0)
    two[:, 35] = np.minimum(two[:, 35], gap)
    found = label_cells(two, replace(PLAIN, dip=0.75, part_size=100))
    assert found.max() == cells
    assert ((found > 0) == (two > 0.5)).all()


def test_growing_seeds_gives_the_watershed_of_the_whole_mask() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        rough = ndimage.gaussian_filter(rng.normal(0, 6, (90, 110)), 2.5)
        probability = 1 / (1 + np.exp(-2 * rough))
        mask = probability > 0.4
        pieces = measure.label(mask, connectivity=1).astype(np.int32)
        seeds = measure.label(probability > 0.6, connectivity=1).astype(np.int32)
        faint = mask & ~np.isin(pieces, pieces[seeds > 0])
        seeds = np.where(faint, pieces + seeds.max(), seeds).astype(np.int32)
        whole = segmentation.watershed(-probability, seeds, mask=mask)
        np.testing.assert_array_equal(_grown(seeds, probability, mask, pieces), whole)


def test_dips_and_necks_work_together() -> None:
    dip, neck = discs((30, 25, 11), (30, 45, 11)), discs((30, 25, 11), (30, 44, 11))
    dip[:, 35] = np.minimum(dip[:, 35], 0.7)
    both = np.concatenate([dip, neck])
    assert label_cells(both, replace(PLAIN, dip=0.75, part_size=100)).max() == 3
    assert label_cells(both, replace(PLAIN, split=0.25)).max() == 4
    assert label_cells(both, replace(PLAIN, dip=0.75, part_size=100, split=0.25)).max() == 4


def test_necks_split_cells_of_every_size() -> None:
    for size in (1, 3):
        pair = discs(
            (30 * size, 25 * size, 11 * size), (30 * size, 44 * size, 11 * size),
            shape=(60 * size, 80 * size),
        )  # fmt: skip
        assert label_cells(pair, PLAIN).max() == 1
        assert label_cells(pair, replace(PLAIN, split=0.25)).max() == 2
        round_cell = discs((30 * size, 30 * size, 15 * size), shape=(60 * size, 80 * size))
        assert label_cells(round_cell, replace(PLAIN, split=0.25)).max() == 1


def test_a_faint_piece_without_a_seed_stays_a_cell() -> None:
    probability = discs((15, 15, 8)) + 0.6 * (discs((40, 60, 6)) > 0)
    assert label_cells(probability, replace(PLAIN, seed_threshold=0.8)).max() == 2


def test_cells_of_which_the_network_is_nowhere_sure_go() -> None:
    probability = discs((15, 15, 8)) * 0.7 / 0.9
    probability[40:50, 40:50] = 0.7
    probability[45, 45] = 0.8
    assert label_cells(probability, PLAIN).max() == 2
    found = label_cells(probability, replace(PLAIN, peak=0.8))
    assert np.array_equal(found > 0, (probability >= 0.7) & (np.indices((60, 80))[1] >= 40))
    # a faint half that a watershed cut off is a cell of its own, and goes alone
    two = 0.95 * (discs((30, 25, 11), (30, 45, 11)) > 0)
    two[:, 35], two[:, 36:] = 0.55, np.minimum(two[:, 36:], 0.79)
    seeds = replace(PLAIN, seed_threshold=0.6, threshold=0.5)
    assert label_cells(two, seeds).max() == 2
    assert label_cells(two, replace(seeds, peak=0.8)).max() == 1
    assert not label_cells(two, replace(seeds, peak=0.8))[:, 40:].any()


def test_small_cells_go_and_holes_are_filled() -> None:
    probability = discs((30, 30, 12), (50, 70, 2))
    probability[28:32, 28:32] = 0
    cells = label_cells(probability, replace(PLAIN, min_size=50))
    assert cells.max() == 1
    assert cells[30, 30] == 1


def test_a_hole_between_two_cells_is_not_filled() -> None:
    probability = np.zeros((20, 20))
    probability[2:18, 2:9] = probability[2:18, 11:18] = 1
    probability[2:4, 9], probability[16:18, 9] = 1, 1
    assert label_cells(probability, PLAIN)[10, 10] == 0


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything(value: float) -> None:
    cells = label_cells(np.full((9, 7), value), InstanceSettings(min_size=3, split=0.3))
    assert cells.max() == int(value)
    assert label_cells(np.full((1, 1), value), InstanceSettings()).max() == int(value)


def rough(seed: int, shape: tuple[int, int] = (90, 110)) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 6, shape)
    return 1 / (1 + np.exp(-2 * ndimage.gaussian_filter(noise, 2.5)))


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_cells_grow_to_the_outline_and_stay_the_same_cells(seed: int, scale: float) -> None:
    probability = rough(seed)
    settings = replace(PLAIN, threshold=0.6, seed_threshold=0.6, min_size=8)
    found = label_cells(probability, settings, scale)
    grown = label_cells(probability, replace(settings, outline=0.25), scale)
    assert (found > 0).sum() < (grown > 0).sum()
    assert np.array_equal(np.unique(grown), np.unique(found))
    pairs = np.unique(np.stack([found, grown])[:, found > 0], axis=1)
    assert pairs.shape[1] == found.max()  # each cell lies in one, and no two in the same
    # what a cell may take: what is likely enough, near enough, and hangs together with it
    near = np.zeros(found.shape, bool)
    reach = OUTLINE_REACH / scale
    for y, x in np.argwhere((found == 0) & (probability > 0.25)):
        at = np.argwhere(found > 0)
        near[y, x] = np.hypot(*(at - (y, x)).T).min() <= reach
    pieces = measure.label(near | (found > 0), connectivity=2)
    wanted = np.isin(pieces, pieces[found > 0])
    holes = ndimage.binary_fill_holes(wanted)
    assert not (wanted & (grown == 0)).any()
    assert not ((grown > 0) & ~holes).any()


def test_a_faint_bridge_is_shared_and_joins_no_cells() -> None:
    probability = np.zeros((20, 40))
    probability[5:15, 5:17] = probability[5:15, 23:35] = 0.9
    probability[5:15, 17:23] = 0.3
    cells = label_cells(probability, replace(PLAIN, outline=0.2))
    assert cells.max() == 2
    for half, at in ((slice(5, 20), 10), (slice(20, 35), 30)):
        assert (cells[5:15, half] == cells[10, at]).all()
    assert np.array_equal(cells > 0, probability > 0)
    # one at or above the threshold asks for nothing
    same = label_cells(probability, replace(PLAIN, outline=0.5))
    assert np.array_equal(same, label_cells(probability, PLAIN))


def test_thresholds_and_outlines_move_in_log_odds() -> None:
    plain = InstanceSettings(outline=0.4, peak=0.75)
    found = moved(plain, math.log(4), math.log(1.5))
    assert (found.threshold, found.seed_threshold, found.outline) == (0.8, 0.8, 0.5)
    assert found.peak == 0.92  # 3 to 1 becomes 12 to 1
    # no outline stays none, and what is asked for alone moves alone
    off = moved(InstanceSettings(), 1.0, 1.0)
    assert off.outline == 0 and off.peak == 0
    assert moved(plain, 0.0, -1.0) == replace(plain, outline=0.2)
