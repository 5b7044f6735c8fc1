"""Prediction of a whole slice: against the floor of its operations, and against MONAI."""

from __future__ import annotations

import importlib
import resource
import sys
import time
from typing import Any

import numpy as np
import torch

from napari_unet.core import geometry
from napari_unet.core.device import device_words, mixed
from napari_unet.core.inference import prepared
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.predict import ArraySource, predict
from napari_unet.core.settings import NetworkSettings
from napari_unet.core.tiling import as_predicted, plan_tiles
from napari_unet.core.unet import UNet, on_device

from .network import peak
from .report import Sheet, version

SIDE, BESIDE = 4096, 2048  # alone, and beside the peer, which takes three minutes for the former
NETWORK = NetworkSettings(width=32, padding="same", norm="batch", dropout=0.0)


def main(sheet: Sheet) -> None:
    device = torch.device("cpu")
    sheet.heading(f"prediction, width 32, padded, batch norm, {device_words(device)}")
    keep_freed_memory()
    net = on_device(UNet(NETWORK, torch.Generator().manual_seed(0)), device).eval()
    alone(sheet, net, peak(device))
    beside_monai(sheet, net, device)


def alone(sheet: Sheet, net: UNet, best: float) -> None:
    source = image_of(SIDE)
    predict(prepared(net), image_of(200), plan_tiles((200, 200), NETWORK))
    plan = plan_tiles((SIDE, SIDE), NETWORK)
    before, began = peak_memory(), time.perf_counter()
    out = predict(net, source, plan)
    taken = time.perf_counter() - began
    floor = geometry.operations(NETWORK, SIDE, SIDE)
    done = sum(geometry.operations(as_predicted(NETWORK), *t.size) for t in plan.tiles)
    more = peak_memory() - before - out.nbytes / 2**20
    sheet.figure(f"{SIDE} x {SIDE}, {len(plan.tiles)} tiles", taken, "s")
    sheet.figure("share of the floor", 100 * floor / best / taken, "%", at_least=66)
    sheet.figure("redundancy with all waste", done / floor, at_most=1.2)
    sheet.figure("memory above the arrays", more, "MiB", at_most=700)


def beside_monai(sheet: Sheet, net: UNet, device: torch.device) -> None:
    monai = version("monai")
    if not monai:
        sheet.failed("MONAI sliding_window_inference", "not installed (pip install monai)")
        return
    infer: Any = importlib.import_module("monai.inferers").sliding_window_inference
    source = image_of(BESIDE)
    image = torch.from_numpy(source.array)[None]
    plan = plan_tiles((BESIDE, BESIDE), NETWORK)
    ours, theirs = [], []
    for _ in range(2):
        began = time.perf_counter()
        predict(net, source, plan)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with torch.inference_mode(), mixed(device):
            logits = infer(image, (512, 512), 1, net, overlap=0.5, mode="gaussian")
        torch.softmax(logits, 1)
        theirs.append(time.perf_counter() - began)
    name = f"MONAI {monai} sliding_window_inference, roi 512, overlap 0.5"
    sheet.figure(f"{BESIDE} x {BESIDE}: ours", min(ours), "s")
    sheet.figure(name, min(theirs), "s")
    sheet.figure("MONAI / ours", min(theirs) / min(ours), at_least=2.5)


def image_of(side: int) -> ArraySource:
    return ArraySource(np.random.default_rng(0).random((1, side, side), dtype=np.float32))


def peak_memory() -> float:
    """MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)
