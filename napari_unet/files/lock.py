"""A folder that one process works in: a lock that ends with its process, however that ends.

The system holds it for an open file, so that none is left over after a kill, and a second program,
window or thread sees it at once.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unet.core.errors import BadInput

NAME = "lock"  # the file in the folder; it says nothing, and may stay
ATTEMPTS, PAUSE = 20, 0.02  # times, s: somebody may be looking just now whether it is in use
HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)  # of some network folders


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for oneself while the block runs.

    Where the file system knows no locks, nothing is held.

    Raises
    ------
    BadInput
        If another process, or another thread of this one, holds it.
    OSError
        If nothing can be written in the folder, or it is absent.
    """
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE)
            if _taken(handle):
                break
        else:
            raise BadInput(
                f"{folder} is in use: another window or command trains in it;"
                " stop it there, or wait until it is done"
            )
        yield
    finally:
        os.close(handle)  # which gives the lock back


def in_use(folder: Path) -> bool:
    """Whether somebody holds the folder, or may hold it; nothing is made there."""
    try:
        handle = _opened(folder / NAME)
    except (FileNotFoundError, NotADirectoryError):  # nobody ever held it
        return False
    except OSError:  # another user's, and nobody else may look
        return True
    try:
        return not _taken(handle)
    except OSError:  # some network folders lock nothing that is open for reading only
        return True
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    """A lock file that is there, for writing or, where it is another user's, for reading.

    Where it can be opened for neither, the second error is the one that tells.
    """
    try:
        return os.open(path, os.O_RDWR)
    except OSError:
        return os.open(path, os.O_RDONLY)


if sys.platform == "win32":
    import msvcrt

    def _taken(handle: int) -> bool:
        """Take the lock; False where somebody else holds it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in HELD:
                return False
            raise
        return True

else:
    import fcntl

    def _taken(handle: int) -> bool:
        """Take the lock; False where somebody else holds it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                return False
            if error.errno not in NO_LOCKS:
                raise
        return True
