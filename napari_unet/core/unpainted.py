"""What ground is taken for that nobody has painted: by a rule, and by what a network sees there.

A few painted cells among many: taking all the rest for background teaches that cells are none,
taking nothing for it lets the network find cells in the void. Between the two lies what can be
known. A cell that is painted ends where it was painted, so that there is background round it. Of
ground farther off a network that finds the painted cells can say what is surely none; the rest
stays unknown and weighs 0, as in Cicek 2016 and Falk 2019 (sparse annotation). Where it finds
hardly any cell that is not painted, the image is taken as complete.

All in model pixels; no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .annotation import Labels, Mask
from .instances import for_diameter, label_cells
from .settings import InstanceSettings, UnpaintedSettings

Floats = npt.NDArray[np.float32]
Seen = Literal["complete", "partly painted", "cannot tell"]

# cells that were found and are not painted, each about as large as those that are. Of 40 completely
# painted images of five kinds none had so many, of 80 of which a third is not painted 74
# (`python -m benchmarks question`)
LEAST_LIKELY = 3
LEAST_SHARE = 0.18  # of the painted cells
TOUCHED = 0.1  # share of a found cell that may be painted
ALIKE = (0.4, 2.5)  # times the painted cells' median area
HALF = 0.5  # of the painted cells, and of each, is to be found by a network that is asked of others
CELL = 0.5  # probability


@dataclass(frozen=True)
class Ground:
    """A slice of which not all has been painted, and what has.

    Attributes
    ----------
    labels : ``(H, W)`` cells as they were painted, before gaps were cut; 0 where held out
    stated : bool, what is known by the user's word
    open : bool, what a network may say something of; neither held out nor without a value
    hidden : bool, open ground that is held out: cells there are counted, and nothing else
    weights : float32, of every pixel, as if it were known
    """

    labels: Labels
    stated: Mask
    open: Mask
    hidden: Mask
    weights: Floats

    @property
    def painted(self) -> Mask:
        return self.labels > 0

    def part(self, at: tuple[slice, slice]) -> Ground:
        """What of it lies in a window."""
        masks = (self.stated[at], self.open[at], self.hidden[at])
        return Ground(self.labels[at], *masks, self.weights[at])


@dataclass(frozen=True)
class Assessment:
    """What a network says of the ground.

    Attributes
    ----------
    known : bool, what counts as known from here on
    likely : how many cells are not painted, as far as it can tell
    seen : whether that is the whole image
    """

    known: Mask
    likely: int
    seen: Seen


def with_rims(ground: Ground, settings: UnpaintedSettings) -> Mask:
    """What is known of the ground while no network has been asked: bool."""
    return ground.stated | (_rims(ground.painted, settings.rim) & ground.open)


def assess(
    ground: Ground,
    probability: Floats,
    instances: InstanceSettings,
    diameter: float,
    settings: UnpaintedSettings,
) -> Assessment:
    """What is known of the ground by a network's word.

    Parameters
    ----------
    probability : ``(H, W)`` of cell, by the network at the painted cells' size
    instances : how cells are found in it; least sizes are those of `diameter`
    diameter : of the median cell, model pixels
    """
    found = label_cells(probability, for_diameter(instances, diameter))
    others = _not_painted(found, ground)
    likely = _count_alike(others, ground)
    seen = _seen(likely, probability, ground)
    if seen == "complete":
        return Assessment(ground.stated | ground.open, likely, seen)
    rims = _rims(ground.painted, settings.rim) & (others == 0)
    sure = _sure_background(probability, ground.painted, settings)
    return Assessment(ground.stated | ((rims | sure) & ground.open), likely, seen)


def _rims(painted: Mask, width: float) -> Mask:
    """Within `width` of a painted cell."""
    if not painted.any():
        return np.zeros_like(painted)
    near: Mask = ndimage.distance_transform_edt(~painted) <= width
    return near & ~painted


def _not_painted(found: Labels, ground: Ground) -> Labels:
    """The found cells that hardly touch what is painted."""
    sizes = np.bincount(found.ravel())
    painted = np.bincount(found.ravel(), ground.painted.ravel(), len(sizes))
    other = painted < TOUCHED * sizes
    other[0] = False
    return np.where(other[found], found, 0)


def _count_alike(others: Labels, ground: Ground) -> int:
    """How many of them lie on open ground and are about as large as painted cells."""
    counted = (ground.open | ground.hidden) & ~ground.stated
    areas = np.bincount(others.ravel(), counted.ravel())[1:]
    own = np.bincount(ground.labels.ravel())[1:]
    usual = float(np.median(own[own > 0])) if own.any() else 0.0
    return int(np.count_nonzero((areas > ALIKE[0] * usual) & (areas < ALIKE[1] * usual)))


def _seen(likely: int, probability: Floats, ground: Ground) -> Seen:
    ids = np.unique(ground.labels[ground.painted])
    if not len(ids):
        return "cannot tell"
    if likely >= max(LEAST_LIKELY, LEAST_SHARE * len(ids)):
        return "partly painted"
    read = ndimage.mean(probability > CELL, ground.labels, ids)
    return "complete" if np.mean(np.asarray(read) > HALF) >= HALF else "cannot tell"


def _sure_background(probability: Floats, painted: Mask, settings: UnpaintedSettings) -> Mask:
    """Where the network sees none, away from all that may be a cell."""
    low = settings.background
    if painted.any():
        low = min(low, float(np.quantile(probability[painted], settings.painted)))
    likely = (probability > max(settings.likely, low)) | painted
    sure = (probability < low) & ~painted
    if likely.any():
        sure &= ndimage.distance_transform_edt(~likely) > settings.away
    return sure
