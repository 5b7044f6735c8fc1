"""The ids of the user's own labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_unet.core.errors import BadInput

from . import history


def next_free_id(layer: Labels) -> int:
    """One more than the highest id that is painted."""
    return int(np.max(layer.data)) + 1 if math.prod(layer.data.shape) else 1


def unwritable(layer: Labels) -> str:
    """Why nothing can be painted on the layer, in one sentence; "" = it can."""
    data = layer.data
    if isinstance(data, np.ndarray):
        closed = not data.flags.writeable
    else:
        closed = bool(getattr(data, "read_only", False))  # zarr
    closed = closed or not (layer.editable or layer.multiscale)  # a pyramid has words of its own
    return (
        f"“{layer.name}” is read-only: duplicate it (right-click the layer) and choose the copy "
        "under Labels."
        if closed
        else ""
    )


def not_at_hand(layer: Labels, *, stored: bool = False) -> str:
    """Why single pixels of it cannot be written; "" = they can.

    They can where it is held in memory; where it is `stored` (zarr) in small numbers, too. What is
    computed when it is looked at (dask) cannot be written pixel by pixel.
    """
    fits = isinstance(layer.data, np.ndarray)
    fits = fits or (stored and not callable(getattr(layer.data, "compute", None)))
    words = "is not held in memory: make a copy of it that is, and choose that under Labels."
    return "" if fits else f"“{layer.name}” {words}"


def unfinished(layer: Labels) -> str:
    """Why nothing else can be done with the layer before an outline is closed; "" = none is begun.

    It lasts without a button being held, and goes on with whatever number the brush has.
    """
    return (
        f"An outline is begun on “{layer.name}”: bring it back to its circle, or press Escape."
        if history.outlining(layer)
        else ""
    )


def widen(layer: Labels, highest: int) -> bool:
    """Make room for the id `highest` in a narrow layer; True if its type had to change.

    Nothing is ever wrapped; the undo history stays.
    """
    if highest <= np.iinfo(layer.data.dtype).max:
        return False
    if highest > np.iinfo(np.int32).max:
        raise BadInput(f"{layer.name} would need ids above {np.iinfo(np.int32).max}")
    if not _in_memory(layer.data):  # a wider copy would leave the file behind, unseen
        raise BadInput(
            f"{layer.name} holds no ids above {np.iinfo(layer.data.dtype).max} "
            f"({layer.data.dtype}), and is not held in memory: store it with a wider type"
        )
    layer.data = np.asarray(layer.data).astype(np.int32)
    show_at_once(layer)
    return True


def _in_memory(data: Any) -> bool:
    """Whether an array is not a file's, be it mapped into memory."""
    if not isinstance(data, np.ndarray):
        return False
    part: Any = data
    while isinstance(part, np.ndarray):
        if isinstance(part, np.memmap) and part.mode is not None:  # else it is a copy of one
            return part.mode == "c"
        part = part.base
    return True


def show_at_once(layer: Labels) -> None:
    """Slice the layer now; napari writes by the type that it last showed, and cuts wide ids off.

    With asynchronous slicing that may still be the type of earlier data. What is on show already is
    not sliced again: 0.1 s of 2048 x 2048 px.
    """
    on_show = getattr(getattr(getattr(layer, "_slice", None), "image", None), "raw", None)
    in_memory = isinstance(layer.data, np.ndarray)  # numpy would read all of what is stored
    if on_show is None or not in_memory or not np.may_share_memory(on_show, layer.data):
        layer.set_view_slice()


def renumber(
    layer: Labels, where: tuple[npt.NDArray[np.intp], ...], values: npt.NDArray[Any], highest: int
) -> None:
    """Write `values`, of which `highest` is the highest, at these positions: one undo step.

    A hidden layer stays hidden.

    Raises
    ------
    BadInput
        If the layer holds no ids so high.
    """
    if not widen(layer, highest):
        show_at_once(layer)
    layer.data_setitem(where, values)


def brush_number(layer: Labels) -> int:
    """The number that the brush has, or has again after it has erased (napari's X)."""
    return int(layer.selected_label or getattr(layer, "_prev_selected_label", None) or 0)


def take_next_id(layer: Labels, highest: int | None = None) -> int:
    """Select the next free id for painting; `highest` is the highest one, where it is known.

    Raises
    ------
    BadInput
        If the layer, or one that it is linked with, holds no id so high.
    """
    number, before = next_free_id(layer) if highest is None else highest + 1, layer.selected_label
    widen(layer, number)
    try:
        layer.selected_label = number
    except ValueError as error:  # of a layer that takes its number from this one
        layer.selected_label = before
        raise BadInput(
            f"Number {number} cannot be selected: “{layer.name}” is linked with a layer that "
            "holds no numbers so high; unlink them (right-click the layers)"
        ) from error
    return number
