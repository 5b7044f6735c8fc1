"""Label files that were opened in napari, where every file becomes an image."""

from __future__ import annotations

from napari.layers import Image, Labels
from napari.viewer import Viewer

from .making import geometry
from .orphans import PAINTED
from .pairing import ENDING, called_after, pair, set_free
from .roles import KEY, images, partner

TAKEN = "taken"  # of labels that were made of a file; napari hands it on to what it makes of them


def take_label_files(viewer: Viewer) -> list[tuple[Image, Labels]]:
    """Make labels of images called NAME_labels that lie beside an image called NAME.

    They must hold whole numbers and fit. Where the image has labels already, the new ones are
    nobody's. A layer is never taken twice: made an image again by the user, it stays one. So does
    one for which something is painted: it is an image to the user.
    """
    found = []
    for layer in images(viewer):
        image = _image_of_file(viewer, layer)
        if image is None:
            continue
        viewer.layers.remove(layer)
        labels = Labels(layer.data, name=layer.name, **geometry(image))
        if partner(viewer, image, "labels") is None:
            pair(viewer, image, labels)
        else:
            set_free(labels)
        labels.metadata[KEY][TAKEN] = True
        viewer.add_layer(labels)
        found.append((image, labels))
    return found


def _image_of_file(viewer: Viewer, layer: Image) -> Image | None:
    """The image whose labels this layer holds, or None."""
    if not layer.name.endswith(ENDING) or layer.multiscale:
        return None
    noted = layer.metadata.get(KEY, {})
    if "role" in noted or TAKEN in noted:  # they were labels, which the user made an image
        return None
    if any(partner(viewer, layer, what) is not None for what in PAINTED):
        return None
    if layer.rgb or layer.data.dtype.kind not in "iu":
        return None
    return called_after(viewer, layer)
