"""What every benchmark prints: its name, the machine, and rows of figures."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path


def heading(title: str, threads: int | None = None) -> None:
    """The name of a benchmark and where it runs."""
    used = f", {threads} thread{'' if threads == 1 else 's'} used" if threads else ""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"\n{title}\n{processor()}, {os.cpu_count()} cores{used}{load}", flush=True)


def processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def median_seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median wall time of `times` calls, after one that does not count."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def in_turn(ways: dict[str, Callable[[], object]], times: int = 5) -> dict[str, float]:
    """Median wall time of each way; A B A B ..., so that a busy moment hits all of them."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(times + 1):
        for name, work in ways.items():
            began = time.perf_counter()
            work()
            if turn:  # the first does not count
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}
