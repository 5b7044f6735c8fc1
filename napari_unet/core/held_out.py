"""The part of the annotation that training never sees, and the score on it.

Whole cells: a cell's pixels are all on one side. Chosen by the program, by a rule without
chance, so that two trainings on the same annotation are judged on the same cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .annotation import Labels, Mask
from .settings import LabelsAre

LEAST_CELLS = 4  # with fewer cells nothing can be spared
LEAST_JUDGED = 5  # held-out cells; of fewer each is a fifth of the score or more

Block = tuple[slice, slice]


@dataclass(frozen=True)
class Split:
    """One ``(Y, X)`` plane in two parts; where `region` is all False, nothing is held out."""

    region: Mask  # held-out pixels: background of the block and whole held-out cells
    ids: npt.NDArray[np.int32]  # the held-out cells
    block: Block | None = None  # where they lie

    @property
    def empty(self) -> bool:
        return not self.region.any()


def too_few(score: Mapping[str, Any]) -> str:
    """Why a score says nothing yet, in words; "" = it says something."""
    truth = score.get("truth")
    if "mIoU" in score or not isinstance(truth, int) or truth >= LEAST_JUDGED:
        return ""
    return f"too few cells to judge ({truth} kept aside)"


def nothing(shape: tuple[int, ...]) -> Split:
    """A plane of which all is learnt."""
    return Split(np.zeros(shape, bool), np.empty(0, np.int32))


def split_stack(
    labels: Sequence[Labels],
    known: Sequence[Mask],
    share: float,
    labels_are: LabelsAre,
    largest: float = math.inf,
) -> list[Split]:
    """Hold out the same block of all slices of an image.

    Neighbouring slices show the same cells: what is held out in one must not be learnt in the
    next. The slice with most cells decides, by :func:`split`; a cell that goes on in the next
    slice with its id, drifting out of the block or into it, stays on its side.
    """
    lead = 0
    if len(labels) > 1:
        lead = int(np.argmax([len(np.unique(plane[plane > 0])) for plane in labels]))
    parts = {lead: split(labels[lead], known[lead], share, labels_are, largest)}
    for i in (*range(lead - 1, -1, -1), *range(lead + 1, len(labels))):
        near = i + 1 if i < lead else i - 1
        goes_on = np.unique(labels[i][(labels[i] == labels[near]) & (labels[i] > 0)])
        known_sides = goes_on, parts[near].ids
        parts[i] = _at(parts[lead].block, labels[i], known[i], labels_are, known_sides)
    return [parts[i] for i in range(len(labels))]


def split(
    labels: Labels,
    known: Mask,
    share: float,
    labels_are: LabelsAre = "instances",
    largest: float = math.inf,
) -> Split:
    """Hold out about `share` of the known area: a corner block, with whole cells.

    Parameters
    ----------
    labels : ``(Y, X)`` int32, 0 outside the known area
    known : ``(Y, X)`` bool
    share : 0..0.5 of the known area
    labels_are : with "classes" a block of pixels is taken as it is
    largest : px of the block's box, all that must be looked at; where so small a one holds no
        cell, a larger one

    Returns
    -------
    Of the four corners of the known area round the cells the one whose block holds nearest
    to `share` of the cells; at least one, at most half of them. With classes the one with most
    of them, which leaves at least half of each.
    """
    if share <= 0 or not known.any():
        return nothing(labels.shape)
    if labels_are == "classes":
        fair = [b for b in _corners(known, share, largest) if _leaves_half(labels, known, b)]
        block = max(fair, key=lambda b: len(np.unique(labels[b][known[b]])), default=None)
        return _at(block, labels, known, labels_are)
    ids, rows, columns = _centres(labels)
    if len(ids) < LEAST_CELLS:
        return nothing(labels.shape)
    around = known & _around(labels)
    for limit in (largest, math.inf):
        counted = [(b, _inside(b, rows, columns)) for b in _corners(around, share, limit)]
        fit = [(b, inside) for b, inside in counted if 1 <= inside.sum() <= len(ids) // 2]
        if fit:
            block, inside = min(fit, key=lambda x: abs(x[1].sum() / len(ids) - share))
            return _with_whole_cells(labels, known, block, ids[inside])
    return nothing(labels.shape)


def _at(
    block: Block | None,
    labels: Labels,
    known: Mask,
    labels_are: LabelsAre,
    known_sides: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None = None,
) -> Split:
    """What lies in a block, cells by their centres and as a whole; nothing without one.

    Of the first ids of `known_sides` those that are among the second lie in it wherever they are,
    and the others do not.
    """
    if block is None:
        return nothing(labels.shape)
    if labels_are == "classes":
        region = np.zeros(labels.shape, bool)
        region[block] = known[block]
        return Split(region, np.empty(0, np.int32), block)
    ids, rows, columns = _centres(labels)
    inside = _inside(block, rows, columns)
    if known_sides is not None:
        goes_on, held_out = known_sides
        inside = np.where(np.isin(ids, goes_on), np.isin(ids, held_out), inside)
    return _with_whole_cells(labels, known, block, ids[inside])


def _with_whole_cells(
    labels: Labels, known: Mask, block: Block, ids: npt.NDArray[np.int32]
) -> Split:
    region = np.zeros(labels.shape, bool)
    region[block] = known[block] & (labels[block] == 0)
    region |= np.isin(labels, ids)
    return Split(region, ids.astype(np.int32), block)


def _inside(
    block: Block, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    high, wide = block
    found: npt.NDArray[np.bool_] = (
        (rows >= high.start) & (rows < high.stop) & (columns >= wide.start) & (columns < wide.stop)
    )
    return found


def _leaves_half(labels: Labels, known: Mask, block: Block) -> bool:
    """Whether at least half of what is painted of each class lies elsewhere."""
    values, counts = np.unique(labels[known], return_counts=True)
    here = labels[block][known[block]]
    return all(2 * np.count_nonzero(here == v) <= n for v, n in zip(values, counts, strict=True))


def _centres(
    labels: Labels,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    ids = np.unique(labels[labels > 0])
    if not len(ids):
        return ids, np.empty(0), np.empty(0)
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, ids))
    return ids, centres[:, 0], centres[:, 1]


def _corners(known: Mask, share: float, largest: float) -> list[Block]:
    """Blocks in the corners of the known area's bounding box, each with about `share` of it."""
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    (y0, y1), (x0, x1) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    most = min(1.0, math.sqrt(largest / ((y1 - y0) * (x1 - x0))))
    blocks = []
    for at_top in (True, False):
        for at_left in (True, False):
            low, high = 0.0, most
            for _ in range(12):  # the side, as a share of the box, by bisection
                side = (low + high) / 2
                block = _corner(y0, y1, x0, x1, side, at_top, at_left)
                low, high = (
                    (side, high) if known[block].sum() < share * known.sum() else (low, side)
                )
            blocks.append(_corner(y0, y1, x0, x1, high, at_top, at_left))
    return blocks


def _corner(y0: int, y1: int, x0: int, x1: int, side: float, at_top: bool, at_left: bool) -> Block:
    height, width = max(1, round(side * (y1 - y0))), max(1, round(side * (x1 - x0)))
    return (
        slice(y0, y0 + height) if at_top else slice(y1 - height, y1),
        slice(x0, x0 + width) if at_left else slice(x1 - width, x1),
    )


def _around(labels: Labels) -> Mask:
    """The bounding box of the cells: painted cells may all lie in one corner of the image."""
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    box = np.zeros(labels.shape, bool)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box
