"""Weights in thin gaps after the elastic warp: warped like the image, or made anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_unet.core.annotation import Pair
from napari_unet.core.augment import coordinates, draw, warp
from napari_unet.core.batches import Batches
from napari_unet.core.presets import preset
from napari_unet.core.samples import Sample, collect, prepare
from napari_unet.core.settings import ScaleSettings, Settings
from tests.core.discs import touching_discs

from .report import Sheet, median_seconds

STEPS = 20


def made(settings: Settings, weights_warped: bool) -> Batches:
    """Batches of touching discs with one of the two ways of warping weights."""
    image, labels = touching_discs(0, side=256, pairs=30)
    settings = replace(
        settings,
        scale=ScaleSettings(diameter=None),
        fit=replace(settings.fit, weights_warped=weights_warped),
    )
    annotation = collect([Pair("discs", image, labels, None, "YX")], settings, "instances", 0.0)
    samples, by_class = prepare(annotation, settings, "instances")
    return Batches(samples, by_class, settings, "instances", 0, torch.device("cpu"))


def gap_pixels(sample: Sample, by_class: dict[int, float]) -> npt.NDArray[np.bool_]:
    """Background at most 2 px wide between two cells: at least so much extra weight."""
    thin = 10 * np.exp(-(4**2) / (2 * 5**2))
    return (sample.weights - by_class[0] > thin) & (sample.target == 0)


def peaks(batches: Batches, gaps: npt.NDArray[np.bool_]) -> list[float]:
    """Extra weight at each pixel of the batches that lies in a thin gap."""
    heights: list[float] = []
    plane = torch.from_numpy(gaps.astype(np.float32))[None]
    for step in range(1, STEPS + 1):
        batch = batches.batch(step)
        inside = warp([plane] * batches.count, _coordinates(batches, step), "nearest")[:, 0] > 0
        known = batch.weights > 0
        extra = batch.weights - batches.by_class[0]
        heights += extra[inside & known & (batch.target == 0)].tolist()
    return heights


def _coordinates(batches: Batches, step: int) -> Tensor:
    """Where the tiles of this step are read (the same random numbers as `Batches.batch`)."""
    rng = np.random.default_rng([batches.seed, step])
    _, centres = batches.centres(rng)
    augment = batches.settings.augment
    drawn = draw(rng, batches.count, batches.tile, augment)
    where = coordinates(drawn, centres, batches.tile, augment, batches.device)
    inner = slice(batches.margin, batches.tile - batches.margin)
    return where[:, inner, inner]


def main() -> None:
    for name in ("default", "paper"):
        warped, anew = (made(preset(name), way) for way in (True, False))
        tile = f"{warped.count} tile{'s' if warped.count > 1 else ''} of {warped.tile} px"
        Sheet("gaps").heading(f"thin gaps after the warp, preset {name}, {tile}")
        gaps = gap_pixels(warped.samples[0], warped.by_class)
        print("weights         median  10th percentile  a batch")
        middle = []
        for words, batches in (("warped", warped), ("made anew", anew)):
            heights = peaks(batches, gaps)
            middle.append(float(np.median(heights)))
            seconds = median_seconds(partial(batches.batch, 1), times=7)
            low = np.percentile(heights, 10)
            print(f"{words:14s}  {middle[-1]:6.2f}  {low:15.2f}  {1e3 * seconds:4.0f} ms")
        print(f"warped over made anew, median: {middle[0] / middle[1]:.2f}")
