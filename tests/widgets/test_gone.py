"""What is under way for an image that is taken away, or a window that closes. No window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.session import Session
from napari_unet.widgets import background, filtering, growing
from napari_unet.widgets.child import Child
from napari_unet.widgets.filtering import Filtering
from napari_unet.widgets.predicted import Stored, Tile
from napari_unet.widgets.predicting import Predicting

Asked = list[tuple[Callable[[], Any], Callable[[str], None]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What is to be done in threads, with what hears of errors; it is not done."""
    made: Asked = []
    for module in (background, growing):
        monkeypatch.setattr(
            module, "in_thread", lambda work, done, failed: made.append((work, failed))
        )
    monkeypatch.setattr(filtering, "in_thread", lambda work, done, failed: work())
    return made


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """A prediction of a small image, of whose files there is only the folder."""
    image = Image(np.zeros((8, 8)))
    job, picture = tmp_path / "job", layers.Held(image.data)
    config, axes = ModelConfig(NetworkSettings()), layers.axes(image)
    job.mkdir()
    return Stored(job, image, (0,), config, tmp_path / "model", axes, (8, 8), picture)


def test_tiles_are_not_read_once_the_window_is_closed(
    qtbot: Any, asked: Asked, stored: Stored
) -> None:
    viewer: Any = ViewerModel()
    session, parent = Session(), QObject()
    made = Filtering(viewer, session, parent)
    predicting = Predicting(viewer, session, Child(parent), made, parent)
    predicting._running = stored
    predicting._growing.begin(stored, 0.5)
    predicting._growing.add(Tile(0, (0, 8, 0, 8)))
    ((work, _),) = asked
    predicting.close()
    assert work() == []
    made.close()


def filtered(stored: Stored, parent: QObject) -> Filtering:
    """In a viewer of one image with a prediction, whose filter has just been moved."""
    viewer: Any = ViewerModel()
    session = Session()
    viewer.add_layer(stored.image)
    session.image = layers.key(stored.image)
    made = Filtering(viewer, session, parent)
    made._stored[session.image] = stored
    made.choose_threshold(0.7)
    made._filter()
    return made


@pytest.mark.parametrize("closed", [True, False])
def test_a_filter_that_was_moved_is_forgotten(
    closed: bool, qtbot: Any, asked: Asked, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files go while they are read, with the image or with the window: no error for the log."""
    parent = QObject()
    made = filtered(stored, parent)
    ((work, _),) = asked

    def read(*_: Any) -> None:
        made.close() if closed else made._viewer.layers.remove(stored.image)
        assert not stored.job.exists()
        raise FileNotFoundError

    monkeypatch.setattr(filtering, "relabelled", read)
    assert work() is None
    assert made._session.mood != "error"


def test_a_filter_that_cannot_act_says_so(qtbot: Any, asked: Asked, stored: Stored) -> None:
    """Somebody has taken its files away, and the image is still there."""
    parent = QObject()
    made = filtered(stored, parent)
    session = made._session
    ((work, failed),) = asked
    with pytest.raises(FileNotFoundError):
        work()
    failed("gone")
    assert (session.mood, session.status) == ("error", "Gone.")
    made.close()
