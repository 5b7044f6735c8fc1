"""napari's viewer without its window: no canvas, no controls, a tenth of the time."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_unet.widgets.dock import UNetDock


class Frame:
    """What the dock wants of napari's window: a place to stand, and a close button."""

    def __init__(self, viewer: Windowless) -> None:
        self._viewer, self._qt_window = viewer, QMainWindow()
        self._qt_window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        self.dock_widgets: dict[str, QWidget] = {}

    def add_plugin_dock_widget(self, plugin: str, title: str) -> tuple[QDockWidget, UNetDock]:
        dock, widget = QDockWidget(title), UNetDock(self._viewer)
        dock.setWidget(widget)
        self._qt_window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        self.dock_widgets[title] = widget
        return dock, widget


class Windowless(ViewerModel):
    """Layers, slices, undo, selection and key bindings are napari's own."""

    _window: Any = None
    _open = True

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self._window = Frame(self)

    @property
    def window(self) -> Frame:
        return self._window

    def close(self) -> None:
        """End it, and what stands in it: nothing of Qt is left to the interpreter's end."""
        if not self._open:
            return
        self._open = False
        self.layers.clear()
        self.window._qt_window.close()
        self.window._qt_window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
