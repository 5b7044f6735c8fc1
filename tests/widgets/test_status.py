"""The status line is about what is in hand, and names what was found with what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from safetensors.numpy import save_file

from napari_unet import layers
from napari_unet.core.presets import preset
from napari_unet.core.settings import ModelConfig, to_dict
from napari_unet.files.model_file import KEY
from napari_unet.models import PRETRAINED
from napari_unet.widgets import predicting

from .conftest import done
from .test_meanwhile import Gate

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
ACCEPT = "Accept what is right into your labels, correct the rest, and fine-tune."


@pytest.fixture
def general(dock: Any, shipped: Path) -> None:
    """There is the model that ships, and no other."""
    path = shipped / "default.safetensors"
    config = ModelConfig(preset("default").network, "instances", ())
    described = json.dumps(to_dict(config))
    save_file({"w": np.zeros(1, np.float32)}, path, metadata={KEY: described})
    dock.desk.session.models = ((str(path), PRETRAINED),)


def test_what_is_found_untrained_is_to_be_accepted(
    window: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs, general: None
) -> None:
    session = dock.desk.session
    window.add_image(discs[0], name="cells")
    assert session.status.startswith(f"Press “Predict” to see what the {PRETRAINED} finds")
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
    assert session.status == f"Found 30 cells with the {PRETRAINED}. {ACCEPT}"
    press("unet_accept")
    qtbot.waitUntil(lambda: session.accepted)
    assert session.status.startswith("30 cells added")
    qtbot.waitUntil(lambda: session.annotated.cells == 30)
    assert "Accept" not in session.status.removeprefix("30 cells added to your labels")
    # another image is opened, then none is left
    window.add_image(discs[0][::-1], name="other")
    dock.desk.annotating.turn_to(layers.key(window.layers["other"]))
    assert session.status.startswith("Press “Predict” to see")
    window.layers.clear()
    assert session.status.startswith("Open an image")


def test_a_result_goes_with_its_layer(trained: Viewer, dock: Any) -> None:
    session, (image,) = dock.desk.session, layers.images(trained)
    assert session.status.startswith("Found 30 cells with “cells · ")
    trained.layers.remove(layers.partner(trained, image, "prediction"))
    assert not session.predicted and session.status == "Press “Predict” to see the cells it finds."


def test_the_first_cell_is_answered_by_what_to_do_with_it(
    window: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs, general: None
) -> None:
    session, counting = dock.desk.session, dock.desk.annotating.counting
    window.add_image(discs[0], name="cells")
    press("unet_new_cell")
    first = session.status
    assert first.startswith("Cell 1: paint it")
    with qtbot.waitSignal(counting.counted):
        counting.soon()
    assert session.status == first
    (image,) = layers.images(window)
    layers.partner(window, image, "labels").data = np.where(discs[1] <= 3, discs[1], 0)
    qtbot.waitUntil(lambda: session.annotated.cells == 3)
    assert "Fine-tune" in session.status and "Predict" not in session.status


def test_the_size_of_the_cells_stays_in_the_result(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, gate = dock.desk.session, Gate(predicting.final)
    monkeypatch.setattr(predicting, "final", gate)
    press("unet_predict")
    qtbot.waitUntil(gate.reached.is_set)
    words = "the cells look about 24 px across"
    dock.desk._on_message({"event": "warning", "what": "predict", "words": words})
    gate.opened.set()
    qtbot.waitUntil(lambda: done(dock))
    assert "The cells look about 24 px across." in session.status


def test_cells_of_a_stack_are_counted_by_slice(
    window: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs, general: None
) -> None:
    session = dock.desk.session
    window.add_image(np.stack([discs[0]] * 3), name="stack")
    session.all_slices = True
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
    assert session.status.startswith("Found 90 cells in 3 slices with")
