"""Accept after an Accept that was undone, and after what was accepted was erased. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet import layers
from napari_unet.layers.roles import KEY
from napari_unet.widgets import accepted_before, accepting

from .test_accept_again import accepted
from .test_accept_whole import Bench, held
from .test_accept_whole import bench as bench
from .test_accept_whole import several as several

Qtbot = Any


def find(bench: Bench, cells: np.ndarray) -> None:
    """The prediction is filtered: these are the found cells now."""
    bench.found.data[...] = cells
    layers.note_drawn(bench.found, [0], "job", "model")
    bench.annotating.refresh()


def undone(bench: Bench, qtbot: Qtbot) -> None:
    """Accept, and Ctrl-Z at once."""
    assert "added" in accepted(bench, qtbot)
    bench.labels.undo()


def dab(bench: Bench, cell: int, number: int) -> None:
    """A stroke by hand in the middle of a cell."""
    y, x = np.argwhere(bench.truth == cell).mean(axis=0)
    bench.labels.brush_size = 5
    bench.labels.paint((int(y), int(x)), number)


def erase(bench: Bench, *cells: int) -> None:
    for cell in cells:
        bench.labels.data_setitem(np.nonzero(bench.truth == cell), 0)


def test_fewer_cells_then_all_of_them(bench: Bench, qtbot: Qtbot) -> None:
    undone(bench, qtbot)
    find(bench, np.where(bench.truth <= 15, bench.truth, 0))
    assert accepted(bench, qtbot).startswith("5 cells added")
    find(bench, bench.truth)
    assert accepted(bench, qtbot).startswith("15 cells added")
    bench.whole()


def test_smaller_cells_one_of_them_by_hand_then_larger_ones(bench: Bench, qtbot: Qtbot) -> None:
    core = np.roll(bench.truth, 4, axis=0) == np.roll(bench.truth, -4, axis=0)
    find(bench, np.where(core, bench.truth, 0))
    undone(bench, qtbot)
    dab(bench, 11, 11)
    find(bench, bench.truth)
    accepted(bench, qtbot)
    for cell in range(12, 31):
        assert (bench.labels.data[bench.truth == cell] > 0).all()


def test_kinds_one_of_them_by_hand(bench: Bench, qtbot: Qtbot) -> None:
    bench.session.labels_are = "classes"
    bench.labels.data = np.zeros_like(bench.truth)
    layers.note_kind(bench.found, "classes")
    find(bench, np.where(bench.truth > 0, 1 + bench.truth % 2, 0))
    undone(bench, qtbot)
    dab(bench, 2, 1)
    assert "added" in accepted(bench, qtbot)


def test_redone_then_erased(bench: Bench, qtbot: Qtbot) -> None:
    undone(bench, qtbot)
    bench.labels.redo()
    erase(bench, 11, 12)
    before = np.array(bench.labels.data)
    accepted(bench, qtbot)
    np.testing.assert_array_equal(bench.labels.data, before)


def test_taken_back_since_it_could_not_be_said(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*_: Any) -> str:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(accepting, "added", mistaken)
        assert "a mistake" in accepted(bench, qtbot)
    assert accepted(bench, qtbot).startswith("20 cells added")


def test_erased_so_long_ago_that_undo_no_longer_comes_to_it(bench: Bench, qtbot: Qtbot) -> None:
    find(bench, np.where(np.isin(bench.truth, (11, 12)), bench.truth, 0))
    accepted(bench, qtbot)
    erase(bench, 11, 12)
    for number in range(bench.labels._undo_history.maxlen or 0):
        bench.labels.data_setitem((np.array([0]), np.array([number])), 50)
    before = np.array(bench.labels.data)
    accepted(bench, qtbot)
    np.testing.assert_array_equal(bench.labels.data, before)


@pytest.mark.parametrize("beyond", [False, True])
def test_erased_then_of_another_type(beyond: bool, bench: Bench, qtbot: Qtbot) -> None:
    """By napari's “Convert data type”, or since the next number is too high."""
    labels = bench.labels
    labels.data = labels.data.astype(np.uint8)
    accepted(bench, qtbot)
    erase(bench, *range(11, 25))
    if beyond:
        layers.take_next_id(labels, 255)
    else:
        labels.data = labels.data.astype(np.int16)
    before = np.array(labels.data)
    accepted(bench, qtbot)
    np.testing.assert_array_equal(labels.data, before)


def test_undone_of_another_type_then_fewer_cells(bench: Bench, qtbot: Qtbot) -> None:
    accepted(bench, qtbot)
    bench.labels.data = bench.labels.data.astype(np.int64)
    bench.labels.undo()
    find(bench, np.where(bench.truth <= 25, bench.truth, 0))
    accepted(bench, qtbot)
    find(bench, bench.truth)
    accepted(bench, qtbot)
    bench.whole()


def test_undone_while_other_labels_are_chosen(bench: Bench, qtbot: Qtbot) -> None:
    labels = bench.labels
    others = bench.viewer.add_labels(np.zeros_like(labels.data), name="others")
    others.metadata[KEY] = {}
    accepted(bench, qtbot)
    bench.annotating.choose_labels(layers.key(others))
    bench.viewer.layers.selection.active = labels
    labels.undo()
    labels.paint((2, 2), 40)  # nothing can be redone
    bench.annotating.choose_labels(layers.key(labels))
    assert "20 cells added" in accepted(bench, qtbot)


def test_kinds_undone_while_they_are_written_then_a_stroke(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    """The stroke puts the very kind where it was written: no sign that it is written on."""
    bench.session.labels_are = "classes"
    bench.labels.data = np.zeros_like(bench.truth)
    layers.note_kind(bench.found, "classes")
    find(bench, np.where(bench.truth > 0, 1, 0))
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding"))
    bench.labels.undo()
    assert not bench.labels.data.any()
    dab(bench, 1, 1)
    mine = np.array(bench.labels.data)
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, mine)
    assert "it was undone" in bench.session.status


def test_redone_while_more_is_merged(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is merged without the cells that redo brings back would fill what they leave."""
    core = np.roll(bench.truth, 4, axis=0) == np.roll(bench.truth, -4, axis=0)
    find(bench, np.where(core, bench.truth, 0))
    undone(bench, qtbot)
    find(bench, bench.truth)
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    bench.labels.redo()
    before = np.array(bench.labels.data)
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    assert len(np.unique(bench.labels.data)) == len(np.unique(before))
    np.testing.assert_array_equal(bench.labels.data[before > 0], before[before > 0])


def test_erased_while_a_filter_is_drawn(bench: Bench, qtbot: Qtbot, several: None) -> None:
    """As the next Accept ends nothing of the prediction is drawn; then the same cells are."""
    find(bench, np.where(bench.truth <= 15, bench.truth, 0))
    accepted(bench, qtbot)
    erase(bench, 11, 12)
    find(bench, bench.truth)
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 15 cells"))
    layers.note_undrawn(bench.found, [0])
    qtbot.waitUntil(bench.ended)
    find(bench, bench.truth)
    before = np.array(bench.labels.data)
    accepted(bench, qtbot)
    np.testing.assert_array_equal(bench.labels.data, before)
