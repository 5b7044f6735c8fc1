"""The brush's number: free in the pixels, whoever wrote them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels

from napari_unet import layers
from napari_unet.widgets import numbering
from napari_unet.widgets.open import Shown, add_pair

from .conftest import partner

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]


@pytest.fixture
def stack(window: Viewer, dock: Any, press: Press, qtbot: Any) -> Viewer:
    """Three slices; three cells are painted on the first, and counted."""
    window.add_image(np.zeros((3, 64, 64), np.uint8), name="stack")
    press("unet_new_cell")
    painted = np.zeros((3, 64, 64), np.int32)
    painted[0, 5, :30:10] = [1, 2, 3]
    partner(window, "labels").data = painted
    window.dims.set_point(0, 0)
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 3, timeout=5000)
    return window


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer takes too long to be looked through at once."""
    monkeypatch.setattr(numbering, "AT_ONCE", 0)
    monkeypatch.setattr(numbering, "PAUSE", 20)


def write_unseen(viewer: Viewer, number: int) -> Labels:
    """As a script or a plugin does; then the slider is moved there."""
    labels: Labels = partner(viewer, "labels")
    labels.data[2, 40:50, 40:50] = number
    viewer.dims.set_point(0, 2)
    return labels


def test_a_number_that_a_script_has_used_is_not_given(
    stack: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = write_unseen(stack, 4)
    press("unet_new_cell")
    assert labels.selected_label == 5
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 4, timeout=5000)


def test_on_a_large_layer_the_number_is_exchanged(
    stack: Viewer, large: None, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = write_unseen(stack, 4)
    press("unet_new_cell")
    qtbot.waitUntil(lambda: labels.selected_label == 5, timeout=5000)
    assert "Number 4 was in use already" in dock.desk.session.status
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 4, timeout=5000)


def test_on_a_large_layer_it_is_said_where_it_is_painted_already(
    stack: Viewer, large: None, dock: Any, press: Press, qtbot: Any
) -> None:
    session, labels = dock.desk.session, write_unseen(stack, 4)
    press("unet_new_cell")
    labels.paint((2, 10, 10), labels.selected_label)
    qtbot.waitUntil(lambda: session.mood == "error", timeout=5000)
    assert "undo your strokes (Ctrl-Z) and press N" in session.status
    assert labels.selected_label == 4
    labels.undo()
    press("unet_new_cell")  # it may be counted anew still: then the number comes a moment later
    qtbot.waitUntil(lambda: labels.selected_label == 5, timeout=5000)


def test_a_free_number_of_a_large_layer_stays(
    stack: Viewer, large: None, dock: Any, press: Press, qtbot: Any
) -> None:
    labels, given = partner(stack, "labels"), dock.desk.annotating.numbering
    press("unet_new_cell")
    labels.paint((0, 40, 40), labels.selected_label)
    qtbot.waitUntil(lambda: not given._given, timeout=5000)
    assert labels.selected_label == 4
    assert dock.desk.session.mood != "error"


def test_a_large_layer_that_is_not_counted_yet(
    stack: Viewer, large: None, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = partner(stack, "labels")
    labels.mode = "paint"
    labels.data[1, 8, 8] = 9
    labels.refresh()
    press("unet_new_cell")
    if labels.selected_label != 10:
        assert labels.mode == "pan_zoom"  # the brush holds another cell's number until then
    qtbot.waitUntil(lambda: labels.selected_label == 10, timeout=5000)
    assert labels.mode == "paint"


def test_labels_that_are_opened_with_cells(
    window: Viewer, dock: Any, qtbot: Any, discs: Discs
) -> None:
    window.add_image(discs[0], name="cells")
    labels = window.add_labels(discs[1], name="theirs")
    assert partner(window, "labels") is labels
    qtbot.waitUntil(lambda: labels.selected_label == 31, timeout=5000)
    other = window.add_labels(np.where(discs[1] < 5, discs[1], 0), name="others")
    dock.desk.annotating.choose_labels(layers.key(other))
    qtbot.waitUntil(lambda: other.selected_label == 5, timeout=5000)


def test_a_cell_that_was_chosen_before_they_were_counted(
    window: Viewer, dock: Any, qtbot: Any, discs: Discs
) -> None:
    window.add_image(discs[0], name="cells")
    labels = window.add_labels(discs[1], name="theirs")
    labels.selected_label = 7
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 30, timeout=5000)
    assert labels.selected_label == 7


def test_an_image_opened_with_its_labels(window: Viewer, discs: Discs) -> None:
    add_pair(window, Shown("cells", discs[0], "YX", discs[1].astype(np.int32)))
    assert partner(window, "labels").selected_label == 31
