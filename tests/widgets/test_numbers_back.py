"""A number that the brush was given, and that a cell has before anything is painted with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers.utils._link_layers import link_layers, unlink_layers

from napari_unet import layers
from napari_unet.widgets import accepted_before, numbering, pieces
from napari_unet.widgets.pieces import Pieces

from .test_accept_whole import Bench, held, wish_for_a_number
from .test_accept_whole import bench as bench
from .test_accept_whole import large as large
from .test_accept_whole import parts as parts

Qtbot = Any


def free(bench: Bench) -> bool:
    return not (bench.labels.data == bench.labels.selected_label).any()


def test_a_cell_that_undo_brings_back(bench: Bench, qtbot: Qtbot) -> None:
    labels = bench.labels
    labels.data_setitem(np.nonzero(labels.data == 10), 0)
    bench.annotating.new_cell()
    assert labels.selected_label == 10
    labels.undo()
    qtbot.waitUntil(lambda: labels.selected_label == 11)
    assert "Cell 10 is there again: the next cell is 11" in bench.session.status


def test_cells_that_redo_brings_back(bench: Bench, qtbot: Qtbot) -> None:
    bench.accepting.accept()
    qtbot.waitUntil(bench.ended)
    bench.labels.undo()
    bench.annotating.new_cell()
    assert bench.labels.selected_label == 11
    bench.labels.redo()
    qtbot.waitUntil(lambda: free(bench))


def test_a_stroke_that_is_redone_keeps_its_brush(bench: Bench, qtbot: Qtbot) -> None:
    labels = bench.labels
    bench.annotating.new_cell()
    labels.paint((2, 2), 11)
    labels.undo()
    labels.redo()
    with qtbot.waitSignal(bench.annotating.counting.counted):
        pass
    assert labels.selected_label == 11


def test_other_data_that_have_the_number(bench: Bench, qtbot: Qtbot) -> None:
    bench.annotating.new_cell()
    assert bench.labels.selected_label == 11
    bench.labels.data = bench.truth.astype(np.int32)
    qtbot.waitUntil(lambda: free(bench))


def test_the_number_of_a_stroke_that_goes_on(bench: Bench, large: None, qtbot: Qtbot) -> None:
    labels = bench.labels
    bench.annotating.new_cell()
    with labels.block_history():
        labels.paint((2, 2), 11)
        bench.annotating.new_cell()
        assert labels.selected_label == 12


def test_hidden_labels_that_are_exchanged_are_counted(bench: Bench, qtbot: Qtbot) -> None:
    bench.labels.visible = False
    bench.labels.data = bench.truth.astype(np.int32)
    qtbot.waitUntil(lambda: bench.session.annotated.cells == 30)


def test_a_tool_that_was_taken_up_meanwhile_stays(
    bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = wish_for_a_number(bench, qtbot, monkeypatch)
    bench.annotating.regions()
    active = bench.viewer.layers.selection.active
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.labels.selected_label == 11)
    assert bench.viewer.layers.selection.active is active


@pytest.mark.parametrize(("mode", "number"), [("erase", 1), ("paint", 3)])
def test_an_eraser_or_a_cell_that_was_chosen_meanwhile_stays(
    mode: str, number: int, bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.viewer.layers.selection.active = labels
    gate = wish_for_a_number(bench, qtbot, monkeypatch)
    labels.mode, labels.selected_label = mode, number
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.session.mood != "busy")
    assert (labels.mode, labels.selected_label) == (mode, number)
    assert bench.session.status == "Cell 11 is the next: press N to paint it."


@pytest.mark.parametrize("tool", ["paint", "fill"])
def test_a_tool_that_is_taken_up_to_paint_with_gets_the_number(
    tool: str, bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.viewer.layers.selection.active = labels
    gate = wish_for_a_number(bench, qtbot, monkeypatch)
    labels.mode = tool
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.session.mood != "busy")
    assert (labels.mode, labels.selected_label) == (tool, 11)


def test_a_number_that_cells_added_meanwhile_have_brought(
    bench: Bench, large: None, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.viewer.layers.selection.active = labels
    labels.selected_label = 3
    merging = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    bench.annotating.counting.afresh(labels)
    seeking = held(qtbot, monkeypatch, numbering, "look", bench.annotating.new_cell)
    assert labels.mode == "pan_zoom"
    merging.opened.set()
    qtbot.waitUntil(bench.ended)
    seeking.opened.set()
    qtbot.waitUntil(lambda: labels.mode == "paint")
    assert labels.selected_label == 31 and bench.session.status.startswith("Cell 31 of cells")


def test_labels_that_are_linked_with_others_of_8_bits(bench: Bench) -> None:
    labels = bench.labels
    background = layers.make_background(bench.viewer, bench.image)
    link_layers([labels, background])
    labels.data_setitem((np.array([0]), np.array([0])), 255)
    brush = labels.selected_label
    bench.annotating.new_cell()
    assert "Number 256 cannot be selected" in bench.session.status
    assert labels.selected_label == background.selected_label == brush
    unlink_layers([labels, background])


def test_a_cell_that_was_chosen_while_pieces_were_parted_stays(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    bench.labels.selected_label = 3
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    assert (bench.labels.data == 11).any() and bench.labels.selected_label == 3
