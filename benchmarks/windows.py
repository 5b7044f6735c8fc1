"""What the benchmarks of the window share: a real viewer, and how late its event loop is."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, QTimer


def own_home() -> tempfile.TemporaryDirectory[str]:
    """Runs and models of a benchmark go to a folder of its own."""
    place = tempfile.TemporaryDirectory()
    os.environ["NAPARI_UNET_HOME"] = place.name
    return place


def new_viewer() -> Any:
    """A napari window that is really shown."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1400, 900)
    rest(0.5)
    return viewer


def rest(seconds: float) -> None:
    """Let the event loop run, as it does by itself: asleep while nothing happens."""
    loop = QEventLoop()
    QTimer.singleShot(max(round(1000 * seconds), 0), loop.quit)
    loop.exec()


def wait_for(there: Callable[[], object], timeout: float = 60.0) -> None:
    until = time.perf_counter() + timeout
    while not there():
        if time.perf_counter() > until:
            raise TimeoutError
        rest(0.01)


class Lateness:
    """How late a 10 ms timer is, in ms, while the `with` block runs."""

    def __enter__(self) -> Lateness:
        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(1000 * (now - self._last) - 10)
        self._last = now

    def p95(self) -> float:
        return float(np.percentile(self.late, 95))


class Bot:
    """The part of pytest-qt's robot that the strokes of the tests need."""

    def wait(self, milliseconds: float) -> None:
        rest(milliseconds / 1000)
