"""How large labels layers are drawn: a band of rows at a time, and only what was written.

napari turns the ids of a whole slice into colour numbers whenever it slices a layer, with several
arrays of that size in between: 2 to 4 s of 12,000 x 12,000 px. What of it is private is touched
here alone; where a napari does it otherwise, it is done napari's way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet.core.windows import Window

LARGE = 1 << 22  # pixels of a slice; smaller ones are drawn whole in 50 ms
BAND = 1 << 16  # pixels turned into colour numbers at once: they stay in the cache
THREADS = 2  # more of them want the same memory
Texture = npt.NDArray[np.uint8]


def unsliced(data: npt.NDArray[Any], **options: Any) -> Labels:
    """A labels layer that is hidden, to be uncovered once it is among the viewer's layers.

    napari slices a visible one four times on the way there.
    """
    layer = Labels(data, **{**options, "visible": False})
    draw_quickly(layer)
    return layer


# ---- ids to colour numbers


def draw_quickly(layer: Labels) -> None:
    """Let napari have the colour numbers of this layer from :func:`colour_numbers`."""
    plain: Any = getattr(layer, "_raw_to_displayed", None)
    if plain is not None and "_raw_to_displayed" not in vars(layer):
        layer._raw_to_displayed = partial(_displayed, layer, plain)


def draw_plainly(layer: Labels) -> None:
    """Undo :func:`draw_quickly`."""
    vars(layer).pop("_raw_to_displayed", None)


def _displayed(
    layer: Labels,
    plain: Any,
    raw: npt.NDArray[Any],
    data_slice: tuple[slice, ...] | None = None,
) -> npt.NDArray[Any]:
    """What napari's own way gives for the ids `raw`, or for a part of them."""
    colours, thin = _colours(layer), layer.contour == 1
    if not colours or raw.ndim != 2 or raw.dtype.kind not in "iu" or raw.dtype.itemsize < 4:
        return np.asarray(plain(raw, data_slice=data_slice))
    if layer.contour > 1:
        return np.asarray(plain(raw, data_slice=data_slice))
    return colour_numbers(raw, colours, data_slice, outlines=thin)


def _colours(layer: Labels) -> int:
    """How many colours ids are dealt out among; 0: the layer is coloured in another way."""
    colormap = layer.colormap
    if type(colormap) is not CyclicLabelColormap or layer.show_selected_label:
        return 0
    count = len(colormap.colors) - 1
    return count if colormap.background_value == 0 and 0 < count < 255 else 0


def colour_numbers(
    raw: npt.NDArray[Any],
    colours: int,
    part: tuple[slice, ...] | None = None,
    *,
    outlines: bool = False,
) -> Texture:
    """Ids as numbers of colours: 0 for 0, else 1..`colours` in turn.

    Parameters
    ----------
    raw : ``(Y, X)`` int of 32 or 64 bits
    part : which part of it, all without
    outlines : only pixels that have another id above, below, left or right

    Returns
    -------
    uint8 of the shape of the part. 1.8 ns a pixel on one core, napari's own way 15.
    """
    rows, columns = part or (slice(0, raw.shape[0]), slice(0, raw.shape[1]))
    found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    if not found.size:
        return found
    step = max(BAND // found.shape[1], 1)

    def one(top: int) -> None:
        at = slice(rows.start + top, min(rows.start + top + step, rows.stop))
        band = raw[at, columns]
        if not band.any():
            return
        out = found[top : top + step]
        rest = np.floor_divide(band, colours)
        rest *= colours
        np.subtract(band, rest, out=rest)
        np.copyto(out, rest, casting="unsafe")
        out[(out == 0) & (band != 0)] = colours
        if outlines:
            out[~_edges(raw, at, columns)] = 0

    tops = range(0, len(found), step)
    if found.size < LARGE:
        for top in tops:
            one(top)
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(one, tops))
    return found


def _edges(raw: npt.NDArray[Any], rows: slice, columns: slice) -> npt.NDArray[np.bool_]:
    """Where, in a part of `raw`, one of the four neighbours has another id."""
    height, width = raw.shape
    top, bottom = max(rows.start - 1, 0), min(rows.stop + 1, height)
    left, right = max(columns.start - 1, 0), min(columns.stop + 1, width)
    around = raw[top:bottom, left:right]
    found = np.zeros(around.shape, bool)
    for ahead, behind in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        differ = around[ahead] != around[behind]
        found[ahead] |= differ
        found[behind] |= differ
    return found[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


# ---- what was written


def redraw(layer: Any, *, thumbnail: bool = True) -> None:
    """Show what was written, whole: 17 ms at 2000 x 2000 px."""
    layer.refresh(extent=False, highlight=False, thumbnail=thumbnail)


def redraw_thumbnail(layer: Labels) -> None:
    """Bring the thumbnail up to date, without slicing anew."""
    update: Any = getattr(layer, "_update_thumbnail", None)
    if update is not None and layer.visible:
        update()


def can_redraw_parts(layer: Labels) -> bool:
    """Whether :func:`redraw_parts` draws less than the whole; not of a hidden layer, for one."""
    return layer.visible and _on_show(layer) is not None


def redraw_parts(layer: Labels, parts: Iterable[tuple[int, Window]]) -> None:
    """Show what was written into these windows of slices, and no more than that.

    The thumbnail stays as it is. What is not on show costs nothing.
    """
    if not layer.visible:
        return
    seen = _on_show(layer)
    if seen is None:
        redraw(layer, thumbnail=False)
        return
    raw, view = seen
    for index, window in parts:
        plane = layer.data.reshape(-1, *layer.data.shape[-2:])[index]
        if _same_place(raw, plane):
            _redraw_box(layer, raw, view, window)


def _redraw_box(layer: Any, raw: Any, view: Any, window: Window) -> None:
    y0, y1, x0, x1 = window
    wide, (height, width) = math.ceil(layer.contour), raw.shape
    box = (
        slice(max(y0 - wide, 0), min(y1 + wide, height)),
        slice(max(x0 - wide, 0), min(x1 + wide, width)),
    )
    if not np.may_share_memory(view, raw):
        view[box] = layer._raw_to_displayed(raw, data_slice=box)
    layer.events.labels_update(data=view[box], offset=[box[0].start, box[1].start])


def _on_show(layer: Labels) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The slice that napari shows and its colour numbers; None: it cannot be drawn in part."""
    image = getattr(getattr(layer, "_slice", None), "image", None)
    raw: Any = getattr(image, "raw", None)
    view: Any = getattr(image, "view", None)
    shape = layer.data.shape[-2:]
    fits = (
        isinstance(layer.data, np.ndarray)
        and isinstance(raw, np.ndarray)
        and isinstance(view, np.ndarray)
        and raw.shape == view.shape == shape
        and np.may_share_memory(raw, layer.data)
        and raw.strides == layer.data.strides[-2:]
        and hasattr(layer, "_raw_to_displayed")
        and hasattr(layer.events, "labels_update")
        and getattr(layer, "loaded", False)
        and max(shape) <= _largest_texture()
    )
    return (raw, view) if fits else None


def _same_place(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return bool(a.__array_interface__["data"][0] == b.__array_interface__["data"][0])


@cache
def _largest_texture() -> int:
    """The side of the largest slice that napari does not thin out, and draws whole each time."""
    try:
        from napari._vispy.utils.gl import get_max_texture_sizes
    except ImportError:
        return 0
    return int(get_max_texture_sizes()[0] or 0)


@contextmanager
def undrawn(layer: Labels) -> Iterator[bool]:
    """napari's refresh of a large layer is left out within; says whether it is."""
    block: Any = getattr(layer, "_block_refresh", None)
    large = math.prod(layer.data.shape[-2:]) >= LARGE
    can = block is not None and large and can_redraw_parts(layer)
    with block() if can else nullcontext():
        yield can
