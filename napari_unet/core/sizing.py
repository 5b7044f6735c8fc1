"""How large the cells of an image look to a model that was trained at one cell diameter.

A network that knows cells of 26 px finds such cells where it is shown the image at the right
scale, and only there in great number and with certainty: so it is asked at several.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .annotation import whole_cell_areas
from .predict import Source
from .segment import Segmenter
from .windows import Window

STEP = math.sqrt(2)  # between the diameters that are tried
SMALLEST, LARGEST = 9.0, 160.0  # image pixels
SIDE = 320  # model pixels: what is looked at of each scale, from the middle of the image
LEAST_CELLS = 3  # whole cells, or a scale has found nothing
LOOKED_AT_AGAIN = 2  # best scales that are asked again, at the size of what they have found
SUITS = 0.7  # how well the trained diameter fits images of its cells, at least
# less where it fits the training images no better (cells of many sizes), by chance
LESS = 0.1
BETTER = 0.15  # that another must fit better by
AS_GOOD = 0.1  # of others that differ by less the nearest is taken: cells of one image vary
UNLIKE = 1.25  # times the trained diameter, or a part of it; what is less augmentation has taught
LEAST_UNLIKE = 8  # whole cells: fewer may be debris
WIDE = 2 * SIDE  # model pixels: looked at for them, as cells that are too large are few in less


def estimated_diameter(segmenter: Segmenter, sources: Iterable[Source]) -> float | None:
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
    tried = [found for source in sources for found in _tried(segmenter, source, low, high)]
    return max(tried)[1] if tried else None


def unlike_diameter(segmenter: Segmenter, sources: Iterable[Source]) -> float | None:
    """The median cell diameter of an image, px, where it is far from what the model was trained on.

    Shown cells of another size, a model finds pieces or clumps of them, often of nearly its own
    size: that it is less sure of them tells, not how large they are.

    Parameters
    ----------
    segmenter : of a model trained on cells of one size
    sources : slices of the image, ``(C, Y, X)``, normalised; the first that tells decides

    Returns
    -------
    None where the trained size fits, or no other fits better by far.
    """
    trained = segmenter.config.image_diameter
    assert trained is not None
    suits = SUITS if segmenter.config.fit is None else min(SUITS, segmenter.config.fit - LESS)
    for source in sources:
        fit = fit_of(segmenter, source)
        if fit >= suits:
            return None
        others = _tried(segmenter, source, SMALLEST, LARGEST)
        most = max((at for at, _ in others), default=0.0)
        fitting = [seen for at, seen in others if at >= max(most - AS_GOOD, fit + BETTER)]
        for diameter in sorted(fitting, key=lambda d: abs(math.log(d / trained))):
            if not _unlike(diameter, trained):
                return None
            areas, _ = _cells(segmenter, source, diameter, WIDE)
            if len(areas) >= LEAST_UNLIKE:
                return diameter
    return None


def fit_of(segmenter: Segmenter, source: Source) -> float:
    """How well the diameter of a model's training cells fits an image, 0 to 1."""
    assert segmenter.config.image_diameter is not None
    found = _found(segmenter, source, segmenter.config.image_diameter)
    return found[0] if found else 0.0


def slices_to_measure(indices: Sequence[int]) -> list[int]:
    """The slices of a stack in which cells are looked for: from its middle and its quarters.

    The first ones and the last are often out of focus, or empty.
    """
    places = (len(indices) // 2, len(indices) // 4, 3 * len(indices) // 4)
    return list(dict.fromkeys(indices[place] for place in places))


def _tried(
    segmenter: Segmenter, source: Source, low: float, high: float
) -> list[tuple[float, float]]:
    """What is found at diameters from `low` to `high`, and at that of what the best have found."""
    count = 2 + math.floor(math.log(high / low) / math.log(STEP))
    at_first = _all_found(segmenter, source, np.geomspace(low, high, count))
    own = [seen for _, seen in sorted(at_first)[-LOOKED_AT_AGAIN:]]
    return at_first + _all_found(segmenter, source, own)


def _all_found(
    segmenter: Segmenter, source: Source, diameters: Iterable[float]
) -> list[tuple[float, float]]:
    """What is found at each of the diameters, where anything is."""
    looks = (_found(segmenter, source, float(d)) for d in diameters)
    return [found for found in looks if found is not None]


def _found(segmenter: Segmenter, source: Source, diameter: float) -> tuple[float, float] | None:
    """How well a diameter fits, and the median diameter of the cells that are found by it."""
    areas, sure = _cells(segmenter, source, diameter)
    if len(areas) < LEAST_CELLS:
        return None
    seen = _median_diameter(areas)
    off = math.log(seen / diameter)
    return sure * math.exp(-((off / 0.35) ** 2)), seen


def _cells(
    segmenter: Segmenter, source: Source, diameter: float, side: int = SIDE
) -> tuple[npt.NDArray[np.float64], float]:
    """Areas (px) of the whole cells found by a diameter, and how sure the model is, 0 to 1.

    In the middle of the image, on a square of `side` model pixels.
    """
    segmenter = replace(segmenter, diameter=diameter, tile=None, views=1)
    window = _middle(source.shape[1:], side / segmenter.factor)
    probability = segmenter.window(source, window)
    labels = segmenter.labels(probability, np.ones(probability.shape, bool))
    return whole_cell_areas(labels, None), float(np.mean(np.abs(2 * probability - 1)))


def _median_diameter(areas: npt.NDArray[np.float64]) -> float:
    return float(np.median(2 * np.sqrt(areas / np.pi)))


def _unlike(diameter: float, trained: float) -> bool:
    return not 1 / UNLIKE <= diameter / trained <= UNLIKE


def _middle(shape: tuple[int, ...], side: float) -> Window:
    """A square in the middle of a slice, as far as the slice goes."""
    (y0, y1), (x0, x1) = (
        (max(round((n - side) / 2), 0), min(round((n + side) / 2), n)) for n in shape
    )
    return y0, y1, x0, x1
