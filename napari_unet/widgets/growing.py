"""The overlay while it grows: tiles are drawn as they come, never faster than the brush allows."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet import layers

from .background import in_thread
from .predicted import Stored, Tile, provisional
from .turns import in_turns

BREATH = 60  # ms between two redraws of the overlay at least, for the brush
SHARE = 4  # of the time a redraw may take one part in so many


class Growing(QObject):
    """One prediction's tiles, in the order in which the worker finishes them."""

    shown = Signal()  # after `complete`: every tile stands in the layer
    failed = Signal(str)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._stored: Stored | None = None
        self._threshold = 0.5
        self._tiles: deque[Tile] = deque()
        self._drawing = False
        self._complete = False  # the worker is done; the tiles that wait are shown yet
        self._highest = 0  # provisional id

    def begin(self, stored: Stored, threshold: float) -> None:
        """Tiles of this prediction follow; an earlier overlay stays until the first one."""
        self._stored, self._threshold = stored, threshold
        self._complete = False
        self._highest = 0
        self._tiles.clear()

    def add(self, tile: Tile) -> None:
        """The worker has written this tile."""
        self._tiles.append(tile)
        self._draw_next()

    def complete(self) -> None:
        """There are no more; what waits is shown first: it grows, it does not jump."""
        self._complete = True
        self._draw_next()

    def end(self) -> None:
        """Draw no more of it; what is drawn stays."""
        self._stored = None
        self._tiles.clear()

    def _draw_next(self) -> None:
        stored = self._stored
        if self._drawing or stored is None:
            return
        if not self._tiles:
            if self._complete:
                self._stored = None
                self.shown.emit()
            return
        number = max(1, len(self._tiles) // 2)  # more at once where redrawing lags behind
        batch = [self._tiles.popleft() for _ in range(number)]
        start, threshold = self._highest, self._threshold
        self._drawing = True

        def done(pieces: list[npt.NDArray[np.int32]]) -> None:
            self._on_drawn(stored, batch, pieces)

        def undrawn(words: str) -> None:
            if stored is not self._stored:  # its files were removed meanwhile
                self._breathed()
                return
            self._drawing = False
            self.failed.emit(words)
            self._draw_next()  # of another prediction, if one has begun

        in_thread(lambda: provisional(stored, batch, threshold, start), done, undrawn)

    def _on_drawn(
        self, stored: Stored, batch: list[Tile], pieces: list[npt.NDArray[np.int32]]
    ) -> None:
        still = stored is self._stored
        # the user may have hidden it meanwhile
        layer = overlay(self._viewer, stored, show=False) if still else None
        if layer is None:
            self._breathed()
            return
        parts: list[layers.Part] = []
        if not self._highest:
            whole = layers.whole_slice(layer)
            parts += [(index, whole, None) for index in stored.slices]  # the earlier prediction
            layers.note_drawn(layer, stored.slices, stored.job.name, str(stored.model))
        for tile, piece in zip(batch, pieces, strict=True):
            self._highest = max(self._highest, int(piece.max(initial=0)), 1)
            parts.append((stored.slices[tile.place], tile.window, piece))
        began = time.perf_counter()

        def ended() -> None:
            cost = 1000 * (time.perf_counter() - began)
            QTimer.singleShot(max(BREATH, round(cost * (SHARE - 1))), self._breathed)

        in_turns(layers.Writing(layer, parts, thumbnail=False).go_on, ended)

    def _breathed(self) -> None:
        self._drawing = False
        self._draw_next()


def overlay(viewer: Viewer, stored: Stored, *, show: bool = True) -> Labels | None:
    """The layer of this prediction; None where its image is gone, or read in another way."""
    if stored.image not in viewer.layers or not stored.stands:
        return None
    layer = layers.prediction_layer(viewer, stored.image, show=show)
    layers.note_kind(layer, stored.config.labels_are)
    return layer
