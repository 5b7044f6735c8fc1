"""The weight map against a distance transform for each cell, and against a single one."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.carving import carve
from napari_unet.core.settings import WeightSettings
from napari_unet.core.weights import border_term

from .report import Sheet, in_turn, median_seconds

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


def main(sheet: Sheet) -> None:
    settings = WeightSettings()
    sheet.heading("border term of the weight map, sigma 5 px")
    against_the_naive_way(sheet, settings)
    against_one_transform(sheet, settings)


def against_the_naive_way(sheet: Sheet, settings: WeightSettings) -> None:
    labels = carve(labels_of())
    ours = median_seconds(lambda: border_term(labels, settings), times=9)
    began = time.perf_counter()
    slow = naive(labels, settings)
    taken = time.perf_counter() - began
    apart = float(np.abs(border_term(labels, settings) - slow).max())
    what = f"{SIDE} x {SIDE}, {count(labels)} cells"
    sheet.figure(f"{what}: ours", ours, "s")
    sheet.figure("the naive way (scipy, once)", taken, "s")
    sheet.figure("naive / ours", taken / ours, at_least=100)
    sheet.figure("largest difference", apart, at_most=1e-3)


def against_one_transform(sheet: Sheet, settings: WeightSettings, side: int = 2048) -> None:
    few, many = carve(labels_of(side, 50)), carve(labels_of(side, 2000))
    seconds = in_turn(
        {
            "few": lambda: border_term(few, settings),
            "many": lambda: border_term(many, settings),
            "one transform": lambda: ndimage.distance_transform_edt(many == 0),
        },
        times=9,
    )
    part = 10  # the naive way costs the same for each cell
    began = time.perf_counter()
    for cell in range(1, part + 1):
        ndimage.distance_transform_edt(many != cell)
    naively = (time.perf_counter() - began) / part * count(many)
    ours, one = seconds["many"], seconds["one transform"]
    sheet.figure(f"{side} x {side}, {count(many)} cells: ours", ours, "s")
    sheet.figure("one scipy distance transform of the image", one, "s")
    sheet.figure("ours / one transform", ours / one, at_most=1)
    sheet.figure(f"growth from {count(few)} cells", ours / seconds["few"], at_most=1.5)
    sheet.figure(
        "naive / ours", naively / ours, at_least=1000, note=f"naive extrapolated from {part} cells"
    )


def count(labels: npt.NDArray[np.int32]) -> int:
    return len(np.unique(labels)) - 1
