"""TIFF with OME's XML, which may name other files: planes are neither lost nor another file's."""

from __future__ import annotations

import os
from pathlib import Path

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


@pytest.mark.filterwarnings("ignore:.*closed file")  # tifffile's, of the second file
def test_planes_in_several_files(tmp_path: Path) -> None:
    for value, name in enumerate(("a.ome.tif", "b.ome.tif"), start=1):
        write_ome(tmp_path / name, value, "a.ome.tif", "b.ome.tif")
    found, axes = read_image(tmp_path / "a.ome.tif")
    assert found[:, 0, 0].tolist() == [1, 2] and axes == "ZYX"
    for other in ("../b.ome.tif", r"\\host\share\b.tif", "/b.ome.tif"):
        write_ome(tmp_path / "c.ome.tif", 3, "c.ome.tif", other)
        with pytest.raises(BadInput, match="planes of it lie in another folder"):
            read_image(tmp_path / "c.ome.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
def test_planes_in_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    write_ome(tmp_path / "a.ome.tif", 1, "a.ome.tif", "pipe.tif")
    with pytest.raises(BadInput, match="not a plain file"):
        read_image(tmp_path / "a.ome.tif")
