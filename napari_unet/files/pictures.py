"""PNG and JPEG in their own values: all 16 bits of a channel, ids of labels as they were saved."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.JpegImagePlugin
import PIL.PngImagePlugin

from napari_unet.core.errors import BadInput

# pillow's modes that are no plain grey or colour values: what they are read as. "LA" is grey
# with alpha, "P" a palette.
_PLAIN = {"LA": "L", "La": "L", "P": "RGB", "PA": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GREY, _COLOUR, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 4, 6  # a PNG's kinds of pixels
_CHANNELS = {_GREY: 1, _COLOUR: 3, _GREY_ALPHA: 1, _COLOUR_ALPHA: 4}


def read_picture(path: Path, indices: bool) -> tuple[npt.NDArray[Any], str]:
    """PNG or JPEG: grey (Y, X), or (Y, X, C) with three or four channels.

    Raises
    ------
    BadInput
        If it is an animation, or a JPEG is to hold exact values (`indices`).
    """
    start = _start(path)
    if indices and (path.suffix.lower() != ".png" or start.startswith(_JPEG)):
        raise BadInput(f"{path}: JPEG changes values, so it cannot hold labels; save them as TIFF")
    if _is_deep_colour(start):
        array = _deep(path, start)
    else:
        with _opened(path, start) as picture:
            mode = None if indices and picture.mode == "P" else _PLAIN.get(picture.mode)
            array = np.asarray(picture.convert(mode) if mode else picture)
        array = _unstretched(array, start)
    return array, "YX" if array.ndim == 2 else "YXC"


def picture_palette(path: Path) -> npt.NDArray[Any] | None:
    """The colours (n, 3) in which the numbers 0, 1, ... are shown; None = there is no palette."""
    with _opened(path, _start(path)) as picture:
        colours = picture.getpalette("RGB") if picture.mode == "P" else None
        return None if colours is None else np.reshape(colours, (-1, 3))


def picture_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], str]:
    """Shape, type and axes as :func:`read_picture` gives them; the pixels are not read."""
    start = _start(path)
    with _opened(path, start) as picture:
        mode = _PLAIN.get(picture.mode, picture.mode)
        # One pixel tells shape and type of all: converting the image would read it.
        pixel = np.asarray(PIL.Image.new(mode, (1, 1)))
        channels, dtype, size = pixel.shape[2:], pixel.dtype, (picture.height, picture.width)
    if _is_deep_colour(start):
        n = _CHANNELS[_png(start)[1]]
        channels, dtype = (() if n == 1 else (n,)), np.dtype(np.uint16)
    shape = (*size, *channels)
    return shape, dtype, "YX" if len(shape) == 2 else "YXC"


def _opened(path: Path, start: bytes) -> PIL.Image.Image:
    """The picture, whatever its suffix says, of any size.

    Not by `PIL.Image.open`: that refuses pictures of more than 179 million pixels, as slides
    have, and opens GIF and others, whose later frames would be lost.
    """
    if start.startswith(_PNG):
        picture: Any = PIL.PngImagePlugin.PngImageFile(path)
    elif start.startswith(_JPEG):
        picture = PIL.JpegImagePlugin.JpegImageFile(path)
    else:
        raise BadInput(f"{path} is not a readable image, or is cut off")
    if getattr(picture, "n_frames", 1) > 1:
        picture.close()
        raise BadInput(f"{path} is an animation of {picture.n_frames} frames: save it as TIFF")
    return picture


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(33)  # a PNG's signature and its first chunk, which says what it holds


def _png(start: bytes) -> tuple[int, int]:
    """Bits of a channel, and kind of pixels; (8, colour) for what is no PNG."""
    if not start.startswith(_PNG) or len(start) < 33:
        return 8, _COLOUR
    bits, kind = struct.unpack(">BB", start[24:26])
    return bits, kind


def _is_deep_colour(start: bytes) -> bool:
    """16 bits and more than grey: pillow would cut each channel to 8."""
    bits, kind = _png(start)
    return bits == 16 and kind in (_COLOUR, _GREY_ALPHA, _COLOUR_ALPHA)


def _deep(path: Path, start: bytes) -> npt.NDArray[np.uint16]:
    import imagecodecs

    with _opened(path, start):  # refuses what is an animation
        pass
    array: npt.NDArray[np.uint16] = imagecodecs.png_decode(path.read_bytes())
    channels = _CHANNELS[_png(start)[1]]
    return array[..., 0] if channels == 1 else array[..., :channels]


def _unstretched(array: npt.NDArray[Any], start: bytes) -> npt.NDArray[Any]:
    """Grey of 2 or 4 bits, which pillow stretches to 0..255, in the values of the file."""
    bits, kind = _png(start)
    return array // (255 // (2**bits - 1)) if kind == _GREY and bits in (2, 4) else array
