"""A training as it is written for the worker, and as the worker tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.advice import the_model
from napari_unet.core.annotation import Pair, check_labels, known_area
from napari_unet.core.errors import BadInput
from napari_unet.core.held_out import too_few
from napari_unet.core.settings import TrainOptions, Unpainted
from napari_unet.models import PRETRAINED
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.messages import NO_SCORE
from napari_unet.session import FROM_BASE, Progress, Session
from napari_unet.snapshots import Snapshot
from napari_unet.wording import before_after, time_left

from . import modelling


def progress(said: dict[str, Any]) -> Progress:
    """The bar for one step message."""
    left, seconds, of = said.get("left"), said.get("seconds", 0.0), said.get("of")
    share = None
    if of:
        share = said["step"] / of
    elif left is not None:
        share = seconds / max(seconds + left, 1e-6)
    return Progress(share, left, time_left(left))


def has_checkpoint(run: Path) -> bool:
    """True if the training in this run folder can be resumed."""
    return RunFolder(run).checkpoint.exists()


def score_of(said: dict[str, Any]) -> float | None:
    """The point on the curve that a message means: a loss, or a held-out score."""
    if said["event"] == "step":
        return float(said["loss"])
    if said["event"] != "held-out":
        return None
    score = said.get("score") or {}
    if too_few(score):
        return None
    value = score.get("value", score.get("AP50", score.get("mIoU")))
    return None if value is None else float(value)


def report(said: dict[str, Any], warnings: Sequence[str], base: str) -> str:
    """What came out of a training, a line each; that there is no score is said once.

    `base` is what it has started from, in words.
    """
    score = said.get("after")
    first = before_after(said.get("before"), score, bool(said.get("worse")), base)
    if not score:  # the worker has said so, perhaps with its reason
        first = next((x for x in warnings if NO_SCORE in x), first)
    return "\n".join(dict.fromkeys([first, *warnings]))


def prepared(shots: Sequence[Snapshot], options: TrainOptions, selected: str) -> Path:
    """Write the run folder; not for the GUI thread.

    Neither the `selected` model is pruned nor the one to start from.
    """
    pairs = [pair(shot) for shot in shots]
    while True:
        path = modelling.new_run_folder(selected, options.base)
        try:
            return create_run(path, pairs, options).path
        except (BadInput, OSError):
            if not path.exists():
                raise
            # another window has begun one in the same second: that is its folder


def pair(shot: Snapshot) -> Pair:
    """One training pair, checked; not for the GUI thread."""
    labels = check_labels(shot.labels, f"the labels of {shot.name}")
    regions = shot.regions()
    background = None if shot.background is None else np.asarray(shot.background) > 0
    marked = any(m is not None and m.any() for m in (regions, background))
    known = known_area(labels, regions, background) if marked else None
    rule: Unpainted | None = "background" if shot.complete else None
    return Pair(shot.name, shot.image, labels, known, shot.axes, unpainted=rule)


def options_of(session: Session) -> TrainOptions:
    """What the panel says of how to train."""
    own = modelling.weights_of(session.preset)
    chosen = (session.weight_preset, session.w0, session.sigma)
    weights, w0, sigma = (None, None, None) if chosen == (own.preset, own.w0, own.sigma) else chosen
    return TrainOptions(
        preset=session.preset,
        base=session.base,
        labels_are=session.labels_are,
        weights=weights,
        w0=w0,
        sigma=sigma,
        seconds=session.seconds or None,
        device=session.device,
    )


def base_words(session: Session, base: str) -> str:
    """What a training has started from, as the list calls it; "" = it is not in the list."""
    for key, title in session.models:
        if title == PRETRAINED if base == FROM_BASE else key == base:
            return the_model(session, key)
    return ""
