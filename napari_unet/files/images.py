"""Images and label images on disk: TIFF of every compression, PNG, JPEG and npy."""

from __future__ import annotations

import contextlib
import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

from .atomic import behind_link, holds_something, replacing
from .guarded import check_plain
from .origin import STATED, Origin, digest
from .pictures import picture_header, picture_palette, read_picture
from .tiff import open_series, read_tiff, tiff_palette

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
SUFFIXES = (*TIFF, ".png", *JPEG, ".npy")
CLASSIC = 2**32 - 2**25  # bytes of pixels that a TIFF of the old kind holds
# what the command line writes into the tag "Software" of what it has computed, and with it a digest
# of the pixels: some programs in which such a file is edited by hand keep the tag. Of predictions
# it also says of which image
COMPUTED = "napari-unet, computed"

# What the readers raise for files that are broken or something else altogether. RuntimeError:
# imagecodecs' errors; SyntaxError: a broken PNG in pillow; ArithmeticError: lengths of 0, or far
# too large; AttributeError: tags that are missing.
_BROKEN = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    RuntimeError,
    SyntaxError,
    ArithmeticError,
    AttributeError,
    tokenize.TokenError,
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
        If the file is absent, no image of a known kind, cut off or broken, holds several images
        or frames, or no numbers.
    OSError
        If it may not be read.
    """
    with _clear_errors(path):
        if path.suffix.lower() in TIFF:
            array, axes = read_tiff(path, indices)
        elif path.suffix.lower() == ".npy":
            array, axes = np.array(_mapped(path)), None
        else:
            array, axes = read_picture(path, indices)
        _check_numbers(path, array.dtype)
        return array, axes


def black_numbers(path: Path) -> list[int]:
    """The numbers that a file with a palette shows in black; none of one without.

    Raises
    ------
    BadInput, OSError
        As :func:`read_image`.
    """
    with _clear_errors(path):
        if path.suffix.lower() == ".npy":
            return []
        colours = (tiff_palette if path.suffix.lower() in TIFF else picture_palette)(path)
    return [] if colours is None else np.flatnonzero(~colours.any(axis=1)).tolist()


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
                header = Header(tuple(series.shape), np.dtype(series.dtype), series.axes)
        elif path.suffix.lower() == ".npy":
            array = _mapped(path)
            header = Header(array.shape, array.dtype, None)
        else:
            header = Header(*picture_header(path))
        _check_numbers(path, header.dtype)
        return header


def check_order(path: Path, letters: str, shape: tuple[int, ...]) -> None:
    """Refuse annotation whose file says that T and Z are the other way round than in the image.

    Only where both are of one length: else the shape tells.

    Parameters
    ----------
    path : of the annotation
    letters, shape : of the image
    """
    ours = {x: n for x, n in zip(letters, shape, strict=False) if x in "TZ" and n != 1}
    if len(ours) == 2 and len(set(ours.values())) == 1:
        header = read_header(path)
        theirs = [x for x, n in zip(header.axes or "", header.shape, strict=False) if n != 1]
        if any({one, other} == {"T", "Z"} for one, other in zip(ours, theirs, strict=False)):
            raise BadInput(
                f"{path} has its slices in the order {''.join(theirs[:2])}, but its image in the"
                f" order {''.join(ours)}: save it in the image's order"
            )


def write_labels(
    path: Path,
    labels: npt.NDArray[Any],
    axes: str | None = None,
    *,
    computed: bool = False,
    of: Origin | None = None,
) -> None:
    """Write or replace a label TIFF: uint16 if the ids fit, else int32; zlib.

    Parameters
    ----------
    path
        Where to; the folder must exist.
    labels
        (Y, X), or with leading axes; int >= 0.
    axes
        One letter for each axis; default YX or ZYX. Without a letter the order of T and Z is left
        open.
    computed
        Nothing in it is made by hand: :func:`is_computed` knows the file.
    of
        The image that it was computed from.

    Raises
    ------
    BadInput
        If what was computed would replace what may be somebody's work, or what was computed from
        another image; see :func:`check_new`.
    """
    top = int(labels.max(initial=0))
    kind = np.uint16 if top < 2**16 else np.int32
    _write_tiff(path, labels.astype(kind), axes, computed, of)


def write_probability(
    path: Path, probability: npt.NDArray[Any], axes: str | None = None, *, of: Origin | None = None
) -> None:
    """Write or replace a float32 TIFF, which is computed; parameters as :func:`write_labels`."""
    _write_tiff(path, probability.astype(np.float32), axes, computed=True, of=of)


def is_computed(path: Path) -> bool:
    """Whether a file was written by the command line, and not changed since by another program.

    All else may be somebody's work.
    """
    return bool(_stated(path))


def _stated(path: Path) -> str:
    """What a file that :func:`is_computed` knows says of itself; "" = it does not know it."""
    with contextlib.suppress(BadInput), _clear_errors(path):
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            said = str(tiff.pages.first.software)
        if said.startswith(COMPUTED) and STATED.sub("", said) == _signed(read_tiff(path)[0]):
            return said
    return ""


def check_new(path: Path, of: Origin | None = None) -> None:
    """Refuse to write what was computed, `of` an image, over a file that may be somebody's work.

    Raises
    ------
    BadInput
        If there is a file that :func:`is_computed` does not know, or something else, or what was
        computed from another image.
    """
    if not holds_something(path):
        return
    said = _stated(path)
    if not said:
        raise BadInput(
            f"{path} is there already and may be made by hand: it was not written by this command;"
            " name another place for the results, or move it"
        )
    if of is not None and not of.is_in(said):
        raise BadInput(
            f"{path} is there already and is the result of another image than {of.path}; name"
            " another place for the results, or move it"
        )


def _signed(array: npt.NDArray[Any]) -> str:
    """What stands in a file that holds this, as it was computed."""
    return f"{COMPUTED}, pixels {digest(np.ascontiguousarray(array).data)}"


def _mapped(path: Path) -> npt.NDArray[Any]:
    """An ``.npy`` file, memory-mapped: what its header says is compared with its size."""
    array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    return array


def _check_numbers(path: Path, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "buif":
        raise BadInput(f"{path} holds {dtype} values; an image holds whole numbers or fractions")


def _write_tiff(
    path: Path, array: npt.NDArray[Any], axes: str | None, computed: bool, of: Origin | None
) -> None:
    import tifffile

    if computed:  # it may have been made meanwhile
        check_new(path, of)
    letters = axes or {2: "YX", 3: "ZYX"}.get(array.ndim, "")
    with replacing(behind_link(path)) as beside:
        tifffile.imwrite(
            beside,
            array,
            bigtiff=array.nbytes > CLASSIC,  # compressed it may still be too large
            compression="zlib",
            photometric="minisblack",  # three slices are not red, green and blue
            metadata={"axes": letters} if letters else {},  # the shape is kept in any case
            software=_signed(array) + (of.words if of else "") if computed else None,
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
    check_plain(path)  # a pipe would be waited for
    try:
        yield
    except BadInput:
        raise
    except MemoryError as error:  # of a header, which may say anything
        raise BadInput(f"{path} does not fit into memory, or is damaged") from error
    except OSError as error:
        if error.errno is not None:  # the system's, such as a missing permission
            raise
        raise BadInput(f"{path} is not a readable image, or is cut off") from error
    except _BROKEN as error:
        raise BadInput(f"{path} is not a readable image, or is cut off") from error
