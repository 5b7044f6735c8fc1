"""Widgets that follow the session, for as long as they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_unet.session import Session


def follow(
    widget: QWidget, session: Session, names: Iterable[str], show: Callable[..., Any]
) -> None:
    """Call `show` whenever one of these fields changes, until Qt has deleted the widget."""
    signals = [getattr(session.events, name) for name in names]
    for signal in signals:
        signal.connect(show)

    def let_go() -> None:
        for signal in signals:
            signal.disconnect(show, missing_ok=True)

    widget.destroyed.connect(let_go)
