"""The run folder: everything a training was given, said and made."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation import Pair, check_labels
from napari_unet.core.errors import BadInput
from napari_unet.core.memory import physical
from napari_unet.core.presets import settings_for
from napari_unet.core.settings import ModelConfig, Settings, TrainOptions, to_dict
from napari_unet.core.typed import from_dict, plain_numbers
from napari_unet.files.atomic import clear_leftovers, making, write_bytes, write_json
from napari_unet.files.guarded import last_lines, may_be_touched, read_array
from napari_unet.files.model_file import check_model, is_model
from napari_unet.files.space import check_space, full_disk_told
from napari_unet.models import find_model, list_models, models_folder, runs_folder

from .checks import UsedSlices, check_pairs, count_classes
from .info import CREATED, FORMAT, read_info, versions
from .messages import Message, encode, parse, read_log


@dataclass(frozen=True)
class RunFolder:
    """A run folder on disk."""

    path: Path

    @property
    def model(self) -> Path:
        """The best model so far; exists from before step 1."""
        return self.path / "model.safetensors"

    @property
    def trained(self) -> Path:
        """The newest weights, where they did worse than the base: then that is the model."""
        return self.path / "trained.safetensors"

    def made(self, worse: bool) -> Path:
        """What the training came to; `worse`: than its base, which is :attr:`model` then."""
        return self.trained if worse else self.model

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Newest weights, optimiser and counters in one file, so that they always agree."""
        return self.path / "checkpoint" / "state.pt"

    @property
    def info(self) -> dict[str, Any]:
        """What run.json says, all of it checked; `BadInput` if it says anything odd."""
        return read_info(self.path)[0]

    @property
    def options(self) -> TrainOptions:
        return read_info(self.path)[1].options

    @property
    def settings(self) -> Settings:
        return read_info(self.path)[1].settings

    @property
    def _own_base(self) -> Path:
        """A copy of the base model, made where it lies on another machine's share."""
        return self.path / "base.safetensors"

    @cached_property
    def base(self) -> Path | None:
        """The base model's file: where it was or, in a run that was moved, by its name.

        Raises
        ------
        BadInput
            If it is gone, or is another one by now.
        """
        said = read_info(self.path)[1].base
        if said is None:
            return None
        # of a stranger's run the path may lead anywhere, and the name may be a path
        files = [self._own_base]
        files += [Path(said.path)] if may_be_touched(said.path, _known(self.path)) else []
        files += [m.path for m in list_models() if m.name == said.name]
        for file in files:
            if file.is_file() and is_model(file) and _sha256(file) == said.sha256:
                return file
        raise BadInput(
            f"the base model {said.name} that this training starts from was changed since, or is"
            f" not here ({said.path}); put it back, or begin anew"
        )

    def pairs(self) -> Iterator[Pair]:
        """The training pairs as they were at the start: images (S, C, Y, X), used slices only.

        Raises
        ------
        BadInput
            If an array is damaged, of another shape than it needs, or too large (a hole, perhaps).
        """
        pixels = 0
        for index, entry in enumerate(read_info(self.path)[1].inputs):
            image, labels, known = (
                read_array(self.path / "data" / f"{index:04d}_{part}.npy", dimensions, kinds)
                for part, dimensions, kinds in (
                    ("image", 4, "biuf"),
                    ("labels", 3, "iu"),
                    ("known", 3, "b"),
                )
            )
            slices = (image.shape[0], *image.shape[2:])
            if labels.shape != slices or known.shape != slices:
                raise BadInput(f"{self.path}: the labels of {entry.name} do not fit their image")
            pixels += labels.size
            if 4 * pixels > physical():
                raise BadInput(f"{self.path}: its labels would not fit into this machine's memory")
            labels = check_labels(labels, f"{self.path}: the labels of {entry.name}")
            takes = self.settings.network.in_channels
            if image.shape[1] != takes or not known.any():
                raise BadInput(
                    f"{self.path}: {entry.name} does not fit: {image.shape[1]} channels, where the"
                    f" network takes {takes}, or nothing is annotated"
                )
            yield Pair(
                entry.name,
                image,
                labels,
                known,
                "ZCYX",
                unpainted=entry.unpainted,
                number=entry.number,
            )

    def messages(self) -> list[Message]:
        """What the log holds so far."""
        return list(read_log(self.log)) if self.log.exists() else []

    @property
    def last(self) -> Message:
        """The last message of the log; {} = it holds none."""
        if not self.log.exists():
            return {}
        said = (parse(line) for line in reversed(last_lines(self.log)))
        return next((message for message in said if message is not None), {})

    def say(self, message: Message) -> None:
        """Append a message to the log."""
        with self.log.open("a") as log:
            log.write(encode(message) + "\n")

    def rewind_log(self, step: int) -> None:
        """Keep only what was said of steps up to `step`: a resumed run says the rest again."""
        kept = [m for m in self.messages() if 0 <= m.get("step", -1) <= step]
        write_bytes(self.log, "".join(encode(m) + "\n" for m in kept).encode())

    def clear_leftovers(self) -> None:
        """Remove what a killed training has left half written; only for who holds the folder."""
        for folder in (self.path, self.checkpoint.parent):
            clear_leftovers(folder, age=0.0)

    @property
    def resumable(self) -> bool:
        """Whether there is a checkpoint of a training that was not finished."""
        return self.checkpoint.exists() and not self.finished

    @property
    def finished(self) -> bool:
        said = read_log(self.log) if self.log.exists() else ()
        return any(m["event"] == "done" and not m.get("stopped") for m in said)


def open_run(path: Path) -> RunFolder:
    """The run folder at `path`.

    Raises
    ------
    BadInput
        If there is none, it is from a newer version, or what it says is odd.
    OSError
        If it may not be read.
    """
    run = RunFolder(Path(path))
    read_info(run.path)
    return run


def create_run(path: Path, pairs: Iterable[Pair], options: TrainOptions | None = None) -> RunFolder:
    """Check everything, then write a new run folder; without torch, in any process.

    Raises
    ------
    BadInput
        If `path` exists, or images, labels or base model cannot be used, or the disk is full.
        Nothing is left.
    """
    path, options = Path(path), _as_read(options or TrainOptions())
    if path.exists():
        raise BadInput(
            f"{path} exists already; give another name, "
            f"or continue it with: napari-unet resume {path}"
        )
    used = check_pairs(pairs)
    channels = used[0].image.shape[1]
    base, config = _base(options, channels)
    classes = 2 if options.labels_are == "instances" else 1 + count_classes(used)
    can_ask = config is not None and options.labels_are == "instances" == config.labels_are
    used = [u.settled(options.unpainted, can_ask) for u in used]
    settings = settings_for(options, channels, classes, config)
    needed = sum(a.nbytes for u in used for a in (u.image, u.labels, u.known))
    check_space(path, needed)
    with making(path) as beside:
        (beside / "data").mkdir()
        (beside / "checkpoint").mkdir()
        if base is not None and not may_be_touched(base["path"], _known(path)):
            shutil.copyfile(base["path"], RunFolder(beside)._own_base)
        with full_disk_told(path, needed):
            inputs = [_keep(beside / "data", index, slices) for index, slices in enumerate(used)]
        write_json(
            beside / "run.json",
            {
                "format": FORMAT,
                "created": time.strftime(CREATED),
                "options": to_dict(options),
                "settings": to_dict(settings),
                "seed": options.seed,
                "base": base,
                "inputs": inputs,
                "versions": versions(),
            },
        )
    return RunFolder(path)


def _as_read(options: TrainOptions) -> TrainOptions:
    """The options as run.json gives them back: one that it refuses would make a run for nothing."""
    return from_dict(TrainOptions, plain_numbers(to_dict(options)))


def _base(options: TrainOptions, channels: int) -> tuple[dict[str, str] | None, ModelConfig | None]:
    """The base model as run.json keeps it, and what it says of itself; None = from scratch."""
    if options.base == "none" or (options.base == "default" and not _default_fits(options)):
        return None, None
    file = find_model(options.base)
    config = check_model(file)
    # of one channel: each of several gets its share of the first layer's weights
    if config.channels not in (1, channels):
        raise BadInput(
            f"the base model {options.base} takes {config.channels} channel(s), "
            f"the images have {channels}; "
            "choose base 'none' to train from scratch"
        )
    said = {"name": options.base, "path": str(file.resolve()), "sha256": _sha256(file)}
    return said, config


def _known(run: Path) -> tuple[Path, ...]:
    """Folders that are in use anyway, wherever they lie."""
    return models_folder(), runs_folder(), run.absolute().parent


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _default_fits(options: TrainOptions) -> bool:
    """The model that ships knows single cells at one scale, in the network of one preset."""
    there = any(m.name == "default" and m.config is not None for m in list_models())
    return there and options.preset == "default" and options.labels_are == "instances"


def _keep(folder: Path, index: int, used: UsedSlices) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": used.name,
        "axes": used.axes,
        "slices": list(used.indices),
        "unpainted": used.unpainted,
        "number": used.number,
        "sha256": {},
    }
    for part, array in (("image", used.image), ("labels", used.labels), ("known", used.known)):
        np.save(folder / f"{index:04d}_{part}.npy", array, allow_pickle=False)
        entry["sha256"][part] = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    return entry
