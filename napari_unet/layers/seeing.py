"""What is in hand is what is seen: images that lie on it are put away."""

from __future__ import annotations

from napari.layers import Image, Layer
from napari.viewer import Viewer

from .making import uncover
from .roles import KEY, images, key

SHEER = ("additive", "minimum")  # channels are looked at together


def topmost(viewer: Viewer) -> Image | None:
    """The image that is seen: the topmost visible one, or the topmost of the hidden ones."""
    found = images(viewer)
    seen = [x for x in found if x.visible]
    return (seen or found or [None])[-1]


def show(viewer: Viewer, image: Image) -> list[Layer]:
    """Make an image seen, and say which layers had to be hidden for it.

    Opaque images that lie on it go, and what was made for other images in its place: cells of
    one picture on another would be taken for its own.
    """
    uncover(image)
    if _side_by_side(viewer):
        return []
    place = viewer.layers.index(image)
    others = [x for x in images(viewer) if x is not image and _opaque(x) and _overlap(x, image)]
    keys = {key(x) for x in others}
    away = [x for x in others if viewer.layers.index(x) > place]
    away += [x for x in viewer.layers if x.metadata.get(KEY, {}).get("image") in keys]
    hidden = [x for x in away if x.visible]
    for layer in hidden:
        layer.visible = False
    return hidden


def show_again(viewer: Viewer, image: Image, put_away: set[str]) -> set[str]:
    """Make an image, and what belongs to it, visible where it was put away; their keys."""
    mine = [x for x in viewer.layers if x.metadata.get(KEY, {}).get("image") == key(image)]
    back = [x for x in (image, *mine) if key(x) in put_away]
    for layer in back:
        uncover(layer)
    return {key(x) for x in back}


def _side_by_side(viewer: Viewer) -> bool:
    canvas = getattr(viewer, "canvas", viewer)  # the viewer itself before napari 0.9
    return bool(canvas.grid.enabled)


def _opaque(image: Image) -> bool:
    return image.blending not in SHEER and image.opacity > 0.9


def _overlap(one: Image, other: Image) -> bool:
    """Whether their planes share more than an edge."""
    (low, high), (from_, to) = one.extent.world[:, -2:], other.extent.world[:, -2:]
    return bool(((low < to) & (from_ < high)).all())
