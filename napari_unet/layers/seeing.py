"""What is in hand is what is seen: images that lie on it are put away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.layers import Image, Layer
from napari.viewer import Viewer

from .making import uncover
from .roles import KEY, belongs, images, is_away, key, note_away, note_covered

SHEER = ("additive", "minimum")  # channels are looked at together


def topmost(viewer: Viewer) -> Image | None:
    """The image that is seen: the topmost visible one, or the topmost of the hidden ones."""
    found = images(viewer)
    seen = [x for x in found if x.visible]
    return (seen or found or [None])[-1]


def show(viewer: Viewer, image: Image) -> None:
    """Make an image seen, with what belongs to it and was put away.

    Opaque images that lie on it are put away, and what was made for other images in its place:
    cells of one picture on another would be taken for its own.
    """
    mine = [x for x in viewer.layers if belongs(x, image)]
    for layer in [x for x in (image, *mine) if is_away(x)]:
        note_away(layer, False)
        uncover(layer)
    uncover(image)
    note_covered(image, False)
    if _side_by_side(viewer):
        return
    place = viewer.layers.index(image)
    others = [x for x in images(viewer) if x is not image and _opaque(x) and _overlap(x, image)]
    keys = {key(x) for x in others}
    away = [x for x in others if viewer.layers.index(x) > place]
    away += [x for x in viewer.layers if x.metadata.get(KEY, {}).get("image") in keys]
    for other in others:
        note_covered(other, True)
    for layer in [x for x in away if x.visible]:
        note_away(layer, True)
        layer.visible = False


def go_to(viewer: Viewer, layer: Layer, boxes: Sequence[tuple[slice, ...]]) -> bool:
    """Show the slice of the first of these boxes (data pixels) where none of them is on show.

    Returns whether the viewer has moved.
    """
    ahead = viewer.dims.ndim - layer.ndim
    hidden = [i for i in range(layer.ndim) if i + ahead in viewer.dims.not_displayed]
    at = np.array(layer.world_to_data(viewer.dims.point)[-layer.ndim :])
    seen = np.rint(at).astype(int)
    if not boxes or any(all(b[i].start <= seen[i] < b[i].stop for i in hidden) for b in boxes):
        return False
    at[hidden] = [boxes[0][i].start for i in hidden]
    world = layer.data_to_world(at)
    viewer.dims.set_point([i + ahead for i in hidden], [float(world[i]) for i in hidden])
    return True


def _side_by_side(viewer: Viewer) -> bool:
    canvas = getattr(viewer, "canvas", viewer)  # the viewer itself before napari 0.9
    return bool(canvas.grid.enabled)


def _opaque(image: Image) -> bool:
    return image.blending not in SHEER and image.opacity > 0.9


def _overlap(one: Image, other: Image) -> bool:
    """Whether their planes share more than an edge."""
    (low, high), (from_, to) = one.extent.world[:, -2:], other.extent.world[:, -2:]
    return bool(((low < to) & (from_ < high)).all())
