"""Few annotated images, little time: our tool and others on the same images in the same seconds.

`python -m benchmarks few [SET ...] [--out FOLDER]`, `few -h` for more. Each way learns from the
first n images of a folder and is scored on images that it has not seen, with its own defaults. A
peer lives in an environment of its own, made on first use beside the cache of pip; one that cannot
run is shown as failed. FOLDER holds a line for each run, the labels that were found, a table and
pictures; what stands there already is not run again.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .report import Sheet
from .tasks import DATA, TASKS, Results, Task, copy_pairs, scores_of

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).parent / "peers"
PLACES = Path(os.environ.get("NAPARI_UNET_PEERS", Path.home() / ".cache" / "napari-unet-peers"))


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
    alone: str = ""  # installed without what it asks for: a trainer needs no viewer


WAYS = (
    Way("napari-unet", "ours.py"),
    Way("napari-unet, from scratch", "ours.py", (), ("none",)),
    Way("random forest + watershed", "forest.py", ("scikit-image", "scikit-learn", "tifffile")),
    Way("textbook U-Net", "textbook.py"),
    Way("Cellpose 3", "cellpose3.py", ("cellpose<4", "tifffile")),
    Way("StarDist", "stardist2d.py", ("tensorflow-cpu", "stardist", "tifffile")),
    Way(
        "napari-unet-assistant",
        "assistant.py",
        ("torchvision", "scikit-image", "tifffile", "dask[array]", "zarr", "ome-zarr", "qtpy"),
        alone="napari-unet-assistant",
    ),
)
SECONDS = [60, 150]
WITH_TORCH = ("cellpose3.py", "assistant.py")


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks few")
    parser.add_argument("sets", nargs="*", help="data sets; none: all")
    parser.add_argument("--out", type=Path, default=Path("few"))
    parser.add_argument("--seconds", type=int, nargs="+", default=SECONDS)
    parser.add_argument("--counts", type=int, nargs="+", help="instead of each set's own")
    parser.add_argument(
        "--ways", nargs="+", help="names, or scripts of benchmarks/peers, such as forest.py"
    )
    given = parser.parse_args(words)
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    if importlib.util.find_spec("matplotlib") is None:
        print("benchmark few draws its curves with matplotlib: pip install napari-unet[benchmarks]")
        return
    from .few_pictures import draw

    Sheet("few").heading("AP50 of images not seen, after learning from few on the CPU")
    results = Results(given.out)
    for task, count, way, seconds in _wanted(given):
        what = {"data": task.name, "n": count, "way": way.name, "s": seconds}
        results.run(what, partial(_run, task, count, way, seconds, given.out))
    lines = results.lines
    (given.out / "table.md").write_text(table(lines) + "\n")
    print(table(lines))
    for path in draw(lines, given.out):
        print(path)


def _wanted(given: argparse.Namespace) -> Iterator[tuple[Task, int, Way, int]]:
    for task in TASKS:
        if given.sets and task.name not in given.sets:
            continue
        for count in given.counts or task.counts:
            for way in WAYS:
                if given.ways and not {way.name, way.script} & set(given.ways):
                    continue
                for seconds in given.seconds:
                    yield task, count, way, seconds


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


def _run(task: Task, count: int, way: Way, seconds: int, kept: Path) -> dict[str, object]:
    """The scores of a run, or why it failed; the first labels found stay in `kept`."""
    line: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train, test, out = place / "train", place / "test", place / "out"
        copy_pairs(task, count, train, test)
        out.mkdir()
        began = time.monotonic()
        line["said"], failed = _learn(way, train, test, out, seconds)
        line["whole s"] = round(time.monotonic() - began)
        if failed:
            return line | {"failed": failed}
        scores = scores_of(task, test, out)
        line |= {"AP50": round(scores.ap(0.5), 3), "SEG": round(scores.seg, 3)}
        first = min(test.glob("*_labels.tif"))
        stem = f"{task.name}-{count}-{Path(way.script).stem}{'-'.join(way.words)}-{seconds}"
        (kept / "labels").mkdir(exist_ok=True)
        shutil.copy(out / first.name, kept / "labels" / f"{stem}.tif")
        line |= {"labels": f"labels/{stem}.tif", "of": first.name}
        return line | {"merges": scores.merges, "splits": scores.splits}


def _learn(way: Way, train: Path, test: Path, out: Path, seconds: int) -> tuple[str, str]:
    """Let it learn and predict; what it said last, and why it failed ("" = it did not)."""
    try:
        python = _environment(way)
    except subprocess.CalledProcessError as error:
        return "", f"cannot be installed: {_last(error.stderr)}"
    answer = subprocess.run(
        [str(python), str(PEERS / way.script), *map(str, (train, test, out, seconds)), *way.words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
    )
    return _last(answer.stdout), _last(answer.stderr) if answer.returncode else ""


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
        torch = [x for x in lines if x.startswith("torch==") and way.script in WITH_TORCH]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            *[[*pip, x] for x in torch],
            [*pip, *torch, *way.needs],
            *([[*pip, "--no-deps", way.alone]] if way.alone else []),
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
        (place / "complete").touch()
    return python


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no word of why"
