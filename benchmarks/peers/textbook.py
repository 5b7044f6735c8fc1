"""A textbook U-Net: fp32, one scale, flips, unweighted cross-entropy, connected components."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
import torch.nn.functional as F
from skimage import measure

from napari_unet.core.settings import NetworkSettings
from napari_unet.core.unet import UNet

train, test, out, seconds = sys.argv[1:5]
BEGAN, TILE, BATCH = time.monotonic(), 256, 4


def read(folder: str) -> list[tuple[Path, np.ndarray]]:
    paths = [p for p in sorted(Path(folder).glob("*.tif")) if not p.stem.endswith("_labels")]
    return [(p, prepared(tifffile.imread(p))) for p in paths]


def prepared(image: np.ndarray) -> np.ndarray:
    grey = image.astype(np.float32)
    planes = grey.transpose(2, 0, 1) if grey.ndim == 3 else grey[None]
    return (planes - planes.min()) / max(float(np.ptp(planes)), 1e-6)


rng = np.random.default_rng(0)
torch.manual_seed(0)
pairs = [
    (image, tifffile.imread(path.with_name(f"{path.stem}_labels.tif")) > 0)
    for path, image in read(train)
]
net = UNet(
    NetworkSettings(
        in_channels=len(pairs[0][0]), width=32, padding="same", norm="batch", dropout=0.0
    )
)
optimiser = torch.optim.Adam(net.parameters(), 1e-3)
steps = 0
while time.monotonic() - BEGAN < float(seconds):
    images, wanted = [], []
    for _ in range(BATCH):
        image, mask = pairs[rng.integers(len(pairs))]
        y, x = (int(rng.integers(0, max(n - TILE, 0) + 1)) for n in mask.shape)
        part = slice(y, y + TILE), slice(x, x + TILE)
        tile, goal = image[:, *part], mask[part]
        pad = [(0, TILE - n) for n in goal.shape]
        tile, goal = np.pad(tile, [(0, 0), *pad], mode="symmetric"), np.pad(goal, pad, "symmetric")
        for axis in (0, 1):
            if rng.random() < 0.5:
                tile, goal = np.flip(tile, axis + 1), np.flip(goal, axis)
        images.append(tile.copy())
        wanted.append(goal.copy())
    batch = torch.from_numpy(np.stack(images))
    loss = F.cross_entropy(net(batch), torch.from_numpy(np.stack(wanted)).long())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    steps += 1
print(f"torch {torch.__version__}: {steps} steps")
net.eval()
for path, image in read(test):
    height, width = image.shape[1:]
    pad = (0, -width % 16, 0, -height % 16)
    with torch.inference_mode():
        logits = net(F.pad(torch.from_numpy(image)[None], pad, mode="replicate"))
    found = measure.label((logits.argmax(1)[0, :height, :width] == 1).numpy(), connectivity=1)
    tifffile.imwrite(Path(out) / f"{path.stem}_labels.tif", found.astype(np.int32))
