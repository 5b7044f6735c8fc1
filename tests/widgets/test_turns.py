"""Long work of the window's thread is done in turns: a prediction is drawn as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer

from napari_unet import layers
from napari_unet.layers import writing
from napari_unet.widgets import turns
from napari_unet.widgets.predicted import final

from .conftest import done
from .test_drawing import Heard, right


def test_turns_go_on_until_there_is_no_more(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "AT_ONCE", 0)
    left, ended = list(range(5)), []

    def go_on() -> bool:
        left.pop()
        return bool(left)

    turns.in_turns(go_on, lambda: ended.append(len(left)))
    assert left  # the window has its turn in between
    qtbot.waitUntil(lambda: bool(ended))
    assert ended == [0]


def test_a_turn_that_raises_is_the_last(qtbot: Any) -> None:
    ended = []

    def go_on() -> bool:
        raise ValueError

    with pytest.raises(ValueError):
        turns.in_turns(go_on, lambda: ended.append(True))
    assert ended == [True]


def test_a_prediction_is_drawn_in_turns(
    trained: Viewer,
    dock: Any,
    press: Callable[[str], None],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Again over an earlier one: every tile, then the cells; as a whole never."""
    monkeypatch.setattr(turns, "AT_ONCE", 0)
    monkeypatch.setattr(writing, "PORTION", 6000)
    image = layers.images(trained)[0]
    layer = layers.prediction_layer(trained, image)
    layer.data[:] = 77
    layer.refresh()
    qtbot.wait(50)
    heard = Heard(layer)
    said: list[str] = []
    dock.desk.session.events.status.connect(said.append)
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock), timeout=60_000)
    assert "Drawing the cells…" in said
    assert any("finding the cells" in words for words in said)
    assert heard.whole == 0
    assert len(heard.parts) > 20
    stored = dock.desk.predicting._filtering._in_hand()
    np.testing.assert_array_equal(layer.data, final(stored)[0])
    assert right(layer)
    dock.desk.filtering.choose_min_size(500)
    qtbot.waitUntil(lambda: "from 500 px on" in dock.desk.session.status, timeout=60_000)
    sizes = np.bincount(layer.data.ravel())[1:]
    assert (sizes[sizes > 0] >= 500).all()
    assert heard.whole == 0
    assert right(layer)
