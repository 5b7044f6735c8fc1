"""The real images that quality is measured on: which to learn from, which to score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from napari_unet.core.metrics import Scores, evaluate, pool

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Task:
    """The first images of a folder to learn from; the images after `reserve`, or `test`, to score.

    Attributes
    ----------
    counts : how many images are learnt from, a run each
    reserve : so many are never scored: the same test images whatever the count
    ignore : truth objects under so many px do not count
    """

    name: str
    counts: tuple[int, ...]
    reserve: int
    test: str | None = None
    ignore: int = 20


TASKS = (
    Task("dsb2018_fluo", (1, 2, 5), 5),
    Task("bbbc039", (1, 2, 5), 5, "test"),
    Task("dic_hela", (2, 5, 8), 8),
    Task("isbi2012_em", (1, 2, 5), 5, ignore=50),
    Task("dsb2018_histology", (2, 5), 5),
)


def copy_pairs(task: Task, count: int, train: Path, test: Path) -> None:
    """The first `count` images into `train`, those to be scored into `test`."""
    folder = DATA / task.name / "train"
    names = sorted(p.stem.removesuffix("_labels") for p in folder.glob("*_labels.tif"))
    for to, source, chosen in (
        (train, folder, names[:count]),
        (test, folder, names[task.reserve :]),
    ):
        if to is test and task.test is not None:
            source = DATA / task.name / task.test
            chosen = sorted(p.stem.removesuffix("_labels") for p in source.glob("*_labels.tif"))
        to.mkdir()
        for name in chosen:
            for file in (f"{name}.tif", f"{name}_labels.tif"):
                shutil.copy(source / file, to)


def scores_of(task: Task, test: Path, found: Path) -> Scores:
    """Labels of the same names in `found` against those of `test`, all images together."""
    return pool(
        [
            evaluate(tifffile.imread(p), tifffile.imread(found / p.name), min_size=task.ignore)
            for p in sorted(test.glob("*_labels.tif"))
        ]
    )


class Results:
    """A line for each run, kept in a folder: what stands there already is not run again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "results.jsonl"
        kept = self._log.read_text().splitlines() if self._log.exists() else []
        self.lines: list[dict[str, Any]] = [json.loads(x) for x in kept]

    def run(self, what: dict[str, Any], work: Callable[[], dict[str, Any]]) -> None:
        """Do the work unless a line holds all of `what`; print and keep what came of it."""
        if any(what.items() <= x.items() for x in self.lines):
            return
        self.lines.append(what | work())
        text = json.dumps(self.lines[-1])
        print(text, flush=True)
        with self._log.open("a") as file:
            file.write(text + "\n")
