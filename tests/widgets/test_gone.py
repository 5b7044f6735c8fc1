"""What is under way for an image that is taken away. No window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.session import Session
from napari_unet.widgets import background, filtering
from napari_unet.widgets.filtering import Filtering
from napari_unet.widgets.predicted import Stored


def test_a_filter_that_was_moved_is_forgotten(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files go before they are read."""
    asked: list[tuple[Callable[[], Any], Callable[[str], None]]] = []
    monkeypatch.setattr(
        background, "in_thread", lambda work, done, failed: asked.append((work, failed))
    )
    monkeypatch.setattr(filtering, "in_thread", lambda work, done, failed: work())
    viewer: Any = ViewerModel()
    session, parent = Session(), QObject()
    image = viewer.add_image(np.zeros((8, 8)))
    session.image = layers.key(image)
    made = Filtering(viewer, session, parent)
    job, picture = tmp_path / "job", layers.Held(image.data)
    config, axes = ModelConfig(NetworkSettings()), layers.axes(image)
    job.mkdir()
    made._stored[session.image] = Stored(
        job, image, (0,), config, tmp_path / "model", axes, (8, 8), picture
    )
    made.choose_threshold(0.7)
    made._filter()
    ((work, failed),) = asked
    viewer.layers.remove(image)
    with pytest.raises(FileNotFoundError) as error:
        work()
    failed(str(error.value))
    assert session.mood != "error"
    made.close()
