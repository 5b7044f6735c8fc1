"""What belongs to which image: it stands in ``layer.metadata["napari-unet"]``, never in a name."""

from __future__ import annotations

from typing import Any, Literal

from napari.layers import Image, Labels, Layer, Shapes
from napari.viewer import Viewer

Role = Literal[
    "labels", "regions", "background", "weights", "touching", "prediction", "probability"
]
KEY = "napari-unet"
RESULTS = ("weights", "touching", "prediction", "probability")
TYPES: dict[Role, type[Layer]] = {
    "labels": Labels,
    "regions": Shapes,
    "background": Labels,
    "weights": Image,
    "touching": Image,
    "prediction": Labels,
    "probability": Image,
}


def key(layer: Layer) -> str:
    """The layer's unique id as text; stays when the layer is renamed."""
    return str(layer.unique_id)


def role(layer: Layer) -> Role | None:
    """What the layer is to us, or None: it is none of ours.

    napari's conversions ("Convert to Image") hand metadata on to a layer of another type.
    """
    value: Role | None = layer.metadata.get(KEY, {}).get("role")
    return value if value is not None and isinstance(layer, TYPES[value]) else None


def images(viewer: Viewer) -> list[Image]:
    """The user's image layers, in the viewer's order."""
    return [x for x in viewer.layers if isinstance(x, Image) and role(x) is None]


def find(viewer: Viewer, unique: str) -> Layer | None:
    """The layer with this :func:`key`, if it is still there."""
    return next((x for x in viewer.layers if key(x) == unique), None)


def belongs(layer: Layer, image: Layer) -> bool:
    """Whether the layer is one of the image's."""
    return bool(layer.metadata.get(KEY, {}).get("image") == key(image))


def partner(viewer: Viewer, image: Layer, what: Role) -> Any:
    """The layer that plays the role `what` for `image`, or None."""
    mine = (x for x in viewer.layers if belongs(x, image))
    return next((x for x in mine if role(x) == what), None)


def is_away(layer: Layer) -> bool:
    """Whether the layer was hidden so that another image is seen: it comes back with its own."""
    return bool(layer.metadata.get(KEY, {}).get("away")) and not layer.visible


def note_away(layer: Layer, away: bool) -> None:
    """Write down whether the layer was hidden for another image's sake, or by the user."""
    _note(layer, "away", away)


def is_covered(image: Layer) -> bool:
    """Whether another image was brought to light in this one's place, be it hidden or beneath."""
    return bool(image.metadata.get(KEY, {}).get("covered"))


def note_covered(image: Layer, covered: bool) -> None:
    """Write down whether another image is seen in this one's place."""
    _note(image, "covered", covered)


def is_complete(image: Layer) -> bool:
    """Whether the user has said that all cells of the image are painted."""
    return bool(image.metadata.get(KEY, {}).get("complete"))


def note_complete(image: Layer, complete: bool) -> None:
    """Write down what the user says of it; it lies with the image."""
    _note(image, "complete", complete)


def is_left_open(image: Layer) -> bool:
    """Whether the user has said that some of its cells are not painted."""
    return bool(image.metadata.get(KEY, {}).get("left open"))


def note_left_open(image: Layer, left_open: bool) -> None:
    """Write it down: nobody asks again."""
    _note(image, "left open", left_open)


def _note(layer: Layer, what: str, true: bool) -> None:
    noted = layer.metadata.get(KEY, {})
    if bool(noted.get(what)) != true:
        kept = {name: value for name, value in noted.items() if name != what}
        layer.metadata[KEY] = {**kept, what: True} if true else kept


def painted_layers(viewer: Viewer) -> list[Layer]:
    """The layers on which the user annotates, of all images."""
    return [x for x in viewer.layers if role(x) in ("labels", "regions", "background")]


def image_of(viewer: Viewer, layer: Layer) -> Image | None:
    """The image that `layer` belongs to: itself if it is one."""
    if isinstance(layer, Image) and role(layer) is None:
        return layer
    found = find(viewer, layer.metadata.get(KEY, {}).get("image", ""))
    return found if isinstance(found, Image) else None
