"""What the status line says belongs to an image and its state: renewed when either changes."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_unet.advice import renew
from napari_unet.session import Session

FIELDS = ("image", "labels", "predicted", "accepted", "learnt", "model")  # what advice depends on


class Saying(QObject):
    """Says what to do next as soon as what was said is about something else."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        for name in FIELDS:
            getattr(session.events, name).connect(self._renew)

    def close(self) -> None:
        for name in FIELDS:
            getattr(self._session.events, name).disconnect(self._renew)

    def _renew(self) -> None:
        renew(self._session)
