"""The real images that quality is measured on: which to learn from, which to score."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

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


def read_lines(log: Path) -> list[dict[str, object]]:
    """The runs that stand in a folder."""
    return [json.loads(x) for x in log.read_text().splitlines()] if log.exists() else []
