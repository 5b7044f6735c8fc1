"""Prediction jobs: one image, one model, results in memory-mapped arrays."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.core.axes import Axes, axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.modelled import takes
from napari_unet.core.settings import ModelConfig
from napari_unet.files.atomic import write_json
from napari_unet.files.model_file import read_config
from napari_unet.files.space import check_space, full_disk_told, new_map


@dataclass(frozen=True)
class JobFolder:
    """A prediction job on disk."""

    path: Path

    @property
    def wish(self) -> dict[str, Any]:
        """What job.json says.

        Raises
        ------
        BadInput
            If the job is gone.
        """
        try:
            content: dict[str, Any] = json.loads((self.path / "job.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise BadInput(f"the prediction {self.path} is gone; predict again") from None
        return content

    def use_diameter(self, diameter: float | None) -> None:
        """Write down the cell diameter that was found, px, for whoever filters the cells."""
        write_json(self.path / "job.json", {**self.wish, "diameter": diameter})

    @property
    def image(self) -> npt.NDArray[Any]:
        """The image in its own type and axes, memory-mapped."""
        array: npt.NDArray[Any] = np.load(
            self.path / "image.npy", mmap_mode="r", allow_pickle=False
        )
        return array

    @property
    def axes(self) -> Axes:
        return axes_of(self.image, self.wish["axes"], where="the image")

    def probability(self, mode: Literal["r", "r+"] = "r") -> npt.NDArray[np.float32]:
        """float32 ``(S, Y, X)``, or ``(S, classes, Y, X)``; 0 until a tile is written."""
        path = self.path / "probability.npy"
        array: npt.NDArray[np.float32] = np.load(path, mmap_mode=mode, allow_pickle=False)
        return array

    def labels(self) -> npt.NDArray[np.int32]:
        """int32 ``(S, Y, X)``, there once the job is done."""
        array: npt.NDArray[np.int32] = np.load(self.path / "labels.npy", allow_pickle=False)
        return array


def create_job(
    path: Path,
    image: npt.NDArray[Any],
    *,
    axes: str,
    model: Path,
    slices: Sequence[int] | None = None,
    first: tuple[int, int, int, int] | None = None,
    tile: int | None = None,
    precision: str = "auto",
    device: str = "auto",
    diameter: float | None = None,
    views: int | None = None,
) -> JobFolder:
    """Check and write a prediction job; without torch, in any process.

    Parameters
    ----------
    image : array of the axes `axes`
    slices : indices over the image's T and Z axes; None = all
    first : window (y0, y1, x0, x1) in image pixels that is wanted first
    tile, precision, diameter, views : as in `core.segment.Segmenter`

    Raises
    ------
    BadInput
        If the model cannot be read, or does not fit the image, or the disk is full: then nothing
        is left.
    """
    config: ModelConfig = read_config(Path(model))
    found = axes_of(image, axes, where="the image")
    if not takes(config, found.channels):
        raise BadInput(
            f"the image has {found.channels} channel(s) ({found.letters}), "
            f"the model was trained on {config.channels}"
        )
    wanted = list(range(found.slices)) if slices is None else [int(i) for i in slices]
    shape: tuple[int, ...] = (len(wanted), *found.shape)
    if config.labels_are == "classes":
        shape = (len(wanted), config.network.classes, *found.shape)
    wish = {
        "model": str(Path(model).resolve()),
        "axes": found.letters,
        "slices": wanted,
        "first": None if first is None else [int(v) for v in first],
        "tile": tile,
        "precision": precision,
        "device": device,
        "diameter": diameter,
        "views": views,
    }
    array = np.asarray(image)
    # labels.npy, too, which comes last: found out now, not when all tiles are done
    needed = array.nbytes + 4 * math.prod(shape) + 4 * len(wanted) * math.prod(found.shape)
    shutil.rmtree(path, ignore_errors=True)
    check_space(path, needed)
    path.mkdir(parents=True)
    try:
        with full_disk_told(path, needed):
            np.save(path / "image.npy", array, allow_pickle=False)
            new_map(path / "probability.npy", shape)
            write_json(path / "job.json", wish)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return JobFolder(path)
