"""Arrays as users give them: what numpy would read in silence as something else is refused."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BadInput


def as_array(values: Any, what: str) -> npt.NDArray[Any]:
    """A numpy array of anything that is one, or is sliced like one (dask, zarr, lists).

    Parameters
    ----------
    what : what messages call it, such as "image 0"

    Raises
    ------
    BadInput
        For a path, for lists of unequal lengths, and where pixels are masked: numpy would go on
        with what lies under the mask.
    """
    if isinstance(values, str | os.PathLike):
        raise BadInput(f"{what}: an array is needed, not a path; read the file first")
    if np.ma.is_masked(values):
        raise BadInput(
            f"{what}: some pixels are masked; fill them first (in images NaN counts as missing, in"
            " labels 0 as not painted)"
        )
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # the last two: tensors
        raise BadInput(f"{what}: this cannot be read as an array ({error})") from error


def as_mask(values: Any, what: str) -> npt.NDArray[np.bool_]:
    """Where an array of numbers is not 0.

    Raises
    ------
    BadInput
        As :func:`as_array`, for what is no number, and for NaN, which is neither yes nor no.
    """
    array = as_array(values, what)
    if array.dtype.kind not in "buif":
        raise BadInput(f"{what}: {array.dtype} values cannot be read; 0 or not 0 is needed")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise BadInput(f"{what}: NaN is neither 0 nor not 0; say which is meant")
    return array if array.dtype == np.bool_ else array != 0


def within(value: object, low: float, high: float) -> bool:
    """Whether it is a number, or one of numpy's, between these, both included; NaN is not."""
    return isinstance(value, int | float | np.integer | np.floating) and bool(low <= value <= high)


def check_numbers(dtype: np.dtype[Any], what: str) -> None:
    """Refuse an image that holds no grey values.

    Raises
    ------
    BadInput
        If the values are no numbers (complex, text, objects).
    """
    if dtype.kind not in "buif":
        raise BadInput(f"{what}: {dtype} values cannot be read; numbers are needed")
