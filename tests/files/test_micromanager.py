"""Files of Micro-Manager, which tifffile reads as a set by their names."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_image, write_labels

SHAPE = (6, 8)


def write_position(path: Path, position: int, value: int) -> None:
    """One of two positions, a plane each; its settings of the display cannot be read."""
    counts = {"Frames": 1, "Slices": 1, "Channels": 1, "Positions": 2}
    summary = json.dumps({"MicroManagerVersion": "2.0", "Prefix": "img", **counts}).encode()
    summary += b" " * (len(summary) % 2)
    size, start = SHAPE[0] * SHAPE[1], 40 + len(summary)
    pixels, settings = start + 162, start + 130
    tags = [(256, 8), (257, 6), (258, 8), (259, 1), (262, 1), (273, pixels), (277, 1), (278, 6)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*tags, (279, size)]]
    entries.append(struct.pack("<HHII", 51123, 2, 8, settings))
    file = struct.pack("<2sHI", b"II", 42, start)
    file += struct.pack("<8I", 54773648, pixels + size, 0, 0, 0, 0, 2355492, len(summary))
    file += summary + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    file = file.ljust(settings, b"\0") + b"{}     \0"
    file = file.ljust(pixels, b"\0") + bytes([value]) * size
    path.write_bytes(file + struct.pack("<2I5I", 3453623, 1, 0, 0, 0, position, start))


def test_positions_are_one_image(tmp_path: Path) -> None:
    names = [tmp_path / f"img_MMStack_Pos{i}.tif" for i in range(2)]
    for i, path in enumerate(names):
        write_position(path, i, i + 1)
    for path in names:
        assert read_image(path)[0][:, 0, 0].tolist() == [1, 2]
    write_labels(tmp_path / "img_MMStack_Pos0_labels.tif", np.ones(SHAPE, np.int32))
    with pytest.raises(BadInput, match="beside it lies one that is called like them and is none"):
        read_image(names[0])
    names[1].write_bytes(names[1].read_bytes()[:-30])
    (tmp_path / "img_MMStack_Pos0_labels.tif").unlink()
    with pytest.raises(BadInput):
        read_image(names[0])
