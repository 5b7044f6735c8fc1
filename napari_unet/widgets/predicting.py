"""Part 4's deeds: a prediction by the worker."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.advice import advise, why_not_predict
from napari_unet.session import Progress, Session
from napari_unet.wording import count

from . import modelling
from .background import in_thread
from .child import Child
from .filtering import Filtering
from .growing import Growing, overlay
from .predicted import Found, Stored, Tile, apart, final, measured, prepared

PERIOD = 0.1  # s between two updates of the bar


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
        self._growing.shown.connect(self._finish)
        self._growing.failed.connect(self._say_error)
        self._told_at = 0.0
        self._turn = 0  # counts the wishes; an answer to an earlier one is passed over

    def close(self) -> None:
        """The window closes: nobody will ask for what is under way."""
        self._turn += 1
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
        if not Path(session.model).exists():
            self._forget_model()
            return
        now = layers.current_slice(self._viewer, image)
        slices = tuple(range(layers.slice_count(image))) if session.all_slices else (now,)
        first = layers.visible_window(image)
        array, letters, model = layers.pixels(image), layers.axes(image), Path(session.model)
        layers.unhide(self._viewer, image, "prediction")  # a new one is made with the first tile
        self._turn += 1
        session.job = "predicting"
        session.progress = Progress(None)
        session.say("Predicting…", "busy")
        turn, tile, diameter = self._turn, session.tile, session.diameter or None
        order = sorted(slices, key=lambda i: (abs(i - now), i))

        def work() -> Stored:
            return prepared(
                image,
                model,
                order,
                array=array,
                letters=letters,
                first=first,
                tile=tile,
                diameter=diameter,
            )

        def done(stored: Stored) -> None:
            if turn == self._turn:
                self._on_prepared(stored)
            else:  # stopped meanwhile
                self._filtering.discard(stored)

        def failed(words: str) -> None:
            if turn == self._turn:
                self.failed(words)

        in_thread(work, done, failed)

    def stop(self) -> None:
        """Break it off; the tiles that are done stay."""
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
            self._session.say(str(said.get("words", "")), "busy")
        elif event == "done":
            self._on_done(said)
        elif event == "failed":
            self.failed(str(said.get("words", "The prediction failed.")))

    def on_died(self, words: str) -> None:
        """The worker is gone; the layers stay."""
        if self._running is None and self._session.job == "predicting":
            return  # it is still being prepared: another worker will be given it
        self._end()
        words = words or "The worker process ended unexpectedly."
        self._session.say(
            f"{words} Your images and labels are untouched; press “Predict” again.", "error"
        )

    def failed(self, words: str) -> None:
        """It cannot be; one sentence says why."""
        self._end()
        self._say_error(words)

    # ---- steps

    def _forget_model(self) -> None:
        """The selected model's file was deleted: it cannot stay in the list."""
        session, gone = self._session, self._session.model
        name = dict(session.models).get(gone, gone)
        session.models = tuple(x for x in session.models if x[0] != gone)
        session.model = session.models[0][0] if session.models else ""
        rest = "another is selected now" if session.model else "fine-tune one, or load one"
        session.say(f"The model {name} is no longer on disk ({gone}); {rest}.", "error")

    def _on_prepared(self, stored: Stored) -> None:
        self._running = stored
        self._growing.begin(stored, self._session.threshold)
        self._child.send(f"predict {stored.job}")

    def _on_tile(self, said: dict[str, Any]) -> None:
        if self._running is None or self._session.job != "predicting":
            return
        done, of = said["index"], said["of"]
        now = time.monotonic()
        if now - self._told_at > PERIOD:
            self._told_at = now
            self._session.progress = Progress(done / of, None, f"tile {done} of {of}")
        if done == of:  # of a large slice that takes long
            self._session.progress = Progress(1.0, None, "finding the cells ...")
            self._session.say("All tiles are done; finding the cells…", "busy")
        y0, y1, x0, x1 = said["window"]
        self._growing.add(Tile(said["slice"], (y0, y1, x0, x1)))

    def _on_done(self, said: dict[str, Any]) -> None:
        if self._running is None or said.get("stopped"):
            self._broken_off()
            return
        self._growing.complete()

    def _broken_off(self) -> None:
        self._end()
        advise(self._session, "The prediction was broken off; the tiles that are done stay.")

    def _finish(self) -> None:
        stored, self._running = self._running, None
        if stored is None:
            return
        self._session.progress = None
        layer = overlay(self._viewer, stored, show=False)
        rest, turn = None if layer is None else layer.data, self._turn

        def done(made: tuple[Stored, Found]) -> None:
            if turn == self._turn:
                self._on_final(*made)
            else:  # broken off, and perhaps begun anew
                self._filtering.discard(stored)

        def failed(words: str) -> None:
            if turn == self._turn:
                self.failed(words)

        in_thread(lambda: (measured(stored), apart(final(stored), rest, stored)), done, failed)

    def _on_final(self, stored: Stored, found: Found) -> None:
        session = self._session
        if stored.image not in self._viewer.layers:
            self._end()
            self._filtering.discard(stored)
            advise(session)
            return
        if not stored.stands:
            self._end()
            self._filtering.discard(stored)
            session.say("The image is read in another way now; press “Predict” again.", "error")
            return
        session.say("Drawing the cells…", "busy")
        self._filtering.keep(stored, found, partial(self._on_shown, stored, found))

    def _on_shown(self, stored: Stored, found: Found, whole: bool) -> None:
        """Only now it can be accepted: what is half drawn is half of the preview."""
        session = self._session
        self._end()
        if not whole:
            advise(session)
            return
        layers.hide(self._viewer, stored.image, "weights")  # the overlay is what matters now
        session.predicted = layers.key(stored.image) == session.image or session.predicted
        what = "cell" if stored.has_cells else "kind of thing"
        advise(session, f"Found {count(found.number, what)}.")

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
