"""One watcher for each layer that cells or background are painted on: everybody hears of edits."""

from __future__ import annotations

from functools import partial

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet import layers
from napari_unet.layers import history
from napari_unet.layers.edits import LabelsWatcher


class Watching(QObject):
    """Follows the viewer's painted labels layers."""

    edited = Signal(object, object)  # the layer, a list of Edit
    replaced = Signal(object)  # the layer: anything may have changed

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watchers: dict[Labels, LabelsWatcher] = {}
        viewer.layers.selection.events.active.connect(self._on_active)

    def refresh(self) -> None:
        """Bring the watchers in step with the layers."""
        wanted = [x for x in layers.painted_layers(self._viewer) if isinstance(x, Labels)]
        for layer in [x for x in self._watchers if x not in wanted]:
            self._watchers.pop(layer).close()
        for layer in wanted:
            if layer not in self._watchers:
                self._watchers[layer] = LabelsWatcher(
                    layer,
                    partial(self.edited.emit, layer),
                    partial(self.replaced.emit, layer),
                    # what is changed must be seen: undo may act on another slice
                    partial(layers.go_to, self._viewer, layer),
                )

    def knows(self, layer: Labels) -> bool:
        """Whether the layer is followed: it is there, and painted on for an image."""
        return layer in self._watchers

    def painting(self, layer: Labels) -> bool:
        """In the middle of a stroke on this layer, be it painted on for an image or not."""
        return layer in self._viewer.layers and history.painting(layer)

    def close(self) -> None:
        """Let go of the layers."""
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        for watcher in self._watchers.values():
            watcher.close()
        self._watchers.clear()

    def _on_active(self) -> None:
        """napari tells the mouse to the active layer only: a stroke on another is over."""
        active = self._viewer.layers.selection.active
        for layer in [x for x in self._viewer.layers if isinstance(x, Labels)]:
            if layer is not active and self.painting(layer) and not history.outlining(layer):
                history.end_stroke(layer)
