"""Three classes on colour images, by the command line from the first word to the score."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from scipy import ndimage

from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import write_model

from .commands import Run, put_pair

ROUND, LONG = 1, 7  # the values as painted


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A small network: two threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tissue(seed: int, side: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Round purple cells (1) and long ones (7) of nearly the same colour on a pink ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    classes = np.zeros((side, side), np.uint8)
    for number in range(22):
        cy, cx = rng.uniform(0, side, 2)
        angle = rng.uniform(0, np.pi)
        long_ = number % 2
        a, b = (17, 4.5) if long_ else (8, 8)
        along = (y - cy) * np.sin(angle) + (x - cx) * np.cos(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        inside = (along / a) ** 2 + (across / b) ** 2 < 1
        if not classes[ndimage.binary_dilation(inside, iterations=2)].any():
            classes[inside] = LONG if long_ else ROUND
    colours = np.array([[230, 180, 205], [125, 75, 150], [140, 90, 150]], float)
    image = colours[np.searchsorted([0, ROUND, LONG], classes)]
    image = ndimage.gaussian_filter(image, (1, 1, 0)) * rng.uniform(0.9, 1.05)
    image += ndimage.gaussian_filter(rng.normal(0, 150, (side, side, 1)), (6, 6, 0))
    return np.clip(image + rng.normal(0, 9, image.shape), 0, 255).astype(np.uint8), classes


@pytest.mark.slow
def test_three_classes_of_colour_images(run: Run, tmp_path: Path) -> None:
    for seed in range(6):
        put_pair(tmp_path / "train", f"t{seed}", *tissue(seed))
    for seed in range(100, 104):
        put_pair(tmp_path / "test", f"h{seed}", *tissue(seed))
    network = NetworkSettings(
        in_channels=3, width=8, depth=2, padding="same", norm="batch", dropout=0.0
    )
    base = tmp_path / "narrow.safetensors"
    net = UNet(network, torch.Generator().manual_seed(0))
    write_model(base, ModelConfig(network), net.state_dict())

    words = ("train", tmp_path / "train", "-o", tmp_path / "run", "--labels-are", "classes")
    answer = run(*words, "--steps", 64, "--base", base)
    assert answer.code == 0, answer.err
    assert "2 classes (1, 7)" in answer.out
    scores = tmp_path / "s.json"
    answer = run("evaluate", tmp_path / "run", tmp_path / "test", "--json", scores)
    assert answer.code == 0, answer.err
    assert json.loads(scores.read_text())["mean"]["mIoU"] >= 0.8

    answer = run("predict", tmp_path / "run", tmp_path / "test", "-o", tmp_path / "out")
    assert answer.code == 0, answer.err
    for seed in range(100, 104):
        found = tifffile.imread(tmp_path / "out" / f"h{seed}_labels.tif")
        assert set(np.unique(found)) == {0, ROUND, LONG}
        assert found.shape == (128, 128)
