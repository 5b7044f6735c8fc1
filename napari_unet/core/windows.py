"""Windows of a slice: ``(y0, y1, x0, x1)`` in pixels, the ends not included."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Window = tuple[int, int, int, int]


def grown(window: Window, margin: int, shape: tuple[int, int]) -> Window:
    """`margin` pixels more on every side, as far as the slice goes."""
    y0, y1, x0, x1 = window
    return clipped((y0 - margin, y1 + margin, x0 - margin, x1 + margin), (0, shape[0], 0, shape[1]))


def clipped(window: Window, other: Window) -> Window:
    """What both have in common; an empty window where that is nothing."""
    y0, x0 = max(window[0], other[0]), max(window[2], other[2])
    y1, x1 = min(window[1], other[1]), min(window[3], other[3])
    return y0, max(y1, y0), x0, max(x1, x0)


def is_empty(window: Window) -> bool:
    return window[0] >= window[1] or window[2] >= window[3]


def holds(window: Window, other: Window) -> bool:
    """Whether `other` lies in `window` as a whole."""
    return clipped(window, other) == other


def around(window: Window, other: Window) -> Window:
    """The smallest window with both in it."""
    return (
        min(window[0], other[0]),
        max(window[1], other[1]),
        min(window[2], other[2]),
        max(window[3], other[3]),
    )


def shifted(window: Window, origin: Window) -> Window:
    """The window as seen from the corner of `origin`."""
    y, x = origin[0], origin[2]
    return window[0] - y, window[1] - y, window[2] - x, window[3] - x


def moved(window: Window, origin: Window) -> Window:
    """The window, given as seen from the corner of `origin`; the reverse of :func:`shifted`."""
    y, x = origin[0], origin[2]
    return window[0] + y, window[1] + y, window[2] + x, window[3] + x


def part_of(window: Window) -> tuple[slice, slice]:
    """The window as an index."""
    return slice(window[0], window[1]), slice(window[2], window[3])


def box_of(mask: npt.NDArray[np.bool_]) -> Window | None:
    """The smallest window that holds all that is True."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def edges_inside(window: Window, shape: tuple[int, int]) -> tuple[bool, bool, bool, bool]:
    """Top, bottom, left, right: whether the slice goes on beyond it."""
    return window[0] > 0, window[1] < shape[0], window[2] > 0, window[3] < shape[1]
