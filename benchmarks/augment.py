"""Augmentation of a batch against what a user would write, and against MONAI where it is there."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from napari_unet.core.augment import change_intensities, coordinates, draw, points_of, read_points
from napari_unet.core.settings import AugmentSettings

from .report import Sheet, in_turn, version

SIDE, BATCH = 572, 8


def ours(
    planes: torch.Tensor, settings: AugmentSettings, elastic_only: bool = False
) -> Callable[[], None]:
    """Elastic, rotation, mirroring, zoom and intensities of image, labels and weights."""
    rng, device = np.random.default_rng(0), planes.device
    centres = np.full((BATCH, 2), (SIDE - 1) / 2)
    image, labels, weights = ([planes[i : i + 1]] * BATCH for i in range(3))
    mean, spread = np.full(BATCH, 0.5), np.full(BATCH, 0.29)

    def work() -> None:
        drawn = draw(rng, BATCH, SIDE, settings)
        where = coordinates(drawn, centres, SIDE, settings, device)
        points = points_of(image, where)
        warped = read_points(image, points, "bilinear")
        if not elastic_only:
            change_intensities(warped, drawn, mean, spread)
        read_points(labels, points, "nearest")
        read_points(weights, points, "bilinear")

    return work


def by_scipy(planes: np.ndarray, settings: AugmentSettings) -> Callable[[], None]:
    """The same coarse grid by `zoom`, read three times by `map_coordinates`: elastic only."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(SIDE, dtype=np.float64)] * 2, indexing="ij"))

    def work() -> None:
        for _ in range(BATCH):
            nodes = rng.normal(0, settings.elastic_sd, (2, 3, 3))
            field = np.stack([ndimage.zoom(n, SIDE / 3, order=3, mode="nearest") for n in nodes])
            where = grid + field
            for plane, order in zip(planes, (1, 0, 1), strict=True):
                ndimage.map_coordinates(plane, where, order=order, mode="mirror")

    return work


def by_monai(planes: np.ndarray, settings: AugmentSettings) -> Callable[[], None]:
    """MONAI's coarse grid for three planes: elastic only."""
    transforms: Any = importlib.import_module("monai.transforms")
    names = ["image", "label", "weight"]
    elastic = transforms.Rand2DElasticd(
        keys=names,
        spacing=(SIDE // 2, SIDE // 2),
        magnitude_range=(settings.elastic_sd, settings.elastic_sd),
        prob=1.0,
        mode=["bilinear", "nearest", "bilinear"],
    )
    data = {name: planes[i : i + 1] for i, name in enumerate(names)}

    def work() -> None:
        for _ in range(BATCH):
            elastic(data)

    return work


def main(sheet: Sheet) -> None:
    settings = AugmentSettings(scale=0.5, gamma=0.3, shading=0.4, noise=0.4, blur=0.5)
    sheet.heading(f"{SIDE} x {SIDE}, {BATCH} samples of image, labels and weights")
    planes = np.random.default_rng(0).random((3, SIDE, SIDE), dtype=np.float32)
    ways = {
        "ours": ours(torch.from_numpy(planes), settings),
        "ours, elastic only": ours(torch.from_numpy(planes), settings, elastic_only=True),
        f"scipy {version('scipy')} map_coordinates": by_scipy(planes, settings),
    }
    monai = version("monai")
    if monai:
        ways[f"MONAI {monai} Rand2DElasticd"] = by_monai(planes, settings)
    seconds = in_turn(ways)
    for name, taken in seconds.items():
        sheet.figure(name, 1000 * taken / BATCH, "ms a sample")
    for name in list(ways)[2:]:
        sheet.figure(f"{name} / ours", seconds[name] / seconds["ours"], at_least=6)
        sheet.figure(f"{name} / ours, elastic only", seconds[name] / seconds["ours, elastic only"])
    if not monai:
        sheet.failed("MONAI Rand2DElasticd", "not installed (pip install monai)")
