"""Images and label images on disk: TIFF of every compression, PNG, JPEG and npy."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

from .atomic import replacing
from .pictures import picture_header, read_picture
from .tiff import open_series, read_tiff

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
SUFFIXES = (*TIFF, ".png", *JPEG, ".npy")
CLASSIC = 2**32 - 2**25  # bytes of pixels that a TIFF of the old kind holds

# What the readers raise for files that are broken or something else altogether. RuntimeError:
# imagecodecs' errors; SyntaxError: a broken PNG in pillow.
_BROKEN = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Header:
    """What a file says before its pixels are read.

    Attributes
    ----------
    shape, dtype : of the whole array
    axes : tifffile's letters, or None where the file says nothing
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str | None


def read_image(path: Path, *, indices: bool = False) -> tuple[npt.NDArray[Any], str | None]:
    """The pixels, in the file's own type, and the letters of the axes as the file has them.

    Parameters
    ----------
    path
        Of the file.
    indices
        Exact values are wanted: a palette's indices instead of its colours, and no JPEG.

    Raises
    ------
    BadInput
        If the file is absent, no image of a known kind, cut off or broken, or holds several
        images or frames.
    OSError
        If it may not be read.
    """
    with _clear_errors(path):
        if path.suffix.lower() in TIFF:
            return read_tiff(path)
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False), None
        return read_picture(path, indices)


def read_header(path: Path) -> Header:
    """Shape, type and axes, without reading the pixels where the format allows.

    Raises
    ------
    BadInput, OSError
        As :func:`read_image`; of PNG and JPEG only the beginning is looked at.
    """
    with _clear_errors(path):
        if path.suffix.lower() in TIFF:
            with open_series(path) as series:
                return Header(tuple(series.shape), np.dtype(series.dtype), series.axes)
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            return Header(array.shape, array.dtype, None)
        return Header(*picture_header(path))


def write_labels(path: Path, labels: npt.NDArray[Any], axes: str | None = None) -> None:
    """Write or replace a label TIFF: uint16 if the ids fit, else int32; zlib.

    Parameters
    ----------
    path
        Where to; the folder must exist.
    labels
        (Y, X), or with leading axes; int >= 0.
    axes
        One letter for each axis; default YX, ZYX or TZYX.
    """
    top = int(labels.max(initial=0))
    _write_tiff(path, labels.astype(np.uint16 if top < 2**16 else np.int32), axes)


def write_probability(path: Path, probability: npt.NDArray[Any], axes: str | None = None) -> None:
    """Write or replace a float32 TIFF; parameters as :func:`write_labels`."""
    _write_tiff(path, probability.astype(np.float32), axes)


def _write_tiff(path: Path, array: npt.NDArray[Any], axes: str | None) -> None:
    import tifffile

    letters = axes or {2: "YX", 3: "ZYX", 4: "TZYX"}.get(array.ndim, "")
    with replacing(path) as beside:
        tifffile.imwrite(
            beside,
            array,
            bigtiff=array.nbytes > CLASSIC,  # compressed it may still be too large
            compression="zlib",
            photometric="minisblack",  # three slices are not red, green and blue
            metadata={"axes": letters} if letters else None,
        )


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Turn what readers raise for unusable files into one sentence."""
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(f"{path} is not an image of a known kind ({', '.join(SUFFIXES)})")
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not an image")
    if not path.exists():
        raise BadInput(f"there is no file {path}")
    try:
        yield
    except BadInput:
        raise
    except OSError as error:
        if error.errno is not None:  # the system's, such as a missing permission
            raise
        raise BadInput(f"{path} is not a readable image, or is cut off") from error
    except _BROKEN as error:
        raise BadInput(f"{path} is not a readable image, or is cut off") from error
