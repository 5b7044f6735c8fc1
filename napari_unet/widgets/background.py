"""The one door for work in a thread: weight maps, counting, files. Never training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from superqt.utils import create_worker

from napari_unet.core.errors import BadInput

T = TypeVar("T")
_log = logging.getLogger(__name__)


def in_thread(
    work: Callable[[], T],
    done: Callable[[T], None],
    failed: Callable[[str], None],
) -> None:
    """Run `work` in a thread; then, in the GUI thread, `done` with its result.

    `failed` gets one sentence: what :class:`BadInput` and the file system say, and for
    anything else that it was a mistake of ours, with the traceback in the log.
    """

    def on_error(error: Exception) -> None:
        failed(words_for(error))

    worker: Any = create_worker(work, _start_thread=False, _ignore_errors=True)
    worker.returned.connect(done)
    worker.errored.connect(on_error)
    worker.start()


def words_for(error: Exception) -> str:
    """One sentence for the status line."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    _log.error("napari-unet failed in a thread", exc_info=error)
    return f"A mistake in napari-unet, please report it: {type(error).__name__}: {error}"


class Latest:
    """Drops the answers to questions that were asked again meanwhile."""

    def __init__(self) -> None:
        self._asked = 0

    def ask(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]
    ) -> None:
        """Like :func:`in_thread`, but only the newest question is answered."""
        self._asked += 1
        number = self._asked

        def if_newest(answer: Callable[[Any], None]) -> Callable[[Any], None]:
            return lambda value: answer(value) if number == self._asked else None

        in_thread(work, if_newest(done), if_newest(failed))

    def forget(self) -> None:
        """The answer that is under way is no longer wanted."""
        self._asked += 1
