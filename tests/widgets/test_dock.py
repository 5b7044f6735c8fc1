"""The dock in a real window, with a worker that only pretends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton

from napari_unet import layers
from napari_unet.widgets.look import More
from napari_unet.widgets.open import show_dock

from .mouse import settle, stroke

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
BUTTONS = (
    "unet_new_cell",
    "unet_show_weights",
    "unet_fine_tune",
    "unet_stop",
    "unet_predict",
    "unet_accept",
)


def layer(viewer: Viewer, name: str) -> Any:
    return next((x for x in viewer.layers if x.name == name), None)


@pytest.fixture
def painted(window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any) -> Viewer:
    """An image, and ten of its thirty cells in "U-Net labels"."""
    window.add_image(discs[0])
    press("unet_new_cell")
    layer(window, "U-Net labels").data = np.where(discs[1] <= 10, discs[1], 0)
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 10, timeout=5000)
    return window


@pytest.fixture
def predicted(painted: Viewer, dock: Any, press: Press, qtbot: Any) -> Viewer:
    """After the training that ends with a prediction."""
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: dock.desk.session.predicted, timeout=30_000)
    qtbot.waitUntil(lambda: not dock.desk.session.job, timeout=30_000)
    return painted


def test_all_parts_are_there_and_say_why_they_cannot_work(dock: Any) -> None:
    assert dock.objectName() == "unet_dock"
    for name in BUTTONS:
        button = dock.findChild(QPushButton, name)
        assert not button.isEnabled()
        assert button.toolTip(), name
    assert "Open an image" in dock.findChild(QLabel, "unet_status").text()
    assert dock.findChild(QProgressBar, "unet_progress") is not None
    assert dock.findChild(object, "unet_loss_plot") is not None


@pytest.mark.canvas
def test_nothing_is_clipped_in_the_narrowest_dock(window: Viewer, dock: Any, qtbot: Any) -> None:
    folds = dock.findChildren(More)
    assert len(folds) == 3
    for fold in folds:
        fold.setChecked(True)
    holder = dock.parentWidget()
    window.window._qt_window.resizeDocks([holder], [100], Qt.Orientation.Horizontal)
    qtbot.waitUntil(dock.area.verticalScrollBar().isVisible, timeout=2000)
    assert holder.width() < 340
    assert dock.area.widget().minimumSizeHint().width() <= dock.area.viewport().width()


@pytest.mark.canvas
def test_real_strokes_paint_cells_with_ids_of_their_own(
    window: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    window.add_image(np.zeros((100, 120), np.uint8))
    press("unet_new_cell")
    labels = layer(window, "U-Net labels")
    settle(window, qtbot)
    stroke(window, qtbot, [(20, 20), (20, 50)])
    assert (labels.data == 1).sum() > 200, "the canvas received no events"
    canvas = window.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_N)
    stroke(window, qtbot, [(70, 20), (70, 50)])
    assert (labels.data == 2).sum() > 200
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 2, timeout=5000)
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 1, timeout=5000)


def test_the_weight_map_glows_in_the_gaps(
    window: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    window.add_image(np.zeros((80, 80), np.uint8), scale=(2, 0.5), translate=(5, 7), rotate=20)
    press("unet_new_cell")
    labels = np.zeros((80, 80), np.int32)
    labels[20:60, 10:38] = 1
    labels[20:60, 41:70] = 2
    layer(window, "U-Net labels").data = labels
    button = dock.findChild(QPushButton, "unet_show_weights")
    qtbot.waitUntil(button.isEnabled, timeout=5000)
    button.click()
    qtbot.waitUntil(lambda: layer(window, "U-Net weights") is not None, timeout=10_000)
    weights = layer(window, "U-Net weights")
    low, high = weights.contrast_limits
    assert weights.data[40, 39] > (low + high) / 2 > weights.data[40, 20]
    assert weights.data[5, 5] <= low
    np.testing.assert_allclose(
        weights.data_to_world((3, 9)), window.layers[0].data_to_world((3, 9))
    )


def test_training_ends_with_the_prediction_over_the_image(
    predicted: Viewer, dock: Any, discs: Discs
) -> None:
    session = dock.desk.session
    overlay = layer(predicted, "U-Net prediction")
    assert len(np.unique(overlay.data)) - 1 == 30
    assert ((overlay.data > 0) == (discs[1] > 0)).mean() > 0.98
    assert len(session.losses) == 12
    assert [round(step) for step, _ in session.scores] == [4, 8, 12]
    assert "6 of 8 found, 1 merge" in session.report
    assert "Found 30 cells" in session.status
    assert session.model
    assert not dock.findChild(QPushButton, "unet_stop").isEnabled()


def test_the_overlay_fills_tile_by_tile(
    painted: Viewer, dock: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.1")  # the time that a real tile takes at least
    states: set[bytes] = set()

    def look() -> bool:
        overlay = layer(painted, "U-Net prediction")
        if overlay is not None:
            states.add(overlay.data.tobytes())
        return bool(dock.desk.session.predicted and not dock.desk.session.job)

    dock.findChild(QPushButton, "unet_fine_tune").click()
    qtbot.waitUntil(look, timeout=30_000)
    assert len(states) >= 5


def test_accept_is_one_undo_step_and_leaves_what_was_painted(
    predicted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = layer(predicted, "U-Net labels")
    before = labels.data.copy()
    press("unet_accept")
    qtbot.waitUntil(lambda: "20 cells added" in dock.desk.session.status, timeout=5000)
    assert labels.data.max() == 30
    np.testing.assert_array_equal(labels.data[before > 0], before[before > 0])
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_filters_act_on_the_stored_probability(predicted: Viewer, dock: Any, qtbot: Any) -> None:
    overlay = layer(predicted, "U-Net prediction")
    size = np.bincount(overlay.data.ravel())[1:]
    dock.desk.filtering.choose_min_size(int(np.median(size)))
    qtbot.waitUntil(lambda: 5 < overlay.data.max() < 25, timeout=5000)
    dock.desk.filtering.choose_min_size(0)
    dock.desk.filtering.choose_threshold(0.98)
    qtbot.waitUntil(lambda: (overlay.data > 0).sum() < 0.9 * size.sum(), timeout=5000)
    dock.desk.filtering.show_probability(True)
    qtbot.waitUntil(lambda: layer(predicted, "U-Net probability") is not None, timeout=5000)


def test_a_killed_worker_can_be_resumed(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    session, labels = dock.desk.session, layer(painted, "U-Net labels")
    before = labels.data.copy()
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(session.losses) > 3, timeout=30_000)
    assert not dock.findChild(QPushButton, "unet_fine_tune").isEnabled()
    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.mood == "error", timeout=5000)
    assert "killed" in session.status
    assert "Resume" in session.status
    np.testing.assert_array_equal(labels.data, before)
    assert dock.findChild(QPushButton, "unet_fine_tune").isEnabled()
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.01")
    press("unet_resume")
    qtbot.waitUntil(lambda: session.predicted and not session.job, timeout=30_000)


def test_stop_keeps_the_best_weights(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    session = dock.desk.session
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(session.losses) > 1, timeout=30_000)
    press("unet_stop")
    qtbot.waitUntil(lambda: session.job != "stopping", timeout=2000)
    qtbot.waitUntil(lambda: session.predicted and not session.job, timeout=30_000)
    assert session.model


def test_bad_labels_start_nothing(
    window: Viewer, dock: Any, discs: Discs, own_home: Any, qtbot: Any
) -> None:
    image = window.add_image(discs[0])
    negative = np.zeros(discs[1].shape, np.int16)
    negative[:9, :9], negative[20:30, 20:30] = -3, 2
    layers.pair(window, image, window.add_labels(negative))
    dock.desk.annotating.refresh()
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 1, timeout=5000)
    dock.findChild(QPushButton, "unet_fine_tune").click()
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=5000)
    assert "negative" in dock.desk.session.status
    assert not dock.desk.child.busy
    assert not list(own_home.glob("runs/trained*"))
    assert dock.findChild(QPushButton, "unet_fine_tune").isEnabled()


def test_one_slice_of_a_stack(
    window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any
) -> None:
    window.add_image(np.stack([discs[0]] * 3))
    window.dims.set_point(0, 1)
    press("unet_new_cell")
    labels = np.zeros((3, 256, 256), np.int32)
    labels[1] = np.where(discs[1] <= 10, discs[1], 0)
    layer(window, "U-Net labels").data = labels
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 10, timeout=5000)
    press("unet_fine_tune")
    qtbot.waitUntil(
        lambda: dock.desk.session.predicted and not dock.desk.session.job, timeout=30_000
    )
    overlay = layer(window, "U-Net prediction").data
    assert len(np.unique(overlay[1])) - 1 == 30
    assert not overlay[[0, 2]].any()
    dock.desk.session.all_slices = True
    press("unet_predict")
    qtbot.waitUntil(lambda: overlay[0].any() and not dock.desk.session.job, timeout=30_000)
    assert len(np.unique(overlay)) - 1 == 90


@pytest.mark.canvas
def test_closing_the_window_ends_the_worker(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(dock.desk.session.losses) > 1, timeout=30_000)
    pid = dock.desk.child.pid
    painted.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.canvas
def test_the_dock_can_be_closed_and_opened_again(window: Viewer, dock: Any, qtbot: Any) -> None:
    desk = dock.desk
    window.window.remove_dock_widget("all")
    qtbot.wait(50)
    desk.session.say("somebody there?")
    again = show_dock(window)
    assert again.desk is desk
    assert "Somebody" in again.findChild(QLabel, "unet_status").text()
