"""What ends late: work in a thread, and deeds put off. The one door for both; never training.

By the time that any of it ends, layers may be gone or changed, and the user may have turned to
another image (:mod:`.in_hand`). A mistake in an ending must leave nothing half done: it is logged,
and the same `failed` hears of it that hears of a mistake in the work.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from weakref import WeakMethod

from qtpy.QtCore import QTimer
from superqt.utils import create_worker

from napari_unet.core.errors import BadInput

T = TypeVar("T")
Failed = Callable[[str], None]
_log = logging.getLogger(__name__)


def in_thread(work: Callable[[], T], done: Callable[[T], None], failed: Failed) -> None:
    """Run `work` in a thread; then, in the GUI thread, `done` with its result.

    `failed` gets one sentence, be it `work` or `done` that cannot go on: what :class:`BadInput` and
    the file system say, and for anything else that it was a mistake of ours, with the traceback in
    the log. Whatever was set while the work was under way is to be reset there.
    """

    def on_error(error: Exception) -> None:
        failed(words_for(error))

    worker: Any = create_worker(work, _start_thread=False, _ignore_errors=True)
    worker.returned.connect(guarded(done, failed))
    worker.errored.connect(on_error)
    worker.start()


def later(pause: int, deed: Callable[[], None], failed: Failed) -> None:
    """Do it in the GUI thread after `pause` ms; `failed` gets one sentence if it cannot be done."""
    QTimer.singleShot(pause, guarded(deed, failed))


def guarded(deed: Callable[..., None], failed: Failed) -> Callable[..., None]:
    """`deed` in :func:`safely`, for timers and signals, which keep no method's object alive."""
    held = [WeakMethod(x) if inspect.ismethod(x) else partial(_same, x) for x in (deed, failed)]

    def guard(*args: Any) -> None:
        do, tell = (each() for each in held)
        if do is not None and tell is not None:
            with safely(tell):
                do(*args)

    return guard


def _same(x: T) -> T:
    return x


@contextmanager
def safely(failed: Failed) -> Iterator[None]:
    """Whatever goes wrong within is logged, and told to `failed` in one sentence."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is logged, and listeners may raise anything
        failed(words_for(error))


def words_for(error: Exception) -> str:
    """One sentence for the status line; the traceback goes to the log."""
    if isinstance(error, BadInput):
        return str(error)
    _log.error("napari-unet could not go on", exc_info=error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return f"A mistake in napari-unet, please report it: {type(error).__name__}: {error}"


class Latest:
    """Drops the answers to questions that were asked again meanwhile."""

    def __init__(self) -> None:
        self._asked = 0

    def ask(self, work: Callable[[], T], done: Callable[[T], None], failed: Failed) -> None:
        """Like :func:`in_thread`, but only the newest question is answered.

        What has been forgotten cannot go wrong: its files may have been taken away.
        """
        self._asked += 1
        number = self._asked

        def work_if_newest() -> T | None:
            try:
                return work() if number == self._asked else None
            except Exception:
                if number == self._asked:
                    raise
                return None

        def if_newest(answer: Callable[[Any], None]) -> Callable[[Any], None]:
            return lambda value: answer(value) if number == self._asked else None

        in_thread(work_if_newest, if_newest(done), if_newest(failed))

    def forget(self) -> None:
        """The answer that is under way is no longer wanted."""
        self._asked += 1
