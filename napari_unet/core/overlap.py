"""How many pixels each true cell shares with each predicted one: a sparse table.

70,000 cells on either side make 5e9 possible pairs, of which some 200,000 occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlap:
    """The pairs of cells that share pixels; index 0 is background on both sides.

    Attributes
    ----------
    truth, prediction : (pairs,) int64, index of the cell
    pixels : (pairs,) int64, shared pixels, > 0
    truth_sizes, prediction_sizes : (cells + 1,) int64, pixels by index
    truth_inside, prediction_inside : the same, counted within the region only
    """

    truth: Ints
    prediction: Ints
    pixels: Ints
    truth_sizes: Ints
    prediction_sizes: Ints
    truth_inside: Ints
    prediction_inside: Ints

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """(pairs,) float64: shared pixels over pixels of either."""
        either = self.truth_sizes[self.truth] + self.prediction_sizes[self.prediction]
        return np.asarray(self.pixels / (either - self.pixels))


def overlap(
    truth: npt.NDArray[Any], prediction: npt.NDArray[Any], region: npt.NDArray[np.bool_] | None
) -> Overlap:
    """Count the shared pixels of two label arrays of one shape, ids >= 0."""
    rows, truths = _compact(truth)
    columns, predictions = _compact(prediction)
    ones = np.ones(rows.size, np.int64)
    # Duplicate entries are summed when the table is made.
    table = sparse.coo_array((ones, (rows, columns)), shape=(truths, predictions)).tocsr().tocoo()
    inside = slice(None) if region is None else region.ravel()
    return Overlap(
        truth=table.coords[0].astype(np.int64),
        prediction=table.coords[1].astype(np.int64),
        pixels=table.data,
        truth_sizes=np.bincount(rows, minlength=truths),
        prediction_sizes=np.bincount(columns, minlength=predictions),
        truth_inside=np.bincount(rows[inside], minlength=truths),
        prediction_inside=np.bincount(columns[inside], minlength=predictions),
    )


def _compact(labels: npt.NDArray[Any]) -> tuple[Ints, int]:
    """Flat indices 0..n without gaps, 0 = background, and n + 1."""
    flat = labels.ravel()
    top = int(flat.max(initial=0))
    if top > 4 * flat.size + 1000:  # a table as long as the largest id would be larger than this
        ids, index = np.unique(flat, return_inverse=True)
        shift = int(ids[0] > 0)
        return index.astype(np.int64) + shift, len(ids) + shift
    present = np.zeros(top + 1, np.int64)
    present[flat] = 1
    present[0] = 0
    return (np.cumsum(present) * present)[flat], int(present.sum()) + 1
