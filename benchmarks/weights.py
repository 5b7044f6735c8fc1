"""The weight map against one full distance transform for each cell (issue 2, show 3)."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.annotation import carve
from napari_unet.core.settings import WeightSettings
from napari_unet.core.weights import border_term

from .report import heading, median_seconds

SIDE, CELLS = 1024, 400


def labels_of(side: int = SIDE, cells: int = CELLS) -> npt.NDArray[np.int32]:
    """A jittered grid of discs of several sizes, neighbours touching here and there."""
    rng, rows = np.random.default_rng(0), round(cells**0.5)
    step = side / rows
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for index in range(cells):
        row, column = divmod(index, rows)
        cy, cx = (np.array([row, column]) + 0.5) * step + rng.uniform(-6, 6, 2)
        radius = rng.uniform(0.3, 0.55) * step
        inside = np.hypot(y - cy, x - cx) < radius
        labels[inside & (labels == 0)] = index + 1
    return labels


def naive(labels: npt.NDArray[np.int32], settings: WeightSettings) -> npt.NDArray[np.float32]:
    """As the formula reads: all distances, stacked and sorted."""
    ids = np.unique(labels[labels > 0])
    distances = np.stack([ndimage.distance_transform_edt(labels != i) for i in ids])
    distances.sort(axis=0)
    term = settings.w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * settings.sigma**2))
    term[labels > 0] = 0
    return term.astype(np.float32)


def main() -> None:
    settings = WeightSettings()
    labels = carve(labels_of())
    count = len(np.unique(labels)) - 1
    heading(f"weight map, {SIDE} x {SIDE}, {count} cells, sigma {settings.sigma:g} px", threads=1)
    ours = median_seconds(lambda: border_term(labels, settings), times=9)
    began = time.perf_counter()
    slow = naive(labels, settings)
    taken = time.perf_counter() - began
    apart = float(np.abs(border_term(labels, settings) - slow).max())
    print(f"ours    {ours:8.3f} s  (median of 9)")
    print(f"naive   {taken:8.3f} s  (once)")
    print(f"ratio   {taken / ours:8.0f} x  (wanted: at least 100)")
    print(f"largest difference {apart:.1e}  (wanted: below 1e-3)")
