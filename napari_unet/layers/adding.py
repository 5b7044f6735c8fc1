"""What is accepted into the user's labels: written in portions, so that the window stays awake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_unet.core.errors import BadInput

from . import history
from .own import not_at_hand, show_at_once, widen

PORTION = 1 << 16  # pixels: written and told of in 10 ms

_under_way: WeakKeyDictionary[Labels, Adding] = WeakKeyDictionary()


class Adding:
    """Writes `values` at flat positions of a layer that are still unpainted, as one undo step.

    The layer is sliced at once, be it visible or not: napari writes by what it last showed.

    Attributes
    ----------
    widened : whether the layer had to be widened
    highest : of the values
    still : whether undo has not come to it, asked of who sees each undo: what is painted after
        one may leave no trace of it

    Parameters
    ----------
    index, values : the highest of the values among the first
    highest : of the values

    Raises
    ------
    BadInput
        If the layer is not held in memory, or holds no ids so high.
    """

    def __init__(
        self,
        layer: Labels,
        index: npt.NDArray[np.intp],
        values: npt.NDArray[np.int64],
        highest: int,
    ) -> None:
        if not_at_hand(layer):
            raise BadInput(not_at_hand(layer))
        self.widened = widen(layer, highest)
        if not self.widened:
            show_at_once(layer)
        self._layer, self._index, self._values, self.highest = layer, index, values, highest
        self._data: Any = None  # that it writes into, from the first portion on
        self._step, self._written = history.Step(layer), 0
        self.still: Callable[[], bool] = lambda: True
        # of what is written so far: not where something was painted before, or lies over it now
        self._wrote, self._under = np.zeros(len(index), bool), np.zeros(len(index), bool)

    @property
    def left(self) -> bool:
        """Whether there is more to write."""
        return self._written < len(self._index)

    @property
    def stands(self) -> bool:
        """Whether the layer has the array still that the first portion was written into."""
        return self._data is None or self._layer.data is self._data

    @property
    def can_go_on(self) -> bool:
        """Whether the array can be written into still."""
        return bool(self._layer.data.flags.writeable)

    @property
    def can_be_undone(self) -> bool:
        """Whether Ctrl-Z can come to it; not where napari has cleared its history meanwhile."""
        return history.can_be_undone(self._layer, self.part)

    @property
    def undone(self) -> bool:
        """The user took back what is written so far; a history that was cleared is no undo."""
        return not self.still() or history.can_be_redone(self._layer, self.part)

    @property
    def part(self) -> Any:
        """What `history.can_be_undone` knows it by."""
        return self._step.part

    def go_on(self) -> None:
        """Write the next portion; the user may have gone on painting, but is not in a stroke."""
        if self._data is None:
            self._data = self._layer.data
            _under_way[self._layer] = self
        portion = self._next()
        layer, index, values = self._layer, self._index[portion], self._values[portion]
        self._written = portion.stop
        show_at_once(layer)  # hidden and turned to 3D meanwhile, it shows nothing to write by
        painted, under = self._step.slip_in(index, values)
        free = ~painted & (np.take(layer.data, index) == 0)
        self._wrote[portion], self._under[portion] = free, under
        if not free.all():
            index, values = index[free], values[free]
        with self._step.portion():
            layer.data_setitem(np.unravel_index(index, layer.data.shape), values)
        self._step.found(index, values)
        if not self.left:
            self._leave()

    def leave_off(self) -> None:
        """It goes no further; what is written stays."""
        self._leave()

    def end(self) -> None:
        """The user took back what is written: that does not come again, for it is not whole."""
        self._leave()
        self._forget()

    def take_back(self) -> None:
        """It cannot be written to its end: no part of a cell stays.

        Nor does it in the array that it was written into where the layer has another one by now,
        which may be a part of it, or be exchanged again. Of the other only a copy is changed.
        """
        self._leave()
        if self._data is None:
            return
        copied = not self.stands and self.is_copied(self._layer.data)
        if self.stands or self._data.flags.writeable:
            self._empty(self._data)
        if copied:
            self._empty(self._layer.data)
        self._forget()
        self._layer.refresh()
        if not self._layer.visible:  # then nothing is drawn, which would tell that it has changed
            self._layer.events.set_data()

    def is_copied(self, data: Any) -> bool:
        """Whether all that is written is in this array of the layer's shape, too."""
        index, same = self._index[: self._written], data.shape == self._data.shape
        return same and np.array_equal(np.take(data, index), np.take(self._data, index))

    def _empty(self, data: Any) -> None:
        """Nothing of it stays in this array but what the user has painted himself since."""
        index, values = self._index[: self._written], self._values[: self._written]
        mine = (self._wrote | self._under)[: self._written] & (np.take(data, index) == values)
        index = index[mine]
        index = index[~self._covered(index)]
        data[np.unravel_index(index, data.shape)] = 0

    def complete(self, copy: npt.NDArray[Any]) -> None:
        """Write what is still to be written into a copy of the layer's array.

        Not where the user has painted since, and erased it again.
        """
        index, values = self._index[self._written :], self._values[self._written :]
        free = (np.take(copy, index) == 0) & ~self._covered(index)
        np.put(copy, index[free], values[free])

    def _covered(self, index: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """On which of these flat positions of ours the user has painted since."""
        runs = np.split(index, np.flatnonzero(np.diff(index) < 0) + 1)  # two: each ascends
        return np.concatenate([self._step.covered(run) for run in runs])

    def _forget(self) -> None:
        """It is no step any more, and no later one brings back what it has erased of it."""
        mine = self._wrote | self._under
        self._step.forget(self._index[mine], self._values[mine])

    def _leave(self) -> None:
        if _under_way.get(self._layer) is self:
            del _under_way[self._layer]

    def _next(self) -> slice:
        """The next portion: it lies together, for napari draws the box that holds it anew."""
        start, end = self._written, min(self._written + PORTION, len(self._index))
        back = np.flatnonzero(np.diff(self._index[start:end]) < 0)
        return slice(start, start + int(back[0]) + 1 if back.size else end)


def being_added(layer: Labels) -> Adding | None:
    """What is being added to the layer: a part of it is written."""
    adding = _under_way.get(layer)
    return adding if adding is not None and adding.stands else None


def highest_to_come(layer: Labels) -> int:
    """The highest number of what is being added, 0 = nothing is: it may not be written yet."""
    adding = being_added(layer)
    return 0 if adding is None else adding.highest


def whole_copy(layer: Labels) -> npt.NDArray[Any]:
    """A copy of what is in the layer, and of all that is being added: no cell is cut."""
    copy, adding = np.array(layer.data), being_added(layer)
    if adding is not None and not adding.undone:
        adding.complete(copy)
    return copy


def complete_copy(layer: Labels, copy: Labels) -> None:
    """Write all that is being added to `layer` into its copy, too, if it is one: no cell is cut."""
    adding, data = being_added(layer), copy.data
    if adding is None or adding.undone or not isinstance(data, np.ndarray):
        return
    own = data.flags.writeable and not np.may_share_memory(data, layer.data)
    if own and adding.is_copied(data):
        adding.complete(data)
        copy.refresh()
