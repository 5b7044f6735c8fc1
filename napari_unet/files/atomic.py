"""Files and folders that are there whole or not at all: written beside their place, then moved."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

from .lock import NAME as LOCK
from .lock import in_use, locked

UNABLE = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP)
# s; Windows replaces nothing that is open, and a virus scanner opens what is new for a moment
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
ABANDONED = 3600.0  # s without a change after which what is half written is of a dead process
PART = re.compile(r"\..+\.[0-9a-f]{8}\.part(\.[^.]*)?")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new path beside `path` to write to; it becomes `path` when the block ends well.

    When the block fails, what was written is removed and an older file stays as it was; when it
    ends well, the new one has its permissions.

    Raises
    ------
    BadInput
        If the older file cannot be replaced: it is protected, no plain file, or a program has it
        open (Windows).
    OSError
        If the folder is absent or nothing can be written there; it names `path`.
    """
    check_replaceable(path)
    _clear_once(path.parent.absolute())
    beside = part_beside(path)
    try:
        yield beside
        _to_disk(beside, os.O_RDWR)  # Windows syncs nothing that is open for reading
        with contextlib.suppress(OSError):  # it is new, or the file system knows no permissions
            shutil.copymode(path, beside)
        move(beside, path)
    except OSError as error:
        if error.filename is None or str(error.filename) == str(beside):
            error.filename = str(path)  # nobody knows the other name
        raise
    finally:
        # a scanner has it open: cleared another time; what went wrong before is what is told
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    if os.name == "posix":
        try:
            _to_disk(path.parent, os.O_RDONLY)
        except OSError as error:  # some network folders cannot; the file is in its place
            if error.errno not in UNABLE:
                raise


@contextmanager
def making(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path` to fill; it becomes `path` when the block ends well.

    When the block fails, nothing is left, nor folders above that were not there. A process that is
    killed leaves a folder that :func:`clear_leftovers` takes away.

    Raises
    ------
    BadInput, OSError
        As :func:`replacing`.
    """
    check_leads_somewhere(path)
    beside = part_beside(path, suffix="")
    above = [p for p in path.parents if not p.exists()]  # the innermost first
    try:
        beside.mkdir(parents=True)
        _clear_once(path.parent.absolute())
        with locked(beside):
            yield beside
        (beside / LOCK).unlink()
        move(beside, path)
    except OSError as error:
        if str(error.filename) == str(beside):
            error.filename = str(path)  # nobody knows the other name
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds the new folder, or another's
            for folder in above:
                folder.rmdir()


def check_replaceable(path: Path) -> None:
    """Refuse to replace what a rename would: a file that is write-protected, a device, a folder.

    Raises
    ------
    BadInput
        If there is such a thing at `path`.
    """
    if not path.exists():
        return
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise BadInput(f"{path} cannot be written: it is not a plain file")
    anybody = mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    if not anybody or not os.access(path, os.W_OK):  # such as a colleague's, in a shared folder
        raise BadInput(f"{path} cannot be written: it is write-protected")


def holds_something(path: Path) -> bool:
    """Whether there is anything that could be lost; `mktemp` makes empty files to be filled."""
    return path.exists() and not (path.is_file() and path.stat().st_size == 0)


def behind_link(path: Path) -> Path:
    """Where a file that the user names is written: a link stays one, and its file is replaced.

    Not for files of a run folder, which may be a stranger's: there the link itself gives way.
    """
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def check_leads_somewhere(path: Path) -> None:
    """Refuse a new folder where a link is in its place, or above, that leads nowhere.

    Raises
    ------
    BadInput
        If there is one.
    """
    for link in (path, *path.parents):
        if link.is_symlink() and not link.exists():
            raise BadInput(f"{link} is a link that leads nowhere; remove it, or name another")


def part_beside(path: Path, suffix: str | None = None) -> Path:
    """A new name beside `path` for what is not finished: :func:`clear_leftovers` knows it."""
    # The same suffix: libraries go by it. The same folder: only there a move is atomic. Not the
    # whole stem: a name may be 255 bytes long.
    ending = path.suffix if suffix is None else suffix
    return path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part{ending}")


def move(source: Path, target: Path) -> None:
    """Move into place, replacing a file; what is open elsewhere is waited for, a second or two.

    Raises
    ------
    BadInput
        If it stays open.
    OSError
        If it cannot be moved for another reason.
    """
    for pause in (*PAUSES, None):
        try:
            os.replace(source, target)
        except PermissionError as error:
            if pause is None:
                raise BadInput(
                    f"{target} cannot be written: another program has it open, or it is protected;"
                    " close it there and try again"
                ) from error
            time.sleep(pause)
        else:
            return


def clear_leftovers(folder: Path, age: float = ABANDONED) -> list[Path]:
    """Remove what killed processes have left half written in a folder; what was removed.

    Parameters
    ----------
    age
        Seconds without a change after which it is taken for abandoned. A folder that a living
        process fills stays in any case.
    """
    try:
        found = [folder / entry.name for entry in os.scandir(folder) if PART.fullmatch(entry.name)]
    except OSError:  # absent, or not to be looked into: then there is nothing of ours
        return []
    removed = []
    for path in found:
        with contextlib.suppress(OSError):  # open elsewhere, or another process was faster
            if time.time() - _changed(path) < age or in_use(path):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            removed.append(path)
    return removed


def write_bytes(path: Path, data: bytes) -> None:
    """Write or replace a file."""
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write or replace a JSON file, indented, for people to read."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=_plain)
    # what no UTF-8 holds, in file names of other encodings: JSON has the same escapes as Python
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's, such as a seed that was counted in an array."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write or replace an ``.npy`` file; any numeric array."""
    with replacing(path) as beside:
        np.save(beside, array, allow_pickle=False)


@lru_cache(maxsize=256)
def _clear_once(folder: Path) -> None:
    """Once for each folder and process: listing a large one takes time."""
    clear_leftovers(folder)


def _changed(path: Path) -> float:
    """When something was last written there, as `time.time` counts."""
    inside = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
    return max(p.lstat().st_mtime for p in (path, *inside))


def _to_disk(path: Path, flags: int) -> None:
    """Wait until what was written survives a power cut."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
