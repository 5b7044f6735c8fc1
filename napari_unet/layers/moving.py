"""What belongs to an image lies on it, and goes with it when it is scaled or moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Layer
from napari.viewer import Viewer

from .making import geometry
from .reading import kept_axes
from .roles import belongs

# each is an event, too
MOVES = ("scale", "translate", "rotate", "shear", "affine", "units")
NEAR = 1e-3  # pixels
Place = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def place(layer: Layer) -> Place:
    """Where the layer lies: the matrix and the shift from its data to the world."""
    shift = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    ones = (np.asarray(layer.data_to_world(one)) for one in np.eye(layer.ndim))
    return np.stack([one - shift for one in ones], axis=1), shift


def without_channels(image: Image, at: Place) -> Place:
    """The image's place `at`, on the axes that its labels have."""
    keep = kept_axes(image)
    return at[0][np.ix_(keep, keep)], at[1][keep]


def lying_on(viewer: Viewer, image: Image, at: Place | None = None) -> list[Layer]:
    """The image's layers that lie on it, at its place `at` (None: now), its channels left out.

    Others the user has put elsewhere.
    """
    return [x for x in viewer.layers if belongs(x, image) and lies_on(image, x, at)]


def lies_on(image: Image, layer: Layer, at: Place | None = None) -> bool:
    """Whether the layer lies on the image, as :func:`lying_on` says."""
    lay = at or place(image)
    if len(lay[1]) != image.ndim or layer.ndim != len(kept_axes(image)):
        return False  # pixels were exchanged for others
    return same_place(without_channels(image, lay), place(layer))


def lay_on(image: Image, layer: Layer) -> None:
    """Lay a layer on its image, where each of its pixels is one of the image's."""
    for name, value in geometry(image).items():
        if name in MOVES and not np.array_equal(np.asarray(getattr(layer, name)), value):
            setattr(layer, name, value)


def same_place(one: Place, other: Place) -> bool:
    """Whether both places are the same, to `NEAR` of a pixel of `one`."""
    if not all(np.isfinite(part).all() for part in (*one, *other)):
        return False
    pixels = np.linalg.pinv(one[0])
    turned = pixels @ other[0] - np.eye(len(one[1]))
    # in the far corner of an image of 10,000 pixels that is ten times as much
    return bool(abs(turned).max() < NEAR * 1e-3 and abs(pixels @ (other[1] - one[1])).max() < NEAR)
