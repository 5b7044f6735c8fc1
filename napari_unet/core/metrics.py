"""How good a segmentation is: cells found, and how well, against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .annotation import check_labels
from .errors import BadInput
from .given import as_mask, within
from .overlap import Ints, Overlap, overlap
from .scores import Floats, Scores, mean, pool
from .typed import short

__all__ = ["Scores", "evaluate", "evaluate_classes", "mean", "pool"]

Mask = npt.NDArray[np.bool_]

LARGEST_AREA = 1e12  # px, beyond all images


def evaluate(
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    min_size: int = 0,
    region: npt.ArrayLike | None = None,
) -> Scores:
    """Compare two labellings of one image.

    Parameters
    ----------
    truth, prediction
        (Y, X) or (Z, Y, X) int of one shape, 0 = background. Ids need not agree. With Z the
        cells are 3-D objects; of labels that were made slice by slice give one slice at a time.
    min_size
        True cells of fewer pixels are ignored, with the predictions that lie mostly on them.
    region
        Of the same shape, not 0 inside: only true cells that lie mostly inside count, and
        only predictions that do, or that match such a cell. None: everything.

    Raises
    ------
    BadInput
        If the shapes differ, the ids are no ids, or `min_size` is no number of pixels.
    """
    if not within(min_size, 0, LARGEST_AREA):
        raise BadInput(f"min_size must be a number of pixels, 0 or more, not {short(min_size)}")
    true, found, inside = _same_shape(truth, prediction, region)
    table = overlap(true, found, inside)
    cells = 2 * table.truth_inside > table.truth_sizes
    cells &= table.truth_sizes >= min_size
    cells[0] = False
    predictions = _counted_predictions(table, cells)
    iou = table.iou
    on_cell = cells[table.truth]
    paired = on_cell & predictions[table.prediction]
    on_both = on_cell & (table.prediction > 0)
    covers_truth = on_both & (2 * table.pixels > table.truth_sizes[table.truth])
    fills = on_both & (2 * table.pixels > table.prediction_sizes[table.prediction])
    pixels, shared, either = table.pixels[on_cell], *_foreground(true, found, inside)
    return Scores(
        truth=int(cells.sum()),
        predicted=int(predictions.sum()),
        merges=_surplus(table.prediction[covers_truth]),
        splits=_surplus(table.truth[fills]),
        rows=(np.cumsum(cells) - 1)[table.truth[paired]],
        columns=(np.cumsum(predictions) - 1)[table.prediction[paired]],
        ious=iou[paired],
        seg_sum=float(iou[covers_truth].sum()),
        rand=_pairs_of_pixels(table.truth[on_cell], table.prediction[on_cell], pixels),
        vi_sum=_information(table.truth[on_cell], table.prediction[on_cell], pixels),
        vi_pixels=int(pixels.sum()),
        shared=shared,
        either=either,
    )


def evaluate_classes(
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    values: Sequence[int] = (),
    known: npt.ArrayLike | None = None,
) -> Scores:
    """Compare two class maps of one image: the IoU of each class, background (0) included.

    Parameters
    ----------
    truth, prediction
        int of one shape; a pixel's value is its class.
    values
        Classes to name even if they do not occur (they do not count then).
    known
        Of the same shape, 0 where pixels do not count. None: everything.

    Raises
    ------
    BadInput
        If the shapes differ or the values are no classes.
    """
    true, found, counted = _same_shape(truth, prediction, known)
    if counted is not None:
        true, found = true[counted], found[counted]
    both = _pixels_by_value(true[true == found])
    one, other = _pixels_by_value(true), _pixels_by_value(found)
    classes = sorted({0, *values, *one, *other})
    return Scores(
        labels_are="classes",
        shared={v: both.get(v, 0) for v in classes},
        either={v: one.get(v, 0) + other.get(v, 0) - both.get(v, 0) for v in classes},
    )


def _same_shape(
    truth: npt.ArrayLike, prediction: npt.ArrayLike, mask: npt.ArrayLike | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Mask | None]:
    true, found = check_labels(truth, "the true labels"), check_labels(prediction, "the prediction")
    if true.shape != found.shape:
        raise BadInput(f"the true labels have the shape {true.shape}, the prediction {found.shape}")
    # whole numbers would index pixels instead of choosing them
    chosen = None if mask is None else as_mask(mask, "the region")
    if chosen is not None and chosen.shape != true.shape:
        raise BadInput(f"the labels have the shape {true.shape}, the region {chosen.shape}")
    return true, found, chosen


def _counted_predictions(table: Overlap, cells: Mask) -> Mask:
    """(predicted cells + 1,) bool: not mostly on ignored true cells, and in the region."""
    sizes = table.prediction_sizes
    ignored = ~cells[table.truth] & (table.truth > 0)
    on_ignored = np.bincount(
        table.prediction[ignored], weights=table.pixels[ignored], minlength=len(sizes)
    )
    counted = 2 * table.prediction_inside > sizes
    counted[table.prediction[cells[table.truth] & (table.iou >= 0.5)]] = True
    counted &= 2 * on_ignored <= sizes
    counted[0] = False
    return counted


def _surplus(index: Ints) -> int:
    """How many entries there are beyond the first of each value."""
    return len(index) - len(np.unique(index))


def _pairs_of_pixels(rows: Ints, columns: Ints, pixels: Ints) -> tuple[float, float, float]:
    """Ordered pairs of pixels in one segment: of both sides, of the truth, of the prediction."""
    total = float(pixels.sum())

    def pairs(sizes: npt.NDArray[Any]) -> float:
        return float(np.square(sizes.astype(np.float64)).sum()) - total

    return pairs(pixels), pairs(_sums(rows, pixels)), pairs(_sums(columns, pixels))


def _information(rows: Ints, columns: Ints, pixels: Ints) -> float:
    """H(truth | prediction) + H(prediction | truth) in bits, times the number of pixels."""
    given_truth = np.log2(pixels / _sums(rows, pixels)[rows])
    given_prediction = np.log2(pixels / _sums(columns, pixels)[columns])
    return abs(float(pixels @ (given_truth + given_prediction)))


def _sums(index: Ints, pixels: Ints) -> Floats:
    return np.asarray(np.bincount(index, weights=pixels), np.float64)


def _foreground(
    true: npt.NDArray[Any], found: npt.NDArray[Any], region: Mask | None
) -> tuple[dict[int, int], dict[int, int]]:
    """Shared pixels, and pixels of either, of background (0) and of cells (1)."""
    here = np.ones(true.shape, np.bool_) if region is None else region
    cell, predicted = (true > 0)[here], (found > 0)[here]
    both, any_cell = int((cell & predicted).sum()), int((cell | predicted).sum())
    return {0: cell.size - any_cell, 1: both}, {0: cell.size - both, 1: any_cell}


def _pixels_by_value(values: npt.NDArray[Any]) -> dict[int, int]:
    found, counts = np.unique(values, return_counts=True)
    return {int(v): int(n) for v, n in zip(found, counts, strict=True)}
