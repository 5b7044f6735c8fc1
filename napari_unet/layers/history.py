"""napari's undo history of a labels layer, which is private: the only file that touches it.

Every reading of it stands for a napari that keeps none, or keeps it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

Box = tuple[slice, ...]  # data pixels, a slice for each axis


class Portion(tuple[Any, ...]):
    """A part of a step as napari keeps it, (index, old, new), that knows its box.

    To look for it among the indices of an Accept of 80 million pixels takes 0.6 s.
    """

    box: Box


def box_of(atom: Any) -> Box:
    """Where a part of a step lies."""
    if isinstance(atom, Portion):
        return atom.box
    if hasattr(atom, "slice_key"):
        return tuple(atom.slice_key)
    sides = [(int(np.min(i)), int(np.max(i)) + 1) if np.size(i) else (0, 0) for i in atom[0]]
    return tuple(slice(low, high) for low, high in sides)


def _portion(atom: Any) -> Any:
    if hasattr(atom, "slice_key"):
        return atom
    made = Portion(atom)
    made.box = box_of(atom)
    return made


def painting(layer: Labels) -> bool:
    """In the middle of a stroke: pixels are written that no edit has told of yet."""
    begun = getattr(layer, "_block_history", False)
    return bool(begun or getattr(layer, "_staged_history", False))


def next_step(layer: Labels, name: str) -> list[Any] | None:
    """The parts of what `name` ("undo", "redo") would act on now; None: it cannot be known."""
    history = getattr(layer, f"_{name}_history", None)
    if history is None:
        return None
    return list(history[-1]) if history else []


def highest_begun(layer: Labels) -> int:
    """The highest number that a stroke which has not ended has painted, 0 = none."""
    staged = getattr(layer, "_staged_history", ())
    return max((int(np.max(_new(atom), initial=0)) for atom in staged), default=0)


def paints(parts: Iterable[Any], number: int) -> bool:
    """Whether these parts of a step put this number anywhere."""
    return any(bool(np.any(np.asarray(_new(atom)) == number)) for atom in parts)


def find_none(atom: Any, what: npt.NDArray[Any]) -> None:
    """As if this part of a step had found nothing where it has found `what`, like the data."""
    if hasattr(atom, "slice_key"):
        found, old = what[atom.slice_key], atom.old_values
        found = found if atom.mask is None else found[atom.mask]
    else:
        found, old = what[atom[0]], atom[1]
    old[(old == found) & (found > 0)] = 0


def find(atom: Any, index: npt.NDArray[np.intp], values: Any, shape: tuple[int, ...]) -> None:
    """As if this part of a step had found `values` at flat positions `index`, which ascend."""
    if hasattr(atom, "slice_key"):
        box, old = atom.slice_key, atom.old_values.reshape(-1)
        mask = np.ones([b.stop - b.start for b in box], bool) if atom.mask is None else atom.mask
        places = [i + b.start for i, b in zip(np.nonzero(mask), box, strict=True)]
    else:
        places, old = list(atom[0]), atom[1]
    flat = np.ravel_multi_index(places, shape)
    at = np.searchsorted(index, flat).clip(max=max(len(index) - 1, 0))
    there = index[at] == flat if len(index) else np.zeros(flat.shape, bool)
    old[there] = values[at[there]]


def _new(atom: Any) -> Any:
    return atom.new_value if hasattr(atom, "slice_key") else atom[2]


def outlining(layer: Labels) -> bool:
    """An outline is begun by the right button, which lasts until it is closed, or Escape."""
    overlays: Any = getattr(layer, "_overlays", {})
    return bool(getattr(overlays.get("brush_stroke"), "active", False))


def end_stroke(layer: Any) -> None:
    """End a stroke that napari has left open: nobody tells the layer that the mouse is let go."""
    begun = getattr(layer, "_mouse_drag_gen", {})
    if not begun:
        return  # whatever holds the history, it is no mouse
    known = layer._persisted_mouse_event
    for deed in list(begun):
        known.pop(begun[deed], None)
        begun.pop(deed).close()
    layer._block_history = False
    layer._commit_staged_history()


def can_be_undone(layer: Labels, part: Any) -> bool:
    """Whether Ctrl-Z can still come to this part of a step: it was not undone."""
    return _holds(layer, "_undo_history", part)


def can_be_redone(layer: Labels, part: Any) -> bool:
    """Whether this part of a step was undone, and redo can still come to it."""
    return _holds(layer, "_redo_history", part)


def _holds(layer: Labels, history: str, part: Any) -> bool:
    return any(atom is part for item in getattr(layer, history, ()) for atom in item)


class Step:
    """What is written a portion at a time, and undone at once."""

    def __init__(self, layer: Labels) -> None:
        self._layer = layer
        self._parts: list[Any] | None = None  # as napari holds it

    @property
    def part(self) -> Any:
        """A part of it, for :func:`can_be_undone`; None: nothing was written, or it is unknown."""
        return self._parts[0] if self._parts else None

    @property
    def undone(self) -> bool:
        """The user took it back."""
        return self.part is not None and not can_be_undone(self._layer, self.part)

    @contextmanager
    def portion(self) -> Iterator[None]:
        """What is written within belongs to the step; not in the middle of a stroke.

        What the user has undone since its first portion can still be redone.
        """
        if self._parts is None:
            before = self._newest()
            yield
            newest = self._newest()
            self._parts = None if newest is before else newest
            return
        layer: Any = self._layer
        redo = list(layer._redo_history)
        # not as a step of its own: a full history would drop its oldest one for it
        layer._block_history = True
        try:
            yield
        finally:
            layer._block_history = False
            parts, layer._staged_history = [_portion(x) for x in layer._staged_history], []
            self._belonging().extend(parts)
            if not layer._redo_history:
                layer._redo_history.extend(redo)
        if parts:
            layer.events.paint(value=parts)

    def found(self, index: npt.NDArray[np.intp], values: Any) -> None:
        """What can be redone comes after it: it finds what was written here, and undo leaves it."""
        for item in getattr(self._layer, "_redo_history", ()):
            for atom in item:
                find(atom, index, values, self._layer.data.shape)

    def forget(self) -> list[Any]:
        """Neither undo nor redo comes to it any more: it was taken back otherwise.

        Returns the parts of the steps that came after it, which may have found some of it.
        """
        undo: Any = getattr(self._layer, "_undo_history", ())
        redo: Any = getattr(self._layer, "_redo_history", ())
        in_time = [*undo, *reversed(redo)]
        place = next((i for i, item in enumerate(in_time) if self._is(item)), None)
        if place is None:
            return []
        if place < len(undo):
            del undo[place]
        else:
            del redo[len(in_time) - 1 - place]
        return [atom for item in in_time[place + 1 :] for atom in item]

    def _belonging(self) -> list[Any]:
        """Its parts as napari holds them now: in another list, once it was undone and redone."""
        history = getattr(self._layer, "_undo_history", ())
        self._parts = next((item for item in reversed(history) if self._is(item)), self._parts)
        return [] if self._parts is None else self._parts

    def _is(self, item: list[Any]) -> bool:
        return item is self._parts or any(atom is self.part for atom in item)

    def _newest(self) -> list[Any] | None:
        history = getattr(self._layer, "_undo_history", None)
        return history[-1] if history else None
