"""Part 4's deeds: a prediction by the worker, its filters, its probability."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet import layers
from napari_unet.advice import advise, why_not_predict
from napari_unet.core.settings import ModelConfig
from napari_unet.session import Progress, Session
from napari_unet.wording import count

from .background import Latest, in_thread
from .child import Child
from .growing import Growing, overlay
from .predicted import (
    Found,
    Stored,
    Tile,
    apart,
    as_filtered,
    filtered,
    final,
    prepared,
    probability,
    relabelled,
)

PAUSE = 120  # ms after a filter was moved
PERIOD = 0.1  # s between two updates of the bar


class Predicting(QObject):
    """One prediction at a time; the finished ones stay at hand for the filters."""

    def __init__(self, viewer: Viewer, session: Session, child: Child, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._child = child
        self._running: Stored | None = None
        self._stored: dict[str, Stored] = {}
        self._filters: dict[str, tuple[float, int]] = {}  # threshold and least size of an image
        self._growing = Growing(viewer, self)
        self._growing.shown.connect(self._finish)
        self._growing.failed.connect(self._say_error)
        self._filtering = Latest()
        self._told_at = 0.0
        self._turn = 0  # counts the wishes; an answer to an earlier one is passed over
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._filter)
        session.events.image.connect(self._on_image)
        session.events.axes.connect(self._on_image)

    def close(self) -> None:
        self._turn += 1
        self._pause.stop()
        self._filtering.forget()
        self._session.events.image.disconnect(self._on_image)
        self._session.events.axes.disconnect(self._on_image)

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
        slices = tuple(range(session.slices_in_image)) if session.all_slices else (now,)
        first = layers.visible_window(image)
        array, letters, model = layers.pixels(image), layers.axes(image), Path(session.model)
        layers.prediction_layer(self._viewer, image)
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

    def choose_threshold(self, value: float) -> None:
        self._session.threshold = value
        self._remember_filters()
        self._pause.start()

    def choose_min_size(self, value: int) -> None:
        self._session.min_size = value
        self._remember_filters()
        self._pause.start()

    def filtered_model(self) -> ModelConfig | None:
        """What the selected model would have to be to give what the filters show; None = it is."""
        session, stored = self._session, self._in_hand()
        if stored is None or not stored.has_cells or stored.model != session.model:
            return None
        shown, own = (session.threshold, session.min_size), stored.instances
        return None if shown == (own.threshold, own.min_size) else as_filtered(stored, *shown)

    def show_probability(self, on: bool) -> None:
        """Show or hide the stored probability as a layer."""
        self._session.show_probability = on
        stored = self._in_hand()
        if stored is None:
            return
        if not on:
            layers.hide(self._viewer, stored.image, "probability")
            return
        shape = layers.labels_shape(stored.image)
        in_thread(
            lambda: probability(stored, shape),
            lambda array: layers.show_probability(self._viewer, stored.image, array),
            self._say_error,
        )

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
        if now - self._told_at > PERIOD or done == of:
            self._told_at = now
            self._session.progress = Progress(done / of, None, f"tile {done} of {of}")
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
        layer = overlay(self._viewer, stored)
        rest = None if layer is None else layer.data
        in_thread(
            lambda: apart(final(stored), rest, stored),
            lambda found: self._on_final(stored, found),
            self.failed,
        )

    def _on_final(self, stored: Stored, found: Found) -> None:
        session = self._session
        self._end()
        if not stored.stands:
            session.say("The image is read in another way now; press “Predict” again.", "error")
            return
        self._stored[layers.key(stored.image)] = stored
        instances = stored.instances
        self._filters[layers.key(stored.image)] = instances.threshold, instances.min_size
        self._show(stored, found)
        layers.hide(self._viewer, stored.image, "weights")  # the overlay is what matters now
        session.predicted = layers.key(stored.image) == session.image or session.predicted
        self._on_image()
        if session.show_probability and stored.has_cells:
            self.show_probability(True)
        what = "cell" if stored.has_cells else "kind of thing"
        advise(session, f"Found {count(found.number, what)}.")

    def _show(self, stored: Stored, found: Found) -> None:
        layer = overlay(self._viewer, stored)
        if layer is not None:
            for index, plane in zip(stored.slices, found.labels, strict=True):
                layers.write_plane(layer, index, plane, show=False)
            layers.redraw(layer)

    def _on_image(self) -> None:
        """Another image is in hand: its filters, if its probability is stored."""
        session, stored = self._session, self._in_hand()
        session.filterable = stored is not None and stored.has_cells
        if stored is not None:
            session.threshold, session.min_size = self._filters[session.image]

    def _in_hand(self) -> Stored | None:
        """The prediction of the image in hand, as long as it is read in the same way."""
        stored = self._stored.get(self._session.image)
        return stored if stored is not None and stored.stands else None

    def _remember_filters(self) -> None:
        session = self._session
        self._filters[session.image] = session.threshold, session.min_size

    def _filter(self) -> None:
        stored = self._in_hand()
        if stored is None or self._session.job == "predicting":
            return
        threshold, size = self._session.threshold, self._session.min_size
        settings = filtered(stored.instances, threshold, size)

        def done(found: Found) -> None:
            self._show(stored, found)
            if not self._session.job:
                self._session.say(
                    f"{count(found.number, 'cell')} at threshold {threshold:.2f} "
                    f"and from {size} px on. Accept what is right into your labels.",
                    "done",
                )

        layer = overlay(self._viewer, stored)
        rest = None if layer is None else layer.data
        self._filtering.ask(
            lambda: apart(relabelled(stored, settings), rest, stored), done, self._say_error
        )

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")

    def _end(self) -> None:
        self._running = None
        self._growing.end()
        if self._session.job in ("predicting", "stopping"):
            self._session.job = ""
        self._session.progress = None
