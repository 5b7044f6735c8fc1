"""Cells of many shapes, as exact labels: what the rendered images of the base model show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sample_data.render import Image, Labels, Outline, Rng, clouds, draw_outline, place

Shape = tuple[int, int]
NEAREST = 12  # neighbours among which that of another cell is looked for


@dataclass(frozen=True)
class Habit:
    """How cells of one kind look and lie; ranges are (low, high), one draw an image."""

    elongation: tuple[float, float] = (1.05, 1.5)
    bump: tuple[float, float] = (0.02, 0.08)
    bend: float = 0.05
    taper: tuple[float, float] = (0.0, 0.2)
    spread: tuple[float, float] = (0.08, 0.35)  # of the diameters, relative
    crowding: tuple[float, float] = (0.0, 0.9)  # chance to lie beside another cell
    cover: tuple[float, float] = (0.1, 0.6)  # share of the image that cells cover, at most
    overlap: float = 0.12
    aligned: float = 0.0  # 1: neighbours lie alike


NUCLEI = Habit()
ROUND = Habit(elongation=(1.0, 1.25), bump=(0.0, 0.02), bend=0.0, spread=(0.05, 0.25), overlap=0.06)
COLONY = Habit(  # budding yeast: clumps of cells that touch
    elongation=(1.0, 1.4),
    bump=(0.0, 0.02),
    bend=0.0,
    spread=(0.1, 0.35),
    crowding=(0.9, 0.99),
    cover=(0.1, 0.6),
    overlap=0.1,
)
RODS = Habit(
    elongation=(2.0, 5.0),
    bump=(0.0, 0.02),
    bend=0.08,
    taper=(-0.35, -0.15),
    spread=(0.1, 0.3),
    crowding=(0.4, 0.95),
    overlap=0.1,
    aligned=0.8,
)
SPREAD = Habit(
    elongation=(1.1, 2.6),
    bump=(0.08, 0.22),
    bend=0.1,
    taper=(0.0, 0.4),
    spread=(0.15, 0.4),
    cover=(0.2, 0.9),
    overlap=0.3,
    aligned=0.4,
)


def scattered(rng: Rng, shape: Shape, diameter: float, habit: Habit) -> Labels:
    """Single cells, touching ones among them."""
    bump, spread, crowding = (rng.uniform(*r) for r in (habit.bump, habit.spread, habit.crowding))
    stretch, taper = rng.uniform(*habit.elongation), rng.uniform(*habit.taper)
    stream = clouds(rng, shape, 50.0) * 0.8 + rng.uniform(0, np.pi)
    centres: list[tuple[float, float]] = []

    def propose(labels: Labels) -> Outline | None:
        size = diameter * float(np.exp(rng.normal(0, spread)))
        if centres and rng.random() < crowding:
            near, towards = centres[rng.integers(len(centres))], rng.uniform(0, 2 * np.pi)
            reach = size * rng.uniform(0.6, 1.3) * np.sqrt(stretch)
            y, x = near[0] + reach * np.sin(towards), near[1] + reach * np.cos(towards)
        else:
            y, x = rng.uniform(-6, shape[0] + 6), rng.uniform(-6, shape[1] + 6)
        if not (-8 < y < shape[0] + 8 and -8 < x < shape[1] + 8):
            return None
        here = stream[min(max(int(y), 0), shape[0] - 1), min(max(int(x), 0), shape[1] - 1)]
        angle = here + rng.normal(0, 0.2) if rng.random() < habit.aligned else rng.uniform(0, np.pi)
        made = draw_outline(
            rng,
            (float(y), float(x)),
            size,
            float(max(1.0, stretch * np.exp(rng.normal(0, 0.15)))),
            float(angle),
            bump=float(bump),
            bend=float(rng.normal(0, habit.bend)),
            taper=float(taper),
        )
        centres.append((float(y), float(x)))
        return made

    count = int(rng.uniform(*habit.cover) * shape[0] * shape[1] / (np.pi / 4 * diameter**2))
    return place(shape, max(count, 4), propose, overlap=habit.overlap)[0]


def tissue(
    rng: Rng,
    shape: Shape,
    diameter: float,
    gap: float,
    mixed: float,
    rough: float,
    merged: float = 0.0,
) -> tuple[Labels, Image]:
    """Cells side by side with thin borders, as in epithelia and electron micrographs.

    Parameters
    ----------
    gap : px, width of the borders
    mixed : 0: cells of one size; 1: of very different sizes
    rough : px, how far borders wander
    merged : share of the area in cells made of several, as large ones lie among small ones

    Returns
    -------
    labels, and for each pixel about the distance to the nearest border; infinite far inside
    """
    # crowding where a smooth field says so makes cells of different sizes
    count = int(shape[0] * shape[1] / diameter**2 * 1.3 * (1 + 1.5 * mixed)) + 8
    density = np.exp(1.2 * mixed * clouds(rng, shape, diameter * 0.8))
    points = rng.uniform(-diameter, np.array(shape) + diameter, (count * 12, 2))
    ys, xs = (np.clip(points[:, axis].astype(int), 0, shape[axis] - 1) for axis in (0, 1))
    kept: list[np.ndarray] = []
    for point, weight in zip(points, density[ys, xs], strict=True):
        least = diameter * 0.8 / np.sqrt(max(weight, 0.2))
        if not kept or np.min(np.hypot(*(np.array(kept) - point).T)) > least:
            kept.append(point)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    for sigma, size in ((12.0, rough), (4.0, rough / 3)):
        y = y + size * clouds(rng, shape, sigma)
        x = x + size * clouds(rng, shape, sigma)
    centres = np.array(kept)
    cells = _merged(rng, centres, shape, diameter, merged)
    several = min(NEAREST if merged else 2, len(centres))
    distance, nearest = cKDTree(centres).query(np.stack([y, x], -1), k=several)
    other = cells[nearest] != cells[nearest[..., :1]]
    border = (np.where(other, distance, np.inf).min(axis=-1) - distance[..., 0]) / 2
    labels = np.where(border > gap / 2, cells[nearest[..., 0]] + 1, 0)
    return _pieces(labels), border


def islands(rng: Rng, shape: Shape, diameter: float) -> Labels:
    """Sheets of cells that touch without a gap, with free ground around."""
    labels, _ = tissue(
        rng, shape, diameter, rng.uniform(0, 1.5), rng.uniform(0, 0.4), rng.uniform(0, 4)
    )
    ground = clouds(rng, shape, rng.uniform(0.8, 3) * diameter) + 0.5 * rng.normal()
    n = int(labels.max())
    stays = np.concatenate([[False], ndimage.mean(ground, labels, np.arange(1, n + 1)) > 0])
    return _pieces(np.where(stays[labels], labels, 0))


def _merged(
    rng: Rng, points: np.ndarray, shape: Shape, diameter: float, share: float
) -> np.ndarray:
    """For each point the cell it belongs to: stretched groups of neighbours become one."""
    cells = np.arange(len(points))
    free = np.ones(len(points), bool)
    inside = ((points >= 0) & (points < shape)).all(axis=1)
    wanted = len(points) - share * inside.sum()
    for _ in range(200):
        if free.sum() <= wanted:
            break
        centre, angle = points[rng.integers(len(points))], rng.uniform(0, np.pi)
        stretch, reach = rng.uniform(1, 2.5), diameter * rng.uniform(0.7, 1.8)
        dy, dx = (points - centre).T
        along, across = (
            dx * np.cos(angle) + dy * np.sin(angle),
            dy * np.cos(angle) - dx * np.sin(angle),
        )
        chosen = np.flatnonzero((np.hypot(along / stretch, across * stretch) < reach) & free)
        if len(chosen) > 1:
            cells[chosen], free[chosen] = cells[chosen[0]], False
    return cells


def _pieces(labels: Labels) -> Labels:
    """Each connected piece a cell of its own; slivers are left out."""
    out = np.zeros(labels.shape, np.int32)
    number = 0
    for value, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        pieces, count = ndimage.label(labels[window] == value)
        for piece in range(1, count + 1):
            if np.count_nonzero(pieces == piece) >= 30:
                number += 1
                out[window][pieces == piece] = number
    return out
