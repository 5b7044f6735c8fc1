"""What OME's XML says of a TIFF, looked at before tifffile follows it.

The XML names the file that each plane lies in, and how many there are. tifffile opens whatever has
that name by now, be it another image, and makes lists of that length.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from napari_unet.core.errors import BadInput

from .guarded import sibling

MOST_PLANES = 2**20  # of any file; tifffile takes eight bytes and more for each that is told of
DESCRIPTION = 270  # the tag that holds the axes, as XML, JSON or lines
BEGINNING = 2**14  # bytes of it that hold the first element, behind a comment perhaps


def ome_of(path: Path) -> str | None:
    """The XML to read a TIFF by; None: as it stands in the file, if there is any.

    Of a file that was renamed, and is one by itself, the same without names: all planes are here.

    Raises
    ------
    BadInput
        If what it holds is told by another file, if it is one file of several and was renamed
        without saying who it is, if planes lie in other folders, where nothing is touched, in what
        is no plain file or in a file of another image, or if there are said to be too many.
    """
    here = Path(os.path.realpath(path))  # beside which tifffile looks, too
    said, size = _said(here)
    if said is None:
        return None
    try:
        root = ElementTree.fromstring(said)
    except ElementTree.ParseError:  # tifffile complains of it, too
        return None
    _refuse_part(path, root)
    if not all(count <= MOST_PLANES for count in _planes(root, size)):  # nor is it no number
        raise BadInput(f"{path} is damaged: it tells of more than {MOST_PLANES} planes")
    raw, held = root.attrib.get("UUID"), _held(root)
    known = set[str | None]().union(*held.values())
    own = _plain(raw) if _plain(raw) in known else None
    mine = {name for name, who in held.items() if _is_here(name, who, own, here)}
    others = held.keys() - mine
    if not held:
        return None
    if not mine and len(held) == 1:
        return _without_names(root)
    if not mine or here.name in others:
        raise BadInput(
            f"{path} is one file of several by what it says, and was renamed since: give each its"
            f" name back ({', '.join(sorted(held)[:3])}), or save them as one file"
        )
    for name in sorted(others):
        other = sibling(here, name)
        who = None if other is None else _identity(other)
        if who in (None, *held[name]):
            continue
        if other is None or who in known or not _tells_of(other, held):
            raise BadInput(
                f"{path} says that planes of it lie in {name}, and the file of that name is one of"
                " another image: put the right one beside it, or save them as one file"
            )
    alike = raw is None or all(x.text == raw for x in _named(root) if x.attrib["FileName"] in mine)
    return None if alike else _in_one_spelling(root, own)


def _refuse_part(path: Path, root: ElementTree.Element) -> None:
    """:class:`BadInput` if another file tells what the planes of this one are."""
    for x in root:
        name = x.attrib.get("MetadataFile")
        if x.tag.endswith("BinaryOnly") and name is not None:
            opened = f"open {name}, or " if name.lower().endswith((".tif", ".tiff")) else ""
            raise BadInput(
                f"{path} is a part of the set that {name} describes:"
                f" {opened}save the set as one file"
            )


def _named(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """What is said of the files of planes: the name, and who that file is."""
    return (x for x in root.iter() if x.tag.endswith("UUID") and "FileName" in x.attrib)


def _held(root: ElementTree.Element) -> dict[str, set[str | None]]:
    """By name, who each file is."""
    held: dict[str, set[str | None]] = {}
    for x in _named(root):
        held.setdefault(x.attrib["FileName"], set()).add(_plain(x.text))
    return held


def _plain(uuid: str | None) -> str | None:
    """A UUID in one spelling: some programs write it in capitals, with blanks, or a prefix."""
    return None if uuid is None else uuid.strip().lower().removeprefix("urn:uuid:")


def _is_here(name: str, who: set[str | None], own: str | None, here: Path) -> bool:
    """Whether what is said of a file is said of the one that is read.

    A file that says who it is may have been renamed, and another may have its name by now. Where
    `own` is None it does not say that, or nothing that any plane is said to lie in.
    """
    return name.lower() == here.name.lower() if own is None else who == {own}


def _said(path: Path) -> tuple[str | None, int]:
    """The XML of a file, if there is any, and how many numbers its first plane has."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.ome_metadata, tiff.pages.first.size


def _identity(path: Path) -> str | None:
    """Who a file says that it is; None: it does not, or it is no such file.

    Only the beginning is read: each file of a set may tell of the planes of all.
    """
    import tifffile

    parser: ElementTree.XMLPullParser[ElementTree.Element] = ElementTree.XMLPullParser(["start"])
    with suppress(ElementTree.ParseError, ValueError, OSError), tifffile.TiffFile(path) as tiff:
        if (said := tiff.pages.first.tags.get(DESCRIPTION)) is not None:
            tiff.filehandle.seek(said.valueoffset)
            parser.feed(tiff.filehandle.read(min(said.valuebytecount, BEGINNING)))
    with suppress(ElementTree.ParseError):
        first = next(iter(parser.read_events()), ("",))[-1]
        if isinstance(first, ElementTree.Element) and first.tag.endswith("OME"):
            return _plain(first.attrib.get("UUID"))
    return None


def _tells_of(path: Path, held: dict[str, set[str | None]]) -> bool:
    """Whether a file tells of the same files as another does, and of each who it is."""
    with suppress(ElementTree.ParseError, ValueError, OSError):
        if said := _said(path)[0]:
            return _held(ElementTree.fromstring(said)) == held
    return False


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


def _in_one_spelling(root: ElementTree.Element, own: str | None) -> str:
    """The XML with UUIDs that tifffile, which compares letters, finds alike; `own` of this file."""
    root.attrib.pop("UUID")
    if own is not None:
        root.attrib["UUID"] = own
    for x in _named(root):
        x.text = _plain(x.text)
    return ElementTree.tostring(root, encoding="unicode")
