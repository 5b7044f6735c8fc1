"""The user's runs folder is kept within bounds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from .places import runs_folder

LIMIT = 2 * 2**30  # bytes
TAIL = 65536  # bytes of the log that surely hold its last line


def prune_runs(limit_bytes: int = LIMIT, keep: Collection[Path] = ()) -> list[Path]:
    """Delete the oldest finished runs until the runs folder is within the limit.

    A run that has not said "done" (running, or broken off and resumable) is never deleted.

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
        If a folder cannot be deleted.
    """
    folder = runs_folder()
    if not folder.is_dir():
        return []
    spared = {p for path in keep for p in (path.resolve(), *path.resolve().parents)}
    runs = [p for p in folder.iterdir() if (p / "run.json").is_file()]
    sizes = {run: _size(run) for run in runs}
    total = sum(sizes.values())
    deleted = []
    for run in sorted(runs, key=lambda r: (r / "run.json").stat().st_mtime):
        if total <= limit_bytes:
            break
        if run.resolve() in spared or not _finished(run):
            continue
        # Its marks last: a deletion that is broken off leaves a run that is found again.
        marks = ("log.jsonl", "run.json")
        for part in sorted(run.iterdir(), key=lambda p: (p.name in marks, p.name)):
            shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        run.rmdir()
        total -= sizes[run]
        deleted.append(run)
    return deleted


def _size(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file())


def _finished(run: Path) -> bool:
    """Whether the last event of the log is "done"."""
    log = run / "log.jsonl"
    if not log.is_file():
        return False
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        lines = file.read().splitlines()
    try:
        last = json.loads(lines[-1]) if lines else {}
    except ValueError:  # a line that was being written when the run was killed
        return False
    return isinstance(last, dict) and last.get("event") == "done"
