"""The worker is asked to wait while the event loop is busy, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QObject, Signal

from napari_unet.widgets import right_of_way as module
from napari_unet.widgets.child import Child
from napari_unet.widgets.right_of_way import BUSY, EVERY, WAIT, RightOfWay


class Clock:
    """Shows what it is set to."""

    now = spent = 0.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.spent


class Toiler(QObject):
    """A worker that notes what it is asked."""

    work_began = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.heard = True, list[float]()

    def wait(self, seconds: float) -> None:
        self.heard.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def heard_while(toiler: Toiler, late: float, clock: Clock, own: float = 1.0) -> list[float]:
    """What the worker was asked within 2 s in which the timer is late for a share of the time.

    `own` is the share of the lateness that the window's process has computed.
    """
    way = RightOfWay(toiler)  # type: ignore[arg-type]
    toiler.work_began.emit()
    way._timer.stop()  # the test ticks in its place
    while clock.now < 2:
        took = EVERY / 1000 / (1 - late)
        clock.now += took
        clock.spent += own * late * took
        way._tick()
    way.deleteLater()
    return toiler.heard


def test_a_busy_window_asks(clock: Clock, qtbot: Any) -> None:
    heard = heard_while(Toiler(), BUSY + 0.1, clock)
    assert len(heard) >= 4 and set(heard) == {WAIT}


def test_a_window_that_rests_does_not(clock: Clock, qtbot: Any) -> None:
    assert heard_while(Toiler(), BUSY - 0.1, clock) == []


def test_a_window_that_other_programs_keep_from_the_cores_does_not(
    clock: Clock, qtbot: Any
) -> None:
    assert heard_while(Toiler(), BUSY + 0.3, clock, own=0.05) == []


def test_it_looks_no_longer_once_the_work_is_done(clock: Clock, qtbot: Any) -> None:
    toiler = Toiler()
    toiler.busy = False
    assert heard_while(toiler, BUSY + 0.1, clock) == []


def test_the_worker_hears_it(child: Child, qtbot: Any) -> None:
    child.send("toil 1000")
    qtbot.waitUntil(lambda: child.ready, timeout=60_000)
    waiting = {"event": "waiting", "words": f"wait {WAIT}"}
    with qtbot.waitSignal(child.message, check_params_cb=waiting.__eq__, timeout=60_000):
        child.wait(WAIT)
