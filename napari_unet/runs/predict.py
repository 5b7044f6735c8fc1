"""Doing a prediction job: tiles into the memory map, labels at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation import Labels
from napari_unet.core.axes import Axes
from napari_unet.core.segment import Segmenter, SliceSource, stack_labels
from napari_unet.core.settings import ModelConfig
from napari_unet.core.sizing import estimated_diameter, slices_to_measure, unlike_diameter
from napari_unet.files.atomic import write_array
from napari_unet.files.space import full_disk_told

from .jobs import JobFolder
from .messages import Message, warning
from .networks import load_network

Reader = Callable[[int], SliceSource]


def load_segmenter(model: Path, device: str = "auto") -> Segmenter:
    """The model of a file, ready to predict on `device`."""
    net, config = load_network(model, device)
    return Segmenter(net, config)


def predict_job(path: Path, stop: Callable[[], bool] = lambda: False) -> Iterator[Message]:
    """Do the job at `path`, yielding the messages of docs/architecture.md.

    Raises
    ------
    BadInput
        If the job or its model is gone or cannot be used, or the disk is full.
    """
    with full_disk_told(Path(path)):
        yield from _predicted(JobFolder(Path(path)), stop)


def _predicted(job: JobFolder, stop: Callable[[], bool]) -> Iterator[Message]:
    path, began = job.path, time.monotonic()
    wish, axes, image = job.wish, job.axes, job.image
    segmenter = load_segmenter(Path(wish["model"]), wish["device"])
    for name in ("tile", "precision", "diameter", "views"):
        setattr(segmenter, name, wish[name])
    told: list[str] = []
    segmenter.warn = told.append
    yield {"event": "started", "what": "predict", "path": str(path), "words": "predicting"}
    probability, planes = job.probability("r+"), []
    first = tuple(wish["first"]) if wish["first"] else None
    stopped = False
    read = reading(segmenter, image, axes)
    if settle_diameter(segmenter, read, wish["slices"]):
        job.use_diameter(segmenter.diameter)
    for place, index in enumerate(wish["slices"]):
        slice_ = read(index)
        if not slice_.finite.all():
            told.append("NaN or infinite pixels count as missing: they are labelled 0")
        for tile, done, count, values in segmenter.tiles(slice_, first):
            y0, y1, x0, x1 = tile.window
            probability[place, ..., y0:y1, x0:x1] = values
            while told:
                yield warning(told.pop(0))
            yield {
                "event": "tile",
                "index": place * count + done,
                "of": count * len(wish["slices"]),
                "slice": index,
                "window": [y0, y1, x0, x1],
            }
            stopped = stop()
            if stopped:
                break
        planes.append(segmenter.labels(np.asarray(probability[place]), slice_.finite))
        if stopped:
            break
    empty = [np.zeros(axes.shape, np.int32)] * (len(wish["slices"]) - len(planes))
    write_array(job.path / "labels.npy", stack_labels_of(segmenter.config, [*planes, *empty]))
    yield {
        "event": "done",
        "what": "predict",
        "path": str(path),
        "stopped": stopped,
        "seconds": time.monotonic() - began,
    }


def reading(segmenter: Segmenter, image: Any, axes: Axes) -> Reader:
    """Reads slices by their index, and remembers the last: normalising takes as long as reading."""
    return lru_cache(maxsize=1)(partial(segmenter.read, image, axes))


def settle_diameter(segmenter: Segmenter, read: Reader, indices: Sequence[int]) -> bool:
    """Let the model find out how large the cells of these slices are, and say so.

    Returns
    -------
    Whether its diameter has changed: one that is given stays, and so does that of the training
    images unless the cells here are far from it.
    """
    config = segmenter.config
    slices = (read(i).source for i in slices_to_measure(indices))
    if segmenter.needs_diameter:
        found = estimated_diameter(segmenter, slices)
        segmenter.diameter = found or config.image_diameter or config.diameter
        if found:
            segmenter.warn(f"the cells look about {found:.0f} px across")
        else:
            segmenter.warn("no cells were found at any size; say how large they are (diameter)")
        return True
    if segmenter.diameter and config.diameter is None:
        segmenter.warn("this model never rescales an image: the cell diameter changes nothing")
    if segmenter.diameter or config.diameter is None or config.labels_are == "classes":
        return False
    segmenter.diameter = unlike_diameter(segmenter, slices)
    if not segmenter.diameter:
        return False
    segmenter.warn(
        f"the cells look about {segmenter.diameter:.0f} px across, those of the training images"
        f" were {config.image_diameter:.0f} px: looked for at {segmenter.diameter:.0f} px (give"
        " the diameter if that is wrong)"
    )
    return True


def stack_labels_of(config: ModelConfig, planes: list[Labels]) -> Labels:
    """(S, Y, X): ids unique over the stack with instances; classes as they are."""
    return stack_labels(planes) if config.labels_are == "instances" else np.stack(planes)
