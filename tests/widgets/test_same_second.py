"""Trainings that two windows begin in the same second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.core.settings import TrainOptions
from napari_unet.files import atomic
from napari_unet.models import runs_folder
from napari_unet.runs.folder import open_run
from napari_unet.snapshots import Snapshot
from napari_unet.widgets import modelling
from napari_unet.widgets.trained import prepared


def test_the_later_one_takes_the_next_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, real = "trained 2026-01-01 10.00.00", atomic.move
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path))
    monkeypatch.setattr(modelling, "name_of_run", lambda: name)

    def move(source: Path, target: Path) -> None:
        if target == runs_folder() / name:  # it was free until now
            (target / "data").mkdir(parents=True)
        real(source, target)

    monkeypatch.setattr(atomic, "move", move)
    labels = np.zeros((32, 32), np.int32)
    labels[8:16, 8:16] = 1
    shot = Snapshot("cells", labels * 9.0, "YX", labels)
    made = prepared([shot], TrainOptions(base="none"), "")
    assert open_run(made).path.name == f"{name} 2"
    assert [p.name for p in (runs_folder() / name).iterdir()] == ["data"]
