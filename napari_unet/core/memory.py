"""Keep freed memory in the process, where that saves time."""

from __future__ import annotations

import ctypes
import math
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of mallopt(3)


def keep_freed_memory() -> None:
    """Tell the C library (glibc) not to hand large blocks back to the system after each use.

    On a CPU every training step and every tile frees and takes the same hundred megabytes;
    getting them back as zeroed pages costs a tenth of a step and a third of a tile. Elsewhere
    than under glibc: nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 * 2**20)


def physical() -> float:
    """Bytes of memory that this machine has; infinite where nobody tells."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


NO_MEMORY = ("out of memory", "DefaultCPUAllocator", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short, on a GPU or a CPU: torch has no class of its own for the latter."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    )
