"""What a training says: of its data, of each step, at its end, and in its model file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from napari_unet.core.annotation import looks_like_classes
from napari_unet.core.fit import Budget, Progress
from napari_unet.core.held_out import LEAST_JUDGED
from napari_unet.core.instances import for_diameter
from napari_unet.core.judge import words
from napari_unet.core.samples import Annotation, Sample, factor_of
from napari_unet.core.settings import ModelConfig, Settings
from napari_unet.core.weights import clipped_classes

from .folder import RunFolder
from .messages import NO_SCORE, Message

# so many annotated slices: how they fare is not how others will
FEW = {
    1: "one image is annotated: the held-out score is of it",
    2: "two {things} are annotated: the held-out score is of them",
}


def remarks(
    run: RunFolder, annotation: Annotation, samples: Sequence[Sample], settings: Settings
) -> Iterator[str]:
    """What the user should know of the data before training, a sentence each."""
    images = 0
    for pair in run.pairs():
        images += 1
        if pair.image.dtype.kind == "f" and not np.isfinite(pair.image).all():
            yield f"{pair.name}: NaN or infinite pixels count as missing"
    counts: dict[int, int] = {}
    for s in samples:
        for value, n in zip(*np.unique(s.target[s.known], return_counts=True), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(n)
    if settings.weights.preset == "paper" and clipped_classes(counts, settings.weights):
        yield "one kind of pixel is very rare; its class weight was limited to 10"
    if len(counts) == 1:
        yield "all that is annotated is of one kind: paint some background or some cells too"
    if settings.scale.diameter is not None and annotation.diameter is None:
        yield (
            "no whole cell is annotated, so that their size is not known: "
            "the images are not rescaled"
        )
    if annotation.diameters and settings.scale.diameter is not None:
        low, high = annotation.diameters
        yield (
            f"cells are {low:.0f} px across in one image and {high:.0f} px in another: "
            "each image is rescaled by its own"
        )
    few = FEW.get(len(annotation.slices))
    cells = sum(len(s.split.ids) for s in annotation.held_out)
    told = run.options.labels_are == "classes" or cells >= LEAST_JUDGED
    if annotation.held_out and few and told:
        things = "images" if images == len(annotation.slices) else "slices"
        yield f"only {few.format(things=things)}, and not of others"
    if run.options.held_out and not annotation.held_out:
        instances = run.options.labels_are == "instances"
        shared = instances and any(looks_like_classes(pair.labels) for pair in run.pairs())
        why = "too few numbers are used" if shared else "too little is annotated"
        yield f"{why} to hold anything out: {NO_SCORE}"


def model_config(run: RunFolder, annotation: Annotation, settings: Settings) -> ModelConfig:
    """What the run's model files say of themselves, before anything was scored."""
    options = run.options
    instances = for_diameter(settings.instances, annotation.diameter or 0.0)
    # a factor of 1 that suits their size is one, too: other images may need another
    rescaled = settings.scale.diameter is not None and annotation.diameter is not None
    diameter = None
    if rescaled and annotation.diameter is not None:  # another where the factor met its limit
        diameter = round(annotation.diameter * factor_of(annotation, settings), 3)
    return ModelConfig(
        network=settings.network,
        labels_are=options.labels_are,
        class_values=annotation.class_values,
        normalise=settings.normalise,
        diameter=diameter,
        image_diameter=annotation.diameter,
        image_diameters=annotation.diameters if rescaled else None,
        axes=run.info["inputs"][0]["axes"],
        instances=instances,
        origin="trained with napari-unet",
        training={"run": run.path.name, "preset": options.preset, "seed": options.seed},
    )


def step_message(progress: Progress, budget: Budget) -> Message:
    """One step: its number, its loss, the time gone and the time left."""
    left = None
    if budget.seconds is not None:
        left = max(0.0, budget.seconds - progress.seconds)
    elif progress.fraction > 0:
        left = progress.seconds * (1 / progress.fraction - 1)
    return {
        "event": "step",
        "step": progress.step,
        "of": budget.steps,
        "loss": progress.loss,
        "seconds": round(progress.seconds, 3),
        "left": None if left is None else round(left, 1),
    }


def closing_words(
    steps: int,
    stopped: bool,
    after: dict[str, Any] | None,
    before: dict[str, Any] | None,
    worse: bool,
) -> str:
    """The training in one sentence."""
    how = f"{'Stopped' if stopped else 'Done'} after {steps} step{'' if steps == 1 else 's'}"
    if after is None:
        return f"{how}; nothing was held out, so there is no score."
    but = "; worse than the base model, which stays" if worse else ""
    return f"{how}: {words(after, before)}{but}."
