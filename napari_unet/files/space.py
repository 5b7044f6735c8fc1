"""Room on the disk: asked for before work begins, reserved before it is used, told when short."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

FULL = (errno.ENOSPC, errno.EDQUOT)
UNABLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
BLOCK = 1 << 24  # bytes of zeros written at a time


def check_space(folder: Path, needed: int) -> None:
    """Refuse what will not fit, before it is begun.

    Parameters
    ----------
    folder : where to; it need not exist yet
    needed : bytes

    Raises
    ------
    BadInput
        If less than that is free.
    """
    if _free(folder) < needed:
        raise BadInput(_words(folder, needed))


@contextmanager
def full_disk_told(folder: Path, needed: int = 0) -> Iterator[None]:
    """In the block a full disk is one sentence.

    Raises
    ------
    BadInput
        Instead of the `OSError` of a disk, or a user's share of it, that is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise BadInput(_words(folder, needed)) from error


def new_map(
    path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32
) -> npt.NDArray[Any]:
    """A new ``.npy`` file of zeros, memory-mapped for writing; its room on the disk is reserved.

    Without that a new map is a hole in a file, and to write to it on a full disk ends the process
    (SIGBUS) where no error could be told.

    Raises
    ------
    OSError
        If the disk is full.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        _reserve(file.fileno(), array.offset, os.fstat(file.fileno()).st_size)
    return array


def _reserve(handle: int, start: int, end: int) -> None:
    """Take the room of the bytes from `start` to `end`, which are zeros, of an open file."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, start, end - start)
            return
        except OSError as error:
            if error.errno not in UNABLE:
                raise
    os.lseek(handle, start, os.SEEK_SET)
    zeros = bytes(min(BLOCK, end - start))
    while start < end:
        start += os.write(handle, zeros[: end - start])


def _free(folder: Path) -> int:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(there).free


def _words(folder: Path, needed: int) -> str:
    free = _size(_free(folder))
    if needed:
        return f"the disk with {folder} is full: {_size(needed)} are needed, {free} are free"
    return f"the disk with {folder} is full: {free} are free"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
