"""Accept: what comes into the labels, and what does not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels, _layer_actions

from napari_unet import layers
from napari_unet.widgets import accepted_before

from .conftest import done, partner
from .test_meanwhile import Gate

pytestmark = pytest.mark.gui

Discs = tuple[np.ndarray, np.ndarray]
Press = Callable[[str], None]
FOUND: tuple[layers.Role, layers.Role] = ("labels", "prediction")


def cells(plane: np.ndarray) -> int:
    return len(np.unique(plane)) - 1


def accept(dock: Any, press: Press, qtbot: Any) -> str:
    """Press the button; what is said then."""
    dock.desk.session.status = ""
    press("unet_accept")
    qtbot.waitUntil(lambda: bool(dock.desk.session.status), timeout=5000)
    return str(dock.desk.session.status)


def predict(dock: Any, press: Press, qtbot: Any) -> None:
    press("unet_predict")
    qtbot.waitUntil(lambda: done(dock), timeout=20_000)


def erase(labels: Any, where: np.ndarray, index: int = 0) -> None:
    """As by the eraser, in a stack."""
    ys, xs = np.nonzero(where)
    labels.data_setitem((np.full_like(ys, index), ys, xs), 0)


@pytest.fixture
def stack(window: Viewer, dock: Any, discs: Discs, press: Press, qtbot: Any) -> Viewer:
    """Three slices, the first one with ten painted cells and an overlay."""
    window.add_image(np.stack([discs[0]] * 3), name="stack")
    window.dims.set_point(0, 0)
    press("unet_new_cell")
    painted = np.zeros((3, 256, 256), np.int32)
    painted[0] = np.where(discs[1] <= 10, discs[1], 0)
    partner(window, "labels").data = painted
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 10, timeout=5000)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: done(dock), timeout=30_000)
    return window


def test_cells_that_were_erased_after_accept_do_not_come_back(
    stack: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    labels = partner(stack, "labels")
    assert accept(dock, press, qtbot).startswith("20 cells added")
    erase(labels, np.isin(discs[1], (15, 20, 25)))
    assert accept(dock, press, qtbot).startswith("Nothing new")
    stack.dims.set_point(0, 1)
    predict(dock, press, qtbot)
    assert accept(dock, press, qtbot).startswith("30 cells added")
    assert (cells(labels.data[0]), cells(labels.data[1])) == (27, 30)
    dock.desk.filtering.choose_threshold(0.45)
    qtbot.waitUntil(lambda: "at threshold 0.45" in dock.desk.session.status, timeout=5000)
    assert accept(dock, press, qtbot).startswith("Nothing new")
    stack.dims.set_point(0, 0)
    predict(dock, press, qtbot)  # they are found anew
    assert accept(dock, press, qtbot).startswith("3 cells added")


def test_slices_predicted_one_by_one_are_accepted_together(
    stack: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    stack.dims.set_point(0, 2)
    predict(dock, press, qtbot)
    assert accept(dock, press, qtbot).startswith("50 cells in 2 slices added")


def test_what_an_earlier_model_has_found_is_not_accepted(
    stack: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels, model = partner(stack, "labels"), dock.desk.session.model
    stack.dims.set_point(0, 1)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: dock.desk.session.model != model and done(dock), timeout=30_000)
    assert accept(dock, press, qtbot).startswith("30 cells added")
    assert [cells(x) for x in labels.data] == [10, 30, 0]


def test_what_was_undone_can_be_accepted_again(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    labels = partner(trained, "labels")
    accept(dock, press, qtbot)
    labels.undo()
    assert cells(labels.data) == 10
    qtbot.waitUntil(lambda: not dock.desk.session.accepted)
    assert accept(dock, press, qtbot).startswith("20 cells added")
    labels.undo()
    labels.redo()
    assert accept(dock, press, qtbot).startswith("Nothing new")
    labels.data_setitem(np.nonzero(labels.data > 10), 0)
    assert accept(dock, press, qtbot).startswith("Nothing new")
    assert cells(labels.data) == 10


def test_painted_background_stays_background(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    labels = partner(trained, "labels")
    dock.desk.annotating.background()
    background = partner(trained, "background")
    background.data[discs[1] == 25] = 1
    ys, xs = np.nonzero(discs[1] == 20)
    background.data[ys[ys < ys.min() + 4], xs[ys < ys.min() + 4]] = 1  # an edge of it
    background.refresh()
    assert accept(dock, press, qtbot).startswith("19 cells added")
    assert not (labels.data[background.data > 0]).any()
    assert accept(dock, press, qtbot).endswith("or lies on painted background.")


def remove(viewer: Viewer, labels: Any) -> None:
    viewer.layers.remove(labels)


def replace(viewer: Viewer, labels: Any) -> None:
    labels.data = np.zeros((100, 100), np.int32)


def exchange(viewer: Viewer, labels: Any) -> None:
    layers.pair(viewer, layers.images(viewer)[0], viewer.add_labels(np.zeros_like(labels.data)))


@pytest.mark.parametrize("change", [remove, replace, exchange])
def test_labels_that_change_while_cells_are_accepted(
    change: Callable[[Viewer, Any], None],
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, gate, said = partner(trained, "labels"), Gate(accepted_before.addition), []
    monkeypatch.setattr(accepted_before, "addition", gate)
    dock.desk.session.events.status.connect(said.append)  # what does not fit is told next
    press("unet_accept")
    qtbot.waitUntil(gate.reached.is_set, timeout=5000)
    change(trained, labels)
    before = labels.data.copy()
    gate.opened.set()
    qtbot.waitUntil(lambda: "layers were changed" in " ".join(said), timeout=5000)
    np.testing.assert_array_equal(labels.data, before)
    assert partner(trained, "prediction").visible


def closed_in_memory(array: np.ndarray, folder: Path) -> Any:
    array = array.copy()
    array.flags.writeable = False
    return array


def closed_file(array: np.ndarray, folder: Path) -> Any:
    np.save(folder / "labels.npy", array)
    return np.load(folder / "labels.npy", mmap_mode="r")


def closed_zarr(array: np.ndarray, folder: Path) -> Any:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(folder / "labels.zarr", data=array)
    return zarr.open_array(folder / "labels.zarr", mode="r")


@pytest.mark.parametrize("made", [closed_in_memory, closed_file, closed_zarr])
def test_read_only_labels_are_refused_until_they_can_be_written(
    made: Callable[[np.ndarray, Path], Any],
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    tmp_path: Path,
) -> None:
    labels = partner(trained, "labels")
    mine = np.array(labels.data)
    labels.data = made(mine, tmp_path)
    assert "is read-only: duplicate it" in accept(dock, press, qtbot)
    dock.desk.session.status = ""
    mode = labels.mode
    press("unet_new_cell")
    assert "is read-only" in dock.desk.session.status
    assert labels.mode == mode
    np.testing.assert_array_equal(labels.data, mine)
    trained.layers.selection = {labels}
    _layer_actions._duplicate_layer(trained.layers)  # as the sentence says
    (copy,) = (x for x in trained.layers if isinstance(x, Labels) and x.name.endswith("copy"))
    dock.desk.annotating.choose_labels(layers.key(copy))
    if isinstance(copy.data, np.ndarray):
        assert accept(dock, press, qtbot).startswith("20 cells added")


def test_a_failure_while_cells_are_added_leaves_accept_alive(
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no room")

    labels = partner(trained, "labels")
    with monkeypatch.context() as patch:
        patch.setattr(labels, "data_setitem", full)
        assert accept(dock, press, qtbot) == "No room."
    assert accept(dock, press, qtbot).startswith("20 cells added")


def test_undo_of_accept_brings_the_found_cells_back(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    session, labels, found = dock.desk.session, *(partner(trained, x) for x in FOUND)
    assert accept(dock, press, qtbot).startswith("20 cells added")
    assert session.accepted and not found.visible
    labels.undo()
    qtbot.waitUntil(lambda: "no longer in your labels" in session.status)
    assert session.status.endswith("correct the rest, and fine-tune.")
    assert not session.accepted and found.visible
    labels.redo()
    qtbot.waitUntil(lambda: "in your labels again" in session.status)
    assert session.accepted and not found.visible
    assert "added" not in session.status


def test_undo_of_an_accept_of_another_image_leaves_what_is_in_hand(
    trained: Viewer, dock: Any, press: Press, qtbot: Any, discs: Discs
) -> None:
    session, labels, found = dock.desk.session, *(partner(trained, x) for x in FOUND)
    assert accept(dock, press, qtbot).startswith("20 cells added")
    other = trained.add_image(discs[0], name="other")
    qtbot.waitUntil(lambda: session.image == layers.key(other))
    said = session.status
    labels.undo()
    qtbot.waitUntil(lambda: not layers.accepted(trained, trained.layers["cells"]))
    assert session.status == said and not found.visible


def test_where_the_filters_leave_no_cell_none_is_to_be_accepted(
    trained: Viewer, dock: Any, qtbot: Any
) -> None:
    session = dock.desk.session
    dock.desk.filtering.choose_min_size(1_000_000)
    qtbot.waitUntil(lambda: "from 1,000,000 px on" in session.status)
    assert session.status.startswith("No cells at threshold 0.50")
    assert "Accept" not in session.status
    dock.desk.filtering.choose_min_size(0)
    qtbot.waitUntil(lambda: session.status.startswith("30 cells at threshold 0.50. Accept"))


def test_a_prediction_without_a_cell_is_not_to_be_accepted(
    trained: Viewer, dock: Any, press: Press, qtbot: Any
) -> None:
    trained.add_image(np.zeros((64, 64), np.uint8), name="dark")
    predict(dock, press, qtbot)
    assert dock.desk.session.status.startswith("Found no cells with")
    assert "Accept" not in dock.desk.session.status
