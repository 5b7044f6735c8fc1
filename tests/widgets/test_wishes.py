"""Models, files, and wishes that cannot be fulfilled: in a real window, the worker pretends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from qtpy.QtWidgets import QFileDialog, QPushButton
from safetensors.numpy import load_file

from napari_unet import layers
from napari_unet.core.annotation import Pair
from napari_unet.core.settings import TrainOptions
from napari_unet.files.lock import locked
from napari_unet.files.model_file import read_config
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.widgets import commands, modelling
from napari_unet.widgets.desk import Desk

from .conftest import done, partner

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]


def answer(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """The user chooses `path` in the next file dialog."""
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_: (str(path), ""))


def test_models_are_saved_and_loaded_and_labels_exported(
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, target = dock.desk.session, tmp_path / "my cells v1.2.safetensors"
    answer(monkeypatch, tmp_path / "my cells v1.2")
    press("unet_save_model")
    qtbot.waitUntil(target.exists, timeout=5000)
    qtbot.waitUntil(lambda: "Saved" in session.status, timeout=5000)
    assert target.read_bytes() == Path(session.model).read_bytes()
    answer(monkeypatch, target)
    press("unet_load_model")
    qtbot.waitUntil(lambda: session.model == str(target), timeout=5000)
    assert session.models[0] == (str(target), "my cells v1.2")
    answer(monkeypatch, tmp_path / "out.tif")
    press("unet_export_labels")
    qtbot.waitUntil(lambda: "out.tif" in session.status, timeout=5000)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out.tif"), partner(trained, "labels").data
    )


def test_a_file_that_is_no_model_is_refused(
    window: Viewer, dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"PK\x03\x04 this could run code")
    dock.desk.load_model_from(bad)
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=5000)
    assert "pickled" in dock.desk.session.status
    assert not dock.desk.session.models


def test_a_model_that_is_gone_from_disk(trained: Viewer, dock: Any, press: Press) -> None:
    session = dock.desk.session
    before = partner(trained, "prediction").data.copy()
    Path(session.model).unlink()
    press("unet_predict")
    assert session.mood == "error"
    assert "no longer on disk" in session.status
    assert session.models == ()
    assert session.model == ""
    assert not dock.findChild(QPushButton, "unet_predict").isEnabled()
    np.testing.assert_array_equal(partner(trained, "prediction").data, before)


def test_a_model_for_other_channels(trained: Viewer, dock: Any, press: Press, qtbot: Any) -> None:
    trained.add_image(np.zeros((40, 50, 3), np.uint8), rgb=True, name="colour")
    dock.desk.annotating.choose_image(layers.key(trained.layers["colour"]))
    press("unet_predict")
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=5000)
    assert "3 channels" in dock.desk.session.status
    assert not dock.desk.session.job
    assert not dock.desk.session.predicted  # no empty overlay is left to be accepted
    assert layers.partner(trained, trained.layers["colour"], "prediction") is None


def test_a_prediction_is_stopped(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.desk.session
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    dock.desk.child.close()  # the next one is slow
    press("unet_predict")
    qtbot.waitUntil(
        lambda: session.progress is not None and session.progress.share is not None, timeout=20_000
    )
    press("unet_stop")
    assert session.job == "stopping"
    qtbot.waitUntil(lambda: not session.job, timeout=2000)
    assert "broken off" in session.status
    assert dock.findChild(QPushButton, "unet_predict").isEnabled()
    assert session.progress is None


@pytest.mark.slow
def test_a_killed_prediction_leaves_everything(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.desk.session
    before = partner(trained, "labels").data.tobytes()
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.2")
    dock.desk.child.close()
    press("unet_predict")
    qtbot.waitUntil(
        lambda: session.progress is not None and session.progress.share is not None, timeout=20_000
    )
    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.mood == "error", timeout=5000)
    assert "killed" in session.status
    assert "Predict" in session.status
    assert partner(trained, "labels").data.tobytes() == before
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.01")
    press("unet_predict")
    qtbot.waitUntil(lambda: session.mood == "done", timeout=20_000)


@pytest.mark.slow
def test_a_worse_model_does_not_take_over(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.desk.session
    before = session.model
    monkeypatch.setenv("FAKE_WORKER_WORSE", "1")
    dock.desk.child.close()
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(session.models) == 2 and done(dock), timeout=30_000)
    assert session.model == before
    assert "earlier model stays selected" in session.report


def test_without_labels_nothing_starts(
    window: Viewer, dock: Any, discs: Discs, qtbot: Any, own_home: Path
) -> None:
    window.add_image(discs[0])
    commands.fine_tune(window)  # the button is disabled, the menu is not
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=5000)
    assert "paint at least one cell" in dock.desk.session.status
    commands.show_weights(window)
    assert "Paint some cells" in dock.desk.session.status
    commands.predict(window)
    assert "no model" in dock.desk.session.status
    assert not dock.desk.child.busy
    assert not list(own_home.glob("runs/trained*"))
    assert [type(x).__name__ for x in window.layers] == ["Image"]


def test_labels_that_do_not_fit_are_refused(window: Viewer, dock: Any, discs: Discs) -> None:
    window.add_image(discs[0], name="cells")
    other = window.add_labels(np.ones((9, 9), np.int32), name="other")
    commands.use_as_labels(window)
    assert dock.desk.session.mood == "error"
    assert "“other” has the shape (9, 9)" in dock.desk.session.status
    assert layers.role(other) is None
    assert partner(window, "labels") is None


def test_the_background_cannot_be_the_labels(painted: Viewer, dock: Any) -> None:
    labels = partner(painted, "labels")
    dock.desk.annotating.background()  # and makes it the active layer
    background = partner(painted, "background")
    commands.use_as_labels(painted)
    assert dock.desk.session.status == (
        "“U-Net background” is the background of an image, which cannot be its labels."
    )
    assert partner(painted, "labels") is labels
    assert partner(painted, "background") is background


def test_labels_that_no_longer_fit_start_nothing(
    painted: Viewer, dock: Any, press: Press, own_home: Path
) -> None:
    labels = partner(painted, "labels")
    labels.data = np.ones((9, 9), np.int32)
    press("unet_fine_tune")
    assert "has the shape (9, 9)" in dock.desk.session.status
    assert dock.desk.session.mood == "error"
    assert not dock.desk.child.busy
    assert not list(own_home.glob("runs/trained*"))
    press("unet_new_cell")  # offers an empty layer that fits
    assert partner(painted, "labels") is not labels
    assert labels.data.shape == (9, 9)


def test_a_second_training_is_not_begun(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.1")
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: dock.desk.session.job == "training", timeout=20_000)
    commands.fine_tune(painted)
    assert "is running" in dock.desk.session.status
    assert dock.desk.session.job == "training"


def test_stopping_before_it_began_leaves_no_run(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, own_home: Path
) -> None:
    press("unet_fine_tune")
    press("unet_stop")
    assert not dock.desk.session.job
    qtbot.wait(500)
    assert not list(own_home.glob("runs/trained*"))
    assert dock.findChild(QPushButton, "unet_fine_tune").isEnabled()


@pytest.mark.parametrize("saved", [True, False])
def test_a_training_that_failed_can_be_gone_on_with(
    saved: bool, painted: Viewer, dock: Any, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    run.checkpoint.parent.mkdir(parents=True)
    (run.checkpoint.parent / ".state.1.part.pt").write_bytes(b"half of it")
    if saved:
        run.checkpoint.write_bytes(b"state")
    session, training = dock.desk.session, dock.desk.training
    session.job, training._run = "training", run.path
    words = "train failed: no room"
    dock.desk._on_message(
        {"event": "failed", "what": "train", "path": str(run.path), "words": words}
    )
    assert session.resumable == (run.path if saved else None) and not session.job
    assert session.status.startswith("Train failed: no room.")
    assert ("Resume the training" in session.status) == saved


@pytest.mark.parametrize("learnt", [True, False])
def test_a_training_that_is_killed_while_it_stops(
    learnt: bool, painted: Viewer, dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    """What it has come to is told by its folder; what nothing was learnt in is no model."""
    pair = Pair("discs", np.zeros((40, 40)), np.ones((40, 40), np.int32), None, "YX")
    run = create_run(tmp_path / "run", [pair], TrainOptions(base="none"))
    run.model.write_bytes(b"weights")
    if learnt:
        run.checkpoint.write_bytes(b"state")
        run.say({"event": "step", "step": 1, "loss": 0.5})
        run.say({"event": "saved", "step": 1})
    session, training = dock.desk.session, dock.desk.training
    training.trained.disconnect(dock.desk._on_trained)
    made: list[str] = []
    training.trained.connect(lambda path, *_: made.append(path))
    session.job, training._run = "stopping", run.path
    dock.desk._on_died("The worker process was killed or crashed (signal 9).")
    qtbot.waitUntil(lambda: not session.job)
    assert made == ([str(run.model)] if learnt else [])
    assert session.resumable == (run.path if learnt else None)
    assert ("best weights are kept" if learnt else "nothing was learnt") in session.status


# ---- what earlier sessions have left ------------------------------------------------------------


def killed_run(dock: Any, press: Press, qtbot: Any) -> Path:
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(dock.desk.session.losses) > 1, timeout=30_000)
    run = Path(dock.desk.training._run)
    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=5000)
    return run


def test_a_new_session_finds_the_killed_training(
    painted: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.1")
    run = killed_run(dock, press, qtbot)
    (run / "log.jsonl").write_text(json.dumps({"event": "step", "step": 2, "loss": 0.5}) + "\n")
    monkeypatch.setattr(modelling, "QUIET", 0.2)
    dock.desk.close()
    with locked(run):  # another window is at it
        assert modelling.earlier().look_again > 0
        desk = Desk(painted)
        qtbot.waitUntil(desk.earlier.again.isActive, timeout=30_000)
        assert desk.session.resumable is None
    qtbot.waitUntil(lambda: desk.session.resumable == run, timeout=30_000)
    assert desk.session.resumable_words.startswith("today, ")
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.01")
    desk.training.resume()
    qtbot.waitUntil(lambda: len(desk.session.losses) >= 30, timeout=20_000)
    steps = [step for step, _ in desk.session.losses]
    assert steps == sorted(set(steps))
    qtbot.waitUntil(lambda: bool(desk.session.model) and not desk.session.job, timeout=20_000)
    desk.close()


@pytest.mark.slow
def test_a_new_session_lists_the_models_of_the_last(
    trained: Viewer, dock: Any, qtbot: Any, own_home: Path
) -> None:
    said = {"event": "done", "what": "train", "stopped": False}
    run = Path(dock.desk.session.model).parent
    (run / "log.jsonl").write_text(json.dumps(said) + "\n")
    dock.desk.close()
    desk = Desk(trained)
    qtbot.waitUntil(lambda: desk.session.model == str(run / "model.safetensors"), timeout=5000)
    assert desk.session.models[0][1].startswith("cells · ")
    assert desk.session.resumable is None
    desk.close()


# ---- what the user goes on doing meanwhile ------------------------------------------------------


def accepted(dock: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: "added to your labels" in dock.desk.session.status, timeout=5000)


def test_the_next_cell_never_shares_an_id_with_accepted_ones(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    own = partner(trained, "labels")
    press("unet_new_cell")  # number 11, not painted yet
    assert own.selected_label == 11
    press("unet_accept")
    own.data_setitem((np.array([0, 0]), np.array([0, 1])), 12)  # painted while it is at work
    accepted(dock, qtbot)
    assert not (own.data == own.selected_label).any()
    assert (own.data == 12).sum() == 2
    assert len(np.unique(own.data)) - 1 == 31


def test_after_accept_the_brush_has_a_free_number(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    own = partner(trained, "labels")
    own.selected_label = 10  # as the last painted cell leaves it
    press("unet_accept")
    accepted(dock, qtbot)
    assert own.selected_label == 31 == own.data.max() + 1


def test_a_cell_chosen_meanwhile_stays_chosen(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    own = partner(trained, "labels")
    press("unet_accept")
    own.selected_label = 3  # to be corrected
    accepted(dock, qtbot)
    assert own.selected_label == 3 and (own.data == 3).any()


def test_a_cell_painted_on_meanwhile_stays_in_the_brush(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    own = partner(trained, "labels")
    own.selected_label = 10
    press("unet_accept")
    own.paint((2, 2), 10)
    accepted(dock, qtbot)
    assert own.selected_label == 10


def test_a_duplicate_of_the_labels_is_a_backup(trained: Viewer, dock: Any) -> None:
    own = partner(trained, "labels")
    copy = trained.add_layer(type(own).create(*own.as_layer_data_tuple()))
    trained.layers.move(trained.layers.index(own), len(trained.layers))
    assert layers.role(copy) is None
    assert dock.desk.annotating.labels() is own


def test_each_image_keeps_its_filters(trained: Viewer, dock: Any, qtbot: Any) -> None:
    session, image = dock.desk.session, dock.desk.session.image
    dock.desk.filtering.choose_threshold(0.7)
    dock.desk.filtering.choose_min_size(40)
    qtbot.waitUntil(lambda: "at threshold 0.70" in session.status, timeout=5000)
    other = trained.add_image(np.zeros((30, 40), np.uint8), name="other")
    dock.desk.annotating.choose_image(layers.key(other))
    assert not session.filterable
    dock.desk.annotating.choose_image(image)
    assert (session.threshold, session.min_size) == (0.7, 40)


def test_painting_on_the_prediction_is_advised_against(trained: Viewer, dock: Any) -> None:
    session, overlay = dock.desk.session, partner(trained, "prediction")
    overlay.paint((5, 5), 77)
    assert session.status == (
        "Accept first, then correct in your labels: what is painted on the prediction "
        "does not stay."
    )
    session.say("")
    overlay.paint((9, 9), 77)
    assert not session.status  # said once


def test_the_axes_are_changed_while_tiles_arrive(
    window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any, monkeypatch: Any
) -> None:
    session = dock.desk.session
    window.add_image(np.stack([discs[0]] * 3), name="stack")
    window.dims.set_point(0, 1)
    press("unet_new_cell")
    partner(window, "labels").data = np.stack([0 * discs[1], discs[1], 0 * discs[1]])
    qtbot.waitUntil(lambda: session.annotated.cells == 30, timeout=5000)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: done(dock), timeout=30_000)
    monkeypatch.setenv("FAKE_WORKER_PAUSE", "0.1")
    dock.desk.child.close()
    press("unet_predict")
    qtbot.waitUntil(
        lambda: session.progress is not None and session.progress.share is not None, timeout=20_000
    )
    dock.desk.annotating.choose_axes("CYX")
    assert not session.filterable
    qtbot.waitUntil(lambda: not session.job, timeout=20_000)
    assert "read in another way" in session.status
    assert partner(window, "prediction") is None
    dock.desk.annotating.choose_axes("ZYX")
    assert partner(window, "labels") is not None
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock), timeout=30_000)


def test_a_worker_that_leaves_while_a_wish_is_prepared(trained: Viewer, dock: Any) -> None:
    session = dock.desk.session
    session.job = "predicting"
    dock.desk.predicting.on_died("")
    assert session.job == "predicting"
    session.job = "starting"
    dock.desk.training.on_died("")
    assert session.job == "starting"
    session.job = ""


def test_the_model_to_start_from_is_not_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Path] = []
    monkeypatch.setattr(modelling, "prune_runs", lambda keep: kept.extend(keep))
    modelling.new_run_folder("/runs/a/model.safetensors", "/runs/b/model.safetensors", "")
    assert [p.parent.name for p in kept] == ["a", "b"]


def test_a_saved_model_does_as_the_filters_show(
    trained: Viewer, dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    session, target = dock.desk.session, tmp_path / "mine.safetensors"
    dock.desk.filtering.choose_threshold(0.7)
    dock.desk.filtering.choose_min_size(40)
    dock.desk.save_model_as(Path(session.model), target)
    qtbot.waitUntil(lambda: "with the filters" in session.status, timeout=5000)
    made = read_config(target).instances
    assert (made.threshold, made.seed_threshold, made.min_size) == (0.7, 0.7, 40)
    before, after = load_file(session.model), load_file(target)
    assert before.keys() == after.keys()
    assert all((before[k] == after[k]).all() for k in before)
