"""A training step as the tool takes it, against the bare network and against a tutorial's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tifffile
import torch
from scipy import ndimage

from napari_unet.core.annotation import Pair
from napari_unet.core.batches import Batch, Batches
from napari_unet.core.carving import carve
from napari_unet.core.device import device_words, has_bfloat16
from napari_unet.core.fit import Budget, Trainer, fit, weighted_loss
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.presets import preset, settings_for
from napari_unet.core.samples import collect, prepare
from napari_unet.core.settings import TrainOptions
from napari_unet.core.unet import UNet
from napari_unet.core.weights import weight_map
from napari_unet.sample_images import sample_pairs

from .report import Sheet, in_turn

STEPS = 8  # of each way in each turn


def annotated() -> list[Pair]:
    """Our own fluorescence images, fully annotated."""
    return [
        Pair(image.stem, tifffile.imread(image), tifffile.imread(labels).astype(np.int32))
        for image, labels in sample_pairs("fluorescence")
    ]


def made(device: torch.device) -> tuple[Trainer, Batches]:
    """What a training with default settings builds."""
    options = TrainOptions()
    settings = settings_for(options, channels=1, classes=2)
    annotation = collect(annotated(), settings, options.labels_are, options.held_out)
    samples, by_class = prepare(annotation, settings, options.labels_are)
    net = UNet(settings.network, torch.Generator().manual_seed(0))
    trainer = Trainer(net.to(device), settings.fit)
    return trainer, Batches(samples, by_class, settings, options.labels_are, 0, device)


def bare_step(net: UNet, optimiser: torch.optim.Optimizer, batch: Batch) -> None:
    """Forward, backward, step: what nobody can do without."""
    optimiser.zero_grad(set_to_none=True)
    weighted_loss(net(batch.image), batch.target, batch.weights).backward()
    optimiser.step()


class Textbook(torch.utils.data.Dataset[tuple[torch.Tensor, ...]]):
    """What a tutorial does: crop, elastic by scipy, weights from a map made once."""

    def __init__(self, pairs: list[Pair], tile: int) -> None:
        self.tile, self.planes = tile, []
        for pair in pairs:
            image = np.asarray(pair.image, np.float32) / 255
            weights = weight_map(pair.labels)
            self.planes.append((image, (carve(pair.labels) > 0).astype(np.float32), weights))

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        rng = np.random.default_rng(index)
        planes = self.planes[index % len(self.planes)]
        tile, shape = self.tile, planes[0].shape
        y, x = (int(rng.integers(0, n - tile)) for n in shape)
        nodes = rng.normal(0, 10, (2, 3, 3))
        field = np.stack([ndimage.zoom(n, tile / 3, order=3, mode="nearest") for n in nodes])
        where = np.stack(np.mgrid[:tile, :tile]) + field
        return tuple(
            torch.from_numpy(
                ndimage.map_coordinates(
                    plane[y : y + tile, x : x + tile], where, order=order, mode="mirror"
                )
            )
            for plane, order in zip(planes, (1, 0, 1), strict=True)
        )


def textbook(net: UNet, tile: int, batch: int) -> Iterator[None]:
    """Step after step the textbook way: fp32, planes, a DataLoader, torch's own optimiser."""
    loader = torch.utils.data.DataLoader(
        Textbook(annotated(), tile), batch_size=batch, num_workers=1
    )
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
    for image, target, weights in loader:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            net(image[:, None]), target.long(), reduction="none"
        )
        ((loss * weights).sum() / weights.sum()).backward()
        optimiser.step()
        yield


def main(sheet: Sheet) -> None:
    device = torch.device("cpu")
    keep_freed_memory()
    chosen = preset("default").fit
    sheet.heading(
        f"a training step, default network, {chosen.batch} tiles of {chosen.tile} px, "
        + device_words(device)
    )
    trainer, batches = made(device)
    running = fit(trainer, batches, Budget(steps=10**9))
    net = UNet(trainer.net.settings).to(device).train()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    fixed, steps = batches.batch(1), itertools.count(2)
    tutorial = textbook(UNet(trainer.net.settings).train(), chosen.tile, chosen.batch)
    ways = {
        "as it is, with everything": lambda: next(running),
        "bare forward, backward, step": lambda: bare_step(net, optimiser, fixed),
        "the textbook way": lambda: next(tutorial),
        "batches only": lambda: batches.batch(next(steps)),
    }
    seconds = in_turn({name: lambda way=way: times(way) for name, way in ways.items()}, times=7)
    for name, taken in seconds.items():
        sheet.figure(name, 1000 * taken / STEPS, "ms", note=f"median of 7 times {STEPS} steps")
    ours, bare, theirs, _ = seconds.values()
    sheet.figure("ours / bare", ours / bare, at_most=1.10)
    sheet.figure("textbook / ours", theirs / ours, at_least=2.2, note=kernels(device))


def times(way: Callable[[], object]) -> None:
    for _ in range(STEPS):
        way()


def kernels(device: torch.device) -> str:
    return "" if has_bfloat16(device) else "no bfloat16 here: both use the same fp32 kernels"
