"""What the panel did to labels and has said: once undo takes it back, that is no longer so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_unet.layers import history

from .background import Failed, later
from .watching import Watching


@dataclass
class Deed:
    """A step of a layer's history, by one of its parts, and what is to be done about it."""

    part: Any
    undone: Callable[[], None]
    redone: Callable[[], None]
    stands: bool = True


class Undoing:
    """Follows steps of the labels' history, as long as undo or redo can come to them.

    Parameters
    ----------
    failed : gets one sentence where a deed's answer goes wrong
    """

    def __init__(self, watching: Watching, failed: Failed) -> None:
        self._failed = failed
        self._deeds: WeakKeyDictionary[Labels, list[Deed]] = WeakKeyDictionary()
        watching.edited.connect(self._on_edited)
        watching.replaced.connect(self._on_edited)

    def follow(
        self, layer: Labels, part: Any, undone: Callable[[], None], redone: Callable[[], None]
    ) -> None:
        """Call `undone` when undo has come to this part of a step, `redone` when redo has."""
        if part is not None:
            self._deeds.setdefault(layer, []).append(Deed(part, undone, redone))

    def _on_edited(self, layer: Labels, edits: Any = None) -> None:
        if self._deeds.get(layer):
            later(0, partial(self._look, layer), self._failed)  # once the history is in order

    def _look(self, layer: Labels) -> None:
        kept = []
        for deed in self._deeds.pop(layer, []):
            stands = history.can_be_undone(layer, deed.part)
            if not stands and not history.can_be_redone(layer, deed.part):
                continue  # out of the history: it stays as it is
            kept.append(deed)
            if stands != deed.stands:
                deed.stands = stands
                (deed.redone if stands else deed.undone)()
        if kept:
            self._deeds[layer] = [*kept, *self._deeds.get(layer, [])]
