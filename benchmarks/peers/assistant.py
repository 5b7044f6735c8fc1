"""napari-unet-assistant's own trainer and predictor, with what its panel is set to at the start."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile
from napari_unet_assistant.inference import predictor
from napari_unet_assistant.training.datasets import PatchDataset
from napari_unet_assistant.training.trainer import TrainConfig, train_model
from skimage import measure

folder, test, out, seconds = sys.argv[1:5]
PATCH = 256


def images(place: str | Path) -> list[Path]:
    return [p for p in sorted(Path(place).glob("*.tif")) if not p.stem.endswith("_labels")]


masks = Path(out) / "masks"  # it learns foreground
masks.mkdir()
paths = images(folder)
for path in paths:
    labels = tifffile.imread(path.with_name(f"{path.stem}_labels.tif"))
    tifffile.imwrite(masks / path.name, (labels > 0).astype(np.uint8))
data = PatchDataset(
    [str(p) for p in paths],
    [str(masks / p.name) for p in paths],
    mode_2d_or_3d="2d",
    task_type="binary",
    patch_xy=PATCH,
    patch_z=None,
    overlap_percent=0,
    include_empty_mask=False,
    augment=True,
)
# it counts in epochs; one tells how long an epoch takes, and is not part of the time
began = time.monotonic()
train_model(data, TrainConfig(epochs=1, device="cpu"))
epochs = max(int(float(seconds) / (time.monotonic() - began)), 1)
model, _ = train_model(data, TrainConfig(epochs=epochs, device="cpu"))
model.eval()
print(f"napari-unet-assistant {version('napari-unet-assistant')}: {epochs} epochs")
for path in images(test):
    found = predictor._predict_tiled_2d(
        model, tifffile.imread(path), "binary", "cpu", PATCH, overlap_percent=0
    )
    cells = measure.label(found, connectivity=1)
    tifffile.imwrite(Path(out) / f"{path.stem}_labels.tif", cells.astype(np.int32))
