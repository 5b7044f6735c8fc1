"""What others have put into a folder of ours: it is nobody's to delete but theirs."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from .atomic import PART

# what systems write by themselves when somebody looks into a folder
BY_THE_SYSTEM = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini", re.IGNORECASE)


def holds_more(folder: Path, ours: re.Pattern[str]) -> bool:
    """Whether something lies in a folder that neither the program nor the system has made.

    Parameters
    ----------
    ours
        Of the paths within the folder, with slashes, of files and folders that are the program's.

    Raises
    ------
    OSError
        If it cannot be looked into.
    """
    return any(
        not (ours.fullmatch(path) or PART.fullmatch(name) or BY_THE_SYSTEM.fullmatch(name))
        for path, name in _inside(folder)
    )


def remove_ours(folder: Path, ours: re.Pattern[str]) -> None:
    """Delete a folder, unless :func:`holds_more`; one that cannot be looked into stays, too.

    What cannot be deleted now, since a program has it open, is left without a word.
    """
    with suppress(OSError):
        if not holds_more(folder, ours):
            shutil.rmtree(folder, ignore_errors=True)


def _inside(folder: Path, above: str = "") -> list[tuple[str, str]]:
    """Path within the folder and name of all that lies in it; links are not followed."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = above + entry.name
        found.append((path, entry.name))
        if entry.is_dir(follow_symlinks=False):
            found += _inside(folder / entry.name, f"{path}/")
    return found
