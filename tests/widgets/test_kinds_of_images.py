"""Every kind of image in a real window, with a worker that only pretends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
import zarr
from napari import Viewer

from napari_unet import BadInput, layers
from napari_unet.files.pairs import find_pairs, read_pair
from napari_unet.widgets.open import Shown, _read, add_pair
from napari_unet.widgets.trained import pair

from .mouse import settle, stroke

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]


def partner(viewer: Viewer, role: layers.Role, image: int = 0) -> Any:
    return layers.partner(viewer, layers.images(viewer)[image], role)


def fine_tune(window: Viewer, dock: Any, labels: np.ndarray, press: Press, qtbot: Any) -> Any:
    """Give the image in hand these labels, press the button, wait for the overlay."""
    session = dock.desk.session
    press("unet_new_cell")
    layers.partner(window, dock.desk.annotating.image(), "labels").data = labels
    wanted = len(np.unique(labels)) - 1
    qtbot.waitUntil(lambda: session.annotated.cells >= wanted, timeout=5000)
    press("unet_fine_tune")

    def ready() -> bool:
        assert session.mood != "error", session.status
        return bool(session.predicted and not session.job)

    qtbot.waitUntil(ready, timeout=30_000)
    return layers.partner(window, dock.desk.annotating.image(), "prediction")


def test_classes_come_back_in_the_painted_values(
    window: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    image = np.full((96, 128), 20, np.uint8)
    image[10:40, 10:60], image[50:90, 30:100] = 120, 240
    window.add_image(image)
    dock.desk.annotating.choose_labels_are("classes")
    painted = np.zeros(image.shape, np.int32)
    painted[10:40, 10:60], painted[50:90, 30:100] = 1, 7
    overlay = fine_tune(window, dock, painted, press, qtbot)
    np.testing.assert_array_equal(overlay.data, painted)
    assert overlay.visible
    assert "2 kinds of things" in dock.desk.session.status
    assert not dock.desk.session.filterable
    labels = partner(window, "labels")
    labels.data[50:90, 30:100] = 0
    press("unet_accept")
    qtbot.waitUntil(lambda: labels.data.max() == 7, timeout=5000)
    np.testing.assert_array_equal(labels.data, painted)


@pytest.mark.canvas
@pytest.mark.parametrize("axes", ["CZYX", "TZCYX"])
def test_cells_are_painted_on_the_slice_that_is_read(
    axes: str, window: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    size = {"T": 2, "Z": 6, "C": 3, "Y": 160, "X": 160}
    add_pair(window, Shown("stack", np.zeros([size[x] for x in axes], np.uint8), axes))
    image = layers.images(window)[0]
    press("unet_new_cell")
    labels = partner(window, "labels")
    settle(window, qtbot)
    place = {"C": 1, "T": 1, "Z": 4}
    for axis, letter in enumerate(layers.axes(image)[:-2]):
        window.dims.set_point(axis, place[letter])
    stroke(window, qtbot, [(60, 60), (80, 90)])
    (painted,) = {tuple(at) for at in np.argwhere(labels.data)[:, :-2]}
    assert painted == ((1, 4) if "T" in axes else (4,))
    index = layers.current_slice(window, image)
    assert index == int(np.ravel_multi_index(painted, labels.data.shape[:-2]))


def in_dask(image: np.ndarray, folder: Path) -> Any:
    return dask.array.from_array(image, chunks=100)


def in_zarr(image: np.ndarray, folder: Path) -> Any:
    array = zarr.create_array(folder / "image.zarr", shape=image.shape, dtype=image.dtype)
    array[:] = image
    return array


def pyramid(image: np.ndarray, folder: Path) -> Any:
    return [image, image[::2, ::2], image[::4, ::4]]


@pytest.mark.parametrize("store", [pytest.param(in_dask, marks=pytest.mark.slow), in_zarr, pyramid])
def test_images_that_are_not_plain_arrays(
    store: Any, window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any, tmp_path: Path
) -> None:
    window.add_image(store(discs[0], tmp_path), multiscale=store is pyramid)
    painted = np.where(discs[1] <= 10, discs[1], 0)
    overlay = fine_tune(window, dock, painted, press, qtbot)
    assert overlay.data.shape == discs[1].shape
    assert ((overlay.data > 0) == (discs[1] > 0)).mean() > 0.98


@pytest.mark.parametrize("channels", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_colour(
    channels: int, window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any
) -> None:
    image = np.stack([discs[0]] * channels, axis=-1)
    window.add_image(image, rgb=True)
    assert dock.desk.session.axes == "YXC"
    painted = np.where(discs[1] <= 10, discs[1], 0)
    overlay = fine_tune(window, dock, painted, press, qtbot)
    assert overlay.data.shape == discs[1].shape
    assert len(np.unique(overlay.data)) - 1 == 30


@pytest.mark.slow
def test_a_stack_in_dask_is_read_slice_by_slice(
    window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any
) -> None:
    read: set[int] = set()

    def plane(block_info: Any = None) -> np.ndarray:
        at = block_info[None]["chunk-location"][0]
        read.add(at)
        return discs[0][None]

    stack = dask.array.map_blocks(plane, chunks=((1,) * 5, 256, 256), dtype=np.uint8, meta=discs[0])
    window.add_image(stack, contrast_limits=(0, 255))
    window.dims.set_point(0, 3)
    painted = np.zeros(stack.shape, np.int32)
    painted[3] = np.where(discs[1] <= 10, discs[1], 0)
    read.clear()
    overlay = fine_tune(window, dock, painted, press, qtbot)
    assert read <= {3}
    assert overlay.data[3].any()
    assert not overlay.data[[0, 1, 2, 4]].any()


@pytest.mark.slow
def test_several_images_have_layers_of_their_own(
    window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any
) -> None:
    window.add_image(discs[0], name="first")
    window.add_image(discs[0][:, :200], name="second")
    dock.desk.annotating.choose_image(layers.key(window.layers["first"]))
    painted = np.where(discs[1] <= 10, discs[1], 0)
    one = fine_tune(window, dock, painted, press, qtbot)
    assert one.name == "U-Net prediction"
    before = one.data.copy()
    dock.desk.annotating.choose_image(layers.key(window.layers["second"]))
    assert not dock.desk.session.predicted
    two = fine_tune(window, dock, painted[:, :200], press, qtbot)
    assert {x.name for x in window.layers} >= {"U-Net labels", "U-Net labels second"}
    assert two.name == "U-Net prediction second"
    assert two.data.shape == (256, 200)
    np.testing.assert_array_equal(one.data, before)
    assert dock.desk.session.annotated.images == 2


def test_a_file_is_shown_with_its_labels_and_its_background(window: Viewer, dock: Any) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8] = 5
    known = np.zeros(labels.shape, bool)
    known[:, :15] = True
    add_pair(window, Shown("pic", np.zeros((20, 30, 2)), "YXC", labels, known))
    image = window.layers["pic"]
    assert image.data.shape == (2, 20, 30)
    assert layers.axes(image) == "CYX"
    np.testing.assert_array_equal(partner(window, "labels").data, labels)
    np.testing.assert_array_equal(partner(window, "background").data, known & (labels == 0))


@pytest.mark.parametrize("what", ["half", "cells", "nothing", "a part of a cell"])
def test_a_known_area_means_in_the_window_what_it_means_elsewhere(
    what: str, window: Viewer, dock: Any, tmp_path: Path
) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[10:16, 20:28] = 5, 6
    known = labels > 0 if what == "cells" else np.zeros(labels.shape, bool)
    known[:, :15] |= what == "half"
    known[2:5, 2:5] |= what == "a part of a cell"
    for name, array in (("a", labels), ("a_labels", labels), ("a_known", known)):
        tifffile.imwrite(tmp_path / f"{name}.tif", array)
    add_pair(window, _read(tmp_path, None)[0])
    shot = layers.snapshot(window, layers.images(window)[0])
    assert shot is not None
    on_disk = read_pair(find_pairs(tmp_path).pairs[0])
    here = pair(shot)
    np.testing.assert_array_equal(here.labels, on_disk.labels)
    np.testing.assert_array_equal(here.known, on_disk.known)
    assert not here.known.all() and here.known[labels > 0].all()


def test_four_channels_are_no_picture_with_opacity(window: Viewer, dock: Any) -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    add_pair(window, Shown("stains", image, "YXC"))
    image[..., 3] = 255
    add_pair(window, Shown("picture", image, "YXC"))
    assert not window.layers["stains"].rgb and window.layers["picture"].rgb
    assert layers.axes(window.layers["stains"]) == "CYX"


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_folder_with_and_without_its_labels(unlabelled: bool, tmp_path: Path) -> None:
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((20, 30), np.uint8))
    tifffile.imwrite(tmp_path / "a_labels.tif", np.ones((20, 30), np.uint8))
    shown = _read(tmp_path, None, unlabelled)
    assert [x.name for x in shown] == ["a", "b"]
    assert [x.labels is not None for x in shown] == [not unlabelled, False]


def test_labels_that_are_named_keep_their_known_area(tmp_path: Path) -> None:
    """All that is not painted would count as background."""
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 5:9] = 1
    for name in ("a", "a_labels", "a_known"):
        tifffile.imwrite(tmp_path / f"{name}.tif", mask)
    (folder,), (named,) = (
        _read(tmp_path, None),
        _read(tmp_path / "a.tif", tmp_path / "a_labels.tif"),
    )
    assert folder.known is not None and np.array_equal(named.known, folder.known)


def test_labels_of_slices_do_not_fit_channels(tmp_path: Path) -> None:
    """Both shapes are the same: how the image is read tells why."""
    stack = np.ones((3, 20, 30), np.uint8)
    for name, axes in (("a", "CYX"), ("a_labels", "ZYX")):
        kind: Any = {"imagej": True, "metadata": {"axes": axes}}
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, **kind)
    with pytest.raises(BadInput, match=r"its image \(3, 20, 30\) \(read as CYX\)"):
        _read(tmp_path / "a.tif", tmp_path / "a_labels.tif")


@pytest.mark.parametrize("turned", ["a_labels", "a_known"])
def test_times_and_slices_of_labels_are_not_exchanged(turned: str, tmp_path: Path) -> None:
    for name in ("a", "a_labels", "a_known"):
        axes = {"axes": "ZTYX" if name == turned else "TZYX"}
        stack = np.ones((3, 3, 12, 14), np.uint8)
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, metadata=axes, photometric="minisblack")
    with pytest.raises(BadInput, match=rf"{turned}\.tif has its slices in the order ZT"):
        _read(tmp_path, None)


@pytest.mark.parametrize(
    ("shape", "labels", "axes"),
    [
        ((3, 2, 20, 23), (3, 20, 23), "ZCYX"),
        ((2, 3, 20, 23), (3, 20, 23), "CZYX"),
        ((2, 3, 4, 20, 23), (2, 3, 20, 23), "TZCYX"),
        ((2, 2, 20, 23), (2, 20, 23), ""),
    ],
)
def test_labels_tell_how_an_image_is_read_unless_two_ways_fit(
    shape: tuple[int, ...], labels: tuple[int, ...], axes: str, tmp_path: Path
) -> None:
    files = tmp_path / "a.npy", tmp_path / "a_labels.npy"
    np.save(files[0], np.zeros(shape, np.uint8))
    np.save(files[1], np.ones(labels, np.uint8))
    if axes:
        assert _read(*files)[0].axes == axes
        return
    with pytest.raises(BadInput, match="can be read as CZYX or ZCYX, also with its labels"):
        _read(*files)
