"""What every benchmark prints and writes down: the machine, figures, and whether they hold."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Figure:
    """One measured value; `holds` is None where nothing was wanted of it."""

    name: str
    value: float | None
    unit: str
    wanted: str = ""
    holds: bool | None = None
    note: str = ""


@dataclass
class Sheet:
    """A benchmark's figures, printed as they come."""

    name: str
    title: str = ""
    figures: list[Figure] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def heading(self, title: str) -> None:
        self.title = title
        print(f"\n{self.name}: {title}\n{processor()}, {os.cpu_count()} cores, ", end="")
        print(f"load {self.load:.1f}", flush=True)

    def figure(
        self,
        name: str,
        value: float,
        unit: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """Write down a value, and what was wanted of it."""
        wanted, holds = "", None
        if at_most is not None:
            wanted, holds = f"at most {at_most:g}", value <= at_most
        elif at_least is not None:
            wanted, holds = f"at least {at_least:g}", value >= at_least
        self._add(Figure(name, value, unit, wanted, holds, note))

    def failed(self, name: str, why: str) -> None:
        """A peer that could not run: shown as failed, never as 0."""
        self._add(Figure(name, None, "", "", None, f"failed: {why}"))

    def say(self, words: str) -> None:
        """A sentence that belongs to the figures."""
        self.words.append(words)
        print(f"  {words}", flush=True)

    def _add(self, figure: Figure) -> None:
        self.figures.append(figure)
        value = "failed" if figure.value is None else f"{figure.value:.4g} {figure.unit}".strip()
        verdict = {None: "", True: "  holds", False: "  DOES NOT HOLD"}[figure.holds]
        wanted = f"  ({figure.wanted})" if figure.wanted else ""
        note = f"  {figure.note}" if figure.note else ""
        print(f"  {figure.name:44s}{value:>16s}{wanted}{verdict}{note}", flush=True)


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    import torch

    from napari_unet.core.device import device_words, find_device

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device_words(find_device("auto")),
    }


def processor() -> str:
    """The processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """The installed version of a peer, None = it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def median_seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median wall time of `times` calls, after one that does not count."""
    return in_turn({"": work}, times)[""]


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
