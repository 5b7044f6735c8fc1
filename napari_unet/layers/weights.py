"""The weight map over the part of the image that it was computed for, and the cells that touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils.colormaps import Colormap
from napari.utils.transforms import Affine
from napari.viewer import Viewer

from napari_unet.core.windows import Window

from .making import geometry, uncover
from .reading import labels_shape
from .results import hide, redraw_at_once, shown
from .roles import Role, partner

TOUCHING = Colormap([[0, 0, 0, 0], [0.2, 0.95, 1, 1]], name="unet-touching")


def show_weights(
    viewer: Viewer,
    image: Image,
    weights: npt.NDArray[np.float32],
    limits: tuple[float, float],
    window: Window | None = None,
    index: int = 0,
) -> Image:
    """The weight map; what is at or below the lower limit stays invisible.

    Parameters
    ----------
    weights : ``(Y, X)`` float32 of `window` (default: a whole slice) of slice `index`
    """
    look = {"colormap": "inferno", "contrast_limits": limits, "blending": "additive"}
    layer = _crop(viewer, image, "weights", weights, window, index, **look)
    if tuple(layer.contrast_limits) != limits:
        layer.contrast_limits = limits
    return layer


def show_touching(
    viewer: Viewer,
    image: Image,
    touching: npt.NDArray[np.uint8] | None,
    window: Window,
    index: int,
) -> None:
    """Where cells touch without a gap; no layer before any do, hidden when none do any more."""
    if touching is None or not touching.any():
        hide(viewer, image, "touching")
        return
    # not additive: on a glowing gap light blue would be white
    look = {
        "colormap": TOUCHING,
        "contrast_limits": (0, 1),
        "interpolation2d": "nearest",
        "blending": "translucent_no_depth",
    }
    _crop(viewer, image, "touching", touching, window, index, **look)


def redraw_touching(viewer: Viewer, image: Image, any_left: bool) -> bool:
    """Show what was written into the marks; False if there is no layer for them yet."""
    layer = partner(viewer, image, "touching")
    if layer is None:
        return not any_left
    if any_left:
        uncover(layer)
        redraw_at_once(layer)
    else:
        layer.visible = False
    return True


def _crop(
    viewer: Viewer,
    image: Image,
    what: Role,
    plane: npt.NDArray[Any],
    window: Window | None,
    index: int,
    **look: Any,
) -> Image:
    """The image's layer of this role with one window of one slice in it, lying where it belongs."""
    leading = labels_shape(image)[:-2]
    at = np.unravel_index(index, leading) if leading else ()
    corner = np.array([*at, *((0, 0) if window is None else window[::2])], float)
    data = plane.reshape((1,) * len(leading) + plane.shape)  # no copy: it is written into
    translate = _moved(geometry(image), corner)
    layer = shown(viewer, image, what, data, translate=translate, **look)
    if not np.array_equal(layer.translate, translate):
        layer.translate = translate
    return layer


def _moved(place: dict[str, Any], corner: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The translation that puts pixel 0 of a crop where pixel `corner` of the image lies.

    napari: world = affine(rotate(shear(scale(pixel))) + translate).
    """
    parts = {name: place[name] for name in ("scale", "translate", "rotate", "shear")}
    return np.asarray(Affine(**parts)(corner))
