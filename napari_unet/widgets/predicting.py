"""Part 4's deeds: the overlay tile by tile, the filters, and Accept."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from scipy import ndimage

from napari_unet import layers
from napari_unet.core.errors import BadInput
from napari_unet.core.instances import label_cells
from napari_unet.core.settings import InstanceSettings, ModelConfig
from napari_unet.merging import Addition, addition, class_addition
from napari_unet.runs.jobs import JobFolder, create_job
from napari_unet.session import Progress, Session, count

from . import modelling
from .background import Latest, in_thread
from .child import Child

PAUSE = 120  # ms after a filter was moved
BREATH = 40  # ms between two redraws of the overlay at least, for the brush
SHARE = 4  # of the time a redraw may take one part in so many


@dataclass(frozen=True)
class Stored:
    """A prediction whose probability is on disk."""

    job: Path
    image: Image
    slices: tuple[int, ...]
    config: ModelConfig


@dataclass(frozen=True)
class Found:
    """(S, Y, X) labels of a prediction's slices, and how many there are."""

    labels: npt.NDArray[np.int32]
    number: int


@dataclass(frozen=True)
class Tile:
    """One finished tile, as the worker named it."""

    slice: int  # of the image
    window: layers.Window


class Predicting(QObject):
    """One prediction at a time; the finished ones stay at hand for the filters."""

    def __init__(self, viewer: Viewer, session: Session, child: Child, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._child = child
        self._running: Stored | None = None
        self._stored: dict[str, Stored] = {}
        self._tiles: deque[Tile] = deque()
        self._drawing = False
        self._highest = 0  # provisional id
        self._filtering = Latest()
        self._given_up = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._filter)
        session.events.image.connect(self._on_image)

    def close(self) -> None:
        self._pause.stop()
        self._filtering.forget()
        self._session.events.image.disconnect(self._on_image)

    # ---- wishes

    def start(self) -> None:
        """Write a job with the image in hand and let the worker predict it."""
        session = self._session
        image = layers.find(self._viewer, session.image)
        if not isinstance(image, Image) or not session.model:
            return
        now = layers.current_slice(self._viewer, image)
        slices = tuple(range(session.slices_in_image)) if session.all_slices else (now,)
        first = layers.visible_window(image)
        array, letters, model = layers.pixels(image), layers.axes(image), Path(session.model)
        layers.prediction_layer(self._viewer, image)
        self._given_up = False
        session.job = "predicting"
        session.progress = Progress(None)
        session.say("Predicting…", "busy")
        tile = session.tile
        order = sorted(slices, key=lambda i: (abs(i - now), i))

        def work() -> Stored:
            config = modelling.config_of(model)
            job = modelling.new_job_folder()
            create_job(job, array, axes=letters, model=model, slices=order, first=first, tile=tile)
            return Stored(job, image, tuple(order), config)

        in_thread(work, self._on_prepared, self.failed)

    def stop(self) -> None:
        """Break it off; the tiles that are done stay."""
        self._given_up = True
        if not self._child.stop():
            self._end()
            self._session.advise("The prediction was broken off.")

    def choose_threshold(self, value: float) -> None:
        self._session.threshold = value
        self._pause.start()

    def choose_min_size(self, value: int) -> None:
        self._session.min_size = value
        self._pause.start()

    def show_probability(self, on: bool) -> None:
        """Show or hide the stored probability as a layer."""
        self._session.show_probability = on
        stored = self._stored.get(self._session.image)
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

    def accept(self) -> None:
        """Copy the found cells into the user's labels, as one undo step."""
        viewer, session = self._viewer, self._session
        image = layers.find(viewer, session.image)
        if not isinstance(image, Image):
            return
        found = layers.partner(viewer, image, "prediction")
        if found is None:
            return
        own = layers.partner(viewer, image, "labels") or layers.make_labels(viewer, image)
        before, prediction = np.array(own.data), np.array(found.data)
        merge = addition if session.labels_are == "instances" else class_addition
        in_thread(
            lambda: merge(before, prediction),
            lambda new: self._on_merged(own, found, new),
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

    def _on_prepared(self, stored: Stored) -> None:
        if self._given_up:
            return
        self._running = stored
        self._highest = 0
        self._tiles.clear()
        self._child.send(f"predict {stored.job}")

    def _on_tile(self, said: dict[str, Any]) -> None:
        if self._running is None:
            return
        done, of = said["index"], said["of"]
        self._session.progress = Progress(done / of, None, f"tile {done} of {of}")
        y0, y1, x0, x1 = said["window"]
        self._tiles.append(Tile(said["slice"], (y0, y1, x0, x1)))
        self._draw_next()

    def _draw_next(self) -> None:
        stored = self._running
        if self._drawing or not self._tiles or stored is None:
            return
        number = max(1, len(self._tiles) // 2)  # more at once where redrawing lags behind
        batch = [self._tiles.popleft() for _ in range(number)]
        start, threshold = self._highest, self._session.threshold
        self._drawing = True

        def done(pieces: list[npt.NDArray[np.int32]]) -> None:
            self._on_drawn(stored, batch, pieces)

        in_thread(lambda: provisional(stored, batch, threshold, start), done, self._on_undrawn)

    def _on_drawn(
        self, stored: Stored, batch: list[Tile], pieces: list[npt.NDArray[np.int32]]
    ) -> None:
        layer = self._layer(stored)
        if stored is not self._running or layer is None:
            self._drawing = False
            return
        began = time.perf_counter()
        if not self._highest:
            self._clear(layer, stored)
        for tile, piece in zip(batch, pieces, strict=True):
            self._highest = max(self._highest, int(piece.max(initial=0)), 1)
            layers.write_plane(layer, tile.slice, piece, tile.window, show=False)
        layers.redraw(layer)
        cost = 1000 * (time.perf_counter() - began)
        QTimer.singleShot(max(BREATH, round(cost * (SHARE - 1))), self._breathed)

    def _breathed(self) -> None:
        self._drawing = False
        self._draw_next()

    def _on_undrawn(self, words: str) -> None:
        self._drawing = False
        self._say_error(words)

    def _clear(self, layer: Labels, stored: Stored) -> None:
        """Take away the earlier prediction of these slices."""
        for index in stored.slices:
            layers.blank_plane(layer, index)

    def _layer(self, stored: Stored) -> Labels | None:
        if stored.image not in self._viewer.layers:
            return None
        return layers.prediction_layer(self._viewer, stored.image)

    def _on_done(self, said: dict[str, Any]) -> None:
        stored = self._running
        self._running = None
        self._tiles.clear()
        self._session.progress = None
        if stored is None or said.get("stopped"):
            self._end()
            self._session.advise("The prediction was broken off.")
            return
        layer = self._layer(stored)
        rest = None if layer is None else layer.data
        in_thread(
            lambda: apart(final(stored), rest, stored),
            lambda found: self._on_final(stored, found),
            self.failed,
        )

    def _on_final(self, stored: Stored, found: Found) -> None:
        session = self._session
        self._end()
        self._stored[layers.key(stored.image)] = stored
        self._show(stored, found)
        layers.hide(self._viewer, stored.image, "weights")  # the overlay is what matters now
        session.predicted = layers.key(stored.image) == session.image or session.predicted
        self._on_image()
        if session.show_probability:
            self.show_probability(True)
        what = "cell" if stored.config.labels_are == "instances" else "kind of thing"
        session.advise(f"Found {count(found.number, what)}.")

    def _show(self, stored: Stored, found: Found) -> None:
        layer = self._layer(stored)
        if layer is not None:
            for index, plane in zip(stored.slices, found.labels, strict=True):
                layers.write_plane(layer, index, plane, show=False)
            layers.redraw(layer)

    def _on_image(self) -> None:
        """Another image is in hand: its filters, if its probability is stored."""
        session = self._session
        stored = self._stored.get(session.image)
        session.filterable = stored is not None and stored.config.labels_are == "instances"
        if stored is not None:
            session.threshold = stored.config.instances.threshold
            session.min_size = stored.config.instances.min_size

    def _filter(self) -> None:
        stored = self._stored.get(self._session.image)
        if stored is None or self._session.job == "predicting":
            return
        threshold, size = self._session.threshold, self._session.min_size
        settings = filtered(stored.config.instances, threshold, size)

        def done(found: Found) -> None:
            self._show(stored, found)
            if not self._session.job:
                self._session.say(
                    f"{count(found.number, 'cell')} at threshold {threshold:.2f} "
                    f"and from {size} px on. Accept what is right into your labels.",
                    "done",
                )

        layer = self._layer(stored)
        rest = None if layer is None else layer.data
        self._filtering.ask(
            lambda: apart(relabelled(stored, settings), rest, stored), done, self._say_error
        )

    def _on_merged(self, own: Labels, found: Labels, new: Addition) -> None:
        session = self._session
        try:
            widened = layers.add_pixels(own, new.index, new.values)
        except BadInput as error:
            self._say_error(str(error))
            return
        found.visible = False  # its cells are now in the labels, where they can be corrected
        self._viewer.layers.selection.active = own
        words = f"{new.cells:,} cells added to your labels (undo: Ctrl-Z)."
        if new.known:
            words += f" {new.known:,} were there already."
        if widened:
            words += " The layer now holds 32-bit numbers."
        session.say(f"{words} Correct what is wrong, then fine-tune again.", "done")

    def _say_error(self, words: str) -> None:
        self._session.say(words, "error")

    def _end(self) -> None:
        self._running = None
        self._tiles.clear()
        if self._session.job in ("predicting", "stopping"):
            self._session.job = ""
        self._session.progress = None


# ---- in a thread: files of the job, no layers ---------------------------------------------------


def _probability(stored: Stored) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = np.load(stored.job / "probability.npy", mmap_mode="r")
    return array


def provisional(
    stored: Stored, tiles: list[Tile], threshold: float, start: int
) -> list[npt.NDArray[np.int32]]:
    """What can be shown of tiles before the whole is known: connected pieces, ids after `start`."""
    whole, pieces = _probability(stored), []
    for tile in tiles:
        y0, y1, x0, x1 = tile.window
        part = np.asarray(whole[stored.slices.index(tile.slice), ..., y0:y1, x0:x1])
        if part.ndim == 3:
            values = np.array([0, *stored.config.class_values], np.int32)
            pieces.append(values[part.argmax(axis=0)])
            continue
        found, number = ndimage.label(part > threshold)
        pieces.append(np.where(found > 0, found + start, 0).astype(np.int32))
        start += number
    return pieces


def final(stored: Stored) -> npt.NDArray[np.int32]:
    """(S, Y, X) int32: what the worker made of it."""
    array: npt.NDArray[np.int32] = np.load(stored.job / "labels.npy")
    return array


def apart(
    found: npt.NDArray[np.int32], overlay: npt.NDArray[np.int32] | None, stored: Stored
) -> Found:
    """Counted, and with ids that no other slice of the overlay has."""
    number = int(np.count_nonzero(np.bincount(found.ravel())[1:]))
    if overlay is None or stored.config.labels_are == "classes":
        return Found(found, number)
    slices = overlay.reshape(-1, *overlay.shape[-2:])
    others = [int(p.max(initial=0)) for i, p in enumerate(slices) if i not in stored.slices]
    start = max(others, default=0)
    return Found(np.where(found > 0, found + start, 0).astype(np.int32), number)


def filtered(model: InstanceSettings, threshold: float, min_size: int) -> InstanceSettings:
    """The model's settings with the user's two filters; cells are split no lower than before."""
    seeds = max(model.seed_threshold - model.threshold, 0.0) + threshold
    return replace(model, threshold=threshold, seed_threshold=min(seeds, 0.99), min_size=min_size)


def relabelled(stored: Stored, settings: InstanceSettings) -> npt.NDArray[np.int32]:
    """(S, Y, X) int32, ids unique over the stack, from the stored probability."""
    planes, start, scale = [], 0, modelling.scale_of(stored.config)
    for index, plane in zip(stored.slices, _probability(stored), strict=True):
        cells = label_cells(np.asarray(plane), settings, scale=scale)
        cells[_missing(stored, index)] = 0
        planes.append(np.where(cells > 0, cells + start, 0).astype(np.int32))
        start += int(cells.max(initial=0))
    return np.stack(planes)


def _missing(stored: Stored, index: int) -> npt.NDArray[np.bool_]:
    """(Y, X): pixels of this slice that are NaN or infinite; those are labelled 0."""
    job = JobFolder(stored.job)
    return ~np.isfinite(job.axes.slice(job.image, index)).all(axis=0)


def probability(stored: Stored, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The probability as one array like the labels; 0 in slices that were not predicted."""
    whole = np.zeros(shape, np.float32)
    slices = whole.reshape(-1, *shape[-2:])
    for index, plane in zip(stored.slices, _probability(stored), strict=True):
        slices[index] = plane
    return whole
