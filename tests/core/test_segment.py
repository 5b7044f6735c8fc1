"""One window of a slice alone: what all its tiles would give, also when memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.core import segment
from napari_unet.core.predict import ArraySource
from napari_unet.core.segment import Segmenter, SliceSource
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet

SHAPE, WINDOW = (320, 300), (70, 290, 31, 144)


def made(labels_are: str, classes: int) -> Segmenter:
    net = NetworkSettings(width=4, padding="same", norm="batch", dropout=0.0, classes=classes)
    config = ModelConfig(
        network=net,
        labels_are=labels_are,  # type: ignore[arg-type]
        class_values=tuple(range(1, classes)) if labels_are == "classes" else (),
    )
    unet = UNet(net, torch.Generator().manual_seed(0)).eval()
    return Segmenter(unet, config, precision="fp32")


def source() -> ArraySource:
    return ArraySource(np.random.default_rng(0).random((1, *SHAPE)).astype(np.float32))


@pytest.mark.parametrize(("labels_are", "classes"), [("instances", 2), ("classes", 4)])
def test_a_window_is_cut_from_the_whole(labels_are: str, classes: int) -> None:
    segmenter, image = made(labels_are, classes), source()
    whole = segmenter.probability(SliceSource(image, np.ones(SHAPE, bool)))
    y0, y1, x0, x1 = WINDOW
    assert np.abs(segmenter.window(image, WINDOW) - whole[..., y0:y1, x0:x1]).max() < 1e-5


def test_out_of_memory_halves_the_tile_of_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    image, expected = source(), made("instances", 2).window(source(), WINDOW)
    real, sizes, said, together = segment.predict_tiles, [], [], []

    def short(net: Any, source: Any, plan: Any, **kwargs: Any) -> Iterator[Any]:
        sizes.append(max(max(t.size) for t in plan.tiles))
        together.append(kwargs["together"])
        if sizes[-1] > 300:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(net, source, plan, **kwargs)

    monkeypatch.setattr(segment, "predict_tiles", short)
    segmenter = made("instances", 2)
    segmenter.warn = said.append
    assert np.abs(segmenter.window(image, WINDOW) - expected).max() < 1e-5
    assert sizes[0] > 300 >= sizes[-1]
    assert "out of memory" in said[0]
    # on a GPU as many more of the smaller tiles would go through the network at once
    assert together[0] is None and together[-1] == 0
