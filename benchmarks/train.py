"""A training step as the tool takes it against the bare network on one fixed batch."""

from __future__ import annotations

import itertools
import time

import numpy as np
import tifffile
import torch

from napari_unet.core.annotation import Pair
from napari_unet.core.device import device_words
from napari_unet.core.fit import Budget, Trainer, fit, weighted_loss
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.presets import preset, settings_for
from napari_unet.core.samples import Batch, Batches, collect, prepare
from napari_unet.core.settings import TrainOptions
from napari_unet.core.unet import UNet
from napari_unet.sample_images import sample_pairs

from .report import heading, in_turn

STEPS = 8  # of each way in each turn


def annotated() -> list[Pair]:
    """Our own fluorescence images, fully annotated."""
    return [
        Pair(image.stem, tifffile.imread(image), tifffile.imread(labels).astype(np.int32))
        for image, labels in sample_pairs("fluorescence")
    ]


def made(device: torch.device) -> tuple[Trainer, Batches]:
    """What a training with default settings builds."""
    options = TrainOptions()
    settings = settings_for(options, channels=1, classes=2)
    annotation = collect(annotated(), settings, options.labels_are, options.held_out)
    samples, by_class = prepare(annotation, settings, options.labels_are)
    net = UNet(settings.network, torch.Generator().manual_seed(0))
    trainer = Trainer(net.to(device), settings.fit)
    return trainer, Batches(samples, by_class, settings, options.labels_are, 0, device)


def bare_step(net: UNet, optimiser: torch.optim.Optimizer, batch: Batch) -> None:
    """Forward, backward, step: what nobody can do without."""
    optimiser.zero_grad(set_to_none=True)
    weighted_loss(net(batch.image), batch.target, batch.weights).backward()
    optimiser.step()


def main() -> None:
    device = torch.device("cpu")
    keep_freed_memory()
    fit_settings = preset("default").fit
    heading(
        f"training step, default network, {fit_settings.batch} tiles of {fit_settings.tile} px, "
        + device_words(device)
    )
    trainer, batches = made(device)
    running = fit(trainer, batches, Budget(steps=10**9))
    net = UNet(trainer.net.settings).to(device).train()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    fixed = batches.batch(1)
    steps = itertools.count(2)

    def real() -> None:
        for _ in range(STEPS):
            next(running)

    def bare() -> None:
        for _ in range(STEPS):
            bare_step(net, optimiser, fixed)

    def batches_only() -> None:
        for _ in range(STEPS):
            batches.batch(next(steps))

    seconds = in_turn({"real": real, "bare": bare, "batches": batches_only}, times=7)
    for name, taken in seconds.items():
        print(f"  {name:8s}{1000 * taken / STEPS:8.1f} ms a step  (median of 7 times {STEPS})")
    print(f"  ratio   {seconds['real'] / seconds['bare']:8.2f}    (wanted: at most 1.10)")
    began = time.perf_counter()
    trainer.result(batches, settle=4)
    print(f"  a network to score: {1000 * (time.perf_counter() - began):.0f} ms")
