"""The one door to the engine, for Python and the command line."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core import metrics, weights
from napari_unet.core.annotation import (
    Pair,
    beyond,
    check_labels,
    number_doubt,
    number_doubts,
    stated_area,
)
from napari_unet.core.axes import axes_of
from napari_unet.core.errors import BadInput, UNetWarning
from napari_unet.core.given import as_array, as_mask
from napari_unet.core.metrics import Scores
from napari_unet.core.settings import LabelsAre, TrainOptions, Unpainted, WeightSettings
from napari_unet.core.typed import from_dict, plain_numbers
from napari_unet.models import find_model
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.messages import Message
from napari_unet.trained import Model

__all__ = [
    "Model",
    "Scores",
    "check_device",
    "evaluate",
    "load_model",
    "train",
    "train_run",
    "weight_map",
]

OR_CLASSES = ', or say labels_are="classes"'


def load_model(name_or_path: str | Path) -> Model:
    """A model by its name (see ``napari_unet.models``) or the path of its file.

    Raises
    ------
    BadInput
        If there is no such model, or the file is no model file of this version.
    """
    from napari_unet.runs.networks import load_network

    return Model(*load_network(find_model(str(name_or_path)), "cpu"))


def train_run(
    run: Path, stop: Callable[[], bool] = lambda: False, device: str | None = None
) -> Generator[Message, None, None]:
    """Do, or go on with, the training of a run folder; yields the messages of its log.

    The folder is held until the generator has ended or is closed. `device` stands in place of the
    run's own.

    Raises
    ------
    BadInput
        If it is no run folder, another window, command or thread trains in it, or there is no
        such device here.
    """
    from napari_unet.runs.train import train_run as training

    return training(Path(run), stop, device)


def check_device(name: str) -> None:
    """Say early what is wrong with a device's name.

    Raises
    ------
    BadInput
        If this machine has no such device.
    """
    from napari_unet.core.device import find_device

    find_device(name)


def train(
    images: Iterable[npt.ArrayLike],
    labels: Iterable[npt.ArrayLike],
    *,
    known: Iterable[npt.ArrayLike | None] | None = None,
    labels_are: LabelsAre = "instances",
    unpainted: Unpainted = "auto",
    axes: str | None = None,
    preset: str = "default",
    base: str | Path = "default",
    seconds: float | None = None,
    steps: int | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[Message], None] | None = None,
) -> Model:
    """Fine-tune a U-Net on annotated images.

    Parameters
    ----------
    images : arrays of the same axes and channels
    labels : for each image ``(Y, X)`` int, 0 = not painted (stacks: with leading axes)
    known : for each image like its labels, not 0 where all is annotated; None: nothing is said
    unpainted : what the rest is, neither known nor painted: "background" (the images are painted
        completely), "unknown" (it counts for nothing), or "auto": rims of painted cells and what
        the base model is sure of are background, the rest counts for nothing; with no base
        to ask, or classes, "background", with `known` "unknown"
    labels_are : "instances" (each id a cell) or "classes" (each value a kind of thing)
    axes : letters of the images' axes; None = as the shape says where that is clear
    preset, base : "default", "paper", "fiji"; a model's name or path, or "none"
    seconds, steps : the budget; default 60 s on a CPU, 15 s on a GPU
    run : folder to keep the run in; None = it is thrown away
    device : "auto" (an NVIDIA GPU if there is one), "cpu", "cuda", "mps"
    seed : 0 or more; the same on the same machine gives the same model with `steps`
    progress : called with each message (docs/architecture.md)

    Returns
    -------
    The best model by the held-out part; the one it started from where that was clearly better

    Raises
    ------
    BadInput
        If images, labels or options cannot be used; before any work starts.

    Warns
    -----
    UNetWarning
        If the training did worse than its base, whose weights are returned then; if an image is
        left out, since nothing is painted in it; if cells are painted beyond the known area; if
        many pieces have one number.
        Without `progress`, which is told them, what the training itself warns of, too.
    """
    check_device(device)
    given = {"preset": preset, "base": base, "labels_are": labels_are, "device": device}
    given["unpainted"] = unpainted
    options = _options({**given, "seed": seed, "seconds": seconds, "steps": steps})
    # absolute: `progress` may change the folder
    kept = None if run is None else Path(os.path.expanduser(run)).absolute()
    pairs = _pairs(
        _listed(images), _listed(labels), None if known is None else _listed(known), axes
    )
    from napari_unet.core.device import usual_torch

    with usual_torch():
        return _trained(pairs, options, kept, progress)


@wraps(metrics.evaluate)
def evaluate(
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    min_size: int = 0,
    region: npt.ArrayLike | None = None,
) -> Scores:
    scores = metrics.evaluate(truth, prediction, min_size, region)
    for what, labels in (("truth", truth), ("prediction", prediction)):
        if doubt := number_doubt(check_labels(labels)):
            _warn(f"the {what}: {doubt}", deeper=-1)
    return scores


@wraps(weights.weight_map)
def weight_map(
    labels: npt.ArrayLike,
    known: npt.ArrayLike | None = None,
    settings: WeightSettings | None = None,
    *,
    labels_are: LabelsAre = "instances",
    class_weight: Mapping[int, float] | None = None,
) -> npt.NDArray[np.float32]:
    made = weights.weight_map(
        labels, known, settings, labels_are=labels_are, class_weight=class_weight
    )
    if labels_are == "instances" and (doubt := number_doubt(check_labels(labels), OR_CLASSES)):
        _warn(doubt, deeper=-1)
    return made


def _options(given: dict[str, Any]) -> TrainOptions:
    """The options of a training from numbers of numpy's, paths and torch's devices, too.

    Raises
    ------
    BadInput
        If one is of another kind, or there is no such.
    """
    plain = plain_numbers(given)
    plain["device"] = str(plain["device"])
    if isinstance(plain["base"], os.PathLike):
        plain["base"] = os.fspath(plain["base"])
    if isinstance(plain["base"], Model):
        raise BadInput("base is a Model: save it and give the path of its file")
    return from_dict(TrainOptions, plain)


def _listed(values: Iterable[Any]) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise BadInput(
            f"images, labels and known areas are given as lists, not as {type(values).__name__}"
        ) from None


def _trained(
    pairs: Sequence[Pair],
    options: TrainOptions,
    run: Path | None,
    progress: Callable[[Message], None] | None,
) -> Model:
    """Do the training in a new run folder; None = one that is thrown away."""
    temporary = Path(tempfile.mkdtemp(prefix="napari-unet-")) if run is None else None
    try:
        folder = create_run(run or temporary / "run", pairs, options)  # type: ignore[operator]
        _warn_of_left_out(pairs, folder)
        if options.labels_are == "instances" and (doubt := number_doubts(pairs, OR_CLASSES)):
            _warn(doubt)
        # closed at once where `progress` raises: a traceback that is kept would keep the run held
        with closing(train_run(folder.path)) as messages:
            for message in messages:
                if progress is not None:
                    progress(message)
                elif message["event"] in ("warning", "unpainted"):
                    warnings.warn(message["words"], UNetWarning, stacklevel=3)
        if message.get("worse"):
            warnings.warn(
                "the training did worse than the model that it started from, whose weights are"
                f" returned ({message['words']}); the trained ones are"
                + (f" in {folder.trained}" if temporary is None else " lost: keep them by run="),
                UNetWarning,
                stacklevel=3,  # the line that called `train`
            )
        return load_model(folder.model)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _pairs(
    images: Sequence[npt.ArrayLike],
    labels: Sequence[npt.ArrayLike],
    known: Sequence[npt.ArrayLike | None] | None,
    axes: str | None,
) -> list[Pair]:
    """The images with their annotation; warns of what is painted beyond the known area."""
    for what, given in (("labels", labels), ("known areas", known)):
        if given is not None and len(given) != len(images):
            raise BadInput(
                f"there are {len(images)} images but {len(given)} {what}; each image needs its own"
            )
    pairs = []
    for index, (image, painted) in enumerate(zip(images, labels, strict=True)):
        name = f"image {index}"
        array, ids = as_array(image, name), as_array(painted, f"the labels of {name}")
        letters = axes_of(array, axes, where=name).letters
        stated = None if known is None else known[index]
        area = None if stated is None else as_mask(stated, f"the known area of {name}")
        # if they do not fit, the checks of the run say so
        if area is not None and area.squeeze().shape == ids.squeeze().shape:
            ids, area = check_labels(ids, f"the labels of {name}"), area.reshape(ids.shape)
            if outside := beyond(ids, area):
                _warn(f"{name}: {outside}")
            area = stated_area(ids, area)
        pairs.append(Pair(name, array, ids, area, letters))
    return pairs


def _warn_of_left_out(pairs: Sequence[Pair], run: RunFolder) -> None:
    used = {entry["name"] for entry in run.info["inputs"]}
    for name in (pair.name for pair in pairs if pair.name not in used):
        _warn(f"{name} is left out: nothing is painted in it", deeper=1)


def _warn(words: str, deeper: int = 0) -> None:
    warnings.warn(words, UNetWarning, stacklevel=4 + deeper)  # the line that called `train`
