"""Pieces that are painted on while they are given numbers of their own. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.widgets import pieces
from napari_unet.widgets.pieces import Pieces

from .test_accept_whole import Bench, held
from .test_accept_whole import bench as bench
from .test_accept_whole import parts as parts

Qtbot = Any


@pytest.mark.parametrize("place", ["above", "below", "cut"])
def test_a_piece_that_grows_meanwhile_keeps_one_number(
    place: str, bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    ys, xs = np.nonzero(labels.data == 6)
    middle = int(np.median(np.nonzero(bench.truth == 6)[0]))
    rows = {"above": int(ys.min()) - 1, "below": int(ys.max()) + 1, "cut": middle}
    at = rows[place], int(np.median(xs))
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    labels.brush_size = 5
    labels.paint(at, 6)
    mine = labels.data == 6
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    where, number = ndimage.label(mine, np.ones((3, 3)))
    given = [set(labels.data[where == i + 1].tolist()) for i in range(number)]
    assert sorted(given, key=str) == ([{6}] if place == "cut" else [{11}, {6}])


def test_a_cell_that_is_begun_in_pieces_meanwhile_keeps_one_number(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    labels.brush_size = 7
    for x in (120, 140):
        labels.paint((3, x), 11)
    gate = held(qtbot, monkeypatch, pieces, "renumbering", parts.give_numbers)
    for x in range(124, 140, 4):
        labels.paint((3, x), 11)
    mine = labels.data == 11
    gate.opened.set()
    qtbot.waitUntil(lambda: not parts._parting)
    assert (labels.data[mine] == 11).all() and (labels.data == 12).any()


def test_where_no_thread_can_be_had_it_can_be_pressed_again(
    bench: Bench, parts: Pieces, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(pieces, "in_thread", none)
        parts.give_numbers()
    assert bench.session.mood == "error" and "can't start new thread" in bench.session.status
    parts.give_numbers()
    qtbot.waitUntil(lambda: not parts._parting)
    assert (bench.labels.data == 11).any()
