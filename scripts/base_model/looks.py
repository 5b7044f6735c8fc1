"""What a microscope makes of cells: each look turns labels into grey values of about 0..1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from sample_data.render import (
    Image,
    Labels,
    Rng,
    along,
    blur,
    clouds,
    dust,
    edge_distance,
    nucleoli,
    out_of_focus,
    per_cell,
)

Look = Callable[[Rng, Labels], Image]


def stained_nuclei(rng: Rng, labels: Labels) -> Image:
    """Fluorescence: bright domes with texture, some much brighter, haze round them."""
    distance, n = edge_distance(labels), int(labels.max())
    dome = (1 - np.exp(-distance / rng.uniform(1, 4))) * (labels > 0)
    texture = rng.uniform(0, 0.3) * clouds(rng, labels.shape, rng.uniform(1, 3))
    texture = texture - rng.uniform(0, 1) * nucleoli(rng, labels, distance)
    bright = np.exp(rng.normal(0, rng.uniform(0.1, 0.7), n))
    dna = dome * np.clip(1 + texture, 0.15, None) * per_cell(labels, bright)
    haze = rng.uniform(0, 0.4)
    seen = blur(dna, rng.uniform(0.5, 2)) + haze * blur(dna, rng.uniform(6, 20))
    seen += haze * out_of_focus(rng, labels.shape, 26.0, int(rng.integers(1, 8)))
    if rng.random() < 0.25:
        seen += rng.uniform(0.08, 0.4) * _vacuoles(rng, labels)
    return seen + rng.uniform(0, 0.3)


def stained_cytoplasm(rng: Rng, labels: Labels) -> Image:
    """Fluorescence: granular cell bodies, thin at the rim, the nucleus left out or bright."""
    distance, n = edge_distance(labels), int(labels.max())
    thick = 1 - np.exp(-distance / rng.uniform(2, 7))
    grain = np.exp(rng.uniform(0.1, 0.7) * clouds(rng, labels.shape, rng.uniform(0.7, 2.5)))
    core = distance > rng.uniform(0.45, 0.7) * per_cell(labels, _deepest(distance, labels))
    nucleus = 1 + rng.choice([-0.7, -0.4, 0.0, 0.8]) * blur(core.astype(float), 1.2)
    bright = np.exp(rng.normal(0, rng.uniform(0.1, 0.5), n))
    body = thick * grain * nucleus * per_cell(labels, bright)
    return blur(body, rng.uniform(0.6, 1.8)) + rng.uniform(0, 0.2) * blur(body, 12.0)


def stained_membranes(rng: Rng, labels: Labels) -> Image:
    """Fluorescence: bright lines between cells and round them, uneven along their length."""
    rim = _rim(labels, rng.uniform(0.8, 2))
    uneven = np.exp(rng.uniform(0.1, 0.6) * clouds(rng, labels.shape, rng.uniform(2, 10)))
    inside = rng.uniform(0, 0.25) * (labels > 0) * (1 + 0.3 * clouds(rng, labels.shape, 2.0))
    return blur(rim * uneven + inside, rng.uniform(0.5, 1.6))


def phase_contrast(rng: Rng, labels: Labels) -> Image:
    """Dark bodies with inner structure, a bright halo around."""
    distance, n = edge_distance(labels), int(labels.max())
    thick = (1 - np.exp(-distance / rng.uniform(1.5, 5))) * per_cell(
        labels, np.exp(rng.normal(0, 0.25, n))
    )
    thick += (labels > 0) * rng.uniform(0.05, 0.4) * clouds(rng, labels.shape, rng.uniform(1, 3))
    thick -= rng.uniform(0, 0.6) * nucleoli(rng, labels, distance)
    fine, wide = rng.uniform(1.5, 5), rng.uniform(8, 20)
    seen = -rng.uniform(0.3, 1) * (thick - blur(thick, fine))
    seen -= rng.uniform(0.1, 0.8) * (thick - blur(thick, wide))
    rounds = rng.random(n) < rng.choice([0.0, 0.2, 1.0])
    seen += 1.2 * blur(thick**2 * per_cell(labels, rounds.astype(float)), 1.2)
    return blur(seen, rng.uniform(0.4, 1.2)) + 0.03 * clouds(rng, labels.shape, 3.0)


def interference_contrast(rng: Rng, labels: Labels) -> Image:
    """DIC: relief, lit from one side; as rough within the cells as at their rims."""
    distance, n = edge_distance(labels), int(labels.max())
    height = (1 - np.exp(-distance / rng.uniform(2, 8))) * per_cell(
        labels, np.exp(rng.normal(0, 0.3, n))
    )
    height = height * rng.uniform(1, 4)
    rough = clouds(rng, labels.shape, rng.uniform(0.8, 1.5))
    rough = rough + 2 * clouds(rng, labels.shape, rng.uniform(2, 4))
    height += (labels > 0) * rng.uniform(0.1, 0.6) * rough
    core = blur((distance > 0.5 * per_cell(labels, _deepest(distance, labels))).astype(float), 1.0)
    height += rng.uniform(-0.8, 0.8) * core
    angle = rng.uniform(0, 2 * np.pi)
    height = blur(height, rng.uniform(0.6, 1.3))
    dy, dx = np.gradient(height)
    return np.asarray(np.sin(angle) * dy + np.cos(angle) * dx)


def thin_cells(rng: Rng, labels: Labels) -> Image:
    """Flat cells on glass (DIC, a little out of focus): fine lines round them, grain within."""
    distance, n = edge_distance(labels), int(labels.max())
    uneven = np.exp(rng.uniform(0.2, 0.8) * clouds(rng, labels.shape, rng.uniform(2, 5)))
    narrow = rng.uniform(0.5, 1.0)
    line = _rim(labels, narrow) - rng.uniform(0, 1) * _rim(labels, narrow * rng.uniform(2, 4))
    seen = rng.choice([-1.0, 1.0], p=[0.3, 0.7]) * rng.uniform(1, 3) * line * uneven
    grain = clouds(rng, labels.shape, rng.uniform(0.6, 1.0))
    grain = grain + rng.uniform(0, 1) * clouds(rng, labels.shape, rng.uniform(1, 2))
    grain = grain + rng.uniform(0, 1.5) * (np.abs(grain) > 2.4) * grain  # granules
    core = blur((distance > 0.55 * per_cell(labels, _deepest(distance, labels))).astype(float), 0.8)
    quiet = 1 - rng.uniform(0, 0.6) * core
    seen += (labels > 0) * rng.uniform(0.08, 0.3) * grain * quiet
    seen += rng.uniform(0, 0.6) * (core - blur(core, 1.5)) + rng.uniform(-0.2, 0.2) * core
    round_ones = per_cell(labels, (rng.random(n) < rng.uniform(0, 0.12)).astype(float))
    dome = round_ones * (1 - np.exp(-distance / 2))
    seen += rng.uniform(1, 3) * (blur(dome, 0.7) - blur(dome, 3.0))
    height = blur((1 - np.exp(-distance / 3)) * (labels > 0) + 0.1 * grain, 0.8)
    angle, relief = rng.uniform(0, 2 * np.pi), rng.choice([0.0, 1.0]) * rng.uniform(0, 1.5)
    dy, dx = np.gradient(height)
    seen += relief * (np.sin(angle) * dy + np.cos(angle) * dx)
    return blur(seen, rng.uniform(0.3, 0.8)) + rng.uniform(0, 0.06) * clouds(rng, labels.shape, 8.0)


def bright_field(rng: Rng, labels: Labels) -> Image:
    """Refracting cells: a dark and a bright rim, little inside; out of focus either way."""
    outline = blur((labels > 0).astype(float), rng.uniform(0.5, 1.2))
    rim = _rim(labels, rng.uniform(0.7, 1.6))
    fringes = outline - blur(outline, rng.uniform(1.5, 4))
    seen = rng.choice([-1, 1]) * rng.uniform(0.3, 1) * fringes - rng.uniform(0, 1.2) * rim
    inside = (labels > 0) * rng.uniform(0, 0.25) * clouds(rng, labels.shape, rng.uniform(1, 4))
    inside -= rng.uniform(0, 0.5) * nucleoli(rng, labels, edge_distance(labels))
    return blur(seen + inside, rng.uniform(0.4, 1.2)) + rng.uniform(-0.2, 0.2) * outline


def quantitative_phase(rng: Rng, labels: Labels) -> Image:
    """Optical thickness: smooth bright hills on a quiet ground."""
    distance, n = edge_distance(labels), int(labels.max())
    deep = per_cell(labels, _deepest(distance, labels))
    hill = np.clip(distance / np.maximum(deep, 1), 0, 1) ** rng.uniform(0.3, 1)
    hill = hill * per_cell(labels, np.exp(rng.normal(0, 0.3, n)))
    hill += (labels > 0) * rng.uniform(0, 0.2) * clouds(rng, labels.shape, rng.uniform(1, 4))
    return blur(hill, rng.uniform(0.6, 2)) + rng.uniform(0, 0.15) * clouds(rng, labels.shape, 15.0)


def stained_tissue(rng: Rng, labels: Labels) -> Image:
    """Dark nuclei in fibrous tissue, as grey values of a histology camera."""
    distance, n = edge_distance(labels), int(labels.max())
    clumps = rng.uniform(0.1, 0.4) * clouds(rng, labels.shape, rng.uniform(1, 3))
    rim = rng.uniform(0, 0.6) * np.exp(-((distance - 1) ** 2) / 2.5)
    stain = per_cell(labels, np.exp(rng.normal(0, 0.3, n))) * np.clip(0.8 + clumps + rim, 0.1, None)
    stream = clouds(rng, labels.shape, 40.0) + rng.uniform(0, np.pi)
    fibres = along(clouds(rng, labels.shape, 1.2), stream, 7)
    ground = 0.15 * fibres + 0.2 * clouds(rng, labels.shape, 9.0)
    density = blur(stain, 0.8) + rng.uniform(0.2, 0.6) * np.clip(0.8 + ground, 0, None)
    return np.asarray(np.exp(-rng.uniform(0.6, 1.4) * density))


def electron_micrograph(rng: Rng, labels: Labels) -> Image:
    """Dark membranes, grey cells with organelles that have membranes of their own."""
    width = rng.uniform(0.8, 2)
    membrane = blur((labels == 0).astype(float), 0.6) + 0.6 * _rim(labels, width)
    n = int(labels.max())
    grey = per_cell(labels, rng.normal(0, 0.08, n))
    texture = 0.12 * clouds(rng, labels.shape, 1.0) + 0.08 * clouds(rng, labels.shape, 2.5)
    organelles = _organelles(rng, labels)
    bright = clouds(rng, labels.shape, rng.uniform(0.6, 1.0))
    vesicles = (bright > rng.uniform(1.2, 2)).astype(float)
    crowds = np.clip(clouds(rng, labels.shape, 12.0), 0, 1) * (labels > 0)
    texture = texture * rng.uniform(0.5, 2) - rng.uniform(0, 0.4) * blur(vesicles, 0.5) * crowds
    dark = rng.uniform(0, 0.3) * np.clip(clouds(rng, labels.shape, 30.0) - 1, 0, None)  # stain
    texture = texture - dark
    uneven = np.clip(1 + 0.4 * clouds(rng, labels.shape, 6.0), 0.2, None)
    seen = 0.7 + grey + texture - 0.6 * np.clip(membrane, 0, 1) * uneven - organelles
    return blur(seen, rng.uniform(0.4, 1.0))


def _organelles(rng: Rng, labels: Labels) -> Image:
    """Dark-rimmed spots within cells (mitochondria), and vesicles."""
    seen = np.zeros(labels.shape)
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    distance = edge_distance(labels)
    rows, columns = np.nonzero(distance > 4)
    for _ in range(int(rng.integers(0, 40)) if len(rows) else 0):
        pick = rng.integers(len(rows))
        cy, cx = rows[pick], columns[pick]
        deep = float(distance[cy, cx])  # larger ones in larger cells
        a, b = rng.uniform(1.5, max(5.5, 0.8 * deep)), rng.uniform(1.5, max(3.5, 0.5 * deep))
        angle = rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        depth = (1 - np.hypot(u / a, v / b)) * np.sqrt(a * b)
        seen += rng.uniform(0.1, 0.35) / (1 + np.exp(np.minimum(-depth / 0.4, 50)))
        seen += rng.uniform(0, 0.3) * np.exp(-(depth**2) / 0.6)
    return np.asarray(seen * (labels > 0))


def _vacuoles(rng: Rng, labels: Labels) -> Image:
    """Dim bodies full of bubbles beside the nuclei: rings that are no cells."""
    sizes = np.bincount(labels.ravel())[1:]
    diameter = 2 * np.sqrt(np.median(sizes[sizes > 0]) / np.pi)
    rows, columns = np.nonzero(labels)
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    seen, width, filled = np.zeros(labels.shape), rng.uniform(0.8, 2), rng.uniform(0, 0.2)
    for _ in range(int(rng.integers(3, 30))):
        pick, radius = rng.integers(len(rows)), diameter * rng.uniform(0.3, 1.5)
        angle, away = rng.uniform(0, 2 * np.pi), radius + rng.uniform(0, 0.5) * diameter
        cy, cx = rows[pick] + away * np.sin(angle), columns[pick] + away * np.cos(angle)
        outside = np.hypot(y - cy, x - cx) - radius
        ring = np.exp(-((outside / width) ** 2)) + filled * (outside < 0)
        seen = np.maximum(seen, rng.uniform(0.5, 1) * ring)
    return blur(seen * (labels == 0), rng.uniform(0.5, 1.2))


def _rim(labels: Labels, sigma: float) -> Image:
    """1 on the outlines of cells, fading with the distance from them."""
    cell = labels > 0
    line = ndimage.grey_dilation(labels, (3, 3)) != ndimage.grey_erosion(labels, (3, 3))
    thin = line & (ndimage.distance_transform_edt(cell) < 1.5) if not cell.all() else line
    soft = blur(thin.astype(float), sigma)
    return np.asarray(soft / max(float(soft.max()), 1e-6))


def _deepest(distance: Image, labels: Labels) -> np.ndarray:
    """For each cell the distance of its innermost pixel to its rim."""
    n = int(labels.max())
    return np.asarray(ndimage.maximum(distance, labels, np.arange(1, n + 1)))


def camera(rng: Rng, seen: Image) -> Image:
    """Uneven light, dust, debris, blur, shot and read noise, either contrast."""
    low, high = np.percentile(seen, [0.5, 99.5])
    grey = (seen - low) / max(high - low, 1e-6)
    if rng.random() < 0.3:
        grey = grey + rng.uniform(0.1, 0.6) * clouds(rng, seen.shape, rng.uniform(25, 80))
    if rng.random() < 0.3:
        grey = grey + rng.uniform(1, 4) * dust(rng, seen.shape, count=int(rng.integers(1, 5)))
    if rng.random() < 0.3:
        grey = blur(grey, rng.uniform(0.4, 1.5))
    shot, read = rng.uniform(0, 0.12) ** 1.0, rng.uniform(0, 0.06)
    grain = rng.normal(size=seen.shape)
    if rng.random() < 0.3:
        grain = blur(grain, 0.7)
        grain = grain / grain.std()
    return np.asarray(grey + grain * np.sqrt(read**2 + shot**2 * np.clip(grey, 0, None)))
