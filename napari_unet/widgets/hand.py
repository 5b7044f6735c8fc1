"""A hand on the mouse: real Qt events on the canvas, for the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget


def strokes(mask: npt.NDArray[np.bool_], brush: int) -> list[list[tuple[float, float]]]:
    """Horizontal strokes of a round brush that fill the mask and stay within it."""
    from scipy import ndimage

    inner = ndimage.distance_transform_edt(mask) >= brush / 2
    if not inner.any():
        inner = mask
    rows = np.flatnonzero(inner.any(axis=1))
    made = []
    for row in [*rows[:: max(brush // 2, 1)], rows[-1]]:
        columns = np.flatnonzero(inner[row])
        made.append([(float(row), float(columns[0])), (float(row), float(columns[-1]))])
    return made


# ---- real Qt mouse events; QTest is for tests and brings waits of its own


def drag(viewer: Viewer, points: Sequence[Any]) -> None:
    """Press at the first world point, drag through the others, release at the last."""
    canvas = viewer.window._qt_viewer.canvas.native
    pixels = [canvas_pixel(viewer, point) for point in points]
    _mouse(canvas, QEvent.Type.MouseMove, pixels[0], Qt.MouseButton.NoButton)
    _mouse(canvas, QEvent.Type.MouseButtonPress, pixels[0], Qt.MouseButton.LeftButton)
    for pixel in pixels[1:]:
        _mouse(canvas, QEvent.Type.MouseMove, pixel, Qt.MouseButton.LeftButton)
    _mouse(canvas, QEvent.Type.MouseButtonRelease, pixels[-1], Qt.MouseButton.LeftButton)


def canvas_pixel(viewer: Viewer, world: Any) -> QPoint:
    """World position -> pixel of the canvas."""
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    height, width = viewer.window._qt_viewer.canvas.size
    (y, x), (cy, cx) = world[-2:], camera.center[-2:]
    return QPoint(
        round(width / 2 + (x - cx) * camera.zoom), round(height / 2 + (y - cy) * camera.zoom)
    )


def _mouse(canvas: QWidget, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton) -> None:
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    changed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
    here, there = QPointF(at), QPointF(canvas.mapToGlobal(at))
    event = QMouseEvent(kind, here, there, changed, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)
    QApplication.processEvents()
