"""How large the cells of an image look to a model that was trained at one cell diameter.

A network that knows cells of 26 px finds such cells where it is shown the image at the right
scale, and only there in great number and with certainty: so it is asked at several.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from .annotation import whole_cell_areas
from .predict import ArraySource
from .segment import Segmenter
from .windows import Window

STEP = math.sqrt(2)  # between the diameters that are tried
SMALLEST, LARGEST = 9.0, 160.0  # image pixels
SIDE = 320  # model pixels: what is looked at of each scale, from the middle of the image
LEAST_CELLS = 3  # whole cells, or a scale has found nothing
LOOKED_AT_AGAIN = 2  # best scales that are asked again, at the size of what they have found


def estimated_diameter(segmenter: Segmenter, sources: Iterable[ArraySource]) -> float | None:
    """The median cell diameter of an image in its pixels, None where no cells are found.

    Parameters
    ----------
    segmenter : of a model with a diameter
    sources : slices of the image, ``(C, Y, X)``, normalised

    Returns
    -------
    The diameter at which the model finds most of what it is sure of as cells of its own size,
    in the slice where it is surest.
    """
    low, high = segmenter.config.image_diameters or (SMALLEST, LARGEST)
    count = 2 + math.floor(math.log(high / low) / math.log(STEP))
    tried: list[tuple[float, float]] = []
    for source in sources:
        at_first = _all_found(segmenter, source, np.geomspace(low, high, count))
        own = [seen for _, seen in sorted(at_first)[-LOOKED_AT_AGAIN:]]
        tried += at_first + _all_found(segmenter, source, own)
    return max(tried)[1] if tried else None


def slices_to_measure(indices: Sequence[int]) -> list[int]:
    """The slices of a stack in which cells are looked for: from its middle and its quarters.

    The first ones and the last are often out of focus, or empty.
    """
    places = (len(indices) // 2, len(indices) // 4, 3 * len(indices) // 4)
    return list(dict.fromkeys(indices[place] for place in places))


def _all_found(
    segmenter: Segmenter, source: ArraySource, diameters: Iterable[float]
) -> list[tuple[float, float]]:
    """What is found at each of the diameters, where anything is."""
    looks = (_found(replace(segmenter, diameter=float(d)), source) for d in diameters)
    return [found for found in looks if found is not None]


def _found(segmenter: Segmenter, source: ArraySource) -> tuple[float, float] | None:
    """How well a diameter fits, and the median diameter of the cells that are found by it."""
    assert segmenter.diameter is not None and segmenter.config.diameter is not None
    window = _middle(source.shape[1:], SIDE / segmenter.factor)
    probability = segmenter.window(source, window)
    labels = segmenter.labels(probability, np.ones(probability.shape, bool))
    areas = whole_cell_areas(labels, None)
    if len(areas) < LEAST_CELLS:
        return None
    seen = float(np.median(2 * np.sqrt(areas / np.pi)))
    sure = float(np.mean(np.abs(2 * probability - 1)))
    off = math.log(seen / segmenter.diameter)
    return sure * math.exp(-((off / 0.35) ** 2)), seen


def _middle(shape: tuple[int, ...], side: float) -> Window:
    """A square in the middle of a slice, as far as the slice goes."""
    (y0, y1), (x0, x1) = (
        (max(round((n - side) / 2), 0), min(round((n + side) / 2), n)) for n in shape
    )
    return y0, y1, x0, x1
