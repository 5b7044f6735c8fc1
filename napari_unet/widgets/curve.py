"""The place of the live curve: empty until what draws it is loaded."""

from __future__ import annotations

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.session import Session

from .following import follow

HEIGHT = 130  # px


class Curve(QWidget):
    """Holds the plot; pyqtgraph takes longer to load than the rest of the dock to open."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("unet_loss_plot")
        self.setFixedHeight(HEIGHT)
        self._session = session
        self._filled = False
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        follow(self, session, ("warm", "curve"), self._fill)
        if session.warm:
            self._fill()

    def _fill(self) -> None:
        if self._filled:
            return
        from .loss_plot import LossPlot

        self._filled = True
        self.layout().addWidget(LossPlot(self._session))
