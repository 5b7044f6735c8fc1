"""Layers that lie on their image to the pixel, whatever its transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer

from .drawing import unsliced
from .reading import kept_axes, labels_shape
from .roles import KEY, Role, image_of, is_covered, key, note_away

NAMES: dict[Role, str] = {
    "labels": "U-Net labels",
    "regions": "U-Net regions",
    "background": "U-Net background",
    "weights": "U-Net weights",
    "touching": "U-Net touching cells",
    "prediction": "U-Net prediction",
    "probability": "U-Net probability",
}
BACKGROUND_COLOUR = (0.25, 0.75, 1.0, 0.6)


def geometry(image: Image) -> dict[str, Any]:
    """The image's transform, units and axis names without its channels."""
    keep = kept_axes(image)
    grid = np.ix_(keep, keep)
    return {
        "scale": image.scale[keep],
        "translate": image.translate[keep],
        "rotate": np.asarray(image.rotate)[grid],
        "shear": _shear_matrix(image)[grid],
        "affine": image.affine.set_slice(keep),
        "units": [image.units[i] for i in keep],
        "axis_labels": [image.axis_labels[i] for i in keep],
    }


def _shear_matrix(image: Image) -> npt.NDArray[np.float64]:
    shear = np.asarray(image.shear)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(image.ndim)
    matrix[np.triu_indices(image.ndim, 1)] = shear
    return matrix


def options_for(viewer: Viewer, image: Image, what: Role) -> dict[str, Any]:
    """What every layer of ours is made with: its place, its name, its role."""
    name = NAMES[what]
    if any(x.name == name for x in viewer.layers):  # another image has one
        name = f"{name} {image.name}"
    noted: dict[str, Any] = {"role": what, "image": key(image)}
    away = is_covered(image)  # then it comes to light with its image
    if away:
        noted["away"] = True
    return {**geometry(image), "name": name, "metadata": {KEY: noted}, "visible": not away}


def make_labels(viewer: Viewer, image: Image) -> Labels:
    """An empty int32 labels layer for the image, paired with it."""
    data = np.zeros(labels_shape(image), np.int32)
    labels = unsliced(data, **options_for(viewer, image, "labels"))
    viewer.add_layer(labels)
    uncover(labels)
    return labels


def make_background(viewer: Viewer, image: Image) -> Labels:
    """The layer on which the user paints what is surely background."""
    options = options_for(viewer, image, "background")
    layer = Labels(np.zeros(labels_shape(image), np.uint8), **options)
    layer.colormap = DirectLabelColormap(color_dict={0: None, None: BACKGROUND_COLOUR})
    viewer.add_layer(layer)
    return layer


def make_regions(viewer: Viewer, image: Image) -> Shapes:
    """The layer on which the user draws what he has annotated completely."""
    layer = Shapes(
        ndim=len(labels_shape(image)),
        edge_color="#ffd34d",
        face_color=[1, 0.83, 0.3, 0.06],
        edge_width=2,
        **options_for(viewer, image, "regions"),
    )
    viewer.add_layer(layer)
    return layer


def start_painting(viewer: Viewer, layer: Labels | Shapes) -> None:
    """Make `layer` the active one, with the tool that adds to it."""
    viewer.layers.selection.active = layer
    uncover(layer)
    layer.mode = "paint" if isinstance(layer, Labels) else "add_rectangle"


def uncover(layer: Layer) -> None:
    """Make it visible; napari draws everything anew even where nothing changes."""
    if not layer.visible:
        layer.visible = True


def reveal(viewer: Viewer, layer: Layer) -> None:
    """Make a result visible; one of an image that is covered comes to light with its image."""
    image = image_of(viewer, layer)
    if image is not None and is_covered(image):
        note_away(layer, True)
    else:
        uncover(layer)


def add_quietly(viewer: Viewer, layer: Layer, below: Layer | None = None) -> None:
    """Add a layer without taking the brush out of the user's hand.

    napari selects what is added; nobody hears of it, for whoever follows the selection would
    turn to the layer's image.
    """
    selection = viewer.layers.selection
    selected = set(selection)
    place = len(viewer.layers) if below is None else viewer.layers.index(below)
    with selection.events.active.blocker():
        viewer.layers.insert(place, layer)
        viewer.layers.selection = selected
