"""The user's runs folder is kept within bounds."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from napari_unet.core.errors import BadInput
from napari_unet.files.atomic import clear_leftovers, part_beside
from napari_unet.files.foreign import holds_more
from napari_unet.files.guarded import last_lines, parse_json
from napari_unet.files.lock import in_use

from .in_hand import in_hand
from .named import model_files
from .places import NAMED_BY_TIME, runs_folder

LIMIT = 2 * 2**30  # bytes
# of the limit; finished runs may always have so much, or one run that is never deleted (broken
# off, or selected) and larger than the limit would cost all others, and again each time
SHARE = 0.5
# what the program writes into a run (`runs.folder`)
OURS = re.compile(
    r"run\.json|log\.jsonl|lock|(model|trained|base)\.safetensors|checkpoint(/state\.pt)?"
    r"|data(/\d+_(image|labels|known)\.npy)?"
)


def prune_runs(limit_bytes: int = LIMIT, keep: Collection[Path] = ()) -> list[Path]:
    """Delete the oldest finished runs until the runs folder is within the limit.

    A run that has not said "done" (running, or broken off and resumable) is never deleted, nor is
    one that a process trains in, whose model a window has in hand or a link among the user's models
    or runs leads to, that somebody has copied, given a name of his own or put files of his own
    into, or that is another user's. However much these take, the others may have :data:`SHARE` of
    the limit. What cannot be deleted now, since a program has it open, stays whole until another
    time.

    Parameters
    ----------
    limit_bytes
        Greatest size of all runs together.
    keep
        Run folders, or files in them, that stay: the selected model above all.

    Returns
    -------
    The folders that were deleted.

    Raises
    ------
    OSError
        If nothing can be written in the runs folder, or it cannot be looked into.
    """
    folder = runs_folder()
    if not folder.is_dir():
        return []
    clear_leftovers(folder)
    links = [path for path in folder.iterdir() if path.is_symlink()]
    held = [_resolved(path) for path in (*keep, *in_hand(), *model_files().values(), *links)]
    spared = {p for path in held for p in (path, *path.parents)}
    runs = [path for path in folder.iterdir() if _is_run(path)]
    sizes = {run: _size(run) for run in runs}
    others = [run for run in runs if _resolved(run) not in spared]
    us = _owner(folder)
    done = {run: _done(run) for run in others}
    mine = [r for r, x in done.items() if x and not in_use(r) and not _somebodys(r, x, us)]
    there = sum(sizes[run] for run in mine)
    room = max(limit_bytes - (sum(sizes.values()) - there), SHARE * limit_bytes)
    deleted = []
    for run in sorted(mine, key=_begun):
        if there <= room:
            break
        if _delete(run):
            there -= sizes[run]
            deleted.append(run)
    return deleted


def _is_run(path: Path) -> bool:
    """Whether it is a run that can be looked into; one that cannot is nobody's concern."""
    try:
        # a link leads to where the user put a run: nothing of ours
        return (path / "run.json").is_file() and not path.is_symlink()
    except OSError:
        return False


def _resolved(path: Path) -> Path:
    """Where it lies; of what cannot be followed, as it is called."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return path.absolute()


def _owner(folder: Path) -> int:
    """To whom belongs what is made here now: on some mounts that is not who the process is."""
    with tempfile.TemporaryFile(dir=folder) as made:
        return os.fstat(made.fileno()).st_uid


def _somebodys(run: Path, said: dict[str, Any], us: int) -> bool:
    """Whether it is another user's, or somebody has put it by.

    That is: it has a name of his, whenever it got that, be it like the names of the panel, or
    files such as exported labels. `said` is its last word, which tells what it was called by then;
    `us` is as :func:`_owner`.
    """
    called = said.get("path")
    renamed = isinstance(called, str) and Path(called).name != run.name
    try:
        named = renamed or not NAMED_BY_TIME.fullmatch(run.name)
        return named or run.stat().st_uid != us or holds_more(run, OURS)
    except OSError:  # another window is just deleting it, or nobody may look into it
        return True


def remove_untrained(run: Path) -> None:
    """Delete a run in which nothing was learnt, unless somebody has put files of his own there."""
    with contextlib.suppress(OSError):  # it is gone, or cannot be looked into
        if not holds_more(run, OURS):
            _delete(run)


def _delete(run: Path) -> bool:
    """Delete a run, whole or not at all; False where a program has a file of it open."""
    # moved first: its name is free at once, whatever comes to be there while its files are deleted;
    # on Windows that fails as long as anything in it is open, and then all is there
    gone = part_beside(run, suffix="")
    try:
        run.rename(gone)
    except OSError:
        return False
    shutil.rmtree(gone, ignore_errors=True)  # what is left goes with the leftovers
    return True


def _size(folder: Path) -> int:
    """Bytes of all files; a training replaces some of them, another window may delete all."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def _begun(run: Path) -> float:
    """When its run.json was written, as `time.time` counts; gone by now: long ago."""
    try:
        return (run / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def _done(run: Path) -> dict[str, Any] | None:
    """The last event of the log, if it is "done"."""
    log = run / "log.jsonl"
    try:
        lines = last_lines(log) if log.exists() else []
        last = parse_json(lines[-1], str(log)) if lines else {}
    # a line that was being written when the run was killed, no log at all, or none to be read
    except (BadInput, OSError):
        return None
    return last if isinstance(last, dict) and last.get("event") == "done" else None
