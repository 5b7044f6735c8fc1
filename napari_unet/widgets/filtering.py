"""The finished predictions: their filters, their probability, their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet import layers
from napari_unet.core.settings import ModelConfig
from napari_unet.session import Session

from . import modelling
from .background import Latest, guarded, in_thread
from .growing import overlay
from .in_hand import in_hand, take_up
from .predicted import (
    Found,
    Stored,
    apart,
    as_filtered,
    filtered,
    in_words,
    probability,
    relabelled,
)
from .turns import in_turns

PAUSE = 120  # ms after a filter was moved
NONE_LEFT = "Lower “Threshold” or “Smallest cell” to see some."


class Filtering(QObject):
    """The last prediction of each image stays at hand until the image goes or the window closes."""

    kept = Signal()  # another prediction is at hand, or one less

    def __init__(self, viewer: Viewer, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._stored: dict[str, Stored] = {}
        self._filters: dict[str, tuple[float, int]] = {}  # threshold and least size of an image
        self._asking: defaultdict[str, Latest] = defaultdict(Latest)  # of each image
        self._showing: defaultdict[str, Latest] = defaultdict(Latest)  # its probability
        self._moved = ""  # the image whose filter was moved last
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(guarded(self._filter, self._say_error))
        for name in ("image", "axes", "shape"):
            getattr(session.events, name).connect(self._on_image)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        self._pause.stop()
        for asking in (*self._asking.values(), *self._showing.values()):
            asking.forget()
        for name in ("image", "axes", "shape"):
            getattr(self._session.events, name).disconnect(self._on_image)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for stored in self._stored.values():
            modelling.remove(stored.job)
        self._stored.clear()

    def keep(self, stored: Stored, found: Found, ended: Callable[[bool], None]) -> None:
        """Show it: it is the image's prediction now, and an earlier one is no longer needed.

        `ended` hears whether it was drawn to its end, once it is no longer drawn.
        """
        key, instances = layers.key(stored.image), stored.instances
        self.hold(stored.image)
        self._drop(key)
        self._stored[key] = stored
        self.kept.emit()
        stored.image.events.data.connect(self._on_picture)  # napari connects it once only
        self._filters[key] = instances.threshold, instances.min_size
        layer = overlay(self._viewer, stored, show=in_hand(self._session, stored.image))
        if layer is not None:
            layer.events.paint.connect(self._on_painted)
        wanted = self._session.show_probability
        self._on_image()
        if wanted and stored.has_cells and self._session.image == key:
            self.show_probability(True)
        self._show(stored, found, ended)

    def keeps(self, stored: Stored) -> bool:
        """Whether this prediction is at hand."""
        return any(each.job == stored.job for each in self._stored.values())

    def jobs(self) -> list[str]:
        """The folders of the predictions that are at hand."""
        return [str(stored.job) for stored in self._stored.values()]

    def hold(self, image: Image) -> None:
        """A new prediction of the image begins: what was asked of the earlier one is too late."""
        key = layers.key(image)
        self._asking[key].forget()
        if self._moved == key:
            self._pause.stop()

    def discard(self, stored: Stored) -> None:
        """Its files may take gigabytes; what is drawn stays."""
        in_thread(lambda: modelling.remove(stored.job), lambda _: None, self._say_error)

    def choose_threshold(self, value: float) -> None:
        self._session.threshold = value
        self._on_moved()

    def choose_min_size(self, value: int) -> None:
        self._session.min_size = value
        self._on_moved()

    def filtered_model(self) -> ModelConfig | None:
        """What the selected model would have to be to give what the filters show; None = it is."""
        session, stored = self._session, self._in_hand()
        if stored is None or not stored.has_cells or stored.model != Path(session.model):
            return None
        shown, own = (session.threshold, session.min_size), stored.instances
        made = as_filtered(stored, *shown)
        return None if shown == (own.threshold, own.min_size) or made == stored.config else made

    def show_probability(self, on: bool) -> None:
        """Show or hide the stored probability as a layer."""
        self._session.show_probability = on
        stored = self._in_hand()
        if stored is None:
            return
        asking = self._showing[layers.key(stored.image)]
        if not on:
            asking.forget()
            layers.hide(self._viewer, stored.image, "probability")
            return
        shape = layers.labels_shape(stored.image)

        def done(array: npt.NDArray[np.float32]) -> None:
            if stored.stands and stored.image in self._viewer.layers:
                seen = in_hand(self._session, stored.image)
                layers.show_probability(self._viewer, stored.image, array, show=seen)

        asking.ask(lambda: probability(stored, shape), done, self._say_error)

    def _drop(self, key: str) -> None:
        self._filters.pop(key, None)
        for asking in (self._asking, self._showing):
            if key in asking:
                asking[key].forget()  # its files go
        stored = self._stored.pop(key, None)
        if stored is not None:
            self.kept.emit()
            self.discard(stored)

    def _on_removed(self, event: Any) -> None:
        """A layer was taken away: if it was an image, nobody can filter its prediction any more."""
        self._drop(layers.key(event.value))

    def _on_picture(self, event: Any) -> None:
        """An image was given another picture, in which nothing was predicted yet."""
        image = event.source
        stored = self._stored.get(layers.key(image))
        if stored is None or stored.same_picture:
            return
        self._drop(layers.key(image))
        shown = layers.has_cells(self._viewer, image) and in_hand(self._session, image)
        layers.empty_prediction(self._viewer, image)
        take_up(self._viewer, self._session)
        self._on_image()
        if shown and not self._session.job:
            self._session.say(f"“{image.name}” is another picture now: press “Predict” again.")

    def _on_painted(self, event: Any) -> None:
        """The user paints on the overlay, which the next filter or prediction draws anew."""
        layer = event.source
        layer.events.paint.disconnect(self._on_painted)
        if layers.role(layer) == "prediction":
            self._session.say(
                "Accept first, then correct in your labels: what is painted on the prediction "
                "does not stay."
            )

    def _show(self, stored: Stored, found: Found, ended: Callable[[bool], None]) -> None:
        layer = overlay(self._viewer, stored, show=in_hand(self._session, stored.image))
        if layer is None:
            ended(False)
            return
        layers.note_undrawn(layer, stored.slices)  # until all of them are
        whole = layers.whole_slice(layer)
        writing = layers.Writing(
            layer,
            [(i, whole, plane) for i, plane in zip(stored.slices, found.labels, strict=True)],
        )

        def done() -> None:
            if writing.whole:
                layers.note_drawn(layer, stored.slices, stored.job.name, str(stored.model))
                take_up(self._viewer, self._session)
            ended(writing.whole)

        in_turns(writing.go_on, done, self._say_error)

    def _on_image(self) -> None:
        """Another image is in hand: its filters, if its probability is stored."""
        session, stored = self._session, self._in_hand()
        session.filterable = stored is not None and stored.has_cells
        image = layers.find(self._viewer, session.image)
        session.show_probability = image is not None and layers.is_on_show(
            self._viewer, image, "probability"
        )
        if stored is not None:
            session.threshold, session.min_size = self._filters[session.image]

    def _in_hand(self) -> Stored | None:
        """The prediction of the image in hand, as long as it is read in the same way."""
        stored = self._stored.get(self._session.image)
        return stored if stored is not None and stored.stands else None

    def _on_moved(self) -> None:
        session = self._session
        if self._pause.isActive() and self._moved != session.image:
            self._filter()
        self._moved = session.image
        self._filters[session.image] = session.threshold, session.min_size
        self._pause.start()

    def _filter(self) -> None:
        """Show the cells of the image whose filter was moved; another may be in hand by now."""
        key = self._moved
        stored = self._stored.get(key)
        if stored is None or not stored.stands or self._session.job == "predicting":
            return
        threshold, size = self._filters[key]
        settings = filtered(stored.instances, threshold, size)

        def say(found: Found, whole: bool) -> None:
            if whole and not self._session.job and in_hand(self._session, stored.image):
                where = f"at threshold {threshold:.2f}" + (f" and from {size:,} px on" * (size > 0))
                step = "Accept what is right into your labels." if found.number else NONE_LEFT
                self._session.say(f"{in_words(stored, found)} {where}. {step}", "done")

        def done(found: Found) -> None:
            if stored.stands:
                self._show(stored, found, partial(say, found))

        layer = overlay(self._viewer, stored, show=in_hand(self._session, stored.image))
        rest = None if layer is None else layer.data
        self._asking[key].ask(
            lambda: apart(relabelled(stored, settings), rest, stored), done, self._say_error
        )

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")
