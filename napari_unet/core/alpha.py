"""Whether the last of four channels is opacity, as in pictures, or a channel like the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

# As much of a fourth channel is at its highest value where it is opacity. Of a microscope's that
# would be an image overexposed by half.
OPAQUE = 0.5
LOOKED_AT = 512  # pixels in the middle, along each side: a few chunks of what lies on disk


def may_have_alpha(letters: str, shape: tuple[int, ...], dtype: DTypeLike) -> bool:
    """Whether opacity is possible: last of four channels, of whole numbers; the pixels tell."""
    return letters.endswith("YXC") and shape[-1] == 4 and np.dtype(dtype).kind == "u"


def is_opacity(array: Any) -> bool:
    """Whether the fourth channel of ``(..., Y, X, 4)`` is opacity: most of its middle is opaque.

    Only that part of the middle slice is read (dask, zarr, mmap).
    """
    slices = tuple(n // 2 for n in array.shape[:-3])
    window = tuple(
        slice(max((n - LOOKED_AT) // 2, 0), (n + LOOKED_AT + 1) // 2) for n in array.shape[-3:-1]
    )
    fourth = np.asarray(array[(*slices, *window, 3)])
    return bool((fourth == np.iinfo(fourth.dtype).max).mean() >= OPAQUE)
