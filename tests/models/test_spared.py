"""What pruning spares: what is named, linked to, of others, or not to be looked into."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from napari_unet.models import InHand, in_hand, models_folder, name_of_run, prune_runs, runs_folder
from napari_unet.widgets.modelling import new_job_folder, new_run_folder, remove

from .test_named import home, make_run  # noqa: F401

DAY = "trained 2026-01-02"


def finish(run: Path) -> None:
    """Its last word names the folder as it is called by then."""
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps({"event": "done", "path": str(run)}) + "\n")


@pytest.mark.parametrize("name", ["my final nuclei", "trained on day 3", "trained 2026-01-01"])
def test_a_run_that_was_named_before_it_was_done_stays(name: str) -> None:
    """By `-o`, or by renaming one that was resumed later."""
    named, other = make_run(9, None).rename(runs_folder() / name), make_run(8, "done")
    finish(named)
    assert prune_runs(0) == [other] and named.exists()


def test_the_names_of_the_panel_are_known() -> None:
    run = make_run(9, "done").rename(runs_folder() / name_of_run())
    assert prune_runs(0) == [run]


def test_a_run_that_a_link_among_the_models_leads_to_stays() -> None:
    linked, other = make_run(9, "done"), make_run(8, "done")
    (linked / "model.safetensors").touch()
    models_folder().mkdir()
    (models_folder() / "nuclei.safetensors").symlink_to(linked / "model.safetensors")
    (models_folder() / "circle.safetensors").symlink_to(models_folder() / "circle.safetensors")
    assert prune_runs(0) == [other] and linked.exists()


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own")
def test_a_run_that_a_link_among_the_runs_leads_to_stays() -> None:
    linked, other = make_run(9, "done"), make_run(8, "done")
    (runs_folder() / "the good one").symlink_to(linked.name)
    assert prune_runs(0) == [other] and linked.exists()


@pytest.mark.parametrize("number", ["01", "00 2"])
def test_a_copy_or_a_renamed_run_stays_even_under_a_name_like_the_panels(number: str) -> None:
    """As "Keep Both" of the macOS Finder calls the second one."""
    run, other = make_run(9, None).rename(runs_folder() / f"{DAY} 10.00.00"), make_run(8, "done")
    finish(run)
    kept = run.rename(runs_folder() / f"{DAY} 10.00.{number}")
    assert prune_runs(0) == [other] and kept.exists()
    kept.rename(run)
    assert prune_runs(0) == [run]


def test_runs_of_another_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine = make_run(9, "done"), make_run(8, "done")
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = real(self, follow_symlinks=follow_symlinks)
        return (
            os.stat_result([*found[:4], found.st_uid + 1, *found[5:10]])
            if self == theirs
            else found
        )

    monkeypatch.setattr(Path, "stat", stat)
    assert prune_runs(0) == [mine]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system has no such users")
def test_on_a_mount_that_calls_everything_anothers_runs_are_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(9, "done")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert prune_runs(0) == [run]


def test_a_folder_that_may_not_be_searched_stops_no_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other, shut = make_run(9, "done"), make_run(8, "done")
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if shut in self.parents:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    assert prune_runs(0) == [other]


def test_nothing_that_goes_wrong_in_pruning_stops_a_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def iterdir(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    runs_folder().mkdir(parents=True)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert new_run_folder().parent == runs_folder()


def test_notes_among_the_lists_of_windows_stay() -> None:
    notes = runs_folder() / "windows" / "mine" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.touch()
    os.utime(notes.parent, (1000, 1000))
    assert in_hand() == [] and notes.exists()


def opened(run: Path) -> tuple[InHand, Path]:
    """A window that has a run in hand, and the folder of its list."""
    window = InHand()
    window.set([str(run)])
    window.write()
    (folder,) = (runs_folder() / "windows").iterdir()
    return window, folder


def test_what_somebody_puts_into_the_folder_of_a_window_stays_when_that_closes() -> None:
    for name, stays in (("my_labels.tif", True), (".DS_Store", False)):
        window, folder = opened(make_run(9, "done"))
        (folder / name).touch()
        window.close()
        assert folder.exists() == stays and in_hand() == []
        shutil.rmtree(folder, ignore_errors=True)


def test_what_somebody_puts_into_the_folder_of_a_prediction_stays() -> None:
    mine, other = new_job_folder(), new_job_folder()
    for job, names in ((mine, ("job.json", "my_labels.tif")), (other, ("job.json", "image.npy"))):
        job.mkdir()
        for name in names:
            (job / name).touch()
        remove(job)
    assert sorted(p.name for p in mine.iterdir()) == ["job.json", "my_labels.tif"]
    assert not other.exists()
    remove(other)


def test_a_window_whose_list_was_removed_makes_another() -> None:
    run = make_run(9, "done")
    window, folder = opened(run)
    shutil.rmtree(folder)
    assert prune_runs(10**6) == [] and in_hand() == []
    window.write()
    assert in_hand() == [run] and prune_runs(0) == []
    window.close()
    assert list((runs_folder() / "windows").iterdir()) == []
