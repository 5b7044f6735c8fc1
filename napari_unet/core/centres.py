"""Where training tiles lie: cells and gaps often, other background seldom, unknown never."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# rows of one image -> how likely each of their pixels is, (rows, X), against all others' pixels
Chances = Callable[[slice], npt.NDArray[np.float32]]
ROWS = 256  # looked at together: no plane of an image is made


class Centres:
    """Draws pixels of several images, each as often as its chance says.

    Kept are sums over rows, in float64: a running sum over pixels in float32 stands still at
    2^24, so that what comes after the first 17 million pixels would never be drawn.
    """

    def __init__(self, heights: Sequence[int], chances: Sequence[Chances]) -> None:
        self._chances = chances
        rows = [_row_sums(h, c) for h, c in zip(heights, chances, strict=True)]
        self._sums = np.cumsum(np.concatenate(rows))
        self._ends = np.cumsum(heights)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[list[int], Floats]:
        """Which images, and ``(count, 2)`` the pixels (y, x) in them."""
        which, pixels = [], np.empty((count, 2))
        for index, at in enumerate(rng.random(count) * self._sums[-1]):
            row = _place(self._sums, at)
            image = int(np.searchsorted(self._ends, row, side="right"))
            y = row - int(self._ends[image - 1] if image else 0)
            along = np.cumsum(self._chances[image](slice(y, y + 1))[0], dtype=np.float64)
            before = self._sums[row - 1] if row else 0.0
            which.append(image)
            pixels[index] = y, _place(along, at - before)
        return which, pixels


def _row_sums(height: int, chances: Chances) -> Floats:
    starts = range(0, height, ROWS)
    return np.concatenate(
        [chances(slice(y, y + ROWS)).sum(axis=1, dtype=np.float64) for y in starts]
    )


def _place(sums: Floats, at: float) -> int:
    """Whose share of a running sum `at` lies in; never one that has none."""
    last = int(np.searchsorted(sums, sums[-1], side="left"))  # the last that adds anything
    return min(int(np.searchsorted(sums, at, side="right")), last)
