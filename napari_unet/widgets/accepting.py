"""Accept: the found cells go into the user's labels, as one undo step."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.advice import CORRECT, advise, next_step, why_not_accept
from napari_unet.merging import Addition
from napari_unet.session import Session
from napari_unet.wording import count

from .accept_words import (
    AGAIN,
    CHANGED,
    CLOSED,
    FOR_GOOD,
    NOT_BEGUN,
    UNDO,
    added,
    nothing_new,
    other_kind,
    still,
    what,
)
from .accepted import Accepted
from .accepted_before import AcceptedBefore
from .background import in_thread, later, safely
from .counting import Counting
from .in_hand import in_hand, named, take_up, unfinished
from .numbering import Numbering
from .offer import Offer
from .undoing import Undoing

STROKE = 100  # ms until it is asked again whether the stroke has ended
AT_ONCE = 0.02  # s of writing, then the window is drawn


class Accepting:
    """What the user painted stays; only unpainted pixels are filled."""

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        counting: Counting,
        numbering: Numbering,
        undoing: Undoing,
    ) -> None:
        self._viewer, self._session, self._undoing = viewer, session, undoing
        self._counting, self._numbering = counting, numbering
        self._before = AcceptedBefore()
        self._merging = False
        self._merged: Image | None = None  # whose cells they are, or were last
        self._own: Labels | None = None  # that they are added to
        self._then: Callable[[], None] | None = None  # waits until they are in the labels
        self._said = ""  # about what was accepted, undone or redone last

    def accept(self) -> None:
        """Copy the prediction of the image in hand into its labels."""
        viewer, session = self._viewer, self._session
        image = layers.find(viewer, session.image)
        if not isinstance(image, Image):
            return
        if self._merging:
            waits = "" if self._own is None else unfinished(viewer, self._own)
            if waits or image is not self._merged:
                session.say(waits or f"{still(self._merged)}; {AGAIN}")
            return
        found, why_not = layers.partner(viewer, image, "prediction"), why_not_accept(session)
        if found is None or why_not or not layers.drawn(found):
            session.say(why_not or CHANGED, "error")
            return
        own = layers.partner(viewer, image, "labels") or layers.make_labels(viewer, image)
        background = layers.partner(viewer, image, "background")
        misfits = (layers.misfit(image, x) for x in (own, background) if x is not None)
        other = other_kind(layers.found_kind(found), session.labels_are)
        why_not = next((x for x in misfits if x), other) or layers.unwritable(own)
        why_not = why_not or layers.not_at_hand(own) or unfinished(viewer, own)
        if why_not:
            session.say(why_not, "error")
            return
        drawn, kind = layers.drawn(found), session.labels_are
        self._merging, self._merged, self._own = True, image, own
        with safely(self._failed):
            # now, not when it is done: the user may have turned to something else by then
            viewer.layers.selection.active = own
            layers.uncover(own)
            drawing, brush, data = layers.drawings(found), self._brush(own), own.data
            self._merge(Offer(image, own, found, background, drawn, kind, data, drawing, brush))

    def afterwards(self, deed: Callable[[], None]) -> None:
        """Now, or where cells are being added once they are there; never if they do not come."""
        if not self._merging:
            deed()
            return
        self._then = deed
        self._session.say(self._waits_for() or f"{still(self._merged)}…", "busy")

    def _waits_for(self) -> str:
        """What the user has to end before more is added, in one sentence; "" = nothing."""
        return "" if self._own is None else layers.unfinished(self._own)

    def close(self) -> None:
        """Nothing begins after what is being added: the window closes."""
        self._then = None

    def _end(self, *, done: bool = False) -> str:
        """It is over; what has waited for it comes where it is `done`, else it is said not to."""
        then, self._then, self._merging, self._own = self._then, None, False, None
        if done and then is not None:
            later(0, then, self._failed)
        return NOT_BEGUN if then is not None and not done else ""

    def _brush(self, own: Labels) -> tuple[int, int | None]:
        number, known = layers.brush_number(own), self._counting.tally(own)
        return number, None if known is None else known.pixels[number]

    def _left(self, offer: Offer) -> bool:
        """Whether the brush has what the last stroke before has left in it, as far as is known."""
        (number, pixels), (before, then) = self._brush(offer.own), offer.brush
        return number == before and (pixels == then or None in (pixels, then))

    def _merge(self, offer: Offer) -> None:
        merged = partial(self._on_merged, offer, self._before.fates(offer))
        in_thread(self._before.merge(offer), merged, self._failed)

    def not_accepted(self, image: Image, own: Labels, labels: Any) -> Callable[[], int]:
        """How many cells of the overlay on show are not in `labels`: counted in a thread.

        Parameters
        ----------
        labels : a copy of the data of `own`, with all that is being added
        """
        viewer, session = self._viewer, self._session
        found = layers.partner(viewer, image, "prediction")
        background = layers.partner(viewer, image, "background")
        others = [x for x in (own, found, background) if x is not None]
        kind = None if found is None else layers.found_kind(found)
        if found is None or not found.visible or any(layers.misfit(image, x) for x in others):
            return lambda: 0
        if session.labels_are == "classes" or kind == "classes":
            return lambda: 0  # nobody counts pixels of kinds
        drawn = layers.drawn(found)
        offer = Offer(image, own, found, background, drawn, "instances", own.data)
        work = self._before.merge(offer, labels)
        return lambda: work().cells

    def _failed(self, words: str) -> None:
        self._session.say(words + self._end(), "error")

    def _broken_off(self, adding: layers.Adding, words: str) -> None:
        """What is written of it is taken back: cells that are cut would be taken for whole ones."""
        self._failed(words)
        self._before.forget(adding.part)
        with safely(self._failed):
            adding.take_back()

    def _on_merged(self, offer: Offer, fates: list[bool], new: Addition) -> None:
        own, highest = offer.own, 0
        if self._counting.in_stroke(own):  # its id has no count yet, nor its place among undo steps
            later(STROKE, partial(self._on_merged, offer, fates, new), self._failed)
            return
        if not self._stands(offer) or layers.unwritable(own):
            self._failed(layers.unwritable(own) or CHANGED)
            return
        if fates != self._before.fates(offer):  # an Accept was undone or redone meanwhile
            self._merge(offer)
            return
        if not len(new.index):
            self._end(done=True)
            words = nothing_new(new, offer.background is not None)
            self._session.say(f"{words}{named(self._session, offer.image, 'in')}.", "done")
            return
        cells = offer.kind == "instances"
        if cells:
            highest = self._counting.highest(own)
            new = new.beyond(highest)  # the user may have gone on painting
        adding = layers.Adding(own, new.index, new.values, new.ids[1])
        # an id that was to be the next cell's may be one of theirs now, and what the last
        # stroke has left in the brush is a cell that is done; one chosen since stays
        if cells and (layers.brush_number(own) > highest or self._left(offer)):
            self._numbering.renew(own, new.ids[1])
        with safely(partial(self._broken_off, adding)):
            adding.go_on()  # before the user asks for the next id
            deed = self._undoing.follow(own, adding.part)
            adding.still = lambda: deed.stands
            self._again(0, offer, new, adding)

    def _again(self, pause: int, offer: Offer, new: Addition, adding: layers.Adding) -> None:
        go_on, broken_off = partial(self._go_on, offer, new, adding), self._broken_off
        later(pause, go_on, partial(broken_off, adding))

    def _go_on(self, offer: Offer, new: Addition, adding: layers.Adding) -> None:
        """Write for a moment; then the window is the user's."""
        session = self._session
        if self._counting.in_stroke(offer.own):
            waits = self._waits_for()
            if waits and session.mood == "busy" and waits != session.status and not session.job:
                session.say(waits, "busy")
            self._again(STROKE, offer, new, adding)
            return
        if adding.undone:
            not_begun = self._end()
            adding.end()
            session.say(f"The cells are no longer added: it was undone.{not_begun}", "done")
            return
        # once begun it is brought to its end, whatever happens to other layers
        if not adding.stands:
            self._broken_off(adding, CHANGED)
            return
        if not adding.can_go_on:
            adding.leave_off()
            self._failed(CLOSED.format(offer.own.name))
            return
        until = time.perf_counter() + AT_ONCE
        while adding.left:
            adding.go_on()
            if time.perf_counter() > until:
                break
        if adding.left:
            if session.mood != "busy" and in_hand(session, offer.image):
                session.say(f"Adding {count(new.cells, what(offer.kind))} to your labels…", "busy")
            self._again(0, offer, new, adding)
            return
        self._end(done=True)
        self._remember(offer, new, adding.part)
        if self._shows(offer):
            # its cells are in the labels, where they can be corrected
            layers.hide(self._viewer, offer.image, "prediction")
            layers.note_accepted(offer.found)
            take_up(self._viewer, session)
        other = named(session, offer.image)
        undo = other or (UNDO if adding.can_be_undone else FOR_GOOD)
        step = next_step(session) if other else CORRECT
        session.say(f"{added(new, offer.kind, undo, adding.widened)} {step}", "done")
        self._said = session.status

    def _stands(self, offer: Offer) -> bool:
        """Whether the labels are still those of the image, as they were merged."""
        viewer, image, own = self._viewer, offer.image, offer.own
        there = image in viewer.layers and layers.partner(viewer, image, "labels") is own
        return there and own.data is offer.data and self._shows(offer)

    def _shows(self, offer: Offer) -> bool:
        """Whether what is drawn of the prediction is what was merged, not a mixture."""
        found = layers.partner(self._viewer, offer.image, "prediction")
        return found is offer.found and layers.drawings(found) == offer.drawing

    def _remember(self, offer: Offer, new: Addition, step: Any) -> None:
        """It must not be added again, not even where the user erases it."""
        turned = partial(self._on_turned, offer, offer.drawing)
        own = offer.own
        deed = self._undoing.follow(own, step, partial(turned, False), partial(turned, True))
        array, dtype = layers.Held(own.data), own.data.dtype
        made = Accepted(new.index, new.values, offer.drawn, deed, ref(own), array, dtype)
        self._before.add(offer.found, made)

    def _on_turned(self, offer: Offer, drawing: int, again: bool) -> None:
        """Undo took the cells out of the labels, or redo brought them back `again`."""
        session, image, found = self._session, offer.image, offer.found
        ours = session.status == self._said  # before other words come with what is shown
        shown = layers.partner(self._viewer, image, "prediction") is found
        if shown and layers.drawings(found) == drawing and layers.drawn(found) == offer.drawn:
            layers.note_accepted(found, again)
            if again:
                layers.hide(self._viewer, image, "prediction")
            elif in_hand(session, image):
                layers.unhide(self._viewer, image, "prediction")
            take_up(self._viewer, session)
        if in_hand(session, image) and ours and not session.job:
            where = "in your labels again" if again else "no longer in your labels"
            advise(session, f"The found cells are {where}.")
            self._said = session.status
