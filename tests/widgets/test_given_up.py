"""Trainings that are stopped before they have come to anything. No window."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_unet.core.annotation import Pair
from napari_unet.core.settings import TrainOptions
from napari_unet.models import runs_folder
from napari_unet.runs.farewell import stopped_training
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.session import Session
from napari_unet.widgets import modelling, training
from napari_unet.widgets.child import Child
from napari_unet.widgets.training import Training


@pytest.fixture
def run() -> RunFolder:
    """A run as the panel writes it, in which nothing was done yet."""
    pair = Pair("discs", np.zeros((40, 40)), np.ones((40, 40), np.int32), None, "YX")
    return create_run(modelling.new_run_folder(), [pair], TrainOptions(base="none"))


@pytest.fixture
def stopping(qtbot: Any, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Training:
    """A panel's training that was stopped after the worker was given its command."""
    monkeypatch.setattr(training, "in_thread", lambda work, done, failed: done(work()))
    session, parent = Session(), QObject()
    made = Training(ViewerModel(), session, Child(parent), parent)  # type: ignore[arg-type]
    made._run, made._parent = run.path, parent  # type: ignore[attr-defined]
    session.job, session.image = "stopping", "image"
    return made


def test_what_nothing_was_learnt_in_leaves_no_folder(stopping: Training, run: RunFolder) -> None:
    stopping.on_message(stopped_training(run.path))
    session = stopping._session
    assert not list(runs_folder().iterdir())
    assert not session.job and session.resumable is None
    assert session.mood != "error"  # it was the user's wish
    assert session.status.startswith("Stopped before training began")


@pytest.mark.parametrize("stopped", [True, False])
def test_what_was_given_up_for_another_beginning_begins(
    stopped: bool, stopping: Training, run: RunFolder
) -> None:
    """Be it that it ended by itself before it heard of it."""
    begun: list[bool] = []
    stopping.again.connect(lambda: begun.append(True))
    stopping._anew = True
    done = {"event": "done", "what": "train", "path": str(run.path), "model": str(run.model)}
    stopping.on_message({**done, "stopped": stopped})
    assert begun == [True] and not stopping._anew and not stopping._session.job


@pytest.mark.parametrize("kind", ["of somebody's", "to be gone on with", "no room"])
def test_what_is_more_than_that_stays(kind: str, stopping: Training, run: RunFolder) -> None:
    said, session = stopped_training(run.path), stopping._session
    if kind == "of somebody's":
        (run.path / "notes.txt").write_text("mine")
    elif kind == "to be gone on with":
        run.checkpoint.write_bytes(b"state")
    else:
        said = {"event": "failed", "what": "train", "path": str(run.path), "words": kind}
    stopping.on_message(said)
    assert (run.path / "data" / "0000_image.npy").exists()
    assert session.resumable == (run.path if kind == "to be gone on with" else None)
    assert (session.mood == "error") == (kind == "no room")


def test_its_place_is_free_before_its_files_are_gone(
    stopping: Training, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run that is put there meanwhile is not met, let alone deleted."""
    real, there = shutil.rmtree, []

    def rmtree(path: Path, **options: Any) -> None:
        there.append(run.path.exists())
        real(path, **options)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    stopping._remove(run.path)
    assert there == [False]


def test_no_name_is_given_to_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first may be in the making by the time that the second is asked for, or be going."""
    monkeypatch.setattr(modelling, "name_of_run", lambda: "trained 2026-01-01 10.00.00")
    made = [modelling.new_run_folder().name for _ in range(3)]
    assert len(set(made)) == 3
