"""Stacks of Micro-Manager, which tifffile reads as a set by their names."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files import micromanager
from napari_unet.files.images import read_header, read_image, write_labels

SHAPE = (6, 8)
POSITIONS = [f"img_MMStack_Pos{i}.tif" for i in range(2)]


def write_stack(path: Path, value: int, *planes: tuple[int, int, int, int], **said: Any) -> None:
    """Planes of `value`, `value` + 1, ...; its settings of the display cannot be read.

    Each plane is its channel, slice, time and position; `said` are lengths planned, and more.
    """
    counts = {"Frames": 1, "Slices": 1, "Channels": 1, "Positions": 1}
    about = {"MicroManagerVersion": "2.0", "Prefix": "img", **counts, **said}
    summary = json.dumps(about).encode()
    summary += b" " * (len(summary) % 2)
    size, at = SHAPE[0] * SHAPE[1], 40 + len(summary)
    pages, index = b"", struct.pack("<2I", 3453623, len(planes))
    for i, plane in enumerate(planes):
        settings, pixels = at + 146, at + 162
        tags = [(256, 8), (257, 6), (258, 8), (259, 1), (262, 1), (273, pixels), (277, 1), (278, 6)]
        entries = [struct.pack("<HHII", tag, 4, 1, n) for tag, n in [*tags, (279, size)]]
        entries.append(struct.pack("<HHII", 51123, 2, 8, settings))
        page = struct.pack("<H", len(entries)) + b"".join(entries)
        page += struct.pack("<I", pixels + size if plane is not planes[-1] else 0)
        page = page.ljust(146, b"\0") + b"{}     \0"
        pages += page.ljust(162, b"\0") + bytes([value + i]) * size
        index += struct.pack("<5I", *plane, at)
        at = pixels + size
    file = struct.pack("<2sHI", b"II", 42, 40 + len(summary))
    file += struct.pack("<8I", 54773648, at, 0, 0, 0, 0, 2355492, len(summary))
    path.write_bytes(file + summary + pages + index)


def write_positions(folder: Path, **said: Any) -> list[Path]:
    """Two positions, a file with two slices each: 1 and 2, 11 and 12."""
    paths = [folder / name for name in POSITIONS]
    for i, path in enumerate(paths):
        planes = [(0, z, 0, i) for z in range(2)]
        write_stack(path, 1 + 10 * i, *planes, Slices=2, Positions=2, **said)
    return paths


def values(path: Path) -> list[int]:
    pixels, axes = read_image(path)
    header = read_header(path)
    assert (header.shape, header.axes) == (pixels.shape, axes)
    return [int(n) for n in pixels[..., 0, 0].ravel()]


def test_each_position_is_an_image(tmp_path: Path) -> None:
    """Both in one stack would be predicted twice, once for each file."""
    for i, path in enumerate(write_positions(tmp_path)):
        assert values(path) == [1 + 10 * i, 2 + 10 * i] and read_image(path)[1] == "ZYX"
    write_labels(tmp_path / "img_MMStack_Pos0_labels.tif", np.ones(SHAPE, np.int32))
    assert values(tmp_path / POSITIONS[0]) == [1, 2]


def test_a_position_of_another_recording_is_left_alone(tmp_path: Path) -> None:
    write_positions(tmp_path, StartTime="Monday")
    planes = [(0, z, 0, 0) for z in range(2)]
    write_stack(tmp_path / POSITIONS[0], 50, *planes, Slices=2, Positions=2, StartTime="Tuesday")
    assert values(tmp_path / POSITIONS[0]) == [50, 51]


@pytest.mark.parametrize("name", [POSITIONS[1], "well A3.tif"])
def test_a_position_that_was_copied_alone_is_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / "copied").mkdir()
    write_positions(tmp_path)[1].rename(tmp_path / "copied" / name)
    assert values(tmp_path / "copied" / name) == [11, 12]


def test_a_recording_that_was_broken_off_has_the_planes_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "img_MMStack_Pos0.tif"
    write_stack(path, 1, *[(0, 0, t, 0) for t in range(3)], Frames=10)
    assert values(path) == [1, 2, 3] and read_image(path)[1] == "TYX"
    write_stack(path, 1, (0, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), Frames=10, Slices=2)
    with pytest.raises(BadInput, match="lacks 1 of its 4 planes"):
        read_image(path)


def test_a_position_in_two_files(tmp_path: Path) -> None:
    """As those of more than 4 GB are."""
    first, second = (tmp_path / f"img_MMStack_Pos0{ending}.tif" for ending in ("", "_1"))
    for i, path in enumerate((first, second)):
        write_stack(path, 1 + 2 * i, (0, 0, 2 * i, 0), (0, 0, 2 * i + 1, 0), Frames=4)
    assert values(first) == values(second) == [1, 2, 3, 4]
    write_labels(tmp_path / "img_MMStack_Pos0_labels.tif", np.ones(SHAPE, np.int32))
    with pytest.raises(BadInput, match=r"Pos0_labels\.tif beside it is called like them and holds"):
        read_image(first)
    first.unlink()
    with pytest.raises(BadInput, match="one file of several and does not hold the first planes"):
        read_image(second)


def write_parts(folder: Path, position: int = 0, **said: Any) -> list[Path]:
    """A position in two files of two times each."""
    folder.mkdir(exist_ok=True)
    prefix = said.get("Prefix", "img")
    paths = [folder / f"{prefix}_MMStack_Pos{position}{ending}.tif" for ending in ("", "_1")]
    for i, path in enumerate(paths):
        planes = [(0, 0, 2 * i + time, position) for time in range(2)]
        write_stack(path, 1 + 2 * i, *planes, Frames=4, **said)
    return paths


def test_positions_in_two_files_each(tmp_path: Path) -> None:
    for path in [path for i in range(2) for path in write_parts(tmp_path, i, Positions=2)]:
        with pytest.raises(BadInput, match="save each position as one file of its own"):
            read_image(path)


@pytest.mark.parametrize(("folder", "prefix"), [("plate [1]", "img"), ("plate", "im[1]")])
def test_parts_that_are_not_found_behind_brackets(folder: str, prefix: str, tmp_path: Path) -> None:
    for path in write_parts(tmp_path / folder, Prefix=prefix):
        with pytest.raises(BadInput, match=r"where a path holds \[, \* or \?: move all into a"):
            read_image(path)
    write_positions(tmp_path / folder)
    assert values(tmp_path / folder / POSITIONS[1]) == [11, 12]
    assert values(write_parts(tmp_path / "[open")[0]) == [1, 2, 3, 4]


def test_a_file_that_is_full_goes_on_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "img_MMStack_Pos0.tif"
    write_stack(path, 1, (0, 0, 0, 0), (0, 0, 1, 0), Frames=2, Positions=9)
    monkeypatch.setattr(micromanager, "FULL", 200)
    assert values(path) == [1, 2]
    write_stack(path, 1, (0, 0, 0, 0), (0, 0, 1, 0), Frames=3)
    with pytest.raises(BadInput, match="one file of several and does not hold the last planes"):
        read_image(path)


def test_planes_without_number_take_no_memory(tmp_path: Path) -> None:
    paths = [tmp_path / f"img_MMStack_Pos0{ending}.tif" for ending in ("", "_1")]
    write_stack(paths[0], 1, (0, 0, 0, 0), (0, 0, 2**32 - 1, 0))
    with pytest.raises(BadInput, match="it tells of more than 1048576 planes"):
        read_image(paths[0])
    for time, path in enumerate(paths):
        write_stack(path, 1, (0, 0, time, 0), Frames=2**60)
        if not time:
            assert (read_image(path)[0] == 1).all()  # somebody would have ended it
    with pytest.raises(BadInput, match="it tells of more than 1048576 planes"):
        read_image(paths[0])


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    (path, _) = write_positions(tmp_path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(BadInput):
        read_image(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
def test_a_pipe_called_like_a_position_is_not_waited_for(tmp_path: Path) -> None:
    path, other = write_positions(tmp_path)
    other.unlink()
    os.mkfifo(other)
    assert values(path) == [1, 2]
