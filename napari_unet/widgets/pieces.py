"""Numbers in several pieces, in the labels in hand: watched slice by slice, and told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.advice import advise
from napari_unet.core.errors import BadInput
from napari_unet.core.pieces import apart, torn
from napari_unet.core.tally import look
from napari_unet.layers import history
from napari_unet.layers.edits import Edit
from napari_unet.session import Session
from napari_unet.wording import count

from .annotating import Annotating
from .background import Latest, in_thread, safely
from .undoing import Undoing

LARGEST = 1 << 22  # pixels of a slice; a larger one is not searched after each stroke (0.15 s)
AT_ONCE = 1 << 24  # pixels of the slices that are searched in one go
CHANGED = "The labels were changed meanwhile; press the button again."
ADDING = "Found cells are being added to the labels; press the button again once they are there."


@dataclass(frozen=True)
class Renumbering:
    """Pixels that get other numbers: flat positions, what they hold, and what they get."""

    index: npt.NDArray[np.intp]
    old: npt.NDArray[Any]
    new: npt.NDArray[np.int64]


class Pieces(QObject):
    """Searches the slices that were painted on, in a thread, after each pause."""

    def __init__(
        self, session: Session, annotating: Annotating, undoing: Undoing, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._annotating, self._undoing = session, annotating, undoing
        self._counting = annotating.counting
        self._asking = Latest()
        self._found: dict[Labels, dict[int, dict[int, int]]] = {}  # by slice: number -> pieces
        self._stale: dict[Labels, set[int]] = {}  # slices that are to be searched
        self._parting = False
        # numbers painted with while pieces are looked for; None: anything may have changed
        self._since: dict[Labels, set[int] | None] = {}
        annotating.watching.edited.connect(self._on_edited)
        annotating.watching.replaced.connect(self._on_replaced)
        self._counting.counted.connect(self._search)
        for signal in (session.events.labels, session.events.labels_are):
            signal.connect(self._show)

    def close(self) -> None:
        """Let go of the session and the layers."""
        self._asking.forget()
        for signal in (self._session.events.labels, self._session.events.labels_are):
            signal.disconnect(self._show)
        self._found.clear()
        self._stale.clear()
        self._since.clear()

    def give_numbers(self) -> None:
        """Give each piece but the largest a number of its own, as one undo step."""
        layer = self._annotating.labels()
        slices = [i for i, found in self._found.get(layer, {}).items() if found]
        if layer is None or not slices or self._parting:
            return
        why_not = layers.unwritable(layer) or layers.not_at_hand(layer, stored=True)
        why_not = why_not or (ADDING if layers.being_added(layer) else "")
        if why_not:
            self._session.say(why_not, "error")
            return
        layers.uncover(layer)  # now: the user may have turned to another image when it is done
        self._parting = True
        with safely(self._failed):
            self._part(layer, slices, layers.brush_number(layer))

    def _part(self, layer: Labels, slices: list[int], brush: int) -> None:
        data = layer.data
        self._since = {layer: set()}

        def done(made: Renumbering) -> None:
            since = self._since.pop(layer, set())
            regrown = since is None or np.isin(made.old, list(since)).any()
            if regrown and layer.data is data:
                self._part(layer, slices, brush)  # pieces have grown, or become one
            else:
                self._on_parted(layer, data, brush, made)

        in_thread(lambda: renumbering(data, slices), done, self._failed)

    def _on_parted(self, layer: Labels, data: Any, brush: int, made: Renumbering) -> None:
        self._parting, self._since = False, {}
        why_not = layers.unwritable(layer)
        if why_not:
            self._failed(why_not)
            return
        where = np.unravel_index(made.index, data.shape)
        stands = layer.data is data and not self._counting.in_stroke(layer)
        stands = stands and layers.being_added(layer) is None
        if not stands or not np.array_equal(np.asarray(data[where]), made.old):
            self._failed(CHANGED)
            return
        if not len(made.index):
            return
        # the user may have painted cells with these numbers since
        new = made.new + max(self._counting.highest(layer) + 1 - int(made.new.min()), 0)
        highest = int(new.max())
        try:
            layers.renumber(layer, where, new, highest)
            # a cell that was chosen while they were looked for stays chosen
            if (now := layers.brush_number(layer)) == brush or now >= new.min():
                self._annotating.numbering.renew(layer, highest)
        except BadInput as error:
            self._failed(str(error))
            return
        given = len(np.unique(new))
        are = "has a number of its" if given == 1 else "have numbers of their"
        other = layer is not self._annotating.labels()
        rest = f" in “{layer.name}”." if other else " (undo: Ctrl-Z)."
        words = f"{count(given, 'piece')} {are} own now{rest}"
        self._session.say(words, "done")
        step = history.next_step(layer, "undo") or [None]
        self._undoing.follow(
            layer, step[0], partial(self._on_undone, words), partial(self._on_redone, words)
        )

    def _on_undone(self, words: str) -> None:
        if self._session.status == words:
            advise(self._session, "The pieces have one number again.")

    def _on_redone(self, words: str) -> None:
        if not self._session.job:
            self._session.say(words, "done")

    def _failed(self, words: str) -> None:
        self._parting, self._since = False, {}
        self._say_error(words)

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")

    def _on_edited(self, layer: Labels, edits: list[Edit]) -> None:
        if layer in self._stale:
            shape = layer.data.shape[:-2]
            for edit in edits:
                box = np.ix_(*(np.arange(b.start, b.stop) for b in edit.box[:-2]))
                at = np.ravel_multi_index(box, shape).ravel().tolist() if shape else [0]
                self._stale[layer].update(at)
        since = self._since.get(layer)
        if since is not None:
            since.update(*(np.unique(edit.new).tolist() for edit in edits))
        self._asking.forget()

    def _on_replaced(self, layer: Labels) -> None:
        self._stale.pop(layer, None)
        if layer in self._since:
            self._since[layer] = None
        self._asking.forget()

    def _search(self) -> None:
        """Search what has changed; layers that are gone are forgotten."""
        for gone in [x for x in self._found if not self._annotating.watching.knows(x)]:
            del self._found[gone]
            self._stale.pop(gone, None)
        layer = self._annotating.labels()
        tally = None if layer is None else self._counting.tally(layer)
        plane = 0 if layer is None else int(np.prod(layer.data.shape[-2:]))
        if layer is None or tally is None or not 0 < plane <= LARGEST:
            self._show()
            return
        if layer not in self._stale:
            self._found[layer] = {}
            self._stale[layer] = set(np.flatnonzero(tally.painted).tolist())
        some = sorted(self._stale[layer])[: max(AT_ONCE // plane, 1)]
        if not some or self._session.labels_are == "classes":
            self._show()
            return
        if self._counting.in_stroke(layer):  # a stroke that changes nothing tells of no edit
            self._counting.soon()
            self._show()
            return
        self._asking.ask(
            partial(searched, layer.data, some), partial(self._on_searched, layer), self._say_error
        )

    def _on_searched(self, layer: Labels, found: dict[int, dict[int, int]]) -> None:
        if layer not in self._stale:
            return
        if self._counting.in_stroke(layer):
            self._counting.soon()
        else:
            self._found[layer].update(found)
            self._stale[layer] -= set(found)
            self._search()  # the rest, or nothing

    def _show(self) -> None:
        layer = self._annotating.labels()
        cells = self._session.labels_are == "instances"
        found = self._found.get(layer, {}) if layer is not None and cells else {}
        self._session.torn = tuple(
            (number, pieces, index if layer is not None and layer.ndim > 2 else None)
            for index, numbers in sorted(found.items())
            for number, pieces in sorted(numbers.items())
        )


def searched(data: Any, slices: Sequence[int]) -> dict[int, dict[int, int]]:
    """The numbers in pieces of each of these slices. Not for the GUI thread."""
    return {index: torn(_plane(data, index)) for index in slices}


def renumbering(data: Any, slices: Sequence[int]) -> Renumbering:
    """Numbers of their own for the pieces of these slices. Not for the GUI thread."""
    first = look(data, ())[0] + 1
    size = int(np.prod(data.shape[-2:]))
    index, old, new = [], [], []
    for number in slices:
        plane = _plane(data, number)
        at, values = apart(plane, first)
        first = max(first, int(values.max(initial=0)) + 1)
        index.append(at + number * size)
        old.append(plane.ravel()[at])
        new.append(values)
    return Renumbering(np.concatenate(index), np.concatenate(old), np.concatenate(new))


def _plane(data: Any, index: int) -> npt.NDArray[Any]:
    """A copy: the user goes on painting."""
    at = tuple(int(i) for i in np.unravel_index(index, data.shape[:-2])) if data.ndim > 2 else ()
    return np.array(data[(*at, slice(None), slice(None))])
