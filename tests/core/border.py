"""One training on touching discs with a border weight of choice, scored on other images."""

from __future__ import annotations

from dataclasses import replace

import torch

from napari_unet.core.annotation import Pair
from napari_unet.core.axes import read_axes
from napari_unet.core.batches import Batches
from napari_unet.core.fit import Budget, Trainer, fit
from napari_unet.core.metrics import Scores, evaluate, pool
from napari_unet.core.presets import preset
from napari_unet.core.samples import collect, prepare
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import AugmentSettings, ModelConfig, ScaleSettings
from napari_unet.core.unet import UNet

from .discs import touching_discs

HELD_OUT = range(1000, 1003)


def trained_on_discs(w0: float, seed: int, steps: int) -> Scores:
    """Scores on images that were not trained on; `seed` sets images, weights and tiles alike."""
    settings = preset("default")
    settings = replace(
        settings,
        weights=replace(settings.weights, w0=w0),
        network=replace(settings.network, width=8, depth=2),
        augment=AugmentSettings(),
        scale=ScaleSettings(diameter=None),
        fit=replace(settings.fit, tile=96, batch=4, average=0.0),
    )
    images = [touching_discs(10 * seed + i) for i in range(3)]
    pairs = [Pair(str(i), image, labels, None, "YX") for i, (image, labels) in enumerate(images)]
    annotation = collect(pairs, settings, "instances", 0.0)
    samples, by_class = prepare(annotation, settings, "instances")
    cpu = torch.device("cpu")
    net = UNet(settings.network, torch.Generator().manual_seed(seed))
    batches = Batches(samples, by_class, settings, "instances", seed, cpu)
    trainer = Trainer(net, settings.fit, seed)
    for _ in fit(trainer, batches, Budget(steps=steps)):
        pass
    config = ModelConfig(settings.network, normalise=settings.normalise)
    segmenter = Segmenter(trainer.result(batches), config)
    scores = []
    for number in HELD_OUT:
        image, labels = touching_discs(number)
        slice_ = segmenter.read(image, read_axes(image.shape, "YX", where="discs"), 0)
        found = segmenter.labels(segmenter.probability(slice_), slice_.finite)
        scores.append(evaluate(labels, found))
    return pool(scores)
