"""What takes a while writes all or nothing, whatever happens to the layers meanwhile. No window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.layers import adding as module
from napari_unet.layers import writing
from napari_unet.session import Session
from napari_unet.widgets import accepted_before, accepting, numbering, pieces
from napari_unet.widgets.accepting import Accepting
from napari_unet.widgets.annotating import Annotating
from napari_unet.widgets.pieces import Pieces
from napari_unet.widgets.undoing import Undoing

from .test_meanwhile import Gate

Discs = tuple[np.ndarray, np.ndarray]
Qtbot = Any


@dataclass
class Bench:
    """An image of 30 found cells, 10 of them painted; another image beside it."""

    viewer: Any
    session: Session
    annotating: Annotating
    accepting: Accepting
    image: Image
    other: Image
    labels: Labels
    found: Labels
    truth: np.ndarray

    def ended(self) -> bool:
        return not self.accepting._merging

    def whole(self) -> None:
        """Each of the 30 cells has one number, its own, all over."""
        numbers = [np.unique(self.labels.data[self.truth == n]) for n in range(1, 31)]
        assert all(len(x) == 1 for x in numbers)
        assert len({int(x[0]) for x in numbers} - {0}) == 30


@pytest.fixture
def bench(qtbot: Qtbot, discs: Discs) -> Iterator[Bench]:
    viewer: Any = ViewerModel()
    session, parent = Session(), QObject()
    image = viewer.add_image(discs[0], name="cells")
    other = viewer.add_image(discs[0][::-1].copy(), name="other")
    annotating = Annotating(viewer, session, parent)
    annotating.turn_to(layers.key(image))
    labels = layers.make_labels(viewer, image)
    labels.data = np.where(discs[1] <= 10, discs[1], 0).astype(np.int32)
    found = layers.prediction_layer(viewer, image)
    found.data[...] = discs[1]
    layers.note_drawn(found, [0], "job", "model")
    layers.note_kind(found, "instances")
    annotating.refresh()
    qtbot.waitUntil(lambda: annotating.counting.tally(labels) is not None)
    undoing = Undoing(annotating.watching, session.say)
    accepts = Accepting(viewer, session, annotating.counting, annotating.numbering, undoing)
    yield Bench(
        viewer, session, annotating, accepts, image, other, labels, found, np.array(discs[1])
    )
    annotating.close()


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some ten portions of what is found, one at a time."""
    monkeypatch.setattr(module, "PORTION", 997)
    monkeypatch.setattr(accepting, "AT_ONCE", 1e-9)


def begun(bench: Bench, qtbot: Qtbot) -> None:
    """Accept is pressed, and some of it is written."""
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 20 cells"))


def held(qtbot: Qtbot, monkeypatch: Any, where: Any, work: str, wish: Any) -> Gate:
    """The wish is told; its work waits in a thread."""
    gate = Gate(getattr(where, work))
    monkeypatch.setattr(where, work, gate)
    wish()
    qtbot.waitUntil(gate.reached.is_set)
    return gate


# ---- Accept ------------------------------------------------------------------------------------


def converted(labels: Labels, before: np.ndarray) -> np.ndarray:
    """As napari's menu does it: a copy of what is there by now."""
    labels.data = labels.data.astype(np.uint8)
    return before


def exchanged(labels: Labels, before: np.ndarray) -> np.ndarray:
    """As a script does it: other labels, whose numbers are those that are being written."""
    new = np.zeros_like(before)
    new[:3] = 15
    labels.data = new
    return new.copy()


@pytest.mark.parametrize("change", [converted, exchanged])
def test_data_that_are_exchanged_between_portions(
    change: Callable[[Labels, np.ndarray], np.ndarray], bench: Bench, qtbot: Qtbot, several: None
) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    kept = change(bench.labels, before)
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, kept)
    assert "press “Accept” again" in bench.session.status


def test_data_that_are_exchanged_while_they_are_merged(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    new = np.where(np.isin(bench.truth, (11, 12)), bench.truth + 100, 0).astype(np.int32)
    bench.labels.data = new.copy()
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, new)


def test_a_failure_between_portions_leaves_no_part_of_a_cell(
    bench: Bench, qtbot: Qtbot, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError("no room")

    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    with monkeypatch.context() as patch:
        patch.setattr(bench.labels, "data_setitem", no_room)
        qtbot.waitUntil(bench.ended)
    assert bench.session.mood == "error"
    np.testing.assert_array_equal(bench.labels.data, before)
    bench.labels.undo()
    bench.labels.redo()
    np.testing.assert_array_equal(bench.labels.data, before)
    bench.accepting.accept()
    qtbot.waitUntil(bench.ended)
    bench.whole()


@pytest.mark.parametrize("what", ["prediction", "image"])
def test_what_is_removed_between_portions(
    what: str, bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.viewer.layers.remove(bench.image if what == "image" else bench.found)
    qtbot.waitUntil(bench.ended)
    bench.whole()
    assert "20 cells added" in bench.session.status


def test_an_undo_history_that_is_cleared_is_no_undo(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.labels.editable = False  # napari forgets its history then
    qtbot.waitUntil(bench.ended)
    bench.whole()


def test_a_filter_that_acts_between_portions_is_not_accepted(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.found.data[...] = 0
    layers.note_undrawn(bench.found, [0])
    layers.note_drawn(bench.found, [0], "job", "model")
    qtbot.waitUntil(bench.ended)
    bench.whole()
    assert bench.found.visible and not bench.session.accepted


def test_what_numbers_are_is_as_it_was_when_accept_was_pressed(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    bench.labels.paint((2, 2), 11)
    mine = bench.labels.data == 11
    bench.annotating.choose_labels_are("classes")
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data == 11, mine)
    bench.whole()


def test_labels_that_are_locked_are_not_written_into(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    bench.labels.editable = False
    bench.accepting.accept()
    assert "is read-only" in bench.session.status
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, before)


def test_a_prediction_that_is_made_labels_is_drawn_no_more(bench: Bench) -> None:
    whole = layers.whole_slice(bench.found)
    drawing = layers.Writing(bench.found, [(0, whole, np.zeros_like(bench.truth))])
    layers.pair(bench.viewer, bench.image, bench.found)
    assert not drawing.go_on()
    np.testing.assert_array_equal(bench.found.data, bench.truth)
    assert writing._newest[bench.found] is drawing


# ---- numbers -----------------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer takes too long to be looked through at once."""
    monkeypatch.setattr(numbering, "AT_ONCE", 0)
    monkeypatch.setattr(numbering, "PAUSE", 20)


@pytest.fixture
def parts(bench: Bench, qtbot: Qtbot) -> Iterator[Pieces]:
    """Cell 6 is in two pieces, and that is known."""
    parent = QObject()
    undoing = Undoing(bench.annotating.watching, bench.session.say)
    made = Pieces(bench.session, bench.annotating, undoing, parent)
    ys, xs = np.nonzero(bench.labels.data == 6)
    middle = int(np.median(ys))
    bench.labels.data_setitem((np.full_like(xs, middle), xs), 0)
    qtbot.waitUntil(lambda: bool(bench.session.torn))
    yield made
    made.close()


def test_pieces_get_no_number_that_was_painted_meanwhile(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    bench.annotating.new_cell()
    assert labels.selected_label == 11
    labels.paint((2, 2), 11)
    mine = labels.data == 11
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    np.testing.assert_array_equal(labels.data == 11, mine)
    assert (labels.data == 12).any() and labels.selected_label == 11  # the user is at it


def test_pieces_that_are_parted_late_show_no_other_image(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    bench.annotating.turn_to(layers.key(bench.other))
    seen = [x for x in bench.viewer.layers if x.visible]
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    assert [x for x in bench.viewer.layers if x.visible] == seen
    assert (bench.labels.data == 11).any()
    assert f"in “{bench.labels.name}”" in bench.session.status


def wish_for_a_number(bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """New cell is pressed on labels that are still to be counted."""
    bench.labels.data = np.array(bench.labels.data)
    return held(qtbot, monkeypatch, numbering, "look", bench.annotating.new_cell)


def test_a_number_that_comes_late_takes_nobody_back(
    bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = wish_for_a_number(bench, qtbot, monkeypatch)
    bench.annotating.turn_to(layers.key(bench.other))
    active = bench.viewer.layers.selection.active
    seen = [x for x in bench.viewer.layers if x.visible]
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.labels.selected_label == 11)
    assert bench.viewer.layers.selection.active is active
    assert [x for x in bench.viewer.layers if x.visible] == seen


def test_a_number_that_was_painted_while_it_was_looked_for(
    bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = wish_for_a_number(bench, qtbot, monkeypatch)
    bench.labels.paint((2, 2), 11)
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.labels.mode == "paint")
    assert bench.labels.selected_label == 12


def test_each_layers_number_is_looked_for(
    bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, deeds = bench.labels, bench.annotating
    theirs = layers.make_labels(bench.viewer, bench.other)
    deeds.turn_to(layers.key(bench.image))
    qtbot.waitUntil(lambda: deeds.counting.tally(theirs) is not None)
    labels.data[2:5, 2:5] = 11  # unseen
    gate = held(qtbot, monkeypatch, numbering, "look", deeds.new_cell)
    assert labels.selected_label == 11
    deeds.turn_to(layers.key(bench.other))
    deeds.new_cell()
    gate.opened.set()
    qtbot.waitUntil(lambda: labels.selected_label == 12)
