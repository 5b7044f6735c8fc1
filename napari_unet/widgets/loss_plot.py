"""The live curve: loss on the left axis, held-out score on the right."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_unet.session import Session

from .following import follow
from .shades import shades

SMOOTHING = 0.95  # of the bold line; the pale one is every step
PERIOD = 200  # ms between two redraws
LEAST = 5  # steps that are on show, however few there are


class LossPlot(pyqtgraph.PlotWidget):
    """Draws the session's curve, at most five times a second."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self._session = session
        self._pale, self._bold = self.plot(), self.plot()
        self._axes()
        self._right = self._second_axis()
        self._dots = pyqtgraph.PlotDataItem(symbol="o", symbolSize=6)
        self._right.addItem(self._dots)
        self._colour()
        follow(self, session, ("theme",), self._colour)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(PERIOD)
        self._redraw.timeout.connect(self._draw)
        follow(self, session, ("curve",), self._later)
        self._draw()

    def _axes(self) -> None:
        item = self.getPlotItem()
        item.setLimits(xMin=0, yMin=0, minXRange=LEAST)  # there is no step, and no loss, below 0
        item.layout.setContentsMargins(0, 8, 0, 8)  # else the topmost number is cut
        item.getAxis("left").setWidth(46)
        item.getAxis("bottom").enableAutoSIPrefix(False)
        item.getAxis("left").enableAutoSIPrefix(False)

    def _second_axis(self) -> pyqtgraph.ViewBox:
        item = self.getPlotItem()
        box = pyqtgraph.ViewBox(enableMenu=False)
        item.showAxis("right")
        item.scene().addItem(box)
        item.getAxis("right").linkToView(box)
        item.getAxis("right").enableAutoSIPrefix(False)
        box.setXLink(item)
        box.setYRange(0, 1, padding=0.05)
        box.setMouseEnabled(False, False)
        item.vb.sigResized.connect(lambda: box.setGeometry(item.vb.sceneBoundingRect()))
        return box

    def _colour(self) -> None:
        """In napari's theme: both curves, and the numbers at the axes, are to be read."""
        of, item = shades(self._session.theme), self.getPlotItem()
        self._pale.setPen(pyqtgraph.mkPen(of.loss + "50", width=1))
        self._bold.setPen(pyqtgraph.mkPen(of.loss, width=2))
        self._dots.setPen(pyqtgraph.mkPen(of.score, width=2))
        self._dots.setSymbolBrush(of.score)
        named = (
            ("left", "loss", of.loss),
            ("right", "score", of.score),
            ("bottom", "step", of.note),
        )
        for side, words, colour in named:
            item.setLabel(side, words, color=colour)
            item.getAxis(side).setTextPen(of.note)
            item.getAxis(side).setPen(of.note)

    def _later(self) -> None:
        if not self._redraw.isActive():
            self._redraw.start()

    def _draw(self) -> None:
        losses = np.array(self._session.losses, float).reshape(-1, 2)
        scores = np.array(self._session.scores, float).reshape(-1, 2)
        self._pale.setData(losses[:, 0], losses[:, 1])
        self._bold.setData(losses[:, 0], smooth(losses[:, 1]))
        self._dots.setData(scores[:, 0], scores[:, 1])


def smooth(values: np.ndarray) -> np.ndarray:
    """A running average that forgets; unbiased from the first value on."""
    out = np.empty_like(values)
    total = weight = 0.0
    for i, value in enumerate(values):
        total = SMOOTHING * total + value
        weight = SMOOTHING * weight + 1
        out[i] = total / weight
    return out
