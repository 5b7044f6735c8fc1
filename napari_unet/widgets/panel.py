"""What the four parts of the dock have in common."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_unet.session import Session


class Panel(QWidget):
    """Shows the session and emits wishes; it does nothing itself."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._build()
        self._connect()
        self._show()

    def _build(self) -> None:
        """Make the controls."""
        raise NotImplementedError

    def _connect(self) -> None:
        """Controls to wishes, the session's fields to :meth:`_show`."""
        raise NotImplementedError

    def _show(self) -> None:
        """Bring every control to what the session says."""
        raise NotImplementedError
