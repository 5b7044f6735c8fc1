"""NDTiff of Micro-Manager: the index beside a file may be another recording's."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image

SHAPE = (6, 8)
SIZE = SHAPE[0] * SHAPE[1]


def write_file(path: Path, value: int, recording: str, times: range = range(3)) -> bytes:
    """Planes of `value`, `value` + 1, ...; returns what the index says of them."""
    path.parent.mkdir(exist_ok=True)
    summary = json.dumps({"StartTime": recording}).encode()
    summary += b" " * (len(summary) % 2)
    start = at = 28 + len(summary)
    pages, index = b"", b""
    for time in times:
        settings, pixels = at + 146, at + 162
        tags = [(256, 8), (257, 6), (258, 8), (259, 1), (262, 1), (273, pixels), (277, 1), (278, 6)]
        entries = [struct.pack("<HHII", tag, 4, 1, n) for tag, n in [*tags, (279, SIZE)]]
        entries.append(struct.pack("<HHII", 51123, 2, 8, settings))
        page = struct.pack("<H", len(entries)) + b"".join(entries)
        page += struct.pack("<I", pixels + SIZE if time != times[-1] else 0)
        page = page.ljust(146, b"\0") + b"{}     \0"
        pages += page.ljust(162, b"\0") + bytes([value + time]) * SIZE
        for text in (json.dumps({"time": time}).encode(), path.name.encode()):
            index += struct.pack("<I", len(text)) + text
        index += struct.pack("<IiiiiIii", pixels, 8, 6, 0, 0, settings, 2, 0)
        at = pixels + SIZE
    file = struct.pack("<2sHI5I", b"II", 42, start, 483729, 3, 0, 2355492, len(summary))
    path.write_bytes(file + summary + pages)
    return index


def write(path: Path, value: int, recording: str = "Monday") -> None:
    index = write_file(path, value, recording)
    (path.parent / "NDTiff.index").write_bytes(index)


def values(path: Path) -> list[int]:
    pixels, axes = read_image(path)
    header = read_header(path)
    assert (header.shape, header.axes) == (pixels.shape, axes)
    return pixels[:, 0, 0].tolist()


def test_files_of_two_recordings_in_one_folder(tmp_path: Path) -> None:
    """The index of the second has replaced that of the first."""
    for i, path in enumerate((tmp_path / "1" / "a.tif", tmp_path / "2" / "b.tif")):
        write(path, 1 + 10 * i)
        assert values(path) == [n + 10 * i for n in (1, 2, 3)] and read_image(path)[1] == "TYX"
        for file in path.parent.iterdir():
            shutil.copy(file, tmp_path)
    assert values(tmp_path / "a.tif") == [1, 2, 3]
    assert values(tmp_path / "b.tif") == [11, 12, 13]


@pytest.mark.parametrize("beside", ["here", "elsewhere"])
def test_a_file_that_was_renamed(beside: str, tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 1)
    (tmp_path / "a.tif").rename(tmp_path / "b.tif")
    if beside == "here":
        write_file(tmp_path / "a.tif", 11, "Tuesday")
    assert values(tmp_path / "b.tif") == [1, 2, 3]


def test_one_recording_in_two_files(tmp_path: Path) -> None:
    index = b"".join(
        write_file(tmp_path / name, 1, "Monday", times)
        for name, times in (("a.tif", range(3)), ("a_1.tif", range(3, 5)))
    )
    (tmp_path / "NDTiff.index").write_bytes(index)
    for name in ("a.tif", "a_1.tif"):
        assert values(tmp_path / name) == [1, 2, 3, 4, 5]
    write_file(tmp_path / "a_1.tif", 50, "Tuesday", range(3, 5))
    with pytest.raises(BadInput, match=r"a_1\.tif is of another recording"):
        read_image(tmp_path / "a.tif")
    (tmp_path / "a_1.tif").unlink()
    with pytest.raises(BadInput, match=r"a_1\.tif is not beside it"):
        read_image(tmp_path / "a.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
@pytest.mark.parametrize("named", ["pipe.tif", "/other.tif"])
def test_an_index_leads_nowhere_else(named: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    index = write_file(tmp_path / "a.tif", 1, "Monday")
    other = index.replace(b"\5\0\0\0a.tif", struct.pack("<I", len(named)) + named.encode())
    (tmp_path / "NDTiff.index").write_bytes(index + other)
    with pytest.raises(BadInput, match=r"not a plain file|lie in another folder"):
        read_image(tmp_path / "a.tif")


def test_planes_without_number_take_no_memory(tmp_path: Path) -> None:
    index = write_file(tmp_path / "a.tif", 1, "Monday", range(2))
    many = index.replace(b'\x0b\0\0\0{"time": 1}', b'\x14\0\0\0{"time": 1000000000}')
    assert many != index
    (tmp_path / "NDTiff.index").write_bytes(many)
    with pytest.raises(BadInput, match="it tells of more than 1048576 planes"):
        read_image(tmp_path / "a.tif")
