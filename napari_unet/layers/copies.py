"""Copies of an image and its annotation, for counting and for the worker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.layers import Image, Shapes
from napari.viewer import Viewer

from napari_unet.core.errors import BadInput
from napari_unet.snapshots import Outline, Snapshot, flat_corners, slice_of

from .pairing import misfit
from .reading import axes, labels_shape, pixels
from .roles import images, partner


def snapshot(viewer: Viewer, image: Image, *, copy: bool = True) -> Snapshot | None:
    """The image and its annotation now; None without labels, regions and background.

    `copy=False` gives views: enough for counting, not for what must not change meanwhile.

    Raises
    ------
    BadInput
        If a layer that was paired with the image has another shape by now; not with views.
    """
    labels = partner(viewer, image, "labels")
    regions = partner(viewer, image, "regions")
    background = partner(viewer, image, "background")
    for layer in (labels, background) if copy else ():
        if layer is not None and misfit(image, layer):
            raise BadInput(misfit(image, layer))
    outlines = _outlines(regions, labels_shape(image)) if regions is not None else ()
    if labels is None and not outlines and background is None:
        return None
    take = np.array if copy else np.asarray
    return Snapshot(
        name=image.name,
        image=pixels(image),
        axes=axes(image),
        labels=np.zeros(labels_shape(image), np.int32) if labels is None else take(labels.data),
        outlines=outlines,
        background=None if background is None else take(background.data),
    )


def snapshots(viewer: Viewer, *, copy: bool = True) -> list[Snapshot]:
    """All images that have any annotation."""
    found = (snapshot(viewer, image, copy=copy) for image in images(viewer))
    return [x for x in found if x is not None]


def _outlines(layer: Shapes, shape: tuple[int, ...]) -> tuple[Outline, ...]:
    kinds: Sequence[str] = layer.shape_type
    return tuple(
        Outline(slice_of(corners, shape[:-2]), flat_corners(corners, kind))
        for corners, kind in zip(layer.data, kinds, strict=True)
        if kind not in ("line", "path")
    )
