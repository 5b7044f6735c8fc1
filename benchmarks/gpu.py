"""The paper's network on a GPU: speed of network, augmentation, training and prediction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from napari_unet.core import geometry
from napari_unet.core.annotation import Pair
from napari_unet.core.batches import Batches
from napari_unet.core.device import device_words, has_bfloat16, mixed
from napari_unet.core.fit import Budget, Trainer, fit
from napari_unet.core.inference import prepared
from napari_unet.core.predict import ArraySource, predict_tiles
from napari_unet.core.presets import preset
from napari_unet.core.samples import collect, prepare
from napari_unet.core.settings import NetworkSettings, Settings
from napari_unet.core.tiling import plan_tiles
from napari_unet.core.unet import UNet, on_device

from .cells import discs
from .report import Sheet

SIDE, STEPS, LARGE = 572, 1000, 16384


def main(sheet: Sheet) -> None:
    if not torch.cuda.is_available():
        sheet.heading("GPU")
        sheet.say("No GPU here: nothing was measured.")
        return
    run(sheet, torch.device("cuda"))


def run(
    sheet: Sheet,
    device: torch.device,
    network: NetworkSettings | None = None,
    side: int = LARGE,
    steps: int = STEPS,
) -> None:
    """All of it on any device; a small network and few steps try it out on a CPU."""
    network = network or NetworkSettings()
    sheet.heading(f"width {network.width}, tiles of {SIDE} px, {device_words(device)}")
    best = matmul(device)
    sheet.figure("fastest matmul", best / 1e12, "TFLOP/s")
    for batch in (1, 4, 16):
        wanted = 40.0 if batch == 16 and device.type == "cuda" else None
        for name, share in forward_and_training(network, batch, device).items():
            sheet.figure(f"{name}, batch {batch}", share / 1e12, "TFLOP/s")
            sheet.figure("share of matmul", 100 * share / best, "%", at_least=wanted)
    settings = replace(preset("paper"), network=network)
    settings = replace(settings, fit=replace(settings.fit, batch=1, tile=SIDE))
    trainer, batches = made(settings, device)
    augment = seconds(lambda: batches.batch(3), device)
    running = fit(trainer, batches, Budget(steps=10**9))
    step = seconds(lambda: next(running), device)
    sheet.figure("augmentation of a batch, share of a step", 100 * augment / step, "%", at_most=5)
    began = time.perf_counter()
    trainer, batches = made(settings, device)
    for _ in fit(trainer, batches, Budget(steps=steps)):
        pass
    taken = time.perf_counter() - began
    wanted = 15.0 if device.type == "cuda" and steps == STEPS else None
    sheet.figure(f"fine-tune of {steps} steps", taken, "s", at_most=wanted)
    whole_slice(sheet, network, side, device)


def matmul(device: torch.device) -> float:
    kind = torch.bfloat16 if has_bfloat16(device) else torch.float32
    n = 8192 if device.type == "cuda" else 1024
    a = torch.rand(n, n, device=device, dtype=kind)
    return 2.0 * n**3 / seconds(lambda: a @ a, device)


def forward_and_training(
    network: NetworkSettings, batch: int, device: torch.device
) -> dict[str, float]:
    """Operations a second of both; a training step is three forward passes' work."""
    net = on_device(UNet(network), device)
    image = torch.rand(batch, 1, SIDE, SIDE, device=device)
    image = image.contiguous(memory_format=torch.channels_last)
    work = batch * geometry.operations(network, SIDE, SIDE)
    fast = prepared(net.eval())

    def forward() -> None:
        with torch.inference_mode(), mixed(device):
            fast(image)

    net.train()
    optimiser = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.99)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with mixed(device):
            loss = net(image).float().square().mean()
        loss.backward()
        optimiser.step()

    return {
        "forward": work / seconds(forward, device),
        "training": 3 * work / seconds(step, device),
    }


def made(settings: Settings, device: torch.device) -> tuple[Trainer, Batches]:
    labels = discs(1024)
    image = np.where(labels > 0, 180, 40) + np.random.default_rng(0).normal(0, 8, labels.shape)
    pairs = [Pair("discs", image.clip(0, 255).astype(np.uint8), labels)]
    annotation = collect(pairs, settings, "instances", 0.0)
    samples, by_class = prepare(annotation, settings, "instances")
    net = UNet(settings.network, torch.Generator().manual_seed(0)).to(device)
    batches = Batches(samples, by_class, settings, "instances", 0, device)
    return Trainer(net, settings.fit), batches


def whole_slice(sheet: Sheet, network: NetworkSettings, side: int, device: torch.device) -> None:
    net = prepared(on_device(UNet(network), device).eval())
    source = ArraySource(np.random.default_rng(0).random((1, side, side), dtype=np.float32))
    plan = plan_tiles((side, side), network, device=device.type)
    out = np.zeros((side, side), np.float32)
    began = time.perf_counter()
    for tile, probability in predict_tiles(net, source, plan):
        y0, y1, x0, x1 = tile.window
        out[y0:y1, x0:x1] = probability[1]
    taken = time.perf_counter() - began
    sheet.figure(f"prediction of {side} x {side}, {len(plan.tiles)} tiles", taken, "s")
    sheet.figure("that is", side**2 / taken / 1e6, "Mpx/s")


def seconds(work: Callable[[], object], device: torch.device, times: int = 10) -> float:
    """Mean time of a call, after three that do not count, with the device's queue drained."""
    for _ in range(3):
        work()
    drain(device)
    began = time.perf_counter()
    for _ in range(times):
        work()
    drain(device)
    return (time.perf_counter() - began) / times


def drain(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
