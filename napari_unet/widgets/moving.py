"""Follows images that are scaled or moved: by a script, or by napari's transform tool."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from napari.layers import Image, Layer
from napari.viewer import Viewer

from napari_unet import layers


class Moving:
    """Brings along what lies on an image."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._places: WeakKeyDictionary[Image, layers.Place] = WeakKeyDictionary()
        self._lay: WeakSet[Layer] = WeakSet()  # on their images, when they were taken out
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        for image in layers.images(viewer):
            self._follow(image)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for image in list(self._places):
            for name in layers.MOVES:
                getattr(image.events, name).disconnect(self._on_moved)
        self._places.clear()

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        image = layers.image_of(self._viewer, layer)
        if image is layer:
            self._follow(image)
        elif image is not None and layer in self._lay:  # the image may have been moved meanwhile
            layers.lay_on(image, layer)
            self._lay.discard(layer)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        for image, at in list(self._places.items()):  # those that are out, too
            if layers.belongs(layer, image) and layers.lies_on(image, layer, at):
                self._lay.add(layer)

    def _follow(self, image: Image) -> None:
        for name in layers.MOVES:
            getattr(image.events, name).connect(self._on_moved)  # once only, however often
        self._bring_along(image)  # one that was taken out may have been moved meanwhile

    def _on_moved(self, event: Any) -> None:
        if event.source in self._viewer.layers:
            self._bring_along(event.source)

    def _bring_along(self, image: Image) -> None:
        before = self._places.get(image)
        self._places[image] = layers.place(image)
        for layer in layers.lying_on(self._viewer, image, before) if before else ():
            layers.lay_on(image, layer)
