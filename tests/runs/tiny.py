"""A run that trains in a moment, and a worker to talk to."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation import Pair
from napari_unet.core.settings import TrainOptions
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.messages import Message, parse
from tests.core.discs import touching_discs
from tests.forked import Forked, ForkServer

from .brief_worker import FEW

FORKED = Path(__file__).with_name("brief_worker.py")
NARROW = {"width": 4, "depth": 2}
SMALL = {"tile": 64, "batch": 2}
START = 600.0  # seconds that a worker may take to begin where other programs fill every core


def disc_pair(name: str = "discs", side: int = 96, seed: int = 0) -> Pair:
    image, labels = touching_discs(seed, side, pairs=6)
    return Pair(name, image, labels, None, "YX")


def tiny_run(
    path: Path,
    *,
    pairs: list[Pair] | None = None,
    network: dict[str, Any] = NARROW,
    fit: dict[str, Any] = SMALL,
    augment: dict[str, Any] | None = None,
    **options: Any,
) -> RunFolder:
    """A run folder whose settings were made small after it was written."""
    chosen = TrainOptions(**{"base": "none", "device": "cpu", "held_out": 0.0, **options})
    run = create_run(path, pairs or [disc_pair()], chosen)
    info = run.info
    info["settings"]["network"].update(network)
    info["settings"]["fit"].update(fit)
    info["settings"]["augment"].update(augment or {})
    (path / "run.json").write_text(json.dumps(info))
    return run


def rgb(image: np.ndarray) -> np.ndarray:
    """(Y, X) floats to (Y, X, 3) bytes."""
    grey = np.clip(255 * (0.2 + 0.6 * image), 0, 255)
    return np.dstack([grey, 0.7 * grey, 255 - grey]).astype(np.uint8)


def losses(run: RunFolder) -> dict[int, float]:
    """Loss by step; a step that was said twice fails the test."""
    steps = [(m["step"], m["loss"]) for m in run.messages() if m["event"] == "step"]
    assert len(dict(steps)) == len(steps), "a step stands in the log twice"
    return dict(steps)


def wait_for(condition: Callable[[], bool], timeout: float = START) -> None:
    """Until it holds; the timeout is for a machine that is busy with other things."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def worker_of(grace: float | None) -> list[str]:
    """The command of a worker that gives a step so many seconds to end by itself."""
    own = "" if grace is None else f"worker.GRACE = worker.ALONE = {grace}; "
    brief = f"from napari_unet.runs import scoring, worker; scoring.BATCHES.update({FEW}); "
    code = f"{brief}{own}worker.main()"
    return [sys.executable, "-u", "-c", code]


def started(
    grace: float | None = START, forks: ForkServer | None = None, stderr: int | None = None
) -> subprocess.Popen[str] | Forked:
    """A worker process.

    `grace`: seconds that a step has to end by itself after a stop; None = as in earnest, which on
    a busy machine is too short for any. `forks`: begin as a fork, without three seconds of imports.
    """
    if forks:
        how = {} if grace is None else {"WORKER_GRACE": str(grace)}
        return forks.start(FORKED, stderr, **how)
    return subprocess.Popen(
        worker_of(grace),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
    )


class Talk:
    """A worker process, as its parent sees it; begun as `started` says."""

    def __init__(self, grace: float | None = START, forks: ForkServer | None = None) -> None:
        self.process = started(grace, forks)
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.heard: list[Message] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def say(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def until(self, wanted: str | Callable[[Message], bool], timeout: float = START) -> Message:
        """The next message of this kind; each line before it must be a message, too."""
        deadline = time.monotonic() + timeout
        while True:
            line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            assert line is not None, f"the worker left; last heard: {self.heard[-3:]}"
            message = parse(line)
            assert message is not None, f"no message: {line!r}"
            self.heard.append(message)
            assert message["event"] != "failed" or wanted != "done", message["words"]
            if message["event"] == wanted or (callable(wanted) and wanted(message)):
                return message

    def end_of_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self, timeout: float = START) -> int:
        return self.process.wait(timeout)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


class Ear:
    """What a worker in this process says."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def say(self, message: Message) -> None:
        self.heard.append(message)
