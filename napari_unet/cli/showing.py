"""``napari-unet open``, ``demo``, ``weights`` and ``info``: what is there to look at."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from napari_unet.core.errors import BadInput

from .options import A_MODEL, BorderWeight, LabelsAre, OutFolder, Sigma
from .words import OR_CLASSES, say

if TYPE_CHECKING:
    from napari_unet.core.settings import ModelConfig
    from napari_unet.runs.folder import RunFolder

LONGEST_CARD = 2**20  # bytes of a model's description that are shown


def open_window(
    image: Annotated[Path | None, typer.Argument(help="An image, or a folder of images.")] = None,
    labels: Annotated[Path | None, typer.Argument(help="Its labels, to go on with.")] = None,
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="Leave out the NAME_labels beside a folder's images."),
    ] = False,
) -> None:
    """Open napari with the dock (the command may be left out)."""
    for path in (image, labels):
        if path is not None and not path.exists():
            what = "command, file or folder" if path == image else "file"
            raise BadInput(f"there is no {what} {str(path)!r}; see napari-unet --help")
    _need_display("there is no display to open a window on")
    from napari_unet.files.pairs import look_into
    from napari_unet.widgets import open_viewer

    if image is not None and image.is_dir() and not unlabelled:
        alone = look_into(image).alone
        if alone:
            say(f"note: {image}: {alone}")
    open_viewer(image, labels, unlabelled=unlabelled)


def demo(
    out: OutFolder,
    headless: Annotated[
        bool,
        typer.Option("--headless", help="Close at the end; without a display under a virtual one."),
    ] = False,
) -> None:
    """The whole journey on the sample images: pictures and scores in DIR."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; a folder is needed for the pictures")
    there = [p for p in (out / "scores.json", *out.glob("0[1-6]-*.png")) if p.exists()]
    if there and not (out / "home").is_dir():  # which an earlier demo has made, too
        raise BadInput(f"{there[0]} is there already; name another folder for the demo")
    if headless and not _has_display():
        _under_virtual_display(["demo", "-o", str(out), "--headless"])
    _need_display("there is no display to open a window on; add --headless")
    from napari_unet.widgets import demo as journey

    if journey.run(out, headless=headless) != 0:
        raise BadInput(f"the journey failed: a picture in {out} is blank or no cell was found")


def samples(out: OutFolder) -> None:
    """Copy the sample images that come with napari-unet, and their labels, to DIR."""
    from napari_unet.files.atomic import write_bytes
    from napari_unet.sample_images import sample_pairs

    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; a folder is needed for the sample images")
    files = [path for pair in sample_pairs() for path in pair]
    there = [out / p.name for p in files if (out / p.name).exists()]
    if there:
        raise BadInput(f"{there[0]} exists already; name another folder for the sample images")
    out.mkdir(parents=True, exist_ok=True)
    for path in files:
        write_bytes(out / path.name, path.read_bytes())
    say(f"{len(files) // 2} images with their labels are in {out}")


def weights(
    labels: Annotated[Path, typer.Argument(help="A label image.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="TIFF to write.", metavar="OUT.tif")],
    known: Annotated[Path | None, typer.Option(help="Non-zero = annotated.")] = None,
    preset: Literal["paper", "fiji"] = "paper",
    w0: BorderWeight = None,
    sigma: Sigma = None,
    labels_are: LabelsAre = "instances",
) -> None:
    """Write the weight map of a label image: what the network will care about."""
    from dataclasses import replace

    import numpy as np

    from napari_unet.core.annotation import beyond, number_doubt, photo_doubt, stated_area
    from napari_unet.core.settings import WeightSettings
    from napari_unet.core.weights import weight_map
    from napari_unet.files.images import (
        TIFF,
        check_new,
        check_order,
        read_header,
        write_probability,
    )
    from napari_unet.files.pairs import read_known, read_labels

    settings = WeightSettings.of(preset)
    settings = replace(
        settings,
        w0=settings.w0 if w0 is None else w0,
        sigma=settings.sigma if sigma is None else sigma,
    )
    if out.suffix.lower() not in TIFF or out.is_dir():
        raise BadInput(f"the weight map is written as TIFF, so {out} needs a name ending in .tif")
    if out.resolve() in {p.resolve() for p in (labels, known) if p is not None}:
        raise BadInput(f"{out} is the input itself; name another file for the weight map")
    check_new(out)
    ids = read_labels(labels)
    area = None if known is None else read_known(known)
    if area is not None and area.squeeze().shape != ids.squeeze().shape:
        raise BadInput(f"{labels} has the shape {ids.shape}, but {known} has {area.shape}")
    if area is not None and known is not None:
        header = read_header(labels)
        check_order(known, header.axes or "", header.shape)
    shape = tuple(n for n in ids.shape[:-2] if n != 1) + ids.shape[-2:]
    area = None if area is None else area.reshape(shape)
    if len(shape) > 2:
        raise BadInput(
            f"{labels} is a stack of {math.prod(shape[:-2])} slices, and a weight map is of one:"
            " save the slice that you mean as a file of its own"
        )
    ids, notes = ids.reshape(shape), [photo_doubt(ids)]
    if labels_are == "instances":
        notes.append(number_doubt(ids, OR_CLASSES))
    if area is not None:
        notes.append(beyond(ids, area))
        area = stated_area(ids, area)
    made = weight_map(ids, area, settings, labels_are=labels_are)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_probability(out, made)
    for note in filter(None, notes):
        say(f"note: {labels}: {note}")
    kinds = np.unique(ids[ids > 0]).size
    say(f"{out}: {kinds} {labels_are}, weights from {made.min():.3g} to {made.max():.3g}")


def info(
    what: Annotated[str, typer.Argument(metavar="MODEL|RUN", help=f"{A_MODEL}.")],
) -> None:
    """Say what a model or a run folder holds."""
    from napari_unet.files.model_file import read_config
    from napari_unet.models import find_model
    from napari_unet.runs.folder import open_run

    path = Path(what)
    if path.is_dir():
        run = open_run(path)
        _say_table(_run_facts(run))
        if not run.model.exists():
            return
        path = run.model
    else:
        path = find_model(what)
    config = read_config(path)
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    _say_table({"model": str(path), "sha256": sha, **_model_facts(config)})
    card = path.with_suffix(".md")
    if card.is_file():
        with card.open("rb") as file:  # a stranger's, of any size and encoding
            text = file.read(LONGEST_CARD).decode(errors="replace")
        for line in ("", *text.splitlines()):
            say(line)


def _run_facts(run: RunFolder) -> dict[str, Any]:
    from napari_unet.models import called

    said, options = run.info, run.options
    seconds = "as the device says" if options.seconds is None else f"{options.seconds:g} seconds"
    steps = [m["step"] for m in run.messages() if m["event"] == "step"]
    last = next((m["words"] for m in reversed(run.messages()) if m["event"] == "done"), "")
    return {
        "run": str(run.path),
        "created": said.get("created", ""),
        "images": ", ".join(entry["name"] for entry in said["inputs"]),
        "preset": options.preset,
        "base": called(said["base"]["name"]) if said.get("base") else "none",
        "budget": f"{options.steps} steps" if options.steps else seconds,
        "steps done": steps[-1] if steps else 0,
        "state": "finished" if run.finished else "not finished; go on with: napari-unet resume",
        "result": last,
    }


def _model_facts(config: ModelConfig) -> dict[str, Any]:
    net, found = config.network, config.instances
    kind = f"{config.labels_are} {', '.join(map(str, config.class_values))}".strip()
    cut = f"{found.threshold:g}, seeds {found.seed_threshold:g}, outlines {found.outline:g}"
    cut += f", least size {found.min_size} px"
    cut += f", somewhere {found.peak:g} or more" if found.peak > 0 else ""
    facts = {
        "labels are": kind,
        "channels": config.channels,
        "axes": config.axes,
        "cell diameter": _pixels(config.image_diameter),
        "rescaled to": _pixels(config.diameter),
        "network": f"U-Net, width {net.width}, depth {net.depth}, {net.padding} padding",
        "threshold": cut if config.labels_are == "instances" else "",
        "licence": config.licence,
        "origin": config.origin,
    }
    return facts | {f"training: {name}": _plain(value) for name, value in config.training.items()}


def _plain(value: Any) -> Any:
    """A table inside the table in one line, without braces."""
    if isinstance(value, list):
        return "; ".join(str(_plain(x)) for x in value)
    if not isinstance(value, dict):
        return value
    return ", ".join(
        f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in value.items()
    )


def _pixels(diameter: float | None) -> str:
    return "" if diameter is None else f"{diameter:.1f} px"


def _say_table(facts: dict[str, Any]) -> None:
    """One line for each fact that there is."""
    there = {name: value for name, value in facts.items() if value not in ("", None, {}, [])}
    width = max(map(len, there))
    for name, value in there.items():
        say(f"{name:<{width}}  {value}")


def _need_display(otherwise: str) -> None:
    """Qt ends the whole process where there is no display; say so before."""
    if not _has_display():
        raise BadInput(otherwise)


def _has_display() -> bool:
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform != "linux" or bool(shown) or platform in ("offscreen", "vnc")


def _under_virtual_display(words: list[str]) -> NoReturn:
    """Become the same command under xvfb-run: its exit code is ours."""
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise BadInput("--headless needs xvfb-run, which is not installed here")
    screen = ["-a", "-s", "-screen 0 1600x1000x24"]
    again = [sys.executable, "-P", "-m", "napari_unet", *words]
    virtual = {"QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
    os.execve(xvfb, [xvfb, *screen, *again], {**os.environ, **virtual})
