"""What lies in the folders of models and runs: other windows' and strangers' files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QComboBox, QPushButton

from napari_unet.models import in_hand, models_folder, runs_folder
from napari_unet.widgets.modelling import earlier
from napari_unet.widgets.open import show_dock
from tests.strange import GOOD, HEADERS, LOGS, RUNS, described, run_json, write_header, write_run


def test_the_selected_model_is_not_pruned_by_another_window(dock: Any, qtbot: Any) -> None:
    runs, session = runs_folder(), dock.desk.session
    session.model, session.base = str(runs / "a" / "model.safetensors"), "default"
    session.resumable = runs / "b"
    wanted = [runs / "a" / "model.safetensors", runs / "b"]
    qtbot.waitUntil(lambda: in_hand() == wanted, timeout=20_000)
    dock.desk.close()
    assert in_hand() == []


def litter() -> int:
    """Every odd file there is beside one good model and one good run; how many are odd."""
    for number, header in enumerate(HEADERS.values()):
        write_header(models_folder() / f"odd {number}.safetensors", header)
    for number, content in enumerate(RUNS.values()):
        write_run(runs_folder() / f"odd {number}", content or " ")
    (write_run(runs_folder() / "folder") / "log.jsonl").mkdir()
    write_header(models_folder() / "good.safetensors", described(GOOD))
    done = '{"event":"done","what":"train","stopped":false,"worse":false}\n'
    good = write_run(runs_folder() / "good run", run_json(created="2027-01-01T00:00:00"), done)
    write_header(good / "model.safetensors", described(GOOD))
    return len(HEADERS) + len(RUNS) + 1


def test_odd_files_do_not_speak_for_others(own_home: Path) -> None:
    odd = litter()
    found = earlier()
    assert [Path(path).name for path, _ in found.models] == [
        "model.safetensors",
        "good.safetensors",
    ]
    assert len(found.passed_over) == odd and found.resumable is None
    assert all("odd" in words or "folder" in words for words in found.passed_over)


@pytest.mark.parametrize("name", LOGS)
def test_a_run_with_an_odd_log_can_be_resumed(name: str, own_home: Path) -> None:
    run = write_run(runs_folder() / "odd", log=LOGS[name])
    found = earlier()
    assert found.resumable == run and not found.passed_over


def test_odd_files_leave_the_window_usable(window: Viewer, own_home: Path, qtbot: Any) -> None:
    odd = litter()
    dock = show_dock(window)
    session = dock.desk.session
    qtbot.waitUntil(lambda: bool(session.models), timeout=20_000)
    assert session.status.startswith("Passed over: ") and f"and {odd - 1} others" in session.status
    window.add_image(np.zeros((64, 64), np.uint8))
    predict = dock.findChild(QPushButton, "unet_predict")
    qtbot.waitUntil(predict.isEnabled, timeout=20_000)
    tips = [box.toolTip() for box in dock.findChildren(QComboBox)]
    assert any("odd 3.safetensors" in tip for tip in tips)
    dock.desk.close()
