"""Copies of what the user has annotated, for threads and the worker. Without napari."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage import draw

from .core.windows import Window

SOME_ROWS = 16  # that are looked at first
BAND = 64  # rows


@dataclass(frozen=True)
class Outline:
    """A region: its corners (n, 2) in data pixels, and the slice it was drawn on."""

    index: int
    corners: npt.NDArray[np.float64]

    def covers(self, shape: tuple[int, ...]) -> bool:
        """Whether the centre of any pixel of an image of this shape lies in it.

        Mostly one row is looked at; a large one that winds round the image costs all its pixels.
        """
        if self.index < 0:
            return False
        low = np.maximum(np.floor(self.corners.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(self.corners.max(axis=0)) + 1, shape[-2:]).astype(int)
        (top, left), (bottom, right) = low, high
        if top >= bottom or left >= right:
            return False
        some = np.unique(np.linspace(top, bottom - 1, SOME_ROWS).astype(int))
        middle_first = some[np.argsort(abs(some - some.mean()), kind="stable")]
        bands = [(row, row + 1) for row in middle_first]
        bands += [(row, min(row + BAND, bottom)) for row in range(top, bottom, BAND)]
        return any(
            rasterise_window((self,), self.index, (y0, y1, left, right)).any() for y0, y1 in bands
        )


@dataclass(frozen=True)
class Snapshot:
    """One image with its annotation as it was at one moment.

    The image is not copied (nobody paints on it); what the user paints is, unless it lies on disk.
    `complete`: the user says that all of its cells are painted.
    """

    name: str
    image: Any
    axes: str
    labels: Any
    outlines: tuple[Outline, ...] = ()
    background: Any = None
    complete: bool = False

    def regions(self) -> npt.NDArray[np.bool_] | None:
        """The regions as a mask like the labels. Not for the GUI thread."""
        return rasterise(self.outlines, self.labels.shape) if self.outlines else None


def slice_of(corners: npt.NDArray[Any], leading: tuple[int, ...]) -> int:
    """Number of the slice that a shape was drawn on; -1 = beside the stack."""
    at = [round(float(x)) for x in corners[0, :-2]]
    if any(not 0 <= i < n for i, n in zip(at, leading, strict=True)):
        return -1
    return int(np.ravel_multi_index(at, leading)) if leading else 0


def flat_corners(corners: npt.NDArray[Any], kind: str) -> npt.NDArray[np.float64]:
    flat = np.array(corners[:, -2:], float)
    if kind != "ellipse":
        return flat
    centre, (side, other) = flat.mean(axis=0), ((flat[1] - flat[0]) / 2, (flat[3] - flat[0]) / 2)
    turn = np.linspace(0, 2 * np.pi, 73)[:-1, None]
    return np.asarray(centre + np.cos(turn) * side + np.sin(turn) * other)


def rasterise_window(
    outlines: Sequence[Outline], index: int, window: Window
) -> npt.NDArray[np.bool_]:
    """The pixels of a window of slice `index` whose centre lies in a region."""
    y0, y1, x0, x1 = window
    mask = np.zeros((y1 - y0, x1 - x0), bool)
    for outline in outlines:
        if outline.index == index:
            ys, xs = outline.corners.T
            rows, columns = draw.polygon(ys - y0, xs - x0, mask.shape)
            mask[rows, columns] = True
    return mask


def rasterise(outlines: Sequence[Outline], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The pixels whose centre lies in a region: bool of `shape`."""
    mask = np.zeros(shape, bool)
    slices = mask.reshape(-1, *shape[-2:])
    for index in {o.index for o in outlines if 0 <= o.index < len(slices)}:
        slices[index] = rasterise_window(outlines, index, (0, shape[-2], 0, shape[-1]))
    return mask
