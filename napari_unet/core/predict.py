"""Overlap-tile prediction (Ronneberger 2015, fig. 2), exact: tiled equals untiled.

The image is thought of as mirrored without end; every pixel of the network's output on
that plane is a function of the image alone as long as tiles begin on the pooling grid and
the halo is cut away. A tile is then only a window on that plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .device import mixed
from .inference import prepared
from .scale import mirror, taps
from .settings import NetworkSettings
from .tiling import Tile, TilePlan, cut, halo
from .unet import UNet
from .views import MIRRORS
from .windows import Window

Floats = npt.NDArray[Any]

# model pixels that go through the network at once on a GPU: less leaves most of a card idle
TOGETHER = 2048 * 2048


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


def predict_tiles(
    net: UNet,
    source: Source,
    plan: TilePlan,
    *,
    precision: str = "auto",
    together: int | None = None,
    views: int = 1,
) -> Iterator[tuple[Tile, Floats]]:
    """Yield each tile with its probabilities, ``(classes, y1 - y0, x1 - x0)``, as it is done.

    `net` is in evaluation mode on its device; one that is not :func:`.inference.prepared` is,
    for this call. Tiles of one size go through the network together up to `together` model
    pixels (default: :data:`TOGETHER` on a GPU, one by one on a CPU). The mean of so many mirrored
    `views` of each is taken: tiles agree in it, too, as all end at one place of the pooling grid.
    Running out of GPU memory raises `torch.OutOfMemoryError`; :func:`predict` then plans anew
    with smaller tiles.
    """
    net = prepared(net)
    device = next(net.parameters()).device
    dtype = next(net.parameters()).dtype
    most = (0 if device.type == "cpu" else TOGETHER) if together is None else together
    for group, block in _read_ahead(source, plan, net.settings, most):
        batch = torch.from_numpy(block).to(device, dtype)
        with torch.inference_mode(), mixed(device, precision if dtype == torch.float32 else "full"):
            probabilities = _seen(net, batch, views).cpu().numpy()
        for tile, probability in zip(group, probabilities, strict=True):
            yield tile, _owned(probability, tile, plan.factor, net.settings)


def _seen(net: UNet, batch: Tensor, views: int) -> Tensor:
    """Probabilities of the tiles, the mean of so many mirrored views."""
    total = _probabilities(net, batch)
    for axes in MIRRORS[: views - 1]:
        total += _probabilities(net, batch.flip(axes)).flip(axes)
    return total / views if views > 1 else total


def _probabilities(net: UNet, batch: Tensor) -> Tensor:
    logits = net(batch.contiguous(memory_format=torch.channels_last))
    return torch.softmax(logits.to(batch.dtype), dim=1)


def _read_ahead(
    source: Source, plan: TilePlan, net: NetworkSettings, most: int
) -> Iterator[tuple[list[Tile], Floats]]:
    """Groups of tiles and their input ``(N, C, h, w)``; where tiles go together, the next group is
    read while the network is at work on one.
    """

    def read(group: list[Tile]) -> tuple[list[Tile], Floats]:
        return group, np.stack([_read_input(source, tile, plan.factor, net) for tile in group])

    groups = list(_groups(plan.tiles, most))
    if most == 0:  # the CPU is at work itself
        yield from map(read, groups)
        return
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, groups[0]) if groups else None
        for following in [*groups[1:], None]:
            assert coming is not None
            ready = coming.result()
            coming = None if following is None else reader.submit(read, following)
            yield ready


def _groups(tiles: Sequence[Tile], most: int) -> Iterator[list[Tile]]:
    """Tiles of one size that follow one another, up to `most` model pixels, at least one."""
    group: list[Tile] = []
    for tile in tiles:
        pixels = (len(group) + 1) * tile.size[0] * tile.size[1]
        if group and (tile.size != group[0].size or pixels > most):
            yield group
            group = []
        group.append(tile)
    if group:
        yield group


def predict(
    net: UNet,
    source: Source,
    plan: TilePlan,
    *,
    precision: str = "auto",
    views: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Probabilities of all classes, ``(classes, Y, X)``: drains :func:`predict_tiles`."""
    dtype = np.float64 if next(net.parameters()).dtype == torch.float64 else np.float32
    out = np.zeros((net.settings.classes, *plan.shape), dtype)
    for index, (tile, probability) in enumerate(
        predict_tiles(net, source, plan, precision=precision, views=views), start=1
    ):
        y0, y1, x0, x1 = tile.window
        out[:, y0:y1, x0:x1] = probability
        if progress is not None:
            progress(index, len(plan.tiles))
    return out


def _read_input(source: Source, tile: Tile, factor: float, net: NetworkSettings) -> Floats:
    """The input for a tile, ``(C, h, w)`` model pixels, mirrored where it leaves the image."""
    ahead = halo(net)
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
    for axis, (low, high), origin in ((1, (y0, y1), tile.origin[0]), (2, (x0, x1), tile.origin[1])):
        first = origin - cut(net)  # model pixel of the output's element 0
        if factor == 1.0:
            probability = np.take(probability, range(low - first, high - first), axis=axis)
        else:
            probability = taps(low, high, 1 / factor).apply(probability, axis, first)
    return probability
