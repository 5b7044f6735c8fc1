"""While the window is hard at work, the worker waits between its steps.

Even a process of the idle class slows a painted stroke down: both want the same memory and caches,
and a machine that draws its canvas without a graphics card has no core left over. Where drawing is
cheap this never says a word. Nor where the loop is late because other programs have the cores: to
hold the worker would help nobody, and it would crawl at a step in seconds for as long as they run.
"""

from __future__ import annotations

import time

from qtpy.QtCore import QObject, Qt, QTimer

from .child import Child

EVERY = 20  # ms
LOOK = 0.3  # seconds over which the event loop's work is summed up
BUSY = 0.6  # share of them; plots and growing overlays stay below
OWN = 0.5  # share of that which this process must have computed itself, in whatever thread
WAIT = 0.6  # seconds that the worker is asked to wait, said anew while the window stays busy


class RightOfWay(QObject):
    """Measures how late a timer of the event loop is while the worker has something to do."""

    def __init__(self, child: Child, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._child = child
        self._last = self._began = 0.0
        self._late = self._spent = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self._tick)
        child.work_began.connect(self._start)

    def _start(self) -> None:
        self._last = self._began = time.perf_counter()
        self._late, self._spent = 0.0, time.process_time()
        self._timer.start()

    def _tick(self) -> None:
        if not self._child.busy:
            self._timer.stop()
            return
        now = time.perf_counter()
        self._late += max(now - self._last - EVERY / 1000, 0.0)
        self._last = now
        if now - self._began < LOOK:
            return
        spent = time.process_time()
        own = spent - self._spent >= OWN * self._late
        if own and self._late > BUSY * (now - self._began):
            self._child.wait(WAIT)
        self._began, self._late, self._spent = now, 0.0, spent
