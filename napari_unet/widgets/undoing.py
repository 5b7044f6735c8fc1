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
    """A step of a layer's history, by one of its parts, and what is to be done about it.

    Attributes
    ----------
    stands : it was not undone, as far as was seen; out of the history it stays as it was last
    told : what `undone` and `redone` were last told
    """

    part: Any
    undone: Callable[[], None]
    redone: Callable[[], None]
    stands: bool = True
    told: bool = True

    def look(self, layer: Labels) -> bool:
        """Bring `stands` up to date; False: neither undo nor redo comes to it any more."""
        stands = history.can_be_undone(layer, self.part)
        if not stands and not history.can_be_redone(layer, self.part):
            return False
        self.stands = stands
        return True

    def tell(self) -> None:
        """Say what was undone or redone since it was last told."""
        if self.told != self.stands:
            self.told = self.stands
            (self.redone if self.stands else self.undone)()


def _nothing() -> None:
    """Whoever asks the deed needs not be told."""


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
        self,
        layer: Labels,
        part: Any,
        undone: Callable[[], None] = _nothing,
        redone: Callable[[], None] = _nothing,
    ) -> Deed:
        """Call `undone` when undo has come to this part of a step, `redone` when redo has."""
        deed = Deed(part, undone, redone)
        if part is not None:
            self._deeds.setdefault(layer, []).append(deed)
            layer.events.set_data.connect(self._on_drawn)  # once only, however often
        return deed

    def _on_drawn(self, event: Any) -> None:
        """Labels that no image has in hand are not watched, yet Ctrl-Z comes to them, too."""
        self._on_edited(event.source)

    def _on_edited(self, layer: Labels, edits: Any = None) -> None:
        # at once: the next stroke may clear what can be redone
        there = [(deed.look(layer), deed) for deed in self._deeds.get(layer, [])]
        if any(not known or deed.stands != deed.told for known, deed in there):
            later(0, partial(self._look, layer), self._failed)  # once the history is in order

    def _look(self, layer: Labels) -> None:
        deeds = self._deeds.pop(layer, [])
        kept = [deed for deed in deeds if deed.look(layer)]
        if kept:
            self._deeds[layer] = kept
        for deed in deeds:
            deed.tell()
