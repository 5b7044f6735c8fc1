"""A prediction as the worker has left it on disk: tiles, cells, filters. Not for the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from scipy import ndimage

from napari_unet import layers
from napari_unet.core.axes import axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.modelled import general, instances_for, model_scale, takes
from napari_unet.core.odds import log_odds, moved_by
from napari_unet.core.settings import InstanceSettings, ModelConfig
from napari_unet.core.tally import tally
from napari_unet.core.windows import Window
from napari_unet.runs.jobs import JobFolder, create_job
from napari_unet.wording import count

from . import modelling


@dataclass(frozen=True)
class Stored:
    """A prediction whose probability is on disk."""

    job: Path
    image: Image
    slices: tuple[int, ...]  # of the image, in the order of the job's
    config: ModelConfig
    model: Path  # its file
    letters: str  # the image's axes as they were read
    shape: tuple[int, ...]  # of its labels
    picture: layers.Held  # the image's pixels
    diameter: float | None = None  # of the cells, px: as the user said, then as it was found

    @property
    def stands(self) -> bool:
        """Whether the image still has those pixels, and that shape, and is read in that way."""
        axes, shape = layers.axes(self.image), layers.labels_shape(self.image)
        return self.same_picture and (axes, shape) == (self.letters, self.shape)

    @property
    def same_picture(self) -> bool:
        """Whether the image still has those pixels."""
        return self.picture.holds(layers.pixels(self.image))

    @property
    def instances(self) -> InstanceSettings:
        """What the worker made cells with: its least sizes suit those of this image."""
        return instances_for(self.config, self.diameter)

    @property
    def has_cells(self) -> bool:
        """Cells to be filtered by the probability; False with classes."""
        return self.config.labels_are == "instances"


@dataclass(frozen=True)
class Found:
    """(S, Y, X) labels of a prediction's slices, and how many there are."""

    labels: npt.NDArray[np.int32]
    number: int


@dataclass(frozen=True)
class Tile:
    """One finished tile, as the worker named it."""

    place: int  # of its slice in the job
    window: Window


def prepared(
    image: Image,
    model: Path,
    slices: Sequence[int],
    *,
    array: Any,
    letters: str,
    first: Window | None,
    tile: int | None,
    diameter: float | None = None,
) -> Stored:
    """Write the job: those slices only, whatever the image is backed by.

    Raises
    ------
    BadInput
        If the model is gone or damaged, or takes other channels than the image has.
    """
    config = modelling.config_of(model)
    axes = axes_of(array, letters, where=image.name)
    if not takes(config, axes.channels):
        raise BadInput(
            f"{image.name} has {count(axes.channels, 'channel')} (read as {axes.letters}), "
            f"but this model takes {config.channels}; choose another model, or fine-tune one"
        )
    planes = np.stack([np.asarray(axes.slice(array, i)) for i in slices])
    job = modelling.new_job_folder()
    create_job(job, planes, axes="ZCYX", model=model, first=first, tile=tile, diameter=diameter)
    shape, picture = axes.labels_shape, layers.Held(array)
    return Stored(job, image, tuple(slices), config, model, letters, shape, picture, diameter)


def _probability(stored: Stored) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = np.load(stored.job / "probability.npy", mmap_mode="r")
    return array[: len(stored.slices)]  # of one that was broken off the slices that are finished


def provisional(
    stored: Stored, tiles: list[Tile], threshold: float, start: int
) -> list[npt.NDArray[np.int32]]:
    """What can be shown of tiles before the whole is known: connected pieces, ids after `start`."""
    whole, pieces = _probability(stored), []
    for tile in tiles:
        y0, y1, x0, x1 = tile.window
        part = np.asarray(whole[tile.place, ..., y0:y1, x0:x1])
        if part.ndim == 3:
            values = np.array([0, *stored.config.class_values], np.int32)
            pieces.append(values[part.argmax(axis=0)])
            continue
        found, number = ndimage.label(part > threshold)
        pieces.append(np.where(found > 0, found + start, 0).astype(np.int32))
        start += number
    return pieces


def final(stored: Stored) -> npt.NDArray[np.int32]:
    """(S, Y, X) int32: what the worker made of it."""
    return JobFolder(stored.job).labels()


def in_words(stored: Stored, found: Found) -> str:
    """Such as "12 cells", "912 cells in 20 slices"."""
    what = count(found.number, "cell" if stored.has_cells else "kind of thing")
    if not found.number:
        what = "no cells" if stored.has_cells else "no kinds of things"
    return f"{what} in {len(stored.slices)} slices" if len(stored.slices) > 1 else what


def recovered(stored: Stored) -> npt.NDArray[np.int32]:
    """(S, Y, X) int32: what the worker would have made of the slices that it has finished."""
    if stored.has_cells:
        return relabelled(stored, stored.instances)
    values = np.array([0, *stored.config.class_values], np.int32)
    planes = [values[np.asarray(plane).argmax(axis=0)] for plane in _probability(stored)]
    for place, plane in enumerate(planes):
        plane[_missing(stored, place)] = 0
    return np.stack(planes)


def measured(stored: Stored) -> Stored:
    """The same with the cell size that the worker has found, where the user did not say."""
    return replace(stored, diameter=JobFolder(stored.job).wish["diameter"])


def apart(
    found: npt.NDArray[np.int32], overlay: npt.NDArray[np.int32] | None, stored: Stored
) -> Found:
    """Counted, and with ids that no other slice of the overlay has."""
    number = len(tally(found).pixels)
    if overlay is None or not stored.has_cells:
        return Found(found, number)
    slices = overlay.reshape(-1, *overlay.shape[-2:])
    others = [int(p.max(initial=0)) for i, p in enumerate(slices) if i not in stored.slices]
    start = max(others, default=0)
    if not start:
        return Found(found, number)
    return Found(np.where(found > 0, found + start, 0).astype(np.int32), number)


def settled(
    stored: Stored,
    cells: Callable[[Stored], npt.NDArray[np.int32]],
    overlay: npt.NDArray[np.int32] | None,
) -> tuple[Stored, Found]:
    """A prediction that is over, with the size of its cells, and its `cells` as :func:`apart`."""
    whole = measured(stored)
    return whole, apart(cells(whole), overlay, whole)


def filtered(model: InstanceSettings, threshold: float, min_size: int) -> InstanceSettings:
    """The model's settings with the user's two filters; cells are split no lower than before."""
    seeds = max(model.seed_threshold - model.threshold, 0.0) + threshold
    # the sureness that a cell needs goes along: a low threshold is to show the faint ones
    peak = moved_by(model.peak, log_odds(threshold) - log_odds(model.threshold))
    seeds, peak = min(seeds, 0.99), min(peak, 0.99)
    return replace(model, threshold=threshold, seed_threshold=seeds, min_size=min_size, peak=peak)


def as_filtered(stored: Stored, threshold: float, min_size: int) -> ModelConfig:
    """The model as its file would have to be to give what the two filters show.

    Of a model for cells of any size the least size cannot be kept: it goes with theirs.
    """
    config, diameter = stored.config, stored.diameter
    if general(config):
        min_size = config.instances.min_size
    elif diameter and config.diameter is not None and config.image_diameter:
        min_size = round(min_size * (config.image_diameter / diameter) ** 2)
    return replace(config, instances=filtered(config.instances, threshold, min_size))


def relabelled(stored: Stored, settings: InstanceSettings) -> npt.NDArray[np.int32]:
    """(S, Y, X) int32, ids unique over the stack, from the stored probability."""
    from napari_unet.core.instances import label_cells  # loaded by `warming`: it takes long

    planes, start, scale = [], 0, model_scale(stored.config, stored.diameter)
    for place, plane in enumerate(_probability(stored)):
        cells = label_cells(np.asarray(plane), settings, scale=scale)
        cells[_missing(stored, place)] = 0
        planes.append(np.where(cells > 0, cells + start, 0).astype(np.int32))
        start += int(cells.max(initial=0))
    return np.stack(planes)


def _missing(stored: Stored, place: int) -> npt.NDArray[np.bool_]:
    """(Y, X): pixels of this slice that are NaN or infinite; those are labelled 0."""
    return ~np.isfinite(JobFolder(stored.job).image[place]).all(axis=0)


def probability(stored: Stored, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """The probability as one array like the labels; 0 in slices that were not predicted."""
    whole = np.zeros(shape, np.float32)
    slices = whole.reshape(-1, *shape[-2:])
    for index, plane in zip(stored.slices, _probability(stored), strict=True):
        slices[index] = plane
    return whole
