"""Files that are there whole or not at all: written beside their place, then moved into it."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

UNABLE = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new path beside `path` to write to; it becomes `path` when the block ends well.

    When the block fails, what was written is removed and an older file stays as it was.

    Raises
    ------
    OSError
        If the folder is absent or nothing can be written there.
    """
    # The same suffix: libraries go by it. The same folder: only there a move is atomic.
    beside = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield beside
        _to_disk(beside, os.O_RDWR)  # Windows syncs nothing that is open for reading
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    if os.name == "posix":
        try:
            _to_disk(path.parent, os.O_RDONLY)
        except OSError as error:  # some network folders cannot; the file is in its place
            if error.errno not in UNABLE:
                raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write or replace a file."""
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write or replace a JSON file, indented, for people to read."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    # what no UTF-8 holds, in file names of other encodings: JSON has the same escapes as Python
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write or replace an ``.npy`` file; any numeric array."""
    with replacing(path) as beside:
        np.save(beside, array, allow_pickle=False)


def _to_disk(path: Path, flags: int) -> None:
    """Wait until what was written survives a power cut."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
