"""napari with the dock open: what ``napari-unet [IMAGE [LABELS]]`` shows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import napari
import numpy as np
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.core.axes import axes_of
from napari_unet.core.errors import BadInput
from napari_unet.files.folders import known_beside
from napari_unet.files.images import check_order, read_image
from napari_unet.files.pairs import list_images, look_into, read_known, read_labels

from .dock import UNetDock

# of images whose axes nobody has named: their labels may tell
READINGS = (
    *("ZYX", "CYX", "YXC", "TZYX", "CZYX", "ZCYX", "ZYXC"),
    *("TZCYX", "TCZYX", "CTZYX", "TZYXC"),
)
PLUGIN, TITLE = "napari-unet", "U-Net"


@dataclass(frozen=True)
class Shown:
    """One image with what the user has of its annotation."""

    name: str
    array: np.ndarray
    axes: str  # "" = the shape allows more than one reading; the panel shows the choice
    labels: np.ndarray | None = None
    known: np.ndarray | None = None
    file: str = ""  # its path


def open_viewer(
    image: Path | None = None, labels: Path | None = None, *, unlabelled: bool = False
) -> None:
    """Open napari with the dock, and stay until it is closed.

    Parameters
    ----------
    image
        A file, or a folder: then all its images, each with its NAME_labels beside it.
    labels
        Labels of `image`, to go on with; NAME_known beside NAME_labels says what is known.
    unlabelled
        Leave out what lies beside the images of a folder: there is all to paint.

    Raises
    ------
    BadInput
        If a file cannot be read, or the labels do not fit; no window is opened then.
    """
    pairs = _read(image, labels, unlabelled)
    viewer = napari.Viewer(title="napari-unet")
    for shown in pairs:
        add_pair(viewer, shown)
    show_dock(viewer)
    napari.run()


def show_dock(viewer: Viewer) -> UNetDock:
    """The dock "U-Net", opened if it is not."""
    for dock in viewer.window.dock_widgets.values():
        inner = getattr(dock, "_magic_widget", dock)
        if isinstance(inner, UNetDock):
            inner.parentWidget().show()
            return inner
    dock_widget, widget = viewer.window.add_plugin_dock_widget(PLUGIN, TITLE)
    dock_widget.show()
    if not isinstance(widget, UNetDock):
        raise TypeError(f"the first widget of {PLUGIN} is {type(widget).__name__}")
    return widget


def add_pair(viewer: Viewer, shown: Shown) -> None:
    """Show an image, its labels paired with it, and its background where not all is known."""
    array, axes = shown.array, shown.axes
    rgb = axes.endswith("YXC") and axes_of(array, axes, where=shown.name).channels == 3
    if "C" in axes and not rgb:  # channels are an axis of their own, before all others
        array = np.moveaxis(array, axes.index("C"), 0)
        axes = "C" + axes.replace("C", "")
    image = viewer.add_image(array, name=shown.name, rgb=rgb)
    layers.note_file(image, shown.file)
    if axes in layers.axes_choices(image):
        layers.set_axes(viewer, image, axes)
    if shown.labels is not None:
        painted = layers.make_labels(viewer, image)
        painted.data = shown.labels.reshape(painted.data.shape)
        layers.take_next_id(painted)  # the brush must not go on with a cell that is there
        if shown.known is not None and not shown.known.all():
            background = layers.make_background(viewer, image)
            background.data = _ground(shown.known.reshape(painted.data.shape), painted.data)


def _ground(known: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """What of the known area is no cell, as painted background.

    Where the cells are all that is known, one pixel beneath a cell: with no mark at all, each
    unpainted pixel would count as background. It changes nothing else, for a cell is painted there.
    """
    ground = (known & (painted == 0)).astype(np.uint8)
    if painted.any() and not ground.any():
        ground[np.unravel_index(np.argmax(painted > 0), painted.shape)] = 1
    return ground


def _read(image: Path | None, labels: Path | None, unlabelled: bool = False) -> list[Shown]:
    if image is None:
        return []
    if not image.is_dir():
        known = None if labels is None else known_beside(image, labels)
        return [_read_one(image, labels, known)]
    if labels is not None:
        raise BadInput(f"{image} is a folder; labels can be given for one image only")
    images = list_images([image])
    pairs = {} if unlabelled else {pair.image: pair for pair in look_into(image).pairs}
    return [
        _read_one(path, pairs[path].labels, pairs[path].known)
        if path in pairs
        else _read_one(path, None, None)
        for path in images
    ]


def _read_one(path: Path, labels: Path | None, known: Path | None) -> Shown:
    array, metadata = read_image(path)
    image = None
    with suppress(BadInput):  # then the labels may tell, or the panel asks
        image = axes_of(array, metadata=metadata, where=str(path))
    own = None if labels is None else read_labels(labels, image)
    area = None if known is None else read_known(known, image)
    axes = "" if image is None else image.letters
    if image is None and own is not None:
        axes = _told_by(own, path, array)
    for file, given in ((labels, own), (known, area)):
        if given is None or file is None:
            continue
        if not axes_of(array, axes, where=str(path)).fits(given.shape):
            raise BadInput(
                f"{file} has the shape {given.shape}, its image {array.shape} (read as {axes})"
            )
        check_order(file, axes, array.shape)
    return Shown(path.stem, array, axes, own, area, str(path.absolute()))


def _told_by(labels: np.ndarray, path: Path, array: np.ndarray) -> str:
    """The letters of the axes of an image that its labels fit, where its shape leaves them open."""
    fitting = [
        letters
        for letters in READINGS
        if len(letters) == array.ndim
        and axes_of(array, letters, where=str(path)).fits(labels.shape)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise BadInput(
            f"{path} can be read as {' or '.join(fitting)}, also with its labels: save it with the"
            " names of its axes, or open it without labels"
        )
    raise BadInput(f"the labels have the shape {labels.shape}, their image {path} {array.shape}")
