"""Writing into our own layers in portions, each shown by itself: the window stays awake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_unet.core.windows import Window

from . import drawing
from .roles import role

PORTION = 1 << 20  # pixels: compared, written and shown in 5 to 10 ms
Part = tuple[int, Window, npt.NDArray[Any] | None]  # of which slice; None: it is emptied

_newest: WeakKeyDictionary[Labels, Writing] = WeakKeyDictionary()


class Writing:
    """Writes windows of slices of one of our own labels layers, in their order.

    Only the newest writing of a layer goes on: an earlier one ends where it is, as does one whose
    layer was given other data, or made labels by the user. Pixels that hold their value already
    cost a look at them.

    Parameters
    ----------
    parts : the slice, the window of it, and the values ``(Y, X)`` int, or None to empty it
    thumbnail : it is brought up to date at the end
    """

    def __init__(self, layer: Labels, parts: Iterable[Part], *, thumbnail: bool = True) -> None:
        self._layer, self._data, self._thumbnail = layer, layer.data, thumbnail
        self._role = role(layer)
        self._portions = _portions(parts)
        self._at_once = drawing.can_redraw_parts(layer)
        self.whole = False  # all is written, and shown
        _newest[layer] = self

    @property
    def stands(self) -> bool:
        """Whether it may go on."""
        same = self._layer.data is self._data and role(self._layer) == self._role
        return _newest.get(self._layer) is self and same

    def go_on(self) -> bool:
        """Write a portion; whether there is more to do."""
        if not self.stands:
            return False
        portion = next(self._portions, None)
        if portion is None:
            if not self._at_once:
                drawing.redraw(self._layer, thumbnail=False)
            if self._thumbnail:
                drawing.redraw_thumbnail(self._layer)
            self.whole = True
            return False
        index, window, values = portion
        if self._changed(index, window, values) and self._at_once:
            drawing.redraw_parts(self._layer, [(index, window)])
        return True

    def _changed(self, index: int, window: Window, values: npt.NDArray[Any] | None) -> bool:
        y0, y1, x0, x1 = window
        slices = self._data.reshape(-1, *self._data.shape[-2:])  # a view
        part = slices[index, y0:y1, x0:x1]
        if values is None:
            if not part.any():
                return False
            part[...] = 0
        elif np.array_equal(part, values):
            return False
        else:
            part[...] = values
        return True


def whole_slice(layer: Labels) -> Window:
    """The window that is a slice of the layer."""
    height, width = layer.data.shape[-2:]
    return 0, height, 0, width


def _portions(parts: Iterable[Part]) -> Iterator[Part]:
    """The same parts in bands of at most `PORTION` px, or a row."""
    for index, (y0, y1, x0, x1), values in parts:
        rows = max(PORTION // max(x1 - x0, 1), 1)
        for top in range(y0, y1, rows):
            bottom = min(top + rows, y1)
            band = None if values is None else values[top - y0 : bottom - y0]
            yield index, (top, bottom, x0, x1), band
