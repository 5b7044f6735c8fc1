"""Discs that touch or nearly touch: what the border weight is for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

RADIUS = 9


def touching_discs(
    seed: int, side: int = 160, pairs: int = 14
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Pairs of discs with gaps of 0, 1 and 2 px, blurred and noisy.

    Returns the image (Y, X) float32 and the labels (Y, X) int32.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    placed = 0
    for _ in range(1000):
        if placed == pairs:
            break
        angle, gap = rng.uniform(0, np.pi), placed % 3
        step = (2 * RADIUS + 1 + gap) * np.array([np.sin(angle), np.cos(angle)])
        first = rng.uniform(2, side - 2, 2)
        discs = [np.hypot(y - c[0], x - c[1]) <= RADIUS for c in (first, first + step)]
        room = ndimage.binary_dilation(discs[0] | discs[1], iterations=4)
        if (labels[room] > 0).any() or not all(d.any() for d in discs):
            continue
        for disc in discs:
            labels[disc & (labels == 0)] = labels.max() + 1
        placed += 1
    light = ndimage.gaussian_filter((labels > 0).astype(np.float32), 1.2)
    # the gap is seen as a faint dark line, as between real cells
    edge = ndimage.gaussian_filter(
        (ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)).astype(np.float32),
        1,
    )
    image = light - 0.35 * edge + rng.normal(0, 0.08, labels.shape)
    return image.astype(np.float32), labels
