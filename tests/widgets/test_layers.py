"""Layers that fit: pairing, geometry, regions, ids, one undo step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels
from napari.settings import get_settings

from napari_unet import layers
from napari_unet.core.errors import BadInput
from napari_unet.widgets.trained import pair


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def corners(layer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """World positions of some data points."""
    points = [[0.0] * len(shape), [n - 1.0 for n in shape], [n / 3 for n in shape]]
    return np.array([layer.data_to_world(p) for p in points])


ROTATED = {
    "scale": (2, 0.5),
    "translate": (30, -12),
    "rotate": 33,
    "shear": [0.2],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}


def test_layers_lie_on_the_image_to_the_pixel(viewer: ViewerModel) -> None:
    affine = np.array([[1, 0.1, 4], [0, 1.2, -3], [0, 0, 1]])
    image = viewer.add_image(np.zeros((40, 60)), affine=affine, **ROTATED)
    made = [
        layers.make_labels(viewer, image),
        layers.make_background(viewer, image),
        layers.make_regions(viewer, image),
        layers.show_weights(viewer, image, np.zeros((40, 60), np.float32), (0, 1)),
        layers.prediction_layer(viewer, image),
        layers.show_probability(viewer, image, np.zeros((40, 60), np.float32)),
    ]
    for layer in made:
        np.testing.assert_allclose(corners(layer, (40, 60)), corners(image, (40, 60)), atol=1e-9)
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels


@pytest.mark.parametrize(
    ("shape", "letters", "options", "wanted"),
    [
        ((40, 60), "YX", {}, (40, 60)),
        ((40, 60, 3), "YXC", {"rgb": True}, (40, 60)),
        ((5, 40, 60), "ZYX", {}, (5, 40, 60)),
        ((5, 40, 60), "CYX", {}, (40, 60)),
        ((2, 5, 40, 60), "TZYX", {}, (2, 5, 40, 60)),
        ((3, 2, 40, 60), "CTYX", {}, (2, 40, 60)),
        ((3, 2, 5, 40, 60), "CTZYX", {}, (2, 5, 40, 60)),
    ],
)
def test_labels_have_the_images_shape_without_channels(
    viewer: ViewerModel,
    shape: tuple[int, ...],
    letters: str,
    options: dict[str, Any],
    wanted: tuple[int, ...],
) -> None:
    scale = (1.0, 3.0, 2.0, 0.5, 0.25)[-(len(shape) - len(options)) :]
    image = viewer.add_image(np.zeros(shape, np.uint8), scale=scale, **options)
    layers.set_axes(viewer, image, letters)
    labels = layers.make_labels(viewer, image)
    assert labels.data.shape == wanted
    assert labels.data.dtype == np.int32
    assert tuple(labels.scale[-2:]) == tuple(image.scale[-2:])


def test_a_pyramid_is_read_at_its_finest_level(viewer: ViewerModel) -> None:
    fine = np.zeros((64, 80), np.uint8)
    image = viewer.add_image([fine, fine[::2, ::2]], multiscale=True, scale=(2, 2))
    labels = layers.make_labels(viewer, image)
    assert labels.data.shape == (64, 80)
    np.testing.assert_allclose(corners(labels, (64, 80)), corners(image, (64, 80)))


def test_pairing_is_by_metadata_not_by_name(viewer: ViewerModel) -> None:
    one = viewer.add_image(np.zeros((20, 20)), name="one")
    two = viewer.add_image(np.zeros((20, 20)), name="two")
    first, second = layers.make_labels(viewer, one), layers.make_labels(viewer, two)
    assert first.name == "U-Net labels"
    assert second.name == "U-Net labels two"
    first.name, second.name = "a", "b"
    assert layers.partner(viewer, one, "labels") is first
    assert layers.partner(viewer, two, "labels") is second
    assert first.metadata["napari-unet"] == {"role": "labels", "image": layers.key(one)}


def test_any_labels_layer_that_fits_can_be_chosen(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((20, 30)))
    fits = viewer.add_labels(np.zeros((20, 30), np.uint8))
    viewer.add_labels(np.zeros((20, 31), np.uint8))
    assert layers.fitting_labels(viewer, image) == [fits]
    assert layers.obvious_labels(viewer, image) is fits
    layers.pair(viewer, image, fits)
    other = viewer.add_labels(np.zeros((20, 30), np.uint8))
    layers.pair(viewer, image, other)
    assert layers.partner(viewer, image, "labels") is other
    assert layers.role(fits) is None


def test_nothing_is_paired_where_it_is_not_obvious(viewer: ViewerModel) -> None:
    one = viewer.add_image(np.zeros((20, 30)))
    viewer.add_image(np.zeros((20, 30)))
    viewer.add_labels(np.zeros((20, 30), np.uint8))
    assert layers.obvious_labels(viewer, one) is None


def test_regions_become_a_mask_in_data_pixels(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((40, 60)), **ROTATED)
    layers.make_labels(viewer, image)
    shapes = layers.make_regions(viewer, image)
    shapes.add_rectangles([[4.6, 9.6], [20.4, 30.4]])
    shapes.add_ellipses([[30, 45], [5, 5]])  # centre and radii
    shot = layers.snapshot(viewer, image)
    assert shot is not None
    mask = shot.regions()
    assert mask is not None
    assert mask[5:21, 10:31].all()
    assert mask[:24].sum() == 16 * 21
    assert abs(mask[24:].sum() - np.pi * 25) < 8


def test_regions_of_a_stack_lie_on_their_slice(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((2, 3, 20, 20)))
    shapes = layers.make_regions(viewer, image)
    box = [[1, 2, 3, 3], [1, 2, 3, 9], [1, 2, 9, 9], [1, 2, 9, 3]]
    shapes.add_polygons([np.array(box, float)])
    shot = layers.snapshot(viewer, image)
    assert shot is not None
    mask = shot.regions()
    assert mask is not None
    assert mask[1, 2].sum() == mask.sum() > 0


def test_a_snapshot_does_not_follow_the_brush(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((20, 20)))
    assert layers.snapshot(viewer, image) is None
    labels = layers.make_labels(viewer, image)
    shot = layers.snapshot(viewer, image)
    labels.data_setitem((np.array([3]), np.array([3])), 1)
    assert shot is not None
    assert not shot.labels.any()


def test_the_next_free_id_widens_a_narrow_layer(viewer: ViewerModel) -> None:
    data = np.zeros((20, 20), np.uint8)
    data[3, 3] = 255
    labels = viewer.add_labels(data)
    assert layers.take_next_id(labels) == 256
    assert labels.data.dtype == np.int32
    assert labels.selected_label == 256
    assert labels.data[3, 3] == 255


def add(labels: Labels, index: np.ndarray, values: np.ndarray) -> layers.Adding:
    adding = layers.Adding(labels, index, values, int(values.max()))
    while adding.left:
        adding.go_on()
    return adding


def test_added_pixels_are_one_undo_step(viewer: ViewerModel) -> None:
    data = np.zeros((20, 20), np.uint8)
    data[2:5, 2:5] = 254
    labels = viewer.add_labels(data)
    labels.data_setitem((np.array([10]), np.array([10])), 3)
    before = labels.data.copy()
    index = np.flatnonzero(np.ones((20, 20), bool))
    values = 255 + (index % 7)
    assert add(labels, index, values).widened
    assert labels.data.dtype == np.int32
    assert (labels.data[2:5, 2:5] == 254).all()
    assert labels.data[10, 10] == 3
    assert labels.data.max() == 261
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    labels.redo()
    assert labels.data.max() == 261
    labels.undo()
    labels.undo()
    assert labels.data[10, 10] == 0


def test_ids_are_never_wrapped(viewer: ViewerModel) -> None:
    labels = viewer.add_labels(np.zeros((5, 5), np.int32))
    with pytest.raises(BadInput, match="ids above"):
        layers.Adding(labels, np.array([0]), np.array([2**31]), 2**31)


def test_showing_results_leaves_the_brush_in_the_hand(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((20, 20)))
    labels = layers.make_labels(viewer, image)
    layers.start_painting(viewer, labels)
    layers.show_weights(viewer, image, np.ones((20, 20), np.float32), (0, 1))
    prediction = layers.prediction_layer(viewer, image)
    assert viewer.layers.selection.active is labels
    assert labels.mode == "paint"
    assert viewer.layers.index(prediction) < viewer.layers.index(labels)


def test_the_slice_in_view(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((4, 20, 20)), scale=(5, 1, 1))
    viewer.dims.set_point(0, 10)
    assert layers.current_slice(viewer, image) == 2
    layer = layers.prediction_layer(viewer, image)
    plane = np.ones((20, 20), np.int32)
    assert layers.Writing(layer, [(2, layers.whole_slice(layer), plane)]).go_on()
    assert layer.data[2].all()
    assert layer.data.sum() == 400


def test_a_hidden_layer_takes_wide_ids(viewer: ViewerModel) -> None:
    labels = viewer.add_labels(np.zeros((20, 20), np.uint8), visible=False)
    index = np.arange(40)
    add(labels, index, 250 + index)
    np.testing.assert_array_equal(labels.data.ravel()[:40], 250 + index)
    assert not labels.visible  # it may belong to another image than the one in hand by now


@pytest.fixture
def lagging() -> Iterator[None]:
    """napari slices asynchronously."""
    experimental = get_settings().experimental
    experimental.async_ = True
    yield
    experimental.async_ = False


@pytest.mark.parametrize("visible", [True, False])
def test_wide_ids_where_slicing_lags_behind(
    visible: bool, viewer: ViewerModel, lagging: None, qtbot: Any
) -> None:
    labels = viewer.add_labels(np.zeros((20, 20), np.uint8), visible=visible)
    qtbot.wait(200)
    index = np.arange(40)
    if not visible:
        labels.data = labels.data.astype(np.int32)
    add(labels, index, 250 + index)
    np.testing.assert_array_equal(labels.data.ravel()[:40], 250 + index)
    labels.undo()
    assert not labels.data.any()
    qtbot.wait(200)  # for what is being sliced


def test_the_brush_has_a_wide_id_at_once(viewer: ViewerModel, lagging: None, qtbot: Any) -> None:
    labels = viewer.add_labels(np.full((20, 20), 255, np.uint8))
    qtbot.wait(200)
    layers.take_next_id(labels)
    labels.data_setitem((np.array([3]), np.array([3])), labels.selected_label)
    assert labels.data[3, 3] == 256
    qtbot.wait(200)


def test_a_narrow_layer_on_disk_is_not_replaced(viewer: ViewerModel, tmp_path: Path) -> None:
    stored = zarr.open(tmp_path / "a.zarr", mode="w", shape=(8, 8), chunks=(8, 8), dtype="u1")
    stored[2, 2] = 255
    labels = viewer.add_labels(stored)
    with pytest.raises(BadInput, match="no ids above 255"):
        layers.take_next_id(labels)
    assert labels.data is stored


def test_a_narrow_file_in_memory_is_not_left_behind(viewer: ViewerModel, tmp_path: Path) -> None:
    stored = np.memmap(tmp_path / "labels.raw", mode="w+", dtype="u1", shape=(20, 20))
    stored[2, 2] = 255
    labels = viewer.add_labels(stored)
    with pytest.raises(BadInput, match="no ids above 255"):
        layers.take_next_id(labels)
    labels.paint((8, 8), 7)
    assert stored[8, 8] == 7


def test_another_reading_of_the_axes_and_back(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((3, 20, 30)))
    labels, regions = layers.make_labels(viewer, image), layers.make_regions(viewer, image)
    prediction = layers.prediction_layer(viewer, image)
    layers.set_axes(viewer, image, "CYX")
    assert prediction not in viewer.layers
    assert labels in viewer.layers and regions in viewer.layers
    assert layers.partner(viewer, image, "labels") is None
    assert layers.images(viewer) == [image] and layers.obvious_labels(viewer, image) is None
    flat = layers.make_labels(viewer, image)
    layers.set_axes(viewer, image, "ZYX")
    assert layers.partner(viewer, image, "labels") is labels
    assert layers.partner(viewer, image, "regions") is regions
    layers.set_axes(viewer, image, "CYX")
    assert layers.partner(viewer, image, "labels") is flat


def test_axes_that_a_copy_of_an_image_cannot_have(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((3, 20, 30)))
    layers.set_axes(viewer, image, "CYX")
    plane = viewer.add_image(np.zeros((20, 30)), metadata=dict(image.metadata))
    assert layers.axes(plane) == "YX"
    twin = viewer.add_image(np.zeros((3, 20, 30)), metadata=dict(image.metadata))
    layers.set_axes(viewer, twin, "ZYX")
    assert layers.axes(image) == "CYX"


def test_a_copy_of_the_labels_is_nobodys(viewer: ViewerModel) -> None:
    image = viewer.add_image(np.zeros((20, 30)))
    labels = layers.make_labels(viewer, image)
    copy = viewer.add_labels(labels.data.copy(), metadata=dict(labels.metadata))
    layers.disown_copy(viewer, copy)
    assert layers.role(copy) is None and layers.role(labels) == "labels"


def test_labels_on_disk_are_read_by_the_thread(viewer: ViewerModel, tmp_path: Path) -> None:
    image = viewer.add_image(np.zeros((8, 8)))
    stored = zarr.open(tmp_path / "a.zarr", mode="w", shape=(8, 8), chunks=(8, 8), dtype="u1")
    labels = viewer.add_labels(stored)
    layers.pair(viewer, image, labels)
    stored[2:5, 2:5] = 7
    shot = layers.snapshot(viewer, image)
    assert shot is not None and shot.labels is stored
    made = pair(shot)
    assert made.labels.dtype == np.int32 and (made.labels[2:5, 2:5] == 7).all()
    assert made.known is None and made.unpainted is None  # nothing is said of the rest
