"""An annotator who knows the truth: which cells are painted, how well, and what else is marked.

Labels are ``(Y, X)`` int32, 0 = not painted; all that is drawn depends on the seed alone.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.annotation import median_diameter

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Chosen = Literal["random", "clustered"]
CHOSEN: tuple[Chosen, ...] = get_args(Chosen)

LEAST = 0.25  # of the median cell's area; nobody paints specks first
SHAKE = 2.0  # px; how far a hand is off the true outline at most
SMOOTH = 4.0  # px; over which its error changes
STROKES = 12  # of background, each as long as a cell
THIN = 0.2  # width of a stroke, in diameters
RIGHT = 0.7  # IoU above which a found cell is accepted
AWAY = 2.0  # px that a stroke of background keeps from every cell


def chosen_cells(truth: Labels, count: int, how: Chosen, seed: int) -> list[int]:
    """The ids of `count` cells: anywhere, or those nearest to one of them."""
    rng = np.random.default_rng(seed)
    ids, areas = np.unique(truth[truth > 0], return_counts=True)
    ids = rng.permutation(ids[areas >= LEAST * np.median(areas)])
    if how == "clustered":
        centres = np.array(ndimage.center_of_mass(truth > 0, truth, ids))
        ids = ids[np.argsort(np.hypot(*(centres - centres[0]).T), kind="stable")]
    return [int(i) for i in ids[:count]]


def painted(truth: Labels, ids: list[int], seed: int) -> Labels:
    """These cells as a hand paints them: outlines are off by up to `SHAKE` px, smoothly."""
    rng = np.random.default_rng([seed, 1])
    off = [ndimage.gaussian_filter(rng.normal(size=truth.shape), SMOOTH) for _ in range(2)]
    longest = max(float(np.hypot(*off).max()), 1e-9)
    places = [
        grid + SHAKE / longest * o for grid, o in zip(np.indices(truth.shape), off, strict=True)
    ]
    kept = np.where(np.isin(truth, ids), truth, 0)
    return ndimage.map_coordinates(kept, places, order=0, mode="nearest").astype(np.int32)


def strokes(truth: Labels, seed: int) -> Mask:
    """Short straight strokes of background, clear of all cells."""
    rng = np.random.default_rng([seed, 2])
    diameter = median_diameter(truth) or 20.0
    clear = ndimage.distance_transform_edt(truth == 0) > AWAY + THIN * diameter / 2
    lines = np.zeros(truth.shape, bool)
    for y, x in rng.permutation(np.argwhere(clear))[:STROKES]:
        angle = rng.uniform(0, np.pi)
        along = np.linspace(0, diameter, 2 * int(diameter) + 2)
        ys = np.clip(np.round(y + along * np.sin(angle)).astype(int), 0, truth.shape[0] - 1)
        xs = np.clip(np.round(x + along * np.cos(angle)).astype(int), 0, truth.shape[1] - 1)
        until = int(np.argmin([*clear[ys, xs], False]))  # it ends before a cell
        lines[ys[:until], xs[:until]] = True
    if not lines.any():
        return lines
    return ndimage.distance_transform_edt(~lines) <= max(THIN * diameter / 2, 0.5)


def accepted(truth: Labels, labels: Labels, found: Labels) -> Labels:
    """The labels with the found cells that are right, each as it was found; false ones are not."""
    ids, areas = np.unique(found[found > 0], return_counts=True)
    out, following = labels.copy(), int(labels.max())
    for number, area in zip(ids, areas, strict=True):
        inside = found == number
        hit, common = np.unique(truth[inside & (truth > 0)], return_counts=True)
        if not len(hit) or (labels[inside] > 0).any():
            continue
        best = int(np.argmax(common))
        union = area + np.count_nonzero(truth == hit[best]) - common[best]
        if common[best] > RIGHT * union:
            following += 1
            out[inside] = following
    return out


def region_of(truth: Labels, count: int, seed: int) -> Mask:
    """A rectangle in which all is painted: the smallest round a cell that holds `count` cells."""
    (first, *_) = chosen_cells(truth, 1, "random", seed)
    middle = np.array(ndimage.center_of_mass(truth == first))
    centres = np.array(ndimage.center_of_mass(truth > 0, truth, np.unique(truth[truth > 0])))
    apart = np.abs(centres - middle) / truth.shape
    half = np.sort(apart.max(axis=1))[min(count, len(centres)) - 1] * np.array(truth.shape) + 1
    mask = np.zeros(truth.shape, bool)
    low, high = np.maximum(middle - half, 0).astype(int), np.ceil(middle + half).astype(int) + 1
    mask[low[0] : high[0], low[1] : high[1]] = True
    return mask
