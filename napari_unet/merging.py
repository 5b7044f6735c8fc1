"""Predicted cells into the user's labels: ids past the maximum, painted pixels untouched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

COVERED = 0.5  # share of a painted cell: a prediction that covers more of one is that cell
CLOSED = 0.5  # share of a predicted cell: with so much of it closed, it is none
PAINTED = 0.25  # share of a predicted cell: with more of it painted, the user drew it already


@dataclass(frozen=True)
class Addition:
    """What accepting would write: `values` at the flat positions `index` of the labels.

    The cell with the highest id comes first.
    """

    index: npt.NDArray[np.intp]
    values: npt.NDArray[np.int64]
    cells: int  # new ones
    known: int  # predicted cells that the user had painted already
    slices: int  # in which it writes
    ids: tuple[int, int]  # the lowest and the highest new one
    empty: bool = False  # nothing was predicted

    def beyond(self, highest: int) -> Addition:
        """The same with all ids above `highest`."""
        low, high = self.ids
        up = highest + 1 - low
        if up <= 0 or not self.cells:
            return self
        return replace(self, values=self.values + up, ids=(low + up, high + up))


def addition(
    labels: npt.NDArray[Any],
    prediction: npt.NDArray[Any],
    closed: npt.NDArray[np.bool_] | None = None,
) -> Addition:
    """The predicted cells that `labels` lacks, as new ids past its maximum.

    Parameters
    ----------
    labels : array
        (..., Y, X) int, the user's own
    prediction : array
        int of the same shape, 0 = no cell
    closed : array
        bool of the same shape: where nothing may be added

    Returns
    -------
    Only pixels where `labels` is 0. A predicted cell that covers most of a painted cell, or
    that is largely painted, is left out whole: it is that cell. So is one that lies mostly
    where it is closed; that one is not `known`.
    """
    own, found = np.ravel(labels), np.ravel(prediction)
    if closed is not None:
        found = _open(found, np.ravel(closed))
    new = _new_ids(own, found, plane=labels.shape[-2] * labels.shape[-1])
    ids = np.unique(found[found > 0])
    index = np.flatnonzero((own == 0) & np.isin(found, new))
    last = found[index] == new.max(initial=0)
    # its cell first: who asks for a free id while they are written gets one beyond them all
    index = np.concatenate([index[last], index[~last]])
    start = int(own.max(initial=0)) + 1
    values = start + np.searchsorted(new, found[index])
    return Addition(
        index=index,
        values=values.astype(np.int64),
        cells=len(new),
        known=len(ids) - len(new),
        slices=_slices(labels, index),
        ids=(start, start + len(new) - 1),
        empty=not np.any(prediction),
    )


def class_addition(
    labels: npt.NDArray[Any],
    prediction: npt.NDArray[Any],
    closed: npt.NDArray[np.bool_] | None = None,
) -> Addition:
    """With classes: the predicted class of every pixel that is neither painted nor closed."""
    own, found = np.ravel(labels), np.ravel(prediction)
    free = own == 0 if closed is None else (own == 0) & ~np.ravel(closed)
    index = np.flatnonzero(free & (found > 0))
    values = found[index].astype(np.int64)
    new = np.unique(values)
    ids = (int(new[0]), int(new[-1])) if len(new) else (0, 0)
    slices, empty = _slices(labels, index), not np.any(prediction)
    return Addition(index, values, len(new), 0, slices, ids, empty)


def _slices(labels: npt.NDArray[Any], index: npt.NDArray[np.intp]) -> int:
    """In how many slices these flat positions lie."""
    return int(np.count_nonzero(np.bincount(index // (labels.shape[-2] * labels.shape[-1]))))


def _open(found: npt.NDArray[Any], closed: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """`found` without what is closed, and without the cells that lie mostly there."""
    ids, size = np.unique(found[found > 0], return_counts=True)
    over = np.searchsorted(ids, found[closed & (found > 0)])
    out = ids[np.bincount(over, minlength=len(ids)) >= CLOSED * size]
    return np.where(closed | np.isin(found, out), 0, found)


def _new_ids(own: npt.NDArray[Any], found: npt.NDArray[Any], plane: int) -> npt.NDArray[Any]:
    """Sorted ids of the predicted cells that the user has not painted; `plane` px a slice."""
    ids, size = np.unique(found[found > 0], return_counts=True)
    both = (own > 0) & (found > 0)
    if not both.any():
        return ids
    painted = np.bincount(np.searchsorted(ids, found[both]), minlength=len(ids))
    same = painted > PAINTED * size
    same[np.searchsorted(ids, _covering(own, found, plane))] = True
    return ids[~same]


def _covering(own: npt.NDArray[Any], found: npt.NDArray[Any], plane: int) -> npt.NDArray[Any]:
    """Predicted ids that cover more than half of some painted cell.

    In one slice: a painted cell may go through several of a stack, a predicted one does not.
    """
    painted = np.flatnonzero(own > 0)
    up = int(own.max()) + 1
    cells = own[painted].astype(np.int64) + painted // plane * up  # one number a cell and slice
    owns, sizes = np.unique(cells, return_counts=True)
    over = found[painted]
    both = np.stack([cells[over > 0], over[over > 0]])
    pairs, shared = np.unique(both, axis=1, return_counts=True)
    return pairs[1][shared > COVERED * sizes[np.searchsorted(owns, pairs[0])]]
