"""What stands under Layers > Annotate and Layers > Segment."""

from __future__ import annotations

from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet import layers

from .desk import Desk, desk_of

NO_LABELS: dict[layers.Role | None, str] = {
    "regions": "the regions",
    "background": "the background",
    "weights": "the weight map",
    "touching": "the weight map",
    "probability": "the probability",
}


def new_cell(viewer: Viewer) -> None:
    """Pick the next free cell id on labels that fit the selected image."""
    _at_hand(viewer).annotating.new_cell()


def show_weights(viewer: Viewer) -> None:
    """Lay the weight map over the image."""
    _with_dock(viewer).weighing.show()


def fine_tune(viewer: Viewer) -> None:
    """Train on all images that have labels."""
    _with_dock(viewer).train()


def predict(viewer: Viewer) -> None:
    """Predict the selected image with the selected model."""
    _with_dock(viewer).predicting.start()


def use_as_labels(viewer: Viewer) -> None:
    """Make the selected labels layer the labels of the image in hand."""
    active = viewer.layers.selection.active
    what = None if active is None else layers.role(active)
    if active is not None and what in NO_LABELS:
        words = f"“{active.name}” is {NO_LABELS[what]} of an image, which cannot be its labels."
        _with_dock(viewer).session.say(words, "error")
    elif isinstance(active, Labels):
        _with_dock(viewer).annotating.choose_labels(layers.key(active))


def _at_hand(viewer: Viewer) -> Desk:
    """The viewer's desk, with the selected image in hand."""
    desk = desk_of(viewer)
    active = viewer.layers.selection.active
    image = layers.image_of(viewer, active) if active is not None else None
    if isinstance(image, Image):
        desk.annotating.choose_image(layers.key(image))
    return desk


def _with_dock(viewer: Viewer) -> Desk:
    """The same, with the dock open: it says what is going on."""
    from .open import show_dock

    show_dock(viewer)
    return _at_hand(viewer)
