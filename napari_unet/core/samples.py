"""From annotated images to samples: what is annotated in each slice, in model pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from .annotation import Labels, Mask, Pair, median_diameter, planes
from .axes import Axes, read_axes
from .carving import carve
from .held_out import Split, nothing, split_stack
from .normalise import Normalised, normalised
from .scale import scale_factor
from .scaled import LARGEST_WHOLE, in_model_pixels
from .settings import LabelsAre, ScaleSettings, Settings
from .unpainted import Ground, with_rims
from .weights import Counts, assembled_map, class_counts, class_weights
from .windows import Window, around, box_of, grown, part_of

Floats = npt.NDArray[np.float32]

# ratio of the cells' median diameters: up to here the augmentation's own scaling covers it, and
# the median of all images together is the surer number
MIXED = 1.5
OWN_SIZE = 3  # whole cells in an image, or its median is chance
# model pixels of a slice that are held out, at most: some hundred cells, and a second to score
LARGEST_BLOCK = 512 * 512
# of the block's box, which is all looked at: pixels of the image or the model, what is more
LARGEST_BOX = 2**20
AROUND = 16  # px round what is held out that a scoring looks at: cells there may be cut
AROUND_OPEN = 512  # px round what is known of a large slice that a network is asked about
ROWS = 256  # of a slice, looked at together


@dataclass(frozen=True)
class AnnotatedSlice:
    """One 2D slice in image pixels, with its two parts.

    Of the annotation only a window is held, with all that is known in it: a slice may be far
    larger. The image is read, and normalised, where it is needed.
    """

    name: str
    source: Normalised  # the whole slice, about 0..1
    window: Window  # of the slice
    labels: Labels  # (y, x) of the window, 0 outside the known area
    known: Mask  # (y, x)
    split: Split  # of the window
    open: Mask  # (y, x), not known, and a network may say something of it
    pair: int = 0  # number and name of the image that it is a slice of
    image_name: str = ""
    diameter: float | None = None  # image pixels, of its whole cells

    @property
    def image(self) -> Floats:
        """(C, y, x) of the window."""
        return self.source.read(self.window)

    @property
    def train_known(self) -> Mask:
        return self.known & ~self.split.region

    @property
    def train_open(self) -> Mask:
        return self.open & ~self.split.region

    @property
    def marked(self) -> bool:
        """Whether the user says more of it than which cells are painted."""
        return bool((self.known & (self.labels == 0)).any())

    def complete(self) -> AnnotatedSlice:
        """The same as one of which all is painted."""
        return replace(self, known=self.known | self.open, open=np.zeros_like(self.open))


@dataclass(frozen=True)
class Annotation:
    """All slices that can be learnt from, and what they have in common."""

    slices: tuple[AnnotatedSlice, ...]
    diameter: float | None  # image pixels, of whole cells
    class_values: tuple[int, ...]  # () with instances
    channels: int
    axes: str  # of the first image

    @property
    def diameters(self) -> tuple[float, float] | None:
        """Smallest and largest median cell of an image, where one scale cannot serve all."""
        own = [s.diameter for s in self.slices if s.diameter is not None]
        return (min(own), max(own)) if own and max(own) > MIXED * min(own) else None

    def diameter_of(self, s: AnnotatedSlice) -> float | None:
        """The cells of a slice, image pixels: its own where the images differ."""
        return s.diameter if self.diameters and s.diameter else self.diameter

    @property
    def held_out(self) -> list[AnnotatedSlice]:
        return [s for s in self.slices if not s.split.empty]


def collect(
    pairs: Iterable[Pair], settings: Settings, labels_are: LabelsAre, share: float
) -> Annotation:
    """Read the annotated slices of checked `pairs` (see `runs.folder.check_pairs`).

    Non-finite pixels become unknown. `share` of the known area is held out.
    """
    slices: list[AnnotatedSlice] = []
    raw: list[Labels] = []
    first: Axes | None = None
    for pair in pairs:
        axes = read_axes(pair.image.shape, pair.axes, where=pair.name)
        first = first or axes
        painted, own = _annotated(pair, axes, settings, labels_are)
        own = [replace(s, pair=pair.number, image_name=pair.name) for s in own]
        raw += painted
        slices += _parted(own, share, labels_are, settings.scale)
    assert first is not None, "checked pairs hold at least one annotated slice"
    diameter = None
    values: tuple[int, ...] = ()
    if labels_are == "instances":
        diameter = median_diameter(raw, [s.known for s in slices], settings.scale.min_cells)
    else:
        values = tuple(sorted({int(v) for s in slices for v in np.unique(s.labels) if v > 0}))
    return Annotation(tuple(slices), diameter, values, first.channels, first.letters)


def _annotated(
    pair: Pair, axes: Axes, settings: Settings, labels_are: LabelsAre
) -> tuple[list[Labels], list[AnnotatedSlice]]:
    """What is painted in each annotated slice, and the slices, nothing held out yet."""
    raw, slices = [], []
    known_planes = (
        list(planes(pair.known))
        if pair.known is not None
        else [np.broadcast_to(p.any(), p.shape) for p in planes(pair.labels)]
    )
    asked = pair.unpainted == "auto"
    window = _window(known_planes, asked)
    for index, painted in enumerate(planes(pair.labels)):
        known = known_planes[index][part_of(window)]
        if not known.any():
            continue
        source = normalised(axes.slice(pair.image, index), settings.normalise)
        finite = source.finite(window)
        known = known & finite
        open_ground = finite & ~known if asked else np.zeros_like(known)
        seen = painted[part_of(window)]
        labels = np.where(known, seen, 0).astype(np.int32)
        name = pair.name if axes.slices == 1 else f"{pair.name}, slice {index}"
        raw.append(_without_cut(painted, seen, window))
        none = nothing(labels.shape)
        slices.append(AnnotatedSlice(name, source, window, labels, known, none, open_ground))
    if labels_are == "classes":
        return raw, slices
    # of the whole stack, as it is predicted: caps of round cells are not small cells
    diameter = median_diameter(raw, [s.known for s in slices], OWN_SIZE)
    return raw, [replace(s, diameter=diameter) for s in slices]


def _window(known: Sequence[Mask], asked: bool) -> Window:
    """What is known in any slice of an image, and as much around it as a scoring looks at.

    Where a network is `asked` about the rest all of it, but of a large slice.
    """
    boxes = [box for plane in known if (box := box_of(plane)) is not None]
    if not boxes:
        return 0, 0, 0, 0
    height, width = known[0].shape
    if asked and height * width <= LARGEST_WHOLE:
        return 0, height, 0, width
    margin = AROUND_OPEN if asked else AROUND
    return grown(reduce(around, boxes), margin, (height, width))


def _without_cut(painted: Labels, seen: Labels, window: Window) -> Labels:
    """The labels of the window, less the cells that go on beyond it: they are not whole."""
    beyond: set[int] = set()
    for y in range(0, painted.shape[0], ROWS):
        rows = np.array(painted[y : y + ROWS])
        top, bottom = (min(max(edge - y, 0), ROWS) for edge in window[:2])
        rows[top:bottom, window[2] : window[3]] = 0
        beyond.update(np.unique(rows[rows > 0]).tolist())
    return np.where(np.isin(seen, list(beyond)), 0, seen) if beyond else seen


def _parted(
    slices: list[AnnotatedSlice], share: float, labels_are: LabelsAre, scale: ScaleSettings
) -> Iterator[AnnotatedSlice]:
    """The slices of one image, `share` of them held out, less where that is a large block."""
    if slices:
        # where only cells are painted, their surroundings belong to what is spared
        marked = any(s.marked for s in slices)
        areas = [s.known if marked else s.known | s.open for s in slices]
        largest = max(
            area.sum() * scale_factor(s.diameter, scale) ** 2
            for s, area in zip(slices, areas, strict=True)
        )
        share = min(share, LARGEST_BLOCK / max(largest, 1.0))  # 0 where no pixel has a value
        finest = max(scale_factor(s.diameter, scale) for s in slices)
        box = LARGEST_BOX / max(finest**2, 1.0)
        parts = split_stack([s.labels for s in slices], areas, share, labels_are, box)
        yield from (replace(s, split=part) for s, part in zip(slices, parts, strict=True))


@dataclass(frozen=True)
class Sample:
    """One slice in model pixels, ready to be warped."""

    image: Floats  # (C, H, W)
    cells: Labels  # (H, W) carved ids, or classes
    target: npt.NDArray[np.uint8]  # (H, W) output of the network: 0 background, 1.. class
    known: Mask  # (H, W), training part only
    weights: Floats  # (H, W), 0 where unknown
    # mean and standard deviation of the whole slice, where this is a part of it
    whole: tuple[float, float] | None = None
    ground: Ground | None = None  # where a network may say what is known besides

    def knowing(self, known: Mask) -> Sample:
        """The same with more known of its ground, or less."""
        assert self.ground is not None
        return replace(self, known=known, weights=self.ground.weights * known)

    @property
    def mean_and_spread(self) -> tuple[float, float]:
        """Of the grey values of the whole slice."""
        if self.whole is not None:
            return self.whole
        return float(self.image.mean(dtype=np.float64)), float(self.image.std(dtype=np.float64))


def prepare(
    annotation: Annotation, settings: Settings, labels_are: LabelsAre
) -> tuple[list[Sample], dict[int, float]]:
    """Rescale first, then gaps, then weights. Held-out labels are erased before all of it.

    Returns
    -------
    The samples, and the class weights of the whole training part.
    """
    scaled = []
    for s in annotation.slices:
        factor = factor_of(annotation, settings, s)
        scaled.append(
            in_model_pixels(
                s.source,
                s.window,
                s.labels,
                s.train_known,
                factor,
                settings,
                s.train_open,
                s.open & s.split.region,
            )
        )
    painted = [one.labels for one in scaled]
    if labels_are == "instances":
        scaled = [replace(one, labels=carve(one.labels)) for one in scaled]
    counts: Counts = {}
    for one in scaled:
        for value, n in class_counts(one.labels, one.known, labels_are).items():
            counts[value] = counts.get(value, 0) + n
    by_class = class_weights(counts, settings.weights)
    samples = []
    for one, uncut in zip(scaled, painted, strict=True):
        labels, asked = one.labels, bool(one.open.any())
        known = None if asked else one.known
        weights = assembled_map(labels, known, settings.weights, labels_are, by_class)
        target = (labels > 0).astype(np.uint8)
        for output, value in enumerate(annotation.class_values, start=1):
            target[labels == value] = output
        sample = Sample(one.image, labels, target, one.known, weights, one.whole)
        if asked:
            ground = Ground(uncut, one.known, one.open, one.hidden, weights)
            rims = with_rims(ground, settings.unpainted)
            sample = replace(sample, ground=ground).knowing(rims)
        samples.append(sample)
    return samples, by_class


def factor_of(annotation: Annotation, settings: Settings, s: AnnotatedSlice | None = None) -> float:
    """Image pixels -> model pixels for a slice, or for all in the middle; 1 with classes."""
    if annotation.class_values:
        return 1.0
    diameter = annotation.diameter if s is None else annotation.diameter_of(s)
    return scale_factor(diameter, settings.scale)
