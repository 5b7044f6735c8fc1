"""How the threads of a computation wait for each other; to be set before torch is imported."""

from __future__ import annotations

import os


def share_cores() -> None:
    """Let waiting threads spin for a moment, then sleep.

    A training step on two cores (GNU OpenMP, median ms): machine quiet / beside a job that fills
    one core. Always asleep 385 / 455, this 285 / 750, torch's own 270 / 950, spinning ten times
    as long 250 / 2,000. Beside a window that draws for 20 ms in every 50, all but the same.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
