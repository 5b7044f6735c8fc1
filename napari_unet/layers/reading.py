"""How an image layer is read: its pixels, axes, slices, and what the user sees of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image, Layer
from napari.viewer import Viewer

from napari_unet.core.windows import Window

from .roles import KEY


class Held:
    """Knows an array again without keeping it alive: a picture may take gigabytes."""

    def __init__(self, array: Any) -> None:
        try:
            self._array: Callable[[], Any] = ref(array)
        except TypeError:  # it knows of no such references
            self._array = partial(_itself, array)

    def holds(self, array: Any) -> bool:
        """Whether it is this very array; what was written into it meanwhile nobody knows."""
        return self._array() is array


def _itself(array: Any) -> Any:
    return array


def pixels(image: Layer) -> Any:
    """The image's array, of a pyramid the finest level."""
    return image.data[0] if image.multiscale else image.data


def file(image: Layer) -> str:
    """The file that the image was opened from; "" = it was not, or nobody knows."""
    return str(image.metadata.get(KEY, {}).get("file") or image.source.path or "")


def folder(image: Layer) -> str:
    """Where that file lies; "" = there is none."""
    path = file(image)
    return str(Path(path).absolute().parent) if path else ""


def holds(path: Path, image: Layer) -> bool:
    """Whether the image was opened from this file, as far as anybody knows."""
    source = file(image)
    try:  # by links and, on many disks, in other capitals a file has several names
        return bool(source) and os.path.samefile(source, path)
    except OSError:  # one of them is not there
        return os.path.realpath(source) == os.path.realpath(path)


def note_file(image: Layer, path: str) -> None:
    """Write down where an image comes from that napari has not opened itself."""
    image.metadata[KEY] = {**image.metadata.get(KEY, {}), "file": path}


def axes(image: Image) -> str:
    """The letters of the image's axes: as chosen by the user, else as the layer says."""
    choices, chosen = axes_choices(image), image.metadata.get(KEY, {}).get("axes")
    # napari hands metadata on to layers that it makes of this one, of other axes, too
    return str(chosen) if chosen in choices else choices[0]


def said_axes(image: Image) -> str:
    """The letters as the layer's own axis labels say; else as :func:`axes`."""
    _, said = _readings(image)
    return said[0] if said else axes(image)


def axes_choices(image: Image) -> tuple[str, ...]:
    """The ways in which the axes can be read, the likely one first.

    Channels that are an axis of their own come first: napari aligns layers by their last axes,
    and labels without the channels would lie on other slices than they are read with.
    """
    plain, said = _readings(image)
    return tuple(dict.fromkeys(said + plain)) or ("",)


def _readings(image: Image) -> tuple[list[str], list[str]]:
    """The ways in which so many axes can be read, and that which their labels say, if they do."""
    named = "".join(name.upper() for name in image.axis_labels if len(name) == 1)
    if image.rgb:
        plain = ["YXC", "ZYXC", "TZYXC"][image.ndim - 2 : image.ndim - 1]
    else:
        plain = {
            2: ["YX"],
            3: ["ZYX", "TYX", "CYX"],
            4: ["TZYX", "CZYX", "CTYX"],
            5: ["CTZYX"],
        }.get(image.ndim, [])
    return plain, [c for c in plain if c.removesuffix("C" if image.rgb else "") == named]


def kept_axes(image: Image) -> list[int]:
    """The layer's axes that its labels have, too: all but the channels."""
    letters = axes(image)[: image.ndim]
    return [i for i in range(image.ndim) if letters[i : i + 1] != "C"]


def labels_shape(image: Image) -> tuple[int, ...]:
    """The image's shape without channels."""
    shape = pixels(image).shape
    return tuple(int(shape[i]) for i in kept_axes(image))


def slice_count(image: Image) -> int:
    """How many (Y, X) slices the image has."""
    return int(np.prod(labels_shape(image)[:-2], dtype=int))


def current_slice(viewer: Viewer, image: Image) -> int:
    """Number of the slice that the viewer shows, in the order of the image's axes."""
    leading = kept_axes(image)[:-2]
    if not leading:
        return 0
    shape = labels_shape(image)[:-2]
    point = image.world_to_data(viewer.dims.point)[-image.ndim :]
    at = [min(max(round(float(point[i])), 0), n - 1) for i, n in zip(leading, shape, strict=True)]
    return int(np.ravel_multi_index(at, shape))


def visible_window(image: Image) -> Window | None:
    """The part of the slice that the user sees, or None where that is unknown."""
    factor = image.downsample_factors[image.data_level] if image.multiscale else 1.0
    low, high = (np.asarray(image.corner_pixels) * factor)[:, -2:]
    height, width = labels_shape(image)[-2:]
    y0, x0 = (int(max(v, 0)) for v in low)
    y1, x1 = int(min(high[0] + 1, height)), int(min(high[1] + 1, width))
    return (y0, y1, x0, x1) if y1 - y0 > 1 and x1 - x0 > 1 else None
