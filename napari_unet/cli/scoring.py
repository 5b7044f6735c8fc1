"""``napari-unet evaluate``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_unet.core.errors import BadInput

from .options import A_MODEL, AxesOption, Device
from .words import OR_CLASSES, say, say_notes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_unet.core.annotation import Pair
    from napari_unet.core.metrics import Scores
    from napari_unet.files.pairs import PairFiles

    Ints = npt.NDArray[np.int32]
    Mask = npt.NDArray[np.bool_]

SHOWN = ("AP50", "F1_50", "mAP", "SEG", "PQ", "ARAND", "VI", "mIoU")


def evaluate(
    first: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|DATA", help=f"{A_MODEL}; with --labels, DATA and nothing else."
        ),
    ],
    second: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="Folder of annotated images.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Score these label files instead of a model.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write all scores to this file.")] = None,
    min_size: Annotated[
        int, typer.Option(min=0, help="True cells under so many pixels are ignored.")
    ] = 0,
    labels_are: Annotated[
        Literal["instances", "classes"] | None,
        typer.Option(help="Of labels: as in train; default instances. A model says so itself."),
    ] = None,
    axes: AxesOption = None,
    device: Device = "auto",
) -> None:
    """Score a model, or label files (--labels DIR), against annotated images.

    Stacks slice by slice: a cell in three slices counts three times.
    """
    from napari_unet.core.metrics import evaluate as compare
    from napari_unet.core.metrics import evaluate_classes, pool
    from napari_unet.files.pairs import find_pairs

    if (second is None) == (labels is None):
        raise typer.BadParameter("give either MODEL and DATA, or --labels DIR and DATA")
    found = find_pairs(Path(first) if second is None else second)
    if json is not None:
        _check_file(json)
    if not found.complete:
        say(found.words)
    values: tuple[int, ...] = ()
    if labels is not None:
        predicted = _stored(labels, found.pairs, labels_are != "classes")
        classes, otherwise = labels_are == "classes", OR_CLASSES
    else:
        predicted, values = _by_model(first, found.pairs, axes, device)
        classes, otherwise = bool(values), ""
        if labels_are not in (None, "classes" if classes else "instances"):
            finds = "classes, not cells" if classes else "cells, not classes"
            raise BadInput(f"the model {first} finds {finds}; leave --labels-are out")
    if classes and min_size:
        raise BadInput("--min-size is for cells, not for classes; leave it out")
    scores: dict[str, Scores] = {}
    for files in found.pairs:
        pair, prediction = _checked(files, axes, predicted)
        say_notes([pair], "classes" if classes else "instances", otherwise)
        scores[files.name] = pool(
            [
                evaluate_classes(truth, guess, values, known)
                if classes
                else compare(truth, guess, min_size)
                for truth, guess, known in _annotated_slices(pair, prediction, classes)
            ]
        )
        say(f"{files.name}: {_line(scores[files.name].to_dict())}")
    _say_and_write(scores, json)


def _check_file(json: Path) -> None:
    """Refuse a file that cannot be written, or holds something else than scores."""
    from napari_unet.files.atomic import holds_something
    from napari_unet.files.guarded import read_table

    if json.is_dir():
        raise BadInput(f"{json} is a folder; name a file for the scores")
    if holds_something(json):
        try:
            ours = "pooled" in read_table(json)
        except BadInput:
            ours = False
        if not ours:
            raise BadInput(f"{json} is there already and holds no scores; name another file")
    above = next(p for p in json.absolute().parents if p.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise BadInput(f"{json} cannot be written: {above} is no folder that may be written to")


def _by_model(
    name: str, pairs: tuple[PairFiles, ...], axes: str | None, device: str
) -> tuple[Callable[[PairFiles, Pair], Ints], tuple[int, ...]]:
    """The predictions of a model, and its class values; all is checked before it is loaded."""
    from napari_unet.api import check_device, load_model
    from napari_unet.files.model_file import read_config
    from napari_unet.models import find_model

    from .predicting import check_image

    file = find_model(name)
    config = read_config(file)
    for files in pairs:
        check_image(files.image, axes, config)
    check_device(device)
    model = load_model(file)

    def predicted(_: PairFiles, pair: Pair) -> Ints:
        return model.segment(pair.image, axes=pair.axes, device=device)

    return predicted, config.class_values


def _stored(
    folder: Path, pairs: tuple[PairFiles, ...], cells: bool
) -> Callable[[PairFiles, Pair], Ints]:
    """The label files of a folder, NAME_labels or NAME, one for each pair."""
    from napari_unet.core.annotation import number_doubt, photo_doubt
    from napari_unet.core.axes import axes_of
    from napari_unet.files.folders import normal
    from napari_unet.files.images import SUFFIXES, check_order
    from napari_unet.files.pairs import read_labels

    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}")
    there: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            there.setdefault(normal(path.stem), []).append(path)
    paths = {p.name: there.get(f"{p.name}_labels") or there.get(p.name, []) for p in pairs}
    for two in (found for found in paths.values() if len(found) > 1):
        raise BadInput(f"{two[0]} and {two[1].name} have one name; rename or remove one")
    missing = [name for name, found in paths.items() if not found]
    if missing:
        raise BadInput(
            f"{folder} lacks {len(missing)} of {len(paths)} predictions, the first is"
            f" {missing[0]}_labels.tif"
        )

    def predicted(files: PairFiles, pair: Pair) -> Ints:
        path = paths[files.name][0]
        labels = read_labels(path, axes_of(pair.image, pair.axes, where=pair.name))
        check_order(path, pair.axes, pair.image.shape)
        of_numbers = number_doubt(labels, OR_CLASSES) if cells else ""
        for doubt in filter(None, (photo_doubt(labels), of_numbers)):
            say(f"note: {path}: {doubt}")
        return labels

    return predicted


def _checked(
    files: PairFiles, axes: str | None, predicted: Callable[[PairFiles, Pair], Ints]
) -> tuple[Pair, Ints]:
    """A pair and its prediction, in the shape of the pair's labels."""
    from napari_unet.files.pairs import read_pair

    pair = read_pair(files, axes)
    if not pair.axes.replace("C", "").endswith("YX"):
        raise BadInput(
            f"{files.name}: the axes are {pair.axes}, but only images whose last axes are Y and X "
            "(beside C) can be scored"
        )
    prediction = predicted(files, pair)
    wanted = [n for n in pair.labels.shape if n != 1]
    if [n for n in prediction.shape if n != 1] not in (wanted, _flat_stack(wanted)):
        raise BadInput(
            f"{files.name}: the prediction has the shape {prediction.shape},"
            f" the true labels {pair.labels.shape}"
        )
    return pair, prediction.reshape(pair.labels.shape)


def _flat_stack(shape: list[int]) -> list[int]:
    """(T, Z, Y, X) as predictions have it: T and Z in one axis."""
    return [shape[0] * shape[1], *shape[2:]] if len(shape) == 4 else shape


def _annotated_slices(
    pair: Pair, prediction: Ints, classes: bool
) -> Iterator[tuple[Ints, Ints, Mask | None]]:
    """Truth, prediction and what is known of each slice, as predictions are made of them.

    In a stack without a known area the slices without any label are unknown, as in training.
    """
    from napari_unet.core.annotation import known_area
    from napari_unet.core.axes import axes_of

    shape = (-1, *axes_of(pair.image, pair.axes, where=pair.name).shape)
    truths, guesses = pair.labels.reshape(shape), prediction.reshape(shape)
    areas = None if pair.known is None else pair.known.reshape(shape)
    if areas is None and len(truths) > 1 and truths.any():
        areas = known_area(truths)
    for index, (truth, guess) in enumerate(zip(truths, guesses, strict=True)):
        known = None if areas is None else areas[index]
        if known is None or classes:
            yield truth, guess, known
        else:
            yield *_annotated_only(truth, guess, known), None


def _annotated_only(truth: Ints, prediction: Ints, known: Mask) -> tuple[Ints, Ints]:
    """Both where the truth of a slice is known; a predicted cell mostly elsewhere goes."""
    import numpy as np

    ids, index = np.unique(prediction, return_inverse=True)  # ids may be of any height
    index = index.reshape(prediction.shape)
    sizes = np.bincount(index.ravel())
    inside = np.bincount(index[known], minlength=len(ids))
    kept = known & (2 * inside > sizes)[index]
    return np.where(known, truth, 0), np.where(kept, prediction, 0)


def _say_and_write(scores: dict[str, Scores], json: Path | None) -> None:
    from napari_unet.core.metrics import mean, pool
    from napari_unet.files.atomic import behind_link, write_json

    pooled, averaged = pool(list(scores.values())), mean(list(scores.values()))
    say(f"mean of {len(scores)}: {_line(averaged)}")
    say(f"pooled: {_line(pooled.to_dict())}")
    say(pooled.words)
    if json is not None:
        content: dict[str, Any] = {
            "pooled": pooled.to_dict(),
            "mean": averaged,
            "images": {name: s.to_dict() for name, s in scores.items()},
        }
        _check_file(json)  # somebody may have written it meanwhile
        json.parent.mkdir(parents=True, exist_ok=True)
        write_json(behind_link(json), content)


def _line(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {values[name]:.3f}" for name in SHOWN if name in values)
