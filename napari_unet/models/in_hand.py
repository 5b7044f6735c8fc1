"""What open windows have in hand: no window may clear it away from under another."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from napari_unet.files.foreign import remove_ours
from napari_unet.files.lock import in_use, locked

from .places import runs_folder

LIST, NEW = "models.json", "new.json"
OURS = re.compile(r"models\.json|new\.json|lock")
YOUNG = 3600.0  # s; a folder that nobody holds may have been made just now


class InHand:
    """One window's list, in a folder of its own that is locked for as long as the window is open.

    The lock ends with the process, so that a window that was killed protects nothing any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: ExitStack | None = None
        self._folder: Path | None = None
        self._said: tuple[str, ...] = ()
        self._closed = False

    def set(self, paths: Iterable[str]) -> None:
        """Say which models, runs or predictions are in hand; :meth:`write` makes it known."""
        self._said = tuple(paths)

    def write(self) -> None:
        """Make known what was said last; not for the GUI thread.

        Only those of the runs folder are of interest: nothing else is cleared away.

        Raises
        ------
        OSError
            If nothing can be written in the folder of the runs.
        """
        with self._lock:
            runs = runs_folder().resolve()  # by links there are other paths to the same file
            models = [m for m in self._said if m and Path(m).resolve().is_relative_to(runs)]
            if self._closed or (self._held is None and not models):
                return
            if self._folder is not None and not self._folder.is_dir():  # somebody has tidied up
                self._let_go()
            if self._held is None:
                folder = _windows() / f"{os.getpid()}-{secrets.token_hex(4)}"
                folder.mkdir(parents=True)
                self._held = ExitStack()
                self._held.enter_context(locked(folder))
                self._folder = folder
            assert self._folder is not None
            # ASCII: a name that is not UTF-8 comes back as it was
            beside = self._folder / NEW
            beside.write_text(json.dumps(models), encoding="ascii")
            os.replace(beside, self._folder / LIST)

    def close(self) -> None:
        """The window is closed: it has nothing in hand."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        """Give the folder back, and delete it, unless somebody else has put something there."""
        held, folder = self._held, self._folder
        self._held = self._folder = None
        if held is not None and folder is not None:
            held.close()
            remove_ours(folder, OURS)


def in_hand() -> list[Path]:
    """What the windows that are open have in hand; the lists of dead ones are removed.

    What somebody else has put among them stays.
    """
    found: list[Path] = []
    for folder in _windows().glob("*"):
        try:
            if in_use(folder):
                found += map(Path, json.loads((folder / LIST).read_text(encoding="ascii")))
            elif time.time() - folder.stat().st_mtime > YOUNG:
                remove_ours(folder, OURS)
        # it was closed just now, never filled, or is none of ours
        except (OSError, ValueError, TypeError, RecursionError):
            continue
    return found


def _windows() -> Path:
    return runs_folder() / "windows"
