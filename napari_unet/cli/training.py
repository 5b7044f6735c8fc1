"""``napari-unet train`` and ``resume``."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unet.core.errors import BadInput
from napari_unet.core.held_out import too_few

from .options import A_MODEL, AxesOption, BorderWeight, Device, LabelsAre, Sigma
from .words import Steps, say, say_notes, say_readings, training_steps

if TYPE_CHECKING:
    from napari_unet.core.annotation import Pair
    from napari_unet.runs.folder import RunFolder


def train(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Folder with NAME.tif and NAME_labels.tif, or images/ + labels/."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New run folder.", metavar="RUN")],
    preset: Annotated[
        Literal["default", "paper", "fiji"],
        typer.Option(help="Network, optimiser, augmentation and weights together."),
    ] = "default",
    base: Annotated[str, typer.Option(help=f"{A_MODEL}; or none.")] = "default",
    labels_are: LabelsAre = "instances",
    axes: AxesOption = None,
    w0: BorderWeight = None,
    sigma: Sigma = None,
    seconds: Annotated[
        float | None, typer.Option(help="Wall time, all included; default 60 (CPU), 15 (GPU).")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of seconds.")] = None,
    held_out: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of the annotation kept for the score.")
    ] = 0.15,
    unpainted: Annotated[
        Literal["auto", "background", "unknown"],
        typer.Option(
            help="What ground without a mark is: what the base model is sure of, background"
            " (the images are painted completely), or nothing."
        ),
    ] = "auto",
    device: Device = "auto",
    seed: int = 0,
) -> None:
    """Train on annotated images; Ctrl-C ends it early and keeps the best model."""
    from napari_unet.core.settings import TrainOptions
    from napari_unet.files.atomic import check_leads_somewhere
    from napari_unet.files.pairs import find_pairs, read_pair
    from napari_unet.models import called
    from napari_unet.models.named import RESERVED
    from napari_unet.runs.folder import create_run

    if seconds is not None and steps is not None:
        raise typer.BadParameter("give either --seconds or --steps, not both")
    options = TrainOptions(
        preset=preset,
        base=base,
        labels_are=labels_are,
        w0=w0,
        sigma=sigma,
        seconds=seconds,
        steps=steps,
        held_out=held_out,
        unpainted=unpainted,
        device=device,
        seed=seed,
    )
    if out.exists():
        raise BadInput(f"{out} exists already; name a new folder, or: napari-unet resume {out}")
    check_leads_somewhere(out)
    if str(out) in RESERVED:
        raise BadInput(f"{str(out)!r} is a word for a model to start from; name the run otherwise")
    found = find_pairs(data)
    pairs = [read_pair(files, axes) for files in found.pairs]
    _check_device(device)
    run = create_run(out, pairs, options)
    say(f"{data}: {found.words}")
    _say_annotation(pairs, labels_are, {x["unpainted"] for x in run.info["inputs"]})
    used = run.info["base"]
    if used is not None:
        say(f"starting from {called(used['name'])}")
    elif base == "none":  # "default" may mean the same, which the run itself says
        say("training from scratch")
    del pairs  # the run folder has its own copy
    _follow(run)


def resume(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder that was broken off.")],
    device: Annotated[
        str | None, typer.Option(help="Instead of the run's own: auto, cpu, cuda, cuda:1, mps.")
    ] = None,
) -> None:
    """Go on with a training to the steps or seconds that were left."""
    from napari_unet.runs.folder import open_run

    run = open_run(path)
    if run.finished:
        say(f"{path} is finished already; its model is {run.model}")
        return
    _check_device(device or run.options.device)
    _follow(run, device)


def _check_device(name: str) -> None:
    from napari_unet.api import check_device

    check_device(name)


NOT_SO = "; if all is painted, say --unpainted background"
REST = {
    "auto": "of the rest, what the base model is sure of counts as background",
    "background": "unpainted pixels count as background",
    "unknown": "the rest counts for nothing",
}


def _say_annotation(pairs: Sequence[Pair], labels_are: str, unpainted: set[str]) -> None:
    """How the images are read, how much of them is annotated, and what the rest is taken for."""
    import numpy as np

    from napari_unet.core.annotation import known_area
    from napari_unet.core.axes import axes_of

    say_notes(pairs, labels_are)
    say_readings(axes_of(p.image, p.axes, where=p.name).words for p in pairs)
    whole = "background" in unpainted
    known = [
        p.known if p.known is not None else known_area(p.labels) if whole else p.labels > 0
        for p in pairs
    ]
    ids = [np.unique(p.labels[k]) for p, k in zip(pairs, known, strict=True)]
    share = sum(int(k.sum()) for k in known) / sum(k.size for k in known)
    if labels_are == "classes":
        values = sorted({int(v) for found in ids for v in found if v})
        painted = f"{len(values)} classes ({', '.join(map(str, values))})"
    else:
        cells = sum(int((found > 0).sum()) for found in ids)
        painted = f"{cells} cell{'' if cells == 1 else 's'}"
    rest = REST[unpainted.pop()] if len(unpainted) == 1 else "the rest by what each image says"
    say(f"annotated: {painted}, {share:.0%} of the pixels; {rest}")
    empty = [pair.name for pair, area in zip(pairs, known, strict=True) if not area.any()]
    if empty:
        say(f"left out, because nothing is painted there: {', '.join(empty)}")


def _follow(run: RunFolder, device: str | None = None) -> None:
    """Train, show how it goes, and say what came of it."""
    from napari_unet.api import train_run

    with (
        _ended_by_ctrl_c() as asked,
        training_steps() as shown,
        closing(train_run(run.path, lambda: bool(asked), device)) as messages,
    ):
        for message in messages:
            _show(shown, message)
    say(f"the model is {run.model}")
    if message.get("worse"):
        say(f"it has the base model's weights; the trained ones are in {run.trained}")


def _show(shown: Steps, message: dict[str, object]) -> None:
    event, words = message["event"], message.get("words")
    if event == "step":
        shown.show(message)
    elif event == "failed":
        raise BadInput(str(words))
    elif event == "held-out" and too_few(message["score"]):  # type: ignore[arg-type]
        return  # it is said once, at the end
    elif event == "held-out":
        shown.line(f"step {message['step']}: {words}")
    elif event in ("warning", "unpainted"):
        shown.line(f"note: {words}{NOT_SO if event == 'unpainted' else ''}")
    elif words:
        shown.line(str(words))


@contextmanager
def _ended_by_ctrl_c() -> Iterator[list[int]]:
    """A list that the first Ctrl-C fills; the second one ends the process as usual."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, usual)

    usual = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, usual)
