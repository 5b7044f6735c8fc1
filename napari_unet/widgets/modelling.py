"""Model files, run folders and job folders, as the panel needs them. Without torch."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_unet.core.annotation import Pair, check_labels
from napari_unet.core.axes import axes_of
from napari_unet.core.presets import preset
from napari_unet.core.scale import scale_factor
from napari_unet.core.settings import ModelConfig, ScaleSettings, TrainOptions, WeightSettings
from napari_unet.files.atomic import write_bytes
from napari_unet.files.images import write_labels
from napari_unet.files.model_file import read_config
from napari_unet.layers import Snapshot
from napari_unet.models import list_models, prune_runs, runs_folder
from napari_unet.session import Choice

SUFFIX = ".safetensors"
FILTER = f"U-Net model (*{SUFFIX})"
JOBS_KEPT = 24 * 3600  # seconds; the probability of a prediction serves its window's filters only
_numbers = itertools.count(1)


def known_models() -> tuple[Choice, ...]:
    """The models that have names and can be read, for the list; old predictions are cleared."""
    _clear_jobs()
    return tuple((str(m.path), m.name) for m in list_models() if m.config is not None)


def entry(path: Path) -> Choice:
    """A model file as an entry of the list; BadInput if it is none."""
    read_config(path)
    name = path.parent.name if path.stem == "model" else path.stem
    return (str(path), name)


def config_of(path: Path) -> ModelConfig:
    """What the model file says of itself."""
    return read_config(path)


def save(source: Path, target: Path) -> None:
    """Copy a model file, replacing `target` atomically."""
    read_config(source)
    write_bytes(target, source.read_bytes())


def export(shot: Snapshot, path: Path) -> None:
    """Write labels as a TIFF."""
    write_labels(path, check_labels(shot.labels, f"the labels of {shot.name}"))


def weights_of(name: str) -> WeightSettings:
    """The weight settings of a training preset."""
    return preset(name).weights


def new_run_folder(selected: str) -> Path:
    """Where the next training goes, named by its time; the oldest runs make room.

    `selected` is the model that stays in any case; "" = none.
    """
    folder = runs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    prune_runs(keep=[Path(selected)] if selected else [])
    return _free(folder / time.strftime("trained %Y-%m-%d %H.%M.%S"))


def new_job_folder() -> Path:
    """Where the next prediction goes."""
    folder = _jobs_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return _free(folder / time.strftime(f"%Y-%m-%d %H.%M.%S {next(_numbers)}"))


def _jobs_folder() -> Path:
    return runs_folder() / "predictions"


def _clear_jobs() -> None:
    """Delete predictions of windows that were closed long ago."""
    for job in _jobs_folder().glob("*"):
        if time.time() - job.stat().st_mtime > JOBS_KEPT:
            shutil.rmtree(job, ignore_errors=True)


def _free(path: Path) -> Path:
    candidates = (path.with_name(f"{path.name} {n}") for n in itertools.count(2))
    return path if not path.exists() else next(p for p in candidates if not p.exists())


def with_base(options: TrainOptions, suit: str, pairs: Sequence[Pair]) -> TrainOptions:
    """Start from the model file `suit` if it suits the images; "" = as the options say."""
    if not suit or not Path(suit).exists() or not pairs:
        return options
    config = read_config(Path(suit))
    channels = axes_of(pairs[0].image, pairs[0].axes, where=pairs[0].name).channels
    kin = config.labels_are == options.labels_are and config.channels == channels
    return replace(options, base=suit) if kin else options


def scale_of(config: ModelConfig) -> float:
    """Image pixels -> model pixels, where the image's cells are as large as the trained ones."""
    if config.diameter is None:
        return 1.0
    return scale_factor(config.image_diameter, ScaleSettings(diameter=config.diameter))
