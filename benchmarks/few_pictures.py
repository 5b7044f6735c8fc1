"""Pictures of benchmark `few`: learning curves, and a contact sheet of what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import tifffile
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from .tasks import DATA, TASKS

mpl.use("Agg")
Line = dict[str, Any]
COLUMNS = 4


def draw(lines: Sequence[Line], out: Path) -> Iterator[Path]:
    """One learning curve and one contact sheet for each data set; the files' paths."""
    colours = {way: f"C{n}" for n, way in enumerate(dict.fromkeys(x["way"] for x in lines))}
    for task in TASKS:
        own = [x for x in lines if x["data"] == task.name]
        if own:
            yield _curves(own, colours, out / f"curves-{task.name}.png")
        found = [x for x in own if "labels" in x]
        if found:
            yield _sheet(found, out, out / f"sheet-{task.name}.png")


def _curves(lines: Sequence[Line], colours: dict[str, str], path: Path) -> Path:
    """AP50 against the number of images, a panel for each time."""
    times = sorted({x["s"] for x in lines})
    figure = Figure(figsize=(5 * len(times), 4), layout="constrained")
    for place, seconds in enumerate(times, start=1):
        axes = figure.add_subplot(1, len(times), place)
        for way, colour in colours.items():
            own = sorted(
                (x["n"], x.get("AP50")) for x in lines if x["way"] == way and x["s"] == seconds
            )
            scored = [(n, score) for n, score in own if score is not None]
            if scored:
                ours = way.startswith("napari-unet") and "assistant" not in way
                axes.plot(*zip(*scored, strict=True), "o-", color=colour, lw=3 - 1.5 * (not ours))
        axes.set(title=f"{lines[0]['data']}, {seconds} s", xlabel="annotated images", ylabel="AP50")
        axes.set_ylim(0, 1)
        axes.set_xticks(sorted({x["n"] for x in lines}))
        axes.grid(alpha=0.3)
    ways = [way for way in colours if any(x["way"] == way and "AP50" in x for x in lines)]
    handles = [mpl.lines.Line2D([], [], color=colours[way], marker="o") for way in ways]
    figure.legend(handles, ways, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
    return path


def _sheet(lines: Sequence[Line], out: Path, path: Path) -> Path:
    """The first test image: the truth in green, what each way found in red (both: yellow)."""
    count, seconds = max(x["n"] for x in lines), max(x["s"] for x in lines)
    shown = [x for x in lines if (x["n"], x["s"]) == (count, seconds)] or list(lines)
    task = next(t for t in TASKS if t.name == lines[0]["data"])
    folder = DATA / task.name / (task.test or "train")
    truth = tifffile.imread(folder / shown[0]["of"])
    image = tifffile.imread(folder / shown[0]["of"].replace("_labels", "")).astype(float)
    grey = image.mean(axis=-1) if image.ndim == 3 else image
    low, high = np.percentile(grey, [0.5, 99.5])
    grey = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 4.3 * rows), layout="constrained")
    for place, line in enumerate(shown, start=1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        picture = np.stack([grey] * 3, axis=-1)
        right = find_boundaries(truth, mode="inner")
        found = find_boundaries(tifffile.imread(out / line["labels"]), mode="inner")
        picture[right], picture[found], picture[right & found] = (0, 1, 0), (1, 0, 0), (1, 1, 0)
        axes.imshow(picture)
        axes.set_title(f"{line['way']}: AP50 {line['AP50']}", fontsize=10)
        axes.set_axis_off()
    figure.suptitle(f"{task.name}: {count} images, {seconds} s")
    figure.savefig(path, dpi=80)
    return path
