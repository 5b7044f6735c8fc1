"""napari with the dock open: what ``napari-unet [IMAGE [LABELS]]`` shows."""

from __future__ import annotations

from pathlib import Path

import napari
import numpy as np
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.core.annotation import check_labels
from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_image

from .dock import UNetDock

PLUGIN, TITLE = "napari-unet", "U-Net"
NOT_IMAGES = ("_labels", "_known", "_membrane")
READ = (".tif", ".tiff", ".png", ".jpg", ".jpeg")


def open_viewer(image: Path | None = None, labels: Path | None = None) -> None:
    """Open napari with the dock, and stay until it is closed.

    Parameters
    ----------
    image
        A file, or a folder: then all its images, each with its NAME_labels beside it.
    labels
        Labels of `image`, to go on with.

    Raises
    ------
    BadInput
        If a file cannot be read, or the labels do not fit; no window is opened then.
    """
    pairs = _read(image, labels)
    viewer = napari.Viewer(title="napari-unet")
    for name, array, letters, own in pairs:
        add_pair(viewer, name, array, letters, own)
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


def add_pair(
    viewer: Viewer, name: str, array: np.ndarray, letters: str | None, own: np.ndarray | None
) -> None:
    """Show an image, and its labels paired with it."""
    axes = (letters or "").replace("S", "C")
    rgb = axes.endswith("C") and array.shape[-1] in (3, 4)
    added = viewer.add_image(array, name=name, rgb=rgb)
    if axes in layers.axes_choices(added):
        layers.set_axes(viewer, added, axes)
    if own is not None:
        painted = layers.make_labels(viewer, added)
        painted.data = check_labels(own, f"the labels of {name}").reshape(painted.data.shape)


def _read(
    image: Path | None, labels: Path | None
) -> list[tuple[str, np.ndarray, str | None, np.ndarray | None]]:
    if image is None:
        return []
    if image.is_dir():
        if labels is not None:
            raise BadInput(f"{image} is a folder; labels can be given for one image only")
        files = [(path, _beside(path)) for path in _images(image)]
        if not files:
            raise BadInput(f"there is no image in {image} ({', '.join(READ)})")
    else:
        files = [(image, labels)]
    read = []
    for path, own in files:
        array, letters = read_image(path)
        painted = None if own is None else read_image(own)[0]
        if painted is not None and not _fits(array, letters, painted):
            raise BadInput(f"{own} has the shape {painted.shape}, its image {array.shape}")
        read.append((path.stem, array, letters, painted))
    return read


def _images(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in READ and not path.stem.endswith(NOT_IMAGES)
    ]


def _beside(path: Path) -> Path | None:
    found = (path.with_name(f"{path.stem}_labels{suffix}") for suffix in READ)
    return next((p for p in found if p.exists()), None)


def _fits(array: np.ndarray, letters: str | None, labels: np.ndarray) -> bool:
    channels = {i for i, letter in enumerate(letters or "") if letter in "SC"}
    wanted = tuple(n for i, n in enumerate(array.shape) if i not in channels)
    return labels.shape == wanted
