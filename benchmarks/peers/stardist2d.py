"""StarDist trained from scratch with its own defaults, in the time that there is."""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf
import tifffile
from csbdeep.utils import normalize
from stardist.models import Config2D, StarDist2D

folder, test, out, seconds = sys.argv[1:5]
BEGAN = time.monotonic()


def read(place: str) -> list[tuple[Path, np.ndarray]]:
    paths = [p for p in sorted(Path(place).glob("*.tif")) if not p.stem.endswith("_labels")]
    return [(p, grey(tifffile.imread(p))) for p in paths]


def grey(image: np.ndarray) -> np.ndarray:
    return normalize(image.mean(-1) if image.ndim == 3 else image, 1, 99.8)


class Enough(tf.keras.callbacks.Callback):
    """Ends the training when the time is over."""

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if time.monotonic() - BEGAN > float(seconds):
            self.model.stop_training = True


pairs = read(folder)
images = [i for _, i in pairs]
labels = [tifffile.imread(p.with_name(f"{p.stem}_labels.tif")).astype(np.int32) for p, _ in pairs]
model = StarDist2D(Config2D(n_channel_in=1), name="peer", basedir=out)
model.prepare_for_training()
model.callbacks.append(Enough())
held = (images[-1:], labels[-1:])
model.train(images[:-1] or images, labels[:-1] or labels, validation_data=held)
model.optimize_thresholds(*held)
print(f"stardist {version('stardist')}, {time.monotonic() - BEGAN:.0f} s")
for path, image in read(test):
    masks = model.predict_instances(image)[0]
    tifffile.imwrite(Path(out) / f"{path.stem}_labels.tif", masks.astype(np.int32))
