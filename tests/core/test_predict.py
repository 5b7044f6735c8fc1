"""Tiled prediction equals untiled prediction, whatever the size, the tile and the scale."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.core import geometry, predict, tiling
from napari_unet.core.inference import prepared
from napari_unet.core.predict import ArraySource
from napari_unet.core.settings import NetworkSettings
from napari_unet.core.tiling import Tile, TilePlan, plan_tiles, plan_window
from napari_unet.core.unet import UNet, convolutions

VARIANTS = {
    "paper": NetworkSettings(width=4, depth=4),
    "same-norm": NetworkSettings(width=4, padding="same", norm="batch", dropout=0.0),
    "valid-bilinear": NetworkSettings(width=4, up="bilinear"),
    "same-bilinear-between": NetworkSettings(
        width=4, padding="same", up="bilinear", norm="batch", dropout=0.2, dropout_at="between"
    ),
    "depth-3": NetworkSettings(width=4, padding="same", depth=3),
}
LARGEST = (240, 290)  # at 2.6 more than one tile of 700 each way
SHAPES = [(1, 1), (17, 23), (250, 31), LARGEST]
FACTORS = [1.0, 0.37, 2.6]
TILES = [284, 700]
MOST = 4  # tiles of a plan that are looked at: a tile of 284 may own only 100, and be one of 180


def network(net: NetworkSettings, seed: int = 0) -> UNet:
    """Weights and norm statistics as after some training; logits that differ by about one."""
    generator = torch.Generator().manual_seed(seed)
    unet = UNet(net, generator)
    for module in unet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.uniform_(-0.2, 0, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    side = geometry.tile_for(net, 64)
    seen = torch.from_numpy(image((side, side), "f4"))[None].expand(-1, net.in_channels, -1, -1)
    with torch.no_grad():
        keep_alive(unet)
        logits = unet.eval()(seen)
        unet.head.weight /= (logits[:, 1] - logits[:, 0]).std()
        assert unet.head.bias is not None
        unet.head.bias -= unet(seen).mean(dim=(0, 2, 3))
    return unet


def keep_alive(unet: UNet) -> None:
    """One channel of each layer is a mean of those before: as drawn, a narrow network says the
    same of all pixels, in whatever tile they lie."""
    for layer in (*convolutions(unet.down), *convolutions(unet.up), *convolutions(unet.merge)):
        turned = isinstance(layer, torch.nn.ConvTranspose2d)
        first = layer.weight[:, 0] if turned else layer.weight[0]
        first.abs_()
        first /= first.sum(0 if turned else None)


def image(shape: tuple[int, int], dtype: str) -> np.ndarray:
    """Something to see at each scale: coarse squares and fine grain."""
    rng = np.random.default_rng(1)
    coarse = np.kron(rng.random((shape[0] // 8 + 1, shape[1] // 8 + 1)), np.ones((8, 8)))
    return (coarse[: shape[0], : shape[1]] + rng.random((1, *shape))).astype(dtype) / 2


def farthest(
    unet: UNet, source: ArraySource, plan: TilePlan, whole: np.ndarray, **how: Any
) -> float:
    """The largest difference to `whole` in the first and last tile and a sample of the others."""
    first, *others = plan.tiles
    some = random.Random(0).sample(others[:-1], min(len(others[:-1]), MOST - 2))
    plan = replace(plan, tiles=(first, *some, *others[-1:]))
    differences = []
    for part, found in predict.predict_tiles(unet, source, plan, **how):
        y0, y1, x0, x1 = part.window
        differences.append(np.abs(found - whole[:, y0:y1, x0:x1]).max())
    assert len(differences) == len(plan.tiles)
    return max(differences)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    "shape", [*SHAPES[:-1], pytest.param(SHAPES[-1], marks=pytest.mark.slow)], ids=str
)
def test_exact_in_double_precision(name: str, shape: tuple[int, int]) -> None:
    source = ArraySource(image(shape, "f8"))
    for factor in FACTORS:
        # at 2.6 the largest image is 728 x 832 model pixels
        width = 1 if shape[0] * max(factor, 1) > 260 else 2
        net = replace(VARIANTS[name], width=width)
        unet = network(net).double()
        in_one = plan_tiles(shape, unet.settings, factor=factor, tile=0)
        whole = predict.predict(unet, source, in_one)
        assert whole.dtype == np.float64
        assert np.allclose(whole.sum(axis=0), 1)
        assert shape == (1, 1) or np.ptp(whole[0]) > 0.01, "a difference would be seen"
        for tile in TILES:
            plan = plan_tiles(shape, unet.settings, factor=factor, tile=tile)
            same = plan.tiles == in_one.tiles  # once is enough
            assert same or farthest(unet, source, plan, whole) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_exact_in_single_precision(name: str) -> None:
    for shape, factor, width in (((250, 250), 1.0, 2), ((250, 250), 2.6, 1), ((611, 700), 0.37, 2)):
        unet = network(replace(VARIANTS[name], width=width))
        source = ArraySource(image(shape, "f4"))
        whole = plan_tiles(shape, unet.settings, factor=factor, tile=0)
        expected = predict.predict(unet, source, whole, precision="fp32")
        assert np.ptp(expected[0]) > 0.1, "a difference would be seen"
        for tile in TILES:
            plan = plan_tiles(shape, unet.settings, factor=factor, tile=tile)
            assert len(plan.tiles) > 1 or tile != 284
            same = plan.tiles == whole.tiles
            assert same or farthest(unet, source, plan, expected, precision="fp32") < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "same-norm"])
@pytest.mark.parametrize("factor", FACTORS)
def test_exact_in_single_precision_on_the_largest(name: str, factor: float) -> None:
    unet, shape = network(VARIANTS[name]), LARGEST
    source = ArraySource(image(shape, "f4"))
    in_one = plan_tiles(shape, unet.settings, factor=factor, tile=0)
    whole = predict.predict(unet, source, in_one, precision="fp32")
    for tile in TILES:
        plan = plan_tiles(shape, unet.settings, factor=factor, tile=tile)
        assert len(plan.tiles) > 1 or tile != 284
        same = plan.tiles == in_one.tiles
        assert same or farthest(unet, source, plan, whole, precision="fp32") < 1e-4


@pytest.mark.parametrize("name", ["paper", "same-norm"])
def test_tiles_off_the_pooling_grid_would_be_seen(name: str) -> None:
    """The control: the same comparison, tiles moved by half the grid."""
    unet, shape = network(replace(VARIANTS[name], width=2)).double(), (250, 250)
    source = ArraySource(image(shape, "f8"))
    whole = predict.predict(unet, source, plan_tiles(shape, unet.settings, tile=0))
    plan = plan_tiles(shape, unet.settings, tile=284)
    good = np.abs(predict.predict(unet, source, plan) - whole).max()
    shifted = TilePlan(
        plan.shape,
        1.0,
        tuple(
            Tile(t.window, (t.origin[0] - 8, t.origin[1] - 8), (t.size[0] + 16, t.size[1] + 16))
            for t in plan.tiles
        ),
    )
    bad = np.abs(predict.predict(unet, source, shifted) - whole).max()
    assert good < 1e-9
    assert bad > max(1e-4, 10 * good)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("factor", FACTORS)
def test_a_window_alone_is_what_the_whole_image_gives(name: str, factor: float) -> None:
    unet, shape = network(replace(VARIANTS[name], width=2)).double(), (150, 170)
    source = ArraySource(image(shape, "f8"))
    plan = plan_tiles(shape, unet.settings, factor=factor, tile=0)
    whole = predict.predict(unet, source, plan)
    assert np.ptp(whole[0]) > 0.01, "a difference would be seen"
    for window in ((0, 150, 0, 170), (0, 40, 100, 170), (33, 71, 58, 59), (149, 150, 0, 1)):
        alone = plan_window(shape, window, unet.settings, factor=factor)
        y0, y1, x0, x1 = window
        found = predict.predict(unet, source, alone)[:, y0:y1, x0:x1]
        assert np.abs(found - whole[:, y0:y1, x0:x1]).max() < 1e-9


def test_a_window_beyond_the_largest_tile_is_tiled() -> None:
    net = replace(VARIANTS["same-norm"], width=24)
    shape, window = (3000, 2000), (100, 2900, 50, 1900)
    plan = plan_window(shape, window, net)
    assert len(plan.tiles) > 1
    assert all(tiling.fits(net, *t.size, "cpu") for t in plan.tiles)
    owned = np.zeros(shape, bool)
    for t in plan.tiles:
        owned[t.window[0] : t.window[1], t.window[2] : t.window[3]] = True
    assert owned[100:2900, 50:1900].all()


@pytest.mark.parametrize("name", ["paper", "same-bilinear-between"])
def test_tiles_that_go_together_are_what_each_alone_gives(name: str) -> None:
    net = network(replace(VARIANTS[name], width=2)).double()
    source = ArraySource(image((100, 290), "f8"))
    plan = plan_tiles((100, 290), net.settings, tile=284)
    alone = dict(predict.predict_tiles(net, source, plan))
    for together in (1, 2 * 300 * 300, 10**9):
        sizes = [len(group) for group in predict._groups(plan.tiles, together)]
        assert sum(sizes) == len(plan.tiles) and (max(sizes) > 1) == (together > 1)
        both = dict(predict.predict_tiles(net, source, plan, together=together))
        assert list(both) == list(alone)
        for tile, probability in both.items():
            assert np.abs(probability - alone[tile]).max() < 1e-9


@pytest.mark.parametrize("name", VARIANTS)
def test_the_mirror_does_not_repeat_the_edge(name: str) -> None:
    """One tile over the image equals the network, padded or not, on numpy's reflected image."""
    net = VARIANTS[name]
    unet, picture = network(net).double(), image((120, 140), "f8")
    ahead, side = geometry.halo(net), [geometry.tile_for(net, n) for n in (128, 144)]
    padded = np.pad(
        picture[0],
        [(ahead, side[0] - ahead - 120), (ahead, side[1] - ahead - 140)],
        mode="reflect",
    )
    with torch.inference_mode():
        expected = torch.softmax(unet(torch.from_numpy(padded)[None, None])[0], 0).numpy()
    first = ahead - geometry.margin(net)
    expected = expected[:, first : first + 120, first : first + 140]
    found = predict.predict(unet, ArraySource(picture), plan_tiles((120, 140), net, tile=0))
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("name", VARIANTS)
def test_prepared_it_gives_what_the_network_gives(name: str) -> None:
    """Padding and batch norm are gone, the values are the same."""
    unet, (tile,) = (
        network(VARIANTS[name]).double(),
        plan_tiles((128, 128), VARIANTS[name], tile=0).tiles,
    )
    side = geometry.tile_for(VARIANTS[name], 200)
    picture = torch.from_numpy(image((side, side), "f8"))[None]
    # with padding maps begin at the tile's edge on every level: there the grids meet
    start = 18 if unet.settings.padding == "same" else 16
    fast = prepared(unet)
    assert prepared(fast) is fast
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fast.modules())
    window = slice(start, start + tile.size[0])
    with torch.inference_mode():
        expected, found = unet(picture), fast(picture[..., window, window])
    first = start + tiling.halo(unet.settings) - geometry.margin(unet.settings)
    cut = tiling.cut(unet.settings)
    expected = expected[..., first : first + 128, first : first + 128]
    assert torch.abs(expected - found[..., cut : cut + 128, cut : cut + 128]).max() < 1e-9
    assert isinstance(unet.down[0].layers[0], torch.nn.Conv2d)
    assert (unet.down[0].layers[0].padding == (1, 1)) == (unet.settings.padding == "same")


def test_the_plan_takes_the_least_time_in_its_memory() -> None:
    """Against all even ways to share out 4096 x 4096; the redundancy is that of the issue."""
    net, side = NetworkSettings(width=32, padding="same", norm="batch"), 4096
    plan = plan_tiles((side, side), net)
    costs = {}
    for count in range(3, 20):
        stride = -(-side // (16 * count)) * 16
        tile = geometry.tile_for(tiling.as_predicted(net), stride + 4)
        if tiling.fits(net, tile, tile, "cpu"):
            costs[count] = count**2 * tiling.cost(net, tile, tile)
    assert sum(tiling.cost(net, *t.size) for t in plan.tiles) <= min(costs.values())
    done = sum(geometry.operations(tiling.as_predicted(net), *t.size) for t in plan.tiles)
    needed = geometry.operations(net, side, side)
    assert done / needed < 1.2
    larger = plan_tiles((side, side), net, device="cuda")
    assert len(larger.tiles) < len(plan.tiles)


def test_operations_are_those_of_the_layers() -> None:
    for name, net in VARIANTS.items():
        unet, seen, side = network(net), [], geometry.tile_for(net, 64)

        def note(layer: torch.nn.Module, inputs: tuple[torch.Tensor], out: torch.Tensor) -> None:
            each = (
                layer.weight[0].numel()
                if isinstance(layer, torch.nn.Conv2d)
                else inputs[0].shape[1]
            )
            seen.append(2 * each * out.numel())  # noqa: B023

        for layer in unet.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                layer.register_forward_hook(note)
        with torch.inference_mode():
            unet(torch.zeros(1, 1, side, side))
        assert geometry.operations(net, side, side) == sum(seen), name


@pytest.mark.parametrize("factor", [1.0, 0.25, 0.37, 1.9, 4.0])
@pytest.mark.parametrize("tile", [None, 0, 1, 300, 572])
def test_every_pixel_has_one_owner(factor: float, tile: int | None) -> None:
    for shape in [(1, 1), (5, 3), (400, 301), (1037, 640)]:
        owners = np.zeros(shape, int)
        for part in plan_tiles(shape, VARIANTS["paper"], factor=factor, tile=tile).tiles:
            y0, y1, x0, x1 = part.window
            owners[y0:y1, x0:x1] += 1
        assert (owners == 1).all()


def test_visible_first_only_reorders() -> None:
    plan = plan_tiles((2000, 2000), VARIANTS["paper"], tile=572)
    first = plan.visible_first((1500, 1800, 100, 300))
    assert set(first.tiles) == set(plan.tiles)
    y0, y1, x0, x1 = first.tiles[0].window
    assert y0 <= 1650 < y1
    assert x0 <= 200 < x1


def test_any_tile_size_is_moved_to_a_legal_one() -> None:
    for net in VARIANTS.values():
        for tile in (1, 100, 283, 999):
            side = tiling.tile_size(net, tile)
            assert geometry.input_size(tiling.as_predicted(net), side) == side
