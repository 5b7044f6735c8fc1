"""What the user's painting means: which pixels are known, and how large cells are.

Labels are ``(Y, X)`` int32, 0 = not painted; a stack has leading axes. "Known" is a bool array
of the same shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BadInput
from .given import as_array
from .pieces import torn
from .settings import Unpainted

Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

ALIKE = 0.5  # of neighbouring painted pixels; of cells of 2 x 2 px that fill the plane, half are
LOOKED_AT = 2048  # px; so much of a plane tells
MANY = 4  # pieces; fewer may be one cell that was cut, or is still being painted
OF_EACH = 3  # of two ids that are both in pieces; two cells are hardly both cut into as many
_INT32_MAX = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Pair:
    """One image with its annotation, as the user has it.

    Attributes
    ----------
    name : what messages call it
    image : array of the axes `axes`; anything that can be sliced
    labels : ``(Y, X)`` int, or the image's shape without C
    known : bool like `labels`, what the user says is annotated; or None: nothing is said
    axes : letters of the image's axes, such as "YX", "YXC" or "ZYX"
    notes : what the user should know of how it was read, one sentence each
    unpainted : what its other ground is taken for; None = as for all images of the training
    number : among the images that a training was given, those without annotation included
    """

    name: str
    image: Any
    labels: npt.NDArray[Any]
    known: Mask | None = None
    axes: str = "YX"
    notes: tuple[str, ...] = ()
    unpainted: Unpainted | None = None
    number: int = 0


def check_labels(labels: npt.ArrayLike, where: str = "the labels") -> Labels:
    """The labels as int32, or one sentence that says why not.

    Raises
    ------
    BadInput
        If a value is no whole number, negative, too large for int32, or masked.
    """
    array = as_array(labels, where)
    if array.dtype == np.int32 and (not array.size or array.min() >= 0):
        return array
    if array.dtype.kind not in "buif":
        raise BadInput(f"{where} hold {array.dtype} values; label ids must be whole numbers")
    if array.dtype.kind == "f" and not np.all(np.isfinite(array) & (array == np.trunc(array))):
        raise BadInput(f"{where} hold fractions; label ids must be whole numbers")
    # as float: 2^31 in float32 is not above what becomes of 2^31 - 1 in float32
    if array.size and float(array.min()) < 0:
        raise BadInput(
            f"{where} hold negative ids ({array.min():g}); 0 means not painted, cells start at 1"
        )
    if array.size and float(array.max()) > _INT32_MAX:
        raise BadInput(f"{where} hold ids above {_INT32_MAX}; renumber the cells")
    return array.astype(np.int32)


def planes(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The ``(Y, X)`` planes of a label array with any leading axes, in order."""
    yield from array.reshape(-1, *array.shape[-2:])


def known_area(
    labels: npt.NDArray[Any], regions: Mask | None = None, background: Mask | None = None
) -> Mask:
    """Which pixels of one image count as annotated.

    Parameters
    ----------
    labels : ``(..., Y, X)`` int
    regions, background : bool like `labels`, or None
        Inside a region; painted as background.

    Returns
    -------
    ``(..., Y, X)`` bool. With neither region nor painted background anywhere in the image:
    all pixels of each slice that has a label. As soon as either exists: what is inside a
    region, painted as a cell or painted as background, and nothing else.
    """
    painted = np.asarray(labels) > 0
    marks = [m for m in (regions, background) if m is not None and m.any()]
    if not marks:
        used = painted.any(axis=(-2, -1), keepdims=True)
        return np.broadcast_to(used, painted.shape).copy()
    known = painted
    for mark in marks:
        known = known | mark
    return known


def stated_area(labels: npt.NDArray[Any], stated: npt.NDArray[Any]) -> Mask:
    """What is known of an image whose known area is given as a mask, by a file or in Python.

    The rule of :func:`known_area`, with the mask for regions and background: what is painted as
    a cell counts wherever it lies. An empty mask says that nothing else is known.

    Parameters
    ----------
    labels : ``(..., Y, X)`` int
    stated : of the same shape, not 0 where all is annotated
    """
    return (np.asarray(stated) != 0) | (np.asarray(labels) > 0)


def beyond(labels: npt.NDArray[Any], stated: npt.NDArray[Any]) -> str:
    """Which cells reach beyond a known area that is given as a mask, in words; "" = none."""
    outside = len(np.unique(labels[(np.asarray(labels) > 0) & (np.asarray(stated) == 0)]))
    if not outside:
        return ""
    cells = "1 cell reaches" if outside == 1 else f"{outside} cells reach"
    return f"{cells} beyond the known area; what is painted counts there, too"


def whole_cell_areas(
    labels: npt.NDArray[Any], known: Mask | None = None
) -> npt.NDArray[np.float64]:
    """Areas (px) of the cells of one ``(Y, X)`` plane that nothing cuts.

    A cell is cut if it lies on the image's border, or has pixels outside the known area.
    """
    ids, flat = np.unique(labels, return_inverse=True)
    flat = flat.reshape(labels.shape)
    areas = np.bincount(flat.ravel(), minlength=len(ids)).astype(np.float64)
    cut = np.zeros(len(ids), bool)
    cut[ids == 0] = True
    for edge in (flat[0], flat[-1], flat[:, 0], flat[:, -1]):
        cut[edge] = True
    if known is not None:
        cut[flat[~known]] = True
    return areas[~cut]


def median_diameter(
    labels: npt.NDArray[Any] | list[npt.NDArray[Any]],
    known: Mask | list[Mask | None] | None = None,
    min_cells: int = 1,
) -> float | None:
    """Median over whole cells of 2 sqrt(area / pi), in image pixels.

    Parameters
    ----------
    labels : ``(..., Y, X)`` int, or a list of such arrays: before anything is erased
    known : bool of the same shapes, or None
    min_cells : with fewer whole cells than this the answer is None
    """
    many = labels if isinstance(labels, list) else [labels]
    knowns = known if isinstance(known, list) else [known] * len(many)
    areas = [
        whole_cell_areas(plane, None if mask is None else mask.reshape(-1, *plane.shape)[index])
        for array, mask in zip(many, knowns, strict=True)
        for index, plane in enumerate(planes(array))
    ]
    all_areas = np.concatenate(areas) if areas else np.empty(0)
    if len(all_areas) < min_cells:
        return None
    return float(np.median(2 * np.sqrt(all_areas / np.pi)))


def photo_doubt(labels: npt.NDArray[Any]) -> str:
    """Why these labels may be a photograph, in words; "" = they look like labels.

    In labels, most painted pixels have neighbours of the same value, however small the cells.
    """
    same = both = 0
    for plane in planes(labels):
        part = plane[:LOOKED_AT, :LOOKED_AT]
        for one, other in ((part[1:], part[:-1]), (part[:, 1:], part[:, :-1])):
            painted = (one > 0) & (other > 0)
            both += int(painted.sum())
            same += int((painted & (one == other)).sum())
    if same >= ALIKE * both:
        return ""
    return (
        f"{both - same} of {both} painted pixels beside each other differ: is this an image"
        " instead of its labels?"
    )


def looks_like_classes(labels: npt.NDArray[Any]) -> bool:
    """True if there are one or two ids, each in many pieces: as cells that would be odd."""
    return bool(_shared(labels))


def number_doubt(labels: npt.NDArray[Any], otherwise: str = "") -> str:
    """Why these labels may be a mask, or classes, instead of cells, in words; "" = they are cells.

    `otherwise` ends the sentence: what else to do than to number the cells.
    """
    shared = _shared(labels)
    if not shared:
        return ""
    ids = " and ".join(str(number) for number in shared)
    one = f"the number {ids}: that is one cell"
    two = f"the numbers {ids}: those are two cells"
    return (
        f"{sum(shared.values())} pieces have {one if len(shared) == 1 else two}; give each a number"
        f" of its own (skimage.measure.label){otherwise}"
    )


def number_doubts(pairs: Iterable[Pair], otherwise: str = "") -> str:
    """:func:`number_doubt` of the first image that has one, by name; "" = none has."""
    doubts = [(p.name, number_doubt(check_labels(p.labels), otherwise)) for p in pairs]
    doubts = [(name, words) for name, words in doubts if words]
    if not doubts:
        return ""
    more = len(doubts) - 1
    alike = f" ({more} more like it)" if more else ""
    return f"{doubts[0][0]}: {doubts[0][1]}{alike}"


def _shared(labels: npt.NDArray[Any]) -> dict[int, int]:
    """The pieces of each id in a slice, where there are at most two, both in many; else none.

    In another slice a piece may be the same cell. Crumbs do not count (`core/pieces.py`).
    """
    painted = labels[labels > 0]
    if not painted.size:
        return {}
    low, high = painted.min(), painted.max()
    if not ((painted == low) | (painted == high)).all():
        return {}
    most = {int(low): 1, int(high): 1}
    for plane in planes(labels):
        for number, pieces in torn(_painted_part(plane)).items():
            most[number] = max(most[number], pieces)
        if min(most.values()) >= OF_EACH and sum(most.values()) >= MANY:
            return most
    return {}


def _painted_part(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """From the first painted row and column to the last, or as far as is looked at."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    if not len(rows):
        return plane[:0]
    y, x = rows[0], columns[0]
    return plane[y : min(rows[-1] + 1, y + LOOKED_AT), x : min(columns[-1] + 1, x + LOOKED_AT)]
