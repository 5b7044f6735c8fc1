"""Whether the program sees that cells are not painted: on complete images, and on others.

`python -m benchmarks question [SET ...]`. The first images of each set as they are, with a third
of the cells taken away, and with all but twelve, are given to a training that asks its base model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_unet.core.annotation import Pair
from napari_unet.core.presets import settings_for
from napari_unet.core.samples import collect, prepare
from napari_unet.core.settings import TrainOptions
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import read_config
from napari_unet.models import find_model
from napari_unet.runs.assessing import OpenGround
from napari_unet.runs.networks import start_from

from .report import Sheet
from .tasks import DATA, TASKS

IMAGES = 8  # of each set
SEEDS = (0, 1)
HANDFUL = 12
ASKED, NOT_ASKED = 0.9, 0.0  # of the fields; wanted


def main(words: list[str]) -> None:
    if not DATA.is_dir():
        print(f"no real images in {DATA}: nothing to do")
        return
    sheet = Sheet("question")
    sheet.heading("fields that are taken as not completely painted")
    counts: dict[str, list[bool]] = {"complete": [], "a third is not painted": [], "twelve are": []}
    for task in TASKS:
        if words and task.name not in words:
            continue
        own: dict[str, list[bool]] = {kind: [] for kind in counts}
        for file in sorted((DATA / task.name / "train").glob("*_labels.tif"))[:IMAGES]:
            for kind, labels in _kinds(tifffile.imread(file).astype(np.int32)):
                own[kind].append(_seen(file, labels))
        for kind, found in own.items():
            counts[kind] += found
            if found:
                print(f"{task.name}, {kind}: {sum(found)} of {len(found)}", flush=True)
    for kind, found in counts.items():
        share = sum(found) / max(len(found), 1)
        if kind == "complete":
            sheet.figure(f"asked where all is painted, of {len(found)}", share, at_most=NOT_ASKED)
        elif kind == "twelve are":
            sheet.figure(f"asked where {HANDFUL} are painted, of {len(found)}", share)
        else:
            sheet.figure(f"asked where {kind}, of {len(found)}", share, at_least=ASKED)


def _kinds(truth: np.ndarray) -> list[tuple[str, np.ndarray]]:
    ids = np.unique(truth[truth > 0])
    made = [("complete", truth)]
    for seed in SEEDS:
        drawn = np.random.default_rng(seed).permutation(ids)
        made.append(("a third is not painted", _without(truth, drawn[: len(ids) // 3])))
        if len(ids) > 1.5 * HANDFUL:
            made.append(("twelve are", _without(truth, drawn[HANDFUL:])))
    return made


def _without(truth: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return np.where(np.isin(truth, ids), 0, truth).astype(np.int32)


def _seen(file: Path, labels: np.ndarray) -> bool:
    """Whether the panel would ask."""
    image = tifffile.imread(file.with_name(file.name.replace("_labels", "")))
    channels = image.shape[2] if image.ndim == 3 else 1
    base = find_model("default")
    settings = settings_for(TrainOptions(), channels, 2, read_config(base))
    axes = "YXC" if image.ndim == 3 else "YX"
    pair = Pair("image", image, labels, labels > 0, axes, unpainted="auto")
    annotation = collect([pair], settings, "instances", 0.15)
    samples, _ = prepare(annotation, settings, "instances")
    net = UNet(settings.network)
    start_from(net, base)
    ground = OpenGround(annotation, samples, settings)
    messages = list(ground.ask(net.eval()))
    return any(m["event"] == "unpainted" and m["likely"] > 0 for m in messages)
