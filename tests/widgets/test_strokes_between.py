"""Strokes between the portions of an Accept: as if all of it had been there before them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet import layers
from napari_unet.layers import adding as module
from napari_unet.widgets import accepted_before, accepting

from .test_accept_whole import Bench, begun, held
from .test_accept_whole import bench as bench

pytestmark = pytest.mark.usefixtures("many")
Qtbot = Any
Place = tuple[int, int]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred portions of what is found, one at a time."""
    monkeypatch.setattr(module, "PORTION", 97)
    monkeypatch.setattr(accepting, "AT_ONCE", 1e-9)


def unwritten(bench: Bench) -> Place:
    """In a found cell that comes late: the highest comes first, then the others by their place."""
    ys, xs = np.nonzero(bench.truth == 29)
    middle = len(ys) // 2
    return int(ys[middle]), int(xs[middle])


def taken_back(bench: Bench, strokes: int, before: np.ndarray, after: np.ndarray) -> None:
    """The strokes can be undone, and Accept, and all be redone."""
    labels = bench.labels
    for _ in range(strokes):
        labels.undo()
    bench.whole()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    labels.redo()
    bench.whole()
    for _ in range(strokes):
        labels.redo()
    np.testing.assert_array_equal(labels.data, after)


def test_a_stroke_over_a_cell_that_comes_later_leaves_it_whole(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    bench.labels.paint(unwritten(bench), 77)
    qtbot.waitUntil(bench.ended)
    after = np.array(bench.labels.data)
    assert (after == 77).any()
    taken_back(bench, 1, before, after)


def test_what_was_painted_and_erased_meanwhile(bench: Bench, qtbot: Qtbot) -> None:
    before, labels = np.array(bench.labels.data), bench.labels
    begun(bench, qtbot)
    labels.paint(unwritten(bench), 77)
    labels.brush_size //= 2
    labels.paint(unwritten(bench), 0)
    qtbot.waitUntil(bench.ended)
    after = np.array(labels.data)
    assert after[unwritten(bench)] == 0  # as where it is erased later
    taken_back(bench, 2, before, after)


def test_a_cell_painted_while_they_are_merged_and_erased_while_they_are_added(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    labels.brush_size = 5
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    labels.paint(unwritten(bench), 11)
    mine = labels.data == 11
    gate.opened.set()
    bench.session.status = ""
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 20 cells"))
    labels.paint(unwritten(bench), 0)
    qtbot.waitUntil(bench.ended)
    for _ in range(2):
        labels.undo()
        np.testing.assert_array_equal(labels.data == 11, mine)


def test_strokes_over_one_another_that_were_undone_meanwhile(bench: Bench, qtbot: Qtbot) -> None:
    before, labels = np.array(bench.labels.data), bench.labels
    begun(bench, qtbot)
    labels.paint(unwritten(bench), 77)
    first = labels.data == 77
    labels.brush_size += 4
    labels.paint(unwritten(bench), 78)
    for _ in range(2):
        labels.undo()
    qtbot.waitUntil(bench.ended)
    for _ in range(2):
        labels.redo()
    after = np.array(labels.data)
    labels.undo()
    np.testing.assert_array_equal(labels.data == 77, first)
    labels.redo()
    taken_back(bench, 2, before, after)


def test_a_number_of_theirs_that_was_painted_with_stays_where_they_are_undone(
    bench: Bench, qtbot: Qtbot
) -> None:
    before, labels = np.array(bench.labels.data), bench.labels
    begun(bench, qtbot)
    ys, xs = np.nonzero(labels.data > 10)
    at, number = (int(ys[0]), int(xs[0])), int(labels.data[ys[0], xs[0]])
    labels.paint(at, 0)
    labels.paint(at, number)
    mine = labels.data == number
    labels.paint(at, 0)
    for _ in range(4):
        labels.undo()
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(labels.data, before)
    for _ in range(3):
        labels.redo()
    labels.undo()
    assert labels.data[at] == number
    assert not ((labels.data == number) & ~mine).any()


def test_labels_that_are_hidden_and_turned_to_3d_meanwhile(bench: Bench, qtbot: Qtbot) -> None:
    """napari then shows nothing of them, as bytes: numbers over 255 would be cut off."""
    labels = bench.labels
    labels.paint((2, 2), 500)
    mine = labels.data == 500
    begun(bench, qtbot)
    labels.visible = False
    bench.viewer.dims.ndisplay = 3
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(labels.data == 500, mine)
    bench.whole()
    assert labels.data.max() == 520


def test_a_stroke_on_labels_that_were_left_for_others_meanwhile(bench: Bench, qtbot: Qtbot) -> None:
    labels = bench.labels
    begun(bench, qtbot)
    others = bench.viewer.add_labels(np.zeros_like(labels.data), name="others")
    layers.set_free(others)
    bench.annotating.choose_labels(layers.key(others))
    with labels.block_history():
        labels.paint((2, 2), 77)
        qtbot.wait(200)
        labels.paint((2, 9), 77)
    qtbot.waitUntil(bench.ended)
    labels.undo()
    assert not (labels.data == 77).any()
    bench.whole()
