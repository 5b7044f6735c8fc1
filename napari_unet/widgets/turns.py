"""Work of the window's thread in turns, between which the window is the user's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from qtpy.QtCore import QTimer

from .background import safely

AT_ONCE = 0.02  # s of work, then the window is drawn
BETWEEN = 5  # ms: what waits in the event loop has its turn


def in_turns(
    go_on: Callable[[], bool],
    ended: Callable[[], None],
    failed: Callable[[str], None] | None = None,
) -> None:
    """Call `go_on` until it says that there is no more to do, then `ended`.

    The first turn is now: what takes no longer is done when this returns. Where `go_on` raises,
    there is no other turn; `ended` is called all the same. `failed` gets one sentence in place of
    what is raised.
    """
    until, more = time.perf_counter() + AT_ONCE, False
    with nullcontext() if failed is None else safely(failed):
        try:
            more = go_on()
            while more and time.perf_counter() < until:
                more = False
                more = go_on()
        finally:
            if not more:
                ended()
    if more:
        QTimer.singleShot(BETWEEN, lambda: in_turns(go_on, ended, failed))
