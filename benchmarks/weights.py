"""The weight map against a distance transform for each cell, and against a single one."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.annotation import carve
from napari_unet.core.settings import WeightSettings
from napari_unet.core.weights import border_term

from .report import heading, in_turn, median_seconds

SIDE, CELLS = 1024, 400


def labels_of(side: int = SIDE, cells: int = CELLS) -> npt.NDArray[np.int32]:
    """A jittered grid of discs of several sizes, neighbours touching here and there."""
    rng, rows = np.random.default_rng(0), round(cells**0.5)
    step = side / rows
    labels = np.zeros((side, side), np.int32)
    for index in range(cells):
        cy, cx = (np.array(divmod(index, rows)) + 0.5) * step + rng.uniform(-6, 6, 2)
        radius = rng.uniform(0.3, 0.55) * step
        top, left = max(int(cy - radius), 0), max(int(cx - radius), 0)
        box = labels[top : int(cy + radius) + 2, left : int(cx + radius) + 2]
        y, x = np.mgrid[: box.shape[0], : box.shape[1]]
        box[(np.hypot(y + top - cy, x + left - cx) < radius) & (box == 0)] = index + 1
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
    heading("weight map, border term, sigma 5 px")
    against_the_naive_way(settings)
    against_one_transform(settings)


def against_the_naive_way(settings: WeightSettings) -> None:
    labels = carve(labels_of())
    ours = median_seconds(lambda: border_term(labels, settings), times=9)
    began = time.perf_counter()
    slow = naive(labels, settings)
    taken = time.perf_counter() - began
    apart = float(np.abs(border_term(labels, settings) - slow).max())
    print(f"{SIDE} x {SIDE}, {count(labels)} cells")
    print(f"  ours    {ours:8.3f} s  (median of 9)")
    print(f"  naive   {taken:8.3f} s  (once)")
    print(f"  ratio   {taken / ours:8.0f} x  (wanted: at least 100)")
    print(f"  largest difference {apart:.1e}  (wanted: below 1e-3)")


def against_one_transform(settings: WeightSettings, side: int = 2048) -> None:
    few, many = carve(labels_of(side, 50)), carve(labels_of(side, 2000))
    seconds = in_turn(
        {
            "few": lambda: border_term(few, settings),
            "many": lambda: border_term(many, settings),
            "one transform": lambda: ndimage.distance_transform_edt(many == 0),
        }
    )
    part = 10  # the naive way costs the same for each cell
    began = time.perf_counter()
    for cell in range(1, part + 1):
        ndimage.distance_transform_edt(many != cell)
    naively = (time.perf_counter() - began) / part * count(many)
    ours, one = seconds["many"], seconds["one transform"]
    print(f"{side} x {side}, {count(many)} cells")
    print(f"  ours    {ours:8.3f} s  (median of 5)")
    print(f"  one distance transform of the image {one:.3f} s")
    print(f"  ratio   {ours / one:8.2f} x  (wanted: at most 1)")
    print(f"  ours, {count(few)} cells {seconds['few']:.3f} s")
    print(f"  growth  {ours / seconds['few']:8.2f} x  (wanted: at most 1.5)")
    print(f"  naive   {naively:8.0f} s  ({count(many)} times the mean of {part} transforms)")
    print(f"  ratio   {naively / ours:8.0f} x  (wanted: at least 1000)")


def count(labels: npt.NDArray[np.int32]) -> int:
    return len(np.unique(labels)) - 1
