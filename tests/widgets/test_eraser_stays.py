"""A brush that erases (napari's X) is none that paints all of a sudden. No window."""

from __future__ import annotations

from typing import Any

import pytest
from napari.layers import Labels

from napari_unet.widgets.pieces import Pieces

from .test_accept_whole import Bench
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
