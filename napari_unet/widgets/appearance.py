"""What of napari's own look the panel and the predictions follow: its theme, 3D."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.session import Session


class Appearance:
    """Tells the session napari's theme; predictions have no outlines in 3D."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer, self._session = viewer, session
        viewer.events.theme.connect(self._on_theme)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)
        self._on_theme()

    def close(self) -> None:
        """Follow no more."""
        self._viewer.events.theme.disconnect(self._on_theme)
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)

    def _on_theme(self) -> None:
        self._session.theme = self._viewer.theme

    def _on_ndisplay(self) -> None:
        """napari says so once, before anyone else hears of the change."""
        layers.dress_all(self._viewer)
