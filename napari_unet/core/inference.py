"""A network made ready to predict: the same values for less work."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .unet import Block, UNet, on_device


class Prepared(UNet):
    """A network that only predicts: without padding, batch norm folded into the convolutions."""


def prepared(net: UNet) -> Prepared:
    """A copy of `net` (in evaluation mode, on its device) that predicts the same.

    Where a padded network's halo is cut away, its output is that of the same weights without
    padding, whose maps shrink to what is needed. Batch norm at prediction is a scale and an
    offset per channel: the convolution before it takes them in.
    """
    if isinstance(net, Prepared):
        return net
    made = copy.deepcopy(net)
    for block in (*made.down, *made.merge):
        assert isinstance(block, Block)
        block.layers = nn.Sequential(*_folded(list(block.layers)))
    made.__class__ = Prepared
    parameter = next(made.parameters())
    on_device(made, parameter.device)
    return made.eval()  # type: ignore[return-value]


def _folded(layers: list[nn.Module]) -> list[nn.Module]:
    kept: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            kept[-1] = fuse_conv_bn_eval(kept[-1], layer)  # type: ignore[type-var]
            continue
        if isinstance(layer, nn.Conv2d):
            layer.padding = (0, 0)
        if not isinstance(layer, nn.Dropout):
            kept.append(layer)
    return kept
