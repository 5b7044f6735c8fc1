"""The live curve shows what there is, and nothing that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from napari_unet.session import Session
from napari_unet.widgets.loss_plot import LossPlot

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("losses", [[(1, 0.7)], [(1, 0.7), (2, 0.7)], [(1, 2.0), (40, 1e-6)]])
def test_no_step_and_no_loss_below_zero(losses: list[tuple[int, float]], qtbot: Any) -> None:
    session = Session()
    session.losses = tuple(losses)
    plot = LossPlot(session)
    qtbot.addWidget(plot)
    plot.getPlotItem().vb.updateAutoRange()
    (left, right), (low, high) = plot.getPlotItem().vb.viewRange()
    assert left >= 0 and low >= 0
    assert right >= losses[-1][0] and high >= losses[0][1]
