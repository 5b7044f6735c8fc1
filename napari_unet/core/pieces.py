"""Numbers that lie in several pieces of a slice: cells that were cut, or share a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage import measure

LEAST = 4  # pixels; a stray dab of fewer is no cell
CRUMB = 0.05  # share of the number's largest piece; less is what the eraser or the brush has left

Index = npt.NDArray[np.intp]


def torn(plane: npt.NDArray[Any]) -> dict[int, int]:
    """How many pieces each number has that lies in more than one.

    Parameters
    ----------
    plane : ``(Y, X)`` int; 8-connected pixels of one number are a piece. Crumbs are none.
    """
    _, number, real, _ = _pieces(plane)
    ids, counts = np.unique(number[real], return_counts=True)
    return {int(i): int(n) for i, n in zip(ids, counts, strict=True) if n > 1}


def apart(plane: npt.NDArray[Any], first: int) -> tuple[Index, npt.NDArray[np.int64]]:
    """Numbers of their own, from `first` on, for all pieces of a number but its largest.

    Crumbs stay as they are.

    Returns
    -------
    Flat positions in the plane, and the number that each gets.
    """
    where, _, real, largest = _pieces(plane)
    new = np.flatnonzero(real & ~largest)
    values = np.zeros(len(real), np.int64)
    values[new] = first + np.arange(len(new))
    index = np.flatnonzero(np.isin(where, new)) if len(new) else np.zeros(0, np.intp)
    return index, values[where.ravel()[index]]


def _pieces(
    plane: npt.NDArray[Any],
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The map of pieces, and of each: its number, whether it is no crumb, whether the largest."""
    where = measure.label(plane, background=0, connectivity=2)
    size = np.bincount(where.ravel(), minlength=1)
    number = np.zeros(len(size), np.int64)
    number[where.ravel()] = plane.ravel()
    size[0] = 0
    order = np.lexsort((-size, number))  # of each number the largest comes first
    first = np.unique(number[order], return_index=True)[1]
    largest = np.zeros(len(size), bool)
    largest[order[first]] = True
    most = np.zeros(len(size), np.int64)
    most[order] = np.repeat(size[order][first], np.diff([*first, len(size)]))
    real = (number > 0) & (largest | (size >= np.maximum(LEAST, CRUMB * most)))
    return where, number, real, largest
