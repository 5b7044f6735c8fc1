"""Which image something was computed from: results of another image are not replaced by its own."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

STATED = re.compile(r", of image ([0-9a-f]{32}) at ([0-9a-f]{32})")


class Origin:
    """An image, known again by its pixels where it was moved, by its place where it was changed.

    Parameters
    ----------
    path : of its file
    image : its pixels, where they are at hand; else they are read when they are needed
    """

    def __init__(self, path: Path, image: npt.NDArray[Any] | None = None) -> None:
        self.path, self._image = path, image

    @property
    def words(self) -> str:
        """What stands of it in the file that was computed."""
        return f", of image {self._pixels} at {self._place}"

    def is_in(self, words: str) -> bool:
        """Whether a file that says this was computed from it; True where that says of nothing.

        Raises
        ------
        BadInput, OSError
            As :func:`read_image`.
        """
        stated = STATED.search(words)
        return stated is None or self._place == stated[2] or self._pixels == stated[1]

    @property
    def _place(self) -> str:
        return digest(os.fsencode(self.path.resolve()))

    @cached_property
    def _pixels(self) -> str:
        from .images import read_image

        image = read_image(self.path)[0] if self._image is None else self._image
        self._image = None  # let go as soon as may be
        return digest(np.ascontiguousarray(image).data)


def digest(content: bytes | memoryview) -> str:
    """Of bytes, in 32 letters."""
    return hashlib.sha256(content).hexdigest()[:32]
