"""The part of a slice whose weight map is shown: how its layers are read. Without napari."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .core.annotation import Labels, Mask, check_labels, median_diameter
from .core.live import LiveMap, ModelGrid
from .core.scale import scale_factor
from .core.settings import LabelsAre, ScaleSettings, UnpaintedSettings, WeightSettings
from .core.shown import LiveShown, Shown, StillShown, Weighed
from .core.weights import class_counts, class_weights, reach, weight_map
from .core.windows import Window, grown, part_of, shifted
from .snapshots import Outline, rasterise_window
from .wording import count

NO_GAPS = "No gaps here: no two painted cells are close to one another, so the map is empty."
NO_GAPS_IN_SIGHT = (
    "No gaps in what you see: no two painted cells are close to one another here, so the map is "
    "empty. Move to where you have painted."
)
WHOLE = 2048 * 2048  # pixels; of larger slices only what the user sees is computed


@dataclass(frozen=True)
class Field:
    """A window of one slice of an image, and how to read what is painted there.

    Attributes
    ----------
    name : of the image
    labels, background : ``(..., Y, X)`` arrays, or :class:`.kept.Kept` of slow ones
    outlines : the image's regions
    index : of the slice
    window : in image pixels
    painted : pixels of the slice that are painted, where they have been counted
    marked : regions or painted background exist somewhere in the image
    labels_are : single cells, or kinds of things
    asks : a model is asked what unpainted ground is; until then only rims of cells are known of it
    rim : how far they reach, image pixels
    """

    name: str
    labels: Any
    background: Any
    outlines: Sequence[Outline]
    index: int
    window: Window
    painted: int | None
    marked: bool
    labels_are: LabelsAre
    asks: bool = False
    rim: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.labels.shape[-2:]
        return int(height), int(width)

    @property
    def whole(self) -> bool:
        return self.window == (0, self.shape[0], 0, self.shape[1])

    def reads_like(self, other: Field) -> bool:
        """Whether the same painting would mean the same."""
        mine, theirs = self.outlines, other.outlines
        return (
            (self.marked, self.labels_are, self.asks)
            == (other.marked, other.labels_are, other.asks)
            and len(mine) == len(theirs)
            and all(
                a.index == b.index and np.array_equal(a.corners, b.corners)
                for a, b in zip(mine, theirs, strict=True)
            )
        )

    @property
    def totals(self) -> tuple[int, int] | None:
        """Painted pixels and pixels of the slice, where they have been counted."""
        return None if self.painted is None else (self.painted, self.shape[0] * self.shape[1])

    def read(self, window: Window) -> Labels:
        """The labels of a window of the slice."""
        return check_labels(self._plane(self.labels, window), f"the labels of {self.name}")

    def known(self, window: Window) -> Mask | None:
        """The known pixels of a window of the slice, None = all."""
        if not self.marked and not self.asks:
            return None
        wide = grown(window, self.known_reach, self.shape)
        painted = self.read(wide) > 0
        inner = part_of(shifted(window, wide))
        known: Mask = painted[inner].copy()
        if self.rim and painted.any():
            known |= ndimage.distance_transform_edt(~painted)[inner] <= self.rim
        known |= rasterise_window(self.outlines, self.index, window)
        if self.background is not None:
            known |= self._plane(self.background, window) > 0
        return known

    @property
    def known_reach(self) -> int:
        """Pixels beyond which an edit changes nothing of what is known."""
        return math.ceil(self.rim)

    def _plane(self, array: Any, window: Window) -> npt.NDArray[Any]:
        at = np.unravel_index(self.index, array.shape[:-2]) if array.ndim > 2 else ()
        return np.asarray(array[(*(int(i) for i in at), *part_of(window))])


def factor_of(field: Field, scale: ScaleSettings) -> float:
    """Image pixels -> model pixels, by the cells of the slice, or of the window of a large one."""
    if field.labels_are == "classes" or scale.diameter is None:
        return 1.0
    labels, known = field.read(field.window), field.known(field.window)
    return scale_factor(median_diameter(labels, known, scale.min_cells), scale)


def look(
    field: Field,
    settings: WeightSettings,
    scale: ScaleSettings,
    factor: float | None = None,
) -> Shown:
    """The field's weight map, as training uses it. Not for the GUI thread."""
    if field.labels_are == "classes":
        return _still(field, settings)
    factor = factor_of(field, scale) if factor is None else factor
    if field.asks:
        field = replace(field, rim=UnpaintedSettings().rim / factor)
    live = LiveMap(ModelGrid(field.read, field.shape, factor), settings)
    live.look(field.window)
    totals = None if field.whole else field.totals
    return LiveShown(live, field.known, totals, field.known_reach)


def _still(field: Field, settings: WeightSettings) -> Shown:
    wide = grown(field.window, int(reach(settings)) + 1, field.shape)
    labels, known = field.read(wide), field.known(wide)
    weights = weight_map(labels, known, settings, labels_are="classes")
    inner = part_of(shifted(field.window, wide))
    between = labels[inner] == 0
    gap = float(weights[inner].max(initial=0.0, where=between))
    ground = cell = 1.0
    if settings.preset == "paper":
        by_class = class_weights(class_counts(labels, known, "classes"), settings)
        ground = by_class.pop(0, 0.0)
        cell = max(by_class.values(), default=ground)
    weighed = Weighed(max(gap, ground), ground, cell)
    return StillShown(field.window, np.ascontiguousarray(weights[inner]), weighed)


def window_for(shape: tuple[int, int], visible: Window | None) -> Window:
    """All of a slice that is not too large, else what is seen and a quarter more on each side."""
    height, width = shape
    if height * width <= WHOLE or visible is None:
        return _middle((0, height, 0, width), shape)
    y0, y1, x0, x1 = visible
    return _middle(
        (y0 - (y1 - y0) // 4, y1 + (y1 - y0) // 4, x0 - (x1 - x0) // 4, x1 + (x1 - x0) // 4), shape
    )


def _middle(window: Window, shape: tuple[int, int]) -> Window:
    """The window within the slice, cut to what may be computed at once."""
    ends: list[int] = []
    side = int(WHOLE**0.5)
    for start, stop, length in zip(window[::2], window[1::2], shape, strict=True):
        low, high = max(start, 0), min(stop, length)
        if shape[0] * shape[1] > WHOLE and high - low > side:
            low = (low + high - side) // 2
            high = low + side
        ends += [low, high]
    return ends[0], ends[1], ends[2], ends[3]


def words(shown: Shown, field: Field) -> str:
    """What the map says."""
    weighed = shown.weighed
    if not weighed.gaps:
        return NO_GAPS if field.whole else NO_GAPS_IN_SIGHT
    if weighed.above_all:
        rest = f"all else {max(weighed.ground, weighed.cell):.1f} or less."
    else:
        rest = f"cells {weighed.cell:.1f}, as long as so little is painted: they glow, too."
    said = [f"Gaps weigh up to {weighed.gap:.1f}, {rest}"]
    if shown.pairs:
        touch = "touches" if shown.pairs == 1 else "touch"
        said.append(
            f"{count(shown.pairs, 'pair')} of cells {touch} without a gap (light blue): "
            "one is cut between them."
        )
    if field.asks:
        said.append("Of ground beyond their rims, what the model is sure of counts, too.")
    if not field.whole:
        said.append("The map covers what you see; where it ends, zoom in.")
    if shown.factor == 1.0:
        said.append("One model pixel is one image pixel.")
    else:
        said.append(f"The network sees the image {shown.factor:.2f} times as large.")
    return " ".join(said)
