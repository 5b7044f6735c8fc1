"""What is said of an Accept that cannot be, is under way, or cannot be undone. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.session import Session
from napari_unet.widgets import accepted_before, pieces
from napari_unet.widgets.annotating import Annotating
from napari_unet.widgets.pieces import Pieces
from napari_unet.widgets.undoing import Undoing

from .test_accept_whole import Bench, begun, held
from .test_accept_whole import bench as bench
from .test_accept_whole import parts as parts
from .test_accept_whole import several as several

Qtbot = Any


def test_cells_that_cannot_be_undone_are_not_said_to_be(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.labels.editable = False
    qtbot.waitUntil(bench.ended)
    assert "20 cells added to your labels for good" in bench.session.status


def test_labels_that_are_locked_while_cells_are_merged(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = np.array(bench.labels.data)
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    bench.labels.editable = False
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, before)
    assert "is read-only" in bench.session.status


def test_labels_that_become_read_only_while_cells_are_added(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.labels.data.flags.writeable = False
    qtbot.waitUntil(bench.ended)
    assert "undo them (Ctrl-Z)" in bench.session.status
    assert layers.being_added(bench.labels) is None


def test_pieces_of_labels_that_are_locked_while_they_are_looked_for(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = np.array(bench.labels.data)
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    bench.labels.editable = False
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    np.testing.assert_array_equal(bench.labels.data, before)
    assert "is read-only" in bench.session.status


def test_pieces_of_labels_that_are_computed_when_they_are_looked_at(qtbot: Qtbot) -> None:
    dask = pytest.importorskip("dask.array")
    viewer: Any = ViewerModel()
    session, parent = Session(), QObject()
    image = viewer.add_image(np.zeros((30, 30)))
    annotating = Annotating(viewer, session, parent)
    annotating.turn_to(layers.key(image))
    data = np.zeros((30, 30), np.int32)
    data[2:8, 2:8] = data[12:18, 2:8] = 5
    labels = viewer.add_labels(dask.from_array(data))
    annotating.choose_labels(layers.key(labels))
    made = Pieces(session, annotating, Undoing(annotating.watching, session.say), parent)
    qtbot.waitUntil(lambda: bool(session.torn))
    made.give_numbers()
    assert "is not held in memory" in session.status and not made._parting
    made.close()
    annotating.close()


@pytest.mark.parametrize("phase", ["merged", "added"])
def test_a_training_waits_until_the_cells_are_there(
    phase: str, bench: Bench, qtbot: Qtbot, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[np.ndarray] = []
    if phase == "merged":
        gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
        gate.opened.set()
    else:
        begun(bench, qtbot)
    bench.accepting.afterwards(lambda: learnt.append(np.array(bench.labels.data)))
    assert not learnt and "still being added" in bench.session.status
    qtbot.waitUntil(lambda: bool(learnt))
    bench.whole()
    np.testing.assert_array_equal(learnt[0], bench.labels.data)
    bench.accepting.afterwards(lambda: learnt.append(np.array(bench.labels.data)))
    assert len(learnt) == 2


def test_no_training_begins_without_the_cells_that_it_has_waited_for(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    learnt: list[int] = []
    begun(bench, qtbot)
    bench.accepting.afterwards(lambda: learnt.append(1))
    bench.labels.undo()
    qtbot.waitUntil(bench.ended)
    qtbot.wait(50)
    assert not learnt and "it was undone" in bench.session.status
    assert "What waited for them was not begun" in bench.session.status


def test_nothing_begins_after_the_window_was_closed(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    learnt: list[int] = []
    begun(bench, qtbot)
    bench.accepting.afterwards(lambda: learnt.append(1))
    bench.accepting.close()
    qtbot.waitUntil(bench.ended)
    qtbot.wait(50)
    assert not learnt
    bench.whole()


def test_accept_of_another_image_while_cells_are_merged_is_answered(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    bench.annotating.turn_to(layers.key(bench.other))
    bench.accepting.accept()
    assert "of cells are still being added" in bench.session.status
    gate.opened.set()
    qtbot.waitUntil(bench.ended)


def test_nothing_was_accepted_where_nothing_is_found(bench: Bench, qtbot: Qtbot) -> None:
    bench.found.data[...] = 0
    bench.accepting.accept()
    qtbot.waitUntil(bench.ended)
    assert bench.session.status.startswith("Nothing to accept: no cells were found")
