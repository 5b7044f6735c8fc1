"""Trains the base model; can be broken off and taken up again at any time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unet.core.batches import Batches
from napari_unet.core.device import device_words
from napari_unet.core.fit import Budget, Progress, Trainer, fit
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.presets import preset
from napari_unet.core.samples import Sample
from napari_unet.core.settings import ModelConfig, Settings
from napari_unet.core.unet import UNet
from napari_unet.files.atomic import replacing
from napari_unet.files.model_file import read_config, write_model
from napari_unet.runs.networks import start_from

from .images import collection, rendered, sample_of

SAVED_EVERY = 60.0  # seconds
HELD_BACK = 20  # every so many-th image is never trained on: the card's scores
REAL = 2  # what Recipe.real is, where nothing else is chosen
OTHERS = 100_000  # from one seed's renderings to the next one's; a multiple of HELD_BACK
LICENCE = "CC0-1.0"
ORIGIN = (
    "trained by scripts/base_model on the CC0 nuclei of the Data Science Bowl 2018 (BBBC038) and "
    "on images rendered by this repository"
)


@dataclass(frozen=True)
class Recipe:
    """What decides the model, beside the code."""

    images: Path  # the CC0 collection; rendered images alone where it is absent
    rendered: int = 500
    seed: int = 0  # another one, other renderings
    start: Path | None = None  # a model to go on from; None = random weights
    real: int = REAL  # a real image is trained on as often as so many rendered ones

    @property
    def numbers(self) -> list[int]:
        """The renderings to train on."""
        first = self.seed * OTHERS
        return [n for n in range(first, first + self.rendered) if n % HELD_BACK]

    @property
    def settings(self) -> Settings:
        """The default preset, trained longer, with larger batches and a longer memory.

        Without class weights: they are each image's own, and teach the network to find more
        than there is where cells are few, and less where they are many. Background more often
        than a user's training needs it: this one is to know what is no cell.
        """
        base = preset("default")
        rate = 2e-3 if self.start is None else 1e-3
        fit = replace(base.fit, batch=4, learning_rate=rate, average=0.998, background_chance=0.3)
        return replace(base, fit=fit, weights=replace(base.weights, max_class_weight=1.0))


def train(folder: Path, recipe: Recipe, budget: Budget, device: torch.device) -> Iterator[Progress]:
    """Go on until the budget is used up; the model stands in `folder` at the end."""
    keep_freed_memory()
    folder.mkdir(parents=True, exist_ok=True)
    samples = list(_samples(folder, recipe))
    made = recipe.settings
    net = UNet(made.network, torch.Generator().manual_seed(recipe.seed)).to(device)
    if recipe.start is not None:
        start_from(net, recipe.start)
    trainer = Trainer(net, made.fit, recipe.seed)
    # no class weights: 1 tells gaps from the rest
    batches = Batches(samples, {}, made, "instances", recipe.seed, device)
    _restore(folder, trainer, budget)
    budget.started = budget.clock()
    saved = budget.elapsed
    with (folder / "log.jsonl").open("a") as log:
        for progress in fit(trainer, batches, budget):
            line = {"step": progress.step, "loss": progress.loss, "seconds": progress.seconds}
            log.write(json.dumps(line) + "\n")
            if progress.seconds - saved >= SAVED_EVERY:
                saved = progress.seconds
                log.flush()
                _save(folder, trainer, budget)
            yield progress
    _save(folder, trainer, budget)
    write(folder / "default.safetensors", trainer, batches, budget, recipe)


def write(path: Path, trainer: Trainer, batches: Batches, budget: Budget, recipe: Recipe) -> None:
    """The model file, half precision: what the weights lose is far below what a step changes."""
    made = recipe.settings
    config = ModelConfig(
        network=made.network,
        normalise=made.normalise,
        diameter=made.scale.diameter,
        instances=made.instances,
        training={
            "steps": trainer.step_done,
            "seconds": round(budget.elapsed),
            "images": len({id(s) for s in batches.samples}),
            "rendered": recipe.rendered,
            "real": recipe.real,
            "seed": recipe.seed,
            "device": device_words(trainer.device),
            "earlier": _earlier(recipe.start),
        },
        licence=LICENCE,
        origin=ORIGIN,
    )
    net = trainer.result(batches, settle=min(64, 2 + trainer.step_done))
    halves = {
        k: v.half() if v.is_floating_point() else v for k, v in net.cpu().state_dict().items()
    }
    write_model(path, config, halves)


def _earlier(start: Path | None) -> list[dict[str, Any]]:
    """What the model that training went on from came from, the first stretch first."""
    if start is None:
        return []
    said = dict(read_config(start).training)
    before = said.pop("earlier", [])
    return [*before, {**said, "sha256": hashlib.sha256(start.read_bytes()).hexdigest()}]


def _samples(folder: Path, recipe: Recipe) -> Iterator[Sample]:
    """All images to train on, in model pixels; rendered ones are kept in the folder.

    Real ones stand there `recipe.real` times.
    """
    made, rng = recipe.settings, np.random.default_rng([recipe.seed, 1])
    for number, (name, image, labels) in enumerate(collection(recipe.images)):
        found = sample_of(name, image, labels, made, rng) if number % HELD_BACK else None
        if found is not None:
            yield from [found[0]] * recipe.real
    store = folder / "rendered"
    store.mkdir(exist_ok=True)
    missing = [n for n in recipe.numbers if not (store / f"{n:05d}.npz").exists()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_render, [store] * len(missing), missing, chunksize=4))
    for number in recipe.numbers:
        with np.load(store / f"{number:05d}.npz", allow_pickle=False) as file:
            found = sample_of(str(number), file["image"], file["labels"], made, rng)
        if found is not None:
            yield found[0]


def _render(store: Path, number: int) -> None:
    _, image, labels = rendered(number)
    with replacing(store / f"{number:05d}.npz") as beside, beside.open("wb") as file:
        np.savez_compressed(file, image=image.astype(np.float32), labels=labels.astype(np.uint16))


def _save(folder: Path, trainer: Trainer, budget: Budget) -> None:
    with replacing(folder / "checkpoint.pt") as beside:
        torch.save({**trainer.state(), "seconds": budget.elapsed}, beside)


def _restore(folder: Path, trainer: Trainer, budget: Budget) -> None:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return
    state = torch.load(path, map_location="cpu", weights_only=True)
    trainer.restore(state)
    budget.used = float(state["seconds"])
    print(f"going on after step {trainer.step_done}, {time.strftime('%H:%M')}")
