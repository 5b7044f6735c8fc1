"""The images of the base model: CC0 nuclei and our own renderings, all at one cell diameter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from napari_unet.core.annotation import Pair
from napari_unet.core.samples import Sample, collect, prepare
from napari_unet.core.settings import Settings
from sample_data.render import Image, Labels, Rng

from . import looks, shapes

SIDE = 288  # px of a rendered image; cells are about 26 px across
CROP = 288  # model pixels: no image is more than its share of the tiles

# look, shape, share of the rendered images
KINDS: tuple[tuple[str, looks.Look, str, float], ...] = (
    ("nuclei", looks.stained_nuclei, "nuclei", 1.0),
    ("crowded nuclei", looks.stained_nuclei, "round", 0.6),
    ("cell bodies", looks.stained_cytoplasm, "spread", 1.0),
    ("bacteria, fluorescence", looks.stained_cytoplasm, "rods", 0.5),
    ("membranes", looks.stained_membranes, "tissue", 1.0),
    ("tissue bodies", looks.stained_cytoplasm, "tissue", 0.5),
    ("phase contrast", looks.phase_contrast, "spread", 1.2),
    ("bacteria, phase contrast", looks.phase_contrast, "rods", 0.8),
    ("round cells, phase contrast", looks.phase_contrast, "round", 0.6),
    ("phase contrast, islands", looks.phase_contrast, "islands", 0.6),
    ("DIC", looks.interference_contrast, "spread", 0.7),
    ("DIC, crowded", looks.interference_contrast, "tissue", 0.5),
    ("thin cells", looks.thin_cells, "spread", 1.2),
    ("thin cells, islands", looks.thin_cells, "islands", 1.2),
    ("bright field", looks.bright_field, "round", 1.0),
    ("bright field, colonies", looks.bright_field, "colony", 0.8),
    ("phase contrast, colonies", looks.phase_contrast, "colony", 0.5),
    ("bright field, rods", looks.bright_field, "rods", 0.4),
    ("quantitative phase", looks.quantitative_phase, "spread", 0.6),
    ("histology", looks.stained_tissue, "nuclei", 0.6),
    ("electron micrograph", looks.electron_micrograph, "neurites", 2.0),
)
HABITS = {
    "nuclei": shapes.NUCLEI,
    "round": shapes.ROUND,
    "colony": shapes.COLONY,
    "rods": shapes.RODS,
    "spread": shapes.SPREAD,
}


def rendered(seed: int) -> tuple[str, Image, Labels]:
    """One image of a kind drawn by its share: name, ``(Y, X)`` grey values, labels."""
    rng = np.random.default_rng([seed, 5])
    shares = np.array([share for *_, share in KINDS])
    name, look, shape, _ = KINDS[rng.choice(len(KINDS), p=shares / shares.sum())]
    diameter = float(np.exp(rng.uniform(np.log(16), np.log(44))))
    side = int(np.clip(SIDE * diameter / 26, 160, 420))
    labels = _labels(rng, shape, (side, side), diameter)
    grey = look(rng, labels)
    if rng.random() < 0.15:
        grey = -grey
    return name, looks.camera(rng, grey), labels


def _labels(rng: Rng, shape: str, size: tuple[int, int], diameter: float) -> Labels:
    if shape == "tissue":
        gap, mixed = rng.uniform(1, 4), rng.uniform(0, 0.4)
        return shapes.tissue(rng, size, diameter, gap, mixed, rng.uniform(0, 3))[0]
    if shape == "neurites":
        gap, mixed = rng.uniform(1.5, 4.5), rng.uniform(0.4, 1)
        merged = rng.choice([0.0, 1.0]) * rng.uniform(0.2, 0.7)
        return shapes.tissue(rng, size, diameter, gap, mixed, rng.uniform(2, 7), merged)[0]
    if shape == "islands":
        return shapes.islands(rng, size, diameter)
    return shapes.scattered(rng, size, diameter, HABITS[shape])


def collection(folder: Path) -> Iterator[tuple[str, Image, Labels]]:
    """The CC0 nuclei: name, grey values (of colour images their mean), labels."""
    for kind in ("fluo", "gray_bright", "colour"):
        for path in sorted((folder / "dsb2018" / kind).glob("*_labels.tif")):
            image = tifffile.imread(path.with_name(path.name.replace("_labels", "")))
            grey = image.mean(axis=-1) if image.ndim == 3 else image
            yield f"cc0 {kind}", np.asarray(grey, float), tifffile.imread(path).astype(np.int32)


def sample_of(
    name: str, image: Image, labels: Labels, settings: Settings, rng: Rng
) -> tuple[Sample, dict[int, float]] | None:
    """In model pixels, at the model's diameter; None where that cannot be told."""
    pair = Pair(name, image.astype(np.float32), labels)
    annotation = collect([pair], settings, "instances", 0.0)
    if annotation.diameter is None:
        return None
    samples, by_class = prepare(annotation, settings, "instances")
    return _cropped(samples[0], rng), by_class


def _cropped(sample: Sample, rng: Rng) -> Sample:
    height, width = sample.target.shape
    y, x = (int(rng.integers(0, max(n - CROP, 0) + 1)) for n in (height, width))
    part = slice(y, y + CROP), slice(x, x + CROP)
    return Sample(
        np.ascontiguousarray(sample.image[:, *part]),
        sample.cells[part],
        sample.target[part],
        sample.known[part],
        sample.weights[part],
    )
