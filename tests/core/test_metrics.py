"""Metrics against brute force and scikit-image, and the cases at the edge."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_unet.core.errors import BadInput
from napari_unet.core.metrics import evaluate, evaluate_classes, mean, pool

Labels = np.ndarray[Any, np.dtype[np.int32]]


def blobs(rng: np.random.Generator, shape: tuple[int, int] = (48, 56), cells: int = 12) -> Labels:
    """Touching and overlapping rectangles with scattered ids."""
    labels = np.zeros(shape, np.int32)
    for _ in range(cells):
        y, x = rng.integers(0, shape[0] - 4), rng.integers(0, shape[1] - 4)
        h, w = rng.integers(2, 16, 2)
        labels[y : y + h, x : x + w] = rng.integers(1, 500)
    return labels


def disturbed(rng: np.random.Generator, labels: Labels) -> Labels:
    """The labels shifted, two merged, one split, one lost, one added."""
    out = np.roll(labels, rng.integers(-2, 3, 2), (0, 1))
    ids = np.unique(out[out > 0])
    out[out == ids[0]] = ids[-1]
    out[out == ids[1]] = 0
    out[:, : out.shape[1] // 2][out[:, : out.shape[1] // 2] == ids[2]] = 900
    out[3:7, 3:7] = 901
    return out


def pairs_of(seed: int) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    truth = blobs(rng)
    return truth, disturbed(rng, truth) if seed % 3 else blobs(rng)


def brute(truth: Labels, prediction: Labels) -> dict[str, Any]:
    """Everything by loops over cells and a dense matrix."""
    true = [truth == i for i in np.unique(truth) if i]
    pred = [prediction == i for i in np.unique(prediction) if i]
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in pred] for a in true])
    seg = [
        max([(a & b).sum() / (a | b).sum() for b in pred if (a & b).sum() > a.sum() / 2], default=0)
        for a in true
    ]
    covered = [[(a & b).sum() > a.sum() / 2 for a in true] for b in pred]
    filled = [[(a & b).sum() > b.sum() / 2 for b in pred] for a in true]

    def matched(threshold: float) -> list[float]:
        rows, columns = linear_sum_assignment(-1.0 * (iou >= threshold) - iou / 1e3)
        return [iou[r, c] for r, c in zip(rows, columns, strict=True) if iou[r, c] >= threshold]

    return {
        "true": len(true),
        "pred": len(pred),
        "matched": matched,
        "seg": np.mean(seg),
        "merges": sum(max(sum(c) - 1, 0) for c in covered),
        "splits": sum(max(sum(f) - 1, 0) for f in filled),
    }


@pytest.mark.parametrize("seed", range(30))
def test_against_brute_force(seed: int) -> None:
    truth, prediction = pairs_of(seed)
    scores, naive = evaluate(truth, prediction), brute(truth, prediction)
    both = naive["true"] + naive["pred"]
    assert (scores.truth, scores.predicted) == (naive["true"], naive["pred"])
    for threshold in (0.1, 0.3, 0.5, 0.55, 0.75, 0.9, 1.0):
        found = len(naive["matched"](threshold))
        assert scores.matches(threshold) == found
        assert scores.ap(threshold) == pytest.approx(found / (both - found))
        assert scores.f1(threshold) == pytest.approx(2 * found / both)
    assert scores.mean_ap == pytest.approx(
        np.mean([scores.ap(round(0.5 + 0.05 * i, 2)) for i in range(10)])
    )
    assert scores.pq == pytest.approx(sum(naive["matched"](0.5)) / (both / 2))
    assert scores.seg == pytest.approx(naive["seg"])
    assert (scores.merges, scores.splits) == (naive["merges"], naive["splits"])
    assert scores.arand == pytest.approx(adapted_rand_error(truth, prediction)[0])
    vi = variation_of_information(truth, prediction, ignore_labels=(0,))
    assert scores.vi == pytest.approx(sum(vi))
    fore, back = truth > 0, truth == 0
    ious = [((prediction > 0) & fore).sum() / ((prediction > 0) | fore).sum()]
    ious.append(((prediction == 0) & back).sum() / ((prediction == 0) | back).sum())
    assert scores.mean_iou == pytest.approx(np.mean(ious))


@pytest.mark.parametrize("seed", range(6))
def test_ids_and_flips_do_not_matter(seed: int) -> None:
    truth, prediction = pairs_of(seed)
    table = np.random.default_rng(seed).permutation(2000) * 1_000_000 + 7
    table[0] = 0
    other = evaluate(table[truth][::-1], prediction[::-1].astype(np.uint16))
    assert other.to_dict() == pytest.approx(evaluate(truth, prediction).to_dict())


def test_a_tie_matches_once_and_the_threshold_counts() -> None:
    truth = np.ones((2, 4), int)
    halves = np.array([[1, 1, 2, 2]] * 2)  # IoU exactly 0.5 each
    scores = evaluate(truth, halves)
    assert (scores.found, scores.spurious, scores.pq) == (1, 1, pytest.approx(0.5 / 1.5))
    assert scores.matches(0.5000001) == 0


def test_nothing_to_find() -> None:
    nothing, one = np.zeros((5, 5), int), np.eye(5, dtype=int)
    perfect = evaluate(nothing, nothing)
    for name in ("AP50", "F1_50", "mAP", "SEG", "PQ", "mIoU"):
        assert perfect.to_dict()[name] == 1
    assert (perfect.arand, perfect.vi, perfect.missed, perfect.spurious) == (0, 0, 0, 0)
    for bad in (evaluate(nothing, one), evaluate(one, nothing)):
        assert (bad.ap(), bad.f1(), bad.mean_ap, bad.seg, bad.pq) == (0, 0, 0, 0, 0)
    assert evaluate(np.ones((1, 1), int), np.ones((1, 1), int)).to_dict()["ARAND"] == 0
    assert pool([]).ap() == 1 and mean([]) == {}


def test_a_perfect_prediction() -> None:
    truth = blobs(np.random.default_rng(1))
    scores = evaluate(truth, truth)
    assert all(scores.ap(t) == 1 for t in (0.5, 0.95, 1.0))
    assert (scores.seg, scores.pq, scores.arand, scores.merges) == (1, 1, 0, 0)
    assert scores.vi == pytest.approx(0)


def test_pooled_equals_one_large_image() -> None:
    many = [pairs_of(seed) for seed in range(5)]
    gap = np.zeros((1, 56), int)
    truth = np.vstack([np.vstack([t + 1000 * i * (t > 0), gap]) for i, (t, _) in enumerate(many)])
    found = np.vstack([np.vstack([p + 1000 * i * (p > 0), gap]) for i, (_, p) in enumerate(many)])
    scores = pool([evaluate(t, p) for t, p in many])
    whole = evaluate(truth, found)
    expected = whole.to_dict()
    # Of these the large image differs: prediction 0 is one segment there, and the gap counts.
    for name in set(expected) - {"ARAND", "VI", "mIoU"}:
        assert scores.to_dict()[name] == pytest.approx(expected[name])
    assert json.loads(json.dumps(scores.to_dict())).keys() == expected.keys()


def test_small_true_cells_are_ignored_with_what_lies_on_them() -> None:
    truth, prediction = np.zeros((20, 20), int), np.zeros((20, 20), int)
    truth[:10, :10], truth[15:17, 15:17] = 1, 2
    prediction[:10, :10], prediction[15:17, 15:17], prediction[0:2, 15:17] = 1, 2, 3
    assert (evaluate(truth, prediction).truth, evaluate(truth, prediction).predicted) == (2, 3)
    scores = evaluate(truth, prediction, min_size=5)
    assert (scores.truth, scores.found, scores.spurious) == (1, 1, 1)  # 3 is small, but no excuse
    prediction[15:17, 15:20] = 2  # now it lies mostly beside the small cell
    assert evaluate(truth, prediction, min_size=5).spurious == 2


def test_region() -> None:
    truth, prediction = np.zeros((20, 40), int), np.zeros((20, 40), int)
    region = np.zeros((20, 40), bool)
    region[:, :20] = True
    truth[2:6, 2:6], truth[10:14, 18:21] = 1, 2  # inside; mostly inside
    truth[10:14, 30:34], truth[2:6, 19:25] = 3, 4  # outside; mostly outside
    prediction[2:6, 2:6], prediction[10:14, 17:25] = 1, 2  # match; mostly outside, IoU 12/32
    prediction[2:6, 19:20] = 4  # inside, but on a cell that does not count
    prediction[16:18, 2:4], prediction[16:18, 30:32] = 5, 6  # spurious; outside
    scores = evaluate(truth, prediction, region=region)
    assert (scores.truth, scores.found, scores.predicted, scores.spurious) == (2, 1, 2, 1)
    prediction[10:14, 17:25] = 0
    prediction[10:14, 19:23] = 2
    truth[10:14, 17:22] = 2  # 3 of 5 columns inside; the prediction 1 of 4, but IoU 3/6
    scores = evaluate(truth, prediction, region=region)
    assert (scores.truth, scores.found, scores.predicted) == (2, 2, 3)
    whole = evaluate(truth, prediction, region=np.ones_like(region))
    assert whole.to_dict() == evaluate(truth, prediction).to_dict()


def test_seventy_thousand_ids() -> None:
    """A table of all pairs would take 39 GB."""
    side = 265
    ids = np.arange(1, side * side + 1).reshape(side, side)
    truth = np.kron(ids, np.ones((4, 4), int))
    prediction = np.roll(truth, 1, 0)
    scores = evaluate(truth, prediction)
    words = scores.to_dict()
    assert scores.truth == side * side > 70_000
    assert words["AP50"] == pytest.approx(1, abs=0.01)  # IoU 12 / 20
    assert scores.ap(0.61) < 0.01


def test_classes() -> None:
    truth = np.array([[0, 0, 1, 1], [7, 7, 7, 7]])
    found = np.array([[0, 1, 1, 1], [7, 7, 7, 0]])
    scores = evaluate_classes(truth, found, (1, 7, 9))
    assert scores.mean_iou == pytest.approx(np.mean([1 / 3, 2 / 3, 3 / 4]))
    assert scores.to_dict() == {"mIoU": scores.mean_iou}
    known = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], bool)
    assert evaluate_classes(truth, found, (1, 7), known).mean_iou == 1
    other = evaluate_classes(np.full((2, 2), 9), np.full((2, 2), 1))
    both = pool([scores, other])
    assert both.shared == {0: 1, 1: 2, 7: 3, 9: 0} and both.either == {0: 3, 1: 7, 7: 4, 9: 4}
    assert evaluate_classes(truth, truth, (), np.zeros((2, 4), bool)).mean_iou == 1


@pytest.mark.parametrize(
    "prediction", [np.ones((4, 5), int), -np.ones((4, 4), int), np.full((4, 4), 0.5)]
)
def test_bad_input(prediction: Labels) -> None:
    truth = np.ones((4, 4), int)
    with pytest.raises(BadInput):
        evaluate(truth, prediction)
    with pytest.raises(BadInput):
        evaluate_classes(truth, prediction)


def test_words() -> None:
    truth, prediction = np.eye(3, dtype=int), np.eye(3, dtype=int) * 4
    assert evaluate(truth, prediction).words == (
        "1 of 1 cells found, 0 merged, 0 split, 0 spurious"
    )
    assert evaluate_classes(truth, truth).words == "mean IoU 1.00 over 2 classes"
