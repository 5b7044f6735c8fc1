"""TIFF with OME's XML, which may name other files: planes are neither lost nor another file's."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image

OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="8" SizeY="6"
SizeZ="3" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>{planes}</Pixels></Image></OME>"""
PLANE = '<TiffData IFD="{0}" FirstZ="{0}" PlaneCount="1"/>'


def test_planes_that_are_missing(tmp_path: Path) -> None:
    for count in (3, 2):
        text = OME.format(planes="".join(PLANE.format(i) for i in range(count)))
        path = tmp_path / f"{count}.ome.tif"
        with tifffile.TiffWriter(path) as tiff:
            for index in range(count):
                plane = np.full((6, 8), index + 1, np.uint8)
                tiff.write(plane, description=text if not index else None, metadata=None)
    assert read_image(tmp_path / "3.ome.tif")[0].max() == 3
    with pytest.raises(BadInput, match="lacks 1 of its 3 planes"):
        read_image(tmp_path / "2.ome.tif")


def write_ome(path: Path, value: int, *names: str) -> None:
    """One plane, and XML by which planes 0, 1, ... lie in the files of these names."""
    held = "".join(
        PLANE.format(i).replace("/>", f'><UUID FileName="{name}">{name}</UUID></TiffData>')
        for i, name in enumerate(names)
    ).replace('IFD="1"', 'IFD="0"')
    text = OME.format(planes=held).replace('SizeZ="3"', f'SizeZ="{len(names)}"')
    tifffile.imwrite(
        path, np.full((6, 8), value, np.uint8), description=text, metadata=None, compression="zlib"
    )


@pytest.mark.parametrize("named", ["a.ome.tif", "gone.ome.tif", "../a.ome.tif"])
def test_a_file_that_was_renamed_holds_its_own_pixels(named: str, tmp_path: Path) -> None:
    """Its XML names the file that it was; that may be another one by now."""
    write_ome(tmp_path / "a.ome.tif", 1, "a.ome.tif")
    write_ome(tmp_path / "b.ome.tif", 2, named)
    for name, value in (("a.ome.tif", 1), ("b.ome.tif", 2)):
        assert (read_image(tmp_path / name)[0] == value).all()
        assert read_header(tmp_path / name).shape == (6, 8)


def test_planes_in_several_files(tmp_path: Path) -> None:
    for value, name in enumerate(("a.ome.tif", "b.ome.tif"), start=1):
        write_ome(tmp_path / name, value, "a.ome.tif", "b.ome.tif")
    found, axes = read_image(tmp_path / "a.ome.tif")
    assert found[:, 0, 0].tolist() == [1, 2] and axes == "ZYX"
    for other in ("../b.ome.tif", r"\\host\share\b.tif", "/b.ome.tif"):
        write_ome(tmp_path / "c.ome.tif", 3, "c.ome.tif", other)
        with pytest.raises(BadInput, match="planes of it lie in another folder"):
            read_image(tmp_path / "c.ome.tif")


def test_one_of_several_files_that_was_renamed_is_not_another(tmp_path: Path) -> None:
    """The old names are those of another set by now."""
    for value, name in enumerate(("a.ome.tif", "b.ome.tif", "c.ome.tif"), start=1):
        write_ome(tmp_path / name, value, "a.ome.tif", "b.ome.tif")
    with pytest.raises(BadInput, match=r"was renamed since: .* \(a\.ome\.tif, b\.ome\.tif\)"):
        read_image(tmp_path / "c.ome.tif")


def write_set(folder: Path, value: int) -> list[Path]:
    """Two files, of which each says who it is."""
    folder.mkdir()
    paths = [folder / name for name in ("a.ome.tif", "b.ome.tif")]
    for i, path in enumerate(paths):
        write_ome(path, value + i, "a.ome.tif", "b.ome.tif")
        with tifffile.TiffFile(path) as tiff:
            text = tiff.ome_metadata or ""
        for other in paths:
            text = text.replace(f">{other.name}</UUID>", f">{value} {other.stem}</UUID>")
        text = text.replace("<OME ", f'<OME UUID="{value} {path.stem}" ')
        plane = np.full((6, 8), value + i, np.uint8)
        tifffile.imwrite(path, plane, description=text, metadata=None)
    return paths


def say(path: Path, change: Callable[[str], str]) -> None:
    """Write a file again with other XML."""
    with tifffile.TiffFile(path) as tiff:
        text, plane = change(tiff.ome_metadata or ""), tiff.pages.first.asarray()
    tifffile.imwrite(path, plane, description=text, metadata=None)


def values(path: Path) -> list[int]:
    return read_image(path)[0][:, 0, 0].tolist()


def test_a_set_of_which_a_file_was_replaced_by_that_of_another(tmp_path: Path) -> None:
    ours, others = write_set(tmp_path / "1", 1), write_set(tmp_path / "2", 11)
    assert values(ours[0]) == values(ours[1]) == [1, 2] and values(others[0]) == [11, 12]
    others[0].replace(ours[0])
    for path, other in (ours, ours[::-1]):
        words = f"planes of it lie in {other.name}, and the file of that name is one of another"
        with pytest.raises(BadInput, match=words):
            read_image(path)


SPELLINGS = [
    (r'UUID="([\w .]+)"', r'UUID="urn:uuid:\1"'),
    (r'UUID="([\w .]+)"', r'UUID="\1 "'),
    (r'UUID="(\d+) a.ome"', r'UUID="\1 A.OME"'),
    (r">([\w .]+)</UUID>", r">\n urn:uuid:\1 \n</UUID>"),
]


@pytest.mark.parametrize(("found", "spelt"), SPELLINGS)
def test_a_set_in_which_uuids_are_spelt_in_two_ways(found: str, spelt: str, tmp_path: Path) -> None:
    first, second = write_set(tmp_path / "1", 1)
    for path in (first, second):
        say(path, lambda text: re.sub(found, spelt, text))
    assert values(first) == values(second) == [1, 2]
    renamed = first.rename(tmp_path / "1" / "c.ome.tif")
    write_ome(first, 9, "a.ome.tif")  # of another image
    assert values(renamed) == [1, 2]


def test_a_set_whose_files_say_that_they_are_none_of_it(tmp_path: Path) -> None:
    """As some programs write: each file has a UUID of its own, by which no plane is found."""
    ours, others = write_set(tmp_path / "1", 1), write_set(tmp_path / "2", 11)
    for path in (*ours, *others):
        say(path, lambda text: text.replace('<OME UUID="', '<OME UUID="file '))
    assert values(ours[0]) == values(ours[1]) == [1, 2]
    others[0].replace(ours[0])
    with pytest.raises(BadInput, match="the file of that name is one of another image"):
        values(ours[1])


def test_a_file_of_a_set_that_was_copied_over_another_is_not_read_twice(tmp_path: Path) -> None:
    first, second = write_set(tmp_path / "1", 1)
    second.write_bytes(first.read_bytes())
    with pytest.raises(BadInput, match="the file of that name is one of another image"):
        values(first)


def test_of_the_other_files_of_a_set_only_the_beginning_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may tell of the planes of all: a thousand files would take minutes."""
    paths = write_set(tmp_path / "1", 1)
    parsed, real = [], ElementTree.fromstring

    def fromstring(text: str) -> ElementTree.Element:
        parsed.append(text)
        return real(text)

    monkeypatch.setattr(ElementTree, "fromstring", fromstring)
    with tifffile.TiffFile(paths[0]) as tiff:
        assert len(tiff.series) == 1
    by_tifffile = len(parsed)
    assert values(paths[0]) == [1, 2] and len(parsed) - by_tifffile == by_tifffile + 1


def test_a_set_whose_files_have_exchanged_their_names(tmp_path: Path) -> None:
    first, second = write_set(tmp_path / "1", 1)
    first.rename(tmp_path / "1" / "c.ome.tif")
    second.rename(first)
    with pytest.raises(BadInput, match="was renamed since"):
        read_image(first)  # its name is that of the other's planes
    (tmp_path / "1" / "c.ome.tif").rename(second)
    with pytest.raises(BadInput, match="was renamed since"):
        read_image(first)


def test_a_file_that_says_who_it_is_may_be_renamed(tmp_path: Path) -> None:
    _, second = write_set(tmp_path / "1", 1)
    assert values(second.rename(tmp_path / "1" / "c.ome.tif")) == [1, 2]


def test_a_file_that_was_renamed_keeps_its_channels(tmp_path: Path) -> None:
    held = PLANE.format(0).replace("/>", '><UUID FileName="a.ome.tif">a</UUID></TiffData>')
    held = held.replace('PlaneCount="1"', 'PlaneCount="5"')
    text = OME.format(planes=held).replace('SizeZ="3" SizeC="1"', 'SizeZ="1" SizeC="5"')
    for name in ("a.ome.tif", "b.ome.tif"):
        with tifffile.TiffWriter(tmp_path / name) as tiff:
            for index in range(5):
                plane = np.full((6, 8), index, np.uint8)
                tiff.write(plane, description=None if index else text, metadata=None)
        found, axes = read_image(tmp_path / name)
        assert axes == "CYX" and found[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_planes_elsewhere_are_not_looked_for_beside_a_plane_here(tmp_path: Path) -> None:
    """Two planes of one name, of which one is known by its identity."""
    (tmp_path / "sub").mkdir()
    write_ome(tmp_path / "a.ome.tif", 1, "a.ome.tif")
    path = tmp_path / "sub" / "b.ome.tif"
    write_ome(path, 2, "../a.ome.tif", "../a.ome.tif")
    with tifffile.TiffFile(path) as tiff:
        text = (tiff.ome_metadata or "").replace("<OME ", '<OME UUID="b" ')
    text = text.replace(">../a.ome.tif</UUID>", ">b</UUID>", 1)
    tifffile.imwrite(path, np.full((6, 8), 2, np.uint8), description=text, metadata=None)
    assert (read_image(path)[0] == 2).all()


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own")
def test_behind_a_link_a_file_has_another_name(tmp_path: Path) -> None:
    """As in the stores of git-annex and DataLad."""
    (tmp_path / "store").mkdir()
    write_ome(tmp_path / "store" / "0a1b.ome.tif", 1, "a.ome.tif")
    write_ome(tmp_path / "store" / "a.ome.tif", 2, "a.ome.tif")
    (tmp_path / "a.ome.tif").symlink_to(tmp_path / "store" / "0a1b.ome.tif")
    assert (read_image(tmp_path / "a.ome.tif")[0] == 1).all()


@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        ('SizeZ="3"', 'SizeZ="2000000000"'),
        ('SizeX="8"', 'SizeX="200000000000"'),
        ('PlaneCount="1"', 'PlaneCount="2000000000"'),
        ("</Image>", '</Image><Modulo><ModuloAlongZ Start="0" End="1" Step="1e-10"/></Modulo>'),
        ("</Image>", '</Image><Modulo><ModuloAlongZ Start="0" End="1" Step="nan"/></Modulo>'),
    ],
)
def test_planes_without_number_take_no_memory(plain: str, odd: str, tmp_path: Path) -> None:
    text = OME.format(planes=PLANE.format(0)).replace(plain, odd)
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ones((6, 8), np.uint8), description=text)
    with pytest.raises(BadInput, match="it tells of more than 1048576 planes"):
        read_image(tmp_path / "a.ome.tif")


def test_what_a_microscope_adds_is_no_plane(tmp_path: Path) -> None:
    own = "</Image><StructuredAnnotations><NumberOfPixels>48</NumberOfPixels><StepAlong/>"
    text = OME.format(planes="".join(PLANE.format(i) for i in range(3)))
    text = text.replace("</Image>", f"{own}</StructuredAnnotations>")
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tiff:
        for index in range(3):
            plane = np.full((6, 8), index, np.uint8)
            tiff.write(plane, description=None if index else text, metadata=None)
    assert read_image(tmp_path / "a.ome.tif")[1] == "ZYX"


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{10 * f"&l{i};"}">' for i in range(9))
DEEP = 50_000


@pytest.mark.parametrize(
    "hostile",
    [
        f'<!DOCTYPE OME [<!ENTITY l0 "ha">{LAUGHS}]><OME>&l9;</OME>',
        f"{'<OME>' * DEEP}{'</OME>' * DEEP}",
        "<OME " + " ".join(f"a{i}='b'" for i in range(DEEP)) + "></OME>",
        f"<OME><UUID>{2_000_000 * 'x'}</UUID></OME>",
        "<OME>" + DEEP * "<UUID FileName='x</OME>",
    ],
    ids=["entities", "depth", "attributes", "text", "broken"],
)
def test_no_xml_takes_long(hostile: str, tmp_path: Path) -> None:
    kind = {"description": hostile, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", np.ones((6, 8), np.uint8), **kind)
    began = time.process_time()
    with contextlib.suppress(BadInput):
        assert (read_image(tmp_path / "a.tif")[0] == 1).all()
    assert time.process_time() - began < 5  # s; each takes a few tenths


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
def test_planes_in_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    write_ome(tmp_path / "a.ome.tif", 1, "a.ome.tif", "pipe.tif")
    with pytest.raises(BadInput, match="not a plain file"):
        read_image(tmp_path / "a.ome.tif")
