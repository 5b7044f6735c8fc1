"""The score on the held-out part, in numbers and in words; thresholds are chosen on it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .metrics import Scores, evaluate, evaluate_classes, pool
from .predict import ArraySource, Window, predict_tiles
from .samples import AnnotatedSlice, Annotation
from .segment import Floats, Segmenter
from .settings import InstanceSettings

THRESHOLDS = (0.4, 0.5, 0.6, 0.7)  # tried for the mask
SEEDS = (0.0, 0.15, 0.3)  # tried on top of it for the seeds
CLEARLY = 0.02  # a choice other than the start's must be better by this


@dataclass(frozen=True)
class Judged:
    """Scores of one network on the held-out part."""

    scores: Scores
    instances: InstanceSettings

    @property
    def value(self) -> float:
        """What "better" means: cells found at IoU 0.5 and their outlines, or mean IoU of classes."""
        s = self.scores
        return s.mean_iou if s.labels_are == "classes" else (s.ap(0.5) + s.seg) / 2

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
    was = f" (was {before['found']})" if before else ""
    parts = [f"{score['found']} of {score['truth']} held-out cells found{was}"]
    for key, one, many in (("merges", "merged pair", "merged pairs"), ("splits", "split cell", "split cells")):
        if score[key]:
            parts.append(f"{score[key]} {one if score[key] == 1 else many}")
    if score["spurious"]:
        parts.append(f"{score['spurious']} where there is none")
    return ", ".join(parts)


class HeldOut:
    """The held-out parts of all slices."""

    def __init__(self, annotation: Annotation) -> None:
        self.slices = annotation.held_out
        self.cells = sum(len(s.split.ids) for s in self.slices)

    def __bool__(self) -> bool:
        return bool(self.slices)

    def probabilities(self, segmenter: Segmenter) -> list[Floats]:
        """For each held-out slice the probabilities near its held-out part; 0 elsewhere."""
        return [_near(segmenter, s) for s in self.slices]

    def score(self, segmenter: Segmenter, probabilities: Sequence[Floats]) -> Judged:
        """Scores by the segmenter's own instance settings."""
        judged = [
            _compare(s, segmenter.labels(p, np.ones(s.known.shape, bool)), segmenter)
            for s, p in zip(self.slices, probabilities, strict=True)
        ]
        return Judged(pool(judged), segmenter.config.instances)

    def choose(self, segmenter: Segmenter, probabilities: Sequence[Floats]) -> Judged:
        """Scores by the instance settings that do best here; the segmenter's where nothing is clearly better."""
        start = self.score(segmenter, probabilities)
        if segmenter.config.labels_are == "classes":
            return start
        best = start
        for threshold in THRESHOLDS:
            for above in SEEDS:
                tried = replace(start.instances, threshold=threshold, seed_threshold=threshold + above)
                with_them = replace_config(segmenter, tried)
                judged = self.score(with_them, probabilities)
                if judged.value > best.value:
                    best = judged
        return best if best.value > start.value + CLEARLY else start


def replace_config(segmenter: Segmenter, instances: InstanceSettings) -> Segmenter:
    """The same segmenter with other instance settings."""
    return replace(segmenter, config=replace(segmenter.config, instances=instances))


def _near(segmenter: Segmenter, s: AnnotatedSlice) -> Floats:
    source = ArraySource(s.image)
    out = np.zeros((segmenter.config.network.classes, *s.known.shape), np.float32)
    plan = segmenter.plan(s.known.shape).touching(_box(s))
    for tile, probability in predict_tiles(segmenter.net, source, plan, precision=segmenter.precision):
        y0, y1, x0, x1 = tile.window
        out[:, y0:y1, x0:x1] = probability
    return out[1] if segmenter.config.labels_are == "instances" else out


def _box(s: AnnotatedSlice) -> Window:
    """The held-out part's bounding box, with a cell's width around it."""
    rows, columns = np.flatnonzero(s.split.region.any(axis=1)), np.flatnonzero(s.split.region.any(axis=0))
    around = 16
    return (
        max(int(rows[0]) - around, 0),
        int(rows[-1]) + 1 + around,
        max(int(columns[0]) - around, 0),
        int(columns[-1]) + 1 + around,
    )


def _compare(s: AnnotatedSlice, found: Any, segmenter: Segmenter) -> Scores:
    if segmenter.config.labels_are == "classes":
        return evaluate_classes(s.labels, found, segmenter.config.class_values, s.split.region)
    found = np.where(s.known, found, 0)  # what was not annotated is neither right nor wrong
    return evaluate(s.labels, found, region=s.split.region)
