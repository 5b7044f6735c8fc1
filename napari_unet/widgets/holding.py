"""What this window has selected, or can resume, is held: other windows do not prune it."""

from __future__ import annotations

from collections.abc import Callable

from napari_unet.models import InHand
from napari_unet.session import Session

from .background import in_thread


class Holding:
    """Follows the session; `failed` gets a sentence where the list cannot be written."""

    def __init__(self, session: Session, failed: Callable[[str], None]) -> None:
        self._session, self._failed, self._in_hand = session, failed, InHand()
        for field in ("model", "base", "resumable"):
            getattr(session.events, field).connect(self._on_change)

    def close(self) -> None:
        """The window is closed: it holds nothing."""
        self._in_hand.close()

    def _on_change(self) -> None:
        session = self._session
        self._in_hand.set([session.model, session.base, str(session.resumable or "")])
        in_thread(self._in_hand.write, lambda _: None, self._failed)
