"""Few annotated images, little time: our tool and others on the same images in the same seconds.

`python -m benchmarks few [SET ...]`: each way learns from the first n images of a folder and is
scored on images that it has not seen, with its own defaults. A peer lives in an environment of
its own, made on first use beside the cache of pip; one that cannot run is shown as failed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tifffile

from napari_unet.core.metrics import Scores, evaluate, pool

from .report import Sheet

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
PEERS = Path(__file__).parent / "peers"
PLACES = Path(os.environ.get("NAPARI_UNET_PEERS", Path.home() / ".cache" / "napari-unet-peers"))


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


@dataclass(frozen=True)
class Way:
    """One way to learn: a script of `peers`, or our command line.

    Attributes
    ----------
    needs : what pip installs for it; () = our own environment
    words : given to the script after TRAIN TEST OUT SECONDS
    """

    name: str
    script: str
    needs: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


WAYS = (
    Way("napari-unet", "ours.py"),
    Way("napari-unet, from scratch", "ours.py", (), ("none",)),
    Way("random forest + watershed", "forest.py", ("scikit-image", "scikit-learn", "tifffile")),
    Way("textbook U-Net", "textbook.py"),
    Way("Cellpose 3", "cellpose3.py", ("cellpose<4", "tifffile")),
    Way("StarDist", "stardist2d.py", ("tensorflow-cpu", "stardist", "tifffile")),
)
SECONDS = (60, 150)


def main(names: list[str] | None = None, seconds: tuple[int, ...] = SECONDS) -> None:
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    Sheet("few").heading("AP50 of images not seen, after learning from few on the CPU")
    lines = []
    for task in TASKS:
        if names and task.name not in names:
            continue
        for count in task.counts:
            for way in WAYS:
                for limit in seconds:
                    lines.append(_run(task, count, way, limit))
                    print(json.dumps(lines[-1]), flush=True)
    print(table(lines))


def table(lines: list[dict[str, object]]) -> str:
    """A row for each way, a column for each data set, count and time: AP50 / SEG."""
    heads = list(dict.fromkeys(f"{x['data']} {x['n']}, {x['s']} s" for x in lines))
    ways = list(dict.fromkeys(str(x["way"]) for x in lines))
    cells = {(str(x["way"]), f"{x['data']} {x['n']}, {x['s']} s"): x for x in lines}
    rows = [["way", *heads], ["---"] * (len(heads) + 1)]
    for way in ways:
        found = [cells.get((way, head), {}) for head in heads]
        rows.append([way, *(_cell(x) for x in found)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(line: dict[str, object]) -> str:
    return f"{line['AP50']} / {line['SEG']}" if "AP50" in line else "failed"


def _run(task: Task, count: int, way: Way, seconds: int) -> dict[str, object]:
    line: dict[str, object] = {"data": task.name, "n": count, "way": way.name, "s": seconds}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train, test, out = place / "train", place / "test", place / "out"
        _copy(task, count, train, test)
        out.mkdir()
        began = time.monotonic()
        failed = _learn(way, train, test, out, seconds)
        line["whole s"] = round(time.monotonic() - began)
        if failed:
            return {**line, "failed": failed}
        scores = pool(list(_scores(test, out, task.ignore)))
        line |= {"AP50": round(scores.ap(0.5), 3), "SEG": round(scores.seg, 3)}
        return line | {"merges": scores.merges, "splits": scores.splits}


def _copy(task: Task, count: int, train: Path, test: Path) -> None:
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


def _learn(way: Way, train: Path, test: Path, out: Path, seconds: int) -> str:
    """Let it learn and predict; "" or the last line of what went wrong."""
    try:
        python = _environment(way)
    except subprocess.CalledProcessError as error:
        return f"cannot be installed: {_last(error.stderr)}"
    answer = subprocess.run(
        [str(python), str(PEERS / way.script), *map(str, (train, test, out, seconds)), *way.words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
    )
    return _last(answer.stderr) if answer.returncode else ""


def _environment(way: Way) -> Path:
    """The interpreter that has what the way needs."""
    if not way.needs:
        return Path(sys.executable)
    place = PLACES / Path(way.script).stem
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        pip = [str(python), "-m", "pip", "install", "-q"]
        lines = (ROOT / "constraints-dev.txt").read_text().splitlines()
        # our very torch, first: an open range pulls gigabytes of CUDA
        torch = [x for x in lines if x.startswith("torch==") and "cellpose" in way.script]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            *[[*pip, x] for x in torch],
            [*pip, *torch, *way.needs],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
        (place / "complete").touch()
    return python


def _scores(test: Path, out: Path, ignore: int) -> Iterator[Scores]:
    for truth in sorted(test.glob("*_labels.tif")):
        yield evaluate(tifffile.imread(truth), tifffile.imread(out / truth.name), min_size=ignore)


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no word of why"
