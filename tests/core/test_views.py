"""Mirrored views: their mean, the same in tiles as in one piece, and where they are afforded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.core import predict, segment
from napari_unet.core.errors import BadInput
from napari_unet.core.geometry import margin
from napari_unet.core.inference import prepared
from napari_unet.core.modelled import check_wishes
from napari_unet.core.predict import ArraySource
from napari_unet.core.presets import preset
from napari_unet.core.segment import Segmenter, SliceSource
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.tiling import as_predicted, halo, plan_tiles
from napari_unet.core.views import views_of

from .test_predict import VARIANTS, image, network

SHAPE = (90, 71)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_tiles_agree_in_all_views(name: str, factor: float) -> None:
    net = replace(VARIANTS[name], width=2)
    unet, source = network(net).double(), ArraySource(image(SHAPE, "f8"))
    whole = plan_tiles(SHAPE, net, factor=factor, tile=0)
    tiled = plan_tiles(SHAPE, net, factor=factor, tile=2 * halo(net) + 32)
    assert len(whole.tiles) == 1 and len(tiled.tiles) > 1
    expected = predict.predict(unet, source, whole, views=4)
    assert np.abs(predict.predict(unet, source, tiled, views=4) - expected).max() < 1e-9
    one_view = predict.predict(unet, source, tiled)
    assert np.abs(one_view - expected).max() > 1e-3, "a difference would be seen"


@pytest.mark.parametrize("name", ["paper", "same-norm"])
def test_it_is_the_mean_of_what_the_network_says_of_mirrored_images(name: str) -> None:
    """In one piece, mirrored beyond its border by numpy."""
    net = VARIANTS[name]
    unet, array = prepared(network(net).double()), image(SHAPE, "f8")
    (tile,) = plan_tiles(SHAPE, net, tile=0).tiles
    around = [
        (halo(net) - o, side - halo(net) + o - n)
        for o, side, n in zip(tile.origin, tile.size, SHAPE, strict=True)
    ]
    extended = np.pad(array, [(0, 0), *around], mode="reflect")
    views = []
    for axes in ([], [1], [2], [1, 2]):
        given = torch.from_numpy(np.flip(extended, axes).copy())[None]
        with torch.inference_mode():
            seen = torch.softmax(unet(given), dim=1)[0].numpy()
        views.append(np.flip(seen, axes))
    (top, _), (left, _) = around
    cut = margin(as_predicted(net))
    top, left = top - cut, left - cut
    mean = np.mean(views, axis=0)[:, top : top + SHAPE[0], left : left + SHAPE[1]]
    found = predict.predict(unet, ArraySource(array), plan_tiles(SHAPE, net, tile=0), views=4)
    assert np.abs(found - mean).max() < 1e-9


def test_four_views_where_they_take_seconds() -> None:
    ours, paper = preset("default").network, preset("paper").network
    assert views_of((1024, 1024), ours, 1.0) == 4
    assert views_of((1024, 1100), ours, 1.0) == 1
    assert views_of((2048, 2048), ours, 0.5) == 4
    assert views_of((512, 512), paper, 1.0) == 1
    assert views_of((1, 1), paper, 0.01) == 4


def test_the_size_of_the_slice_decides_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    net = NetworkSettings(width=2, padding="same", norm="batch", dropout=0.0)
    unet = network(net)
    real, asked = segment.predict_tiles, []

    def noted(*given: object, **more: object) -> object:
        asked.append(more["views"])
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(segment, "predict_tiles", noted)
    slice_ = SliceSource(ArraySource(image(SHAPE, "f4")), np.ones(SHAPE, bool))
    for views in (None, 1, 4):
        Segmenter(unet, ModelConfig(net), views=views).probability(slice_)
    Segmenter(unet, ModelConfig(net), views=None).window(slice_.source, (0, 20, 0, 20))
    Segmenter(unet, ModelConfig(net)).probability(slice_)
    assert asked == [4, 1, 4, 4, 1]


def test_other_numbers_of_views_are_refused() -> None:
    check_wishes(None, views=4)
    with pytest.raises(BadInput, match="1 or 4 views, not 3"):
        check_wishes(None, views=3)
