"""A full disk is one sentence, before work begins where that can be, and nothing saved is lost."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from napari_unet.api import load_model
from napari_unet.core.errors import BadInput
from napari_unet.files import space
from napari_unet.models import find_model
from napari_unet.runs import checkpoint
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.jobs import JobFolder, create_job
from napari_unet.runs.predict import predict_job
from napari_unet.runs.train import train_run

from .tiny import disc_pair, tiny_run

PAIR = disc_pair()
IMAGE = np.zeros((300, 400), np.uint8)
FULL = OSError(errno.ENOSPC, "No space left on device")


class Usage(NamedTuple):
    free: int


def job(path: Path, image: np.ndarray = IMAGE) -> JobFolder:
    return create_job(path, image, axes="YX", model=find_model("default"), device="cpu")


def refuse(*_: Any, **__: Any) -> None:
    raise FULL


@pytest.mark.skipif(os.name == "nt", reason="NTFS makes no holes unasked")
@pytest.mark.parametrize("by_hand", [False, True])
def test_the_room_of_a_prediction_is_reserved(
    by_hand: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hole would be found out when a tile is written: by SIGBUS."""
    if by_hand:  # macOS has no such call
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    made = job(tmp_path / "job")
    there = (made.path / "probability.npy").stat()
    assert there.st_blocks * 512 >= there.st_size > 4 * IMAGE.size
    assert made.probability().shape == (1, *IMAGE.shape) and not made.probability().any()


def test_too_little_room_for_a_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1_000_000))
    with pytest.raises(BadInput, match=r"disk with .*job is full: 1\.1 MB are needed, 1\.0 MB are"):
        job(tmp_path / "job")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1_100_000))
    job(tmp_path / "job")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no such call")
def test_the_disk_fills_while_a_prediction_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(BadInput, match=r"is full: 1\.1 MB are needed"):
        job(tmp_path / "job")
    assert list(tmp_path.iterdir()) == []


def test_the_disk_fills_before_the_cells_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = job(tmp_path / "job", IMAGE[:64, :64])
    monkeypatch.setattr("napari_unet.runs.predict.write_array", refuse)
    with pytest.raises(BadInput, match=r"the disk with .* is full"):
        list(predict_job(made.path))


def test_too_little_room_for_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000))
    with pytest.raises(BadInput, match=r"disk with .*run is full: .* are needed, 0\.0 MB are free"):
        create_run(tmp_path / "run", [PAIR])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_no_room_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch itself tells it, not as one would wish: what was saved before stays."""
    run, real = tiny_run(tmp_path / "run", steps=45), checkpoint.replacing

    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        with real(path) as beside:
            yield Path("/dev/full") if path.exists() else beside

    monkeypatch.setattr(checkpoint, "replacing", full)
    with pytest.raises(BadInput, match=r"the disk with .*run is full"):
        list(train_run(run.path))
    assert torch.load(run.checkpoint, weights_only=True)["step"] == 10
    load_model(run.model)
    monkeypatch.undo()
    assert list(train_run(run.path))[-1]["event"] == "done"


class Filling(io.RawIOBase):
    """A file on a disk that is full once so many bytes are written."""

    def __init__(self, room: int) -> None:
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise FULL
        return len(data)


@pytest.mark.parametrize("room", [1_000, 300_000])
def test_the_disk_fills_in_the_middle_of_a_checkpoint(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch ends its file all the same, and says then that it is cut off."""
    run = RunFolder(tmp_path)
    monkeypatch.setattr(Path, "open", lambda *_: Filling(room))
    with pytest.raises(OSError, match="No space left") as told:
        checkpoint.write_checkpoint(run, {"net": [torch.zeros(50_000) for _ in range(4)]})
    assert told.value.errno == errno.ENOSPC and list(run.checkpoint.parent.iterdir()) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), space.full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
