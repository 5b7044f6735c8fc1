"""The overlay while it grows: tiles are drawn as they come, never faster than the brush allows."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet import layers

from .background import in_thread, later
from .predicted import Stored, Tile, provisional
from .turns import in_turns

BREATH = 60  # ms between two redraws of the overlay at least, for the brush
SHARE = 4  # of the time a redraw may take one part in so many


class Growing(QObject):
    """One prediction's tiles, in the order in which the worker finishes them."""

    begun = Signal()  # the first tile is drawn: the earlier prediction is gone
    shown = Signal()  # after `complete`: every tile stands in the layer
    failed = Signal(str)  # no more is drawn of it before its end

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._stored: Stored | None = None
        self._threshold = 0.5
        self._tiles: deque[Tile] = deque()
        self._drawing = False
        self._complete = False  # the worker is done; the tiles that wait are shown yet
        self._blind = False  # a tile could not be drawn
        self._highest = 0  # provisional id

    def begin(self, stored: Stored, threshold: float) -> None:
        """Tiles of this prediction follow; an earlier overlay stays until the first one."""
        self._stored, self._threshold = stored, threshold
        self._complete = self._blind = False
        self._highest = 0
        self._tiles.clear()

    def add(self, tile: Tile) -> None:
        """The worker has written this tile."""
        if not self._blind:
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

        def work() -> list[npt.NDArray[np.int32]]:
            wanted = stored is self._stored  # else its files may be gone by now
            return provisional(stored, batch, threshold, start) if wanted else []

        in_thread(
            work,
            done,
            lambda words: self._undrawn(stored, words),
        )

    def _undrawn(self, stored: Stored, words: str) -> None:
        self._give_up(stored, words)
        self._breathed()

    def _give_up(self, stored: Stored, words: str) -> None:
        """What else waits would fail, too; the cells come all the same, at the end."""
        if stored is self._stored:  # else its files were removed meanwhile
            self._blind = True
            self._tiles.clear()
            self.failed.emit(words)

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
        layers.note_undrawn(layer, stored.slices)  # a filter may have drawn its cells in between
        if not self._highest:
            whole = layers.whole_slice(layer)
            parts += [(index, whole, None) for index in stored.slices]  # the earlier prediction
            self.begun.emit()
        for tile, piece in zip(batch, pieces, strict=True):
            self._highest = max(self._highest, int(piece.max(initial=0)), 1)
            parts.append((stored.slices[tile.place], tile.window, piece))
        began = time.perf_counter()

        def failed(words: str) -> None:
            self._give_up(stored, words)

        def ended() -> None:
            cost = 1000 * (time.perf_counter() - began)
            later(max(BREATH, round(cost * (SHARE - 1))), self._breathed, failed)

        in_turns(layers.Writing(layer, parts, thumbnail=False).go_on, ended, failed)

    def _breathed(self) -> None:
        self._drawing = False
        self._draw_next()


def overlay(viewer: Viewer, stored: Stored, *, show: bool = True) -> Labels | None:
    """The layer of this prediction; None where its image is gone, or read in another way."""
    if stored.image not in viewer.layers or not stored.stands:
        return None
    layer = layers.prediction_layer(viewer, stored.image, show=show)
    layers.note_kind(layer, stored.config.labels_are)
    layers.dress(viewer, layer)
    return layer
