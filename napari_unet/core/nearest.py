"""The two nearest cells of every pixel, in time that does not depend on how many there are.

Along the columns two scans keep the two nearest distinct cells. Along the rows the candidates of
the columns within reach compete, in blocks that fit the cache. The second nearest of a pixel is
among the two nearest of its column there: any two that are nearer in that column are nearer to
the pixel, too.
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
Numbers = npt.NDArray[np.unsignedinteger[Any]]
Block = tuple[slice, slice]

# px: large, or the threads wait for each other's few lines of Python more than they work
BLOCK = (256, 2048)
COLUMNS = 256  # that are looked along at once: what they need fits the cache


def pair_distance(cells: Ints, reach: float, inner: Block | None = None) -> Map:
    """``d1 + d2``, the distances (px) to the nearest and the second nearest cell.

    Parameters
    ----------
    cells : ``(Y, X)`` ids 1..n, 0 = background
    reach : px; larger sums come back as inf
    inner : the part that is wanted; elsewhere nothing is computed: inf

    Returns
    -------
    ``(Y, X)`` float32; inside cells nothing is computed: inf.
    """
    total = np.full(cells.shape, np.inf, np.float32)
    # no two distances in the image add up to more
    reach = min(reach, 2 * math.hypot(*cells.shape))
    # d1 >= 1 on background, so the second nearest lies within reach - 1
    radius = math.floor(reach - 1)
    if radius < 1 or not cells.any():
        return total
    rows, columns = inner or (slice(0, cells.shape[0]), slice(0, cells.shape[1]))
    work = [b for b in _blocks(rows, columns) if not cells[b].all()]
    if len(work) == 1:
        _fill(total, cells, work[0], reach)
    elif work:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            list(pool.map(lambda b: _fill(total, cells, b, reach), work))
    return total


@dataclass(frozen=True)
class _Strip:
    """The columns of a block and those within reach, flat.

    Rows lie one behind the other with `radius` columns more at both ends, so that a step aside
    is a step along the array.
    """

    radius: int
    ids: Numbers  # of the nearest cell in the column
    first: Numbers  # squared distance to it
    second: Numbers  # to the nearest other one; never less

    def at(self, step: int) -> slice:
        """The pixels `step` columns to the right of all but the ends."""
        return slice(self.radius + step, self.first.size - self.radius + step)


def _fill(total: Map, cells: Ints, block: Block, reach: float) -> None:
    """Sums of one block, written into `total`."""
    radius = math.floor(reach - 1)
    height, width = cells[block].shape
    strip = _strip(cells, block, radius)
    nearest, mine = _nearest(strip, math.floor(reach / 2))
    other = _other(strip, mine)
    root = np.sqrt(np.arange((radius + 1) ** 2 + radius**2 + 1, dtype=np.float32))
    sums = np.full(strip.first.size, np.inf, np.float32)
    found = sums[strip.at(0)]
    np.add(root[nearest], root[other], out=found)
    found[found > reach] = np.inf
    inner = sums.reshape(height, -1)[:, radius : radius + width]
    np.copyto(total[block], inner, where=cells[block] == 0)


def _strip(cells: Ints, block: Block, radius: int) -> _Strip:
    """The two nearest distinct cells of every column, a few columns at a time."""
    rows, columns = block
    tall, wide = (slice(max(s.start - radius, 0), s.stop + radius) for s in block)
    inner = slice(rows.start - tall.start, rows.stop - tall.start)
    seen = cells[tall, wide]
    kind = _kind((radius + 1) ** 2 + radius**2)
    far = kind((radius + 1) ** 2)
    # columns that the image lacks hold no cell
    shape = (rows.stop - rows.start, columns.stop - columns.start + 2 * radius)
    ids = np.zeros(shape, _kind(int(seen.max())))
    first, second = np.full((2, *shape), far, kind)
    left = radius - (columns.start - wide.start)
    for start in range(0, seen.shape[1], COLUMNS):
        few = seen[:, start : start + COLUMNS]
        at = slice(left + start, left + start + few.shape[1])
        ids[:, at], first[:, at], second[:, at] = _two_nearest(few, inner, radius, kind)
    return _Strip(radius, ids.ravel(), first.ravel(), second.ravel())


def _two_nearest(
    cells: Ints, inner: slice, radius: int, kind: type[np.unsignedinteger[Any]]
) -> tuple[Numbers, Numbers, Numbers]:
    """Of the four cells that are seen above and below in the rows `inner`: which is nearest,
    the squared distance to it, and to the nearest other one.
    """
    ids, away = _looks(cells, radius)
    (up_id, down_id), others = ((way[0][:, inner], way[1][:, ::-1][:, inner]) for way in ids)
    (up, down), beyond = (
        (way[0][:, inner].astype(kind), way[1][:, ::-1][:, inner].astype(kind)) for way in away
    )
    far = kind(radius + 1)
    nearest = np.where(down < up, down_id, up_id)
    first, second = np.minimum(up, down), np.maximum(up, down)
    np.copyto(second, far, where=up_id == down_id)
    for other, distance in zip(others, beyond, strict=True):
        np.copyto(distance, far, where=other == nearest)
        np.minimum(second, distance, out=second)
    return nearest.T, np.square(first, out=first).T, np.square(second, out=second).T


def _looks(cells: Ints, radius: int) -> tuple[Numbers, Numbers]:
    """Which cells lie above and below each pixel, and how many rows away.

    Both ``(nearest | nearest other, up | down, X, Y)``, the looks down upside down; rows that are
    more than `radius` come back as one more, whatever the id. A row and an id are one number,
    the row first: the largest number so far is the cell seen last.
    """
    height, width = cells.shape
    small = height + radius < 2**16 - 2 and cells.max(initial=0) < 2**16
    kind, half = (np.uint32, np.uint32(16)) if small else (np.uint64, np.uint64(32))
    id_of = kind(2 ** int(half) - 1)
    row = np.arange(radius + 2, radius + 2 + height, dtype=kind)  # 0, nothing seen, is far
    both = np.empty((2, width, height), kind)
    both[0], both[1] = cells.T, cells[::-1].T
    is_cell = both > 0
    both |= (row << half) * is_cell
    found = np.zeros((2, *both.shape), kind)
    nearest, other = found
    np.maximum.accumulate(both, axis=2, out=nearest)
    before = nearest[:, :, :-1]
    new = ((before ^ both[:, :, 1:]) & id_of) > 0
    new &= is_cell[:, :, 1:]
    np.multiply(before, new, out=other[:, :, 1:])
    np.maximum.accumulate(other, axis=2, out=other)
    ids = found & id_of
    found >>= half
    np.subtract(row, found, out=found)
    return ids, np.minimum(found, kind(radius + 1), out=found)


def _nearest(strip: _Strip, reach: int) -> tuple[Numbers, Numbers]:
    """Squared distance to the nearest cell, and which it is.

    A nearest cell farther than half the reach of a sum decides nothing, since the second is no
    nearer: `reach` columns are enough. Distance and step compete as one number.
    """
    reach = min(reach, strip.radius)
    bits = (2 * reach).bit_length()
    kind = _kind(((strip.radius + 1) ** 2 + strip.radius**2 + 1) << bits)
    packed = strip.first.astype(kind) << kind(bits)
    best = packed[strip.at(0)] + kind(reach)
    candidate = np.empty_like(best)
    for step in (s for s in range(-reach, reach + 1) if s):
        np.add(packed[strip.at(step)], kind((step**2 << bits) + reach + step), out=candidate)
        np.minimum(best, candidate, out=best)
    aside = (best & kind(2**bits - 1)).astype(np.intp)
    aside += np.arange(strip.radius - reach, strip.radius - reach + best.size)
    return best >> kind(bits), strip.ids[aside]


def _other(strip: _Strip, mine: Numbers) -> Numbers:
    """Squared distance to the nearest cell but `mine`."""
    kind = strip.first.dtype.type
    best = np.where(
        strip.ids[strip.at(0)] == mine, strip.second[strip.at(0)], strip.first[strip.at(0)]
    )
    same = np.empty(best.size, bool)
    sides = np.empty((2, best.size), kind)
    for step in range(1, strip.radius + 1):
        for side, place in zip(sides, (strip.at(step), strip.at(-step)), strict=True):
            np.equal(strip.ids[place], mine, out=same)
            # the second where the first is mine: it is never less; a masked copy takes longer
            np.multiply(strip.second[place], same, out=side)
            np.maximum(side, strip.first[place], out=side)
        np.minimum(sides[0], sides[1], out=sides[0])
        sides[0] += kind(step**2)
        np.minimum(best, sides[0], out=best)
    return best


def _kind(largest: int) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned integer that holds it: half the bytes, half the time."""
    return next(k for k in (np.uint16, np.uint32, np.uint64) if largest <= np.iinfo(k).max)


def _blocks(rows: slice, columns: slice) -> Iterator[Block]:
    high, wide = BLOCK
    for top in range(rows.start, rows.stop, high):
        for left in range(columns.start, columns.stop, wide):
            yield (
                slice(top, min(top + high, rows.stop)),
                slice(left, min(left + wide, columns.stop)),
            )
