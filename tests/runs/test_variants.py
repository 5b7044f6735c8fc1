"""Each network variant trains, saves, loads and predicts; narrow, so that it is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.api import load_model
from napari_unet.runs.train import train_run

from .tiny import disc_pair, losses, tiny_run

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "paper": ("paper", {}),
    "fiji": ("fiji", {}),
    "default": ("default", {}),
    "valid, batch norm": ("default", {"padding": "valid"}),
    "same, no norm": ("default", {"norm": None}),
    "valid, bilinear": ("default", {"padding": "valid", "up": "bilinear"}),
    "same, bilinear": ("default", {"up": "bilinear"}),
    "dropout at the end": ("default", {"dropout": 0.5, "dropout_at": "end"}),
    "dropout between": ("default", {"dropout": 0.3, "dropout_at": "between"}),
}
IMAGE = np.asarray(disc_pair(side=100).image)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_trains_saves_loads_and_predicts(name: str, tmp_path: Path) -> None:
    preset, network = VARIANTS[name]
    whole = preset in ("paper", "fiji")  # all of it but the width
    run = tiny_run(
        tmp_path / "run",
        preset=preset,
        network={"width": 4, **({} if whole else {"depth": 2}), **network},
        fit={"tile": 188 if whole else 64, "batch": 1},
        steps=12,
        held_out=0.2,
    )
    messages = list(train_run(run.path))
    assert messages[-1]["event"] == "done" and len(losses(run)) == 12
    assert np.isfinite(list(losses(run).values())).all()
    model = load_model(run.model)
    assert model.config.network == run.settings.network
    probability = model.predict(IMAGE)
    assert probability.shape == IMAGE.shape and np.isfinite(probability).all()
    assert probability.std() > 0
    model.save(tmp_path / "again.safetensors")
    assert np.array_equal(load_model(tmp_path / "again.safetensors").predict(IMAGE), probability)
    assert model.segment(IMAGE).dtype == np.int32
