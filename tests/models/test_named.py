"""Models by name, and the runs folder within bounds."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
import torch

from napari_unet import models
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.files.model_file import write_model
from napari_unet.models import find_model, list_models, prune_runs, save_as

NUMBERS = itertools.count(2)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    write_model(path, ModelConfig(NetworkSettings(), licence="CC0"), {"a": torch.zeros(3)})
    return path


def own() -> list[models.NamedModel]:
    return [m for m in list_models() if not m.shipped]


def test_save_list_find(model: Path, home: Path) -> None:
    assert own() == [] and not home.exists()
    saved = save_as("My nuclei (2)", model)
    assert saved.read_bytes() == model.read_bytes()
    (found,) = own()
    assert found.name == "My nuclei (2)" and found.config and found.config.licence == "CC0"
    assert find_model("My nuclei (2)") == saved
    assert find_model(model) == model == find_model(str(model))


def test_a_run_folder_is_its_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(BadInput, match=r"holds no model\.safetensors"):
        find_model(tmp_path / "run")
    model.rename(tmp_path / "run" / "model.safetensors")
    assert find_model(tmp_path / "run") == tmp_path / "run" / "model.safetensors"


def test_a_name_that_is_a_folder_here_too_is_asked_about(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save_as("nuclei", model)
    monkeypatch.chdir(tmp_path)
    for name in ("nuclei", "default"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(model.read_bytes())
    with pytest.raises(BadInput, match="'nuclei' is a model of the list, and a file or folder"):
        find_model("nuclei")
    assert find_model(tmp_path / "nuclei") == tmp_path / "nuclei" / "model.safetensors"
    assert find_model(saved) == saved and find_model("default").parent != tmp_path / "default"


def test_unknown_names_say_what_there_is(model: Path) -> None:
    with pytest.raises(BadInput, match="'nuclie'"):
        find_model("nuclie")
    save_as("nuclei", model)
    with pytest.raises(BadInput, match="nuclei"):
        find_model("nuclie")


@pytest.mark.parametrize("name", ["", "none", "Default", "../a", "a/b", ".a", "a\n", "x" * 200])
def test_names_that_cannot_be(model: Path, home: Path, name: str) -> None:
    with pytest.raises(BadInput):
        save_as(name, model)
    assert not home.exists()


def test_a_taken_name(model: Path) -> None:
    save_as("a", model)
    with pytest.raises(BadInput, match="already"):
        save_as("a", model)
    save_as("a", model, replace=True)


def test_no_model_is_saved(tmp_path: Path, home: Path) -> None:
    (tmp_path / "x.safetensors").write_text("words")
    with pytest.raises(BadInput):
        save_as("a", tmp_path / "x.safetensors")
    assert not home.exists()


def test_a_broken_model_is_listed_with_its_problem(model: Path) -> None:
    saved = save_as("a", model)
    saved.write_bytes(saved.read_bytes()[:-1])
    (found,) = own()
    assert found.config is None and "cut off" in found.problem


def make_run(age: int, event: str | None, size: int = 1000) -> Path:
    """A run such as the panel makes them; each has a name of its own."""
    run = models.runs_folder() / f"trained 2026-01-01 10.00.00 {next(NUMBERS)}"
    (run / "data").mkdir(parents=True)
    (run / "data" / "0000_image.npy").write_bytes(b"-" * size)
    (run / "run.json").write_text("{}")
    os.utime(run / "run.json", (10_000 - age, 10_000 - age))
    if event is not None:
        line = json.dumps({"event": event}) if event != "torn" else '{"event": "do'
        (run / "log.jsonl").write_text('{"event": "started"}\n' + line + "\n")
    return run


def test_pruning() -> None:
    assert prune_runs() == []
    old, older, oldest = (make_run(i, "done") for i in range(3))
    running, torn, silent = (make_run(9, e) for e in ("step", "torn", None))
    assert prune_runs() == [] and prune_runs(10_000) == []
    assert prune_runs(5500) == [oldest]
    assert prune_runs(0, keep=[older / "model.safetensors"]) == [old]
    assert all(run.exists() for run in (older, running, torn, silent))
    assert prune_runs(0, keep=[older]) == [] and prune_runs(0) == [older]


def test_pruning_leaves_other_folders_alone() -> None:
    other = models.runs_folder() / "notes"
    other.mkdir(parents=True)
    (other / "a.txt").write_text("x" * 100)
    assert prune_runs(0) == [] and (other / "a.txt").exists()
