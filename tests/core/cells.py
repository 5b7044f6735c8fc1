"""Random label images and slow, obvious references."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.annotation import median_diameter
from napari_unet.core.scale import mirror, nearest_indices, scale_factor, taps
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.core.weights import weight_map


def random_cells(
    seed: int, shape: tuple[int, int] = (90, 110), cells: int = 25, fill: float = 0.8
) -> npt.NDArray[np.int32]:
    """Voronoi-like cells, many of them touching, ids with holes between."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 1, (cells, 2)) * shape
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1])
    ids = rng.permutation(3 * cells)[:cells].astype(np.int32) + 1
    radius = rng.uniform(4, 14, cells)
    nearest = distance.argmin(axis=-1)
    inside = distance.min(axis=-1) < radius[nearest]
    keep = rng.random(cells) < fill
    return np.where(inside & keep[nearest], ids[nearest], 0).astype(np.int32)


def brute_distances(carved: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """One full distance transform for each cell; the two smallest."""
    ids = np.unique(carved[carved > 0])
    far = np.full(carved.shape, np.inf)
    stack = np.stack([ndimage.distance_transform_edt(carved != i) for i in ids] + [far, far])
    stack.sort(axis=0)
    return stack[0], stack[1]


def brute_border(carved: npt.NDArray[Any], settings: WeightSettings) -> npt.NDArray[Any]:
    """The distance terms of the map, written down as in the paper and in Fiji's source."""
    d1, d2 = brute_distances(carved)
    w = settings.w0 * np.exp(-((d1 + d2) ** 2) / (2 * settings.sigma**2))
    if settings.preset == "fiji":
        v = settings.background
        w = v + w + (1 - v) * np.exp(-(d1**2) / (2 * settings.rim_sigma**2))
        return np.where(carved > 0, 1.0, w)
    return np.where(carved > 0, 0.0, w)


def brute_carve(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pixel by pixel, piece by piece."""
    carved = labels.copy()
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            around = labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            if labels[y, x] and ((around > 0) & (around != labels[y, x])).any():
                carved[y, x] = 0
    for i in np.unique(labels[labels > 0]):
        pieces, count = ndimage.label(labels == i, np.ones((3, 3)))
        for piece in range(1, count + 1):
            inside = pieces == piece
            if ndimage.label(inside & (carved == i), np.ones((3, 3)))[1] != 1:
                carved[inside] = i
    return carved


def in_model_pixels(labels: npt.NDArray[Any], factor: float) -> npt.NDArray[Any]:
    """Labels as the network sees them."""
    return labels[np.ix_(*(nearest_indices(n, factor) for n in labels.shape))]


def in_image_pixels(
    plane: npt.NDArray[Any], shape: tuple[int, int], factor: float
) -> npt.NDArray[Any]:
    """A whole plane of model pixels brought to `shape` image pixels, axis by axis."""
    for axis, length in enumerate(shape):
        grid = taps(0, length, 1 / factor)
        wide = np.take(plane, mirror(grid.start, grid.stop, plane.shape[axis]), axis=axis)
        plane = grid.apply(wide, axis, grid.start)
    return plane


def slow_shown_map(
    labels: npt.NDArray[np.int32], settings: WeightSettings, scale: ScaleSettings
) -> tuple[npt.NDArray[Any], float]:
    """The weight map of a whole slice, rescaled there and back at once; and the factor."""
    factor = scale_factor(median_diameter(labels, None, scale.min_cells), scale)
    small = weight_map(in_model_pixels(labels, factor), None, settings)
    return in_image_pixels(small, labels.shape, factor), factor
