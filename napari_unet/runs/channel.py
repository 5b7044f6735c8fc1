"""The worker's two ends of the line: what it says on stdout, what it is told on stdin."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from .messages import Message, encode, read_line

MOST_UNREAD = 100_000  # messages, some 20 MB; a parent so far behind does not listen any more
FAREWELL = 1.0  # seconds that the last words may take to be written before the process ends


class Channel:
    """Prints messages; whatever else is printed in this process goes to stderr.

    Attributes
    ----------
    gone : called once, in a thread of its own, when nobody reads any more what is said
    """

    def __init__(self) -> None:
        self.gone: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._silent = False
        self._unread: queue.Queue[str | threading.Event] = queue.Queue(MOST_UNREAD)
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        threading.Thread(target=self._write, daemon=True).start()

    def say(self, message: Message) -> None:
        """Say it to the parent; to nobody once that is gone, which is no error here.

        A training that failed because its words are not heard would lose what it has learnt. Nor
        does it wait until they are: a parent that lives but does not read would hold the worker
        for ever, deaf to its stop.
        """
        if self._silent:
            return
        try:
            self._unread.put_nowait(encode(message) + "\n")
        except queue.Full:
            self._fall_silent()

    def flush(self) -> None:
        """Wait until all that was said is written, or for a moment where nobody reads."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._unread.put_nowait(written)
            written.wait(FAREWELL)

    def _write(self) -> None:
        while True:
            said = self._unread.get()
            if isinstance(said, threading.Event):
                said.set()
            elif not self._silent:
                try:
                    self._out.write(said)
                    self._out.flush()
                except OSError:
                    self._fall_silent()

    def _fall_silent(self) -> None:
        with self._lock:
            if self._silent:
                return
            self._silent = True
        _print_nowhere()
        threading.Thread(target=self.gone, daemon=True).start()


def note(words: str) -> None:
    """Write to stderr, for whoever looks for a cause."""
    with contextlib.suppress(OSError):  # it went with the parent
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


def told() -> Iterator[tuple[str, str]]:
    """Verb and path of each line, until the parent is gone."""
    # not sys.stdin, which the end of the process would wait for as long as a thread reads it
    stream = os.fdopen(os.dup(0), "rb")
    with contextlib.suppress(OSError):  # as good as its end
        for line in iter(stream.readline, b""):
            verb, _, path = read_line(line).partition(" ")
            yield verb, path


def _print_nowhere() -> None:
    """stderr is the same parent's: a library's warning must not fail either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):
        os.dup2(nowhere, handle)
    os.close(nowhere)
