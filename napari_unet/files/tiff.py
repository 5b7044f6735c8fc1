"""Reading a TIFF whole or not at all: no plane, page or series is left out silently.

tifffile itself passes a file over that is cut off: pages behind the cut are left out, missing
pixels come back as zeros, and of several images only the first is given. In someone's data that
is a silent hole.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

from .micromanager import Alone, stands_alone
from .ome import DESCRIPTION, ome_of

# tifffile's words for pixels that are not there, in what it logs as mere warnings. Of odd
# metadata (tags, dates, positions of a stage) it warns, too; they change no pixel.
_HOLES = (
    "missing",
    "corrupted file",
    "does not match",
    "series failed to read",
    "failed to read index map",  # of Micro-Manager; its settings of a display are often damaged
    "failed to reshape",
    "incompletely written",
    "out of range",
    "frames, got",
    "segments, got",
    "discontiguous",
)
_BROKEN_OFF = "Returning subset"  # a recording of fewer planes than planned; those are all there
_JPEG = (6, 7)  # numbers of compressions; of 8 bits they are lossy
# JPEG XR, JPEG XL, JPEG 2000 and LERC, of which the tag does not tell whether they are lossless:
# labels seldom are in them, and a few pixels of other ids at each border would be taken for cells
_MAY_CHANGE = (22610, 34934, 50002, 52546, 33003, 33004, 33005, 34712, 34887)
_WHITE_IS_0 = 0  # in the tag that says how numbers are shown
# A preview or the photograph of a slide's label is at most so large, of the image's sides.
PREVIEW = 1 / 8


@contextmanager
def open_series(path: Path) -> Iterator[Any]:
    """The one image series of a TIFF whose pixels are all there.

    Raises
    ------
    BadInput
        If the file is cut off or lacks planes, or holds several images; and as
        :func:`.micromanager.stands_alone` and :func:`.ome.ome_of`.
    """
    import tifffile

    with _Complaints():
        alone = stands_alone(path)
        ome = ome_of(path) if alone is None else None  # of a stack tifffile heeds no XML
    with (
        _Complaints() as complaints,
        Alone(path) if alone else nullcontext(path) as file,
        tifffile.TiffFile(file, omexml=ome) as tiff,
    ):
        size = path.stat().st_size
        series = tiff.series[0]
        pages = [page for page in series.pages if page is not None and page.parent is tiff]
        ends = [a + n for p in pages for a, n in zip(p.dataoffsets, p.databytecounts, strict=True)]
        if series.dataoffset is not None:  # all planes in one piece; only the first has its page
            ends.append(series.dataoffset + series.nbytes)
        described = tiff.pages.first.tags.get(DESCRIPTION)
        if described is not None:  # what the planes are; cut off, all would be slices
            ends.append(described.valueoffset + described.valuebytecount)
        if complaints.of("invalid page offset") or max(ends, default=0) > size:
            raise BadInput(f"{path} is cut off: pixels are missing at its end")
        missing = sum(page is None for page in series.pages)
        if missing:  # of a recording that was broken off, or whose other files lie elsewhere
            raise BadInput(
                f"{path} lacks {missing} of its {len(series.pages)} planes: "
                "save those that are there as a file of their own"
            )
        if not series.keyframe.is_tiled and any(0 in page.databytecounts for page in pages):
            raise BadInput(f"{path} is cut off: strips of pixels were never written")
        _refuse_holes(path, complaints)
        others = [s for s in tiff.series[1:] if not _is_preview(s, series)]
        if others:
            raise BadInput(
                f"{path} holds {1 + len(others)} images, of the shapes"
                f" {_shapes([series, *others])}: save the one that you mean as a file of its own,"
                " or all of them as one stack"
            )
        yield series
        _refuse_holes(path, complaints)  # some show only when the pixels are read


def read_tiff(path: Path, exact: bool = False) -> tuple[npt.NDArray[Any], str | None]:
    """Pixels and axes.

    Raises
    ------
    BadInput
        As :func:`open_series`; and where `exact` values are wanted, of what may have changed them.
    """
    with open_series(path) as series:
        how, bits = int(series.keyframe.compression), series.keyframe.bitspersample
        if exact and (how in _MAY_CHANGE or (how in _JPEG and bits == 8)):
            raise BadInput(
                f"{path} is compressed as {series.keyframe.compression.name}, which may change"
                " values, so it cannot hold labels; save them with another compression"
            )
        axes = _without_samples(series) if exact else series.axes
        return np.asarray(series.asarray()), axes


def _without_samples(series: Any) -> str:
    """The axes, without the letter of colours where they are but three or four planes.

    tifffile writes any such stack as colours one after the other, as do those who write by it:
    napari, scikit-image and imageio. It adds the shape, by which its files are known.
    """
    axes, page = str(series.axes), series.keyframe
    planes = not axes.endswith("S") and (series.kind == "shaped" or page.bitspersample > 16)
    return axes.replace("S", "Q") if planes else axes


def tiff_palette(path: Path) -> npt.NDArray[Any] | None:
    """The colours (n, 3) in which the numbers 0, 1, ... are shown; None = in shades of grey.

    A fax is one, too: of one bit, with 0 in white. Not so what Python has written from truth
    values, nor masks of more bits that Fiji shows inverted: there the numbers are what is meant.
    """
    with open_series(path) as series:
        page = series.keyframe
        by_python = str(page.software).startswith("tifffile")
        if page.bitspersample == 1 and page.photometric == _WHITE_IS_0 and not by_python:
            return np.array([[1, 1, 1], [0, 0, 0]])
        return None if page.colormap is None else np.asarray(page.colormap).T


def _refuse_holes(path: Path, complaints: _Complaints) -> None:
    if complaints.holes:
        raise BadInput(
            f"{path} is cut off or damaged: its header tells of other planes than are there"
        )


def _is_preview(series: Any, main: Any) -> bool:
    """Whether a series shows the first one again, smaller, or the slide that it was taken of."""
    page, first = series.keyframe, main.keyframe
    small = (
        page.imagelength <= PREVIEW * first.imagelength
        and page.imagewidth <= PREVIEW * first.imagewidth
    )
    return bool(page.is_reduced) or small


def _shapes(series: list[Any]) -> str:
    """Such as "(32, 32) and (64, 64)"; each shape once, three at most."""
    shapes = list(dict.fromkeys(str(tuple(s.shape)) for s in series))
    return " and ".join(shapes[:3]) + (" and others" if len(shapes) > 3 else "")


class _Complaints(logging.Filter):
    """Keeps what tifffile logs, which would be words on stderr that nobody asked for.

    So would be its warning that it opens the second file of a set once more.
    """

    def __enter__(self) -> _Complaints:
        self.messages: list[tuple[int, str]] = []
        self.thread = threading.get_ident()  # another may be reading another file
        logging.getLogger("tifffile").addFilter(self)
        self.quiet = warnings.catch_warnings()
        self.quiet.__enter__()
        warnings.filterwarnings("ignore", ".*reading array from closed file")
        return self

    def __exit__(self, *_: object) -> None:
        self.quiet.__exit__(None, None, None)
        logging.getLogger("tifffile").removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread not in (self.thread, None):
            return True
        self.messages.append((record.levelno, record.getMessage()))
        return False

    def of(self, words: str) -> bool:
        return any(words in message for _, message in self.messages)

    @property
    def holes(self) -> list[str]:
        """The complaints that mean missing pixels: errors, but of a single tag, and some more."""
        return [
            message
            for level, message in self.messages
            if _BROKEN_OFF not in message
            and ("TiffTag" not in message or f"TiffTag {DESCRIPTION} " in message)
            and (level >= logging.ERROR or any(words in message for words in _HOLES))
        ]
