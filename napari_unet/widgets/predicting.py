"""Part 4's deeds: a prediction by the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.advice import advise, the_model, why_not_predict
from napari_unet.session import Progress, Session
from napari_unet.wording import count, sentence

from . import modelling
from .background import guarded, in_thread, safely
from .child import Child
from .choosing import forget_model
from .filtering import Filtering
from .growing import Growing, overlay
from .in_hand import in_hand, named, take_up
from .predicted import Found, Stored, Tile, final, in_words, prepared, recovered, settled

NOTHING = "Lower the threshold, choose another model, or paint some cells and press “Fine-tune”."
PERIOD = 0.1  # s between two updates of the bar
Tell = Callable[[Found, Stored], None]


class Predicting(QObject):
    """One prediction at a time; the finished ones go to the filters."""

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        child: Child,
        filtering: Filtering,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._child = child
        self._filtering = filtering
        self._running: Stored | None = None
        self._growing = Growing(viewer, self)
        self._growing.begun.connect(guarded(self._on_begun, self._say_error))
        self._growing.shown.connect(guarded(self._finish, self.failed))
        self._growing.failed.connect(self._say_error)
        self._told = self._finished = 0  # tiles; slices of which the worker has written all
        self._warnings: list[str] = []  # such as the size of the cells; they stay in the result
        self._told_at = 0.0
        self._turn = 0  # counts the wishes; an answer to an earlier one is passed over

    def close(self) -> None:
        """The window closes: nobody will ask for what is under way."""
        self._turn += 1
        self._growing.end()
        if self._running is not None:
            modelling.remove(self._running.job)

    @property
    def running(self) -> bool:
        """A prediction is under way, or being stopped."""
        return self._running is not None or self._session.job == "predicting"

    # ---- wishes

    def start(self) -> None:
        """Write a job with the image in hand and let the worker predict it."""
        session = self._session
        image, why_not = layers.find(self._viewer, session.image), why_not_predict(session)
        if why_not or not isinstance(image, Image):
            session.say(why_not or "Open an image first.", session.mood)
            return
        layers.show(self._viewer, image)
        self.start_with(image, session.model)

    def start_with(self, image: Image, model: str) -> None:
        """Predict an image, be it in hand or not, with this model; nothing else may be running."""
        if not Path(model).exists():
            forget_model(self._session, model)
            return
        self._turn += 1
        self._session.job = "predicting"
        with safely(self.failed):
            self._prepare(image, Path(model))

    def _prepare(self, image: Image, model: Path) -> None:
        session, turn = self._session, self._turn
        now = layers.current_slice(self._viewer, image)
        mine = in_hand(session, image)  # as are the panel's choices
        every = mine and session.all_slices
        slices = tuple(range(layers.slice_count(image))) if every else (now,)
        order = sorted(slices, key=lambda i: (abs(i - now), i))
        asked = {
            "array": layers.pixels(image),
            "letters": layers.axes(image),
            "first": layers.visible_window(image),
            "tile": session.tile,
            "diameter": (session.diameter or None) if mine else None,
        }
        layers.unhide(self._viewer, image, "prediction")  # a new one is made with the first tile
        self._filtering.hold(image)
        self._told = self._finished = 0
        self._warnings.clear()
        session.progress = Progress(None)
        session.say("Predicting…", "busy")

        def done(stored: Stored) -> None:
            if turn == self._turn:
                self._on_prepared(stored)
            else:  # stopped meanwhile
                self._filtering.discard(stored)

        def failed(words: str) -> None:
            if turn == self._turn:
                self.failed(words)

        in_thread(lambda: prepared(image, model, order, **asked), done, failed)

    def stop(self) -> None:
        """Break it off; slices that are finished are kept."""
        self._turn += 1
        self._session.job = "stopping"
        self._session.say("Stopping the prediction…", "busy")
        if not self._child.stop():
            self._broken_off()

    # ---- what the worker says

    def on_message(self, said: dict[str, Any]) -> None:
        """Show one message of the worker about the prediction."""
        event = said["event"]
        if event == "tile":
            self._on_tile(said)
        elif event == "warning":
            self._warnings.append(sentence(str(said.get("words", ""))))
            self._session.say(self._warnings[-1], "busy")
        elif event == "done":
            self._on_done(said)
        elif event == "failed":
            self._leave(str(said.get("words", "The prediction failed.")), self._say_error)

    def on_died(self, words: str) -> None:
        """The worker is gone; the layers stay."""
        if self._running is None and self._session.job == "predicting":
            return  # it is still being prepared: another worker will be given it
        words = sentence(words or "The worker process ended unexpectedly.")
        self._leave(
            f"{words} Your images and labels are untouched; press “Predict” again.",
            lambda words: self._session.say(words, "error"),
        )

    def failed(self, words: str) -> None:
        """It cannot be; one sentence says why."""
        self._end()
        take_up(self._viewer, self._session)
        self._say_error(words)

    # ---- steps

    def _on_prepared(self, stored: Stored) -> None:
        self._running = stored
        self._growing.begin(stored, self._session.threshold)
        self._child.send(f"predict {stored.job}")

    def _on_begun(self) -> None:
        take_up(self._viewer, self._session)

    def _on_tile(self, said: dict[str, Any]) -> None:
        if self._running is None or self._session.job != "predicting":
            return
        done, of = said["index"], said["of"]
        self._told, self._finished = done, max(self._finished, said["slice"] + (done == of))
        now = time.monotonic()
        if now - self._told_at > PERIOD:
            self._told_at = now
            self._session.progress = Progress(done / of, None, f"tile {done} of {of}")
        if done == of:  # of a large slice that takes long
            self._session.progress = Progress(1.0, None, "finding the cells…")
            self._session.say("All tiles are done; finding the cells…", "busy")
        y0, y1, x0, x1 = said["window"]
        self._growing.add(Tile(said["slice"], (y0, y1, x0, x1)))

    def _on_done(self, said: dict[str, Any]) -> None:
        if self._running is None or said.get("stopped"):
            self._broken_off()
            return
        self._growing.complete()

    def _broken_off(self) -> None:
        self._leave(
            "The prediction was broken off; what is drawn of it is a preview.",
            lambda words: advise(self._session, words),
        )

    def _leave(self, words: str, say: Callable[[str], None]) -> None:
        """It ends before it is done. Pieces of tiles are no cells; finished slices have some."""
        stored, finished = self._running, self._finished
        if stored is None or not finished:
            self._end()
            take_up(self._viewer, self._session)
            say(words)
            return
        self._growing.end()
        done = count(finished, "finished slice")
        kept = f"{sentence(words)} {done} of {len(stored.slices)} can be accepted."
        part = replace(stored, slices=stored.slices[:finished])
        self._settle(part, recovered, lambda found, stored: say(kept))

    def _finish(self) -> None:
        if self._running is not None:
            self._settle(self._running, final, self._say_found)

    def _settle(
        self, stored: Stored, cells: Callable[[Stored], npt.NDArray[np.int32]], tell: Tell
    ) -> None:
        """Draw the cells, which can be accepted and filtered from then on."""
        self._running = None
        layer = overlay(self._viewer, stored, show=False)
        rest, turn = None if layer is None else layer.data, self._turn

        def done(made: tuple[Stored, Found]) -> None:
            if turn == self._turn:
                self._on_final(*made, tell)
            else:  # broken off, and perhaps begun anew
                self._filtering.discard(stored)

        def failed(words: str) -> None:
            if turn == self._turn:
                self.failed(words)
            if not self._filtering.keeps(stored):
                self._filtering.discard(stored)

        in_thread(lambda: settled(stored, cells, rest), done, failed)

    def _on_final(self, stored: Stored, found: Found, tell: Tell) -> None:
        session = self._session
        there = stored.image in self._viewer.layers
        if not there or not stored.stands:
            self._filtering.discard(stored)
            what = named(session, stored.image, "") or "The image"
            words = f"{what} is another picture, has another shape, or is read in another way now"
            if there and not stored.same_picture:
                layers.empty_prediction(self._viewer, stored.image)
            self.failed(f"{words}; press “Predict” again.")
            if not there:
                advise(session)
            return
        session.say("Drawing the cells…", "busy")
        turn = self._turn

        def ended(whole: bool) -> None:
            if turn == self._turn:  # else it was stopped, and perhaps begun anew
                self._on_shown(stored, found, tell if whole else None)

        self._filtering.keep(stored, found, ended)

    def _on_shown(self, stored: Stored, found: Found, tell: Tell | None) -> None:
        """Only now it can be accepted: what is half drawn is half of the preview."""
        self._end()
        take_up(self._viewer, self._session)
        if tell is None:
            advise(self._session)
            return
        layers.hide(self._viewer, stored.image, "weights")  # the overlay is what matters now
        tell(found, stored)

    def _say_found(self, found: Found, stored: Stored) -> None:
        session = self._session
        where = named(session, stored.image, "in")
        model = the_model(session, str(stored.model))
        words = f"Found {in_words(stored, found)}{where} with {model}."
        words = " ".join([words, *dict.fromkeys(self._warnings)])
        if found.number or where:
            advise(session, words)
        else:
            session.say(f"{words} {NOTHING}", "done")

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")

    def _end(self) -> None:
        self._growing.end()
        if self._running is not None:  # it was not finished
            self._filtering.discard(self._running)
        self._running = None
        if self._session.job in ("predicting", "stopping"):
            self._session.job = ""
        self._session.progress = None
