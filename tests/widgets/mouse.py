"""Real Qt mouse strokes on napari's canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari import Viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

Point = tuple[float, float]  # world (y, x)


def canvas_pixel(viewer: Viewer, world: Point) -> QPoint:
    """World (y, x) -> pixel of the canvas."""
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    height, width = viewer.window._qt_viewer.canvas.size
    (y, x), (cy, cx) = world, camera.center[-2:]
    return QPoint(
        round(width / 2 + (x - cx) * camera.zoom), round(height / 2 + (y - cy) * camera.zoom)
    )


def stroke(viewer: Viewer, qtbot: Any, points: Sequence[Point], pause: int = 20) -> None:
    """Press at the first point, drag through the others, release at the last.

    `pause` ms lie between the events, in which the canvas is drawn.
    """
    canvas = viewer.window._qt_viewer.canvas.native
    first, *more = [canvas_pixel(viewer, p) for p in points]
    QTest.mouseMove(canvas, first)
    qtbot.wait(pause)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    for point in more:
        QTest.mouseMove(canvas, point)
        qtbot.wait(pause)
    QTest.mouseRelease(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, [first, *more][-1]
    )
    qtbot.wait(pause)


def settle(viewer: Viewer, qtbot: Any) -> None:
    """Let the canvas be laid out, then show everything."""
    qtbot.wait(300)
    viewer.reset_view()
    qtbot.wait(50)
