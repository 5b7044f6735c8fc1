"""What lies on an image goes with it when it is scaled or moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Layer
from napari.viewer import Viewer

from .making import geometry
from .reading import kept_axes
from .roles import KEY, key

MOVES = ("scale", "translate", "rotate", "shear", "affine")  # each is an event, too
Place = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def place(layer: Layer) -> Place:
    """Where the layer lies: the matrix and the shift from its data to the world."""
    shift = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    ones = (np.asarray(layer.data_to_world(one)) for one in np.eye(layer.ndim))
    return np.stack([one - shift for one in ones], axis=1), shift


def bring_along(viewer: Viewer, image: Image, before: Place) -> None:
    """Bring the image's layers that lay on it, at its place `before`, to its place now.

    What the user has put elsewhere stays there.
    """
    keep = kept_axes(image)
    lay = before[0][np.ix_(keep, keep)], before[1][keep]
    now = geometry(image)
    for layer in viewer.layers:
        ours = layer.metadata.get(KEY, {}).get("image") == key(image)
        if ours and layer.ndim == len(keep) and _same(place(layer), lay):
            _put(layer, now)


def _put(layer: Layer, where: dict[str, Any]) -> None:
    for name in MOVES:
        if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(where[name])):
            setattr(layer, name, where[name])


def _same(one: Place, other: Place) -> bool:
    return all(np.allclose(a, b, atol=1e-9) for a, b in zip(one, other, strict=True))
