"""The weight map of a window, kept up to date while cells are painted.

What depends on distances is kept; a stroke changes it in its neighbourhood only. What depends on
how much is painted in all (the class weights) are two numbers, applied when the map is shown.
The map is the one that training uses: computed in model pixels, on carved labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .annotation import Labels, Mask
from .carving import Read, TooLarge, carved_window, touching_pairs, touching_pixels
from .scale import mirror, model_length, nearest_indices, taps
from .settings import WeightSettings
from .weights import border_term, reach
from .windows import (
    Window,
    around,
    box_of,
    clipped,
    grown,
    holds,
    is_empty,
    moved,
    part_of,
    shifted,
)

Map = npt.NDArray[np.float32]

# pixels that a stroke may make us read and compute anew in the window's own thread: 25 ms
MOST = 400 * 400


@dataclass(frozen=True)
class ModelGrid:
    """A slice's labels in model pixels, read window by window.

    Attributes
    ----------
    read_pixels : reads ``(Y, X)`` labels, int, of a window in image pixels
    image_shape : of the slice
    factor : image pixels -> model pixels
    """

    read_pixels: Read
    image_shape: tuple[int, int]
    factor: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        height, width = (model_length(n, self.factor) for n in self.image_shape)
        return height, width

    def read(self, window: Window) -> Labels:
        """``(Y, X)`` labels of a window in model pixels."""
        if self.factor == 1.0:
            return np.asarray(self.read_pixels(window))
        y0, y1, x0, x1 = window
        rows = nearest_indices(self.image_shape[0], self.factor)[y0:y1]
        columns = nearest_indices(self.image_shape[1], self.factor)[x0:x1]
        wide = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        return np.asarray(self.read_pixels(wide))[np.ix_(rows - rows[0], columns - columns[0])]

    def beneath(self, window: Window) -> Window:
        """The model pixels that a window of the image is interpolated from."""
        if self.factor == 1.0:
            return window
        ends = []
        for start, stop, length in zip(window[::2], window[1::2], self.shape, strict=True):
            grid = taps(start, stop, 1 / self.factor)
            used = mirror(grid.start, grid.stop, length)
            ends += [int(used.min()), int(used.max()) + 1]
        return ends[0], ends[1], ends[2], ends[3]

    def above(self, window: Window) -> Window:
        """The image pixels into which a window of model pixels is interpolated."""
        if self.factor == 1.0:
            return window
        support = max(1.0, self.factor) + 1
        y0, y1, x0, x1 = (
            math.floor((x + sign * support) / self.factor) + sign
            for x, sign in zip(window, (-1, 1, -1, 1), strict=True)
        )
        return clipped((y0, y1, x0, x1), (0, self.image_shape[0], 0, self.image_shape[1]))

    def sampled(self, window: Window) -> Window:
        """The model pixels that may hold labels from a window of the image."""
        if self.factor == 1.0:
            return window
        y0, y1, x0, x1 = (
            math.floor(x * self.factor) + sign
            for x, sign in zip(window, (-1, 1, -1, 1), strict=True)
        )
        return clipped((y0, y1, x0, x1), (0, self.shape[0], 0, self.shape[1]))

    def to_image(self, planes: Map, held: Window, window: Window) -> Map:
        """A window of the image, interpolated from the model pixels `held`; mirrored beyond.

        ``(C, Y, X)`` both.
        """
        if self.factor == 1.0:
            return planes[:, *part_of(shifted(window, held))]
        out = planes
        for axis, first in ((0, held[0]), (1, held[2])):
            grid = taps(window[2 * axis], window[2 * axis + 1], 1 / self.factor)
            used = mirror(grid.start, grid.stop, self.shape[axis]) - first
            out = grid.apply(np.take(out, used, axis=axis + 1), axis + 1, grid.start)
        return out


class LiveMap:
    """Border term, cells and touching pairs of one window of a slice.

    Attributes
    ----------
    window : in image pixels
    border : ``(Y, X)`` float32 of the window, what depends on distances
    cells : ``(Y, X)`` float32, 1 in carved cells, 0 elsewhere; between the two where a
        model pixel is not an image pixel
    pairs : ids of two cells that touch within the window -> pairs of their pixels that do

    Raises
    ------
    TooLarge
        By `update`, when the change has to be looked at as a whole: then `look` again.
    """

    def __init__(self, grid: ModelGrid, settings: WeightSettings) -> None:
        self.grid = grid
        self.settings = settings
        self._margin = math.ceil(reach(settings)) + 1
        self.window: Window = (0, 0, 0, 0)
        self.pairs: Counter[tuple[int, int]] = Counter()

    def look(self, window: Window) -> None:
        """Compute the map of this window afresh."""
        grid = self.grid
        self.window = window
        self._held = grid.beneath(window)  # model pixels whose map is kept
        self._wide = grown(self._held, self._margin + 1, grid.shape)  # whose labels are
        self._labels = np.array(grid.read(self._wide), np.int32)
        self._touching = touching_pixels(self._labels)
        self.pairs = self._pairs(self._held)
        self._carved = carved_window(self._read, grid.shape, self._wide)
        self._kept = self._computed(self._held)
        self._planes = grid.to_image(self._kept, self._held, window)
        self.border, self.cells = self._planes

    def update(self, box: Window, before: Iterable[int] = ()) -> Window | None:
        """Labels have changed in `box`, and nowhere else.

        Parameters
        ----------
        box : in image pixels
        before : ids that were there; needed where the box is not within the window

        Returns
        -------
        The part of `window` (in image pixels of the slice) that has changed, or None.
        """
        grid = self.grid
        near = grown(grid.sampled(box), 1, grid.shape)
        if is_empty(near):
            return None
        ids = self._take(near, before)
        if ids is None:
            return None
        elsewhere = self._gaps_of(ids)
        recut = self._recut(near if elsewhere is None else around(near, elsewhere))
        touched = grown(near, 1, grid.shape)
        if recut is not None:
            touched = around(touched, self._reweigh(recut))
        touched = clipped(touched, self._held)
        return None if is_empty(touched) else self._bring(touched)

    def touching(self, window: Window) -> Mask:
        """``(Y, X)`` bool of a part of the window: pixels of cells that touch without a gap."""
        if self.grid.factor == 1.0:
            return self._touching[part_of(shifted(window, self._wide))]
        inner = self._touching[part_of(shifted(self._held, self._wide))]
        rows, columns = (
            np.clip(((np.arange(start, stop) + 0.5) * self.grid.factor).astype(int), low, high - 1)
            - low
            for start, stop, low, high in (
                (*window[:2], *self._held[:2]),
                (*window[2:], *self._held[2:]),
            )
        )
        return inner[np.ix_(rows, columns)]

    def _take(self, near: Window, before: Iterable[int]) -> set[int] | None:
        """Read the labels in `near`; which ids are concerned, None = nothing has changed."""
        new = np.asarray(self.grid.read(near), np.int32)
        ids = {*np.unique(new).tolist(), *before}
        kept = clipped(near, self._wide)
        if is_empty(kept):
            return ids
        place = part_of(shifted(kept, self._wide))
        old, seen = self._labels[place], new[part_of(shifted(kept, near))]
        if kept == near and np.array_equal(old, seen):
            return None
        ids |= set(np.unique(old).tolist())
        wider = grown(kept, 1, self.grid.shape)
        held = clipped(wider, self._held)
        self.pairs -= self._pairs(held)
        self._labels[place] = seen
        self.pairs += self._pairs(held)
        wider = clipped(wider, self._wide)
        context = clipped(grown(wider, 1, self.grid.shape), self._wide)
        found = touching_pixels(self._labels[part_of(shifted(context, self._wide))])
        self._touching[part_of(shifted(wider, self._wide))] = found[
            part_of(shifted(wider, context))
        ]
        return ids

    def _gaps_of(self, ids: set[int]) -> Window | None:
        """Where these cells touch others: there a gap may have come or gone."""
        at = np.flatnonzero(self._touching)
        at = at[np.isin(self._labels.ravel()[at], [i for i in ids if i > 0])]
        if not at.size:
            return None
        ys, xs = np.divmod(at, self._labels.shape[1])
        here = int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
        return moved(here, self._wide)

    def _recut(self, window: Window) -> Window | None:
        """Carve anew: where that has changed anything. Other cells are carved as before."""
        window = clipped(window, self._wide)
        if is_empty(window):
            return None
        carved = self._carved[part_of(shifted(window, self._wide))]
        new = carved_window(self._read, self.grid.shape, window, MOST * 2)
        changed = box_of(carved != new)
        np.copyto(carved, new)
        return None if changed is None else moved(changed, window)

    def _reweigh(self, carved: Window) -> Window:
        """Bring up to date what carved cells have to do with; that part, in model pixels."""
        dirty = grown(carved, self._margin, self.grid.shape)
        inside = clipped(dirty, self._held)
        if (inside[1] - inside[0]) * (inside[3] - inside[2]) > MOST:
            raise TooLarge
        if not is_empty(inside):
            self._kept[:, *part_of(shifted(inside, self._held))] = self._computed(inside)
        return dirty

    def _pairs(self, window: Window) -> Counter[tuple[int, int]]:
        if is_empty(window):
            return Counter()
        pairs, counts = touching_pairs(self._labels[part_of(shifted(window, self._wide))])
        return Counter(dict(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True)))

    def _computed(self, window: Window) -> Map:
        """Border term and cells of a window in model pixels, ``(2, Y, X)``."""
        wide = grown(window, self._margin, self.grid.shape)
        carved = self._carved[part_of(shifted(wide, self._wide))]
        inner = part_of(shifted(window, wide))
        border = border_term(carved, self.settings, inner=inner)[inner]
        return np.stack([border, (carved[inner] > 0).astype(np.float32)])

    def _read(self, window: Window) -> Labels:
        """What is kept need not be read again: a zarr layer takes longer."""
        if holds(self._wide, window):
            return self._labels[part_of(shifted(window, self._wide))]
        return np.asarray(self.grid.read(window), np.int32)

    def _bring(self, dirty: Window) -> Window:
        """Interpolate what has changed."""
        changed = clipped(self.grid.above(dirty), self.window)
        if self.grid.factor == 1.0 or is_empty(changed):
            return changed  # one array is both
        made = self.grid.to_image(self._kept, self._held, changed)
        self._planes[:, *part_of(shifted(changed, self.window))] = made
        return changed
