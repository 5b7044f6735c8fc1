"""How near the network's forward pass comes to the fastest convolution of this machine."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_unet.core import geometry
from napari_unet.core.device import device_words, has_bfloat16, mixed
from napari_unet.core.inference import prepared
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.settings import NetworkSettings
from napari_unet.core.unet import UNet, on_device

from .report import Sheet, in_turn

SIDE = 572
PEAK = ((64, 256), (128, 256), (256, 128), (512, 64))  # channels, side


def peak(device: torch.device) -> float:
    """Operations a second of the best of some large 3 x 3 convolutions and a matmul."""
    kind = torch.bfloat16 if has_bfloat16(device) else torch.float32
    ways, work = {}, {}
    for channels, side in PEAK:
        conv = torch.nn.Conv2d(channels, channels, 3, padding=1).to(device, kind)
        conv = conv.to(memory_format=torch.channels_last)
        image = torch.rand(1, channels, side, side, device=device, dtype=kind)
        image = image.contiguous(memory_format=torch.channels_last)
        name = f"conv {channels}"
        ways[name] = lambda conv=conv, image=image: conv(image)
        work[name] = 18.0 * channels**2 * side**2
    square = torch.rand(2048, 2048, device=device, dtype=kind)
    ways["matmul"], work["matmul"] = (lambda: square @ square), 2.0 * 2048**3
    with torch.inference_mode():
        seconds = in_turn(ways, times=5)
    return max(work[name] / taken for name, taken in seconds.items())


def forward(width: int, device: torch.device) -> tuple[UNet, Tensor, float]:
    """A network as it predicts, an input, and its operations."""
    settings = NetworkSettings(width=width)
    net = prepared(on_device(UNet(settings), device).eval())
    image = torch.rand(1, 1, SIDE, SIDE, device=device).contiguous(
        memory_format=torch.channels_last
    )
    return net, image, geometry.operations(settings, SIDE, SIDE)


def main(sheet: Sheet) -> None:
    device = torch.device("cpu")
    keep_freed_memory()  # as for every prediction
    sheet.heading(f"forward pass of a tile of {SIDE} px, {device_words(device)}")
    best = peak(device)
    sheet.figure("fastest convolution or matmul", best / 1e9, "GFLOP/s")
    for width in (24, 32, 64):
        net, image, work = forward(width, device)
        with torch.inference_mode(), mixed(device):
            taken = in_turn({"": lambda net=net, image=image: net(image)}, times=5)[""]
        wanted = 80.0 if width in (32, 64) else None
        share = 100 * work / taken / best
        sheet.figure(f"width {width}: share of it", share, "%", at_least=wanted)
