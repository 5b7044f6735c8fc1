"""What the user does while something is under way, and layers that change under our hands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Image, Labels, _layer_actions
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QCheckBox
from scipy import ndimage

from napari_unet import layers
from napari_unet.models import in_hand
from napari_unet.widgets import accepted_before, filtering, predicting

from .conftest import done, partner
from .mouse import canvas_pixel, settle

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
LEFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Gate:
    """Holds a function back in its thread until it is opened."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **options: Any) -> Any:
        made = self._work(*args, **options)
        self.reached.set()
        assert self.opened.wait(20)
        return made


@pytest.mark.canvas
def test_cells_accepted_in_a_stroke_come_after_it(
    trained: Viewer, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, gate = partner(trained, "labels"), Gate(accepted_before.addition)
    settle(trained, qtbot)
    press("unet_new_cell")
    brush = labels.selected_label
    monkeypatch.setattr(accepted_before, "addition", gate)
    press("unet_accept")
    qtbot.waitUntil(gate.reached.is_set, timeout=5000)
    native = trained.window._qt_viewer.canvas.native
    points = [canvas_pixel(trained, (y, 2.0)) for y in (2, 6, 10, 14)]
    QTest.mouseMove(native, points[0])
    QTest.mousePress(native, LEFT, PLAIN, points[0])
    QTest.mouseMove(native, points[1])
    qtbot.waitUntil(lambda: bool((labels.data == brush).any()), timeout=5000)
    gate.opened.set()
    QTest.qWait(300)
    assert labels.data.max() == brush  # nothing is added under the brush
    QTest.mouseMove(native, points[3])
    QTest.mouseRelease(native, LEFT, PLAIN, points[3])
    qtbot.waitUntil(lambda: len(np.unique(labels.data)) == 1 + 30 + 1, timeout=5000)
    for number in np.unique(labels.data)[1:]:
        assert ndimage.label(labels.data == number)[1] == 1, number
    labels.undo()
    assert set(np.unique(labels.data)) == {*range(11), brush}


def test_kinds_are_not_accepted_as_cells(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels, session = partner(trained, "labels"), dock.desk.session
    before = labels.data.copy()
    dock.desk.annotating.choose_labels_are("classes")
    press("unet_accept")
    assert "choose “a cell”" in session.status and session.mood == "error"
    layers.note_kind(partner(trained, "prediction"), "classes")
    dock.desk.annotating.choose_labels_are("instances")
    press("unet_accept")
    assert "choose “a kind of thing”" in session.status
    np.testing.assert_array_equal(labels.data, before)


def test_a_prediction_that_was_stopped_does_not_end_the_next(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(predicting.final)
    monkeypatch.setattr(predicting, "final", gate)
    press("unet_predict")
    qtbot.waitUntil(gate.reached.is_set, timeout=20_000)
    dock.desk.stop()
    qtbot.waitUntil(lambda: not dock.desk.session.job, timeout=5000)
    monkeypatch.undo()
    press("unet_predict")
    gate.opened.set()
    assert dock.desk.session.job == "predicting"
    qtbot.waitUntil(lambda: done(dock), timeout=20_000)
    assert dock.desk.session.status.startswith("Found ")
    labels = partner(trained, "prediction").data
    dock.desk.predicting._filtering.choose_threshold(0.95)  # its files are there
    qtbot.waitUntil(lambda: "at threshold 0.95" in dock.desk.session.status, timeout=5000)
    assert labels.any()


def test_a_filter_moved_before_another_image_was_chosen_still_acts(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    overlay, first = partner(trained, "prediction"), dock.desk.session.image
    trained.add_image(discs[0][::-1], name="other")
    dock.desk.annotating.choose_image(first)
    before = int((overlay.data > 0).sum())
    dock.desk.predicting._filtering.choose_threshold(0.95)
    dock.desk.annotating.choose_image(layers.key(trained.layers["other"]))
    qtbot.waitUntil(lambda: 0 < int((overlay.data > 0).sum()) != before, timeout=5000)


def test_an_image_that_has_grown_is_predicted_anew(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    image = layers.images(trained)[0]
    image.data = np.pad(image.data, ((0, 100), (0, 60)))
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock), timeout=20_000)
    assert partner(trained, "prediction").data.shape == image.data.shape


def test_a_stack_that_has_become_shorter_is_predicted_as_it_is(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    stack = trained.add_image(np.stack([discs[0][:64, :64]] * 4), name="stack")
    dock.desk.annotating.choose_image(layers.key(stack))
    stack.data = stack.data[:2]
    dock.desk.session.all_slices = True
    press("unet_predict")
    qtbot.waitUntil(lambda: not dock.desk.session.job, timeout=20_000)
    assert dock.desk.session.status.startswith("Found ")
    assert layers.partner(trained, stack, "prediction").data.shape == (2, 64, 64)


def test_a_hidden_overlay_stays_hidden_while_it_grows(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(predicting.final)
    monkeypatch.setattr(predicting, "final", gate)
    press("unet_predict")
    partner(trained, "prediction").visible = False
    qtbot.waitUntil(gate.reached.is_set, timeout=20_000)
    grown_hidden = not partner(trained, "prediction").visible
    gate.opened.set()
    qtbot.waitUntil(lambda: done(dock), timeout=20_000)
    assert grown_hidden


def test_labels_of_an_image_that_was_opened_otherwise_can_be_chosen(
    painted: Viewer, dock: Any, qtbot: Any, discs: Discs
) -> None:
    session, labels = dock.desk.session, partner(painted, "labels")
    painted.layers.remove(layers.images(painted)[0])
    painted.add_image(discs[0].astype(np.float32), name="cells")
    assert not session.labels  # another image of this shape may be meant
    assert layers.key(labels) in dict(session.labels_choices)
    dock.desk.annotating.choose_labels(layers.key(labels))
    qtbot.waitUntil(lambda: session.annotated.cells == 10, timeout=5000)


def test_labels_are_nobodys_because_another_image_is_closed(
    window: Viewer, dock: Any, discs: Discs
) -> None:
    window.add_image(discs[0], name="A")
    other = window.add_image(discs[0][::-1], name="B")
    window.add_labels(discs[1][::-1], name="B's cells")
    window.layers.remove(other)
    assert not dock.desk.session.labels


def test_a_copy_of_a_prediction_is_not_learnt_from(window: Viewer, dock: Any, discs: Discs) -> None:
    image = window.add_image(discs[0], name="cells")
    found = layers.prediction_layer(window, image)
    window.layers.selection = {found}
    _layer_actions._duplicate_layer(window.layers)
    window.layers.move(0, 2)
    assert len(window.layers) == 3 and not dock.desk.session.labels


def test_labels_made_an_image_are_an_image(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = partner(painted, "labels")
    painted.layers.selection = {labels}
    _layer_actions._convert(painted.layers, "image")
    (made,) = (x for x in painted.layers if isinstance(x, Image) and x.name == labels.name)
    assert made in layers.images(painted)
    dock.desk.annotating.choose_image(layers.key(layers.images(painted)[0]))
    press("unet_new_cell")
    assert isinstance(partner(painted, "labels"), Labels)


def test_counts_stay_where_only_the_slice_changes(
    window: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    image = window.add_image(np.stack([discs[0]] * 4), name="stack")
    press("unet_new_cell")
    labels = layers.partner(window, image, "labels")
    labels.data = np.stack([discs[1]] * 4)
    counting = dock.desk.annotating.counting
    qtbot.waitUntil(lambda: counting.tally(labels) is not None, timeout=5000)
    known = counting.tally(labels)
    for place in (2, 1, 3):
        window.dims.set_point(0, place)
        assert counting.tally(labels) is known
    labels.data[0, :5, :5] = 77
    labels.refresh()
    assert counting.tally(labels) is None  # somebody wrote into it: counted anew


def test_the_probability_is_shown_or_not_for_each_image(
    trained: Viewer, dock: Any, qtbot: Any, discs: Discs
) -> None:
    session, box = dock.desk.session, dock.findChild(QCheckBox, "unet_probability")
    first = session.image
    dock.desk.filtering.show_probability(True)
    qtbot.waitUntil(lambda: partner(trained, "probability") is not None, timeout=5000)
    trained.add_image(discs[0][::-1], name="other")
    dock.desk.annotating.choose_image(layers.key(trained.layers["other"]))
    qtbot.waitUntil(lambda: not box.isChecked(), timeout=5000)
    dock.desk.annotating.choose_image(first)
    qtbot.waitUntil(box.isChecked, timeout=5000)
    assert partner(trained, "probability").visible


@pytest.mark.parametrize("closed", [False, True])
def test_a_probability_that_is_no_longer_wanted_is_not_shown(
    closed: bool, trained: Viewer, dock: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(filtering.probability)
    monkeypatch.setattr(filtering, "probability", gate)
    dock.desk.filtering.show_probability(True)
    qtbot.waitUntil(gate.reached.is_set, timeout=5000)
    if closed:
        trained.layers.clear()
    else:
        dock.desk.filtering.show_probability(False)
    gate.opened.set()
    qtbot.wait(300)
    assert "probability" not in {layers.role(x) for x in trained.layers}


@pytest.mark.canvas
def test_a_window_closed_in_a_prediction_leaves_no_files(
    painted: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: dock.desk.predicting._running is not None, timeout=60_000)
    assert len(list((own_home / "runs" / "predictions").iterdir())) == 1
    dock.desk.close()
    assert not list((own_home / "runs" / "predictions").iterdir())


def test_a_prediction_is_held_for_as_long_as_it_is_at_hand(
    trained: Viewer, dock: Any, qtbot: Any
) -> None:
    """Another window clears away what is old, and this one may be open for weeks."""
    (job,) = dock.desk.filtering.jobs()
    qtbot.waitUntil(lambda: job in map(str, in_hand()), timeout=5000)
    trained.layers.clear()
    qtbot.waitUntil(lambda: job not in map(str, in_hand()), timeout=5000)


def test_a_prediction_that_was_stopped_before_it_began_leaves_no_files(
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = own_home / "runs" / "predictions"
    kept = set(jobs.iterdir())
    gate = Gate(predicting.prepared)
    monkeypatch.setattr(predicting, "prepared", gate)
    press("unet_predict")
    qtbot.waitUntil(gate.reached.is_set, timeout=5000)
    assert len(set(jobs.iterdir())) == len(kept) + 1
    dock.desk.stop()
    gate.opened.set()
    qtbot.waitUntil(lambda: set(jobs.iterdir()) == kept, timeout=5000)
    assert not dock.desk.session.job
