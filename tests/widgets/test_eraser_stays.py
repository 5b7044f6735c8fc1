"""A brush that erases (napari's X) is none that paints all of a sudden. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet import layers
from napari_unet.widgets import accepted_before, pieces
from napari_unet.widgets.pieces import Pieces

from .test_accept_whole import Bench, held
from .test_accept_whole import bench as bench
from .test_accept_whole import parts as parts

Qtbot = Any


@pytest.fixture
def erasing(bench: Bench) -> Labels:
    """The brush has a number that is free, and was turned into an eraser."""
    bench.annotating.new_cell()
    assert bench.labels.selected_label == 11
    bench.labels.swap_selected_and_background_labels()
    return bench.labels


def test_while_found_cells_are_added(erasing: Labels, bench: Bench, qtbot: Qtbot) -> None:
    bench.accepting.accept()
    qtbot.waitUntil(bench.ended)
    assert erasing.data.max() == 30 and erasing.selected_label == 0
    erasing.swap_selected_and_background_labels()
    assert erasing.selected_label == 31


def test_while_pieces_get_numbers(erasing: Labels, parts: Pieces, qtbot: Qtbot) -> None:
    parts.give_numbers()
    qtbot.waitUntil(lambda: not parts._parting)
    assert erasing.data.max() == 11 and erasing.selected_label == 0
    erasing.swap_selected_and_background_labels()
    assert erasing.selected_label == 12


def test_while_redo_brings_a_cell_back(bench: Bench, qtbot: Qtbot) -> None:
    labels = bench.labels
    labels.paint((2, 2), 11)
    labels.undo()
    bench.annotating.new_cell()
    assert labels.selected_label == 11
    labels.swap_selected_and_background_labels()
    labels.redo()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Cell 11 is there again"))
    assert labels.selected_label == 0
    labels.swap_selected_and_background_labels()
    assert labels.selected_label == 12


def test_that_was_taken_up_while_found_cells_are_merged(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.annotating.new_cell()
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    labels.swap_selected_and_background_labels()
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    assert labels.selected_label == 0
    labels.swap_selected_and_background_labels()
    assert labels.selected_label == 31


def test_that_was_taken_up_while_pieces_are_parted(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.annotating.new_cell()
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    labels.swap_selected_and_background_labels()
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    labels.swap_selected_and_background_labels()
    assert labels.data.max() == 11 and labels.selected_label == 12


def test_that_was_taken_up_before_opened_labels_are_counted(bench: Bench, qtbot: Qtbot) -> None:
    made: Labels = bench.viewer.add_labels(np.array(bench.labels.data), name="others")
    layers.set_free(made)
    bench.annotating.choose_labels(layers.key(made))
    made.swap_selected_and_background_labels()
    with qtbot.waitSignal(bench.annotating.counting.counted):
        pass
    made.swap_selected_and_background_labels()
    assert made.selected_label == 11
