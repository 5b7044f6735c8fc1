"""The worker: ``python -u -m napari_unet.runs.worker``.

Reads commands on stdin, one a line, and prints JSON lines on stdout; the protocol stands in
docs/architecture.md. End of stdin means that the parent has died.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from napari_unet.core.errors import BadInput

from .messages import Message, encode, failed

NICENESS = 10  # the window's strokes come first
GRACE = 1.5  # seconds that a step may take to end by itself after "stop"


class Channel:
    """Prints messages; whatever else is printed in this process goes to stderr."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, message: Message) -> None:
        with self._lock:
            self._out.write(encode(message) + "\n")
            self._out.flush()


class Worker:
    """Takes commands in the order given; "stop" and "quit" do not wait for their turn."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.commands: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.leaving = threading.Event()
        self._running: tuple[str, str] | None = None
        self._last: Message = {}
        self._lock = threading.Lock()

    def listen(self, lines: Iterator[str]) -> None:
        """Read commands until the parent is gone."""
        for line in lines:
            verb, _, path = line.rstrip("\n").partition(" ")
            if verb == "stop":
                self._stop()
            elif verb == "quit":
                break
            elif verb:
                self.commands.put((verb, path))
        self.leaving.set()
        self._stop()
        self.commands.put(("quit", ""))

    def work(self) -> None:
        """Do one command after the other."""
        while (command := self.commands.get())[0] != "quit":
            with self._lock:
                self._running = command
                self.stopping.clear()
            if self.leaving.is_set():
                return
            self._do(*command)
            with self._lock:
                self._running = None

    def _do(self, verb: str, path: str) -> None:
        from .predict import predict_job
        from .train import train_run

        jobs = {"train": train_run, "predict": predict_job}
        if verb not in jobs:
            self.channel.say(failed(verb, path, f"unknown command {verb!r}"))
            return
        try:
            for message in jobs[verb](Path(path), self.stopping.is_set):
                self.channel.say(message)
        except BadInput as error:
            self.channel.say(failed(verb, path, str(error)))
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            # a full disk, a lost GPU, no memory: the window must hear of it, and goes on
            self.channel.say(failed(verb, path, f"{verb} failed: {type(error).__name__}: {error}"))
            print(f"{type(error).__name__}: {error}", file=sys.stderr)

    def _stop(self) -> None:
        with self._lock:
            running = self._running
            if running is None:
                return
            self.stopping.set()
        timer = threading.Timer(GRACE, self._end_now, [running])
        timer.daemon = True
        timer.start()

    def _end_now(self, command: tuple[str, str]) -> None:
        """A step takes too long: what was saved last is the result, and the process ends."""
        with self._lock:
            if self._running is not command or not self.stopping.is_set():
                return
            if command[0] == "train":
                self.channel.say(_stopped(Path(command[1])))
            else:
                self.channel.say(
                    {
                        "event": "done",
                        "what": command[0],
                        "path": command[1],
                        "stopped": True,
                        "seconds": GRACE,
                    }
                )
            os._exit(0)


def _stopped(path: Path) -> Message:
    from .folder import RunFolder

    run = RunFolder(path)
    scored = [m for m in run.messages() if m["event"] == "held-out"]
    after = scored[-1]["score"] if scored else None
    message: Message = {
        "event": "done",
        "what": "train",
        "path": str(path),
        "model": str(run.model),
        "stopped": True,
        "before": None,
        "after": after,
        "worse": False,
        "words": "Stopped: the best model saved so far is the result.",
    }
    run.say(message)
    return message


def main() -> None:
    """Say ready, then work until told to quit."""
    lower_priority()
    worker = Worker(Channel())
    threading.Thread(target=worker.listen, args=[iter(sys.stdin.readline, "")], daemon=True).start()
    from napari_unet.core.device import device_words, find_device, has_bfloat16

    device = find_device("auto")
    worker.channel.say(
        {
            "event": "ready",
            "pid": os.getpid(),
            "device": str(device),
            "precision": "bf16" if has_bfloat16(device) else "fp32",
            "words": device_words(device),
        }
    )
    worker.work()


def lower_priority() -> None:
    """Give the window the right of way."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    else:
        import ctypes

        windll = ctypes.windll  # type: ignore[attr-defined]
        windll.kernel32.SetPriorityClass(
            windll.kernel32.GetCurrentProcess(), 0x4000
        )  # below normal


if __name__ == "__main__":
    main()
