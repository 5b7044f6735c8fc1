"""The status line: what is going on, and what to do next."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar, QSizePolicy, QWidget

from napari_unet.session import Session

from . import look
from .following import follow

STEPS = 1000  # resolution of the progress bar


class StatusPanel(QWidget):
    """Says what goes on and what to do next, with the progress of a running job."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.words = look.words()
        self.words.setObjectName("unet_status")
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.bar = QProgressBar()
        self.bar.setObjectName("unet_progress")
        self.bar.setRange(0, STEPS)
        self.bar.setTextVisible(True)
        self.bar.setFixedHeight(18)
        look.column(self, self.words, self.bar)
        follow(self, session, ("status", "mood"), self._show_words)
        follow(self, session, ("progress",), self._show_progress)
        self._show_words()
        self._show_progress()

    def _show_words(self) -> None:
        self.words.setText(self._session.status)
        look.restyle(self.words, "mood", self._session.mood)

    def _show_progress(self) -> None:
        progress = self._session.progress
        self.bar.setVisible(progress is not None)
        if progress is None:
            return
        self.bar.setUpdatesEnabled(False)  # else Qt draws at once, and the canvas with it
        # no moving bar while nobody knows: each of its frames draws the canvas anew, which
        # without a graphics card takes a core from the worker
        self.bar.setValue(round((progress.share or 0.0) * STEPS))
        self.bar.setFormat(progress.words or "getting ready…")
        self.bar.setUpdatesEnabled(True)
