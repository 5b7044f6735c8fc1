"""The worker: ``python -u -m napari_unet.runs.worker``.

Reads commands on stdin, one a line, and prints JSON lines on stdout; the protocol stands in
docs/architecture.md. End of stdin, or a stdout that nobody reads, means that the parent has died.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from napari_unet.core.errors import BadInput
from napari_unet.core.threads import share_cores

from .channel import Channel, note, told
from .farewell import stopped_training
from .folder import RunFolder
from .messages import Message, failed

NICENESS = 10  # where there is no idle class
GRACE = 1.5  # seconds that a step may take to end by itself after "stop"
ALONE = 60.0  # the same where nobody waits any more: for a step, a score and a checkpoint
PATIENCE = 5.0  # seconds after which a step is taken, however much the window has to do


@dataclass(eq=False)
class Command:
    """One line from the parent that asks for work."""

    verb: str
    path: str
    stopped: threading.Event = field(default_factory=threading.Event)
    begun: bool = False


class Worker:
    """Takes commands in the order given; "stop", "wait" and "quit" do not wait for their turn."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        channel.gone = self.leave
        self.commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._given: list[Command] = []  # not yet done, the oldest first
        self._lock = threading.Lock()
        self._wait_until = 0.0  # by the monotonic clock

    def listen(self, lines: Iterable[tuple[str, str]]) -> None:
        """Take commands, verb and path, until told to quit or left alone."""
        try:
            self._take(lines)
        finally:  # deaf from here on, whatever the reason, such as no room for another thread
            self.leave()

    def _take(self, lines: Iterable[tuple[str, str]]) -> None:
        for verb, path in lines:
            if verb == "stop":
                self._stop()
            elif verb == "wait":
                self._wait(path)
            elif verb == "quit":
                self._stop(everything=True)
                return
            elif verb:
                command = Command(verb, path)
                with self._lock:
                    self._given.append(command)
                self.commands.put(command)

    def leave(self) -> None:
        """Nobody is there any more: save what is running, then end the process."""
        self._stop(everything=True, grace=ALONE)
        self.commands.put(None)

    def work(self) -> None:
        """Do one command after the other."""
        self._warm_up()
        while (command := self.commands.get()) is not None:
            if command.stopped.is_set():  # before its turn came
                self._finish(command, self._broken_off(command))
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
        command.begun = True
        try:
            for message in jobs[verb](Path(path), lambda: self._is_stopped(command)):
                if message["event"] == "done":
                    self._finish(command, message)
                else:
                    self._say_of(command, message)
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
            note(f"{type(error).__name__}: {error}")
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

    def _say_of(self, command: Command, message: Message) -> None:
        """Say something of a command, as long as its last word was not said."""
        with self._lock:
            if command in self._given:
                self.channel.say(message)

    def _finish(self, command: Command, message: Message) -> None:
        """Say the last word on a command: once, whoever comes first."""
        with self._lock:
            if command in self._given:
                self._given.remove(command)
                self.channel.say(message)

    def _stop(self, everything: bool = False, grace: float | None = None) -> None:
        """Stop what is running, or next in turn; it has a moment to end by itself."""
        with self._lock:
            given = self._given[: None if everything else 1]
        for command in given:
            command.stopped.set()
        if given:
            timer = threading.Timer(GRACE if grace is None else grace, self._end_now, given[:1])
            timer.daemon = True
            timer.start()

    def _end_now(self, command: Command) -> None:
        """A step takes too long: what was saved last is the result, and the process ends."""
        with self._lock:
            if command not in self._given:
                return
            self.channel.say(self._broken_off(command))
            self.channel.flush()
            os._exit(0)

    def _broken_off(self, command: Command) -> Message:
        """The last word on a command that was stopped before it could say its own."""
        if command.verb != "train":
            said = {"event": "done", "what": command.verb, "path": command.path}
            return {**said, "stopped": True, "seconds": GRACE}
        run = RunFolder(Path(command.path))
        message = stopped_training(run.path)
        # one that never began leaves the log to whoever may be training there
        if command.begun and message["event"] == "done" and message not in run.messages()[-1:]:
            with contextlib.suppress(OSError):  # a full disk: it is said all the same
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
    keep_off_the_terminal()
    lower_priority()
    share_cores()
    worker = Worker(Channel())
    leave_when_terminated(worker)
    threading.Thread(target=worker.listen, args=[told()], daemon=True).start()
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
    try:
        worker.work()
    finally:
        worker.channel.flush()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)  # torch takes its time to be torn down, and a closing window waits for us


def keep_off_the_terminal() -> None:
    """Ctrl-C where napari was started is napari's: the worker ends by what it is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # its other signals, too. A group, no session: that would be scheduled apart from the window,
    # and have a share of the cores that no priority of ours could lessen
    if hasattr(os, "setpgid") and not sys.stdin.isatty():
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)


def leave_when_terminated(worker: Worker) -> None:
    """The machine is being shut down, or the terminal closed: save, then go."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        # in a thread: this one may be in the middle of saying something
        threading.Thread(target=worker.leave, daemon=True).start()

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)


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
