"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from napari_unet.files.atomic import replacing, write_array, write_bytes, write_json


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), replacing(path) as beside:
        beside.write_bytes(b"half of the n")
        assert path.read_bytes() == b"old"
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"] and path.read_bytes() == b"old"


def test_success_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    write_bytes(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"] and path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o444 == 0o444 & ~_umask()


def test_json_and_arrays(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ä": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"ä": [1, None]}
    strange = {os.fsdecode(b"caf\xe9"): "\U0001f9eb\ud800"}  # a name that is not UTF-8
    write_json(tmp_path / "a.json", strange)
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == strange
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    write_array(tmp_path / "c.npy", np.arange(3))
    assert np.load(tmp_path / "c.npy").tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "c.npy"]


def test_an_absent_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        write_bytes(tmp_path / "absent" / "a.bin", b"")


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def refusing(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, "no")
        real(handle)

    monkeypatch.setattr(os, "fsync", refusing)
    number = errno.EINVAL
    write_bytes(tmp_path / "a", b"there")
    assert (tmp_path / "a").read_bytes() == b"there"
    number = errno.EIO
    with pytest.raises(OSError, match="no"):
        write_bytes(tmp_path / "a", b"other")
