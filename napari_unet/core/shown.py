"""The weight map as it is shown: what a live map keeps, with the class weights applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .annotation import Mask
from .carving import TooLarge
from .live import LiveMap
from .weights import class_weights
from .windows import Window, around, clipped, grown, is_empty, part_of, shifted

Map = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]
Limits = tuple[float, float]

LEAST_SPAN = 1.0  # weight, that of a plain cell: a faint gap looks faint
LEAST_GAP = 0.05  # weight above plain background from which on a gap can be seen


@dataclass(frozen=True)
class Weighed:
    """What the kinds of pixels of a map weigh.

    Attributes
    ----------
    gap : the heaviest pixel between two cells, of plain background where there is none
    ground : plain background
    cell : cells, or the heaviest class
    """

    gap: float
    ground: float
    cell: float

    @property
    def gaps(self) -> bool:
        """Whether there is any gap to be seen."""
        return self.gap > self.ground + LEAST_GAP

    @property
    def above_all(self) -> bool:
        """Whether the heaviest gap outweighs the cells, too: not where hardly any are painted."""
        return self.gap > max(self.ground, self.cell) + LEAST_GAP

    @property
    def limits(self) -> Limits:
        """What weighs the lower one or less is not to be seen; the higher one is brightest.

        Without gaps nothing is seen, neither the rest nor the last bit of a float.
        """
        plain = max(self.ground, self.cell)
        floor = self.ground if self.gaps and not self.above_all else plain
        return floor, max(self.gap, plain, floor + LEAST_SPAN)


class Shown(Protocol):
    """A weight map of one window of a slice.

    Attributes
    ----------
    window : in image pixels
    weights : ``(Y, X)`` float32 of the window
    factor : image pixels -> model pixels
    """

    window: Window
    weights: Map
    factor: float

    @property
    def weighed(self) -> Weighed:
        """What the kinds of its pixels weigh."""

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
    reach : pixels round an edit in which it may change what is known
    """

    def __init__(
        self,
        live: LiveMap,
        known_in: Callable[[Window], Mask | None],
        totals: tuple[int, int] | None = None,
        reach: int = 0,
    ) -> None:
        self.live, self._reach = live, reach
        self._totals = totals
        self.window, self.factor = live.window, live.grid.factor
        self._known_in = known_in
        self.known = known_in(self.window)
        self._ground, self._cell = self._class_weights()
        self.weights = self._composed(live.window)
        self._glow = self._brightest(live.window)
        self.touching: Marks = live.touching(self.window).astype(np.uint8)
        self._changed = False

    @property
    def pairs(self) -> int:
        return len(self.live.pairs)

    @property
    def weighed(self) -> Weighed:
        if self.live.settings.preset == "fiji":  # cells weigh 1, background as much at their rim
            return Weighed(max(self._glow, 1.0), 1.0, 1.0)
        return Weighed(self._ground + self._glow, self._ground, self._cell)

    def touching_changed(self) -> bool:
        changed, self._changed = self._changed, False
        return changed

    def update(self, box: Window, before: Iterable[int]) -> Window | None:
        dirty = self.live.update(box, before)
        inside = clipped(grown(box, self._reach, self.live.grid.image_shape), self.window)
        if self.known is not None and not is_empty(inside):
            self.known[part_of(shifted(inside, self.window))] = self._known_in(inside)
            dirty = inside if dirty is None else around(dirty, inside)
        if dirty is not None:
            part = part_of(shifted(dirty, self.window))
            self.weights[part] = self._composed(dirty)
            self._glow = self._brightest(self.window)  # it may have gone: 1 ms for 2048 x 2048 px
            marks = self.live.touching(dirty)
            if not np.array_equal(self.touching[part], marks):
                self.touching[part] = marks
                self._changed = True
        return dirty

    def settle(self, totals: tuple[int, int] | None) -> bool:
        self._totals = totals
        before = self._ground, self._cell
        self._ground, self._cell = self._class_weights()
        if before == (self._ground, self._cell):
            return False
        self.weights[...] = self._composed(self.window)
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

    def _brightest(self, window: Window) -> float:
        """The highest border term among known pixels."""
        border = self.live.border[part_of(shifted(window, self.window))]
        if self.known is None:
            return float(border.max(initial=0.0))
        return float(border.max(initial=0.0, where=self.known))

    def _composed(self, window: Window) -> Map:
        part = part_of(shifted(window, self.window))
        cells = self.live.cells[part]
        # not cells * (cell - ground) + ground: whole cells are to weigh exactly what is said
        made: Map = cells * np.float32(self._cell) + (1 - cells) * np.float32(self._ground)
        made += self.live.border[part]
        if self.known is not None:
            made *= self.known[part]
        return made


class StillShown:
    """A map that is computed anew whenever anything changes: that of classes."""

    pairs = 0
    touching = None

    @staticmethod
    def touching_changed() -> bool:
        return False

    def __init__(self, window: Window, weights: Map, weighed: Weighed) -> None:
        self.window, self.weights, self.factor = window, weights, 1.0
        self.weighed = weighed

    def update(self, box: Window, before: Iterable[int]) -> Window | None:
        raise TooLarge

    def settle(self, totals: tuple[int, int] | None) -> bool:
        return False
