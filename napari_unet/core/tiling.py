"""Which tiles an image is predicted in: a pure function of shape, network, scale and tile size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from . import geometry
from .settings import NetworkSettings
from .windows import Window

ROWS, COLUMNS = 3, 2  # so many tiles at least, where each owns 128 px: the overlay is seen to grow
LEAST_OWNED = 128  # model pixels
MEMORY = {"cpu": 608 << 20, "cuda": 6 << 30}  # bytes that one forward pass may take
PLANES = 5.5  # as many planes of the first level's width may be held at once, freed ones among them
EDGE = 110  # px; a tile of this side takes twice its operations' time (fitted, see benchmarks)


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


def as_predicted(net: NetworkSettings) -> NetworkSettings:
    """The network without padding: the same values where the halo is cut away, for less work.

    A padded network computes its whole halo in every layer; without padding the maps shrink
    to what is still needed (2.7 times as fast with tiles of 316 px, 1.3 times with 1020).
    """
    return replace(net, padding="valid")


def halo(net: NetworkSettings) -> int:
    """Context (px per side) that a tile is predicted with.

    That of the network without padding; one that was trained with it pools what lies two
    pixels farther out, since its maps begin at the tile's edge on every level.
    """
    return geometry.halo(as_predicted(net)) + (2 if net.padding == "same" else 0)


def cut(net: NetworkSettings) -> int:
    """Pixels per side of a tile's output that are not to be trusted."""
    return halo(net) - geometry.margin(as_predicted(net))


def _side(net: NetworkSettings, trusted: int) -> int:
    """Least input side that leaves `trusted` pixels after the halo is cut."""
    return geometry.tile_for(
        as_predicted(net), trusted + 2 * (halo(net) - geometry.halo(as_predicted(net)))
    )


def plan_tiles(
    shape: tuple[int, int],
    net: NetworkSettings,
    *,
    factor: float = 1.0,
    tile: int | None = None,
    device: str = "cpu",
) -> TilePlan:
    """Tiles that cover an image of `shape` (Y, X) image pixels.

    Parameters
    ----------
    factor : image pixels -> model pixels
    tile : side of the input tile in model pixels, moved to the nearest size that the
        network takes; None: those that take the least time within the memory that the kind
        of device may use, but 3 x 2 where the image allows; 0: one tile
    device : type of the torch device
    """
    if tile is None:
        down, across = _cheapest(shape, net, factor, device)
    else:
        down, across = (_stride(n, net, factor, tile) for n in shape)
    rows, columns = _axis(shape[0], net, factor, down), _axis(shape[1], net, factor, across)
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
    shape: tuple[int, int],
    window: Window,
    net: NetworkSettings,
    *,
    factor: float = 1.0,
    device: str = "cpu",
) -> TilePlan:
    """One tile that gives `window` (image pixels) and little else: exactly what all tiles give.

    Where it would take too much memory: the usual tiles that touch the window.
    """
    step, lead = geometry.grid(net), _lead(net, factor)
    origin, size = [], []
    for low, high in (window[:2], window[2:]):
        start = math.floor(low * factor) // step * step
        origin.append(start - lead)
        trusted = math.ceil(high * factor) - start + lead + _reach(factor)
        size.append(_side(net, trusted))
    if not fits(net, size[0], size[1], device):
        return plan_tiles(shape, net, factor=factor, device=device).touching(window)
    return TilePlan(shape, factor, (Tile(window, (origin[0], origin[1]), (size[0], size[1])),))


def tile_size(net: NetworkSettings, tile: int, factor: float = 1.0) -> int:
    """The input side that `--tile` stands for: the nearest that yields anything."""
    least = _side(net, geometry.grid(net) + _around(net, factor))
    return max(geometry.input_size(as_predicted(net), tile), least)


def fits(net: NetworkSettings, height: int, width: int, device: str) -> bool:
    """Whether a tile may be predicted at once; the memory is fixed, so that plans do not vary."""
    return 4 * PLANES * net.width * height * width <= MEMORY.get(device, MEMORY["cpu"])


def cost(net: NetworkSettings, height: int, width: int) -> float:
    """Time of a tile, in operations at full speed: small maps keep the cores less busy."""
    done = geometry.operations(as_predicted(net), height, width)
    return done * (1 + EDGE / math.sqrt(height * width))


@lru_cache(maxsize=64)
def _cheapest(
    shape: tuple[int, int], net: NetworkSettings, factor: float, device: str
) -> tuple[int, int]:
    """The strides (model pixels) of the tiles that take the least time together."""
    down, across = (
        _choices(length, net, factor, least)
        for length, least in zip(shape, (ROWS, COLUMNS), strict=True)
    )
    smallest = (down[-1][1].most, across[-1][1].most)
    ways = []
    for y, rows in down:
        for x, columns in across:
            if fits(net, rows.most, columns.most, device) or (rows.most, columns.most) == smallest:
                taken = sum(
                    many * more * cost(net, height, width)
                    for height, many in rows.sides
                    for width, more in columns.sides
                )
                ways.append((taken, y, x))
    return min(ways)[1:]


@dataclass(frozen=True)
class _Sides:
    """Input sides along one axis, and how many tiles have each."""

    sides: tuple[tuple[int, int], ...]

    @property
    def most(self) -> int:
        return self.sides[0][0]


def _choices(
    length: int, net: NetworkSettings, factor: float, least: int
) -> list[tuple[int, _Sides]]:
    """Strides that share an axis out evenly, with the tiles that they make; the largest first."""
    step, extent = geometry.grid(net), math.ceil(length * factor)
    found: dict[int, _Sides] = {}
    for count in range(max(1, min(least, extent // LEAST_OWNED)), -(-extent // step) + 1):
        stride = -(-extent // (count * step)) * step
        if stride < LEAST_OWNED and found:
            break
        many = -(-extent // stride)
        sides = [(_side(net, stride + _around(net, factor)), many - 1)] if many > 1 else []
        last = (_side(net, extent - (many - 1) * stride + _around(net, factor)), 1)
        found.setdefault(stride, _Sides((*sides, last)))
    return list(found.items())


def _stride(length: int, net: NetworkSettings, factor: float, tile: int) -> int:
    """Model pixels from tile to tile for the tile size that was asked for."""
    step, extent = geometry.grid(net), math.ceil(length * factor)
    if tile == 0:
        return -(-extent // step) * step
    side = tile_size(net, tile, factor)
    own = (side - 2 * halo(net) - _around(net, factor)) // step * step
    return min(own, -(-extent // step) * step)  # no nearly empty tile


def _axis(
    length: int, net: NetworkSettings, factor: float, stride: int
) -> list[tuple[int, int, int, int]]:
    """For one axis: owned image pixels, first trusted model pixel, input side; per tile.

    The last one is only as large as what is left.
    """
    lead, extent = _lead(net, factor), math.ceil(length * factor)
    starts = range(0, extent, stride)
    cuts = [min(round(start / factor), length) for start in starts] + [length]
    return [
        (
            low,
            high,
            start - lead,
            _side(net, min(stride, extent - start) + _around(net, factor)),
        )
        for start, low, high in zip(starts, cuts, cuts[1:], strict=False)
        if high > low
    ]


def _lead(net: NetworkSettings, factor: float) -> int:
    """Model pixels of trusted output ahead of the first owned one, on the pooling grid."""
    return 0 if factor == 1.0 else -(-_reach(factor) // geometry.grid(net)) * geometry.grid(net)


def _around(net: NetworkSettings, factor: float) -> int:
    """Model pixels of trusted output that a tile needs beyond those that it owns."""
    return _lead(net, factor) + _reach(factor)


def _reach(factor: float) -> int:
    """Model pixels that the filter back to image pixels reads beyond the owned ones."""
    return 0 if factor == 1.0 else math.ceil(max(1.0, factor)) + 1
