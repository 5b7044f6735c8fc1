"""The real worker behind the real window: stopped, killed, left alone, and found again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QPushButton

from napari_unet import layers
from napari_unet.core.settings import ModelConfig
from napari_unet.files.model_file import read_config
from napari_unet.runs.folder import open_run
from napari_unet.widgets import modelling
from napari_unet.widgets.desk import Desk

pytestmark = [pytest.mark.gui, pytest.mark.slow]

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]


def contents(viewer: Viewer) -> dict[str, tuple[bytes, str]]:
    """Every layer with its pixels and its place."""
    return {x.name: (np.asarray(x.data).tobytes(), str(x.affine)) for x in viewer.layers}


@pytest.fixture
def fake_worker(brief_worker: None) -> None:
    """None: the real one, with torch loaded; tests/widgets/test_journey.py has it in earnest."""


@pytest.fixture
def training(
    window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any
) -> Callable[[], Path]:
    """Begin a training that lasts; returns its run folder once it has a checkpoint."""
    window.add_image(discs[0])
    press("unet_new_cell")
    labels = layers.partner(window, window.layers[0], "labels")
    labels.data = np.where(discs[1] <= 12, discs[1], 0)
    session = dock.desk.session
    session.seconds = 60
    qtbot.waitUntil(lambda: session.annotated.cells == 12, timeout=60_000)

    def begin() -> Path:
        press("unet_fine_tune")
        qtbot.waitUntil(lambda: len(session.losses) > 0, timeout=120_000)
        run = dock.desk.training._run
        qtbot.waitUntil(lambda: open_run(run).resumable, timeout=60_000)
        return Path(run)

    return begin


def test_stop_kill_and_resume(
    window: Viewer,
    dock: Any,
    training: Callable[[], Path],
    press: Press,
    qtbot: Any,
) -> None:
    session = dock.desk.session
    run = training()
    press("unet_stop")
    qtbot.waitUntil(lambda: session.job not in ("training", "stopping"), timeout=60_000)
    assert isinstance(read_config(run / "model.safetensors"), ModelConfig)
    assert session.resumable == run
    qtbot.waitUntil(lambda: session.predicted and not session.job, timeout=60_000)

    run, before = training(), contents(window)
    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.mood == "error", timeout=60_000)
    assert "killed" in session.status
    assert "Resume" in session.status
    assert contents(window) == before
    assert dock.findChild(QPushButton, "unet_fine_tune").isEnabled()
    points = len(session.losses)
    press("unet_resume")
    qtbot.waitUntil(lambda: len(session.losses) > points, timeout=60_000)
    steps = [step for step, _ in session.losses]
    assert steps == list(range(1, len(steps) + 1)), "not one curve"
    press("unet_stop")
    qtbot.waitUntil(lambda: session.job not in ("training", "stopping"), timeout=60_000)
    qtbot.waitUntil(lambda: session.model == str(run / "model.safetensors"), timeout=60_000)


def test_closing_napari_leaves_a_training_to_go_on_with(
    window: Viewer, dock: Any, training: Callable[[], Path], qtbot: Any
) -> None:
    run, pid = training(), dock.desk.child.pid
    window.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert open_run(run).resumable
    found = modelling.earlier()
    assert found.resumable == run
    assert found.look_again == 0
    assert found.words.startswith("today, ")


def test_a_new_session_goes_on_with_it(
    window: Viewer,
    dock: Any,
    training: Callable[[], Path],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = training()
    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: dock.desk.session.mood == "error", timeout=60_000)
    points = len(dock.desk.session.losses)
    dock.desk.close()
    monkeypatch.setattr(modelling, "QUIET", 0.5)
    desk = Desk(window)
    qtbot.waitUntil(lambda: desk.session.resumable == run, timeout=60_000)
    desk.training.resume()
    qtbot.waitUntil(lambda: len(desk.session.losses) > points, timeout=60_000)
    desk.close()
    assert open_run(run).resumable
