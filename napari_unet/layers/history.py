"""napari's undo history of a labels layer, which is private: the only file that touches it.

Every reading of it stands for a napari that keeps none, or keeps it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.layers import Labels


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


def can_be_undone(layer: Labels, part: Any) -> bool:
    """Whether Ctrl-Z can still come to this part of a step: it was not undone."""
    history = getattr(layer, "_undo_history", ())
    return any(atom is part for item in history for atom in item)


def can_be_redone(layer: Labels, part: Any) -> bool:
    """Whether this part of a step was undone, and redo can still come to it."""
    history = getattr(layer, "_redo_history", ())
    return any(atom is part for item in history for atom in item)


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
        """What is written within belongs to the step; not in the middle of a stroke."""
        if self._parts is None:
            before = self._newest()
            yield
            newest = self._newest()
            self._parts = None if newest is before else newest
            return
        layer: Any = self._layer
        # not as a step of its own: a full history would drop its oldest one for it
        layer._block_history = True
        try:
            yield
        finally:
            layer._block_history = False
            parts, layer._staged_history = layer._staged_history, []
            self._parts += parts
        if parts:
            layer.events.paint(value=parts)

    def forget(self) -> None:
        """Neither undo nor redo comes to it any more: it was taken back otherwise."""
        history: Any = getattr(self._layer, "_undo_history", ())
        place = next((i for i, item in enumerate(history) if item is self._parts), None)
        if place is not None:
            del history[place]

    def _newest(self) -> list[Any] | None:
        history = getattr(self._layer, "_undo_history", None)
        return history[-1] if history else None
