"""``python -m scripts.base_model.card FOLDER``: scores the model and writes its card.

On images that training never saw: every 20th of the CC0 collection and of the rendered ones.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.annotation import median_diameter
from napari_unet.core.metrics import Scores, evaluate, pool
from napari_unet.core.normalise import normalise
from napari_unet.core.predict import ArraySource
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import ModelConfig
from napari_unet.core.sizing import estimated_diameter
from napari_unet.runs.networks import load_network
from sample_data.render import Image, Labels

from .__main__ import IMAGES
from .images import collection, rendered
from .training import HELD_BACK, REAL

HEAD = """# default: the pretrained model

The U-Net that a training starts from. It has seen none of your images: fine-tune it on a few
annotated cells before you trust what it finds.

| | |
|---|---|
| file | `default.safetensors`, sha256 `{sha}` |
| network | U-Net, width {net.width}, depth {net.depth}, {net.padding} padding, one channel |
| cells | instances; the image is rescaled so that cells are {config.diameter:g} px across |
| trained on | CC0 nuclei (Data Science Bowl 2018, BBBC038) and renderings |
| steps | {steps:,} of 4 tiles of 128 px, {seconds:,} s on {device} |
| licence | {config.licence} |

## Recipe

In the repository, a line for each stretch; MODEL is what came of the one before.

| command | steps | seconds | images |
|---|---|---|---|
{stretches}
## Scores on images it has not seen

Every 20th image of each kind was kept back. "Size known": the true median diameter was given;
"size found": the model found it by itself. Cells under 20 px are not counted.

| kind | images | cells | AP50, size known | AP50, size found |
|---|---|---|---|---|
"""
STRETCH = (
    "| `python -m scripts.base_model FOLDER --rendered {rendered} --seed {seed} "
    "--steps {steps}{more}` | {steps:,} | {seconds:,} | {images:,} |\n"
)
LIMITS = """
## Limits

- One channel: of colour images, fine-tuning begins with the mean of the channels.
- The rendered kinds show what their microscopes do in principle; real images of them were not
  in the training data. Expect less than the scores above, and fine-tune.
- Cells of very different sizes in one image are rescaled by their median.
- 2D slices; no classes.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Score a base model and write its card.")
    parser.add_argument("folder", type=Path, help="where default.safetensors lies")
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--rendered", type=int, default=500)
    given = parser.parse_args()
    path = given.folder / "default.safetensors"
    net, config = load_network(path, "cpu")
    segmenter = Segmenter(net, config)
    found: dict[str, list[tuple[Scores, Scores]]] = {}
    for name, image, labels in _held_back(given.images, given.rendered):
        scored = _scored(segmenter, image, labels)
        if scored is not None:
            found.setdefault(name, []).append(scored)
            print(f"{name}: {scored[0].ap(0.5):.2f} {scored[1].ap(0.5):.2f}", flush=True)
    (given.folder / "default.md").write_text(_card(path, config, found))


def _held_back(images: Path, count: int) -> Iterator[tuple[str, Image, Labels]]:
    for number, entry in enumerate(collection(images)):
        if number % HELD_BACK == 0:
            yield entry
    for number in range(0, count, HELD_BACK):
        name, image, labels = rendered(number)
        yield f"rendered {name}", image, labels


def _scored(segmenter: Segmenter, image: Image, labels: Labels) -> tuple[Scores, Scores] | None:
    diameter = median_diameter(labels)
    if diameter is None:
        return None
    grey, finite = normalise(image[None].astype(np.float32), segmenter.config.normalise)
    source = ArraySource(grey)
    scores = []
    for size in (diameter, estimated_diameter(segmenter, [source]) or diameter):
        segmenter.diameter = size
        probability = segmenter.window(source, (0, labels.shape[0], 0, labels.shape[1]))
        scores.append(evaluate(labels, segmenter.labels(probability, finite), min_size=20))
    segmenter.diameter = None
    return scores[0], scores[1]


def _more(stretch: dict[str, Any]) -> str:
    """What was chosen otherwise than the script has it."""
    real = stretch.get("real", REAL)
    return "" if real == REAL else f" --real {real}"


def _card(path: Path, config: ModelConfig, found: dict[str, list[tuple[Scores, Scores]]]) -> str:
    stretches = [*config.training.get("earlier", []), config.training]
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    text = HEAD.format(
        sha=sha,
        net=config.network,
        config=config,
        steps=sum(x["steps"] for x in stretches),
        seconds=sum(x["seconds"] for x in stretches),
        device=stretches[-1]["device"],
        stretches="".join(
            STRETCH.format(**x, more=_more(x) + (" --start MODEL" if i else ""))
            for i, x in enumerate(stretches)
        ),
    )
    for name, scored in found.items():
        known, own = (pool([pair[k] for pair in scored]) for k in (0, 1))
        text += f"| {name} | {len(scored)} | {known.truth} "
        text += f"| {known.ap(0.5):.2f} | {own.ap(0.5):.2f} |\n"
    return text + LIMITS


if __name__ == "__main__":
    main()
