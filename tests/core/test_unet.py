"""The network of the paper to the letter, and its variants."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from napari_unet.core import geometry
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import NetworkSettings
from napari_unet.core.unet import UNet, convolutions, incoming

VARIANTS = [
    NetworkSettings(
        width=4, padding=padding, norm=norm, up=up, depth=depth, dropout=0.1, dropout_at=at
    )
    for padding, norm, up, depth, at in itertools.product(
        ("valid", "same"), (None, "batch"), ("transpose", "bilinear"), (3, 4), ("end", "between")
    )
]


def name(net: NetworkSettings) -> str:
    return f"{net.padding}-{net.norm}-{net.up}-{net.depth}-{net.dropout_at}"


@pytest.fixture(scope="module")
def paper() -> UNet:
    return UNet(generator=torch.Generator().manual_seed(1))


def test_parameters_and_layers(paper: UNet) -> None:
    assert sum(p.numel() for p in paper.parameters()) == 31_030_658
    assert len(list(convolutions(paper))) == 23


def test_572_becomes_388() -> None:
    net = NetworkSettings(width=2)  # the paper's are 64: a thousand times the work
    with torch.inference_mode():
        assert UNet(net)(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    for each in (net, NetworkSettings()):
        assert geometry.output_size(each, 572) == 388
        assert geometry.halo(each) == 92


def test_initial_weights(paper: UNet) -> None:
    standard = []
    for layer in convolutions(paper):
        expected = math.sqrt(2 / incoming(layer))
        standard.append(layer.weight.flatten() / expected)
        if layer.weight.numel() > 20_000:
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)
        assert layer.bias is not None
        assert not layer.bias.any()
    assert torch.cat(standard).std().item() == pytest.approx(1.0, rel=0.02)


def test_up_convolution_counts_its_inputs_once(paper: UNet) -> None:
    ups = [layer for layer in convolutions(paper) if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert [incoming(layer) for layer in ups] == [1024, 512, 256, 128]


@pytest.mark.parametrize("net", VARIANTS, ids=name)
def test_sizes_are_legal(net: NetworkSettings) -> None:
    unet = UNet(net).eval()
    for wanted in (1, 100, 200, 231):
        size = geometry.input_size(net, wanted)
        with torch.inference_mode():
            out = unet(torch.zeros(1, 1, size, size))
        assert out.shape[-1] == geometry.output_size(net, size)


def test_the_nearest_legal_size_is_taken() -> None:
    assert geometry.input_size(NetworkSettings(), 572) == 572
    assert geometry.input_size(NetworkSettings(), 575) == 572
    assert geometry.input_size(NetworkSettings(), 585) == 588
    assert geometry.input_size(NetworkSettings(), 1) == 188
    assert geometry.input_size(NetworkSettings(padding="same"), 572) in (560, 576)


@pytest.mark.parametrize("net", VARIANTS, ids=name)
def test_the_halo_covers_what_a_pixel_depends_on(net: NetworkSettings) -> None:
    """Gradient of the first and last trusted pixel: none beyond the halo, some near its edge."""
    unet = UNet(net).double().eval()
    for parameter in unet.parameters():
        parameter.data.abs_()  # no cancelling, no dead units: whatever is connected shows
    size = geometry.tile_for(net, 2 * geometry.grid(net))
    x = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    out = unet(x)
    margin, halo = geometry.margin(net), geometry.halo(net)
    first, last = halo, size - halo - 1  # of the trusted part, in input pixels

    def touched(pixel: int) -> torch.Tensor:
        at = pixel - margin
        (gradient,) = torch.autograd.grad(out[0, 1, at, at], x, retain_graph=True)
        return torch.nonzero(gradient[0, 0].abs().sum(dim=0)).flatten()

    left, right = first - int(touched(first).min()), int(touched(last).max()) - last
    assert max(left, right) <= halo
    # and it is not wasteful: one step of the pooling grid less would not do (two with bilinear)
    assert max(left, right) > halo - 2 * geometry.grid(net)


@pytest.mark.parametrize("norm", ["batch", None])
@pytest.mark.parametrize("up", ["transpose", "bilinear"])
@pytest.mark.parametrize(("dropout", "at"), [(0.0, "between"), (0.5, "between"), (0.5, "end")])
def test_shapes_are_known_without_torch(norm: Any, up: Any, dropout: float, at: Any) -> None:
    settings = NetworkSettings(3, 4, 4, 2, norm=norm, up=up, dropout=dropout, dropout_at=at)
    state = UNet(settings).state_dict()
    assert geometry.shapes(settings) == {name: tuple(t.shape) for name, t in state.items()}


def test_a_network_of_gigabytes_is_refused() -> None:
    geometry.check_size(NetworkSettings(width=128))
    with pytest.raises(BadInput, match=r"width 1024 and depth 4 has [0-9,]+ million weights"):
        geometry.check_size(NetworkSettings(width=1024))
