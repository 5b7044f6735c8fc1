"""Overlap-tile prediction (Ronneberger 2015, fig. 2), exact: tiled equals untiled.

The image is thought of as mirrored without end; every pixel of the network's output on
that plane is a function of the image alone as long as tiles begin on the pooling grid and
the halo is cut away. A tile is then only a window on that plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from . import geometry
from .device import mixed
from .scale import mirror, taps
from .settings import NetworkSettings
from .unet import UNet
from .windows import Window

Floats = npt.NDArray[Any]

LARGEST_TILE = 1020  # input side: beyond it the time per pixel does not fall any more
ROWS, COLUMNS = 3, 2  # so many tiles at least, where each owns 128 px: the overlay is seen to grow
LEAST_OWNED = 128  # model pixels


class Source(Protocol):
    """A normalised image of which windows can be read."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, Y, X)."""

    def read(self, window: Window) -> Floats:
        """``(C, y1 - y0, x1 - x0)`` float; the window lies inside the image."""


@dataclass(frozen=True)
class ArraySource:
    """A normalised ``(C, Y, X)`` array as a source."""

    array: Floats

    @property
    def shape(self) -> tuple[int, int, int]:
        c, y, x = self.array.shape
        return c, y, x

    def read(self, window: Window) -> Floats:
        y0, y1, x0, x1 = window
        return self.array[:, y0:y1, x0:x1]


@dataclass(frozen=True)
class Tile:
    """What one forward pass gives: image pixels `window`, from input at `origin` of `size`."""

    window: Window  # image pixels, the part of the output that this tile owns
    origin: tuple[int, int]  # model pixels, first row and column of the trusted output
    size: tuple[int, int]  # model pixels, sides of the network's input


@dataclass(frozen=True)
class TilePlan:
    """All tiles of one image: a pure function of shape, network, factor and tile size."""

    shape: tuple[int, int]
    factor: float  # image pixels -> model pixels
    tiles: tuple[Tile, ...]

    def visible_first(self, window: Window | None) -> TilePlan:
        """The same tiles, those that touch `window` (image pixels) first, from its centre out."""
        if window is None:
            return self
        cy, cx = (window[0] + window[1]) / 2, (window[2] + window[3]) / 2

        def rank(tile: Tile) -> tuple[bool, float]:
            y0, y1, x0, x1 = tile.window
            apart = y1 <= window[0] or y0 >= window[1] or x1 <= window[2] or x0 >= window[3]
            return apart, math.hypot((y0 + y1) / 2 - cy, (x0 + x1) / 2 - cx)

        return TilePlan(self.shape, self.factor, tuple(sorted(self.tiles, key=rank)))

    def touching(self, window: Window) -> TilePlan:
        """Only the tiles that hold pixels of `window` (image pixels)."""
        y0, y1, x0, x1 = window
        kept = (
            t
            for t in self.tiles
            if t.window[0] < y1 and t.window[1] > y0 and t.window[2] < x1 and t.window[3] > x0
        )
        return TilePlan(self.shape, self.factor, tuple(kept))


def plan_tiles(
    shape: tuple[int, int], net: NetworkSettings, *, factor: float = 1.0, tile: int | None = None
) -> TilePlan:
    """Tiles that cover an image of `shape` (Y, X) image pixels.

    Parameters
    ----------
    factor : image pixels -> model pixels
    tile : side of the input tile in model pixels, moved to the nearest size that the
        network takes; None: the fewest tiles of up to :data:`LARGEST_TILE`, but 3 x 2 where
        the image allows; 0: one tile
    """
    rows = _axis(shape[0], net, factor, tile, ROWS)
    columns = _axis(shape[1], net, factor, tile, COLUMNS)
    return TilePlan(
        shape,
        factor,
        tuple(
            Tile((y0, y1, x0, x1), (top, left), (height, width))
            for (y0, y1, top, height) in rows
            for (x0, x1, left, width) in columns
        ),
    )


def plan_window(
    shape: tuple[int, int], window: Window, net: NetworkSettings, *, factor: float = 1.0
) -> TilePlan:
    """One tile that gives `window` (image pixels) and little else: exactly what all tiles give.

    Where it would be larger than the largest tile: the usual tiles that touch the window.
    """
    step, lead = geometry.grid(net), _lead(net, factor)
    origin, size = [], []
    for low, high in (window[:2], window[2:]):
        start = math.floor(low * factor) // step * step
        origin.append(start - lead)
        trusted = math.ceil(high * factor) - start + lead + _reach(factor)
        size.append(geometry.tile_for(net, trusted))
    if max(size) > LARGEST_TILE:
        return plan_tiles(shape, net, factor=factor).touching(window)
    return TilePlan(shape, factor, (Tile(window, (origin[0], origin[1]), (size[0], size[1])),))


def tile_size(net: NetworkSettings, tile: int, factor: float = 1.0) -> int:
    """The input side that `--tile` stands for: the nearest that yields anything."""
    least = geometry.tile_for(net, geometry.grid(net) + _lead(net, factor) + _reach(factor))
    return max(geometry.input_size(net, tile), least)


def _axis(
    length: int, net: NetworkSettings, factor: float, tile: int | None, least: int
) -> list[tuple[int, int, int, int]]:
    """For one axis: owned image pixels, first trusted model pixel, input side; per tile."""
    step = geometry.grid(net)
    lead, extra = _lead(net, factor), _lead(net, factor) + _reach(factor)
    extent = math.ceil(length * factor)  # model pixels that the image covers
    if tile == 0:
        stride = -(-extent // step) * step
    else:
        side = tile_size(net, LARGEST_TILE if tile is None else tile, factor)
        stride = (side - 2 * geometry.halo(net) - extra) // step * step
        if tile is None or extent <= stride:  # share the work evenly, no nearly empty tile
            count = max(
                -(-extent // stride), min(least, extent // LEAST_OWNED) if tile is None else 1
            )
            stride = -(-extent // (count * step)) * step
    side = geometry.tile_for(net, stride + extra)
    starts = range(0, extent, stride)
    cuts = [min(round(start / factor), length) for start in starts] + [length]
    return [
        (low, high, start - lead, side)
        for start, low, high in zip(starts, cuts, cuts[1:], strict=False)
        if high > low
    ]


def _lead(net: NetworkSettings, factor: float) -> int:
    """Model pixels of trusted output ahead of the first owned one, on the pooling grid."""
    return 0 if factor == 1.0 else -(-_reach(factor) // geometry.grid(net)) * geometry.grid(net)


def _reach(factor: float) -> int:
    """Model pixels that the filter back to image pixels reads beyond the owned ones."""
    return 0 if factor == 1.0 else math.ceil(max(1.0, factor)) + 1


def predict_tiles(
    net: UNet, source: Source, plan: TilePlan, *, precision: str = "auto"
) -> Iterator[tuple[Tile, Floats]]:
    """Yield each tile with its probabilities, ``(classes, y1 - y0, x1 - x0)``, as it is done.

    `net` is in evaluation mode on its device. Running out of GPU memory raises
    `torch.OutOfMemoryError`; :func:`predict` then plans anew with smaller tiles.
    """
    device = next(net.parameters()).device
    dtype = next(net.parameters()).dtype
    for tile in plan.tiles:
        block = _read_input(source, tile, plan.factor, net.settings)
        batch = torch.from_numpy(np.ascontiguousarray(block)).to(device, dtype)[None]
        with torch.inference_mode(), mixed(device, precision if dtype == torch.float32 else "full"):
            logits = net(batch.contiguous(memory_format=torch.channels_last))
        probability = torch.softmax(logits[0].to(dtype), dim=0).cpu().numpy()
        yield tile, _owned(probability, tile, plan.factor, net.settings)


def predict(
    net: UNet,
    source: Source,
    plan: TilePlan,
    *,
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Probabilities of all classes, ``(classes, Y, X)``: drains :func:`predict_tiles`."""
    dtype = np.float64 if next(net.parameters()).dtype == torch.float64 else np.float32
    out = np.zeros((net.settings.classes, *plan.shape), dtype)
    for index, (tile, probability) in enumerate(
        predict_tiles(net, source, plan, precision=precision), start=1
    ):
        y0, y1, x0, x1 = tile.window
        out[:, y0:y1, x0:x1] = probability
        if progress is not None:
            progress(index, len(plan.tiles))
    return out


def _read_input(source: Source, tile: Tile, factor: float, net: NetworkSettings) -> Floats:
    """The input for a tile, ``(C, h, w)`` model pixels, mirrored where it leaves the image."""
    ahead = geometry.halo(net)
    spans = [
        (start - ahead, start - ahead + side)
        for start, side in zip(tile.origin, tile.size, strict=True)
    ]
    if factor == 1.0:
        return _mirrored(source, spans)
    grids = [taps(start, stop, factor) for start, stop in spans]
    block = _mirrored(source, [(g.start, g.stop) for g in grids])
    for axis, grid in enumerate(grids, start=1):
        block = grid.apply(block, axis, grid.start)
    return block


def _mirrored(source: Source, spans: Sequence[tuple[int, int]]) -> Floats:
    ys, xs = (mirror(*span, length) for span, length in zip(spans, source.shape[1:], strict=True))
    top, left = int(ys.min()), int(xs.min())
    block = source.read((top, int(ys.max()) + 1, left, int(xs.max()) + 1))
    return block[:, (ys - top)[:, None], xs - left]


def _owned(probability: Floats, tile: Tile, factor: float, net: NetworkSettings) -> Floats:
    """From the network's whole output to the image pixels that the tile owns."""
    y0, y1, x0, x1 = tile.window
    cut = geometry.halo(net) - geometry.margin(net)  # what of the output is not to be trusted
    for axis, (low, high), origin in ((1, (y0, y1), tile.origin[0]), (2, (x0, x1), tile.origin[1])):
        first = origin - cut  # model pixel of the output's element 0
        if factor == 1.0:
            probability = np.take(probability, range(low - first, high - first), axis=axis)
        else:
            probability = taps(low, high, 1 / factor).apply(probability, axis, first)
    return probability
