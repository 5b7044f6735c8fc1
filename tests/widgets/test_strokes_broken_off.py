"""What the user has painted, erased and undone beside cells that broke off. No window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet import layers
from napari_unet.core.tally import tally
from napari_unet.widgets import accepted_before

from .test_accept_whole import Bench, begun, held
from .test_accept_whole import bench as bench
from .test_strokes_between import many as many
from .test_strokes_between import unwritten

pytestmark = pytest.mark.usefixtures("many")
Qtbot = Any


def failing(labels: Labels, *, written: bool) -> Callable[..., None]:
    """As where the disk is full, or where somebody who listens makes a mistake."""
    write = labels.data_setitem

    def no_room(*what: Any) -> None:
        if written:
            write(*what)
        raise OSError("no room")

    return no_room


def test_what_lay_under_a_stroke_that_was_undone_goes_too(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, labels, at = np.array(bench.labels.data), bench.labels, unwritten(bench)
    begun(bench, qtbot)
    labels.paint(at, 77)
    qtbot.waitUntil(lambda: bool(labels.data[at[0] + 11, at[1]]))  # it has come past the stroke
    labels.undo()
    assert labels.data[at] and not bench.ended()
    monkeypatch.setattr(labels, "data_setitem", failing(labels, written=False))
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(labels.data, before)


def test_a_kind_that_was_erased_and_painted_again_stays(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = bench.labels
    bench.found.data[...] = 1
    layers.note_kind(bench.found, "classes")
    bench.annotating.choose_labels_are("classes")
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 1 kind"))
    at = next((y, x) for y, x in np.argwhere(labels.data == 1) if bench.truth[y, x] != 1)
    labels.paint(at, 0)
    erased = labels.data == 0
    labels.paint(at, 1)
    mine = erased & (labels.data == 1)
    monkeypatch.setattr(labels, "data_setitem", failing(labels, written=False))
    qtbot.waitUntil(bench.ended)
    assert mine.any() and (labels.data[mine] == 1).all()


def test_a_first_portion_that_fails_is_no_step(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, labels = np.array(bench.labels.data), bench.labels
    labels.paint((2, 2), 77)
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    with monkeypatch.context() as patch:
        patch.setattr(labels, "data_setitem", failing(labels, written=True))
        gate.opened.set()
        qtbot.waitUntil(bench.ended)
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_cells_that_are_taken_back_from_hidden_labels_are_not_counted(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, counting = bench.labels, bench.annotating.counting
    begun(bench, qtbot)
    labels.visible = False
    monkeypatch.setattr(labels, "data_setitem", failing(labels, written=False))
    qtbot.waitUntil(bench.ended)
    known = counting.tally(labels)
    assert known is None or known.pixels == tally(labels.data).pixels
    qtbot.waitUntil(lambda: counting.tally(labels) is not None)
