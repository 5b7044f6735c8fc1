"""How often each id is painted, kept up to date edit by edit: nobody counts 16k x 16k twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

SLAB = 1 << 21  # pixels read at once: 16 MiB while they are counted
DENSE = 1 << 24  # ids up to this are counted by position; larger ones by sorting


class Tally:
    """Pixels by id, and painted pixels by slice, of labels ``(..., Y, X)``.

    Attributes
    ----------
    pixels : id > 0 -> how many pixels have it
    painted : ``(S,)`` int64, pixels with any id by slice
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.pixels: Counter[int] = Counter()
        self.painted = np.zeros(int(np.prod(shape[:-2], dtype=int)), np.int64)

    @property
    def highest(self) -> int:
        """The highest id that is painted, 0 = none."""
        return max(self.pixels, default=0)

    def change(
        self,
        old: npt.NDArray[Any] | int,
        new: npt.NDArray[Any] | int,
        slices: npt.NDArray[np.intp],
    ) -> None:
        """Pixels that held `old` hold `new`, one id for all or one for each.

        `slices` are their flat slice numbers, one for each pixel.
        """
        was, now = (np.broadcast_to(np.ravel(x), slices.shape) for x in (old, new))
        self._add(was, -1)
        self._add(now, 1)
        np.add.at(self.painted, slices, (now > 0).astype(np.int64) - (was > 0))

    def _add(self, values: npt.NDArray[Any], sign: int) -> None:
        ids, counts = np.unique(values, return_counts=True)
        for number, count in zip(ids.tolist(), counts.tolist(), strict=True):
            if number > 0:
                left = self.pixels[number] + sign * count
                self.pixels[number] = left
                if not left:
                    del self.pixels[number]


def tally(labels: Any) -> Tally:
    """Count an array, or anything that is sliced like one, part by part.

    Parameters
    ----------
    labels : ``(..., Y, X)`` int or bool; numpy, zarr, dask
    """
    shape = tuple(int(n) for n in labels.shape)
    found = Tally(shape)
    dense = np.zeros(1, np.int64)
    for number, slab in _slabs(labels, shape):
        values = slab.ravel()
        if not values.size:
            continue
        found.painted[number] += np.count_nonzero(values > 0)
        if (values.dtype.kind in "bu" or values.min() >= 0) and int(values.max()) < DENSE:
            counts = np.bincount(values.astype(np.intp, copy=False))
            if len(counts) > len(dense):
                dense, counts = counts, dense
            dense[: len(counts)] += counts
            continue
        found._add(values, 1)
    for number in (np.flatnonzero(dense[1:]) + 1).tolist():
        found.pixels[number] += int(dense[number])
    return found


def look(labels: Any, numbers: Collection[int]) -> tuple[int, Counter[int]]:
    """The highest id that is painted, and how many pixels have each of `numbers`.

    Ten times as fast as a tally. A number that is painted on both sides of a part that is being
    written meanwhile may be counted in part.

    Parameters
    ----------
    labels : ``(..., Y, X)`` int or bool; numpy, zarr, dask
    """
    highest, pixels = 0, Counter[int]()
    for _, slab in _slabs(labels, tuple(int(n) for n in labels.shape)):
        top = int(slab.max(initial=0))
        highest = max(highest, top)
        for number in numbers:
            if number <= top:
                pixels[number] += int(np.count_nonzero(slab == number))
    return highest, pixels


def _slabs(labels: Any, shape: tuple[int, ...]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    height, width = shape[-2:]
    rows = max(SLAB // max(width, 1), 1)
    for number, index in enumerate(np.ndindex(*shape[:-2])):
        for top in range(0, height, rows):
            yield number, np.asarray(labels[(*index, slice(top, top + rows))])
