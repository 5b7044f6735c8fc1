"""An annotated slice in model pixels: all of it, or of a large one what training tiles reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .annotation import Labels, Mask
from .geometry import tile_reach
from .normalise import Normalised
from .scale import model_length, nearest_indices, shrunk_window
from .settings import Settings
from .windows import Window, grown

Floats = npt.NDArray[np.float32]

# model pixels: of a larger slice only what training tiles can reach is held, in some thirty bytes
# a pixel. Of smaller ones all is, so that they are read to the last bit as ever
LARGEST_WHOLE = 2**22


@dataclass(frozen=True)
class Scaled:
    """A slice in model pixels, or the part of it that training tiles can reach."""

    image: Floats
    labels: Labels  # int32
    known: Mask
    open: Mask
    hidden: Mask
    whole: tuple[float, float] | None  # the slice's mean and standard deviation; None = all is here


def in_model_pixels(
    source: Normalised,
    window: Window,
    labels: Labels,
    known: Mask,
    factor: float,
    settings: Settings,
    open_ground: Mask,
    hidden: Mask,
) -> Scaled:
    """Rescale a slice; of a large one only what augmented tiles centred on the window can reach.

    Parameters
    ----------
    source : the whole slice
    window : of it, image px: what the masks are of; nothing is known elsewhere
    """
    shape = source.shape[1:]
    size = (model_length(shape[0], factor), model_length(shape[1], factor))
    part: Window = (0, size[0], 0, size[1])
    places = [nearest_indices(n, factor) - at for n, at in zip(shape, window[::2], strict=True)]
    inside = [(p >= 0) & (p < n) for p, n in zip(places, known.shape, strict=True)]
    whole = None
    if size[0] * size[1] > LARGEST_WHOLE:
        there = [np.flatnonzero(i) for i in inside]
        box = (there[0][0], there[0][-1] + 1, there[1][0], there[1][-1] + 1)
        reach = tile_reach(settings.network, settings.fit, settings.augment)
        part = grown(tuple(int(v) for v in box), reach, size)  # type: ignore[arg-type]
        if part != (0, size[0], 0, size[1]):
            whole = _mean_and_spread(source, size, factor)
    return Scaled(
        shrunk_window(source.read, shape, part, factor),
        _placed(np.where(known, labels, 0).astype(np.int32), places, inside, part),
        _placed(known, places, inside, part),
        _placed(open_ground, places, inside, part),
        _placed(hidden, places, inside, part),
        whole,
    )


def _placed(
    values: npt.NDArray[Any],
    places: list[npt.NDArray[np.intp]],
    inside: list[Mask],
    part: Window,
) -> npt.NDArray[Any]:
    """`part` of a slice in model pixels: the window's nearest `values`, nothing around them."""
    parts = slice(part[0], part[1]), slice(part[2], part[3])
    ys, xs = (p[cut] for p, cut in zip(places, parts, strict=True))
    high, wide = (i[cut] for i, cut in zip(inside, parts, strict=True))
    out = np.zeros((len(ys), len(xs)), values.dtype)
    out[np.ix_(high, wide)] = values[np.ix_(ys[high], xs[wide])]
    return out


def _mean_and_spread(
    source: Normalised, size: tuple[int, int], factor: float
) -> tuple[float, float]:
    """Of a slice in model pixels, which never is as a whole."""
    total = squares = 0.0
    rows = max(LARGEST_WHOLE // 4 // size[1], 1)
    for y in range(0, size[0], rows):
        strip = (y, min(y + rows, size[0]), 0, size[1])
        image = shrunk_window(source.read, source.shape[1:], strip, factor)
        total += float(image.sum(dtype=np.float64))
        squares += float(np.square(image, dtype=np.float64).sum())
    count = source.shape[0] * size[0] * size[1]
    mean = total / count
    return mean, math.sqrt(max(squares / count - mean**2, 0.0))
