"""napari's undo history of a labels layer, which is private: only this file and `parts` touch it.

Every reading of it stands for a napari that keeps none, or keeps it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from .parts import look_back, made_portion, new_values


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
    return max((int(np.max(new_values(atom), initial=0)) for atom in staged), default=0)


def outlining(layer: Labels) -> bool:
    """An outline is begun by the right button, which lasts until it is closed, or Escape."""
    overlays: Any = getattr(layer, "_overlays", {})
    return bool(getattr(overlays.get("brush_stroke"), "active", False))


def drop_outline(layer: Any) -> None:
    """Take back an outline that is begun, as Escape does."""
    layer._overlays["brush_stroke"].abort(layer)


def end_stroke(layer: Any) -> None:
    """End a stroke that napari has left open: nobody tells the layer that the mouse is let go."""
    begun = getattr(layer, "_mouse_drag_gen", {})
    if not begun:
        return  # whatever holds the history, it is no mouse
    for deed in list(begun):
        layer._persisted_mouse_event.pop(begun[deed], None)
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


def _undone(layer: Labels) -> list[list[Any]]:
    """The steps that can be redone, as they were painted; napari keeps them the other way round."""
    return [step[::-1] for step in reversed(getattr(layer, "_redo_history", ()))]


class Step:
    """What is written a portion at a time, and undone at once."""

    def __init__(self, layer: Labels) -> None:
        self._layer, self._shape = layer, tuple(layer.data.shape)
        self._parts: list[Any] | None = None  # as napari holds it

    @property
    def part(self) -> Any:
        """A part of it, for :func:`can_be_undone`; None: nothing was written, or it is unknown."""
        return self._parts[0] if self._parts else None

    @contextmanager
    def portion(self) -> Iterator[None]:
        """What is written within belongs to the step; not in the middle of a stroke.

        What the user has undone since its first portion can still be redone.
        """
        if self._parts is None:
            before = self._newest()
            try:
                yield
            finally:
                if (newest := self._newest()) is not before:
                    self._parts = newest
            return
        layer: Any = self._layer
        redo = list(layer._redo_history)
        # not as a step of its own: a full history would drop its oldest one for it
        layer._block_history = True
        try:
            yield
        finally:
            layer._block_history = False
            parts, layer._staged_history = [made_portion(x) for x in layer._staged_history], []
            self._belonging().extend(parts)
            if not layer._redo_history:
                layer._redo_history.extend(redo)
        if parts:
            layer.events.paint(value=parts)

    def slip_in(
        self, index: npt.NDArray[np.intp], values: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """As if it had been written before what the user has painted since its first portion.

        Returns on which of the flat positions `index`, which ascend, he has painted, and where
        there was nothing. That comes to light where his stroke is undone, and goes with this step.
        """
        none = np.zeros(len(index), self._layer.data.dtype)
        met, hidden = look_back(self._later(), index, none, values, self._shape)
        if hidden.any():
            where = np.unravel_index(index[hidden], self._shape)
            self._belonging().append(made_portion((where, none[hidden], values[hidden])))
        return met, hidden

    def covered(self, index: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """On which of these flat positions, which ascend, the user has painted since."""
        none = np.zeros(len(index), self._layer.data.dtype)
        return look_back(self._later(), index, none, none, self._shape)[0]

    def found(self, index: npt.NDArray[np.intp], values: npt.NDArray[Any]) -> None:
        """What can be redone comes after it: it finds what was written here, and undo leaves it."""
        parts = (part for step in _undone(self._layer) for part in step)
        look_back(parts, index, np.zeros(len(index), values.dtype), values, self._shape)

    def forget(self, index: npt.NDArray[np.intp], values: npt.NDArray[Any]) -> None:
        """Neither undo nor redo comes to it any more: it was taken back otherwise.

        What came after it has not found it at these positions: nothing of it comes back.
        """
        later, order = self._later(undone=True), np.argsort(index)
        for name in ("_undo_history", "_redo_history"):
            steps: Any = getattr(self._layer, name, ())
            for place in [i for i, step in enumerate(steps) if self._is(step)]:
                del steps[place]
        none = np.zeros(len(index), values.dtype)
        look_back(later, index[order], values[order], none, self._shape)

    def _later(self, *, undone: bool = False) -> list[Any]:
        """The parts of the steps that came after it, in their order; `undone` ones, too."""
        steps: list[list[Any]] = list(getattr(self._layer, "_undo_history", ()))
        steps += _undone(self._layer) if undone else []
        ago = next((i for i, step in enumerate(reversed(steps)) if self._is(step)), 0)
        return [part for step in steps[len(steps) - ago :] for part in step]

    def _belonging(self) -> list[Any]:
        """Its parts as napari holds them now: in another list, once it was undone and redone."""
        history = getattr(self._layer, "_undo_history", ())
        self._parts = next((item for item in reversed(history) if self._is(item)), self._parts)
        return [] if self._parts is None else self._parts

    def _is(self, item: list[Any]) -> bool:
        part = self.part
        return item is self._parts or any(atom is part for atom in item)

    def _newest(self) -> list[Any] | None:
        history = getattr(self._layer, "_undo_history", None)
        return history[-1] if history else None
