"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files import atomic
from napari_unet.files.atomic import (
    clear_leftovers,
    making,
    replacing,
    write_array,
    write_bytes,
    write_json,
)


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


class Busy:
    """`os.replace` on a system where the target is open elsewhere for the first `times` tries."""

    def __init__(self, times: int) -> None:
        self.times, self.real = times, os.replace

    def __call__(self, source: Path, target: Path) -> None:
        self.times -= 1
        if self.times >= 0:
            raise PermissionError(13, "Access is denied", str(target))
        self.real(source, target)


def test_a_file_that_is_open_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "PAUSES", (0.0, 0.0, 0.0))
    write_bytes(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "replace", Busy(3))
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    monkeypatch.setattr(os, "replace", Busy(4))
    with pytest.raises(BadInput, match="another program has it open") as refused:
        write_bytes(tmp_path / "a", b"newer")
    assert str(tmp_path / "a") in str(refused.value)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError), making(tmp_path / "run") as beside:
        (beside / "a").write_text("half")
        assert clear_leftovers(tmp_path, age=-1.0) == [], "somebody fills it"
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(atomic, "PAUSES", (0.0,))
    monkeypatch.setattr(os, "replace", Busy(1))
    with making(tmp_path / "run") as beside:
        (beside / "a").write_text("whole")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["run", "run/a"]


KILLED = """
import os, signal, sys
from pathlib import Path
from napari_unet.files.atomic import making, replacing
folder = Path(sys.argv[1])
with making(folder / "run") as beside, replacing(folder / "m.safetensors") as file:
    (beside / "a").write_text("half")
    file.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_goes_the_next_time(tmp_path: Path) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert process.returncode != 0
    left = sorted(p.name for p in tmp_path.iterdir())
    assert len(left) == 2 and all(atomic.PART.fullmatch(name) for name in left)
    mine = [".mine.part", "a.0123abcd.part", ".a.0123abcd.parts"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    write_bytes(tmp_path / "young", b"")
    assert {p.name for p in tmp_path.iterdir()} == {*left, *mine, "young"}, "it may be at work"
    for path in tmp_path.rglob("*"):
        os.utime(path, (1000, 1000))
    atomic._clear_once.cache_clear()  # as in another process
    write_bytes(tmp_path / "new", b"")
    assert {p.name for p in tmp_path.iterdir()} == {*mine, "young", "new"}


def test_a_long_name_in_another_script(tmp_path: Path) -> None:
    path = tmp_path / ("細" * 80 + ".tif")
    write_bytes(path, b"a")
    assert path.read_bytes() == b"a"


def test_a_new_file_has_the_permissions_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    path.chmod(0o640)
    before = stat.S_IMODE(path.stat().st_mode)
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == before


def test_a_protected_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    path.chmod(0o444)
    with pytest.raises(BadInput, match="write-protected"):
        write_bytes(path, b"new")
    path.chmod(0o644)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_file_that_others_may_write_only_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename in a shared folder would not ask."""
    path = tmp_path / "a.bin"
    write_bytes(path, b"a colleague's")
    monkeypatch.setattr(os, "access", lambda name, how: name != path or how != os.W_OK)
    with pytest.raises(BadInput, match="write-protected"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"a colleague's"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.bin")
    with pytest.raises(BadInput, match="not a plain file"):
        write_bytes(tmp_path / "a.bin", b"new")
    assert stat.S_ISFIFO((tmp_path / "a.bin").stat().st_mode)


def test_the_path_that_was_given_is_the_one_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "a.bin"
    with pytest.raises(OSError) as caught:
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)
    with pytest.raises(OSError) as caught, replacing(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a.bin")


def test_what_went_wrong_first_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that is read-only nothing can be removed, either."""

    def unlink(self: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OSError, match="No space left") as caught, replacing(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a.bin")
