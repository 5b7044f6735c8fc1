"""The boundary weight map of the loss (Ronneberger 2015, eq. 2; preset ``fiji``: Falk 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import measure

from .annotation import Labels, Mask, check_labels
from .carving import carve
from .errors import BadInput
from .given import as_mask, within
from .nearest import pair_distance
from .settings import LARGEST_W0, LabelsAre, WeightSettings, to_dict
from .typed import from_dict, plain_numbers, short

Map = npt.NDArray[np.float32]
Counts = dict[int, int]


def weight_map(
    labels: npt.ArrayLike,
    known: npt.ArrayLike | None = None,
    settings: WeightSettings | None = None,
    *,
    labels_are: LabelsAre = "instances",
    class_weight: Mapping[int, float] | None = None,
) -> Map:
    """Weight of every pixel in the loss. Touching cells are carved apart first.

    ``paper``: ``w_c + w0 exp(-(d1 + d2)^2 / (2 sigma^2))``, the second term on background
    only; d1, d2 = Euclidean distance to the nearest and second nearest (carved) cell.
    ``fiji``: cells 1, background
    ``v + w0 exp(-(d1 + d2)^2 / (2 s^2)) + (1 - v) exp(-d1^2 / (2 s1^2))``.

    Parameters
    ----------
    labels : ``(Y, X)`` int, 0 = background
    known : ``(Y, X)``, not 0 where it is known, or None: everything. Unknown pixels weigh
        exactly 0, and labels there are erased before anything is computed.
    settings : default: preset ``paper``, w0 = 10, sigma = 5 px
    labels_are : with "classes" the border term works between the connected pieces of each
        class and nothing is carved
    class_weight : w_c by class (0 = background), of the whole training set; default: of
        this image

    Returns
    -------
    ``(Y, X)`` float32, within `settings.tolerance` of the exact value. With fewer than two
    cells the border term is 0.

    Raises
    ------
    BadInput
        For labels that are no ids, or are not two-dimensional, a known area of another shape,
        another word for `labels_are`, settings that are none, or class weights that are no weights.
    """
    if labels_are not in get_args(LabelsAre):
        raise BadInput(f"labels are 'instances' or 'classes', not {labels_are!r}")
    settings = WeightSettings() if settings is None else settings
    _check_settings(settings)
    if class_weight is not None:
        _check_class_weight(class_weight)
    labels = check_labels(labels)
    if labels.ndim != 2:
        raise BadInput(f"a weight map needs labels of two axes (Y, X), not of shape {labels.shape}")
    area = None if known is None else as_mask(known, "the known area")
    if area is not None:
        if area.shape != labels.shape:
            raise BadInput(f"the known area has the shape {area.shape}, the labels {labels.shape}")
        labels = np.where(area, labels, 0).astype(np.int32)
    if labels_are == "instances":
        labels = carve(labels)
    return assembled_map(labels, area, settings, labels_are, class_weight)


def _check_settings(given: object) -> None:
    """Of Python's callers nobody checks the types, nor the bounds of each number."""
    if not isinstance(given, WeightSettings):
        raise BadInput(
            "the settings of a weight map are WeightSettings, such as WeightSettings.of('fiji'),"
            f" not {short(given)}"
        )
    from_dict(WeightSettings, plain_numbers(to_dict(given)))


def _check_class_weight(given: object) -> None:
    """Of Python's callers nobody checks the types; a class that is not asked for would weigh 1."""
    if not isinstance(given, Mapping) or not all(isinstance(k, Integral) for k in given):
        raise BadInput(
            "class weights are given by class, such as {0: 0.5, 1: 2.0}, not as " + short(given)
        )
    for k, weight in given.items():
        if not within(weight, 0, LARGEST_W0):
            raise BadInput(
                f"the weight of class {k} must be between 0 and {LARGEST_W0:g}, not {short(weight)}"
            )


def assembled_map(
    labels: Labels,
    known: Mask | None,
    settings: WeightSettings,
    labels_are: LabelsAre,
    class_weight: Mapping[int, float] | None = None,
) -> Map:
    """:func:`weight_map` of labels that are erased and carved already."""
    weights = border_term(labels, settings, labels_are)
    if settings.preset == "paper":
        if class_weight is None:
            class_weight = class_weights(class_counts(labels, known, labels_are), settings)
        weights += _by_class(labels, class_weight, labels_are)
    if known is not None:
        weights *= known
    return weights


def border_term(
    labels: Labels,
    settings: WeightSettings,
    labels_are: LabelsAre = "instances",
    inner: tuple[slice, slice] | None = None,
) -> Map:
    """Everything of the map that depends on distances; ``(Y, X)`` float32.

    With preset ``fiji`` that is the whole map: cells 1, background its three terms. Where only
    `inner` is wanted, the rest is not to be trusted.
    """
    groups = [labels]
    if labels_are == "classes":
        values = np.unique(labels)
        groups = [measure.label(labels == v, connectivity=2) for v in values[values > 0]]
    border = np.zeros(labels.shape, np.float32)
    rim = np.zeros(labels.shape, np.float32)
    for cells in groups:
        total = pair_distance(_compact(cells), _pair_reach(settings), inner)
        near = np.isfinite(total)
        border[near] += settings.w0 * np.exp(
            np.square(total[near]) / np.float32(-2 * settings.sigma**2)
        )
        if settings.preset == "fiji" and cells.any():
            np.maximum(rim, _rim(cells, settings), out=rim)
    if settings.preset == "fiji":
        border += settings.background + (1 - settings.background) * rim
    border[labels > 0] = 1 if settings.preset == "fiji" else 0
    return border


def reach(settings: WeightSettings) -> float:
    """Pixels beyond which a cell adds less than the tolerance (d1 >= 1 on background)."""
    pair = max(_pair_reach(settings) - 1, 0.0)
    return pair if settings.preset == "paper" else max(pair, _rim_reach(settings))


def _pair_reach(settings: WeightSettings) -> float:
    """Sums d1 + d2 beyond which the border term is below the tolerance."""
    if settings.w0 <= settings.tolerance:
        return 0.0
    return settings.sigma * math.sqrt(2 * math.log(settings.w0 / settings.tolerance))


def _rim_reach(settings: WeightSettings) -> float:
    least = max((1 - settings.background) / settings.tolerance, 1.0)
    return settings.rim_sigma * math.sqrt(2 * math.log(least))


def _rim(cells: npt.NDArray[Any], settings: WeightSettings) -> Map:
    """``exp(-d1^2 / (2 s1^2))``, 0 beyond reach: a stroke changes nothing farther away."""
    d1 = ndimage.distance_transform_edt(cells == 0).astype(np.float32)
    rim = np.exp(-np.square(d1) / np.float32(2 * settings.rim_sigma**2))
    rim[d1 > _rim_reach(settings)] = 0
    return rim


def _compact(cells: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Ids renumbered 1..n."""
    top = int(cells.max(initial=0))
    if top <= 4 * cells.size:
        present = np.zeros(top + 1, bool)
        present[cells.ravel()] = True
        present[0] = False
        return (np.cumsum(present, dtype=np.int32) * present)[cells]
    ids, flat = np.unique(cells, return_inverse=True)
    return (flat.reshape(cells.shape) + int(ids[0] > 0)).astype(np.int32)


def class_counts(labels: Labels, known: Mask | None, labels_are: LabelsAre) -> Counts:
    """Known pixels of each class, 0 = background; instances are one class, 1."""
    values = (labels > 0).astype(np.int32) if labels_are == "instances" else labels
    found, counts = np.unique(values if known is None else values[known], return_counts=True)
    return {int(v): int(n) for v, n in zip(found, counts, strict=True)}


def class_weights(counts: Counts, settings: WeightSettings) -> dict[int, float]:
    """``w_c(k) = n / (K n_k)`` over the K classes that occur, clipped."""
    total = sum(counts.values())
    top = settings.max_class_weight
    return {k: min(max(total / (len(counts) * n), 1 / top), top) for k, n in counts.items()}


def clipped_classes(counts: Counts, settings: WeightSettings) -> list[int]:
    """Classes whose weight had to be clipped: worth a warning. None where all are to be 1."""
    total, top = sum(counts.values()), settings.max_class_weight
    if top == 1:
        return []
    return [k for k, n in counts.items() if not 1 / top <= total / (len(counts) * n) <= top]


def _by_class(labels: Labels, class_weight: Mapping[int, float], labels_are: LabelsAre) -> Map:
    if labels_are == "instances":
        cell, ground = class_weight.get(1, 1.0), class_weight.get(0, 1.0)
        return np.where(labels > 0, np.float32(cell), np.float32(ground))
    values = np.unique(labels)
    table = np.array([class_weight.get(int(v), 1.0) for v in values], np.float32)
    return table[np.searchsorted(values, labels)]
