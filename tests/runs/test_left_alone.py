"""What the worker does where its parent was killed, or Ctrl-C was pressed in the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from napari_unet.runs import worker as module
from napari_unet.runs.worker import Worker

from .tiny import Ear

TALKS = """
import sys, threading, warnings
from napari_unet.runs.channel import Channel
channel, alone = Channel(), threading.Event()
channel.gone = alone.set
sys.stdin.read()
channel.say({"event": "step"})
alone.wait()
warnings.warn("of a library")
print("of another", flush=True)
sys.stderr.flush()
"""

INTERRUPTED = """
import signal
from napari_unet.runs.worker import keep_off_the_terminal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell's foreground
keep_off_the_terminal()
signal.raise_signal(signal.SIGINT)
"""


def test_a_warning_that_nobody_reads_is_no_error() -> None:
    """stdout and stderr are the same parent's: what is printed after its end goes nowhere."""
    (heard, out), (complaints, err) = os.pipe(), os.pipe()
    talker = subprocess.Popen(
        [sys.executable, "-c", TALKS], stdin=subprocess.PIPE, stdout=out, stderr=err
    )
    for end in (out, err, heard, complaints):
        os.close(end)
    talker.communicate()
    assert talker.returncode == 0


def test_ctrl_c_is_no_end() -> None:
    """Whatever the shell makes of SIGINT: in its background it ignores it."""
    subprocess.run([sys.executable, "-c", INTERRUPTED], stdin=subprocess.DEVNULL, check=True)


def test_left_alone_it_has_a_minute_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits: not the moment that a step has after a stop."""
    given: list[float] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, *_: object) -> None:
            given.append(seconds)

        def start(self) -> None: ...

    monkeypatch.setattr(threading, "Timer", Timer)
    Worker(Ear()).listen([("train", "RUN")])  # type: ignore[arg-type]
    assert given == [module.ALONE] and module.ALONE > 20 * module.GRACE
