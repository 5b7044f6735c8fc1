"""Cellpose 3 trained from scratch with its own defaults, in the time that there is."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile
from cellpose import models, train

folder, test, out, seconds = sys.argv[1:5]
BEGAN = time.monotonic()


def read(place: str) -> list[tuple[Path, np.ndarray]]:
    paths = [p for p in sorted(Path(place).glob("*.tif")) if not p.stem.endswith("_labels")]
    return [(p, tifffile.imread(p)) for p in paths]


pairs = read(folder)
images = [i.mean(-1) if i.ndim == 3 else i for _, i in pairs]
labels = [tifffile.imread(p.with_name(f"{p.stem}_labels.tif")).astype(np.int32) for p, _ in pairs]
model = models.CellposeModel(gpu=False, pretrained_model=False, nchan=2)
# epochs until the time is over: the first one tells how long one takes
epochs = 0
while time.monotonic() - BEGAN < float(seconds):
    began = time.monotonic()
    train.train_seg(
        model.net,
        train_data=images,
        train_labels=labels,
        channels=[0, 0],
        n_epochs=1,
        save_path=out,
        normalize=True,
        min_train_masks=1,
    )
    epochs += 1
    if time.monotonic() - BEGAN + (time.monotonic() - began) > float(seconds):
        break
diameter = float(
    np.median(2 * np.sqrt(np.concatenate([np.bincount(x.ravel())[1:] for x in labels]) / np.pi))
)
print(f"cellpose {version('cellpose')}: {epochs} epochs")
for path, image in read(test):
    grey = image.mean(-1) if image.ndim == 3 else image
    masks = model.eval(grey, channels=[0, 0], diameter=diameter)[0]
    tifffile.imwrite(Path(out) / f"{path.stem}_labels.tif", masks.astype(np.int32))
