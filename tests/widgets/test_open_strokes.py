"""Strokes that napari leaves open: another layer becomes active in the middle, or an outline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from .conftest import partner
from .mouse import canvas_pixel, settle

pytestmark = [pytest.mark.gui, pytest.mark.canvas, pytest.mark.usefixtures("fake_worker")]

Press = Callable[[str], None]
PLAIN = Qt.KeyboardModifier.NoModifier


def interrupted(viewer: Viewer, qtbot: Any, row: float, deed: Callable[[], Any]) -> None:
    """A stroke in the middle of which something is done."""
    canvas = viewer.window._qt_viewer.canvas.native
    first, last = (canvas_pixel(viewer, (row, x)) for x in (100.0, 130.0))
    QTest.mouseMove(canvas, first)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, PLAIN, first)
    QTest.mouseMove(canvas, last)
    qtbot.wait(20)
    deed()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, PLAIN, last)


def test_n_in_a_stroke_on_the_background(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    settle(painted, qtbot)
    press("unet_background")
    background = partner(painted, "background")
    interrupted(painted, qtbot, 100, dock.desk.annotating.new_cell)
    assert background.data.any()
    qtbot.waitUntil(lambda: dock.desk.session.annotated.background)
    background.undo()
    assert not background.data.any()


def test_a_layer_that_comes_in_a_stroke(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    settle(trained, qtbot)
    press("unet_new_cell")
    labels = partner(trained, "labels")
    before = labels.data.copy()
    interrupted(trained, qtbot, 4, lambda: trained.add_points(np.zeros((1, 2)), name="theirs"))
    assert (labels.data == 11).any()
    press("unet_accept")
    qtbot.waitUntil(lambda: "20 cells added" in dock.desk.session.status)
    labels.undo()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_an_outline_is_to_be_closed_first(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    """It lasts without a button being held, while the panel is used."""
    settle(trained, qtbot)
    press("unet_new_cell")
    labels, session = partner(trained, "labels"), dock.desk.session
    canvas = trained.window._qt_viewer.canvas.native
    at = canvas_pixel(trained, (4, 100))
    QTest.mouseMove(canvas, at)
    QTest.mouseClick(canvas, Qt.MouseButton.RightButton, PLAIN, at)
    for button in ("unet_accept", "unet_new_cell"):
        session.say("")
        press(button)
        assert "An outline is begun" in session.status and "Escape" in session.status
    assert labels.selected_label == 11
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    press("unet_accept")
    qtbot.waitUntil(lambda: "20 cells added" in session.status)
