"""What pruning leaves: trainings beside one that is too large, and other windows' models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from napari_unet.files.lock import locked
from napari_unet.models import InHand, in_hand, prune_runs, pruning, runs_folder
from napari_unet.runs.train import train_run
from napari_unet.widgets.modelling import earlier
from tests.runs.tiny import tiny_run

from .test_named import home, make_run  # noqa: F401

NAME = "trained 2026-01-02 10.00.00"
WINDOW = """
import sys
from napari_unet.models import InHand
window = InHand()
window.set(sys.argv[1:])
window.write()
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def window(*models: Path) -> Iterator[subprocess.Popen[str]]:
    """Another window, in a process of its own, that has these models in hand."""
    words = [sys.executable, "-c", WINDOW, *map(str, models)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_one_large_run_that_was_broken_off_costs_no_other() -> None:
    make_run(100, "step", size=50_000)
    good = [make_run(50 - i, "done") for i in range(5)]
    assert prune_runs(20_000) == [] and all(run.exists() for run in good)
    assert prune_runs(6_000) == good[:3], "the large one takes no more than half of the limit"


def test_a_large_model_that_is_selected_costs_no_other() -> None:
    kept = make_run(100, "done", size=50_000)
    good = [make_run(50 - i, "done") for i in range(3)]
    assert prune_runs(20_000, keep=[kept / "model.safetensors"]) == []
    assert all(run.exists() for run in good)


def test_windows_leave_each_others_models() -> None:
    mine, theirs, nobodys = (make_run(9, "done") for _ in range(3))
    with window(theirs / "model.safetensors") as other:
        assert in_hand() == [theirs / "model.safetensors"]
        assert prune_runs(0, keep=[mine]) == [nobodys]
        assert theirs.exists()
        other.kill()
        other.wait()
        assert in_hand() == [], "a dead window has nothing in hand"
    assert prune_runs(0, keep=[mine]) == [theirs]


def test_what_is_in_hand_follows_the_window(tmp_path: Path) -> None:
    a, b = (make_run(9, "done") / "model.safetensors" for _ in range(2))
    one, other = InHand(), InHand()
    one.set(["", "default", str(tmp_path / "elsewhere.safetensors")])
    one.write()
    assert not (runs_folder() / "windows").exists(), "nothing is there that could be pruned"
    one.set([str(a)])
    one.write()
    other.set([str(b)])
    other.write()
    assert sorted(in_hand()) == [a, b]
    one.set([str(b)])
    one.write()
    assert in_hand() == [b, b]
    one.close()
    one.write()
    assert in_hand() == [b]
    other.close()
    assert in_hand() == [] and list((runs_folder() / "windows").iterdir()) == []


def test_a_model_that_was_opened_by_another_path_is_in_hand(tmp_path: Path) -> None:
    run = make_run(9, "done")
    (tmp_path / "link").symlink_to(runs_folder())
    window = InHand()
    window.set([str(tmp_path / "link" / run.name / "model.safetensors")])
    window.write()
    assert prune_runs(0) == []
    window.close()
    assert prune_runs(0) == [run]


def test_lists_of_dead_windows_go() -> None:
    dead = runs_folder() / "windows" / "1-aa"
    dead.mkdir(parents=True)
    (dead / "models.json").write_text("[")
    assert in_hand() == [] and dead.exists(), "it may have been made just now"
    os.utime(dead, (1000, 1000))
    assert in_hand() == [] and not dead.exists()


def test_a_run_that_someone_works_in_stays() -> None:
    run = make_run(9, "done")
    with locked(run):
        assert prune_runs(0) == []
    assert prune_runs(0) == [run]


def test_a_run_with_an_open_file_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where nothing that is open can be moved or deleted."""
    opened, other = make_run(9, "done"), make_run(8, "done")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self == opened:
            raise PermissionError(13, "Access is denied", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    before = sorted(opened.rglob("*"))
    assert prune_runs(0) == [other] and sorted(opened.rglob("*")) == before


def test_files_that_are_gone_meanwhile_stop_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training replaces some each time that it saves."""
    run, other = make_run(9, None), make_run(8, "done")
    replaced, real = run / ".model.0123abcd.part.safetensors", Path.lstat
    replaced.touch()

    def lstat(self: Path) -> os.stat_result:
        if self == replaced:
            self.unlink(missing_ok=True)
        return real(self)

    monkeypatch.setattr(Path, "lstat", lstat)
    assert prune_runs(0) == [other] and not replaced.exists()


def test_a_run_that_is_gone_meanwhile_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, other = make_run(9, "done"), make_run(8, "done")

    def in_use(run: Path) -> bool:
        if run == gone:  # another window prunes, too
            shutil.rmtree(run)
        return False

    monkeypatch.setattr(pruning, "in_use", in_use)
    assert prune_runs(0) == [other] and not gone.exists()


def test_a_linked_run_is_left_alone(tmp_path: Path) -> None:
    run = make_run(9, "done")
    elsewhere = tmp_path / "elsewhere"
    run.rename(elsewhere)
    run.symlink_to(elsewhere)
    assert prune_runs(0) == [] and (elsewhere / "run.json").exists()


def test_a_deletion_that_was_broken_off_is_done_later() -> None:
    run = make_run(9, "done")
    gone = run.with_name(".a.0123abcd.part")
    run.rename(gone)
    for path in (*gone.iterdir(), gone):
        os.utime(path, (1000, 1000))
    assert prune_runs() == [] and not gone.exists()


@pytest.mark.parametrize("line", ["[" * 50_000, "null", '{"event": ["done"]}', "NaN", "\\ud800"])
def test_a_log_that_says_nothing_sensible(line: str) -> None:
    run = make_run(9, None)
    (run / "log.jsonl").write_text(json.dumps({"event": "done"}) + "\n" + line + "\n")
    assert prune_runs(0) == [] and run.exists()


def test_a_log_that_is_a_folder_costs_no_pruning() -> None:
    odd, good = make_run(9, "done"), make_run(8, "done")
    (odd / "log.jsonl").unlink()
    (odd / "log.jsonl").mkdir()
    assert prune_runs(0) == [good] and odd.exists()


@pytest.mark.parametrize("name", ["a_labels.tif", "data/a_labels.tif", "notes/today.txt"])
def test_a_run_in_which_somebody_keeps_files_stays(name: str) -> None:
    """Labels that were exported there may be the only ones."""
    run, other = make_run(9, "done"), make_run(8, "done")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("mine")
    for odd in (".DS_Store", "._run.json", ".model.0123abcd.part.safetensors", "lock"):
        (other / odd).touch()
    before = sorted(run.rglob("*"))
    assert prune_runs(0) == [other] and sorted(run.rglob("*")) == before


def test_a_real_run_is_all_ours_until_it_is_renamed() -> None:
    """Whoever gives it a name of his own means to keep it."""
    run = tiny_run(runs_folder() / NAME, steps=1)
    list(train_run(run.path))
    kept = run.path.rename(runs_folder() / "nuclei, the good one")
    assert prune_runs(0) == [] and kept.exists()
    kept.rename(run.path)
    assert prune_runs(0) == [run.path]


def test_an_old_prediction_goes_but_not_what_somebody_has_put_beside_it() -> None:
    folder = runs_folder() / "predictions"
    files = {"job": "image.npy", "mine": "a_labels.tif", "of an open window": "labels.npy"}
    for name, file in files.items():
        (folder / name).mkdir(parents=True)
        (folder / name / file).touch()
        os.utime(folder / name, (1000, 1000))
    with window(folder / "of an open window"):
        earlier()
    assert sorted(p.name for p in folder.iterdir()) == ["mine", "of an open window"]
    earlier()
    assert [p.name for p in folder.iterdir()] == ["mine"]
