"""Grey values to about 0..1, per channel and 2D slice: one function for training and prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .given import check_numbers
from .settings import NormaliseSettings
from .windows import Window, part_of

# One hot pixel must not explode the network, nor make the other pixels of its tile vanish:
# beyond these the grey value tells nothing more. Cells far brighter than the high
# percentile (few small cells on a large field) still stand out clearly at 4.
LEAST, MOST = -1.0, 4.0
BLOCK = 1 << 20  # pixels worked on at a time: a large uint16 image never exists as float64
TOP = float(np.finfo(np.float32).max)  # what float32 cannot hold counts as missing


def normalise(
    image: npt.NDArray[Any], settings: NormaliseSettings | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Map each channel so that its low percentile becomes 0 and its high one 1.

    The percentiles are those of the finite pixels; above `settings.samples` pixels they are
    measured on a fixed regular grid. Where both percentiles are equal (sparse bright specks)
    the darkest and brightest pixel take their place; a constant channel becomes 0 everywhere.
    Values are limited to [-1, 4].

    Parameters
    ----------
    image
        (C, Y, X), bool or any integer or float type; grey values.
    settings
        The percentiles and the number of samples.

    Returns
    -------
    normalised
        (C, Y, X) float32, finite everywhere: missing pixels hold their channel's median.
    finite
        (Y, X) bool: False where any channel is NaN, infinite or beyond the range of float32.

    Raises
    ------
    BadInput
        If the values are no numbers (complex, text, objects).
    """
    source = normalised(image, settings)
    whole = (0, image.shape[-2], 0, image.shape[-1])
    return source.read(whole), source.finite(whole)


@dataclass(frozen=True)
class Normalised:
    """A slice of which windows are normalised as they are read: a `predict.Source`.

    They hold what :func:`normalise` makes of the whole slice there, which never exists.

    Attributes
    ----------
    raw : (C, Y, X) grey values
    levels : for each channel the grey values of 0, of 1 and of missing pixels
    """

    raw: npt.NDArray[Any]
    levels: tuple[tuple[float, float, float], ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        c, y, x = self.raw.shape
        return c, y, x

    def read(self, window: Window) -> npt.NDArray[np.float32]:
        """``(C, y1 - y0, x1 - x0)``, finite everywhere."""
        raw = self.raw[:, *part_of(window)]
        out = np.empty(raw.shape, np.float32)
        for channel, levels, mapped in zip(raw, self.levels, out, strict=True):
            _map(channel, has_value(channel), *levels, out=mapped)
        return out

    def finite(self, window: Window) -> npt.NDArray[np.bool_]:
        """``(y1 - y0, x1 - x0)``: False where any channel holds no number float32 can hold."""
        raw = self.raw[:, *part_of(window)]
        finite = np.ones(raw.shape[-2:], np.bool_)
        for channel in raw:
            there = has_value(channel)
            if there is not None:
                finite &= there
        return finite


def normalised(image: npt.NDArray[Any], settings: NormaliseSettings | None = None) -> Normalised:
    """The levels of a (C, Y, X) slice, measured as :func:`normalise` does; nothing is copied.

    Raises
    ------
    BadInput
        If the values are no numbers (complex, text, objects).
    """
    settings = settings or NormaliseSettings()
    check_numbers(image.dtype, "the image")
    return Normalised(
        image, tuple(_levels(channel, has_value(channel), settings) for channel in image)
    )


def has_value(channel: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """Where a channel holds a number that float32 can hold; None = everywhere, by its type."""
    if channel.dtype.kind != "f":
        return None
    there: npt.NDArray[np.bool_] = np.isfinite(channel)
    if channel.dtype.itemsize > 4:
        there &= np.abs(channel) <= TOP
    return there


def _levels(
    channel: npt.NDArray[Any], there: npt.NDArray[np.bool_] | None, settings: NormaliseSettings
) -> tuple[float, float, float]:
    """Grey values of 0, of 1 and of missing pixels; (Y, X) in, three grey values out."""
    grid = _grid(channel.shape, settings.samples)
    sample = channel[grid] if there is None else channel[grid][there[grid]]
    if sample.size == 0:  # all of the grid is missing, perhaps not all of the image
        sample = channel if there is None else channel[there]
    if sample.size == 0:
        return 0.0, 0.0, 0.0
    if sample.dtype.kind != "u" or sample.dtype.itemsize > 2:
        sample = sample.astype(np.float64)  # float16 would round the percentiles, int64 overflow
    low, middle, high = (float(v) for v in np.percentile(sample, (settings.low, 50, settings.high)))
    if low == high:
        everything = channel if there is None else channel[there]
        low, high = float(everything.min()), float(everything.max())
    return low, high, middle


def _grid(shape: tuple[int, ...], samples: int) -> tuple[slice, ...]:
    """Every n-th row and column, so that about `samples` pixels or fewer remain."""
    step = max(math.ceil(math.sqrt(math.prod(shape) / samples)), 1)
    return tuple(slice(min(step // 2, (n - 1) // 2), None, step) for n in shape)


def _map(
    channel: npt.NDArray[Any],
    there: npt.NDArray[np.bool_] | None,
    low: float,
    high: float,
    missing: float,
    *,
    out: npt.NDArray[np.float32],
) -> None:
    """Write ``(channel - low) / (high - low)``, limited, into `out`; all (Y, X)."""
    span = high - low
    if span <= 0:
        out[:] = 0
        return
    rows = max(BLOCK // channel.shape[1], 1)
    for start in range(0, channel.shape[0], rows):
        part = slice(start, start + rows)
        # float64: an int32 or float64 image may have a large offset and a small range.
        block = channel[part].astype(np.float64)
        if there is not None:
            block[~there[part]] = missing
        block -= low
        block /= span
        np.clip(block, LEAST, MOST, out=block)
        out[part] = block
