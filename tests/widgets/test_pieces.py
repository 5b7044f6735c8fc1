"""Numbers in several pieces are told in the panel, and one press gives them their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel, QPushButton

from napari_unet import layers
from napari_unet.widgets import pieces
from napari_unet.widgets.watching import Watching
from napari_unet.wording import in_pieces

from .conftest import partner

Press = Callable[[str], None]


def told(dock: Any) -> str:
    label = dock.findChild(QLabel, "unet_torn")
    return str(label.text()) if label.isVisibleTo(dock) else ""


@pytest.mark.gui
def test_a_cell_that_the_eraser_has_cut(
    painted: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session, labels = dock.desk.session, partner(painted, "labels")
    button = dock.findChild(QPushButton, "unet_apart")
    assert not told(dock) and not button.isVisibleTo(dock)
    ys, xs = np.nonzero(labels.data == 6)
    middle = int(np.median(ys))
    labels.data_setitem((np.full_like(xs, middle), xs), 0)
    qtbot.waitUntil(lambda: told(dock) == "Number 6 lies in 2 pieces.", timeout=10_000)
    cut = labels.data.copy()
    press("unet_apart")
    qtbot.waitUntil(lambda: session.annotated.cells == 11, timeout=10_000)
    assert "1 piece has a number of its own now" in session.status
    assert labels.selected_label == 12
    qtbot.waitUntil(lambda: not told(dock), timeout=10_000)
    labels.undo()  # one step
    np.testing.assert_array_equal(labels.data, cut)
    qtbot.waitUntil(lambda: session.status.startswith("The pieces have one number again."))
    qtbot.waitUntil(lambda: told(dock) == "Number 6 lies in 2 pieces.", timeout=10_000)
    dock.desk.annotating.choose_labels_are("classes")
    assert not told(dock)  # a kind lies in as many pieces as it likes


@pytest.mark.gui
def test_six_cells_in_one_number_of_a_stack(
    window: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session = dock.desk.session
    window.add_image(np.zeros((3, 64, 64), np.uint8), name="stack")
    press("unet_new_cell")
    mine = np.zeros((3, 64, 64), np.uint8)
    for y, x in np.ndindex(2, 3):
        mine[1, 20 * y + 2 : 20 * y + 12, 20 * x + 2 : 20 * x + 12] = 1
    mine[2, 2:12, 2:12] = 1  # goes on in the next slice: no piece
    labels = partner(window, "labels")
    labels.data = mine
    asked = "Number 1 lies in 6 pieces (slice 1). Are these kinds of things?"
    qtbot.waitUntil(lambda: told(dock) == asked, timeout=10_000)
    words = dock.findChild(QLabel, "unet_annotated").text()  # one question is enough
    assert words == "1 cell; unpainted ground counts where the model is sure of it."
    press("unet_apart")
    qtbot.waitUntil(lambda: session.annotated.cells == 6, timeout=10_000)
    assert labels.data[2].max() == 1


def test_pieces_of_several_slices_get_different_numbers(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    data = np.zeros((2, 30, 30), np.int32)
    data[:, 2:8, 2:8] = data[:, 12:18, 2:8] = data[:, 22:28, 2:8] = 5
    stored = zarr.create_array(tmp_path / "labels.zarr", data=data)
    assert pieces.searched(stored, [0, 1]) == {0: {5: 3}, 1: {5: 3}}
    made = pieces.renumbering(stored, [0, 1])
    assert sorted(set(made.new.tolist())) == [6, 7, 8, 9] and (made.old == 5).all()


def test_in_words() -> None:
    assert in_pieces(()) == ""
    assert in_pieces(((6, 3, None),)) == "Number 6 lies in 3 pieces."
    assert in_pieces(((6, 3, 0), (7, 2, 4))) == (
        "2 numbers lie in several pieces, such as 6 in 3 (slice 0)."
    )


# ---- undo where it is not seen


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("shape", [(4, 30, 30), (2, 4, 30, 30)], ids=["stack", "4D"])
def test_undo_goes_to_the_slice_that_it_changes(shape: tuple[int, ...]) -> None:
    viewer: Any = ViewerModel()
    image = viewer.add_image(np.zeros((3, *shape)), scale=(1,) * (len(shape) - 2) + (2, 2, 2))
    layers.set_axes(viewer, image, "CZYX" if len(shape) == 3 else "CTZYX")
    labels = layers.make_labels(viewer, image)
    watching = Watching(viewer)
    watching.refresh()

    def at() -> tuple[int, ...]:
        return tuple(viewer.dims.current_step[1 : len(shape) - 1])

    def move(*steps: int) -> None:
        for axis, step in enumerate(steps, start=1):
            viewer.dims.set_current_step(axis, step)

    here, there = (3,) * (len(shape) - 3), (0,) * (len(shape) - 3)
    here, there = (*there, 3), (*there, 1)
    move(*here)
    labels.paint((*here, 10, 10), 1)
    move(*there)
    labels.paint((*there, 10, 10), 2)
    move(*there[:-1], 2)
    labels.undo()
    assert at() == there and not (labels.data == 2).any()
    labels.undo()
    assert at() == here and not labels.data.any()
    move(*there)
    labels.redo()
    assert at() == here
    move(*here)
    labels.undo()
    assert at() == here  # it is seen: nothing moves
    watching.close()


@pytest.mark.gui
def test_a_search_that_falls_into_a_stroke_which_changes_nothing_is_made_after_it(
    painted: Viewer, dock: Any, qtbot: Any
) -> None:
    labels, counting = partner(painted, "labels"), dock.desk.annotating.counting
    ys, xs = np.nonzero(labels.data == 6)
    labels.data_setitem((np.full_like(xs, int(np.median(ys))), xs), 0)
    with labels.block_history():  # the brush is held down
        with qtbot.waitSignal(counting.counted):
            pass
        assert not told(dock)
    qtbot.waitUntil(lambda: told(dock) == "Number 6 lies in 2 pieces.")
