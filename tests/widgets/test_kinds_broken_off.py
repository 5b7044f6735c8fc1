"""Kinds that the user paints where the same kind is being added are his, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unet import layers
from napari_unet.layers import adding as module
from napari_unet.widgets import accepted_before, accepting

from .test_accept_whole import Bench, held
from .test_accept_whole import bench as bench

Qtbot = Any
BEFORE, AFTER = (150, 100), (200, 100)  # in cells that come late


@pytest.fixture
def kinds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is of kind 1; it is added in many portions, one at a time."""
    monkeypatch.setattr(module, "PORTION", 97)
    monkeypatch.setattr(accepting, "AT_ONCE", 1e-9)
    bench.found.data[...] = 1
    layers.note_kind(bench.found, "classes")
    bench.annotating.choose_labels_are("classes")
    bench.labels.brush_size = 9


def painted(bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Where the user paints kind 1, while it is merged and while it is added."""
    labels = bench.labels
    mine = labels.data == 1
    gate = held(qtbot, monkeypatch, accepted_before, "class_addition", bench.accepting.accept)
    labels.paint(BEFORE, 1)
    bench.session.status = ""
    gate.opened.set()
    qtbot.waitUntil(lambda: bench.session.status.startswith("Adding 1 kind"))
    assert not labels.data[AFTER]
    labels.paint(AFTER, 1)
    ys, xs = np.mgrid[:256, :256]
    for y, x in (BEFORE, AFTER):
        mine |= (ys - y) ** 2 + (xs - x) ** 2 < 9
    return mine


def broken(bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(bench.labels, "data_setitem", no_room)
        qtbot.waitUntil(bench.ended)


def converted(bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.labels.data = bench.labels.data.astype(np.int64)
    qtbot.waitUntil(bench.ended)


@pytest.mark.parametrize("end", [broken, converted])
def test_what_was_painted_meanwhile_stays(
    end: Callable[..., None],
    bench: Bench,
    kinds: None,
    qtbot: Qtbot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = painted(bench, qtbot, monkeypatch)
    qtbot.waitUntil(lambda: bool(bench.labels.data[210, 0]))  # it has come past them
    end(bench, qtbot, monkeypatch)
    labels = bench.labels
    assert (labels.data[mine] == 1).all()
    assert (labels.data == 1).sum() < mine.sum() + 200
    labels.paint(BEFORE, 0)
    labels.undo()
    assert (labels.data[mine] == 1).all()
