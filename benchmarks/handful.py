"""A handful of painted cells: how far they carry, by what else was marked.

`python -m benchmarks handful [SET ...] [--out FOLDER]`, `handful -h` for more. An oracle paints
some cells of the first image of a set, as a hand would; our command line learns from them, and is
scored on the cells of that image that were not painted, and on images that it has not seen.
FOLDER holds a line for each run; what stands there already is not run again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_unet.core.metrics import Scores, evaluate

from .oracle import CHOSEN, accepted, chosen_cells, painted, region_of, strokes
from .report import Sheet
from .tasks import DATA, TASKS, Results, Task, copy_pairs, scores_of

WAYS = ("untrained", "cells", "strokes", "region", "whole", "rounds")
ROUNDS = 3  # of accepting what is right, and training again
COUNTS = [3, 6, 12, 24]
TESTED = 5  # other images that are scored: four views of each take a second or more
FIXED = ("untrained", "whole")  # one model for every count, scored on the cells that it leaves


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks handful")
    parser.add_argument("sets", nargs="*", help="data sets; none: all")
    parser.add_argument("--out", type=Path, default=Path("handful"))
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="painted cells")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--chosen", nargs="+", choices=CHOSEN, default=["random"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--steps", type=int, help="instead: the same on any machine, busy or not")
    parser.add_argument("--words", nargs="+", default=[], help="more words for `train`")
    given = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    Sheet("handful").heading("AP50 after learning from a handful of cells of one image, CPU")
    results = Results(given.out)
    for task, way, count, how, seed in _wanted(given):
        what = {"data": task.name, "way": way, "k": count, "chosen": how, "seed": seed}
        what |= {"budget": _budget(given), "words": " ".join(given.words)}
        results.run(what, partial(_run, task, way, count, how, seed, given))
    (given.out / "table.md").write_text(table(results.lines) + "\n")
    print(table(results.lines))


def _wanted(given: argparse.Namespace) -> Iterator[tuple[Task, str, int, str, int]]:
    for seed in given.seeds:
        for task in TASKS:
            if given.sets and task.name not in given.sets:
                continue
            for way in given.ways:
                for count in given.counts:
                    for how in ["random"] if way == "region" else given.chosen:
                        yield task, way, count, how, seed


def table(lines: list[dict[str, Any]]) -> str:
    """A row for each way, a column for each set: the image's other cells / other images."""
    sets = list(dict.fromkeys(str(x["data"]) for x in lines))
    rows = [["way", *sets, "mean"], ["---"] * (len(sets) + 2)]
    keys = list(dict.fromkeys(map(_key, lines)))
    for key in sorted(keys, key=lambda k: (WAYS.index(k[0]), *k[1:])):
        way, count, how, budget, words = key
        cells = [_mean([x for x in lines if x["data"] == name and _key(x) == key]) for name in sets]
        there = [c for c in cells if c is not None]
        name = f"{way}, {count} {how}, {budget}"
        mean = tuple(statistics.mean(c[i] for c in there) for i in (0, 1)) if there else None
        rows.append([f"{name} {words}".strip(), *(_cell(c) for c in (*cells, mean))])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["way"], line["k"], line["chosen"], line["budget"], line["words"]


def _mean(lines: list[dict[str, Any]]) -> tuple[float, float] | None:
    if not lines or any("failed" in x for x in lines):
        return None
    this, others = (statistics.mean(x[part] for x in lines) for part in ("this", "others"))
    return this, others


def _cell(scores: tuple[float, ...] | None) -> str:
    return "-" if scores is None else " / ".join(f"{s:.2f}" for s in scores)


def _budget(given: argparse.Namespace) -> str:
    return f"{given.steps} steps" if given.steps else f"{given.seconds} s"


def _run(
    task: Task, way: str, count: int, how: Any, seed: int, given: argparse.Namespace
) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train, test, out = place / "train", place / "test", place / "out"
        copy_pairs(task, 1, train, test)
        for surplus in sorted(test.glob("*_labels.tif"))[TESTED:]:
            surplus.unlink()
            surplus.with_name(surplus.name.replace("_labels", "")).unlink()
        (truth_file,) = train.glob("*_labels.tif")
        image = truth_file.with_name(truth_file.name.replace("_labels", ""))
        truth = tifffile.imread(truth_file).astype(np.int32)
        labels, known = _annotated(truth, way, count, how, seed)
        began, base = time.monotonic(), "default"
        try:
            if way == "whole":
                base = str(_whole(train, given, f"{task.name}-{seed}"))
            elif way != "untrained":
                tifffile.imwrite(truth_file, labels)
                if known is not None:
                    name = truth_file.name.replace("_labels", "_known")
                    tifffile.imwrite(train / name, known.astype(np.uint8))
                base = str(place / "run")
                _train(train, base, given)
            seconds = time.monotonic() - began
            if way == "rounds":
                return _rounds(task, truth, labels, place, given)
            images = [p for p in sorted(test.glob("*.tif")) if not p.stem.endswith("_labels")]
            _command("predict", base, image, *images, "-o", out)
        except subprocess.CalledProcessError as error:
            return {"failed": error.stderr.strip()[-200:]}
        this = _of_the_others(task, truth, labels, tifffile.imread(out / truth_file.name))
        others = scores_of(task, test, out)
    return {
        "this": round(this.ap(0.5), 3),
        "others": round(others.ap(0.5), 3),
        "SEG": round(others.seg, 3),
        "merges": this.merges,
        "painted": len(np.unique(labels)) - 1,
        "train s": round(seconds),
    }


def _rounds(
    task: Task, truth: np.ndarray, labels: np.ndarray, place: Path, given: argparse.Namespace
) -> dict[str, object]:
    """What is right is accepted, and trained on again: the image's score after each round."""
    train, base, now = place / "train", place / "run", labels
    (file,) = train.glob("*_labels.tif")
    image = file.with_name(file.name.replace("_labels", ""))
    rounds = []
    for turn in range(ROUNDS + 1):
        if turn:
            tifffile.imwrite(file, now)
            base = place / f"run {turn}"
            _train(train, base, given)
        _command("predict", base, image, "-o", place / f"found {turn}")
        found = tifffile.imread(place / f"found {turn}" / file.name).astype(np.int32)
        rounds.append(round(_of_the_others(task, truth, labels, found).ap(0.5), 3))
        now = accepted(truth, now, found)
    images = [p for p in sorted((place / "test").glob("*.tif")) if not p.stem.endswith("_labels")]
    _command("predict", base, *images, "-o", place / "out")
    others = scores_of(task, place / "test", place / "out")
    return {
        "this": rounds[-1],
        "others": round(others.ap(0.5), 3),
        "rounds": rounds,
        "swollen": round(_swollen(truth, now, labels), 3),
        "merges": others.merges,
        "painted": len(np.unique(labels)) - 1,
    }


def _swollen(truth: np.ndarray, now: np.ndarray, painted: np.ndarray) -> float:
    """Mean area of accepted cells, as a multiple of the true ones'."""
    ratios = []
    for number in np.unique(now[(now > 0) & (painted == 0)]):
        inside = now == number
        hit, common = np.unique(truth[inside & (truth > 0)], return_counts=True)
        ratios.append(np.count_nonzero(inside) / np.count_nonzero(truth == hit[np.argmax(common)]))
    return statistics.mean(ratios) if ratios else 1.0


def _train(train: Path, run: str | Path, given: argparse.Namespace) -> None:
    budget = ("--steps", given.steps) if given.steps else ("--seconds", given.seconds)
    _command("train", train, "-o", run, *budget, *given.words)


def _whole(train: Path, given: argparse.Namespace, name: str) -> Path:
    """The run of the completely painted image: one for all counts."""
    words = "".join(c if c.isalnum() else "-" for c in f"{_budget(given)} {' '.join(given.words)}")
    run = given.out / f"whole-{name}-{words}"
    if not run.exists():
        _train(train, run, given)
    return run


def _annotated(
    truth: np.ndarray, way: str, count: int, how: Any, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """What the oracle paints, and the known area that it gives with it, if any.

    For what is the same for every count: the cells that are not scored.
    """
    if way == "region":
        region = region_of(truth, count, seed)
        return painted(truth, list(np.unique(truth[region & (truth > 0)])), seed), region
    labels = painted(truth, chosen_cells(truth, count, how, seed), seed)
    return labels, strokes(truth, seed) & (labels == 0) if way == "strokes" else None


def _of_the_others(task: Task, truth: np.ndarray, labels: np.ndarray, found: np.ndarray) -> Scores:
    """Scores on the cells that were not painted; where all were, on all."""
    rest = ~np.isin(truth, np.unique(labels[labels > 0]))
    region = rest if (truth[rest] > 0).any() else None
    return evaluate(truth, found, min_size=task.ignore, region=region)


def _command(*words: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "napari_unet", *map(str, words), "--device", "cpu"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
