"""What OME's XML says of a TIFF, looked at before tifffile follows it.

The XML names the file that each plane lies in, and how many there are. tifffile opens whatever has
that name by now, be it another image, and makes lists of that length.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from napari_unet.core.errors import BadInput

from .guarded import check_plain

MOST_PLANES = 2**20  # of any file; tifffile takes eight bytes and more for each that is told of


def ome_of(path: Path) -> str | None:
    """The XML to read a TIFF by; None: as it stands in the file, if there is any.

    Of a file that was renamed, and is one by itself, the same without names: all planes are here.

    Raises
    ------
    BadInput
        If it is one file of several and was renamed, if planes lie in other folders, where nothing
        is touched, or in what is no plain file, or if there are said to be too many.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        said, size = tiff.ome_metadata, tiff.pages.first.size
    if said is None:
        return None
    try:
        root = ElementTree.fromstring(said)
    except ElementTree.ParseError:  # tifffile complains of it, too
        return None
    if not all(count <= MOST_PLANES for count in _planes(root, size)):  # nor is it no number
        raise BadInput(f"{path} is damaged: it tells of more than {MOST_PLANES} planes")
    here = Path(os.path.realpath(path))  # beside which tifffile looks, too
    held = [x for x in root.iter() if x.tag.endswith("UUID") and "FileName" in x.attrib]
    names = {x.attrib["FileName"] for x in held}
    others = {x.attrib["FileName"] for x in held if not _is_here(x, root, here)} - {here.name}
    if not others:
        return None
    if here.name not in names:
        if len(names) == 1:
            return _without_names(root)
        raise BadInput(
            f"{path} is one file of several by what it says, and was renamed since: give each its"
            f" name back ({', '.join(sorted(names)[:3])}), or save them as one file"
        )
    for name in sorted(others):
        if re.search(r"[/\\:]", name):
            raise BadInput(
                f"{path} says that planes of it lie in another folder; save it as one file"
            )
        if (here.parent / name).exists():
            check_plain(here.parent / name)  # a pipe would be waited for
    return None


def _is_here(held: ElementTree.Element, root: ElementTree.Element, here: Path) -> bool:
    """Whether tifffile takes a file that is named for the one that it reads."""
    own = root.attrib.get("UUID")
    return held.attrib["FileName"].lower() == here.name.lower() if own is None else held.text == own


def _planes(root: ElementTree.Element, size: int) -> Iterator[float]:
    """How many planes there are said to be; `size` is that of the first, in numbers."""
    for x in root.iter():
        if "DimensionOrder" in x.attrib:
            lengths = [int(x.attrib[f"Size{axis}"]) for axis in x.attrib["DimensionOrder"]]
            yield math.prod(lengths) // max(size, 1)
            for data in x:
                yield from (int(data.attrib.get(n, 0)) for n in ("PlaneCount", "NumPlanes"))
        elif x.tag[:-1].endswith("ModuloAlong") and "Start" in x.attrib:  # an axis within another
            start, end, step = (float(x.attrib.get(n, 1)) for n in ("Start", "End", "Step"))
            yield (end - start) / step


def _without_names(root: ElementTree.Element) -> str:
    for data in list(root.iter()):
        for named in [x for x in data if x.tag.endswith("UUID")]:
            data.remove(named)
    return ElementTree.tostring(root, encoding="unicode")
