"""Undo, redo, export and numbers between the portions of an Accept. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet import layers
from napari_unet.widgets.pieces import Pieces
from napari_unet.widgets.undoing import Undoing

from .test_accept_whole import Bench, begun
from .test_accept_whole import bench as bench
from .test_accept_whole import several as several

pytestmark = pytest.mark.usefixtures("several")
Qtbot = Any


def cut(bench: Bench, labels: np.ndarray) -> list[int]:
    """The cells of which a part is in the labels."""
    return [n for n in range(1, 31) if len(np.unique(labels[bench.truth == n])) > 1]


def test_what_was_undone_in_the_middle_is_not_redone(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    assert cut(bench, bench.labels.data)
    bench.labels.undo()
    qtbot.waitUntil(bench.ended)
    bench.labels.redo()
    np.testing.assert_array_equal(bench.labels.data, before)


def test_undone_and_redone_between_portions_it_is_one_step(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    bench.labels.undo()
    bench.labels.redo()
    qtbot.waitUntil(bench.ended)
    bench.whole()
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, before)
    bench.labels.redo()
    bench.whole()


def test_a_stroke_that_was_undone_between_portions_can_be_redone(
    bench: Bench, qtbot: Qtbot
) -> None:
    begun(bench, qtbot)
    bench.labels.paint((2, 2), 77)
    mine = bench.labels.data == 77
    bench.labels.undo()
    qtbot.waitUntil(bench.ended)
    bench.labels.redo()
    np.testing.assert_array_equal(bench.labels.data == 77, mine)
    bench.whole()


def test_no_cell_is_cut_in_what_is_exported_or_learnt(bench: Bench, qtbot: Qtbot) -> None:
    begun(bench, qtbot)
    assert cut(bench, bench.labels.data)
    shot = layers.snapshot(bench.viewer, bench.image)
    assert shot is not None
    left = bench.accepting.not_accepted(bench.image, bench.labels, shot.labels)
    assert left() == 0
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(shot.labels, bench.labels.data)


def test_numbers_that_are_still_to_be_written_are_not_given(bench: Bench, qtbot: Qtbot) -> None:
    """The highest is written first; here it is erased again before the others are there."""
    begun(bench, qtbot)
    labels = bench.labels
    labels.data_setitem(np.nonzero(labels.data == labels.data.max()), 0)
    bench.annotating.new_cell()
    number = labels.selected_label
    qtbot.waitUntil(bench.ended)
    assert number == 31 and not (labels.data == number).any()
    bench.annotating.new_cell()
    assert labels.selected_label == 30


def test_pieces_of_what_is_being_added_are_no_cells(bench: Bench, qtbot: Qtbot) -> None:
    undoing = Undoing(bench.annotating.watching, bench.session.say)
    parts = Pieces(bench.session, bench.annotating, undoing, bench.annotating)
    labels, found = bench.labels, bench.found
    ring = np.zeros_like(bench.truth, bool)
    ring[4:250, 2:8] = ring[4:250, 246:252] = ring[245:250, 2:252] = True
    ring &= bench.truth == 0
    found.data[ring] = 40
    ys, xs = np.nonzero(labels.data == 6)
    labels.data_setitem((np.full_like(xs, int(np.median(ys))), xs), 0)
    qtbot.waitUntil(lambda: bool(bench.session.torn))
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 21 cells"))
    parts.give_numbers()
    assert "press the button again once they are there" in bench.session.status
    qtbot.waitUntil(lambda: bench.ended() and not parts._parting)
    assert len(np.unique(labels.data[ring])) == 1
    parts.close()


def test_what_cannot_be_taken_back_can_be_undone(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    bench.labels.data.flags.writeable = False
    qtbot.waitUntil(bench.ended)
    bench.labels.data.flags.writeable = True
    while bench.labels._undo_history:
        bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, before)


def test_what_was_erased_of_cells_that_were_undone_does_not_come_back(
    bench: Bench, qtbot: Qtbot
) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    ys, xs = np.nonzero(bench.labels.data > 10)
    bench.labels.paint((int(ys[0]), int(xs[0])), 0)
    bench.labels.undo()
    bench.labels.undo()
    qtbot.waitUntil(bench.ended)
    bench.labels.redo()
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, before)


def test_what_was_erased_of_cells_that_broke_off_does_not_come_back(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError("no room")

    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    ys, xs = np.nonzero(bench.labels.data > 10)
    bench.labels.paint((int(ys[0]), int(xs[0])), 0)
    with monkeypatch.context() as patch:
        patch.setattr(bench.labels, "data_setitem", no_room)
        qtbot.waitUntil(bench.ended)
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, before)


def test_a_stroke_that_is_redone_over_found_cells_and_undone_leaves_them_whole(
    bench: Bench, qtbot: Qtbot
) -> None:
    begun(bench, qtbot)
    ys, xs = np.nonzero((bench.labels.data == 0) & (bench.truth > 10))
    bench.labels.paint((int(ys[-1]), int(xs[-1])), 77)
    bench.labels.undo()
    qtbot.waitUntil(bench.ended)
    bench.labels.redo()
    assert (bench.labels.data == 77).any()
    bench.labels.undo()
    bench.whole()
