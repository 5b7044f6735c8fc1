"""What can be said against the user's images and labels before any work starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.annotation import Pair, check_labels, known_area
from napari_unet.core.axes import Axes, axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.given import as_mask, check_numbers
from napari_unet.core.normalise import has_value
from napari_unet.core.settings import Unpainted

MOST_CLASSES = 255  # beside the background, in the 8 bits of a training target


@dataclass(frozen=True)
class UsedSlices:
    """The annotated slices of one pair, copied: what a run folder keeps."""

    name: str
    axes: str  # of the user's image
    indices: tuple[int, ...]  # which slices of it
    image: npt.NDArray[Any]  # (S, C, Y, X), the image's own type
    labels: npt.NDArray[np.int32]  # (S, Y, X)
    known: npt.NDArray[np.bool_]  # (S, Y, X)
    marked: bool = True  # something is said of ground that is not painted
    unpainted: Unpainted | None = None  # what the rest is taken for; None = as in all images
    number: int = 0  # of the pair, among those that were given

    def settled(self, usual: Unpainted, can_ask: bool) -> UsedSlices:
        """The same with what is known of it before any network is asked.

        Parameters
        ----------
        usual : the rule for unpainted ground where the image has none of its own
        can_ask : there is a model of cells to ask; else "auto" goes by whether anything is marked
        """
        rule = self.unpainted or usual
        if rule == "auto" and not can_ask:
            rule = "unknown" if self.marked else "background"
        known = self.known
        if rule == "background":
            known = np.ones_like(known)
        elif not self.marked:
            known = self.labels > 0
        return replace(self, known=known, unpainted=rule)


def check_pairs(pairs: Iterable[Pair]) -> list[UsedSlices]:
    """The annotated slices of all pairs; images without annotation are left out.

    Raises
    ------
    BadInput
        If nothing is annotated, no cell is painted where the images hold a value, shapes or
        channels do not fit, images hold no numbers, or labels are no ids.
    """
    used = [
        replace(slices, number=number)
        for number, pair in enumerate(pairs)
        if (slices := _used(pair)) is not None
    ]
    if not any((u.labels[u.known] > 0).any() for u in used):
        raise BadInput("there are no labels to learn from: paint at least one cell")
    if not any(_painted(u).any() for u in used):
        raise BadInput(
            "all that is painted lies on pixels without a value (NaN, infinite, or beyond float32):"
            " there is nothing to learn from"
        )
    channels = {u.image.shape[1]: u.name for u in used}
    if len(channels) > 1:
        (few, one), (many, other) = sorted(channels.items())[:2]
        raise BadInput(
            f"{one} has {few} channel(s) and {other} has {many}: images trained on together need "
            "the same; leave one out (close it, or delete its labels)"
        )
    return used


def _used(pair: Pair) -> UsedSlices | None:
    axes = axes_of(pair.image, pair.axes, where=pair.name)
    labels = np.asarray(pair.labels)
    shape = labels.shape
    if not axes.fits(labels.shape):
        raise BadInput(
            f"the labels of {pair.name} have the shape {tuple(labels.shape)}, "
            f"but its image needs labels of {axes.labels_shape}"
        )
    labels = _stacked(axes, check_labels(labels, f"the labels of {pair.name}"))
    if pair.known is None:
        known = known_area(labels)
    else:
        area = as_mask(pair.known, f"the known area of {pair.name}")
        if not axes.fits(area.shape):
            raise BadInput(
                f"the known area of {pair.name} has the shape {area.shape}, its labels {shape}"
            )
        known = _stacked(axes, area)
    indices = tuple(int(i) for i in np.flatnonzero(known.any(axis=(1, 2))))
    if not indices:
        return None
    image = np.stack([axes.slice(pair.image, i) for i in indices])
    check_numbers(image.dtype, pair.name)
    if len(indices) < axes.slices:  # else a copy of all would be made
        labels, known = labels[list(indices)], known[list(indices)]
    marked = pair.known is not None
    return UsedSlices(
        pair.name, axes.letters, indices, image, labels, known, marked, pair.unpainted
    )


def count_classes(used: Iterable[UsedSlices]) -> int:
    """How many different values are painted where the images hold a value.

    Raises
    ------
    BadInput
        If there are more than a network's outputs can stand for.
    """
    values: set[int] = set()
    for u in used:
        values.update(np.unique(u.labels[_painted(u)]).tolist())
    if len(values) > MOST_CLASSES:
        raise BadInput(
            f"the labels hold {len(values)} different values, which are too many for kinds of "
            "things: choose 'instances' if each is a cell of its own"
        )
    return len(values)


def _painted(u: UsedSlices) -> npt.NDArray[np.bool_]:
    """``(S, Y, X)``: what is painted where the image holds a value, as training sees it."""
    painted: npt.NDArray[np.bool_] = u.known & (u.labels > 0)
    if u.image.dtype.kind == "f":
        for plane, image in zip(painted, u.image, strict=True):
            for channel in image:
                there = has_value(channel)
                if there is not None:
                    plane &= there
    return painted


def _stacked(axes: Axes, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels of an image as its slices, ``(S, Y, X)``, whatever the order of its axes."""
    return np.stack([axes.labels_slice(labels, index) for index in range(axes.slices)])
