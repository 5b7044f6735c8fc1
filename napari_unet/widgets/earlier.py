"""What earlier sessions have left: their models, and a broken-off training to go on with."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

from napari_unet.advice import pass_over
from napari_unet.session import Session

from . import modelling
from .background import in_thread


class EarlierSessions(QObject):
    """Looks for them when it is made, and again while another process is at such a training."""

    def __init__(self, session: Session, failed: Callable[[str], None], parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._failed = session, failed
        self.again = QTimer(self)
        self.again.setSingleShot(True)
        self.again.timeout.connect(self._look)
        self._look()

    def close(self) -> None:
        """The window closes: nobody asks any more."""
        self.again.stop()

    def _look(self) -> None:
        in_thread(modelling.earlier, self._on_found, self._failed)

    def _on_found(self, found: modelling.Earlier) -> None:
        session = self._session
        there = {key for key, _ in session.models}
        session.models = (*session.models, *(c for c in found.models if c[0] not in there))
        pass_over(session, found.passed_over)
        if session.job or session.resumable is not None or found.resumable is None:
            return
        if found.look_again:
            self.again.start(round(1000 * found.look_again) + 100)
            return
        session.resumable_words = found.words
        session.resumable = found.resumable
