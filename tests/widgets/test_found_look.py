"""What was found does not look like what was painted, in slices of any size, flat and in 3D."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Image

from napari_unet import layers
from napari_unet.layers.found_look import FILL, LINE


def viewer_with(shape: tuple[int, ...]) -> tuple[ViewerModel, Image]:
    viewer = ViewerModel()
    return viewer, viewer.add_image(np.zeros(shape, np.uint8), name="cells")


def test_found_cells_are_outlined_in_green_and_painted_ones_are_not() -> None:
    viewer, image = viewer_with((60, 70))
    labels, found = layers.make_labels(viewer, image), layers.prediction_layer(viewer, image)
    assert labels.contour == 0 and found.contour == 1 and found.opacity == LINE
    shades = {tuple(found.get_color(number)) for number in range(1, 40)}
    assert len(shades) == 7, "neighbours are told apart"
    for colour in shades:
        hue, saturation, value = colorsys.rgb_to_hsv(*colour[:3])
        assert 70 < 360 * hue < 160 and saturation > 0.7 and value >= 0.7
    assert found.get_color(0) is None
    found.data[10:30, 10:30], found.data[10:30, 30:50] = 1, 2
    found.refresh()
    shown = found._slice.image.view
    assert shown[10, 20] and shown[20, 29] and shown[20, 30] and not shown[20, 20]


@pytest.mark.parametrize(("side", "width"), [(20, 1), (1400, 1), (1401, 0), (12_000, 0)])
def test_outlines_of_any_slice_are_seen_and_soon_drawn(side: int, width: int) -> None:
    assert layers.outline_width((side, side)) == width


def test_large_slices_are_filled_in_the_same_greens() -> None:
    viewer, image = viewer_with((1, 1000))
    small = layers.prediction_layer(viewer, image)
    viewer, image = viewer_with((2, 1500))
    large = layers.prediction_layer(viewer, image)
    assert large.contour == 0 and large.opacity == FILL
    assert tuple(large.get_color(3)) == tuple(small.get_color(3))


def test_kinds_keep_the_colours_of_the_labels() -> None:
    viewer, image = viewer_with((60, 70))
    labels, found = layers.make_labels(viewer, image), layers.prediction_layer(viewer, image)
    layers.note_kind(found, "classes")
    layers.dress(viewer, found)
    assert found.contour == 1
    for number in (1, 2, 3):
        assert tuple(found.get_color(number)) == tuple(labels.get_color(number))
    layers.note_kind(found, "instances")
    layers.dress(viewer, found)
    assert found.get_color(1)[1] > found.get_color(1)[0]


def test_what_the_user_has_chosen_stays() -> None:
    viewer, image = viewer_with((60, 70))
    found = layers.prediction_layer(viewer, image)
    found.contour, found.opacity = 0, 0.3
    layers.dress(viewer, layers.prediction_layer(viewer, image))
    assert found.contour == 0 and found.opacity == 0.3


@pytest.mark.gui
@pytest.mark.filterwarnings("ignore:Contours are not displayed during 3D rendering")
def test_outlines_go_in_3d_and_come_back(window: Viewer, dock: Any, qtbot: Any) -> None:
    image = window.add_image(np.zeros((4, 60, 70), np.uint8))
    found = layers.prediction_layer(window, image)
    found.data[:, 10:30, 10:30] = 1
    found.refresh()
    window.dims.ndisplay = 3
    assert found.contour == 0
    window.dims.ndisplay = 2
    qtbot.waitUntil(lambda: found.contour == 1, timeout=5000)
