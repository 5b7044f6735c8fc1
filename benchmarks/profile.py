"""Where the time goes: one fine-tune and one prediction, by kind of work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity

from napari_unet.core.device import device_words
from napari_unet.core.fit import Budget, fit
from napari_unet.core.inference import prepared
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.predict import predict
from napari_unet.core.presets import preset
from napari_unet.core.tiling import plan_tiles
from napari_unet.core.unet import UNet, on_device

from .predict import image_of
from .report import Sheet
from .train import made

STEPS, SIDE = 30, 1024
KINDS = (  # the first whose part of a name occurs
    ("convolutions", ("convolution", "mkldnn", "conv")),
    ("batch norm", ("batch_norm",)),
    ("pooling", ("pool",)),
    ("activation", ("relu", "threshold")),
    ("augmentation: reading at points", ("grid_sampler",)),
    ("optimiser", ("adam", "sgd", "foreach")),
    ("loss and softmax", ("softmax", "nll")),
    ("copies and memory", ("copy", "cat", "fill", "zero", "empty", "contiguous", "clone")),
)


def main(sheet: Sheet) -> None:
    device = torch.device("cpu")
    sheet.heading(f"share of the time by kind of work, {device_words(device)}")
    keep_freed_memory()
    trainer, batches = made(device)
    running = fit(trainer, batches, Budget(steps=10**9))
    next(running)

    def train() -> None:
        for _ in range(STEPS):
            next(running)

    tell(sheet, f"fine-tune, {STEPS} steps of the default preset", train)
    network = preset("default").network
    net = prepared(on_device(UNet(network), device).eval())
    source, plan = image_of(SIDE), plan_tiles((SIDE, SIDE), network)
    predict(net, source, plan)
    tell(sheet, f"prediction, {SIDE} x {SIDE}, default preset", lambda: predict(net, source, plan))


def tell(sheet: Sheet, what: str, work: Callable[[], object]) -> None:
    """A row for each kind of work, and the sentence that says where the time goes."""
    with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as profile:
        work()
    shares: dict[str, float] = defaultdict(float)
    for event in profile.key_averages():
        shares[kind_of(event.key)] += event.self_cpu_time_total
    total = sum(shares.values())
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    for kind, time in ranked:
        if time / total >= 0.005:
            sheet.figure(f"{what.split(',')[0]}: {kind}", 100 * time / total, "%")
    (first, most), (second, more) = ranked[:2]
    sheet.say(
        f"{what}: {100 * most / total:.0f} % of the time goes into {first}, "
        f"{100 * more / total:.0f} % into {second}."
    )


def kind_of(name: str) -> str:
    return next((kind for kind, parts in KINDS if any(p in name for p in parts)), "all else")
