"""PNG files of every kind of pixel, byte by byte: pillow writes only some of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

GREY, COLOUR, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 4, 6


def write_png(path: Path, array: np.ndarray[Any, Any], bits: int, kind: int) -> None:
    """`array`, (Y, X) or (Y, X, C), as a PNG of `bits` a channel and the kind of pixels."""
    height, width = array.shape[:2]
    values = array.reshape(height, -1)
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in values]
    else:
        shifts = np.arange(bits - 1, -1, -1)
        rows = [np.packbits((row[:, None] >> shifts) & 1).tobytes() for row in values]
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts))


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check
