"""The number that the brush gets: one that no cell has, which the pixels are asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer

from napari_unet import layers
from napari_unet.core.errors import BadInput
from napari_unet.core.tally import look
from napari_unet.layers import history, parts
from napari_unet.session import Session

from .background import Latest, later
from .counting import Counting
from .watching import Watching

AT_ONCE = 1 << 23  # pixels in memory that are looked at before the number is given: 5 ms
AT_ONCE_STORED = 1 << 20  # the same of a layer on disk
PAINTS = ("paint", "fill", "polygon")  # tools that a number is for
PAUSE = 300  # ms until it is looked again, where the user went on painting meanwhile


class Numbering(QObject):
    """Gives the brush numbers that are free.

    The running counts know what was painted by hand. Scripts and plugins write into the array
    unseen, so each number is looked for in the pixels, too: before it is given, or on large layers
    in a thread while the user begins to paint. Then it is exchanged as long as nothing is painted
    with it, or else it is said. It is exchanged, too, where undo, redo or other data bring back
    a cell of that number before anything is painted with it.
    """

    def __init__(
        self, session: Session, watching: Watching, counting: Counting, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._watching, self._counting = session, watching, counting
        self._looking: WeakKeyDictionary[Labels, Latest] = WeakKeyDictionary()
        self._given: dict[Labels, set[int]] = {}  # not yet looked for in the pixels
        self._changed: set[Labels] = set()  # since the thread began to look
        self._opened: WeakKeyDictionary[Labels, int] = WeakKeyDictionary()
        self._unused: WeakKeyDictionary[Labels, int] = WeakKeyDictionary()  # not painted with yet
        watching.edited.connect(self._on_changed)
        watching.edited.connect(self._on_edited)
        watching.replaced.connect(self._on_changed)
        counting.counted.connect(self._on_counted)

    def close(self) -> None:
        for looking in self._looking.values():
            looking.forget()
        self._given.clear()
        self._opened.clear()
        for layer in self._unused:
            layer.events.paint.disconnect(self._on_paint)
        self._unused.clear()

    def give(
        self,
        layer: Labels,
        ready: Callable[[int], None],
        late: Callable[[int], None],
        *,
        empty: bool = False,
    ) -> None:
        """Select the next free number, then call `ready` with it: mostly at once.

        On a large layer that is still to be counted it takes a moment; the brush is put away
        until then, for it holds another cell's number. Where the user takes up the eraser or
        chooses a cell meanwhile nothing is selected, and `late` hears of the number.

        Raises
        ------
        BadInput
            If the layer holds no number so high.
        """
        self._opened.pop(layer, None)
        known = self._counting.tally(layer)
        if empty:
            ready(self.take(layer, 0))
        elif _quick(layer):
            highest = layers.next_free_id(layer) - 1
            if known is not None and highest > known.highest:
                self._counting.afresh(layer)
            ready(self.take(layer, max(highest, known.highest if known else 0)))
        elif known is not None:
            number = self.take(layer, known.highest)
            ready(number)
            self._given.setdefault(layer, set()).add(number)
            self._look(layer)
        else:
            layer.mode = "pan_zoom"
            self._session.say("Looking for the next free number…", "busy")
            self._seek(layer, ready, late, _hand(layer))

    def take(self, layer: Labels, highest: int) -> int:
        """Select the number after the highest one that is there, begun, or being added."""
        number = layers.take_next_id(layer, _with_begun(layer, highest))
        self._unused[layer] = number
        layer.events.paint.connect(self._on_paint)  # once only, however often
        return number

    def renew(self, layer: Labels, highest: int) -> int:
        """The same, but a brush that erases (napari's X) goes on, and has the number afterwards."""
        erases = not layer.selected_label
        number = self.take(layer, highest)
        if erases:
            layer.swap_selected_and_background_labels()
        return number

    def opened(self, layer: Labels) -> None:
        """It has come with cells: once they are counted, the brush gets a free number."""
        self._opened[layer] = layers.brush_number(layer)

    def _seek(
        self,
        layer: Labels,
        ready: Callable[[int], None],
        late: Callable[[int], None],
        hand: tuple[str, int],
    ) -> None:
        """Look for the highest number in a thread; `hand` is what the user had in it before."""

        def done(found: tuple[int, Any]) -> None:
            highest = found[0]
            if not self._watching.knows(layer):
                return
            if layer in self._changed or self._counting.in_stroke(layer):
                QTimer.singleShot(PAUSE, partial(self._seek, layer, ready, late, hand))
            elif _wants(layer, hand):
                self._select(layer, highest, ready)
            elif self._unused.get(layer) == layer.selected_label:  # cells were added meanwhile
                ready(layer.selected_label)
            else:
                late(_with_begun(layer, highest) + 1)

        self._changed.discard(layer)
        self._latest(layer).ask(partial(look, layer.data, ()), done, self._say_error)

    def _select(self, layer: Labels, highest: int, ready: Callable[[int], None]) -> None:
        tool = str(layer.mode)
        try:
            ready(self.take(layer, highest))
        except BadInput as error:
            self._say_error(str(error))
        if tool in PAINTS:
            layer.mode = tool

    def _on_counted(self) -> None:
        """Numbers that napari begins with are another cell's; those chosen since stay."""
        for layer, brush in list(self._opened.items()):
            known = self._counting.tally(layer)
            if known is None or self._session.labels_are != "instances":
                continue
            del self._opened[layer]
            writable = not layers.unwritable(layer)
            if brush == layers.brush_number(layer) and known.pixels[brush] and writable:
                with suppress(BadInput):  # there is none; “New cell” says so
                    self.renew(layer, known.highest)
        for layer in list(self._unused):
            self._exchange(layer)

    def _on_paint(self, event: Any) -> None:
        """By hand; undo and redo are not told so."""
        layer = event.source
        number = self._unused.get(layer)
        if number is not None and parts.paints(event.value, number):
            del self._unused[layer]
            layer.events.paint.disconnect(self._on_paint)

    def _on_edited(self, layer: Labels) -> None:
        if layer in self._unused:
            later(0, partial(self._exchange, layer, said=True), self._say_error)

    def _exchange(self, layer: Labels, *, said: bool = False) -> None:
        """The brush gets another number, if there is a cell of its own that it has not painted."""
        number, known = self._unused.get(layer, 0), self._counting.tally(layer)
        if known is None or not known.pixels[number] or number != layers.brush_number(layer):
            return
        if self._session.labels_are != "instances" or self._counting.in_stroke(layer):
            return
        try:
            other = self.renew(layer, known.highest)
        except BadInput as error:
            self._say_error(str(error))
            return
        if said:
            self._session.say(f"Cell {number} is there again: the next cell is {other}.")

    def _on_changed(self, layer: Labels) -> None:
        self._changed.add(layer)
        self._opened.pop(layer, None)

    def _look(self, layer: Labels) -> None:
        if not self._watching.knows(layer):
            self._given.pop(layer, None)
            return
        self._changed.discard(layer)
        numbers = frozenset(self._given.get(layer, ()))
        self._latest(layer).ask(
            partial(look, layer.data, numbers), partial(self._on_looked, layer), self._say_error
        )

    def _latest(self, layer: Labels) -> Latest:
        return self._looking.setdefault(layer, Latest())

    def _on_looked(self, layer: Labels, found: tuple[int, Counter[int]]) -> None:
        highest, pixels = found
        known = self._counting.tally(layer)
        busy = layer in self._changed or self._counting.in_stroke(layer)
        if known is None or busy:
            QTimer.singleShot(PAUSE, partial(self._look, layer))
            return
        numbers = self._given.pop(layer, set())
        taken = sorted(n for n in numbers if pixels[n] > known.pixels[n])
        if not taken and highest <= known.highest:
            return
        brush = layers.brush_number(layer)
        self._counting.afresh(layer)
        painted = [n for n in taken if known.pixels[n]]
        if brush in taken and brush not in painted:
            number = self.renew(layer, max(highest, known.highest))
            self._session.say(f"Number {brush} was in use already: the next cell is {number}.")
        if painted:
            self._session.say(
                f"Number {painted[0]:,} was in use already, by something that wrote into "
                f"“{layer.name}” unseen: undo your strokes (Ctrl-Z) and press N.",
                "error",
            )

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")


def _hand(layer: Labels) -> tuple[str, int]:
    """What the user works with: the tool and the number."""
    return str(layer.mode), int(layer.selected_label)


def _wants(layer: Labels, before: tuple[str, int]) -> bool:
    """Whether the next number goes with what the user has in hand now, or had `before`."""
    tool, number = _hand(layer)
    return number == before[1] and (tool == before[0] or tool in PAINTS)


def _with_begun(layer: Labels, highest: int) -> int:
    """The highest number, those that are begun or being added with it."""
    return max(highest, layers.highest_to_come(layer), history.highest_begun(layer))


def _quick(layer: Labels) -> bool:
    in_memory = isinstance(layer.data, np.ndarray)
    return int(np.prod(layer.data.shape)) <= (AT_ONCE if in_memory else AT_ONCE_STORED)
