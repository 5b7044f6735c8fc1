"""What of the user's layers goes with which image, as it is read now."""

from __future__ import annotations

from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer

from .adding import complete_copy
from .moving import lay_on, lying_on, place, same_place
from .reading import labels_shape
from .roles import KEY, RESULTS, belongs, find, images, key, partner, role

ENDING = "_labels"  # of a file's name, and so of a layer's: they are those of the image before it


def fitting_labels(viewer: Viewer, image: Image) -> list[Labels]:
    """The labels layers that could be this image's: of its shape, and no other image's.

    Those of an image that is gone, too: it may have been closed and opened again.
    """
    others = {key(x) for x in viewer.layers} - {key(image)}
    return [
        x
        for x in viewer.layers
        if isinstance(x, Labels)
        and role(x) in (None, "labels")
        and x.metadata.get(KEY, {}).get("image") not in others
        and not x.multiscale
        and tuple(x.data.shape) == labels_shape(image)
    ]


def misfit(image: Image, layer: Layer) -> str:
    """Why `layer` cannot hold the image's labels, in one sentence; "" = it can."""
    if layer.multiscale:
        return f"“{layer.name}” is a pyramid, which cannot be painted on: take its finest level."
    wanted, shape = labels_shape(image), tuple(layer.data.shape)
    if shape == wanted:
        return ""
    words = f"“{layer.name}” has the shape {shape}, but labels of {image.name} need {wanted}; "
    if role(layer) == "background":
        return words + "press “Background” for an empty one, or remove it."
    return words + "choose another layer, or press “New cell” for an empty one."


def pair(viewer: Viewer, image: Image, labels: Labels) -> None:
    """Make `labels` the labels of `image`, and lay them on it: pixel is read with pixel.

    Earlier ones are set free, not removed. Regions and background that were made with them for an
    image that is gone come along.
    """
    before = partner(viewer, image, "labels")
    if before is not None and before is not labels:
        set_free(before)
    of, lay = labels.metadata.get(KEY, {}).get("image", ""), place(labels)
    labels.metadata[KEY] = {"role": "labels", "image": key(image)}
    lay_on(image, labels)
    if of and find(viewer, of) is None:
        for layer in viewer.layers:
            what = role(layer) if layer.metadata.get(KEY, {}).get("image") == of else None
            free = what in ("regions", "background") and partner(viewer, image, what) is None
            if free and fits(image, layer):
                layer.metadata[KEY] = {"role": what, "image": key(image)}
                if what == "background" or same_place(lay, place(layer)):
                    lay_on(image, layer)


def set_free(layer: Layer) -> None:
    """The layer belongs to no image any more, nor is it taken for anybody's unasked."""
    layer.metadata[KEY] = {}


def set_axes(viewer: Viewer, image: Image, letters: str) -> None:
    """Read the image's axes in this way.

    Results that no longer fit go; what the user made is set aside until it fits again.
    """
    lying = lying_on(viewer, image)
    image.metadata[KEY] = {**image.metadata.get(KEY, {}), "axes": letters}
    mine = [x for x in viewer.layers if belongs(x, image)]
    fitting = [x for x in mine if fits(image, x)]
    for layer in [x for x in mine if x not in fitting]:
        if role(layer) in RESULTS:
            viewer.layers.remove(layer)
        elif role(layer) is not None:
            noted = {"aside": role(layer), "image": key(image), "lay": layer in lying}
            layer.metadata[KEY] = noted
    for layer in fitting:
        aside, lay = (layer.metadata[KEY].get(x) for x in ("aside", "lay"))
        if aside is not None and partner(viewer, image, aside) is None:
            layer.metadata[KEY] = {"role": aside, "image": key(image)}
        if lay or layer in lying:  # moved meanwhile, the image has left it behind
            lay_on(image, layer)


def fits(image: Image, layer: Layer) -> bool:
    """Whether a layer of ours lies on the image as it is read now."""
    if isinstance(layer, Labels):
        return not misfit(image, layer)
    return layer.ndim == len(labels_shape(image))


def disown_copy(viewer: Viewer, layer: Layer) -> None:
    """A new layer is the user's own where the image has one of that role.

    It may be a copy, metadata and all, or one that was removed and comes back. A copy of what is
    being added to holds no part of a cell.
    """
    what, of = role(layer), layer.metadata.get(KEY, {}).get("image")
    others = [x for x in viewer.layers if x is not layer and what is not None]
    others = [x for x in others if role(x) == what and x.metadata[KEY].get("image") == of]
    if not others:
        return
    set_free(layer)
    for x in others:
        if isinstance(x, Labels) and isinstance(layer, Labels):
            complete_copy(x, layer)


def obvious_labels(viewer: Viewer, image: Image) -> Labels | None:
    """What may be taken for the labels of an image that has none: those called after it.

    Else the one labels layer that fits it, and no other image, unless it is called after another.
    """
    if partner(viewer, image, "labels") is not None:
        return None
    free = [x for x in fitting_labels(viewer, image) if KEY not in x.metadata]
    named = [x for x in free if x.name == image.name + ENDING]
    rivals = [x for x in images(viewer) if labels_shape(x) == labels_shape(image)]
    if not named and len(rivals) == 1:
        named = [x for x in free if not x.name.endswith(ENDING)]
    return named[0] if len(named) == 1 else None


def named_for(viewer: Viewer, labels: Labels) -> tuple[Image | None, str]:
    """The image whose name the labels have and which they fit, and the name that they have.

    "" = they are not called NAME_labels, or were the user's or an image's before.
    """
    if not labels.name.endswith(ENDING) or KEY in labels.metadata:
        return None, ""
    return called_after(viewer, labels), labels.name.removesuffix(ENDING)


def called_after(viewer: Viewer, layer: Layer) -> Image | None:
    """The image called NAME whose labels a layer called NAME_labels can be, by its shape."""
    name = layer.name.removesuffix(ENDING)
    named = (x for x in images(viewer) if x.name == name and x is not layer)
    return next((x for x in named if not misfit(x, layer)), None)
