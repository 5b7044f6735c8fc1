"""The checkpoint: weights, optimiser and counters in one file, so that they always agree."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from napari_unet.core.errors import BadInput
from napari_unet.core.memory import is_out_of_memory
from napari_unet.files.atomic import replacing
from napari_unet.files.guarded import check_plain

from .folder import RunFolder

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
        int(state["step"])
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
        if isinstance(error, BadInput) or is_out_of_memory(error):
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
    with replacing(run.checkpoint) as beside, beside.open("wb") as file:
        torch.save(state, file)  # given a path it would hide what the system says is wrong
