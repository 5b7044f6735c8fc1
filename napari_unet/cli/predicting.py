"""``napari-unet predict``."""

from __future__ import annotations

import errno
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_unet.core.errors import BadInput

from .options import A_MODEL, AxesOption, Device, OutFolder
from .words import predicted_tiles, say_readings

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_unet.core.axes import Axes
    from napari_unet.core.settings import ModelConfig


def predict(
    model: Annotated[str, typer.Argument(help=f"{A_MODEL}.")],
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    out: OutFolder,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write NAME_prob.tif as well.")
    ] = False,
    tile: Annotated[
        int | None, typer.Option(min=1, help="Side of the input tile in model pixels.")
    ] = None,
    diameter: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            help="Of the cells in these images, px; default: as in the training images, unless "
            "they look quite different.",
        ),
    ] = None,
    axes: AxesOption = None,
    precision: Annotated[
        Literal["auto", "fp32"], typer.Option(help="auto: bfloat16 where the device has it.")
    ] = "auto",
    views: Annotated[
        int | None,
        typer.Option(
            help="1: each tile is looked at once; 4: the mean of four mirrored views, a little "
            "better and four times as slow. Default: 4 for small images."
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Write DIR/NAME_labels.tif for each image."""
    from napari_unet.api import check_device, load_model
    from napari_unet.core.modelled import check_wishes
    from napari_unet.files.images import read_image, write_labels, write_probability
    from napari_unet.files.model_file import read_config
    from napari_unet.files.origin import Origin
    from napari_unet.files.pairs import list_images
    from napari_unet.models import find_model

    check_wishes(diameter, precision, views, tile)
    file = find_model(model)
    config = read_config(file)
    paths = list_images(images)
    readings = {path: check_image(path, axes, config) for path in paths}
    _check_out(out, paths, probabilities)
    check_device(device)
    loaded = load_model(file)
    say_readings(reading.words for reading in readings.values())
    out.mkdir(parents=True, exist_ok=True)
    with predicted_tiles(len(paths)) as shown:
        for path, reading in readings.items():
            started, notes = time.monotonic(), dict[str, None]()
            shown.start(path.name)
            image = read_image(path)[0]
            of = Origin(path, image)
            probability, labels = loaded.probabilities_and_labels(
                image,
                axes=reading.letters,
                tile=tile,
                precision=precision,
                device=device,
                diameter=diameter,
                views=views,
                progress=shown.tile,
                warn=lambda words, notes=notes: notes.setdefault(words),  # type: ignore[misc]
            )
            letters = reading.letters.replace("C", "")
            stored = _without_singletons(labels, letters)
            write_labels(out / f"{path.stem}_labels.tif", *stored, computed=True, of=of)
            if probabilities:
                if config.labels_are == "classes":
                    letters = re.sub("(?=[YX])", "C", letters, count=1)
                stored = _without_singletons(probability, letters)
                write_probability(out / f"{path.stem}_prob.tif", *stored, of=of)
            found = _found(int(labels.max(initial=0)), config)
            said = "".join(f"; {note}" for note in notes)
            shown.line(f"{path.name}: {found}{time.monotonic() - started:.1f} s{said}")


def check_image(path: Path, axes: str | None, config: ModelConfig) -> Axes:
    """How an image is read, by its header where that tells; refused if the model cannot use it."""
    from napari_unet.core.alpha import may_have_alpha
    from napari_unet.core.axes import axes_of, read_axes
    from napari_unet.core.modelled import takes
    from napari_unet.files.images import read_header, read_image

    header = read_header(path)
    reading = read_axes(header.shape, axes, metadata=header.axes, where=str(path))
    if may_have_alpha(reading.letters, header.shape, header.dtype):  # only the pixels tell
        reading = axes_of(read_image(path)[0], axes, metadata=header.axes, where=str(path))
    if not takes(config, reading.channels):
        raise BadInput(
            f"{path} is read as {reading.words}, but the model was trained on"
            f" {config.channels} channel{'' if config.channels == 1 else 's'}"
            f"{reading.slices_instead if takes(config, 1) else ''}"
        )
    return reading


def _check_out(out: Path, paths: list[Path], probabilities: bool) -> None:
    """Refuse a folder that is none; and where files of the user's would be lost or rivalled.

    Beside their image, or in `labels` beside `images`, whoever wrote them; elsewhere what this
    command has not written, or of another image.
    """
    from napari_unet.files.atomic import check_leads_somewhere
    from napari_unet.files.folders import normal
    from napari_unet.files.images import SUFFIXES, check_new
    from napari_unet.files.origin import Origin

    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; a folder is needed for the results")
    check_leads_somewhere(out)
    _check_names(paths, out)
    where = out.resolve()
    there = sorted(out.iterdir()) if out.exists() else []
    mine: dict[str, list[Path]] = {}
    for p in there:
        labels = p.suffix.lower() in SUFFIXES and p.stem.endswith("_labels")
        if labels or (probabilities and p.name.endswith("_prob.tif")):
            mine.setdefault(normal(p.stem), []).append(p)
    for path in paths:
        folders, of = _folders(path), Origin(path)
        if any(f.name == "images" and (f.parent / "labels").resolve() == where for f in folders):
            raise BadInput(f"{out} is for the labels that you made; name another folder")
        for ending in ("_labels", "_prob") if probabilities else ("_labels",):
            result = out / f"{path.stem}{ending}.tif"
            for found in mine.get(normal(result.stem), []):
                if where in folders:
                    raise BadInput(
                        f"{found} lies beside its image and may be made by hand; name another"
                        " folder"
                    )
                if found.name != result.name:  # nobody would know which of both is meant
                    raise BadInput(
                        f"{found} is there already and would have one name with {result.name};"
                        " name another place for the results, or move it"
                    )
            check_new(result, of)


def _check_names(paths: list[Path], out: Path) -> None:
    """Refuse names that differ by capitals only: on many disks their results are one file.

    And those that are too long with what their results have more.
    """
    named: dict[str, Path] = {}
    above = next(p for p in (out, *out.absolute().parents) if p.is_dir())  # where `out` will be
    for path in paths:
        result = f"{path.stem}_labels.tif"
        try:
            (above / result).lstat()
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise BadInput(
                    f"{result} is too long a name for a file here; give {path.name} a shorter one"
                ) from error
        first = named.setdefault(path.stem.casefold(), path)
        if first is not path:
            raise BadInput(
                f"{first} and {path} have one name but for capitals, so that one result may replace"
                " the other; rename one, or predict them into two folders"
            )


def _folders(path: Path) -> set[Path]:
    """Where an image lies: by its name, and where links of its folder and its own lead."""
    return {path.absolute().parent, path.parent.resolve(), path.resolve().parent}


def _without_singletons(array: npt.NDArray[Any], letters: str) -> tuple[npt.NDArray[Any], str]:
    """An array and its axes as files hold them: a stack of one slice is one slice."""
    axes = [(x, n) for x, n in zip(letters, array.shape, strict=True) if x in "CYX" or n != 1]
    return array.reshape([n for _, n in axes]), "".join(x for x, _ in axes)


def _found(top: int, config: ModelConfig) -> str:
    if config.labels_are == "classes":
        return ""
    return "1 cell, " if top == 1 else f"{top} cells, "
