"""Follows images that are scaled or moved: by a script, or by napari's transform tool."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Image
from napari.viewer import Viewer

from napari_unet import layers


class Moving:
    """Brings along what lies on an image."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._places: WeakKeyDictionary[Image, layers.Place] = WeakKeyDictionary()
        viewer.layers.events.inserted.connect(self._on_inserted)
        for image in layers.images(viewer):
            self._follow(image)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        for image in list(self._places):
            for name in layers.MOVES:
                getattr(image.events, name).disconnect(self._on_moved)
        self._places.clear()

    def _on_inserted(self, event: Any) -> None:
        if event.value in layers.images(self._viewer):
            self._follow(event.value)

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
