"""Copies of an image and its annotation, for threads and the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Shapes
from napari.viewer import Viewer

from napari_unet.core.errors import BadInput
from napari_unet.snapshots import Outline, Snapshot, flat_corners, slice_of

from .pairing import misfit
from .reading import axes, labels_shape, pixels
from .roles import images, partner

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
    outlines = region_outlines(regions, labels_shape(image))
    if labels is None and not outlines and background is None:
        return None
    return Snapshot(
        name=image.name,
        image=pixels(image),
        axes=axes(image),
        labels=np.zeros(labels_shape(image), np.int32) if labels is None else _copy(labels.data),
        outlines=outlines,
        background=None if background is None else _copy(background.data),
    )


def _copy(data: Any) -> Any:
    """What is painted at this moment; of what lies on disk the thread reads all, a moment later."""
    return np.array(data) if isinstance(data, np.ndarray) else data


def snapshots(viewer: Viewer) -> list[Snapshot]:
    """All images that have any annotation."""
    found = (snapshot(viewer, image) for image in images(viewer))
    return [x for x in found if x is not None]


def region_count(layer: Shapes) -> int:
    """How many of the shapes are regions."""
    kinds: Sequence[str] = layer.shape_type
    return sum(_is_region(corners, kind) for corners, kind in zip(layer.data, kinds, strict=True))


def _is_region(corners: npt.NDArray[Any], kind: str) -> bool:
    if kind in NO_REGION:
        return False
    return bool(np.ptp(flat_corners(corners, kind), axis=0).min() >= LEAST_REGION)


def region_outlines(layer: Shapes | None, shape: tuple[int, ...]) -> tuple[Outline, ...]:
    """The regions of an image whose labels have this shape."""
    if layer is None:
        return ()
    kinds: Sequence[str] = layer.shape_type
    return tuple(
        Outline(slice_of(corners, shape[:-2]), flat_corners(corners, kind))
        for corners, kind in zip(layer.data, kinds, strict=True)
        if _is_region(corners, kind)
    )
