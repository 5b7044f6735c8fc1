"""The checkpoint: weights, optimiser and counters in one file, so that they always agree."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import torch

from napari_unet.core.errors import BadInput
from napari_unet.core.memory import is_out_of_memory
from napari_unet.core.typed import Within, from_dict
from napari_unet.files.atomic import replacing
from napari_unet.files.guarded import check_plain

from .folder import RunFolder
from .messages import is_score
from .scoring import Scoring

Score = dict[str, Any]

# what torch, or taking up a state, says of a file that is cut off or a stranger's
DAMAGED = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    EOFError,
    OverflowError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class _Kept:
    """What the keeper of the best model remembers."""

    before: Score | None
    outline: float | None
    best: Score | None
    worse: Score | None
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        for score in filter(None, (self.before, self.best, self.worse)):
            if not is_score(score):
                raise BadInput("a score is none")


@dataclass(frozen=True)
class _Plain:
    """What a checkpoint holds beside tensors, in the bounds that a training keeps."""

    step: Annotated[int, Within(0, 10**9)]
    seconds: Annotated[float, Within(0, 1e9)]
    batch: Annotated[int, Within(1, 256)]
    tile: Annotated[int, Within(1, 4096)]
    anew: bool
    keeper: _Kept
    scoring: Scoring


def read_checkpoint(run: RunFolder) -> dict[str, Any] | None:
    """The newest state of a training, on the CPU; None = it has none yet.

    Raises
    ------
    BadInput
        If the file is damaged, or was not written by a training.
    OSError
        If it may not be read.
    """
    if not run.checkpoint.exists():
        return None
    check_plain(run.checkpoint)
    with as_bad_input(run):
        with zipfile.ZipFile(run.checkpoint) as parts:
            # torch packs nothing; what is packed may unpack to a thousand times its size
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
                raise ValueError("packed")
        state: dict[str, Any] = torch.load(run.checkpoint, map_location="cpu", weights_only=True)
        from_dict(_Plain, {name: state[name] for name in get_type_hints(_Plain)})
    return state


@contextmanager
def as_bad_input(run: RunFolder) -> Iterator[None]:
    """Tell what a damaged checkpoint leads to in one sentence, while it is taken up.

    Raises
    ------
    BadInput
        In place of what torch says; running out of memory stays what it is.
    """
    try:
        yield
    except DAMAGED as error:
        if is_out_of_memory(error):
            raise
        raise BadInput(
            f"{run.checkpoint} is damaged: this training cannot go on; its best model so far is"
            f" {run.model}"
        ) from error


def write_checkpoint(run: RunFolder, state: dict[str, Any]) -> None:
    """Write or replace it; tensors and plain values only.

    Raises
    ------
    OSError
        If the disk is full, say; an older one stays as it was.
    """
    run.checkpoint.parent.mkdir(exist_ok=True)  # empty folders are lost where runs are copied
    with replacing(run.checkpoint) as beside, beside.open("wb") as file:
        try:
            torch.save(state, file)  # given a path it would hide what the system says is wrong
        except RuntimeError as error:  # its own, while it ends the file that could not be written
            raise _of_the_system(error) or error from None


def _of_the_system(error: BaseException) -> OSError | None:
    """What the system said first, of errors that led to one another; None = nothing."""
    while error.__context__ is not None:
        error = error.__context__
        if isinstance(error, OSError):
            return error
    return None
