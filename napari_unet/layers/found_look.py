"""How a prediction looks: nobody is to take what was found for what was painted."""

from __future__ import annotations

import colorsys

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap, label_colormap
from napari.viewer import Viewer

from .roles import KEY, role

# px of a slice's longer side. Where more is seen at once than the screen has pixels, it skips parts
# of outlines, and a cell is little more than its outline: then the filled cell says more
OUTLINED = 1400
LINE, FILL = 0.9, 0.5  # opacity
NAPARI_COLOURS = 49  # in napari's own map of labels


def _greens() -> CyclicLabelColormap:
    """Green for all, in shades that tell neighbours apart; labels have all colours there are."""
    shades = [(95, 1.0), (140, 0.8), (75, 0.9), (155, 1.0), (115, 0.7), (85, 0.75), (130, 1.0)]
    colours = [(*colorsys.hsv_to_rgb(hue / 360, 0.75, value), 1.0) for hue, value in shades]
    table = np.array([(0, 0, 0, 0), *colours], np.float32)
    return CyclicLabelColormap(colors=table, name="unet-found")


def dress(viewer: Viewer, layer: Labels) -> None:
    """Found cells are outlined in green, filled in green in large slices and in 3D.

    Kinds of things are outlined in the colours of the labels, so that each keeps its own. What
    the user has chosen himself since stays, as long as nothing of this changes.
    """
    kinds = layer.metadata[KEY].get("labels_are") == "classes"
    width = outline_width(layer.data.shape[-2:]) if viewer.dims.ndisplay == 2 else 0
    before = layer.metadata[KEY].get("dressed", (None, None))
    if before == (kinds, width):
        return
    layer.metadata[KEY]["dressed"] = (kinds, width)
    if before[0] != kinds:
        layer.colormap = label_colormap(NAPARI_COLOURS) if kinds else _greens()
    if before[1] != width:
        layer.contour = width
        layer.opacity = LINE if width else FILL


def dress_all(viewer: Viewer) -> None:
    """The same for all predictions of the viewer: 3D shows no outlines."""
    for layer in viewer.layers:
        if isinstance(layer, Labels) and role(layer) == "prediction":
            dress(viewer, layer)


def outline_width(shape: tuple[int, ...]) -> int:
    """The width of the outlines in a slice ``(Y, X)``, px; 0 = cells are filled."""
    return 1 if max(shape) <= OUTLINED else 0
