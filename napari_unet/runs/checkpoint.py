"""The checkpoint: weights, optimiser and counters in one file, so that they always agree."""

from __future__ import annotations

from typing import Any

import torch

from napari_unet.files.atomic import replacing

from .folder import RunFolder


def read_checkpoint(run: RunFolder) -> dict[str, Any] | None:
    """The newest state of a training, on the CPU; None = it has none yet."""
    if not run.checkpoint.exists():
        return None
    state: dict[str, Any] = torch.load(run.checkpoint, map_location="cpu", weights_only=True)
    return state


def write_checkpoint(run: RunFolder, state: dict[str, Any]) -> None:
    """Write or replace it; tensors and plain values only.

    Raises
    ------
    OSError
        If the disk is full, say; an older one stays as it was.
    """
    with replacing(run.checkpoint) as beside, beside.open("wb") as file:
        torch.save(state, file)  # given a path it would hide what the system says is wrong
