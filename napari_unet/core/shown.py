"""The weight map as it is shown: what a live map keeps, with the class weights applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .annotation import Mask
from .carving import TooLarge
from .live import LiveMap
from .weights import class_weights
from .windows import Window, around, clipped, is_empty, part_of, shifted

Map = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]
Limits = tuple[float, float]


class Shown(Protocol):
    """A weight map of one window of a slice.

    Attributes
    ----------
    window : in image pixels
    weights : ``(Y, X)`` float32 of the window
    limits : the range in which its gaps stand out
    factor : image pixels -> model pixels
    """

    window: Window
    weights: Map
    limits: Limits
    factor: float

    @property
    def pairs(self) -> int:
        """How many pairs of cells touch without a gap."""

    @property
    def touching(self) -> Marks | None:
        """Their pixels, ``(Y, X)`` uint8 of the window: the same array as long as the map lives."""

    def touching_changed(self) -> bool:
        """Whether they have changed since this was asked."""

    def update(self, box: Window, before: Iterable[int]) -> Window | None:
        """Labels (or the known area) have changed in `box`: what has changed of the map.

        `before`, and what it raises: see :meth:`.live.LiveMap.update`.
        """

    def settle(self, totals: tuple[int, int] | None) -> bool:
        """Bring the class weights up to date; whether that changes anything.

        `totals` : painted pixels and pixels of the slice, where the window is not all of it
        """


class LiveShown:
    """A live map of instances.

    The class weights are held while a stroke is shown, and brought up to date by `settle`.

    Parameters
    ----------
    live : has looked at its window
    known_in : the known pixels of a window, ``(Y, X)`` bool, None = all of them
    totals : painted pixels and pixels of the slice, where the window is not all of it
    """

    def __init__(
        self,
        live: LiveMap,
        known_in: Callable[[Window], Mask | None],
        totals: tuple[int, int] | None = None,
    ) -> None:
        self.live = live
        self._totals = totals
        self.window, self.factor = live.window, live.grid.factor
        self._known_in = known_in
        self.known = known_in(self.window)
        self._ground, self._cell = self._class_weights()
        self.weights = self._composed(live.window)
        self.limits = self._limits()
        self.touching: Marks = live.touching(self.window).astype(np.uint8)
        self._changed = False

    @property
    def pairs(self) -> int:
        return len(self.live.pairs)

    def touching_changed(self) -> bool:
        changed, self._changed = self._changed, False
        return changed

    def update(self, box: Window, before: Iterable[int]) -> Window | None:
        dirty = self.live.update(box, before)
        inside = clipped(box, self.window)
        if self.known is not None and not is_empty(inside):
            self.known[part_of(shifted(inside, self.window))] = self._known_in(inside)
            dirty = inside if dirty is None else around(dirty, inside)
        if dirty is not None:
            part = part_of(shifted(dirty, self.window))
            self.weights[part] = self._composed(dirty)
            marks = self.live.touching(dirty)
            if not np.array_equal(self.touching[part], marks):
                self.touching[part] = marks
                self._changed = True
            low, high = self.limits
            self.limits = low, max(high, float(self.weights[part].max(initial=0.0)))
        return dirty

    def settle(self, totals: tuple[int, int] | None) -> bool:
        self._totals = totals
        before = self._ground, self._cell
        self._ground, self._cell = self._class_weights()
        if before == (self._ground, self._cell):
            return False
        self.weights[...] = self._composed(self.window)
        self.limits = self._limits()
        return True

    def _class_weights(self) -> tuple[float, float]:
        """Of background and of cells; both are part of the border term with preset ``fiji``."""
        settings = self.live.settings
        if settings.preset == "fiji":
            return 0.0, 0.0
        cells = self.live.cells
        painted = round(float(cells.sum(where=True if self.known is None else self.known)))
        known = cells.size if self.known is None else int(np.count_nonzero(self.known))
        if self._totals is not None and self.known is None:
            painted, known = self._totals
        counts = {k: n for k, n in enumerate((known - painted, painted)) if n > 0}
        weights = class_weights(counts, settings)
        return weights.get(0, 0.0), weights.get(1, weights.get(0, 0.0))

    def _composed(self, window: Window) -> Map:
        part = part_of(shifted(window, self.window))
        cells = self.live.cells[part]
        # not cells * (cell - ground) + ground: whole cells are to weigh exactly what is said
        made: Map = cells * np.float32(self._cell) + (1 - cells) * np.float32(self._ground)
        made += self.live.border[part]
        if self.known is not None:
            made *= self.known[part]
        return made

    def _limits(self) -> Limits:
        fiji = self.live.settings.preset == "fiji"
        return limits(1.0 if fiji else max(self._ground, self._cell), self.weights)


class StillShown:
    """A map that is computed anew whenever anything changes: that of classes."""

    pairs = 0
    touching = None

    @staticmethod
    def touching_changed() -> bool:
        return False

    def __init__(self, window: Window, weights: Map, floor: float) -> None:
        self.window, self.weights, self.factor = window, weights, 1.0
        self.limits = limits(floor, weights)

    def update(self, box: Window, before: Iterable[int]) -> Window | None:
        raise TooLarge

    def settle(self, totals: tuple[int, int] | None) -> bool:
        return False


def limits(floor: float, weights: Map) -> Limits:
    """What weighs `floor` or less is not to be seen; the highest gap is brightest."""
    high = float(weights.max(initial=0.0))
    return (floor, high) if high > floor else (0.0, max(high, 1.0))
