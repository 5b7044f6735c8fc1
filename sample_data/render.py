"""Renders the sample images and their exact labels: ``python sample_data/render.py [FOLDER]``.

Three kinds of pictures, each the way its microscope makes them: shapes first (they are the labels),
then what the cells are made of, then optics, illumination and camera. Lengths are pixels. The same
seed gives the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float64]
Labels = NDArray[np.int32]
Rng = np.random.Generator


# ---- shapes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outline:
    """A closed, bent, bumpy ellipse."""

    centre: tuple[float, float]  # (y, x)
    along: float  # half the length
    across: float  # half the width
    angle: float  # radians, of the length, from the x axis towards y
    bend: float  # how far the ends bow sideways, as a share of `along`
    taper: float  # 0: an ellipse; 1: pointed ends
    bumps: tuple[tuple[float, float], ...]  # amplitude and phase of the 2nd, 3rd ... harmonic

    def depth(self, y: Image, x: Image) -> Image:
        """About the distance to the outline: above 0 inside, below 0 outside."""
        dy, dx = y - self.centre[0], x - self.centre[1]
        u = (dx * np.cos(self.angle) + dy * np.sin(self.angle)) / self.along
        v = (dy * np.cos(self.angle) - dx * np.sin(self.angle)) / self.across
        v = v - self.bend * self.along / self.across * (u**2 - 0.3)
        v = v * (1 + self.taper * np.minimum(u**2, 2.0))
        theta = np.arctan2(v, u)
        edge = 1.0 + sum(
            size * np.cos(order * theta + phase)
            for order, (size, phase) in enumerate(self.bumps, start=2)
        )
        depth: Image = (1.0 - np.hypot(u, v) / edge) * np.sqrt(self.along * self.across)
        return depth

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """The part of a canvas that holds the outline with room to spare; never empty."""
        return around(self.centre, 1.5 * max(self.along, self.across) + 6, shape)


def around(
    centre: tuple[float, float], reach: float, shape: tuple[int, int]
) -> tuple[slice, slice]:
    """The square window of half side `reach`, cut at the canvas; never empty."""
    y, x = (
        slice(min(max(int(c - reach), 0), n - 1), min(max(int(c + reach) + 1, 1), n))
        for c, n in zip(centre, shape, strict=True)
    )
    return y, x


def coordinates(window: tuple[slice, slice]) -> tuple[Image, Image]:
    y, x = np.mgrid[window].astype(float)
    return y, x


def draw_outline(
    rng: Rng,
    centre: tuple[float, float],
    diameter: float,
    elongation: float,
    angle: float,
    *,
    bump: float = 0.04,
    bend: float = 0.0,
    taper: float = 0.0,
) -> Outline:
    across = diameter / 2 / np.sqrt(elongation)
    bumps = tuple(
        (float(rng.normal(0, bump / order)), float(rng.uniform(0, 2 * np.pi)))
        for order in range(1, 5)
    )
    return Outline(centre, across * elongation, across, angle, bend, taper, bumps)


def place(
    shape: tuple[int, int],
    count: int,
    propose: Callable[[Labels], Outline | None],
    *,
    overlap: float,
) -> tuple[Labels, list[Outline]]:
    """Put up to `count` cells on the canvas; where two meet, the pixel goes to the deeper one.

    Parameters
    ----------
    shape
        (Y, X) of the canvas.
    count
        How many cells to aim at.
    propose
        Gives the next outline from the labels so far, or None for "no luck, try again".
    overlap
        The greatest share of a cell's area that may lie on others.

    Returns
    -------
    labels : (Y, X) int32, 0 = background, ids 1..n
    outlines : the outline of each id, in order
    """
    deepest = np.zeros(shape)
    labels = np.zeros(shape, np.int32)
    outlines: list[Outline] = []
    for _ in range(count * 60):
        if len(outlines) == count:
            break
        outline = propose(labels)
        if outline is None:
            continue
        window = outline.window(shape)
        depth = outline.depth(*coordinates(window))
        area = np.count_nonzero(depth > 0)
        taken = np.count_nonzero((depth > 0) & (labels[window] > 0))
        if area < 60 or taken > overlap * area:
            continue
        mine = depth > deepest[window]
        deepest[window][mine] = depth[mine]
        outlines.append(outline)
        labels[window][mine] = len(outlines)
    return _whole(labels, outlines)


def _whole(labels: Labels, outlines: list[Outline]) -> tuple[Labels, list[Outline]]:
    """Keep each cell's largest piece, drop slivers, number the rest from 1."""
    kept = np.zeros_like(labels)
    kept_outlines: list[Outline] = []
    for number, outline in enumerate(outlines, start=1):
        pieces, count = ndimage.label(labels == number)
        if not count:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        piece = ndimage.binary_fill_holes(pieces == 1 + sizes.argmax())
        if np.count_nonzero(piece) >= 60:
            kept_outlines.append(outline)
            kept[piece & (kept == 0)] = len(kept_outlines)
    return kept, kept_outlines


def edge_distance(labels: Labels) -> Image:
    """(Y, X) distance of each cell pixel to the nearest pixel of another cell or background."""
    distance = np.zeros(labels.shape)
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        padded = np.pad(labels[window] == number, 1)
        inner = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        distance[window] += inner
    return distance


# ---- textures and optics -----------------------------------------------------------------------


def blur(image: Image, sigma: float | tuple[float, ...]) -> Image:
    blurred: Image = ndimage.gaussian_filter(image, sigma, mode="reflect")
    return blurred


def clouds(rng: Rng, shape: tuple[int, int], sigma: float | tuple[float, float]) -> Image:
    """Smooth noise of mean 0 and standard deviation 1, as coarse as `sigma`."""
    noise = blur(rng.normal(size=shape), sigma)
    return (noise - noise.mean()) / noise.std()


def vignette(rng: Rng, shape: tuple[int, int], strength: float) -> Image:
    """Uneven illumination: bright off-centre, fading to the corners; mean about 1."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    cy, cx = rng.uniform(-0.4, 0.4, size=2)
    light = 1 - strength * ((y - cy) ** 2 + (x - cx) ** 2) / 2
    light = light * (1 + 0.05 * strength * clouds(rng, shape, 60.0))
    return np.asarray(light / light.mean())


def along(noise: Image, angle: Image, reach: int) -> Image:
    """Smear noise along the local direction, `reach` pixels both ways; standard deviation 1."""
    y, x = np.mgrid[: noise.shape[0], : noise.shape[1]].astype(float)
    total = np.zeros(noise.shape)
    for step in range(-reach, reach + 1):
        there = (y + step * np.sin(angle), x + step * np.cos(angle))
        total += ndimage.map_coordinates(noise, there, order=1, mode="reflect")
    return (total - total.mean()) / total.std()


def per_cell(labels: Labels, values: NDArray[np.float64]) -> Image:
    """(Y, X) each cell filled with its value, background 0."""
    return np.asarray(np.concatenate([[0.0], values])[labels])


# ---- fluorescence ------------------------------------------------------------------------------


def fluorescence(
    seed: int,
    *,
    count: int,
    diameter: float,
    photons: float,
    haze: float,
    crowding: float,
    shape: tuple[int, int] = (512, 512),
) -> tuple[NDArray[np.uint16], Labels]:
    """Stained nuclei: touching, of uneven brightness, in haze, with shot and read noise."""
    rng = np.random.default_rng(seed)
    fertile = clouds(rng, shape, 55.0)  # nuclei come in colonies

    def propose(labels: Labels) -> Outline | None:
        size = diameter * float(np.clip(rng.normal(1, 0.13), 0.72, 1.4))
        if labels.any() and rng.random() < crowding:  # next to a nucleus that is there already
            rows, columns = np.nonzero(labels)
            pick = rng.integers(len(rows))
            reach, towards = size * rng.uniform(0.7, 1.2), rng.uniform(0, 2 * np.pi)
            y = rows[pick] + reach * np.sin(towards)
            x = columns[pick] + reach * np.cos(towards)
        else:
            y, x = rng.uniform(-6, shape[0] + 6), rng.uniform(-6, shape[1] + 6)
            here = fertile[np.clip(int(y), 0, shape[0] - 1), np.clip(int(x), 0, shape[1] - 1)]
            if here < rng.normal(0, 0.6):
                return None
        elongation = 1 + abs(rng.normal(0.16, 0.16))
        return draw_outline(
            rng,
            (float(y), float(x)),
            size,
            float(elongation),
            float(rng.uniform(0, np.pi)),
            bump=0.05,
            bend=float(rng.normal(0, 0.05)),
        )

    labels, outlines = place(shape, count, propose, overlap=0.13)

    # DNA: domes with a bumpy chromatin texture, nucleoli left out, some cells much brighter
    distance = edge_distance(labels)
    dome = 1 - np.exp(-distance / 2.6) * 0.75
    dome = dome * (labels > 0) * (0.8 + 0.2 * np.minimum(distance / (diameter / 3), 1))
    chromatin = 0.13 * clouds(rng, shape, 1.3) + 0.13 * clouds(rng, shape, 3.0)
    chromatin += 0.08 * clouds(rng, shape, 7.0)
    brightness = np.exp(rng.normal(0, 0.34, size=len(outlines)))
    dna = dome * np.clip(1 + chromatin - nucleoli(rng, labels, distance), 0.15, None)
    dna = dna * per_cell(labels, brightness)
    for number in rng.choice(len(outlines), size=max(1, len(outlines) // 22), replace=False) + 1:
        condense(rng, dna, labels == number)

    # light: the focal plane, the same light scattered widely, and nuclei that lie out of focus
    signal = (1 - haze) * blur(dna, 1.25) + haze * 0.9 * blur(dna, 16.0)
    signal += 0.3 * haze * blur(dna, 5.0)
    signal += out_of_focus(rng, shape, diameter, count=max(5, count // 9)) * (0.15 + haze)
    signal += 0.08 + 0.012 * clouds(rng, shape, 25.0)  # medium and autofluorescence
    signal *= vignette(rng, shape, 0.55)

    # camera: electrons, then grey values of a 12-bit camera
    electrons = rng.poisson(np.clip(signal, 0, None) * photons)
    grey = 100 + 1300 / photons * electrons + rng.normal(0, 5.0, size=shape)
    return np.clip(np.round(grey), 0, 4095).astype(np.uint16), labels


def nucleoli(rng: Rng, labels: Labels, distance: Image) -> Image:
    """Dark round spots well inside the nuclei, one to four in each."""
    spots = np.zeros(labels.shape)
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if window is None:
            continue
        rows, columns = np.nonzero((labels[window] == number) & (distance[window] > 4))
        for _ in range(rng.integers(1, 5)):
            if len(rows) == 0:
                break
            pick = rng.integers(len(rows))
            cy, cx = rows[pick] + window[0].start, columns[pick] + window[1].start
            radius = rng.uniform(1.5, 3.4)
            near = ((y[window] - cy) ** 2 + (x[window] - cx) ** 2) / radius**2
            spots[window] += rng.uniform(0.2, 0.5) * np.exp(-near)
    return np.minimum(spots, 0.6)


def condense(rng: Rng, dna: Image, cell: NDArray[np.bool_]) -> None:
    """Change one nucleus into a dividing one: bright, knobbly, filling its outline. In place."""
    knobs = np.clip(0.75 + 0.35 * clouds(rng, cell.shape, 1.8), 0.3, None)
    rim = np.minimum(edge_distance(cell.astype(np.int32)) / 3, 1)
    dna[cell] = (2.3 * knobs * rim)[cell]


def out_of_focus(rng: Rng, shape: tuple[int, int], diameter: float, count: int) -> Image:
    """Dim blurred nuclei of another plane; they have no label."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.zeros(shape)
    for _ in range(count):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        spot = np.exp(-((((y - cy) ** 2 + (x - cx) ** 2) / (0.55 * diameter) ** 2) ** 1.3))
        light += blur(rng.uniform(0.2, 0.7) * spot, float(rng.uniform(5, 11)))
    return light


# ---- phase contrast ----------------------------------------------------------------------------


def phase_contrast(
    seed: int,
    *,
    count: int,
    diameter: float,
    round_share: float,
    shape: tuple[int, int] = (512, 512),
) -> tuple[NDArray[np.uint8], Labels]:
    """Living cells: dark spindles in streams, bright round ones, halos, a mottled ground."""
    rng = np.random.default_rng(seed)
    stream = clouds(rng, shape, 70.0) * 0.7 + rng.uniform(0, np.pi)  # neighbours lie alike

    def propose(labels: Labels) -> Outline | None:
        y, x = rng.uniform(-8, shape[0] + 8), rng.uniform(-8, shape[1] + 8)
        row, column = np.clip(int(y), 0, shape[0] - 1), np.clip(int(x), 0, shape[1] - 1)
        angle = float(stream[row, column] + rng.normal(0, 0.25))
        if rng.random() < round_share:
            size = diameter * 0.8 * float(np.clip(rng.normal(1, 0.08), 0.8, 1.2))
            return draw_outline(rng, (y, x), size, 1.06, angle, bump=0.02)
        size = diameter * float(np.clip(rng.normal(1, 0.1), 0.75, 1.25))
        return draw_outline(
            rng,
            (y, x),
            size,
            float(np.clip(rng.normal(2.1, 0.5), 1.3, 3.2)),
            angle,
            bump=0.06,
            bend=float(rng.normal(0, 0.08)),
            taper=float(rng.uniform(0.0, 0.35)),
        )

    labels, outlines = place(shape, count, propose, overlap=0.1)
    is_round = np.array([outline.along < 1.2 * outline.across for outline in outlines])
    distance = edge_distance(labels)

    # optical thickness: flat spread cells with a nucleus, ball-like round ones
    spread = 1 - np.exp(-distance / 3.2)
    ball = np.sqrt(np.clip(1 - (1 - np.minimum(distance / (0.4 * diameter), 1)) ** 2, 0, 1))
    roundness = per_cell(labels, is_round.astype(float))
    thick = spread * per_cell(labels, rng.normal(1, 0.13, size=len(outlines))) * (1 - roundness)
    thick += 1.25 * ball * roundness
    inner = per_cell(labels, 1.0 - is_round)
    thick += 0.16 * inner * spread * clouds(rng, shape, 2.2)
    thick += 0.12 * inner * spread * clouds(rng, shape, 5.0)
    thick += nuclei(rng, shape, outlines, is_round) * (distance > 2)
    thick += granules(rng, labels, distance)

    # phase contrast: dark where light is delayed, a bright halo around, fading in wide cells
    fine, wide = thick - blur(thick, 4.0), thick - blur(thick, 14.0)
    seen = -0.5 * blur(fine, 0.8) - 0.42 * blur(wide, 0.8)
    seen += 0.95 * blur(ball**2 * roundness, 1.6)  # round cells are thick enough to turn bright
    away, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    ring = np.where(labels == 0, np.exp(-(((away - 2.0) / 1.8) ** 2)), 0)
    seen += 0.34 * blur(ring * (0.6 + 0.5 * roundness[tuple(nearest)]), 0.9)

    # the ground: mottled plastic, specks, dust out of focus, uneven light
    ground = 0.022 * clouds(rng, shape, 1.6) + 0.011 * clouds(rng, shape, 5.0)
    ground += 0.016 * clouds(rng, shape, 40.0) + dust(rng, shape, count=7)
    grey = (0.47 + 0.3 * seen + ground * (1 - 0.5 * (labels > 0))) * vignette(rng, shape, 0.22)
    grey = blur(grey, 0.6) + rng.normal(0, 0.011, size=shape)
    return np.clip(np.round(grey * 255), 0, 255).astype(np.uint8), labels


def nuclei(
    rng: Rng, shape: tuple[int, int], outlines: list[Outline], is_round: NDArray[np.bool_]
) -> Image:
    """The rim and nucleoli of each spread cell's nucleus, as optical thickness."""
    seen = np.zeros(shape)
    for outline, round_cell in zip(outlines, is_round, strict=True):
        if round_cell:
            continue
        cy, cx = np.asarray(outline.centre) + rng.normal(0, 1.2, size=2)
        size = 1.15 * outline.across
        body = draw_outline(rng, (cy, cx), size, 1.4, outline.angle, bump=0.02)
        window = outline.window(shape)
        y, x = coordinates(window)
        depth = body.depth(y, x)
        seen[window] += 0.16 * np.exp(-(depth**2)) - 0.11 * (1 + np.tanh(depth / 1.6))
        for _ in range(rng.integers(1, 4)):
            ny, nx = np.array([cy, cx]) + rng.normal(0, size / 6, size=2)
            near = (y - ny) ** 2 + (x - nx) ** 2
            seen[window] += rng.uniform(0.3, 0.6) * np.exp(-near / rng.uniform(1.2, 2.4) ** 2)
    return seen


def granules(rng: Rng, labels: Labels, distance: Image) -> Image:
    """Small organelles, as optical thickness: sharp points inside the cells."""
    points = np.zeros(labels.shape)
    rows, columns = np.nonzero(distance > 2.5)
    picks = rng.choice(len(rows), size=len(rows) // 45, replace=False)
    points[rows[picks], columns[picks]] = rng.normal(0.6, 2.0, size=len(picks))
    return 1.6 * blur(points, 0.85)


def dust(rng: Rng, shape: tuple[int, int], count: int) -> Image:
    """Rings of dust far out of focus, and a few specks in focus."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    seen = np.zeros(shape)
    for _ in range(count):
        away = np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1]))
        radius = rng.uniform(6, 20)
        seen -= 0.03 * np.exp(-(((away - radius) / 2.2) ** 2))
        seen += 0.02 * np.exp(-((away / radius) ** 2))
    for _ in range(4 * count):
        away = np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1]))
        seen += rng.uniform(-0.16, 0.12) * np.exp(-((away / rng.uniform(0.8, 1.6)) ** 2))
    return seen


# ---- stained tissue ----------------------------------------------------------------------------

# what is left of white light (red, green, blue) per unit of stain
HAEMATOXYLIN = np.array([0.65, 0.70, 0.29])
EOSIN = np.array([0.07, 0.99, 0.11])


def histology(
    seed: int, *, count: int, diameter: float, shape: tuple[int, int] = (384, 384)
) -> tuple[NDArray[np.uint8], Labels]:
    """A section stained with haematoxylin and eosin: purple nuclei in pink tissue. (Y, X, 3)."""
    rng = np.random.default_rng(seed)
    lumen = clouds(rng, shape, 34.0) - 0.25 * clouds(rng, shape, 12.0)
    opening = 1 / (1 + np.exp(-(lumen - 1.35) * 14))  # 1 where there is no tissue
    stream = clouds(rng, shape, 50.0) + rng.uniform(0, np.pi)

    def propose(labels: Labels) -> Outline | None:
        y, x = rng.uniform(-5, shape[0] + 5), rng.uniform(-5, shape[1] + 5)
        row, column = np.clip(int(y), 0, shape[0] - 1), np.clip(int(x), 0, shape[1] - 1)
        if opening[row, column] > 0.05:
            return None
        angle = float(stream[row, column] + rng.normal(0, 0.4))
        size = diameter * float(np.clip(rng.normal(1, 0.15), 0.7, 1.4))
        elongation = float(1.1 + abs(rng.normal(0, 0.3)))
        return draw_outline(rng, (y, x), size, elongation, angle, bump=0.05)

    labels, outlines = place(shape, count, propose, overlap=0.06)
    distance = edge_distance(labels)
    tissue = 1 - opening

    # haematoxylin: a dark membrane, clumps of chromatin, a faint blue cast elsewhere
    clumps = 0.28 * clouds(rng, shape, 1.5) + 0.2 * clouds(rng, shape, 3.0)
    rim = 0.45 * np.exp(-((distance - 1.0) ** 2) / 2.5)
    stain = np.exp(rng.normal(0, 0.25, size=len(outlines)))
    blue = per_cell(labels, stain) * np.clip(0.75 + clumps + rim, 0.15, None)
    blue = blur(blue, 0.9) + 0.07 * tissue

    # eosin: fibres along the streams, cytoplasm in patches, little of it in the nuclei
    fibres = along(clouds(rng, shape, 1.1), stream, 7) + 0.6 * along(
        clouds(rng, shape, 2.2), stream, 12
    )
    patches = 0.2 * clouds(rng, shape, 9.0) + 0.15 * clouds(rng, shape, 22.0)
    pink = np.clip(0.42 + 0.075 * fibres + 0.5 * patches, 0.05, None) * tissue
    pink = blur(pink * np.where(labels > 0, 0.55, 1.0), 1.1)

    density = blue[..., None] * HAEMATOXYLIN * 1.1 + pink[..., None] * EOSIN * 0.85
    light = 0.955 * np.exp(-density) * vignette(rng, shape, 0.06)[..., None]
    light += blur(rng.normal(0, 0.012, size=light.shape), (0.7, 0.7, 0))
    return np.clip(np.round(light * 255), 0, 255).astype(np.uint8), labels


# ---- files -------------------------------------------------------------------------------------

PICTURES: dict[str, Callable[[], tuple[NDArray[np.generic], Labels]]] = {
    "fluorescence_1": lambda: fluorescence(
        11, count=88, diameter=36, photons=130, haze=0.16, crowding=0.75
    ),
    "fluorescence_2": lambda: fluorescence(
        12, count=110, diameter=33, photons=70, haze=0.24, crowding=0.8
    ),
    "fluorescence_3": lambda: fluorescence(
        13, count=70, diameter=38, photons=45, haze=0.3, crowding=0.7
    ),
    "fluorescence_4": lambda: fluorescence(
        14, count=120, diameter=33, photons=90, haze=0.2, crowding=0.8
    ),
    "phase_contrast_1": lambda: phase_contrast(21, count=120, diameter=36, round_share=0.12),
    "phase_contrast_2": lambda: phase_contrast(22, count=150, diameter=35, round_share=0.22),
    "phase_contrast_3": lambda: phase_contrast(23, count=100, diameter=38, round_share=0.08),
    "histology_1": lambda: histology(31, count=110, diameter=25),
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, render in PICTURES.items():
        image, labels = render()
        # nothing in the file may depend on when and where it was written
        options: dict[str, Any] = {
            "compression": "zlib",
            "metadata": None,
            "software": "",
            "datetime": None,
        }
        photometric = "rgb" if image.ndim == 3 else "minisblack"
        for path, array in (
            (folder / f"{name}.tif", image),
            (folder / f"{name}_labels.tif", labels.astype(np.uint16)),
        ):
            predictor = path.stem == name  # smaller files for grey values, not for labels
            kind = photometric if predictor else "minisblack"
            tifffile.imwrite(path, array, photometric=kind, predictor=predictor, **options)
        diameters = 2 * np.sqrt(np.bincount(labels.ravel())[1:] / np.pi)
        print(f"{name}: {labels.max()} cells, median diameter {np.median(diameters):.0f} px")


if __name__ == "__main__":
    main()
