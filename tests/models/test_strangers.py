"""Each odd file fails for itself: it is named, and all others are listed as ever."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_unet
from napari_unet.core.errors import BadInput
from napari_unet.files.model_file import read_config
from napari_unet.models import list_models, models_folder, runs_folder
from napari_unet.runs import folder
from napari_unet.runs.folder import create_run, open_run
from napari_unet.runs.train import train_run
from tests.runs.tiny import disc_pair, tiny_run
from tests.strange import HEADERS, LOGS, RUNS, write_header, write_run

from .test_named import home  # noqa: F401

pytestmark = pytest.mark.usefixtures("few_batches")


@pytest.mark.parametrize("name", HEADERS)
def test_an_odd_model_is_one_sentence(name: str, tmp_path: Path) -> None:
    path = write_header(tmp_path / "odd.safetensors", HEADERS[name])
    with pytest.raises(BadInput) as refused:
        read_config(path)
    said = str(refused.value)
    assert "odd.safetensors" in said and "\n" not in said and len(said) < 400


def test_odd_models_are_listed_with_what_is_wrong() -> None:
    for name, header in HEADERS.items():
        write_header(models_folder() / f"{name}.safetensors", header)
    (models_folder() / "folder.safetensors").mkdir()
    found = list_models()
    assert [m.name for m in found if m.config is not None] == ["default"]
    odd = [m for m in found if m.config is None]
    assert len(odd) == len(HEADERS) + 1 and all(m.name in m.problem for m in odd)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no pipes in folders here")
    os.mkfifo(tmp_path / "p.safetensors")
    with pytest.raises(BadInput, match="not a plain file"):
        read_config(tmp_path / "p.safetensors")


def test_training_does_not_mind_an_odd_model(tmp_path: Path) -> None:
    write_header(models_folder() / "odd.safetensors", {"__metadata__": None})
    pair = disc_pair(side=96)
    run = create_run(tmp_path / "run", [pair])
    assert run.info["base"]["name"] == "default"
    image, heard = np.asarray(pair.image), list[Any]()
    model = napari_unet.train([image], [pair.labels], base="none", steps=1, progress=heard.append)
    assert model.config.training["steps"] == 1


@pytest.mark.parametrize("name", RUNS)
def test_an_odd_run_is_one_sentence(name: str) -> None:
    path = write_run(runs_folder() / "odd", RUNS[name] or " ")
    with pytest.raises(BadInput, match="is no run folder") as refused:
        open_run(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize("name", LOGS)
def test_an_odd_log_says_nothing(name: str) -> None:
    run = open_run(write_run(runs_folder() / "odd", log=LOGS[name]))
    assert run.messages() == [] and run.last == {} and not run.finished and run.resumable
    run.rewind_log(5)
    assert run.log.read_bytes() == b""


def test_a_log_that_is_a_folder_or_a_link(tmp_path: Path) -> None:
    path = write_run(runs_folder() / "odd")
    (path / "log.jsonl").mkdir()
    with pytest.raises(BadInput, match="not a plain file"):
        open_run(path).messages()
    (path / "log.jsonl").rmdir()
    (tmp_path / "mine.txt").write_text("mine")
    (path / "log.jsonl").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(BadInput, match=r"log\.jsonl is a link"):
        list(train_run(path))
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=1)
    (run.path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="lock is a link"):
        list(train_run(run.path))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("where", ["//host/share/theirs", r"\\host\share\theirs"])
def test_another_machines_share_is_not_touched(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look at it sends that machine the user's name and password on Windows."""
    run = tiny_run(tmp_path / "run")
    info = run.info
    info["base"] = {"name": where, "path": where, "sha256": "0"}
    (run.path / "run.json").write_text(json.dumps(info))
    touched: list[str] = []
    real = Path.stat

    def stat(self: Path, **how: bool) -> object:
        touched.append(str(self))
        return real(self, **how)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(BadInput, match="put it back"):
        list(train_run(run.path))
    assert touched and not [path for path in touched if "theirs" in path]


@pytest.mark.parametrize("part", ["image", "labels", "known"])
@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9000000000, 1, 9, 9)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1, 9, 9)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 0)}",
        "{",
        "-" * 9000 + "1",
    ],
)
def test_odd_arrays_of_a_run(part: str, header: str, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    raw = header.encode()
    (run.path / "data" / f"0000_{part}.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + b"\0" * 16
    )
    with pytest.raises(BadInput, match=f"0000_{part}.npy"):
        list(run.pairs())


@pytest.mark.parametrize(
    ("part", "array", "words"),
    [
        ("labels", np.full((1, 96, 96), -5), "hold negative ids"),
        ("labels", np.full((1, 96, 96), 2**62), "hold ids above"),
        ("known", np.zeros((1, 96, 96), bool), "nothing is annotated"),
        ("image", np.zeros((1, 3, 96, 96), np.float32), "3 channels, where the network takes 1"),
    ],
)
def test_arrays_that_nothing_can_be_learnt_from(
    part: str, array: np.ndarray, words: str, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path / "run", steps=1)
    np.save(run.path / "data" / f"0000_{part}.npy", array)
    with pytest.raises(BadInput, match=words):
        list(train_run(run.path))


def test_arrays_that_do_not_fit_each_other(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    np.save(run.path / "data" / "0000_labels.npy", np.zeros((1, 5, 5), np.int32))
    with pytest.raises(BadInput, match="do not fit"):
        list(run.pairs())


def test_a_hole_of_terabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path / "run")
    shape = (1, 2**19, 2**21)
    for part, kind in (("image", "|u1"), ("labels", "|u1"), ("known", "|b1")):
        path, axes = run.path / "data" / f"0000_{part}.npy", shape
        if part == "image":
            axes = (1, 1, *shape[1:])
        with path.open("wb") as file:
            described = {"descr": kind, "fortran_order": False, "shape": axes}
            np.lib.format.write_array_header_1_0(file, described)
            file.truncate(file.tell() + 2**40)
    monkeypatch.setattr(folder, "check_labels", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BadInput, match="would not fit into this machine's memory"):
        list(train_run(run.path))


def test_a_base_that_is_no_model_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a hole of a terabyte."""
    run = tiny_run(tmp_path / "run")
    info = run.info
    info["base"] = {"name": "theirs", "path": "theirs", "sha256": "0"}
    (run.path / "run.json").write_text(json.dumps(info))
    with (run.path / "base.safetensors").open("wb") as file:
        file.truncate(2**36)
    monkeypatch.setattr(folder, "_sha256", lambda _: pytest.fail("it was read as a whole"))
    with pytest.raises(BadInput, match="put it back"):
        list(train_run(run.path))


def test_a_blur_wider_than_a_tile(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", augment={"blur": 100.0}, steps=1)
    assert list(train_run(run.path))[-1]["event"] == "done"
