"""Unusual images and labels that `train` of the Python API must take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet import UNetWarning, train
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import write_model

from .tiny import disc_pair

IMAGE, LABELS = np.asarray(disc_pair().image), disc_pair().labels


def one_pixel() -> tuple[np.ndarray, np.ndarray]:
    known = np.zeros(LABELS.shape, bool)
    known[tuple(np.argwhere(LABELS > 0)[0])] = True
    return np.where(known, LABELS, 0), known


def region_without_cells() -> np.ndarray:
    """Known: the left half, and a block of background on the right."""
    known = np.zeros(LABELS.shape, bool)
    known[:, :40] = True
    known[-20:, -20:] = True
    return known


def many_ids() -> np.ndarray:
    side = 265
    labels = np.zeros((2 * side, 2 * side), np.int32)
    labels[::2, ::2] = np.arange(1, side * side + 1).reshape(side, side)
    return labels


MANY = many_ids()
MISSING = IMAGE.copy()
MISSING[:9, :9], MISSING[50, 50] = np.nan, np.inf
UNUSUAL: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray | None]] = {
    "a constant image": (np.full_like(IMAGE, 7), LABELS, None),
    "1x1": (IMAGE[:1, :1], np.ones((1, 1), np.uint8), None),
    "one row": (IMAGE[:1], np.ones_like(LABELS[:1]), None),
    "one cell": (IMAGE, np.where(LABELS == 1, 1, 0), None),
    "one annotated pixel": (IMAGE, *one_pixel()),
    "all foreground": (IMAGE, np.ones_like(LABELS), None),
    "a region without cells": (
        IMAGE,
        np.where(region_without_cells(), LABELS, 0),
        region_without_cells(),
    ),
    "NaN and infinities": (MISSING, LABELS, None),
    "70,000 ids": ((MANY > 0).astype(np.uint8), MANY, None),
    "the largest id": (IMAGE, np.where(LABELS == 1, 2**31 - 1, LABELS), None),
    "unsigned 64-bit labels": (IMAGE, LABELS.astype(np.uint64), None),
    "labels of bool": (IMAGE, LABELS == 1, None),
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A narrow network to start from: ten times faster than the preset's."""
    network = NetworkSettings(width=4, depth=2, padding="same", norm="batch", dropout=0.0)
    path = tmp_path / "base.safetensors"
    net = UNet(network, torch.Generator().manual_seed(0))
    write_model(path, ModelConfig(network), net.state_dict())
    return path


SLOW = ("70,000 ids",)  # enlarged four times, one distance transform for each cell


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in UNUSUAL]
)
def test_it_trains_and_predicts(name: str, base: Path) -> None:
    image, labels, known = UNUSUAL[name]
    losses: list[float] = []

    def heard(message: dict) -> None:
        if message["event"] == "step":
            losses.append(message["loss"])

    model = train(
        [image],
        [labels],
        known=None if known is None else [known],
        base=str(base),
        steps=3,
        device="cpu",
        progress=heard,
    )
    assert len(losses) == 3 and np.isfinite(losses).all()
    image = image[:250, :250]  # a large one goes on like this
    probability = model.predict(image)
    assert probability.shape == image.shape and np.isfinite(probability).all()
    assert model.segment(image).shape == image.shape


UNHEARD: dict[str, Any] = {"steps": 1, "device": "cpu", "progress": lambda message: None}


@pytest.mark.parametrize("dtype", ["b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4"])
def test_every_type_of_labels(dtype: str, base: Path) -> None:
    labels = (LABELS == 1 if dtype == "b1" else LABELS).astype(dtype)
    model = train([IMAGE.astype(np.float64)], [labels], base=str(base), **UNHEARD)
    assert model.config.training["steps"] == 1


def test_a_known_area_given_as_a_list(base: Path) -> None:
    known = region_without_cells().tolist()
    with pytest.warns(UNetWarning, match="cells reach beyond the known area"):
        model = train([IMAGE], [LABELS], known=[known], base=str(base), **UNHEARD)
    assert model.config.training["steps"] == 1
