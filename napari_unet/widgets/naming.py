"""What a model is called in the panel: what it was trained on, when, and how good it is."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_unet.core.errors import BadInput
from napari_unet.core.held_out import too_few
from napari_unet.files.guarded import last_lines, read_table
from napari_unet.runs.messages import parse

MOST_INFO = 10_000_000  # bytes of run.json; ours have a few kB for each image
MOST_NAME = 80  # characters of an image's name
MODELS = ("model", "trained")  # stems of the files that a training makes


def title(path: Path) -> str:
    """Such as "cells_3 · 28 Nov 14:05 · AP50 0.83 (12 of 14)" for a training's model.

    A file of another name goes by that; so does a folder that tells nothing. What run.json and
    the log say may be anything, a stranger's too: what does not fit is left out.
    """
    if path.stem not in MODELS:
        return path.stem
    info = _info(path.parent / "run.json")
    parts = [_images(info), _when(info), _score(_done(path.parent / "log.jsonl"), path)]
    said = [part for part in parts if part]
    return " · ".join(said) if _images(info) else path.parent.name


def _info(file: Path) -> dict[str, Any]:
    with suppress(OSError, BadInput):
        return read_table(file, MOST_INFO)
    return {}


def _images(info: dict[str, Any]) -> str:
    """The first image, and how many more."""
    inputs = info.get("inputs")
    if not isinstance(inputs, list):
        return ""
    names = [x.get("name") for x in inputs if isinstance(x, dict)]
    named = [" ".join(x[:MOST_NAME].split()) for x in names if isinstance(x, str) and x.strip()]
    if not named:
        return ""
    return named[0] if len(names) == 1 else f"{named[0]} and {len(names) - 1} more"


def _when(info: dict[str, Any]) -> str:
    with suppress(TypeError, ValueError):
        began = time.strptime(info.get("created", ""), "%Y-%m-%dT%H:%M:%S")
        this_year = began.tm_year == time.localtime().tm_year
        return time.strftime("%d %b %H:%M" if this_year else "%d %b %Y", began).lstrip("0")
    return ""


def _done(log: Path) -> dict[str, Any]:
    """The last `done` of a log; its end is enough."""
    with suppress(OSError, BadInput):
        said = (parse(line) for line in reversed(last_lines(log)))
        return next((m for m in said if m is not None and m["event"] == "done"), {})
    return {}


def _score(done: dict[str, Any], path: Path) -> str:
    """The score of the weights in `path`: those of the base, where these did better."""
    base = done.get("worse") is True and path.stem == "model"
    score = done.get("before" if base else "after")
    if not isinstance(score, dict):
        return ""
    if too_few(score):
        return ""
    found, truth = score.get("found"), score.get("truth")
    of = f" ({found} of {truth})" if isinstance(found, int) and isinstance(truth, int) else ""
    for name, words in (("AP50", "AP50"), ("mIoU", "overlap")):
        value = score.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return f"{words} {value:.2f}{of}"
    return of.strip(" ()")
