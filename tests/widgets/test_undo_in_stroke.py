"""Ctrl-Z while the brush is held down takes back the stroke, not what lies beneath it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unet.core.tally import tally

from .conftest import partner
from .mouse import canvas_pixel, settle

pytestmark = [pytest.mark.gui, pytest.mark.canvas, pytest.mark.usefixtures("fake_worker")]

Press = Callable[[str], None]
PLAIN, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
AGAIN = CTRL | Qt.KeyboardModifier.ShiftModifier


def test_the_stroke_is_undone(painted: Viewer, dock: Any, press: Press, qtbot: Any) -> None:
    settle(painted, qtbot)
    press("unet_new_cell")
    labels, counting = partner(painted, "labels"), dock.desk.annotating.counting
    ys, xs = np.nonzero(labels.data == 3)
    at = float(ys[0]), float(xs[0])
    labels.paint(at, 77)
    before = labels.data.copy()
    canvas = painted.window._qt_viewer.canvas.native
    first, last = (canvas_pixel(painted, (at[0], at[1] + x)) for x in (-4.0, 12.0))
    QTest.mouseMove(canvas, first)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, PLAIN, first)
    QTest.mouseMove(canvas, last)
    qtbot.wait(20)
    stroke = labels.data.copy()
    assert (stroke == 11).any()
    QTest.keyClick(canvas, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(labels.data, before)
    QTest.mouseMove(canvas, first)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, PLAIN, first)
    np.testing.assert_array_equal(labels.data, before)
    QTest.keyClick(canvas, Qt.Key.Key_Z, AGAIN)
    np.testing.assert_array_equal(labels.data, stroke)
    qtbot.waitUntil(lambda: counting.tally(labels) is not None)
    assert counting.tally(labels).pixels == tally(labels.data).pixels


def test_an_outline_that_is_begun_is_taken_back(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    settle(painted, qtbot)
    press("unet_new_cell")
    labels = partner(painted, "labels")
    labels.paint((4, 100), 77)
    before = labels.data.copy()
    canvas = painted.window._qt_viewer.canvas.native
    at = canvas_pixel(painted, (4, 100))
    QTest.mouseMove(canvas, at)
    QTest.mouseClick(canvas, Qt.MouseButton.RightButton, PLAIN, at)
    assert (labels.data == 11).any()
    QTest.keyClick(canvas, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(labels.data, before)
    assert not labels._overlays["brush_stroke"].active
    QTest.keyClick(canvas, Qt.Key.Key_Z, CTRL)
    assert not (labels.data == 77).any()
