"""Several images of one size lie on one another: what is in hand is what is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer

from napari_unet import layers
from napari_unet.widgets.label import LabelPanel
from napari_unet.widgets.open import show_dock

pytestmark = pytest.mark.gui

Press = Callable[[str], None]


def three(viewer: Viewer) -> list[Any]:
    return [viewer.add_image(np.full((64, 64), 40.0 + i), name=n) for i, n in enumerate("ABC")]


def choose(dock: Any, image: Any) -> None:
    """The user picks an image in the panel."""
    box = dock.findChild(LabelPanel).image
    box.setCurrentIndex(box.findData(layers.key(image)))
    box.activated.emit(box.currentIndex())


def seen(viewer: Viewer) -> Any:
    return layers.topmost(viewer)


def test_the_panel_opens_with_the_image_that_is_seen(window: Viewer) -> None:
    _, b, c = three(window)
    window.layers.selection.clear()
    c.visible = False
    dock = show_dock(window)
    assert dock.desk.session.image == layers.key(b)
    dock.desk.close()


def test_the_image_of_the_selected_layer_is_in_hand_at_the_start(window: Viewer) -> None:
    a, _, _ = three(window)
    window.layers.selection.active = a
    dock = show_dock(window)
    assert dock.desk.session.image == layers.key(a)
    dock.desk.close()


def test_an_image_chosen_in_the_panel_is_seen(window: Viewer, dock: Any, press: Press) -> None:
    a, b, c = three(window)
    press("unet_new_cell")
    of_c = layers.partner(window, c, "labels")
    assert dock.desk.session.status.startswith("Cell 1 of C")
    choose(dock, a)
    assert seen(window) is a and window.layers.selection.active is a
    assert not (b.visible or c.visible or of_c.visible)
    press("unet_new_cell")
    of_a = layers.partner(window, a, "labels")
    assert window.layers.selection.active is of_a
    # back to C: what was put away comes again, and is what the brush paints on
    choose(dock, c)
    assert seen(window) is c and of_c.visible and not of_a.visible
    assert window.layers.selection.active is of_c
    assert not b.visible


def test_what_the_user_has_hidden_stays_hidden(window: Viewer, dock: Any, press: Press) -> None:
    a, _, c = three(window)
    press("unet_new_cell")
    of_c = layers.partner(window, c, "labels")
    of_c.visible = False
    for image in (a, c):
        choose(dock, image)
    assert c.visible and not of_c.visible


def test_a_new_cell_is_of_the_image_that_is_seen(window: Viewer, dock: Any, press: Press) -> None:
    a, b, c = three(window)
    c.visible = False  # by the eye in the list of layers
    press("unet_new_cell")
    assert layers.partner(window, c, "labels") is None
    assert layers.partner(window, b, "labels") is window.layers.selection.active
    assert dock.desk.session.status.startswith("Cell 1 of B") and not c.visible
    # one that lies below and was clicked in the list comes to light with its first cell
    window.layers.selection.active = a
    assert b.visible
    press("unet_new_cell")
    assert seen(window) is a and not b.visible
    # and so does one that was put away for it
    window.layers.selection.active = b
    press("unet_new_cell")
    assert seen(window) is b and layers.partner(window, b, "labels").visible


def test_channels_are_seen_together(window: Viewer, dock: Any, press: Press) -> None:
    a, b, _ = three(window)
    for layer in window.layers:
        layer.blending = "additive"
    window.layers.selection.active = a
    press("unet_new_cell")
    assert b.visible and layers.partner(window, a, "labels") is not None


def test_images_beside_each_other_stay(window: Viewer, dock: Any, press: Press) -> None:
    a, b, c = three(window)
    b.translate, c.translate = (0, 64), (0, 128)
    window.layers.selection.active = a
    press("unet_new_cell")
    assert b.visible and c.visible
    b.translate = c.translate = (0, 0)
    window.canvas.grid.enabled = True
    press("unet_new_cell")
    assert b.visible and c.visible
    window.canvas.grid.enabled = False
    press("unet_new_cell")
    assert not (b.visible or c.visible)


def test_the_size_of_cells_is_of_the_image_in_hand(window: Viewer, dock: Any) -> None:
    a, _, c = three(window)
    session = dock.desk.session
    session.diameter = 40
    window.layers.selection.active = a
    assert session.diameter == 0
    session.diameter = 12
    window.layers.selection.active = c
    assert session.diameter == 40


def test_a_stray_click_is_no_region(window: Viewer, dock: Any, press: Press, qtbot: Any) -> None:
    (image, *_) = three(window)
    window.layers.selection.active = image
    press("unet_regions")
    regions = layers.partner(window, image, "regions")
    regions.add_rectangles(np.array([[10, 10], [10.9, 10.9]]))
    assert layers.region_count(regions, image) == 0
    assert layers.region_outlines(regions, image) == ()
    regions.add_rectangles(np.array([[10, 10], [30, 30]]))
    assert layers.region_count(regions, image) == 1 == len(layers.region_outlines(regions, image))
