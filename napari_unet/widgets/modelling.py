"""Model files, run folders and job folders, as the panel needs them. Without torch."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unet.core.annotation import check_labels
from napari_unet.core.errors import BadInput
from napari_unet.core.presets import preset
from napari_unet.core.settings import ModelConfig, WeightSettings
from napari_unet.core.tally import tally
from napari_unet.files.atomic import behind_link, write_bytes
from napari_unet.files.foreign import remove_ours
from napari_unet.files.images import write_labels
from napari_unet.files.lock import in_use
from napari_unet.files.model_file import described_anew, read_config
from napari_unet.models import (
    PRETRAINED,
    NamedModel,
    find_model,
    in_hand,
    list_models,
    name_of_run,
    prune_runs,
    runs_folder,
)
from napari_unet.runs.folder import RunFolder, open_run
from napari_unet.runs.info import CREATED
from napari_unet.session import FROM_BASE, Choice
from napari_unet.snapshots import Snapshot

from .background import words_for
from .naming import title

SUFFIX = ".safetensors"
FILTER = f"U-Net model (*{SUFFIX})"
JOBS_KEPT = 7 * 24 * 3600  # seconds; a prediction's files serve its window's filters only
OF_A_JOB = re.compile(r"job\.json|(image|probability|labels)\.npy")
RUNS_LISTED = 10  # the newest trainings of earlier sessions
QUIET = 5.0  # seconds after which it is looked again whether a training is at work elsewhere
_numbers = itertools.count(1)
_named: set[Path] = set()  # runs of this process
_naming = threading.Lock()


@dataclass(frozen=True)
class Earlier:
    """What earlier sessions have left: models, and perhaps a training to go on with."""

    models: tuple[Choice, ...] = ()  # newest training first, then those with names
    resumable: Path | None = None
    words: str = ""  # when it began
    look_again: float = 0.0  # seconds until that is asked anew: somebody is at it; 0 = nobody is
    passed_over: tuple[str, ...] = ()  # a sentence for each file that cannot be used


@dataclass(frozen=True)
class _Past:
    """What there is to know of an earlier run, all of it read at once."""

    run: RunFolder
    created: str
    finished: bool
    resumable: bool
    model: Choice | None  # what it made; None where it has not come to an end


def earlier() -> Earlier:
    """Look through the models and runs on disk; old predictions are cleared.

    A file or folder that cannot be used is passed over, and says why: it does not speak for others.
    """
    _clear_jobs()
    named = list_models()
    passed_over = [m.problem for m in named if m.config is None]
    runs: list[_Past] = []
    for path in runs_folder().glob("*/run.json"):
        try:
            runs.append(_past(path.parent))
        except (BadInput, OSError) as error:
            passed_over.append(words_for(error))
    runs.sort(key=lambda past: past.created, reverse=True)
    trained = [past.model for past in runs if past.model is not None][:RUNS_LISTED]
    models = (*trained, *((str(m.path), _title(m)) for m in named if m.config is not None))
    newest = next((past for past in runs if past.resumable or past.finished), None)
    if newest is None or newest.finished:  # what was trained later has replaced the older one
        return Earlier(models, passed_over=tuple(passed_over))
    run = newest.run
    wait = QUIET if in_use(run.path) else 0.0  # by another window, or a worker that still saves
    return Earlier(models, run.path, when(run), wait, tuple(passed_over))


def _past(path: Path) -> _Past:
    """An earlier run; BadInput or OSError where there is anything that it should not be."""
    run = open_run(path)
    ended, finished = run.last.get("event") == "done", run.finished
    made = _newest(run)
    return _Past(
        run,
        str(run.info["created"]),
        finished,
        run.checkpoint.exists() and not finished,
        entry(made) if ended and made.exists() else None,
    )


def _title(model: NamedModel) -> str:
    return PRETRAINED if model.shipped and model.name == FROM_BASE else model.name


def when(run: RunFolder) -> str:
    """The moment a training began, such as "today, 14:05" or "21 Nov 2026, 14:05"."""
    began = time.strptime(run.info["created"], CREATED)
    today = began[:3] == time.localtime()[:3]
    return time.strftime("today, %H:%M" if today else "%d %b %Y, %H:%M", began)


def _newest(run: RunFolder) -> Path:
    """What the training made, even where its base did better."""
    return run.made(run.trained.exists() and bool(run.last.get("worse")))


def entry(path: Path) -> Choice:
    """A model file as an entry of the list; BadInput if it is none."""
    read_config(path)
    return (str(path), title(path))


def base_of(name: str) -> Choice | None:
    """What a training has started from, as an entry of the list; None: nothing, or it is gone."""
    try:
        path = find_model(name)
        return (str(path), PRETRAINED) if name == FROM_BASE else entry(path)
    except BadInput:
        return None


def config_of(path: Path) -> ModelConfig:
    """What the model file says of itself."""
    return read_config(path)


def save(source: Path, target: Path, config: ModelConfig | None = None) -> None:
    """Copy a model file, replacing `target` atomically; `config` stands in place of its own."""
    own = read_config(source)
    content = source.read_bytes() if config in (None, own) else described_anew(source, config)
    write_bytes(behind_link(target), content)


def export(shot: Snapshot, path: Path) -> int:
    """Write labels as a TIFF; how many numbers are in it."""
    labels = check_labels(shot.labels, f"the labels of {shot.name}")
    write_labels(path, labels)
    return len(tally(labels).pixels)


def areas_of(shot: Snapshot) -> str:
    """What of an annotation is no labels, such as "regions and background"; "" = nothing."""
    background = shot.background is not None and bool(np.any(shot.background))
    there = ("regions" if shot.outlines else "", "background" if background else "")
    return " and ".join(filter(None, there))


def weights_of(name: str) -> WeightSettings:
    """The weight settings of a training preset."""
    return preset(name).weights


def new_run_folder(*needed: str) -> Path:
    """Where the next training goes, named by its time; the oldest runs make room.

    Models that are `needed` stay in any case; "" = none. No name is given twice: a folder that was
    given up may still be in the making, or just be going.
    """
    folder = runs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # what cannot be tidied up is no reason not to train
        prune_runs(keep=[Path(model) for model in needed if model])
    with _naming:
        path = _free(folder / name_of_run(), _named)
        _named.add(path)
    return path


def new_job_folder() -> Path:
    """Where the next prediction goes."""
    folder = _jobs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # another window may begin one in the same second, in the same folder
    number = f"{os.getpid()}-{next(_numbers)}"
    return _free(folder / f"{time.strftime('%Y-%m-%d %H.%M.%S')} {number}")


def _jobs_folder() -> Path:
    return runs_folder() / "predictions"


def remove(job: Path) -> None:
    """Delete a prediction's files; a file that is open elsewhere goes with the old ones.

    A folder into which somebody has put something stays as it is.
    """
    remove_ours(job, OF_A_JOB)


def _clear_jobs() -> None:
    """Delete predictions of windows that ended badly, long ago; never what somebody put there."""
    held = {path.resolve() for path in in_hand()}  # of windows that are open for long
    for job in _jobs_folder().glob("*"):
        with contextlib.suppress(OSError):  # another window has just removed it, or a dead link
            old = time.time() - job.stat().st_mtime > JOBS_KEPT
            if old and job.resolve() not in held:
                remove(job)


def _free(path: Path, taken: Collection[Path] = ()) -> Path:
    others = (path.with_name(f"{path.name} {n}") for n in itertools.count(2))
    candidates = itertools.chain([path], others)
    return next(p for p in candidates if p not in taken and not p.exists())
