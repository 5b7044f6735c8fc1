"""The worker: ``python -u -m napari_unet.runs.worker``.

Reads commands on stdin, one a line, and prints JSON lines on stdout; the protocol stands in
docs/architecture.md. End of stdin means that the parent has died.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from napari_unet.core.errors import BadInput
from napari_unet.core.threads import share_cores

from .messages import Message, encode, failed

NICENESS = 10  # where there is no idle class
GRACE = 1.5  # seconds that a step may take to end by itself after "stop"
PATIENCE = 5.0  # seconds after which a step is taken, however much the window has to do


@dataclass(eq=False)
class Command:
    """One line from the parent that asks for work."""

    verb: str
    path: str
    stopped: threading.Event = field(default_factory=threading.Event)


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
    """Takes commands in the order given; "stop", "wait" and "quit" do not wait for their turn."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._given: list[Command] = []  # not yet done, the oldest first
        self._lock = threading.Lock()
        self._wait_until = 0.0  # by the monotonic clock

    def listen(self, lines: Iterator[str]) -> None:
        """Read commands until the parent is gone."""
        for line in lines:
            verb, _, path = line.rstrip("\n").partition(" ")
            if verb == "stop":
                self._stop()
            elif verb == "wait":
                self._wait(path)
            elif verb == "quit":
                break
            elif verb:
                command = Command(verb, path)
                with self._lock:
                    self._given.append(command)
                self.commands.put(command)
        self._stop(everything=True)
        self.commands.put(None)

    def work(self) -> None:
        """Do one command after the other."""
        self._warm_up()
        while (command := self.commands.get()) is not None:
            if command.stopped.is_set():  # before its turn came
                self._finish(command, _broken_off(command))
            else:
                self._do(command)

    def _warm_up(self) -> None:
        """What the first training need not wait for, unless it waits already."""
        from napari_unet.core.device import find_device
        from napari_unet.core.fit import warm_up

        from . import predict, train  # noqa: F401

        if self.commands.empty():
            # whatever is wrong with the device, the command will meet it and say so
            with contextlib.suppress(RuntimeError):
                warm_up(find_device("auto"))

    def _do(self, command: Command) -> None:
        from .predict import predict_job
        from .train import train_run

        verb, path = command.verb, command.path
        jobs = {"train": train_run, "predict": predict_job}
        if verb not in jobs:
            self._finish(command, failed(verb, path, f"unknown command {verb!r}"))
            return
        try:
            for message in jobs[verb](Path(path), lambda: self._is_stopped(command)):
                if message["event"] == "done":
                    self._finish(command, message)
                else:
                    self.channel.say(message)
        except BadInput as error:
            self._finish(command, failed(verb, path, str(error)))
        except (
            OSError,
            RuntimeError,
            MemoryError,
            ValueError,
            ArithmeticError,
            LookupError,
        ) as error:
            # a full disk, a lost GPU, no memory: the window must hear of it, and goes on
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            self._finish(command, failed(verb, path, f"{verb} failed: {_reason(error)}"))

    def _is_stopped(self, command: Command) -> bool:
        """Asked between two steps: here the window's right of way is granted."""
        patience = time.monotonic() + PATIENCE
        while (left := min(self._wait_until, patience) - time.monotonic()) > 0:
            if command.stopped.wait(left):
                break
        return command.stopped.is_set()

    def _wait(self, seconds: str) -> None:
        """No new step before this; words that are no number of seconds ask for nothing."""
        with contextlib.suppress(ValueError):
            self._wait_until = time.monotonic() + min(float(seconds), PATIENCE)

    def _finish(self, command: Command, message: Message) -> None:
        """Say the last word on a command: once, whoever comes first."""
        with self._lock:
            if command in self._given:
                self._given.remove(command)
                self.channel.say(message)

    def _stop(self, everything: bool = False) -> None:
        """Stop what is running, or next in turn; it has a moment to end by itself."""
        with self._lock:
            given = self._given[: None if everything else 1]
        for command in given:
            command.stopped.set()
        if given:
            timer = threading.Timer(GRACE, self._end_now, given[:1])
            timer.daemon = True
            timer.start()

    def _end_now(self, command: Command) -> None:
        """A step takes too long: what was saved last is the result, and the process ends."""
        with self._lock:
            if command not in self._given:
                return
            self.channel.say(_broken_off(command))
            os._exit(0)


def _broken_off(command: Command) -> Message:
    """The last word on a command that was stopped before it could say its own."""
    if command.verb == "train":
        return _stopped(Path(command.path))
    return {
        "event": "done",
        "what": command.verb,
        "path": command.path,
        "stopped": True,
        "seconds": GRACE,
    }


def _stopped(path: Path) -> Message:
    from .folder import RunFolder

    run = RunFolder(path)
    if not run.model.exists():
        return failed("train", str(path), "Stopped before training began: there is no model yet.")
    said = run.messages()
    if run.info["base"] is None and not any(m["event"] == "step" for m in said):
        return failed("train", str(path), "Stopped before the first step: nothing was learnt.")
    scores = {m["step"]: m["score"] for m in said if m["event"] == "held-out"}
    saved = [m["step"] for m in said if m["event"] == "saved"]
    before, after = scores.get(0), scores.get(saved[-1]) if saved else scores.get(0)
    worse = run.trained.exists() and not saved  # all that was scored was worse than the base
    if worse:
        after = scores.get(max(scores, default=0))
    message: Message = {
        "event": "done",
        "what": "train",
        "path": str(path),
        "model": str(run.made(worse)),
        "stopped": True,
        "before": before,
        "after": after,
        "worse": worse,
        "words": "Stopped: the best model saved so far is the result.",
    }
    run.say(message)
    return message


def _reason(error: Exception) -> str:
    """One sentence of an exception's words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {error.filename}" if error.filename else "")
    words = str(error).strip()
    return words.splitlines()[0] if words else type(error).__name__


def main() -> None:
    """Say ready, then work until told to quit."""
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # Windows: else cp1252
    lower_priority()
    share_cores()
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
    sys.stderr.flush()
    os._exit(0)  # torch takes its time to be torn down, and a closing window waits for us


def lower_priority() -> None:
    """Give the window the right of way.

    Linux: a stroke stops an idle-class process at once, a nice one only at its next turn
    (a 10 ms timer was no later with a training than without; by 20 ms with nice 10 or 19).
    `NAPARI_UNET_PRIORITY=normal` keeps the parent's: beside a program that fills every core an
    idle-class process hardly runs.
    """
    if os.environ.get("NAPARI_UNET_PRIORITY") == "normal":
        return
    if hasattr(os, "sched_setscheduler") and hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
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
