"""Copies of an image and its annotation, for threads and the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes
from napari.viewer import Viewer

from napari_unet.core.errors import BadInput
from napari_unet.snapshots import Outline, Snapshot, flat_corners, slice_of

from .adding import whole_copy
from .moving import place, without_channels
from .pairing import misfit
from .reading import axes, labels_shape, pixels
from .roles import images, is_complete, partner

NO_REGION = ("line", "path")  # they enclose nothing
LEAST_REGION = 2.0  # px of its sides; a stray click leaves a smaller one, which nobody sees


def snapshot(viewer: Viewer, image: Image) -> Snapshot | None:
    """The image and its annotation now; None without labels, regions and background.

    Raises
    ------
    BadInput
        If a layer that was paired with the image has another shape by now.
    """
    labels = partner(viewer, image, "labels")
    regions = partner(viewer, image, "regions")
    background = partner(viewer, image, "background")
    for layer in (labels, background):
        if layer is not None and misfit(image, layer):
            raise BadInput(misfit(image, layer))
    outlines = region_outlines(regions, image)
    if labels is None and not outlines and background is None:
        return None
    return Snapshot(
        name=image.name,
        image=pixels(image),
        axes=axes(image),
        labels=np.zeros(labels_shape(image), np.int32) if labels is None else _copy(labels),
        outlines=outlines,
        background=None if background is None else _copy(background),
        complete=is_complete(image),
    )


def _copy(layer: Labels) -> Any:
    """What is painted at this moment; of what lies on disk the thread reads all, a moment later."""
    return whole_copy(layer) if isinstance(layer.data, np.ndarray) else layer.data


def snapshots(viewer: Viewer) -> list[Snapshot]:
    """All images that have any annotation."""
    found = (snapshot(viewer, image) for image in images(viewer))
    return [x for x in found if x is not None]


def region_count(regions: Shapes, image: Image) -> int:
    """How many of the shapes are regions of the image."""
    return len(region_outlines(regions, image))


def region_outlines(regions: Shapes | None, image: Image) -> tuple[Outline, ...]:
    """The regions of an image, in its pixels as they are seen, whatever moved the layer.

    Only those that cover a pixel of it: what lies beside the image, a stray click or a line is no
    region, for nobody who counts, shows or trains. Nor are those of an image with more or fewer
    slices' axes, which this one was.
    """
    shape = labels_shape(image)
    if regions is None or regions.ndim != len(shape):
        return ()
    matrix, shift = _to_pixels(regions, image)
    kinds: Sequence[str] = regions.shape_type
    found = (
        _outline(corners @ matrix.T + shift, kind, shape)
        for corners, kind in zip(regions.data, kinds, strict=True)
        if kind not in NO_REGION
    )
    return tuple(
        x for x in found if np.ptp(x.corners, axis=0).min() >= LEAST_REGION and x.covers(shape)
    )


def _outline(corners: npt.NDArray[Any], kind: str, shape: tuple[int, ...]) -> Outline:
    return Outline(slice_of(corners, shape[:-2]), flat_corners(corners, kind))


def _to_pixels(
    layer: Layer, image: Image
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Matrix and shift from the layer's data to the pixels of the image without its channels."""
    (ours, at), (theirs, origin) = place(layer), without_channels(image, place(image))
    matrix = np.asarray(np.linalg.solve(theirs, ours), np.float64)
    shift = np.asarray(np.linalg.solve(theirs, at - origin), np.float64)
    if np.allclose(matrix, np.eye(len(matrix)), atol=1e-9) and np.allclose(shift, 0, atol=1e-6):
        return np.eye(len(matrix)), np.zeros(len(shift))  # the usual case, exactly
    return matrix, shift
