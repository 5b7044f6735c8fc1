"""A folder is held by one process at a time, and by nobody once that is dead."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files import lock as module
from napari_unet.files.lock import in_use, locked

HOLDER = """
import sys
from pathlib import Path
from napari_unet.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_at_a_time(tmp_path: Path) -> None:
    assert not in_use(tmp_path)
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    with locked(tmp_path):
        assert in_use(tmp_path)
        with pytest.raises(BadInput, match="in use") as refused, locked(tmp_path):
            pass
        assert "\n" not in str(refused.value) and str(tmp_path) in str(refused.value)
        assert in_use(tmp_path), "the refusal takes nothing away"
    assert not in_use(tmp_path)
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("killed", [True, False])
def test_it_ends_with_the_process_that_holds_it(killed: bool, tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        assert in_use(tmp_path)
        with pytest.raises(BadInput, match="in use"), locked(tmp_path):
            pass
        if killed:
            other.kill()
            assert other.wait() == -signal.SIGKILL
        else:
            other.communicate()
        assert not in_use(tmp_path)
        with locked(tmp_path):
            assert in_use(tmp_path)


def test_no_folder_is_no_lock(tmp_path: Path) -> None:
    assert not in_use(tmp_path / "none")
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")
def test_a_file_system_without_locks_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module.fcntl, "flock", unable)
    with locked(tmp_path):
        assert not in_use(tmp_path)


def only(mode: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on files can be opened in this mode only; None: in no mode."""
    real = module.os.open

    def opened(path: str, flags: int, *rest: int) -> int:
        if mode is None or flags & (module.os.O_RDWR | module.os.O_WRONLY) != mode:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, flags, *rest)

    monkeypatch.setattr(module.os, "open", opened)


def test_what_another_user_holds_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(tmp_path), monkeypatch.context() as patch:
        only(module.os.O_RDONLY, patch)
        assert in_use(tmp_path)
    only(module.os.O_RDONLY, monkeypatch)
    assert not in_use(tmp_path)


def test_what_nobody_may_look_into_counts_as_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(None, monkeypatch)
    assert in_use(tmp_path)
