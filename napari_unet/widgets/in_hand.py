"""Whether an image is still what the user works on: asked by all that ends late.

What ends late may change the layers that it was asked to change. What is selected, what is seen of
other images, and what the panel shows belong to the image in hand by then: only the user turns to
another one.
"""

from __future__ import annotations

from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.session import Session


def in_hand(session: Session, image: Layer) -> bool:
    """Whether the user works on this image now."""
    return layers.key(image) == session.image


def named(session: Session, image: Layer, join: str = "of") -> str:
    """Such as " of “cells”", where another image is in hand and the user would take it for that."""
    return "" if in_hand(session, image) else f" {join} “{image.name}”".replace("  ", " ")


def unfinished(viewer: Viewer, labels: Labels) -> str:
    """Why nothing else can be done with the labels before an outline is closed; "" = none is begun.

    The labels are selected then: napari tells Escape to the selected layer only.
    """
    words = layers.unfinished(labels)
    if words and labels in viewer.layers:
        viewer.layers.selection.active = labels
    return words


def take_up(viewer: Viewer, session: Session) -> None:
    """Tell the panel whether the image in hand has cells to accept, whatever was predicted."""
    image = layers.find(viewer, session.image)
    there = isinstance(image, Image)
    session.accepted = there and layers.accepted(viewer, image)
    session.predicted = there and layers.has_cells(viewer, image)
