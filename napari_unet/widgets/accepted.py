"""What was accepted of a prediction once, so that it does not come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ref

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_unet import layers

from .undoing import Deed

MOST = 0.5  # of its pixels: in other labels some may have their number by chance


@dataclass(frozen=True)
class Accepted:
    """What one Accept has written: `values` at the flat positions `index` of the labels."""

    index: npt.NDArray[np.intp]
    values: npt.NDArray[np.int64]
    drawn: dict[int, str]  # the slices that were offered, each with the job that drew it
    deed: Deed  # the step of the labels' history
    layer: ref[Labels]  # the labels
    array: layers.Held  # the labels' own
    dtype: npt.DTypeLike  # of that array

    def concerns(self, drawn: dict[int, str]) -> bool:
        """Whether a slice is on show as it was accepted, or may be once more: filters draw anew."""
        return any(drawn.get(place, job) == job for place, job in self.drawn.items())

    def stands(self, layer: Labels, array: Any, labels: npt.NDArray[Any]) -> bool:
        """Whether it is in the labels, or was erased there by hand; not where it was undone.

        Undo is known of, and never guessed from the pixels: the next cells get the same numbers.
        The pixels are asked only where they are another array, or another layer's.

        Parameters
        ----------
        array : the layer's own, of which `labels` is a copy
        """
        own, held = self.layer() is layer, self.array.holds(array)
        if (own or held) and not self.deed.stands:
            return False
        if held:
            return True
        if self.index.max(initial=-1) >= labels.size:
            return False  # they are of another shape
        there = np.take(labels, self.index) == self.values
        converted = own and labels.dtype != self.dtype  # or widened: what was erased stays erased
        return bool(there.any()) if converted else bool(np.mean(there) > MOST)

    def still(self, drawn: dict[int, str], plane: int) -> npt.NDArray[np.intp]:
        """Its positions in slices of `plane` px that were not predicted anew since."""
        same = [place for place, job in self.drawn.items() if drawn.get(place) == job]
        return self.index[np.isin(self.index // plane, same)]


def offered(prediction: npt.NDArray[Any], drawn: dict[int, str]) -> npt.NDArray[Any]:
    """The prediction with nothing in slices that are not of the last model."""
    slices = prediction.reshape(-1, *prediction.shape[-2:])
    ours = np.isin(np.arange(len(slices)), list(drawn))
    return np.where(ours[:, None, None], slices, 0).reshape(prediction.shape)


def where_accepted(
    labels: npt.NDArray[Any], accepted: Sequence[Accepted], drawn: dict[int, str]
) -> npt.NDArray[np.bool_]:
    """Where something of the prediction on show was accepted, be it erased since or not."""
    where = np.zeros(labels.shape, bool)
    for each in accepted:
        where.reshape(-1)[each.still(drawn, labels.shape[-2] * labels.shape[-1])] = True
    return where
