"""An image layer that is given another picture: what was found in the earlier one is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer

from napari_unet import layers
from napari_unet.widgets import predicting

from .conftest import done, partner
from .test_meanwhile import Gate

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("fake_worker")]

Press = Callable[[str], None]


def test_cells_of_the_earlier_picture_are_not_accepted(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session, image = dock.desk.session, layers.images(trained)[0]
    before = np.array(partner(trained, "labels").data)
    dock.desk.filtering.show_probability(True)
    qtbot.waitUntil(lambda: partner(trained, "probability") is not None)
    image.data = np.array(image.data[::-1])
    assert not session.predicted and not session.filterable
    assert not partner(trained, "prediction").data.any()
    assert not partner(trained, "probability").visible
    assert "is another picture now: press “Predict” again" in session.status
    dock.desk.accepting.accept()
    np.testing.assert_array_equal(partner(trained, "labels").data, before)
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
    press("unet_accept")
    qtbot.waitUntil(lambda: "added to your labels" in session.status)


def test_a_picture_that_is_told_again_keeps_its_cells(trained: Viewer, dock: Any) -> None:
    image = layers.images(trained)[0]
    image.data = image.data
    assert dock.desk.session.predicted and partner(trained, "prediction").data.any()


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_picture_that_is_exchanged_in_the_middle_of_its_prediction(
    first: bool,
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, image = dock.desk.session, layers.images(trained)[0]
    if first:
        trained.layers.remove(partner(trained, "prediction"))
        dock.desk.filtering._drop(layers.key(image))
    gate = Gate(predicting.final)
    monkeypatch.setattr(predicting, "final", gate)
    press("unet_predict")
    qtbot.waitUntil(gate.reached.is_set)
    image.data = np.array(image.data[::-1])
    gate.opened.set()
    qtbot.waitUntil(lambda: not session.job)
    assert "is another picture" in session.status and not session.predicted
    assert not partner(trained, "prediction").data.any()
    monkeypatch.undo()
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock))
