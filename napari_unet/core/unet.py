"""The U-Net of Ronneberger, Fischer and Brox (2015), and its usual variants."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .settings import NetworkSettings


class Block(nn.Module):
    """Two 3x3 convolutions, each with ReLU (and batch norm before it where chosen)."""

    def __init__(self, channels: int, out: int, net: NetworkSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, n in enumerate((channels, out)):
            if index and net.dropout_at == "between" and net.dropout > 0:
                layers.append(nn.Dropout(net.dropout))
            layers.append(nn.Conv2d(n, out, 3, padding=1 if net.padding == "same" else 0))
            if net.norm == "batch":
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class Up(nn.Module):
    """Twice the size and half the channels: 2x2 up-convolution, or bilinear and 1x1 convolution."""

    def __init__(self, channels: int, net: NetworkSettings) -> None:
        super().__init__()
        self.bilinear = net.up == "bilinear"
        self.conv: nn.Module = (
            nn.Conv2d(channels, channels // 2, 1)
            if self.bilinear
            else nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        # a 1x1 convolution and interpolation commute; the convolution is cheaper first
        x = self.conv(x)
        if self.bilinear:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return x


class UNet(nn.Module):
    """``(N, C, H, W)`` grey values to ``(N, classes, H', W')`` logits.

    With the default settings the 2015 network to the letter: 23 convolutional layers,
    31,030,658 parameters, 572 -> 388. Legal sizes and the halo are in
    :mod:`napari_unet.core.geometry`. Initial weights are Gaussian with standard deviation
    ``sqrt(2 / N)``, N the incoming connections of one output unit.
    """

    def __init__(
        self, net: NetworkSettings | None = None, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        net = net or NetworkSettings()
        self.settings = net
        widths = [net.width * 2**level for level in range(net.depth + 1)]
        self.down = nn.ModuleList(
            Block(before, after, net)
            for before, after in zip([net.in_channels, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(Up(2 * width, net) for width in reversed(widths[:-1]))
        self.merge = nn.ModuleList(Block(2 * width, width, net) for width in reversed(widths[:-1]))
        self.head = nn.Conv2d(net.width, net.classes, 1)
        # as in the authors' network: the two lowest levels of the contracting path
        self.drop = nn.Dropout(net.dropout if net.dropout_at == "end" else 0.0)
        self._initialise(generator)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            if level >= self.settings.depth - 1:
                x = self.drop(x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = up(x)
            x = torch.cat([_cropped(skips.pop(), x), x], dim=1)
            x = merge(x)
        logits: Tensor = self.head(x)
        return logits

    def _initialise(self, generator: torch.Generator | None) -> None:
        for layer in convolutions(self):
            with torch.no_grad():
                layer.weight.normal_(0.0, math.sqrt(2 / incoming(layer)), generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()


def on_device(
    net: UNet, device: torch.device, order: torch.memory_format = torch.channels_last
) -> UNet:
    """The network on a device, its weights in the memory order that convolutions like best."""
    net.to(device)
    for parameter in net.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=order)
    return net


def convolutions(net: nn.Module) -> Iterator[nn.Conv2d | nn.ConvTranspose2d]:
    """The convolutional layers, in the order of definition."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            yield module


def incoming(layer: nn.Conv2d | nn.ConvTranspose2d) -> int:
    """Connections into one output unit; torch's fan_in is wrong for the 2x2 up-convolution."""
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels  # stride 2, kernel 2: each output pixel sees one input pixel
    return layer.in_channels * math.prod(layer.kernel_size)


def _cropped(skip: Tensor, like: Tensor) -> Tensor:
    """The centre of `skip` that is as large as `like` (the paper's copy and crop)."""
    top = (skip.shape[-2] - like.shape[-2]) // 2
    left = (skip.shape[-1] - like.shape[-1]) // 2
    return skip[..., top : top + like.shape[-2], left : left + like.shape[-1]]
