"""What each part of a fine-tuning is worth: one change at a time, all else at its default.

`python -m benchmarks ablation [SET ...] [--out FOLDER]`, `ablation -h` for more. FOLDER holds a
line for each run; what stands there already is not run again. The held-out score of each run
stands beside its score on the test images: the first is what a user sees of the second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_unet import load_model
from napari_unet.api import Model
from napari_unet.core.metrics import Scores, evaluate, pool
from napari_unet.core.settings import TrainOptions
from napari_unet.files.pairs import find_pairs, read_pair
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.train import train_run

from .report import Sheet
from .tasks import DATA, TASKS, Results, Task, copy_pairs

SETS = ("dsb2018_fluo", "dic_hela", "isbi2012_em")
COUNT = 5
UNSCALED = "untrained, no rescaling"


@dataclass(frozen=True)
class Change:
    """What is not as by default: options of the training, and single settings by section."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    trained: bool = True  # False: the pretrained model as it is, at the cell size that it finds
    base: str | None = "untrained"  # the change that shows what it began with; None: nothing


CHANGES = (
    Change("default"),
    Change("untrained", trained=False),
    Change("no border weight (w0 = 0)", {"w0": 0.0}),
    Change("no elastic deformation", settings={"augment": {"elastic_sd": 0.0}}),
    Change("from scratch", {"base": "none"}, base=None),
    Change("no rescaling", settings={"scale": {"diameter": None}}, base=UNSCALED),
    Change(
        "grey values changed half as much",
        settings={"augment": {"contrast": 0.4, "noise": 0.2, "shading": 0.2, "blur": 0.25}},
    ),
    Change("learning rate 1e-3", settings={"fit": {"learning_rate": 1e-3}}),
    Change("learning rate 1e-4", settings={"fit": {"learning_rate": 1e-4}}),
    Change("no averaging", settings={"fit": {"average": 0.0}}),
    Change(UNSCALED, settings={"scale": {"diameter": None}}, trained=False),
)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks ablation")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--out", type=Path, default=Path("ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=COUNT, help="annotated images")
    parser.add_argument("--changes", type=int, nargs="+", help="by their number; 0 = default")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--seconds", type=float, default=60.0)
    amount.add_argument("--steps", type=int)
    given = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    Sheet("ablation").heading("AP50 of images not seen, one change at a time")
    results = Results(given.out)
    how = {"steps": given.steps} if given.steps else {"seconds": given.seconds}
    changes = [c for i, c in enumerate(CHANGES) if given.changes is None or i in given.changes]
    for task in (t for t in TASKS if t.name in given.sets):
        for seed in given.seeds:
            for change in changes:
                what = {"data": task.name, "n": given.count, "change": change.name, "seed": seed}
                results.run(what | how, partial(_run, task, given.count, change, seed, how))
    text = "\n\n".join([table(results.lines), honesty(results.lines)])
    (given.out / "table.md").write_text(text + "\n")
    print(text)


def _run(task: Task, count: int, change: Change, seed: int, how: dict[str, Any]) -> dict[str, Any]:
    """Train, and score the run's model on the test images."""
    done: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy_pairs(task, count, place / "train", place / "test")
        model, steps = load_model("default"), 0
        if change.trained:
            pairs = [read_pair(p) for p in find_pairs(place / "train").pairs]
            options = TrainOptions(**{"seed": seed, "device": "cpu", **how, **change.options})
            run = create_run(place / "run", pairs, options)
            _change(run, change)
            done = list(train_run(run.path))[-1]
            steps = sum(m["event"] == "step" for m in run.messages())
            model = load_model(run.model)
        else:
            model.config = replace(model.config, **change.settings.get("scale", {}))
        test = pool(list(_scores(model, place / "test", task.ignore)))
    before, after = done.get("before") or {}, done.get("after") or {}
    return {
        "AP50": round(test.ap(0.5), 3),
        "SEG": round(test.seg, 3),
        "merges": test.merges,
        "splits": test.splits,
        "steps done": steps,
        "held-out before": before.get("AP50"),
        "held-out after": after.get("AP50"),
        "held-out cells": after.get("truth"),
        "worse": done.get("worse", False),
    }


def _scores(model: Model, test: Path, ignore: int) -> Iterator[Scores]:
    for path in sorted(test.glob("*_labels.tif")):
        image = tifffile.imread(path.with_name(path.name.replace("_labels", "")))
        axes = "YXC" if image.ndim == 3 else "YX"
        found = model.segment(image, axes=axes, device="cpu", warn=lambda words: None)
        yield evaluate(tifffile.imread(path), found, min_size=ignore)


def _change(run: RunFolder, change: Change) -> None:
    info = run.info
    for section, values in change.settings.items():
        info["settings"][section].update(values)
    (run.path / "run.json").write_text(json.dumps(info))


def table(lines: Sequence[dict[str, Any]]) -> str:
    """A row for each change, a column for each data set: mean AP50 and its spread."""
    sets = list(dict.fromkeys(x["data"] for x in lines))
    rows = [["change", *sets], ["---"] * (len(sets) + 1)]
    for name in dict.fromkeys(x["change"] for x in lines):
        row = [name]
        for data in sets:
            own = [x["AP50"] for x in lines if (x["data"], x["change"]) == (data, name)]
            row.append(f"{statistics.mean(own):.3f} ({', '.join(map(str, own))})" if own else "")
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def honesty(lines: Sequence[dict[str, Any]]) -> str:
    """How well the held-out score tells what the test images say."""
    both = [(x["held-out after"], x["AP50"]) for x in lines if x["held-out after"] is not None]
    words = list(_unsaid(lines))
    if len(both) > 2:
        said, true = np.array(both).T
        words.insert(
            0, f"correlation of held-out and test AP50: {np.corrcoef(said, true)[0, 1]:.2f}"
        )
        words.insert(1, f"the held-out one is higher by {np.mean(said - true):.2f} in the mean")
    return "\n".join(f"- {x}" for x in words)


def _unsaid(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Runs that do worse on the test images than what they began with, and do not say so."""
    begun = {c.name: c.base for c in CHANGES if c.trained}
    scores = {(x["data"], x["n"], x["change"]): x["AP50"] for x in lines}
    for x in lines:
        base = scores.get((x["data"], x["n"], begun.get(x["change"])))
        if base is not None and not x["worse"] and x["AP50"] < base - 0.05:
            yield f"worse than its base by {base - x['AP50']:.2f}, unsaid: {x}"


if __name__ == "__main__":
    main([])
