"""Which files belong to one of Micro-Manager's, looked at before tifffile follows any.

It writes a large recording into several files: stacks that are called alike, or those that an index
beside them names (NDTiff). tifffile takes whatever is called so, be it of another recording.
"""

from __future__ import annotations

import glob
import io
import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

from .guarded import check_plain, sibling
from .ome import MOST_PLANES

INDEX = "NDTiff.index"
LENGTHS = ("Channels", "Slices", "Frames", "Positions")  # as planned, in the order of its indices
FULL = 2**32 - 2**27  # bytes, within a plane of the 4 GiB at which it begins another file


class Alone(io.BufferedReader):
    """A file that tifffile takes for a stream, beside which nothing lies."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(os.path.realpath(path)))

    def fileno(self) -> int:
        """None: that is how tifffile knows a stream."""
        raise io.UnsupportedOperation


def stands_alone(path: Path) -> bool | None:
    """Whether a file of Micro-Manager's holds all of its image; None: it is no stack of it.

    Positions are images of their own: a file is not read together with those of other positions.
    Where others belong to its image, tifffile finds them.

    Raises
    ------
    BadInput
        If it is one of several of a set, and what lies beside it is not the rest of that set.
    """
    import tifffile

    here = Path(os.path.realpath(path))  # beside which tifffile looks, too
    with tifffile.TiffFile(here) as tiff:
        if tiff.is_mmstack:
            return _stack_alone(path, here)
        return True if tiff.is_ndtiff and _indexed_alone(path, here) else None


def _stack_alone(path: Path, here: Path) -> bool | None:
    own = _said(here)
    summary = own["Summary"]
    if not {"MicroManagerVersion", "Frames"} <= summary.keys():
        return None  # nor does tifffile read it as a stack
    index = own["IndexMap"]
    planned = [int(summary.get(length, 1)) for length in LENGTHS]
    _check_count(path, index[:, :4])
    prefix = summary.get("Prefix") or here.name.split("_MMStack")[0]
    alike = [
        other
        for other in sorted(here.parent.iterdir())
        if other != here and other.name.startswith(f"{prefix}_MMStack") and other.suffix == ".tif"
    ]
    same = {other: _said(other) for other in alike}
    same = {other: said for other, said in same.items() if said.get("Summary") == summary}
    if not any(_goes_on(own, said) for said in same.values()):
        rest = math.prod(planned[:3]) * len(set(index[:, 3].tolist())) - len(index)
        full = rest > 0 and here.stat().st_size > FULL
        if full or index[:, :3].min(axis=0).any():
            raise BadInput(
                f"{path} is one file of several and does not hold the {'last' if full else 'first'}"
                " planes: put all of them into one folder, with the names that they had"
            )
        return True
    _check_count(path, [[0], [math.prod(planned) - 1]])  # all of which tifffile makes a list of
    for other in alike:
        if other in same and not _positions(own) & _positions(same[other]):
            raise BadInput(  # apart, too: tifffile misses the planes of the others
                f"{path} is one file of a set of several positions, of which one takes more than"
                " one file: save each position as one file of its own"
            )
        if other not in same or not _goes_on(own, same[other]):
            raise BadInput(
                f"{path} is one file of a set, and {other.name} beside it is called like them and"
                " holds something else: move that into another folder"
            )
    start = str(here.parent / prefix)
    found = {Path(name) for name in glob.glob(f"{start}_MMStack*.tif")}  # by which tifffile goes
    if glob.escape(start) != start and found != {here, *alike}:
        raise BadInput(
            f"{path} is one file of a set, and the others are not found where a path holds [, * or"
            " ?: move all into a folder without them, or save the set as one file"
        )
    return False


def _check_count(path: Path, planes: npt.ArrayLike) -> None:
    """Refuse more planes than any file has; `planes` are the places (n, axes) of some of them."""
    places = np.asarray(planes, np.int64)
    if math.prod(int(n) + 1 for n in np.ptp(places, axis=0)) > MOST_PLANES:
        raise BadInput(f"{path} is damaged: it tells of more than {MOST_PLANES} planes")


def _goes_on(own: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether another file holds further planes of a position; a copy holds the same ones."""
    ours, theirs = (
        {tuple(x[:4]) for x in said.get("IndexMap", ())} for said in (own, other)
    )  # channel, slice, time and position of each plane
    return bool(_positions(own) & _positions(other)) and not ours & theirs


def _positions(said: dict[str, Any]) -> set[int]:
    return {int(x[3]) for x in said.get("IndexMap", ())}


def _indexed_alone(path: Path, here: Path) -> bool:
    import tifffile

    check_plain(here.parent / INDEX)
    planes = list(tifffile.read_ndtiff_index(here.parent / INDEX))
    names = {name for _, name, *_ in planes}
    if here.name not in names:  # the index is of another recording, or the file was renamed
        return True
    _check_count(
        path, [[n for _, n in sorted(x.items()) if isinstance(n, int)] for x, *_ in planes]
    )
    for name in sorted(names - {here.name}):
        other = sibling(here, name)
        if other is None or _said(other).get("Summary") != _said(here).get("Summary"):
            state = "not beside it" if other is None else "of another recording"
            raise BadInput(
                f"{path} is one file of several by {INDEX} beside it, and {name} is {state}: put"
                " the files of one recording into a folder of their own"
            )
    return False


def _said(path: Path) -> dict[str, Any]:
    """What Micro-Manager says of a file; nothing of what is none of its."""
    import tifffile

    try:
        check_plain(path)  # a pipe would be waited for
        with path.open("rb") as file:
            return tifffile.read_micromanager_metadata(file, {"Summary", "IndexMap"})
    except (BadInput, OSError, ValueError, struct.error):
        return {}
