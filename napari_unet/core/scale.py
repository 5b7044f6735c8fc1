"""Between image pixels and model pixels.

One global coordinate map, ``m + 0.5 = s (y + 0.5)``: y a position in image pixels, m in
model pixels, s the factor. Every window is computed from global positions, so that a tile
holds exactly the pixels that the whole would hold there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .settings import ScaleSettings
from .windows import Window, part_of

Floats = npt.NDArray[Any]


def scale_factor(
    image_diameter: float | None, settings: ScaleSettings, model_diameter: float | None = None
) -> float:
    """Image pixels -> model pixels: model diameter / image diameter, within the limit.

    1.0 where either diameter is unknown or rescaling is off.
    """
    target = model_diameter if model_diameter is not None else settings.diameter
    if settings.diameter is None or target is None or not image_diameter:
        return 1.0
    return float(min(max(target / image_diameter, 1 / settings.limit), settings.limit))


def model_length(length: int, factor: float) -> int:
    """Model pixels along an axis of `length` image pixels."""
    return max(1, round(length * factor))


def nearest_indices(length: int, factor: float) -> npt.NDArray[np.intp]:
    """For each model pixel of an axis the image pixel that its centre lies in."""
    centres = (np.arange(model_length(length, factor)) + 0.5) / factor
    return np.minimum(centres.astype(np.intp), length - 1)


@dataclass(frozen=True)
class Taps:
    """Anti-aliased linear resampling of one axis: for each output pixel its sources.

    ``index`` (n, k) int: source positions, possibly outside the source (mirror them);
    ``weight`` (n, k) float64, rows sum to 1.
    """

    index: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]

    @property
    def start(self) -> int:
        return int(self.index.min())

    @property
    def stop(self) -> int:
        return int(self.index.max()) + 1

    def apply(self, block: Floats, axis: int, first: int) -> Floats:
        """Resample `axis` of `block`, whose element 0 is source position `first`."""
        block = np.moveaxis(block, axis, 0)
        shape = (-1,) + (1,) * (block.ndim - 1)
        out = np.zeros((len(self.index), *block.shape[1:]), block.dtype)
        for index, weight in zip(self.index.T - first, self.weight.T, strict=True):
            out += weight.astype(block.dtype).reshape(shape) * block[index]
        return np.moveaxis(out, 0, axis)


def taps(start: int, stop: int, factor: float) -> Taps:
    """Taps that make the pixels ``start..stop`` of a grid `factor` times as fine as its source.

    A triangle filter as wide as the coarser of the two pixels: linear interpolation when
    enlarging, an average without aliasing when shrinking.
    """
    position = (np.arange(start, stop) + 0.5) / factor - 0.5
    support = max(1.0, 1 / factor)
    index = np.ceil(position - support).astype(np.int64)[:, None] + np.arange(
        math.floor(2 * support) + 1
    )
    weight = np.maximum(0, 1 - np.abs(index - position[:, None]) / support)
    return Taps(index, weight / weight.sum(axis=1, keepdims=True))


def mirror(start: int, stop: int, length: int) -> npt.NDArray[np.int64]:
    """Indices of ``np.pad(mode="reflect")`` for ``start..stop``, by any margin, any `length`."""
    period = max(2 * (length - 1), 1)
    index = np.abs(np.arange(start, stop)) % period
    return np.where(index < length, index, period - index)


def shrink_image(image: Floats, factor: float) -> Floats:
    """A whole ``(C, Y, X)`` image in model pixels; the same as tiles of it would hold."""
    if factor == 1.0:
        return image
    size = (model_length(image.shape[1], factor), model_length(image.shape[2], factor))
    whole = (0, size[0], 0, size[1])
    return shrunk_window(lambda w: image[:, *part_of(w)], image.shape[1:], whole, factor)


def shrunk_window(
    read: Callable[[Window], Floats], shape: tuple[int, ...], window: Window, factor: float
) -> Floats:
    """`window` (model px) of what :func:`shrink_image` makes of an image.

    Parameters
    ----------
    read : windows (image px) of the ``(C, Y, X)`` image; only what is needed is asked for
    shape : ``(Y, X)`` of the image
    """
    if factor == 1.0:
        return read(window)
    grids = [taps(*window[:2], factor), taps(*window[2:], factor)]
    ys, xs = (mirror(g.start, g.stop, n) for g, n in zip(grids, shape, strict=True))
    top, left = int(ys.min()), int(xs.min())
    out = read((top, int(ys.max()) + 1, left, int(xs.max()) + 1))
    for axis, (grid, sources) in enumerate(zip(grids, (ys - top, xs - left), strict=True), start=1):
        out = grid.apply(np.take(out, sources, axis=axis), axis, grid.start)
    return out
