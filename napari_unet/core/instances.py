"""From foreground probability to cells. No torch: the viewer's filters act through this."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import measure, segmentation
from skimage.morphology import reconstruction

from .annotation import Labels, Mask
from .odds import moved_by
from .settings import InstanceSettings

# levels at which touching cells may come apart: every half of a log-odds, up to 0.993
_STEPS, _HIGHEST = 2, 5
_FOUR = ndimage.generate_binary_structure(2, 1)


# shares of the median cell's area
LEAST_CELL = 0.15  # smaller predictions are removed
LEAST_PART = 0.3  # a dip that parts two pieces as large is the border of two cells
OUTLINE_REACH = 3.0  # model pixels that a found cell may grow by


def for_diameter(settings: InstanceSettings, diameter: float) -> InstanceSettings:
    """The least sizes that suit cells of this diameter (image pixels)."""
    area = math.pi / 4 * diameter**2
    return replace(settings, min_size=round(LEAST_CELL * area), part_size=round(LEAST_PART * area))


def moved(settings: InstanceSettings, threshold: float, outline: float) -> InstanceSettings:
    """The thresholds, with them the peak, and the outline moved by so much in log-odds."""
    return replace(
        settings,
        threshold=moved_by(settings.threshold, threshold),
        seed_threshold=moved_by(settings.seed_threshold, threshold),
        peak=moved_by(settings.peak, threshold),
        outline=moved_by(settings.outline, outline),
    )


def label_cells(
    probability: npt.NDArray[Any], settings: InstanceSettings, scale: float = 1.0
) -> Labels:
    """Cells of a foreground probability map.

    Seeds are the connected pieces above the seed threshold (the paper's way where it equals
    the threshold), cut at dips and at necks where the settings say so; they grow over what is
    above the threshold, along falling probability. Then small cells go, and those of which the
    network is nowhere sure; holes are filled, thin gaps between two cells are given back, and
    cells grow to the outline where there is one.

    Parameters
    ----------
    probability : ``(Y, X)`` float, foreground, image pixels
    settings : every number with its unit
    scale : image pixels -> model pixels, for what is given in model pixels

    Returns
    -------
    ``(Y, X)`` int32, ids 1..n; in the order of rows where nothing was split
    """
    probability = np.asarray(probability)
    mask = probability > settings.threshold
    cells = measure.label(mask, connectivity=1).astype(np.int32)
    seeds = _seeds(probability, mask, cells, settings)
    if seeds is not None:
        cells = _grown(seeds, probability, mask, cells)
    cells = _without_small(cells, settings.min_size)
    cells = _without_faint(cells, probability, settings.peak)
    _fill_holes(cells)
    _give_back(cells, settings.give_back / scale)
    if 0 < settings.outline < settings.threshold:
        _grow_to_outline(cells, probability > settings.outline, OUTLINE_REACH / scale)
    return segmentation.relabel_sequential(cells)[0].astype(np.int32)


def _seeds(
    probability: npt.NDArray[Any], mask: Mask, cells: Labels, settings: InstanceSettings
) -> Labels | None:
    """Seeds for the watershed; None where every piece of the mask is one cell."""
    core, pieces = mask, cells
    if settings.seed_threshold > settings.threshold:
        core = probability > settings.seed_threshold
        pieces = measure.label(core, connectivity=1).astype(np.int32)
    seeds = pieces
    if settings.dip > 0 and settings.part_size > 0:
        seeds = _split_at_dips(probability, pieces, settings)
    if settings.split > 0:
        whole = core & (seeds == pieces)
        seeds = _split_at_necks(whole, seeds, settings.split)
    if seeds is cells:
        return None
    # a piece of the mask that no seed lies in is a faint cell of its own
    seeded = np.zeros(int(cells.max()) + 1, bool)
    seeded[cells[seeds > 0]] = True
    faint = mask & ~seeded[cells]
    return np.where(faint, cells + seeds.max(), seeds).astype(np.int32)


def _grown(seeds: Labels, probability: npt.NDArray[Any], mask: Mask, pieces: Labels) -> Labels:
    """The watershed of the mask from the seeds, each pixel to the seed it falls from.

    Only where it decides anything: not in a piece with a single seed, nor inside a seed. The
    watershed costs 0.8 us a pixel, more than all the rest.
    """
    count = int(pieces.max()) + 1
    highest, lowest = np.zeros(count, np.int32), np.full(count, np.iinfo(np.int32).max, np.int32)
    at = np.flatnonzero(seeds)
    np.maximum.at(highest, pieces.ravel()[at], seeds.ravel()[at])
    np.minimum.at(lowest, pieces.ravel()[at], seeds.ravel()[at])
    several = (highest > lowest)[pieces]
    inside = seeds > 0
    for axis in (0, 1):
        ahead = seeds != np.roll(seeds, 1, axis)
        inside &= ~(ahead | np.roll(ahead, -1, axis))
    open_to = several & mask & ~inside
    flooded = segmentation.watershed(-probability, seeds, mask=open_to)
    grown = np.where(several, seeds, highest[pieces])
    grown[open_to] = flooded[open_to]
    return grown.astype(np.int32)


def _split_at_dips(
    probability: npt.NDArray[Any], pieces: Labels, settings: InstanceSettings
) -> Labels:
    """Pieces that a dip of `settings.dip` parts into two large parts or more: those parts.

    A network that is not sure of a gap still sees it as a dip, be it from 0.7 to 0.5 or from
    0.99 to 0.95: hence in log-odds. Noise at the rim or inside leaves crumbs, or parts that
    hardly rise above the dip, which do not count. Each part is looked at again a level higher.
    """
    seeds = pieces
    height = _log_odds(probability)
    lowest = _log_odds(np.float32(max(settings.threshold, settings.seed_threshold)))
    for step in range(math.floor(_STEPS * float(lowest)) + 1, _STEPS * _HIGHEST + 1):
        level = np.float32(step / _STEPS)
        parts, count = ndimage.label((height > level) & (seeds > 0), structure=_FOUR)
        at = np.flatnonzero(parts)
        if not at.size:
            break
        part_at = parts.ravel()[at]
        size = np.bincount(part_at, minlength=count + 1)
        risen = part_at[height.ravel()[at] > level + np.float32(settings.dip)]
        large = size >= settings.part_size
        large &= np.bincount(risen, minlength=count + 1) >= settings.part_size / 2
        parent = np.zeros(count + 1, np.int32)
        parent[part_at] = seeds.ravel()[at]  # a part never reaches into a second seed
        cut = np.bincount(parent[large], minlength=int(seeds.max()) + 1) >= 2
        if not cut.any():
            continue
        stays = np.where(cut[seeds], 0, seeds)
        new = np.where(large & cut[parent], int(seeds.max()) + np.arange(count + 1), 0)
        seeds = np.where(stays > 0, stays, new[parts]).astype(np.int32)
    return seeds


def _log_odds(probability: npt.NDArray[Any] | np.float32) -> npt.NDArray[np.float32]:
    p = np.clip(np.asarray(probability, np.float32), 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def _split_at_necks(core: Mask, seeds: Labels, depth: float) -> Labels:
    """Seeds cut at necks narrower than ``1 - depth`` of the smaller part's width.

    Peaks of the distance to the background, on a logarithmic scale: the rule holds for cells
    of every size.
    """
    distance = np.log(np.maximum(ndimage.distance_transform_edt(core), 1)).astype(np.float32)
    lowered = np.maximum(distance + np.float32(np.log1p(-depth)), 0) * core
    tops = core & (distance - reconstruction(lowered, distance) > 1e-6)
    peaks = measure.label(tops, connectivity=2).astype(np.int32)
    # a part so thin that it has no peak stays one seed
    peaked = np.zeros(int(seeds.max()) + 1, bool)
    peaked[seeds[peaks > 0]] = True
    return np.where((seeds > 0) & ~peaked[seeds], seeds + peaks.max(), peaks).astype(np.int32)


def _without_small(cells: Labels, min_size: int) -> Labels:
    if min_size <= 1:
        return cells
    small = np.bincount(cells.ravel()) < min_size
    small[0] = False
    return np.where(small[cells], 0, cells).astype(np.int32)


def _without_faint(cells: Labels, probability: npt.NDArray[Any], peak: float) -> Labels:
    if peak <= 0:
        return cells
    sure = np.zeros(int(cells.max(initial=0)) + 1, bool)
    sure[cells[probability >= peak]] = True
    return np.where(sure[cells], cells, 0).astype(np.int32)


def _fill_holes(cells: Labels) -> None:
    """Background pieces that only one cell encloses become that cell, in place."""
    pieces, count = ndimage.label(cells == 0, structure=_FOUR)
    if not count:
        return
    edge = np.zeros(count + 1, bool)
    for side in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        edge[side] = True
    highest, lowest = _neighbours(cells, 3)
    rim = (pieces > 0) & (highest > 0)
    top = np.zeros(count + 1, np.int32)
    low = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
    np.maximum.at(top, pieces[rim], highest[rim])
    np.minimum.at(low, pieces[rim], lowest[rim])
    owner = np.where((top == low) & ~edge, top, 0).astype(np.int32)
    owner[0] = 0
    holes = owner[pieces] > 0
    cells[holes] = owner[pieces][holes]


def _give_back(cells: Labels, width: float) -> None:
    """Gaps of up to `width` px between two cells are shared out among them, in place.

    A gap is where no disc one pixel wider than `width` fits between the cells: one that runs
    aslant is filled as smoothly as a straight one. So are the pockets that it leaves where it
    widens for a few pixels.
    """
    widest = round(width)
    if widest < 1 or not cells.any():
        return
    highest, lowest = _neighbours(cells, 2 * widest + 1)
    near_two = (cells == 0) & (highest > 0) & (highest != lowest)
    around = widest + 1
    free = np.pad(cells == 0, around, mode="edge")  # a gap goes on beyond the image
    wide = ndimage.binary_opening(free, _disc(widest + 1))
    between = near_two & ~wide[around:-around, around:-around]
    pockets, count = ndimage.label((cells == 0) & ~between, structure=_FOUR)
    small = np.bincount(pockets.ravel(), minlength=count + 1) <= (widest + 1) ** 2
    between |= near_two & small[pockets] & (pockets > 0)
    _grow_into(cells, between)


def _grow_to_outline(cells: Labels, open_to: Mask, reach: float) -> None:
    """Cells take what is open to them within `reach` px, the nearer cell first, in place.

    The border weight teaches a network to rather call ten pixels of a cell's rim background than
    one pixel of a gap a cell. That parts cells, and draws them too small: once they are apart,
    what was lost is theirs again.
    """
    open_to = open_to & (cells == 0)
    if not open_to.any() or not cells.any():
        return
    _grow_into(cells, open_to & (ndimage.distance_transform_edt(cells == 0) <= reach))
    _fill_holes(cells)


def _disc(diameter: int) -> Mask:
    """All pixels whose centres lie in a disc of this diameter, px."""
    at = np.arange(diameter) - (diameter - 1) / 2
    return np.hypot(at[:, None], at) <= diameter / 2


def _grow_into(cells: Labels, open_to: Mask) -> None:
    """Cells grow over `open_to` pixel by pixel, by turns to 4 and 8 neighbours, in place."""
    padded = np.pad(cells, 1)
    row = padded.shape[1]
    left = np.flatnonzero(np.pad(open_to, 1))
    four, eight = (-row, row, -1, 1), (-row - 1, 1 - row, row - 1, row + 1)
    flat, turn = padded.ravel(), 0
    while left.size:
        taken = np.zeros(left.size, np.int32)
        for step in four if turn % 2 == 0 else four + eight:
            np.copyto(taken, flat[left + step], where=taken == 0)
        flat[left] = taken
        if turn % 2 and not taken.any():
            break
        left, turn = left[taken == 0], turn + 1
    cells[:] = padded[1:-1, 1:-1]


def _neighbours(cells: Labels, side: int) -> tuple[Labels, Labels]:
    """Highest id, and lowest id above 0, in a square around (0 and the largest int if none)."""
    far = np.where(cells > 0, cells, np.iinfo(np.int32).max)
    highest = ndimage.maximum_filter(cells, side, mode="nearest")
    return highest, ndimage.minimum_filter(far, side, mode="nearest")
