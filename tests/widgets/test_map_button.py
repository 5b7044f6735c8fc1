"""The weight map's button: on, off, and nothing where there is nothing to show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels
from qtpy.QtWidgets import QPushButton

from .test_live_weights import SIDE, shown_map, some_cells, start

pytestmark = pytest.mark.gui


def test_a_second_press_takes_the_map_off(window: Viewer, dock: Any, qtbot: Any) -> None:
    on = start(window, dock, Labels(some_cells((SIDE, SIDE)), name="mine"), qtbot)
    button, session = dock.findChild(QPushButton, "unet_show_weights"), dock.desk.session
    weighing = dock.desk.weighing
    assert button.isChecked() and button.text() == "Hide weight map"
    assert session.weight_words.startswith("Gaps weigh") and "glow" in session.status
    button.click()
    assert not on.layer.visible and not session.weight_words
    assert not button.isChecked() and button.text() == "Show weight map"
    assert not weighing._moved.isActive(), "nothing follows the user any more"
    before = on.map.weights.copy()
    on.labels.paint((36, 34), 77)
    weighing._on_counted(session.annotated)
    assert not weighing._asked and not weighing._soon.isActive()
    np.testing.assert_array_equal(on.map.weights, before)
    button.click()
    on = shown_map(window, dock, qtbot)
    assert on.layer.visible and button.isChecked() and weighing._moved.isActive()
    assert not np.array_equal(on.map.weights, before), "it is of what was painted meanwhile"
    on.layer.visible = False  # by the eye in napari's list
    assert not button.isChecked() and not session.weight_words
    on.layer.visible = True
    shown_map(window, dock, qtbot)
    assert button.isChecked() and session.weight_words


def test_a_look_that_ends_late_does_not_bring_a_hidden_map_back(
    window: Viewer, dock: Any, qtbot: Any
) -> None:
    on = start(window, dock, Labels(some_cells((SIDE, SIDE)), name="mine"), qtbot)
    weighing = dock.desk.weighing
    weighing._look(on.image, on.labels)
    dock.findChild(QPushButton, "unet_show_weights").click()
    qtbot.waitUntil(lambda: not weighing._asked, timeout=10_000)
    assert not on.layer.visible and not dock.desk.session.weights_shown


@pytest.mark.canvas
def test_nothing_to_show_looks_like_nothing(window: Viewer, dock: Any, qtbot: Any) -> None:
    data = np.zeros((SIDE, SIDE), np.int32)
    data[20:40, 20:40], data[120:140, 120:140] = 1, 2
    labels = Labels(data, name="mine")
    on = start(window, dock, labels, qtbot)
    session = dock.desk.session
    assert session.status.startswith("No gaps") and session.status == session.weight_words
    for layer in (labels, on.layer):
        layer.visible = False
    dark = window.screenshot(flash=False)
    on.layer.visible = True
    shown_map(window, dock, qtbot)
    assert np.abs(window.screenshot(flash=False).astype(int) - dark).max() <= 4  # of 255
    labels.visible, labels.brush_size = True, 14
    labels.paint((30, 49), 3)
    on = shown_map(window, dock, qtbot)
    assert session.weight_words.startswith("Gaps weigh")
    labels.undo()
    shown_map(window, dock, qtbot)
    assert session.weight_words.startswith("No gaps")
    labels.visible = False
    qtbot.wait(100)
    assert np.abs(window.screenshot(flash=False).astype(int) - dark).max() <= 4
