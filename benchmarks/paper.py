"""The U-Net paper's own sets: scores of images held back, against the minutes of training.

`python -m benchmarks paper [SET ...] [--minutes 1 3 10]`. By the command line with its defaults, a
training for each time: the learning rate comes down at the end of each. DIC HeLa: SEG of four
frames, learnt from the eight before them (the paper: 0.7756 on the challenge's test set). EM: the
adapted Rand error of five slices, learnt from fifteen (0.0382); as it stands, where all pixels
that are left out inside of cells count as one wrong cell, and with borders thinned, as the
challenge came to measure (Arganda-Carreras 2015, doi 10.3389/fnana.2015.00142).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import tifffile
from skimage.segmentation import expand_labels

from napari_unet.core.metrics import Scores, evaluate, pool
from napari_unet.runs.folder import open_run

from .report import Sheet
from .tasks import DATA, Results, Task, copy_pairs, scores_of

ROOT = Path(__file__).resolve().parent.parent
SETS = (Task("dic_hela", (8,), 8), Task("isbi2012_em", (15,), 15, ignore=0))
MINUTES = {"dic_hela": [1, 3, 10], "isbi2012_em": [1, 5, 30]}


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks paper")
    parser.add_argument("sets", nargs="*", help="dic_hela, isbi2012_em; none: both")
    parser.add_argument("--out", type=Path, default=Path("paper"))
    parser.add_argument("--minutes", type=float, nargs="+", help="instead of each set's own")
    given = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    Sheet("paper").heading("the paper's own sets, against minutes of training")
    results = Results(given.out)
    for task in SETS:
        if given.sets and task.name not in given.sets:
            continue
        for minutes in given.minutes or MINUTES[task.name]:
            what = {"data": task.name, "n": task.counts[0], "minutes": minutes}
            results.run(what, partial(_run, task, minutes))


def _run(task: Task, minutes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train, test, out = place / "train", place / "test", place / "out"
        copy_pairs(task, task.counts[0], train, test)
        out.mkdir()
        words = map(str, (train, test, out, 60 * minutes))
        ours = [sys.executable, "-m", "benchmarks.peers.ours", *words]
        subprocess.run(ours, check=True, capture_output=True, cwd=ROOT)
        scores, thinned = scores_of(task, test, out), _thinned(test, out)
        steps = sum(m["event"] == "step" for m in open_run(out / "run").messages())
    return {
        "SEG": round(scores.seg, 4),
        "adapted Rand error": round(scores.arand, 4),
        "borders thinned": round(pool(thinned).arand, 4),
        "of each image": [round(s.arand, 3) for s in thinned],
        "AP50": round(scores.ap(0.5), 3),
        "merges": scores.merges,
        "splits": scores.splits,
        "steps": steps,
    }


def _thinned(test: Path, found: Path) -> list[Scores]:
    """The scores of each image once the cells found have grown until they meet."""
    scores = []
    for path in sorted(test.glob("*_labels.tif")):
        cells = tifffile.imread(found / path.name)
        grown = expand_labels(cells, distance=max(cells.shape))
        scores.append(evaluate(tifffile.imread(path), grown))
    return scores
