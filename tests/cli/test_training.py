"""`train` and `resume`: what must work, what is said, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet.core.settings import TrainOptions
from napari_unet.files.model_file import read_config
from napari_unet.files.pairs import find_pairs, read_pair
from napari_unet.runs.folder import create_run, open_run

from .commands import Run, cells, put_pair

IMAGE, LABELS = cells((64, 72))
BRIEF = ("--steps", "1", "--held-out", "0", "--base")  # a small network: ten times faster


def one_pixel() -> np.ndarray:
    labels = np.zeros_like(LABELS)
    labels[12, 12] = 1
    return labels


def missing() -> np.ndarray:
    image = IMAGE.astype(np.float32)
    image[5:9, 5:9], image[30, 30] = np.nan, np.inf
    return image


MUST_WORK: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "NaN and infinities": (missing(), LABELS),
    "constant": (np.full_like(IMAGE, 9), LABELS),
    "1x1": (IMAGE[:1, :1], np.ones((1, 1), np.uint8)),
    "one cell": (IMAGE, np.where(LABELS == 1, 1, 0).astype(np.uint8)),
    "one annotated pixel": (IMAGE, one_pixel()),
    "all foreground": (IMAGE, np.ones_like(LABELS)),
    "singleton axes": (IMAGE[None], LABELS.astype(np.int64)),
    "colour": (np.dstack([IMAGE] * 3), LABELS.astype(np.float32)),
}


@pytest.mark.parametrize("name", MUST_WORK)
def test_must_work(name: str, run: Run, model: Path, tmp_path: Path) -> None:
    image, labels = MUST_WORK[name]
    put_pair(tmp_path / "data", "a", image, labels)
    base = "none" if name == "colour" else model
    answer = run("train", tmp_path / "data", "-o", tmp_path / "run", *BRIEF, base)
    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert ("NaN" in answer.out) == (name == "NaN and infinities")
    predicted = run("predict", tmp_path / "run", tmp_path / "data" / "a.tif", "-o", tmp_path / "o")
    assert predicted.code == 0, predicted.err


def test_a_region_without_cells(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(data / "b_labels.tif", np.zeros((96, 112), np.uint8))
    known = np.zeros((96, 112), np.uint8)
    known[10:40, 10:40] = 255
    tifffile.imwrite(data / "b_known.tif", known)
    answer = run("train", data, "-o", tmp_path / "run", *BRIEF, model)
    assert answer.code == 0, answer.err
    names = [entry["name"] for entry in open_run(tmp_path / "run").info["inputs"]]
    assert names == ["a", "b"]


def test_doubts_about_labels_are_said(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    put_pair(data, "photo", IMAGE, IMAGE)
    answer = run("train", data, "-o", tmp_path / "run", *BRIEF, model)
    assert answer.code == 0, answer.err
    assert "note: photo: " in answer.out and answer.out.count("instead of its labels?") == 1


def test_an_image_without_any_annotation_is_named(
    run: Run, data: Path, model: Path, tmp_path: Path
) -> None:
    put_pair(data, "bare", IMAGE, np.zeros_like(LABELS))
    answer = run("train", data, "-o", tmp_path / "run", *BRIEF, model)
    assert answer.code == 0, answer.err
    assert "left out, because nothing is painted there: bare\n" in answer.out
    assert len(open_run(tmp_path / "run").info["inputs"]) == 2


def test_what_is_said_and_made(run: Run, data: Path, tmp_path: Path) -> None:
    tifffile.imwrite(data / "c.tif", IMAGE)
    words = ("train", data, "-o", tmp_path / "deep" / "run", "--steps", 2, "--w0", 7, "--seed", 3)
    answer = run(*words)
    assert answer.code == 0, answer.err
    for part in (
        "2 annotated images, 1 image without labels passed over",
        "2 images read as YX: 1 channel, one slice",
        "annotated: 40 cells, 46% of the pixels; of the rest, what the base model is sure of",
        "a and 1 more look completely painted: what is not counts as background",
        "starting from the pretrained model",
        "2 steps",
        "model.safetensors",
    ):
        assert part in answer.out, answer.out
    assert "left out" not in answer.out
    options = open_run(tmp_path / "deep" / "run").options
    assert (options.w0, options.seed, options.steps) == (7, 3, 2)
    assert read_config(tmp_path / "deep" / "run" / "model.safetensors").channels == 1
    assert "finished" in run("info", tmp_path / "deep" / "run").out
    assert "finished already" in run("resume", tmp_path / "deep" / "run").out


def test_classes_keep_their_values(run: Run, model: Path, tmp_path: Path) -> None:
    values = np.where(LABELS > 0, np.where(LABELS > 3, 7, 1), 0).astype(np.uint8)
    put_pair(tmp_path / "data", "a", IMAGE, values)
    words = ("train", tmp_path / "data", "-o", tmp_path / "run", "--labels-are", "classes")
    answer = run(*words, *BRIEF, model)
    assert answer.code == 0 and "2 classes (1, 7)" in answer.out, answer.out + answer.err
    assert run("predict", tmp_path / "run", tmp_path / "data", "-o", tmp_path / "o").code == 0
    assert set(np.unique(tifffile.imread(tmp_path / "o" / "a_labels.tif"))) <= {0, 1, 7}


def test_resume_a_run_that_was_only_written(
    run: Run, data: Path, model: Path, tmp_path: Path
) -> None:
    pairs = [read_pair(files) for files in find_pairs(data).pairs]
    create_run(tmp_path / "run", pairs, TrainOptions(base=str(model), steps=1, held_out=0))
    answer = run("resume", tmp_path / "run")
    assert answer.code == 0, answer.err
    assert open_run(tmp_path / "run").finished


def test_resume_on_another_device(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    """A training that was begun on a GPU goes on where there is none."""
    pairs = [read_pair(files) for files in find_pairs(data).pairs]
    options = TrainOptions(base=str(model), steps=1, held_out=0, device="mps:7")
    create_run(tmp_path / "run", pairs, options)
    assert run("resume", tmp_path / "run", "--device", "abacus").code == 1
    answer = run("resume", tmp_path / "run", "--device", "cpu")
    assert answer.code == 0, answer.err
    assert open_run(tmp_path / "run").finished
    for device in ("mps:7", "auto"):
        assert "finished already" in run("resume", tmp_path / "run", "--device", device).out


def test_a_failing_start_leaves_nothing(run: Run, data: Path, tmp_path: Path) -> None:
    """The second of two pairs is bad: found before anything is written."""
    tifffile.imwrite(data / "b_labels.tif", LABELS)
    before = sorted(tmp_path.rglob("*"))
    answer = run("train", data, "-o", tmp_path / "run", *BRIEF, "none")
    assert answer.code == 1 and "b_labels.tif" in answer.err
    assert sorted(tmp_path.rglob("*")) == before


def _log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of a child is POSIX")
def test_ctrl_c_keeps_the_best_model(data: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", str(data), "-o", str(out), "--steps", "100000", "--base", str(model)]
    child = subprocess.Popen(
        [sys.executable, "-m", "napari_unet", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not any(m["event"] == "step" for m in _log(out / "log.jsonl")):
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        said, complaints = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 0, complaints
    assert "Traceback" not in complaints and "Stopped after" in said
    assert read_config(out / "model.safetensors").channels == 1
    assert _log(out / "log.jsonl")[-1]["stopped"] is True
