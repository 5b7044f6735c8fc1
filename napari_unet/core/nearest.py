"""The two nearest cells of every pixel, in time that does not depend on how many there are.

Along the columns two scans keep the two nearest distinct cells. Along the rows the candidates of
the columns within reach compete, in blocks that fit the cache, as one number each: squared
distance in the high bits, the block's number for the cell in the low ones, so that the least
number is the nearest cell. The second nearest of a pixel is among the two nearest of its column
there: any two that are nearer in that column are nearer to the pixel, too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Short = npt.NDArray[np.int16]
Keys = npt.NDArray[np.unsignedinteger[Any]]
Block = tuple[slice, slice]

BLOCK = 256  # side of a block, px: three arrays of two bytes a pixel fit the second-level cache
_FAR = np.int16(2**14)  # rows; farther than any reach


def pair_distance(cells: Ints, reach: float) -> Map:
    """``d1 + d2``, the distances (px) to the nearest and the second nearest cell.

    Parameters
    ----------
    cells : ``(Y, X)`` ids 1..n, 0 = background
    reach : px; larger sums come back as inf

    Returns
    -------
    ``(Y, X)`` float32; inside cells nothing is computed: inf.
    """
    total = np.full(cells.shape, np.inf, np.float32)
    # d1 >= 1 on background, so the second nearest lies within reach - 1
    radius = math.floor(reach - 1)
    if radius < 1 or not cells.any():
        return total
    above, below = _scan(cells), _scan(cells[::-1])
    scans = above, _Scan(*(a[::-1] for a in vars(below).values()))
    work = [b for b in _blocks(cells.shape) if not cells[b].all()]
    if len(work) == 1:
        _fill(total, cells, scans, work[0], reach)
    elif work:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            list(pool.map(lambda b: _fill(total, cells, scans, b, reach), work))
    return total


@dataclass(frozen=True)
class _Scan:
    """Ids and rows to go of the two nearest distinct cells in a pixel's column, on one side."""

    first: Ints
    first_rows: Short
    second: Ints
    second_rows: Short


def _scan(cells: Ints) -> _Scan:
    """Looking up from each pixel, itself included."""
    height, width = cells.shape
    first, second = np.empty((2, height, width), np.int32)
    first_rows, second_rows = np.empty((2, height, width), np.int16)
    a, b = np.zeros((2, width), np.int32)
    a_rows, b_rows = np.full((2, width), _FAR)
    new, old = np.empty((2, width), bool)
    for y in range(height):
        row = cells[y]
        np.minimum(a_rows + 1, _FAR, out=a_rows)
        np.minimum(b_rows + 1, _FAR, out=b_rows)
        np.greater(row, 0, out=old)
        if old.any():
            np.not_equal(row, a, out=new)
            new &= old
            np.copyto(b, a, where=new)
            np.copyto(b_rows, a_rows, where=new)
            np.copyto(a, row, where=new)
            np.copyto(a_rows, 0, where=old)
        first[y], second[y], first_rows[y], second_rows[y] = a, b, a_rows, b_rows
    return _Scan(first, first_rows, second, second_rows)


@dataclass(frozen=True)
class _Packing:
    """How squared distance and cell share one unsigned number."""

    bits: int  # of the cell
    kind: type[np.unsignedinteger[Any]]
    far: int  # a squared distance out of reach, to which a reach squared can be added

    @staticmethod
    def of(cells: int, radius: int) -> _Packing:
        """The smallest number that holds `cells` of them and any distance."""
        bits, far = (cells + 1).bit_length(), (radius + 1) ** 2
        distance = (far + radius**2).bit_length()
        kind = next(
            kind
            for kind, total in ((np.uint16, 16), (np.uint32, 32), (np.uint64, 64))
            if bits + distance <= total
        )
        return _Packing(bits, kind, far)


def _fill(total: Map, cells: Ints, scans: tuple[_Scan, _Scan], block: Block, reach: float) -> None:
    """Sums of one block, written into `total`."""
    radius = math.floor(reach - 1)
    rows, columns = block
    wide = slice(max(columns.start - radius, 0), columns.stop + radius)
    left = radius - (columns.start - wide.start)  # columns that the image lacks on the left
    near, packing = _numbered(scans, (rows, wide), radius)
    first, second = _two_in_column(near, packing)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    spread = width + 2 * radius
    empty = packing.kind((packing.far << packing.bits) | (2**packing.bits - 1))
    padded = np.full((2, height, spread), empty, packing.kind)
    padded[0, :, left : left + first.shape[1]] = first
    padded[1, :, left : left + first.shape[1]] = second
    nearest, other = _two_in_rows(padded[0].ravel(), padded[1].ravel(), radius, reach, packing)
    root = np.sqrt(np.arange(packing.far + radius**2 + 1, dtype=np.float32))
    found = root[nearest >> packing.bits] + root[other >> packing.bits]
    sums = np.full(height * spread, np.inf, np.float32)
    sums[radius : sums.size - radius] = found
    sums = sums.reshape(height, spread)[:, radius : radius + width]
    total[block] = np.where((sums <= reach) & (cells[block] == 0), sums, np.inf)


def _numbered(scans: tuple[_Scan, _Scan], block: Block, radius: int) -> tuple[list[Keys], _Packing]:
    """The four candidates of each pixel's column as packed numbers: two above, two below."""
    found = []
    present = np.zeros(1, bool)
    for scan in scans:
        for ids, rows in ((scan.first, scan.first_rows), (scan.second, scan.second_rows)):
            here = np.where(rows[block] <= radius, ids[block], 0)
            found.append((here, rows[block]))
            top = int(here.max(initial=0))
            if top >= present.size:
                present = np.pad(present, (0, top + 1 - present.size))
            present[here] = True
    present[0] = False
    packing = _Packing.of(int(present.sum()), radius)
    number = np.cumsum(present).astype(packing.kind) - packing.kind(1)
    squares = np.arange(radius + 1, dtype=np.uint64) ** 2 << np.uint64(packing.bits)
    squares = squares.astype(packing.kind)
    empty = packing.kind((packing.far << packing.bits) | (2**packing.bits - 1))
    keys = [
        np.where(here > 0, squares[np.minimum(rows, radius)] | number[here], empty)
        for here, rows in found
    ]
    return keys, packing


def _two_in_column(near: list[Keys], packing: _Packing) -> tuple[Keys, Keys]:
    """The two nearest distinct cells of the four candidates, in the same numbers."""
    above, above_other, below, below_other = near
    low = packing.kind(2**packing.bits - 1)
    empty = packing.kind((packing.far << packing.bits) | int(low))
    first = np.minimum(above, below)
    second = np.full_like(first, empty)
    for one in (np.maximum(above, below), above_other, below_other):
        np.minimum(second, np.where((one ^ first) & low, one, empty), out=second)
    return first, second


def _two_in_rows(
    first: Keys, second: Keys, radius: int, reach: float, packing: _Packing
) -> tuple[Keys, Keys]:
    """The two nearest distinct cells, from the two of each column: flat, without the ends.

    Rows lie one behind the other with `radius` empty columns at both ends, so that a step
    aside is a step along the array.
    """
    size = first.size - 2 * radius

    def at(keys: Keys, step: int) -> Keys:
        return keys[radius + step : radius + step + size]

    low = packing.kind(2**packing.bits - 1)
    nearest = at(first, 0).copy()
    best, side = np.empty((2, size), packing.kind)
    # a nearest cell farther than half the reach decides nothing: the second is no nearer
    for step in range(1, min(radius, math.floor(reach / 2)) + 1):
        np.minimum(at(first, step), at(first, -step), out=best)
        best += packing.kind(step**2 << packing.bits)
        np.minimum(nearest, best, out=nearest)
    mine, cell = nearest & low, first & low
    other = np.where(at(cell, 0) == mine, at(second, 0), at(first, 0))
    for step in range(1, radius + 1):
        np.copyto(best, at(first, step))
        np.copyto(best, at(second, step), where=at(cell, step) == mine)
        np.copyto(side, at(first, -step))
        np.copyto(side, at(second, -step), where=at(cell, -step) == mine)
        np.minimum(best, side, out=best)
        best += packing.kind(step**2 << packing.bits)
        np.minimum(other, best, out=other)
    return nearest, other


def _blocks(shape: tuple[int, ...]) -> Iterator[Block]:
    for top in range(0, shape[0], BLOCK):
        for left in range(0, shape[1], BLOCK):
            yield (
                slice(top, min(top + BLOCK, shape[0])),
                slice(left, min(left + BLOCK, shape[1])),
            )
