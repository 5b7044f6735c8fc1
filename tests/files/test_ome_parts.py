"""TIFF of OME that are parts of a set: what another file says of them, or they of another."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image

from .test_ome import say, values, write_ome, write_set


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("a.ome.tif", "open a.ome.tif, or save the set as one file"),
        ("a.companion.ome", "save the set as one file"),
    ],
)
def test_a_part_that_another_file_describes_is_not_the_whole(
    name: str, out: str, tmp_path: Path
) -> None:
    _, part = write_set(tmp_path / "1", 1)
    only = f'<BinaryOnly MetadataFile="{name}" UUID="1 a"/>'
    say(part, lambda text: re.sub("<Image.*</Image>", only, text, flags=re.DOTALL))
    words = rf"b\.ome\.tif is a part of the set that {re.escape(name)} describes: {re.escape(out)}$"
    for read in (read_image, read_header):
        with pytest.raises(BadInput, match=words):
            read(part)
    assert values(tmp_path / "1" / "a.ome.tif") == [1, 2]


@pytest.mark.skipif(os.name != "posix", reason="elsewhere such a name may be there")
def test_planes_under_a_name_that_no_file_can_have_are_missing(tmp_path: Path) -> None:
    write_ome(tmp_path / "a.ome.tif", 1, "a.ome.tif", 400 * "x")
    with pytest.raises(BadInput, match="lacks 1 of its 2 planes"):
        read_image(tmp_path / "a.ome.tif")
