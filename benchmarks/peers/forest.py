"""A random forest on multi-scale features, then a watershed, as pixel classifiers do it.

Three classes: background, inside, and the border between cells; settings by cross-validation on
the training images: which threshold and how smooth a seed map give the most cells.
"""

from __future__ import annotations

import itertools
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from skimage import feature, measure, segmentation
from sklearn.ensemble import RandomForestClassifier

train, test, out, seconds = sys.argv[1:5]
BEGAN = time.monotonic()
PIXELS = 40_000  # of an image, to learn from


def read(folder: str) -> list[tuple[Path, np.ndarray]]:
    paths = [p for p in sorted(Path(folder).glob("*.tif")) if not p.stem.endswith("_labels")]
    return [(p, tifffile.imread(p)) for p in paths]


def features(image: np.ndarray) -> np.ndarray:
    grey = image.astype(np.float32)
    low, high = np.percentile(grey, [1, 99])
    grey = (grey - low) / max(high - low, 1e-6)
    return feature.multiscale_basic_features(
        grey, sigma_max=16, channel_axis=-1 if grey.ndim == 3 else None
    )


def target(labels: np.ndarray) -> np.ndarray:
    border = segmentation.find_boundaries(labels, mode="inner")
    return np.where(labels == 0, 0, np.where(border, 2, 1))


def cells(inside: np.ndarray, ground: np.ndarray, sigma: float, level: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter(inside, sigma)
    seeds = measure.label(smooth > level)
    found = segmentation.watershed(-smooth, seeds, mask=ground < 0.5)
    sizes = np.bincount(found.ravel())
    found[np.isin(found, np.flatnonzero(sizes < 20))] = 0
    return found


def found_share(truth: np.ndarray, found: np.ndarray) -> float:
    both = np.bincount((truth.astype(np.int64) * (found.max() + 1) + found).ravel())
    both = np.pad(both, (0, (truth.max() + 1) * (found.max() + 1) - both.size))
    both = both.reshape(truth.max() + 1, found.max() + 1)
    union = both.sum(1)[1:, None] + both.sum(0)[None, 1:] - both[1:, 1:]
    hits = int((both[1:, 1:] / np.maximum(union, 1) > 0.5).sum())
    return hits / max(int(truth.max()) + int(found.max()) - hits, 1)


def forest(chosen: list[int]) -> RandomForestClassifier:
    rng = np.random.default_rng(0)
    x, y = [], []
    for i in chosen:
        wanted = targets[i].ravel()
        at = rng.choice(wanted.size, min(PIXELS, wanted.size), replace=False)
        x.append(inputs[i].reshape(wanted.size, -1)[at])
        y.append(wanted[at])
    made = RandomForestClassifier(100, min_samples_leaf=4, max_features="sqrt", n_jobs=2)
    return made.fit(np.concatenate(x), np.concatenate(y))


def planes(model: RandomForestClassifier, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chances = model.predict_proba(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:2], -1)
    of = {c: chances[..., i] for i, c in enumerate(model.classes_)}
    return of.get(1, np.zeros(x.shape[:2])), of.get(0, np.zeros(x.shape[:2]))


pairs = read(train)
truths = [
    measure.label(tifffile.imread(p.with_name(f"{p.stem}_labels.tif")), connectivity=2)
    for p, _ in pairs
]
inputs, targets = [features(image) for _, image in pairs], [target(t) for t in truths]
everything = list(range(len(pairs)))
left_out = everything[:2] if len(pairs) > 1 else [0]
tried = dict.fromkeys(itertools.product((0.5, 1, 2, 3), (0.3, 0.45, 0.6)), 0.0)
for i in left_out:
    model = forest([j for j in everything if j != i] or [0])
    inside, ground = planes(model, inputs[i])
    for c in tried:
        tried[c] += found_share(truths[i], cells(inside, ground, *c))
best = max(tried, key=lambda c: tried[c])
model = forest(everything)
print(f"scikit-learn {version('scikit-learn')}: settings {best}, {time.monotonic() - BEGAN:.0f} s")
for path, image in read(test):
    found = cells(*planes(model, features(image)), *best)
    tifffile.imwrite(Path(out) / f"{path.stem}_labels.tif", found.astype(np.int32))
