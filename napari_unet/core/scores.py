"""Scores of a segmentation: counts and sums, and the measures that follow from them.

:mod:`napari_unet.core.metrics` makes them from labels. A match needs an IoU of the threshold or
more; AP = TP / (TP + FP + FN). Where a measure is 0 / 0 (nothing to find, and nothing was found)
the answer is the perfect one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .overlap import Ints
from .settings import LabelsAre

Floats = npt.NDArray[np.float64]
THRESHOLDS = tuple(np.arange(50, 100, 5) / 100)  # IoU, of the mean AP


def _no_ints() -> Ints:
    return np.empty(0, np.int64)


def _no_floats() -> Floats:
    return np.empty(0, np.float64)


@dataclass(frozen=True, eq=False)
class Scores:
    """Counts and sums of one image or of many, from which every measure follows.

    Attributes
    ----------
    truth, predicted : cells that count
    merges : true cells lost in merges: a predicted cell that covers over half of n true cells
        counts n - 1
    splits : surplus pieces: a true cell that covers over half of n predicted cells counts n - 1
    rows, columns, ious : (pairs,), the pairs of counted cells that share pixels
    seg_sum : sum over true cells of the IoU with the prediction that covers over half of it
    rand : pairs of pixels together in both, in the truth, in the prediction
    vi_sum, vi_pixels : bits times pixels, and pixels, of the variation of information
    shared, either : pixels by class value: in both, in at least one
    """

    labels_are: LabelsAre = "instances"
    truth: int = 0
    predicted: int = 0
    merges: int = 0
    splits: int = 0
    rows: Ints = field(default_factory=_no_ints, repr=False)
    columns: Ints = field(default_factory=_no_ints, repr=False)
    ious: Floats = field(default_factory=_no_floats, repr=False)
    seg_sum: float = 0.0
    rand: tuple[float, float, float] = (0.0, 0.0, 0.0)
    vi_sum: float = 0.0
    vi_pixels: int = 0
    shared: dict[int, int] = field(default_factory=dict)
    either: dict[int, int] = field(default_factory=dict)

    def matches(self, iou: float) -> int:
        """Most pairs with at least this IoU, each cell used once."""
        near = self.ious >= iou
        if not near.any():
            return 0
        rows, columns = self.rows[near], self.columns[near]
        ones = np.ones(len(rows), np.int8)
        table = sparse.csr_array((ones, (rows, columns)), shape=(self.truth, self.predicted))
        # From 0.5 on a cell has two candidates only in exact ties, so that the number of
        # matches is all there is to optimise; scipy's linear_sum_assignment gives the same
        # number, but from a dense table: 40 GB for 70,000 cells.
        partner = sparse.csgraph.maximum_bipartite_matching(table, perm_type="column")
        return int((partner >= 0).sum())

    def ap(self, iou: float = 0.5) -> float:
        """TP / (TP + FP + FN)."""
        found = self.matches(iou)
        return _ratio(found, self.truth + self.predicted - found)

    def f1(self, iou: float = 0.5) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.matches(iou), self.truth + self.predicted)

    @property
    def mean_ap(self) -> float:
        """Mean of `ap` over the IoU thresholds 0.50, 0.55, ... 0.95."""
        return float(np.mean([self.ap(t) for t in THRESHOLDS]))

    @property
    def pq(self) -> float:
        """Panoptic quality: the IoUs of the matches at 0.5 over TP + FP/2 + FN/2."""
        near = self.ious >= 0.5
        # With exact ties more pairs than matches: what is too much is exactly 0.5 each.
        surplus = int(near.sum()) - self.found
        return _ratio(self.ious[near].sum() - 0.5 * surplus, (self.truth + self.predicted) / 2)

    @property
    def seg(self) -> float:
        """SEG of the Cell Tracking Challenge; 0 if there is no truth but a prediction."""
        return self.seg_sum / self.truth if self.truth else float(self.predicted == 0)

    @property
    def arand(self) -> float:
        """Adapted Rand error as in scikit-image, truth 0 ignored; 0 is perfect."""
        both, truth, prediction = self.rand
        return 1.0 - _ratio(2 * both, truth + prediction)

    @property
    def vi(self) -> float:
        """Variation of information in bits, truth 0 ignored; 0 is perfect."""
        return self.vi_sum / self.vi_pixels if self.vi_pixels else 0.0

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that occur; with instances: of cells and background."""
        ious = [_ratio(self.shared.get(v, 0), n) for v, n in self.either.items() if n]
        return float(np.mean(ious)) if ious else 1.0

    @property
    def found(self) -> int:
        """True cells with a match at IoU 0.5."""
        return self.matches(0.5)

    @property
    def missed(self) -> int:
        """True cells without a match at IoU 0.5."""
        return self.truth - self.found

    @property
    def spurious(self) -> int:
        """Predicted cells without a match at IoU 0.5."""
        return self.predicted - self.found

    @property
    def words(self) -> str:
        """For people, e.g. ``12 of 14 cells found, 1 merged, 0 split, 2 spurious``."""
        if self.labels_are == "classes":
            return f"mean IoU {self.mean_iou:.2f} over {len(self.either)} classes"
        return (
            f"{self.found} of {self.truth} cells found, {self.merges} merged,"
            f" {self.splits} split, {self.spurious} spurious"
        )

    def to_dict(self) -> dict[str, float]:
        """Every measure by its short name, JSON numbers; with classes mIoU alone."""
        if self.labels_are == "classes":
            return {"mIoU": self.mean_iou}
        return {
            "AP50": self.ap(0.5),
            "F1_50": self.f1(0.5),
            "mAP": self.mean_ap,
            "SEG": self.seg,
            "PQ": self.pq,
            "ARAND": self.arand,
            "VI": self.vi,
            "mIoU": self.mean_iou,
            "truth": self.truth,
            "predicted": self.predicted,
            "found": self.found,
            "missed": self.missed,
            "spurious": self.spurious,
            "merges": self.merges,
            "splits": self.splits,
        }


def pool(scores: Sequence[Scores]) -> Scores:
    """The cells (or pixels, with classes) of all images together, as if they were one image."""
    rows = np.cumsum([0, *(s.truth for s in scores)])
    columns = np.cumsum([0, *(s.predicted for s in scores)])
    values = sorted({v for s in scores for v in s.either})
    rand = np.sum([s.rand for s in scores], axis=0) if scores else np.zeros(3)
    return Scores(
        labels_are=scores[0].labels_are if scores else "instances",
        truth=int(rows[-1]),
        predicted=int(columns[-1]),
        merges=sum(s.merges for s in scores),
        splits=sum(s.splits for s in scores),
        rows=np.concatenate(
            [_no_ints(), *(s.rows + n for s, n in zip(scores, rows, strict=False))]
        ),
        columns=np.concatenate(
            [_no_ints(), *(s.columns + n for s, n in zip(scores, columns, strict=False))]
        ),
        ious=np.concatenate([_no_floats(), *(s.ious for s in scores)]),
        seg_sum=sum(s.seg_sum for s in scores),
        rand=(float(rand[0]), float(rand[1]), float(rand[2])),
        vi_sum=sum(s.vi_sum for s in scores),
        vi_pixels=sum(s.vi_pixels for s in scores),
        shared={v: sum(s.shared.get(v, 0) for s in scores) for v in values},
        either={v: sum(s.either.get(v, 0) for s in scores) for v in values},
    )


def mean(scores: Sequence[Scores]) -> dict[str, float]:
    """Mean over images of each measure of :meth:`Scores.to_dict`."""
    tables = [s.to_dict() for s in scores]
    return {name: float(np.mean([t[name] for t in tables])) for name in tables[0]} if tables else {}


def _shifted(parts: Sequence[Ints], starts: npt.NDArray[Any]) -> Ints:
    """Indices of each image behind those of the images before it."""
    return np.concatenate([_no_ints(), *(p + n for p, n in zip(parts, starts[:-1], strict=True))])


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0
