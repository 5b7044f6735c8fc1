"""The score on the held-out part, in numbers and in words; thresholds are chosen on it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .annotation import whole_cell_areas
from .held_out import LEAST_JUDGED, too_few
from .instances import moved
from .metrics import Scores, evaluate, evaluate_classes, pool
from .samples import AROUND, AnnotatedSlice, Annotation, factor_of
from .segment import Floats, Segmenter
from .settings import InstanceSettings, Settings
from .tiling import halo
from .windows import Window, grown
from .windows import moved as moved_to

# what is tried, one after the other, each from the best of the one before
THRESHOLDS = (-1.0, -0.5, 0.5, 1.0)  # log-odds by which the mask's is moved
DIPS = (0.0,)  # log-odds at which touching cells come apart; lower ones won by chance
PEAKS = (0.0,)  # a network that is sure of nothing yet would find no cell
SIZES = (2 / 3, 3 / 2, 2)  # multiples of the least size
OUTLINES = (-1.0, -0.5)  # log-odds by which that of found cells is moved; none is tried, too
FINER = 0.005  # gain in value: the cells stay the same, so that there is less chance in it
# model pixels that a scoring puts through the network, at most: 1 s of two cores, 4 s of old ones
MOST_SCORED = 2**21
# image pixels that it finds cells in, with each setting that is tried: 0.4 s each time
MOST_LABELLED = 2**20
ENOUGH = 20  # held-out cells; of fewer, one found or lost hides what differs
CLEARLY = 0.02  # smaller differences in the score say nothing, nor does half a cell


@dataclass(frozen=True)
class Judged:
    """Scores of one network on the held-out part."""

    scores: Scores
    instances: InstanceSettings

    @property
    def value(self) -> float:
        """What "better" means: cells found and their outlines, or the mean IoU of classes."""
        s = self.scores
        return s.mean_iou if s.labels_are == "classes" else (s.ap(0.5) + s.seg) / 2

    @property
    def slack(self) -> float:
        """Differences in value up to this are chance: few held-out cells, much chance."""
        return CLEARLY + (0.5 / self.scores.truth if self.scores.truth else 0.0)

    def as_dict(self) -> dict[str, Any]:
        """For messages and files."""
        s = self.scores
        if s.labels_are == "classes":
            return {"mIoU": s.mean_iou, "value": self.value}
        return {
            "AP50": s.ap(0.5),
            "SEG": s.seg,
            "truth": s.truth,
            "found": s.matches(0.5),
            "merges": s.merges,
            "splits": s.splits,
            "spurious": s.predicted - s.matches(0.5),
            "value": self.value,
        }


def words(score: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    """ "12 of 14 held-out cells found (was 5), 1 merged pair"."""
    if "mIoU" in score:
        was = f" (was {before['mIoU']:.2f})" if before else ""
        return f"mean IoU {score['mIoU']:.2f}{was} on the held-out part"
    if few := too_few(score):
        return few
    was = f" (was {before['found']})" if before else ""
    parts = [f"{score['found']} of {score['truth']} held-out cells found{was}"]
    for key, one, many in (
        ("merges", "merged pair", "merged pairs"),
        ("splits", "split cell", "split cells"),
    ):
        if score[key]:
            parts.append(f"{score[key]} {one if score[key] == 1 else many}")
    if score["spurious"]:
        parts.append(f"{score['spurious']} where there is none")
    return ", ".join(parts)


class HeldOut:
    """The held-out parts of the slices, each cut out with a little around it.

    Of many slices some are scored, spread evenly: each scoring takes from the training's time.
    """

    def __init__(self, annotation: Annotation, settings: Settings) -> None:
        around, parts = 2 * halo(settings.network), annotation.held_out
        boxes = [_box(s) for s in parts]
        costs = [
            _cost(box, factor_of(annotation, settings, s), around)
            for s, box in zip(parts, boxes, strict=True)
        ]
        chosen = _spread(costs, [len(s.split.ids) > 0 for s in parts])
        self.slices, self.boxes = [parts[i] for i in chosen], [boxes[i] for i in chosen]
        # by their labels, which is kinder than to measure them as prediction must
        mixed = annotation.diameters is not None
        self.diameters = [s.diameter if mixed else None for s in self.slices]
        self.cells = sum(len(s.split.ids) for s in self.slices)
        self.smallest = min((_smallest(annotation, s) for s in self.slices), default=0.0)

    def __bool__(self) -> bool:
        return bool(self.slices)

    def probabilities(self, segmenter: Segmenter) -> list[Floats]:
        """For each held-out slice the probabilities in its box."""
        return [
            replace(segmenter, diameter=diameter).window(s.source, moved_to(box, s.window))
            for s, box, diameter in zip(self.slices, self.boxes, self.diameters, strict=True)
        ]

    def score(self, segmenter: Segmenter, probabilities: Sequence[Floats]) -> Judged:
        """Scores by the segmenter's own instance settings."""
        judged = []
        for s, (y0, y1, x0, x1), probability, diameter in zip(
            self.slices, self.boxes, probabilities, self.diameters, strict=True
        ):
            truth, known = s.labels[y0:y1, x0:x1], s.known[y0:y1, x0:x1]
            region = s.split.region[y0:y1, x0:x1]
            # what was not annotated is neither right nor wrong: labelled 0 like missing pixels
            found = replace(segmenter, diameter=diameter).labels(probability, known)
            if segmenter.config.labels_are == "classes":
                values = segmenter.config.class_values
                judged.append(evaluate_classes(truth, found, values, region))
            else:
                judged.append(evaluate(truth, found, region=region))
        return Judged(pool(judged), segmenter.config.instances)

    def choose(
        self, segmenter: Segmenter, probabilities: Sequence[Floats], *, sure: bool = False
    ) -> Judged:
        """Scores by the instance settings that do best here.

        The segmenter's own stay where nothing is clearly better.

        Parameters
        ----------
        sure : the network was sure of its cells from the start, as a base model is: another
            threshold would win by chance, and its outline is that of all annotators, not of these
            few cells
        """
        start = self.score(segmenter, probabilities)
        if segmenter.config.labels_are == "classes":
            return start
        best = start
        # peaks first, or there may be nothing to see; then dips: what splits textured cells (EM)
        # hides which threshold would be right
        least_size = partial(_least_size, smallest=self.smallest)
        changes = (_peak, _dip, least_size) if sure else (_peak, _dip, _threshold, least_size)
        for change in changes:
            best = self._best(best, change(best.instances, start.slack), segmenter, probabilities)
        best = best if best.value > start.value + start.slack else start
        if sure or start.scores.truth < LEAST_JUDGED:  # a hand's error on one or two cells
            return best
        return self._best(best, _outline(best.instances), segmenter, probabilities)

    def _best(
        self,
        best: Judged,
        tried: Iterable[tuple[InstanceSettings, float]],
        segmenter: Segmenter,
        probabilities: Sequence[Floats],
    ) -> Judged:
        """The best of what is tried, each with what it must gain beyond the one at hand."""
        now, most = best.value, 0.0
        for instances, more in tried:
            judged = self.score(replace_config(segmenter, instances), probabilities)
            if judged.value - now - more > most:
                best, most = judged, judged.value - now - more
        return best


# settings to try, and what each must gain beyond those at hand. Neither seeds above the mask's
# threshold nor necks are tried: both won by chance on a few held-out cells, and split every
# fifth or tenth cell of other images
Tried = Iterator[tuple[InstanceSettings, float]]


def _threshold(now: InstanceSettings, slack: float) -> Tried:
    # the farther off, the less likely: chance chose 0.25 in histology, and lost 0.05 of AP50
    return ((moved(now, by, 0.0), abs(by) * slack) for by in THRESHOLDS)


def _peak(now: InstanceSettings, slack: float) -> Tried:
    return ((replace(now, peak=by), 0.0) for by in PEAKS if by != now.peak)


def _dip(now: InstanceSettings, slack: float) -> Tried:
    return ((replace(now, dip=by), 0.0) for by in DIPS)


def _least_size(now: InstanceSettings, slack: float, smallest: float) -> Tried:
    # not so high that a cell would go which the user has painted: what is held out is but a part
    tried = (round(now.min_size * by) for by in SIZES)
    return ((replace(now, min_size=x), 0.0) for x in tried if x <= max(smallest, now.min_size))


def _outline(now: InstanceSettings) -> Tried:
    yield replace(now, outline=0.0), FINER
    for by in OUTLINES:
        yield moved(now, 0.0, by), FINER


def replace_config(segmenter: Segmenter, instances: InstanceSettings) -> Segmenter:
    """The same segmenter with other instance settings."""
    return replace(segmenter, config=replace(segmenter.config, instances=instances))


def _smallest(annotation: Annotation, s: AnnotatedSlice) -> float:
    """Area of the smallest whole cell of a slice, px, as if its cells were of the usual size."""
    area = whole_cell_areas(s.labels, s.known).min(initial=np.inf)
    own, usual = annotation.diameter_of(s), annotation.diameter
    return float(area * (usual / own) ** 2 if own and usual else area)


def _spread(costs: Sequence[float], cells: Sequence[bool]) -> list[int]:
    """Which parts to score: all, or so many with cells, evenly spread, as come to about 1."""
    if sum(costs) <= 1:
        return list(range(len(costs)))
    # slices whose block holds no cell could fill the whole choice, and then nothing be judged
    parts = [i for i, some in enumerate(cells) if some] or list(range(len(costs)))
    total = sum(costs[i] for i in parts)
    count = min(len(parts), max(1, round(len(parts) / total)))
    return [parts[int((i + 0.5) * len(parts) / count)] for i in range(count)]


def _cost(box: Window, factor: float, around: int) -> float:
    """Share of what a scoring may take that a box (image pixels) needs."""
    high, wide = box[1] - box[0], box[3] - box[2]
    seen = (factor * high + around) * (factor * wide + around)
    return max(seen / MOST_SCORED, high * wide / MOST_LABELLED)


def _box(s: AnnotatedSlice) -> Window:
    """The held-out part's bounding box with something around it: cells there may be cut."""
    region = s.split.region
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return grown(box, AROUND, (region.shape[0], region.shape[1]))
