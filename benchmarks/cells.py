"""Labels to measure on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def discs(side: int, step: int = 36) -> npt.NDArray[np.int32]:
    """Round cells on a jittered grid, some touching."""
    rng, room = np.random.default_rng(0), 2 * step
    rows = side // step
    labels = np.zeros((side + 2 * room, side + 2 * room), np.int32)
    ys, xs = np.mgrid[-step : step + 1, -step : step + 1]
    ids = rng.permutation(rows * rows) + 1
    for number, (row, column) in zip(ids, np.ndindex(rows, rows), strict=True):
        y, x = (
            int((i + 0.5) * step + rng.uniform(-step / 12, step / 12)) + room for i in (row, column)
        )
        disc = ys**2 + xs**2 < rng.uniform(0.33 * step, 0.52 * step) ** 2
        labels[y - step : y + step + 1, x - step : x + step + 1][disc] = number
    return labels[room : room + side, room : room + side]


def tiled(shape: tuple[int, ...], one: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """A square tile of cells over and over, ``(..., Y, X)``, with an id for each cell."""
    labels, side = np.zeros(shape, np.int32), len(one)
    number = 0
    for plane in labels.reshape(-1, *shape[-2:]):
        for y, x in np.ndindex(shape[-2] // side, shape[-1] // side):
            part = plane[y * side : (y + 1) * side, x * side : (x + 1) * side]
            np.copyto(part, one + number * int(one.max()), where=one > 0)
            number += 1
    return labels
