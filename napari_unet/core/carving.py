"""A gap of background between cells that touch, for a slice or a window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage import measure

from .annotation import Labels, Mask
from .windows import Window, edges_inside, grown, part_of, shifted

Read = Callable[[Window], Labels]  # the ``(Y, X)`` labels of a window of the slice
Part = tuple[slice, slice]

_ALL, _ON, _BACK = slice(None), slice(1, None), slice(None, -1)
_SIDES: tuple[tuple[Part, Part], ...] = (
    ((_ON, _ALL), (_BACK, _ALL)),
    ((_ALL, _ON), (_ALL, _BACK)),
    ((_ON, _ON), (_BACK, _BACK)),
    ((_ON, _BACK), (_BACK, _ON)),
)


class TooLarge(Exception):
    """More pixels would have to be read than the caller allows."""


def carve(labels: Labels) -> Labels:
    """Labels with a gap of background between touching cells.

    A pixel becomes background if one of its 8 neighbours has another id > 0, decided on the
    labels as given, on both sides. A piece of a cell (8-connected) that would vanish or fall
    apart keeps its pixels. Depends neither on ids nor on flips.

    Parameters
    ----------
    labels : ``(Y, X)`` int

    Returns
    -------
    ``(Y, X)`` int32, a new array
    """
    labels = np.asarray(labels)
    return _carved(labels, touching_pixels(labels))


def carved_window(
    read: Read, shape: tuple[int, int], window: Window, most: int | None = None
) -> Labels:
    """What :func:`carve` makes of a slice of this shape, in one window of it.

    Reads as much as the decision needs: the whole of each piece that touches another cell
    within the window.

    Raises
    ------
    TooLarge
        If that is more than `most` pixels.
    """
    outer = grown(window, 1, shape)
    for step in itertools.count(1):
        if most is not None and (outer[1] - outer[0]) * (outer[3] - outer[2]) > most:
            raise TooLarge
        labels = read(outer)
        inner = part_of(shifted(window, outer))
        touching = touching_pixels(labels)
        if not touching[inner].any():
            return labels[inner].astype(np.int32)
        wider = _wider(labels, touching, inner, outer, 16 * step, shape)
        if wider == outer:
            return _carved(labels, touching)[inner]
        outer = wider
    raise AssertionError


def _wider(
    labels: Labels,
    touching: Mask,
    inner: tuple[slice, slice],
    outer: Window,
    step: int,
    shape: tuple[int, int],
) -> Window:
    """The window grown on the sides at which pieces that must be known whole are cut."""
    pieces = measure.label(labels, connectivity=2)
    wanted = np.zeros(int(pieces.max()) + 1, bool)
    wanted[pieces[inner][touching[inner]]] = True
    top, bottom, left, right = (
        step * bool(inside and wanted[line].any())
        for inside, line in zip(
            edges_inside(outer, shape),
            (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]),
            strict=True,
        )
    )
    y0, y1, x0, x1 = outer
    return (
        max(y0 - top, 0),
        min(y1 + bottom, shape[0]),
        max(x0 - left, 0),
        min(x1 + right, shape[1]),
    )


def _carved(labels: Labels, touching: Mask) -> Labels:
    carved = np.where(touching, 0, labels).astype(np.int32)
    if touching.any():
        before = measure.label(labels, connectivity=2)
        after = measure.label(carved, connectivity=2)
        owner = np.zeros(int(after.max()) + 1, np.intp)
        owner[after.ravel()] = before.ravel()
        left = np.bincount(owner[1:], minlength=int(before.max()) + 1)
        restore = touching & (left != 1)[before]
        carved[restore] = labels[restore]
    return carved


def touching_pixels(labels: npt.NDArray[Any]) -> Mask:
    """``(Y, X)`` bool: cell pixels with another cell among their 8 neighbours."""
    touching = np.zeros(labels.shape, bool)
    for one, other, meet in _meetings(labels):
        touching[one] |= meet
        touching[other] |= meet
    return touching


def touching_pairs(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Which cells lie side by side or corner to corner.

    Returns
    -------
    ``(n, 2)`` ids, the smaller one first, and how many pairs of pixels each is made of
    """
    found = []
    for one, other, meet in _meetings(labels):
        first, second = labels[one][meet].astype(np.int64), labels[other][meet].astype(np.int64)
        # one number: numpy's unique rows take many times as long
        found.append(np.minimum(first, second) << 32 | np.maximum(first, second))
    packed, counts = np.unique(np.concatenate(found), return_counts=True)
    return np.stack([packed >> 32, packed & 0xFFFFFFFF], axis=1), counts


def _meetings(labels: npt.NDArray[Any]) -> Iterator[tuple[Part, Part, Mask]]:
    """Each pair of neighbours once, in four directions: where the two are of different cells."""
    cell = labels > 0
    for one, other in _SIDES:
        meet = labels[one] != labels[other]
        meet &= cell[one]
        meet &= cell[other]
        yield one, other, meet
