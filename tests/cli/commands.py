"""What the tests of the command line share: answers, a look at a folder, painted cells."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below the folder with a digest of its content."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        if p.is_file()
        else ""
        for p in folder.rglob("*")
    }


def cells(shape: tuple[int, int] = (96, 112), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs on a dim noisy ground, and their labels; deterministic."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for number, (row, column) in enumerate(
        ((r, c) for r in range(12, shape[0], 24) for c in range(12, shape[1], 24)), start=1
    ):
        jitter = rng.integers(-2, 3, 2)
        inside = (y - row - jitter[0]) ** 2 + (x - column - jitter[1]) ** 2 < rng.integers(60, 110)
        labels[inside] = number
    image = 40 + 120 * (labels > 0) + rng.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.uint8), labels


def put_pair(folder: Path, name: str, image: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    colour = image.ndim == 3 and image.shape[-1] == 3
    tifffile.imwrite(folder / f"{name}.tif", image, photometric="rgb" if colour else "minisblack")
    tifffile.imwrite(folder / f"{name}_labels.tif", labels, photometric="minisblack")
