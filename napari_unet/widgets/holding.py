"""What a window has selected, predicted, or can resume, is held: nobody clears it away."""

from __future__ import annotations

from collections.abc import Callable

from napari_unet.models import InHand
from napari_unet.session import Session

from .background import in_thread
from .choosing import Choosing
from .filtering import Filtering


class Holding:
    """Follows them all; `failed` gets a sentence where the list cannot be written."""

    def __init__(
        self,
        session: Session,
        choosing: Choosing,
        filtering: Filtering,
        failed: Callable[[str], None],
    ) -> None:
        self._session, self._choosing, self._filtering = session, choosing, filtering
        self._failed, self._in_hand = failed, InHand()
        choosing.chosen.connect(self._on_change)
        filtering.kept.connect(self._on_change)
        for field in ("model", "base", "resumable"):
            getattr(session.events, field).connect(self._on_change)

    def close(self) -> None:
        """The window is closed: it holds nothing."""
        self._choosing.chosen.disconnect(self._on_change)
        self._filtering.kept.disconnect(self._on_change)
        self._in_hand.close()

    def _on_change(self) -> None:
        session = self._session
        own = (session.model, session.base, str(session.resumable or ""))
        self._in_hand.set([*own, *self._choosing.models(), *self._filtering.jobs()])
        in_thread(self._in_hand.write, lambda _: None, self._failed)
