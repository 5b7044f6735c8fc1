"""Arrays that are slow to read (zarr, dask): the window that the weight map needs, in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .core.windows import Window, holds, part_of, shifted

Index = tuple[Any, ...]  # whole numbers for the leading axes, two slices with both ends


class Kept:
    """An array of which the largest window that was read stays in memory.

    What is written into the array must be told by `write`. One slice only: reading another
    one forgets the first.

    Parameters
    ----------
    array : ``(..., Y, X)``, anything that is sliced like one
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self._at: Index = ()
        self._window: Window = (0, 0, 0, 0)
        self._pixels = np.zeros((0, 0), np.uint8)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Index) -> npt.NDArray[Any]:
        *leading, rows, columns = index
        at, window = tuple(leading), (rows.start, rows.stop, columns.start, columns.stop)
        if at == self._at and holds(self._window, window):
            return self._pixels[part_of(shifted(window, self._window))]
        read = np.asarray(self._array[index])
        if at != self._at or read.size > self._pixels.size:
            self._at, self._window, self._pixels = at, window, read.copy()
        return read

    def write(
        self,
        box: tuple[slice, ...],
        where: tuple[npt.NDArray[np.intp], ...],
        new: npt.NDArray[Any] | int,
    ) -> None:
        """Pixels of the array hold something new.

        Parameters
        ----------
        box : one slice for each axis
        where : positions within the box, an index
        new : what they hold now; one value for all, or one for each
        """
        if not self._pixels.size:
            return
        *leading, ys, xs = (w + b.start for w, b in zip(where, box, strict=True))
        y0, y1, x0, x1 = self._window
        inside = (ys >= y0) & (ys < y1) & (xs >= x0) & (xs < x1)
        for place, one in zip(leading, self._at, strict=True):
            inside &= place == one
        self._pixels[ys[inside] - y0, xs[inside] - x0] = np.broadcast_to(new, ys.shape)[inside]
