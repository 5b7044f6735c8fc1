"""The worker is asked to wait while the event loop is busy, and only then."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QTimer

from napari_unet.widgets.child import Child
from napari_unet.widgets.right_of_way import RightOfWay


def heard_while(child: Child, busy: int, pause: int, qtbot: Any) -> list[str]:
    """What the worker was asked while the event loop works `busy` ms and rests for `pause` ms."""
    heard: list[str] = []
    child.message.connect(lambda m: heard.append(m["words"]) if m["event"] == "waiting" else None)
    way = RightOfWay(child)
    child.send("toil 10")
    qtbot.waitUntil(lambda: child.ready, timeout=20_000)
    work = QTimer(interval=busy + pause)
    work.timeout.connect(lambda: time.sleep(busy / 1000))
    work.start()
    qtbot.wait(2000)
    work.stop()
    way.deleteLater()
    return heard


def test_a_busy_window_asks(child: Child, qtbot: Any) -> None:
    # A timer of 20 ms that comes every 100 is late for 0.8 of the time; work of 45 ms would be 0.6,
    # the very limit, and heard or not by chance.
    heard = heard_while(child, 95, 5, qtbot)
    assert len(heard) >= 2 and set(heard) == {"wait 0.6"}


def test_a_window_that_rests_does_not(child: Child, qtbot: Any) -> None:
    assert heard_while(child, 10, 40, qtbot) == []
