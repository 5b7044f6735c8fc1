"""Real images by the command line, CPU, from scratch, 150 s each (issue 2, show 8)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .report import Sheet

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SECONDS = 150


@dataclass(frozen=True)
class Task:
    """The first `count` images of a folder against the rest of it, or another folder."""

    name: str
    count: int
    wanted: float  # AP50, pooled
    test: str | None = None  # folder of the held-out images; None = the rest of "train"
    more: tuple[str, ...] = ()  # words for `evaluate`


TASKS = (
    Task("dsb2018_fluo", 5, 0.62),
    Task("bbbc039", 2, 0.84, "test"),
    Task("dic_hela", 8, 0.54),
    Task("isbi2012_em", 5, 0.66, None, ("--min-size", "50")),
)


def main() -> None:
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    Sheet("real").heading(
        f"real images, {SECONDS} s from scratch on the CPU, AP50 of held-out images"
    )
    print("data          trained on  tested on  AP50   wanted  F1_50  SEG    train s  whole s")
    for task in TASKS:
        with tempfile.TemporaryDirectory() as place:
            _run(task, Path(place))


def _run(task: Task, place: Path) -> None:
    folder = DATA / task.name / "train"
    names = sorted(p.stem.removesuffix("_labels") for p in folder.glob("*_labels.*"))
    _copy(folder, names[: task.count], place / "train")
    if task.test is None:
        test, tested = place / "test", len(names) - task.count
        _copy(folder, names[task.count :], test)
    else:
        test = DATA / task.name / task.test
        tested = len(list(test.glob("*_labels.*")))
    began = time.monotonic()
    words = ("--seconds", str(SECONDS), "--base", "none", "--device", "cpu")
    _command("train", str(place / "train"), "-o", str(place / "run"), *words)
    trained = time.monotonic() - began
    scores = place / "scores.json"
    to = ("--json", str(scores), "--device", "cpu", *task.more)
    _command("evaluate", str(place / "run"), str(test), *to)
    pooled = json.loads(scores.read_text())["pooled"]
    print(
        f"{task.name:12s}  {task.count:10d}  {tested:9d}  {pooled['AP50']:.3f}  {task.wanted:.2f}"
        f"    {pooled['F1_50']:.3f}  {pooled['SEG']:.3f}  {trained:7.0f}"
        f"  {time.monotonic() - began:7.0f}",
        flush=True,
    )


def _copy(folder: Path, names: list[str], to: Path) -> None:
    to.mkdir()
    for file in sorted(folder.iterdir()):
        stem = file.stem
        if stem in names or any(
            stem == f"{n}{end}" for n in names for end in ("_labels", "_known")
        ):
            shutil.copy(file, to)


def _command(*words: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "napari_unet", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    if answer.returncode:
        sys.exit(f"napari-unet {' '.join(words)} failed: {answer.stderr}")
