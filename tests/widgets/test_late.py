"""What ends late: another image is in hand by then, the image has changed, or the ending fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QPushButton

from napari_unet import layers
from napari_unet.widgets import accepted_before, accepting, filtering, growing, predicting
from napari_unet.widgets.accepting import Accepting
from napari_unet.widgets.desk import Desk
from napari_unet.widgets.filtering import Filtering
from napari_unet.widgets.growing import Growing
from napari_unet.widgets.predicting import Predicting
from napari_unet.widgets.training import Training
from napari_unet.widgets.weighing import Weighing

from .conftest import done, partner
from .test_meanwhile import Gate

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
Qtbot = Any


def hold_after(tiles: int, dock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next worker waits for "stop" once it has predicted so many tiles."""
    monkeypatch.setenv("FAKE_WORKER_HOLD", str(tiles))
    monkeypatch.setenv("FAKE_WORKER_TILE", "64")
    dock.desk.child.close()


def drawn(dock: Any, tiles: int) -> bool:
    """Whether a prediction has begun, and so many of its tiles were drawn."""
    draws = dock.desk.predicting._growing
    waits = draws._drawing or draws._tiles
    return dock.desk.predicting._told == tiles and not waits and not dock.desk.session.predicted


# ---- a prediction that was broken off ----------------------------------------------------------


def stopped(dock: Any) -> None:
    dock.desk.stop()


def killed(dock: Any) -> None:
    os.kill(dock.desk.child.pid, signal.SIGKILL)


def refused(dock: Any) -> None:
    dock.desk._on_message({"event": "failed", "what": "predict", "words": "there is no room"})


ENDS = pytest.mark.parametrize("end", [stopped, killed, refused])


@ENDS
def test_pieces_of_tiles_are_not_accepted(
    end: Callable[[Any], None],
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Qtbot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, labels = dock.desk.session, partner(trained, "labels")
    before = labels.data.copy()
    hold_after(10, dock, monkeypatch)
    press("unet_predict")
    qtbot.waitUntil(lambda: drawn(dock, 10))
    end(dock)
    qtbot.waitUntil(lambda: not session.job)
    assert partner(trained, "prediction").data.any()
    button = dock.findChild(QPushButton, "unet_accept")
    assert not button.isEnabled() and "press “Predict”" in button.toolTip()
    dock.desk.accepting.accept()  # the menu may be quicker than the button
    assert session.mood == "error"
    np.testing.assert_array_equal(labels.data, before)


@ENDS
def test_slices_that_are_finished_are_accepted_whole(
    end: Callable[[Any], None],
    window: Viewer,
    dock: Any,
    press: Press,
    qtbot: Qtbot,
    discs: Discs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, truth = dock.desk.session, discs[1]
    window.add_image(np.stack([discs[0]] * 3), name="stack")
    window.dims.set_point(0, 0)
    press("unet_new_cell")
    labels = partner(window, "labels")
    labels.data = np.stack([np.where(truth <= 10, truth, 0), 0 * truth, 0 * truth])
    qtbot.waitUntil(lambda: session.annotated.cells == 10)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: done(dock))
    session.all_slices = True
    hold_after(28, dock, monkeypatch)  # 16 of them are the first slice
    press("unet_predict")
    qtbot.waitUntil(lambda: drawn(dock, 28))
    end(dock)
    qtbot.waitUntil(lambda: not session.job)
    assert "1 finished slice of 3 can be accepted" in session.status
    press("unet_accept")
    qtbot.waitUntil(lambda: "added" in session.status)
    assert session.status.startswith("20 cells added")
    assert not labels.data[1:].any()
    for number in range(1, 31):
        assert len(np.unique(labels.data[0][truth == number])) == 1


# ---- another image is in hand ------------------------------------------------------------------


def predict(dock: Any) -> None:
    dock.desk.predicting.start()


def accept(dock: Any) -> None:
    dock.desk.accepting.accept()


def filter_(dock: Any) -> None:
    dock.desk.filtering.choose_threshold(0.9)


def probability(dock: Any) -> None:
    dock.desk.filtering.show_probability(True)


LATE = [
    (predict, predicting, "final"),
    (predict, growing, "provisional"),
    (accept, accepted_before, "addition"),
    (filter_, filtering, "relabelled"),
    (probability, filtering, "probability"),
]


def in_the_users_hand(viewer: Viewer, dock: Any) -> dict[str, Any]:
    session, active = dock.desk.session, viewer.layers.selection.active
    names = ("image", "labels", "axes", "threshold", "min_size", "show_probability", "diameter")
    return {
        **{name: getattr(session, name) for name in (*names, "predicted", "filterable")},
        "active": active,
        "selected": set(viewer.layers.selection),
        "brush": (active.mode, active.selected_label),
        "seen": [layer for layer in viewer.layers if layer.visible],
    }


@pytest.mark.parametrize(("wish", "module", "work"), LATE)
def test_nothing_that_ends_late_takes_the_user_back(
    wish: Callable[[Any], None],
    module: Any,
    work: str,
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Qtbot,
    discs: Discs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, first = dock.desk.session, layers.images(trained)[0]
    own, overlay = partner(trained, "labels"), partner(trained, "prediction")
    if work == "provisional":  # an overlay that is new
        trained.layers.remove(overlay)
    second = trained.add_image(discs[0][::-1].copy(), name="second")
    dock.desk.annotating.turn_to(layers.key(first))
    gate = Gate(getattr(module, work))
    monkeypatch.setattr(module, work, gate)
    before, drawings = own.data.copy(), layers.drawings(overlay)
    wish(dock)
    qtbot.waitUntil(gate.reached.is_set)
    dock.desk.annotating.turn_to(layers.key(second))
    press("unet_new_cell")
    held = in_the_users_hand(trained, dock)
    gate.opened.set()
    if wish is predict:
        qtbot.waitUntil(lambda: not session.job)
        assert "in “cells”" in session.status
    elif wish is accept:
        qtbot.waitUntil(lambda: "added to your labels of “cells”" in session.status)
        assert (own.data != before).any()
    elif wish is filter_:
        qtbot.waitUntil(lambda: layers.drawings(overlay) > drawings)
    else:
        qtbot.waitUntil(lambda: layers.partner(trained, first, "probability") is not None)
    assert in_the_users_hand(trained, dock) == held
    dock.desk.annotating.turn_to(layers.key(first))
    what = "probability" if wish is probability else "prediction"
    shown = layers.partner(trained, first, what).visible
    assert shown == (wish is not accept)  # accepted cells are seen in the labels


# ---- the image has changed ---------------------------------------------------------------------


def test_an_image_cropped_while_it_is_predicted_can_be_predicted_again(
    trained: Viewer, dock: Any, press: Press, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, image = dock.desk.session, layers.images(trained)[0]
    gate = Gate(growing.provisional)
    monkeypatch.setattr(growing, "provisional", gate)
    press("unet_predict")
    qtbot.waitUntil(gate.reached.is_set)
    image.data = image.data[:100, :100].copy()
    gate.opened.set()
    qtbot.waitUntil(lambda: not session.job)
    assert "has another shape" in session.status and session.mood == "error"
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
    assert partner(trained, "prediction").data.shape == (100, 100)


def test_an_image_cropped_after_its_prediction_has_none(
    trained: Viewer, dock: Any, press: Press, qtbot: Qtbot
) -> None:
    session, image = dock.desk.session, layers.images(trained)[0]
    dock.desk.filtering.choose_threshold(0.6)
    image.data = image.data[:100, :100].copy()
    assert not session.filterable and not session.predicted
    dock.desk.filtering.show_probability(True)
    dock.desk.filtering._filter()
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
    dock.desk.filtering.choose_threshold(0.9)
    qtbot.waitUntil(lambda: "at threshold 0.90" in session.status)


# ---- an ending that fails ----------------------------------------------------------------------


def fine_tune(dock: Any) -> None:
    dock.desk.training.start()


def weigh(dock: Any) -> None:
    dock.desk.weighing.show()


def idle(dock: Any) -> bool:
    desk = dock.desk
    busy = desk.session.job or desk.session.weighing or desk.accepting._merging
    return not (busy or desk.predicting.running or desk.child.busy)


def next_prediction(dock: Any) -> bool:
    return done(dock) and idle(dock) and dock.desk.session.status.startswith("Found")


def next_accept(dock: Any) -> bool:
    words = dock.desk.session.status
    return idle(dock) and ("added" in words or "Nothing new" in words)


def next_filter(dock: Any) -> bool:
    return idle(dock) and "at threshold 0.90" in dock.desk.session.status


def next_map(dock: Any) -> bool:
    return idle(dock) and dock.desk.session.weights_shown


STEPS: list[tuple[Any, list[tuple[type, str]], Any]] = [
    (
        predict,
        [
            (Predicting, "_prepare"),
            (Predicting, "_on_prepared"),
            (Predicting, "_on_tile"),
            (Predicting, "_on_done"),
            (Predicting, "_settle"),
            (Predicting, "_on_final"),
            (Predicting, "_say_found"),
            (Growing, "_on_drawn"),
            (Growing, "_draw_next"),
            (Filtering, "keep"),
            (Filtering, "_show"),
        ],
        next_prediction,
    ),
    (
        accept,
        [
            (Accepting, "_merge"),
            (Accepting, "_stands"),
            (accepting, "added"),
            (Accepting, "_remember"),
        ],
        next_accept,
    ),
    (filter_, [(Filtering, "_show"), (filtering, "in_hand")], next_filter),
    (
        fine_tune,
        [
            (Training, "_prepare"),
            (Training, "_give"),
            (Training, "_on_step"),
            (Training, "_on_held_out"),
            (Training, "_on_done"),
            (Desk, "_on_new_model"),
        ],
        next_prediction,
    ),
    (weigh, [(Weighing, "_look"), (Weighing, "_on_looked")], next_map),
]


@pytest.mark.parametrize(("wish", "steps", "again"), STEPS)
def test_a_step_that_fails_leaves_the_panel_usable(
    wish: Callable[[Any], None],
    steps: list[tuple[Any, str]],
    again: Callable[[Any], bool],
    trained: Viewer,
    dock: Any,
    qtbot: Qtbot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session, said = dock.desk.session, []
    session.events.status.connect(said.append)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a listener's mistake")

    for where, step in steps:
        said.clear()
        caplog.clear()
        if wish is accept:
            partner(trained, "labels").undo()
        with monkeypatch.context() as patch:
            patch.setattr(where, step, fail)
            wish(dock)
            qtbot.waitUntil(lambda: any("a listener's mistake" in words for words in said))
            qtbot.waitUntil(lambda: idle(dock))
        assert any(record.exc_info for record in caplog.records), step
        for name in ("unet_predict", "unet_fine_tune"):
            assert dock.findChild(QPushButton, name).isEnabled(), step
        session.say("")
        wish(dock)
        qtbot.waitUntil(lambda: again(dock))
