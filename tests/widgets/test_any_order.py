"""Strokes, undo and redo in any order, while cells are added: as if they had come all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_unet import layers
from napari_unet.core.tally import tally
from napari_unet.layers import adding as module
from napari_unet.widgets import accepting

from .test_accept_whole import Bench
from .test_accept_whole import bench as bench

Qtbot = Any
Plane = npt.NDArray[Any]
DEEDS = ("paint", "paint", "paint", "erase", "undo", "undo", "redo", "accept", "accept")


class Expected:
    """What the labels must hold: the steps that stand, one after the other.

    A step turns the flat labels into those after it; an Accept comes where it has begun.
    """

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.labels, self.start = bench.labels, np.array(bench.labels.data)
        self.labels._reset_history()
        self.done: list[Callable[[Plane], None]] = []
        self.undone: list[Callable[[Plane], None]] = []
        self.begun: dict[Any, Callable[[Plane], None]] = {}
        go_on, end = layers.Adding.go_on, layers.Adding.end

        def went_on(adding: Any) -> None:
            go_on(adding)
            if adding not in self.begun and adding.part is not None:
                self.begun[adding] = self.add(adding._index, adding._values)
                self.did(self.begun[adding])

        def ended(adding: Any) -> None:
            if (
                self.begun[adding] in self.undone
            ):  # else a stroke came first: no redo brings it back
                self.undone.remove(self.begun[adding])
            end(adding)

        monkeypatch.setattr(layers.Adding, "go_on", went_on)
        monkeypatch.setattr(layers.Adding, "end", ended)

    def did(self, step: Callable[[Plane], None]) -> None:
        self.done.append(step)
        self.undone.clear()

    @staticmethod
    def add(index: Plane, values: Plane) -> Callable[[Plane], None]:
        def step(flat: Plane) -> None:
            free = flat[index] == 0
            flat[index[free]] = values[free]

        return step

    def stroke(self, at: tuple[int, int], number: int) -> None:
        before, steps = np.array(self.labels.data), len(self.labels._undo_history)
        self.labels.paint(at, number)
        changed = np.flatnonzero(before != self.labels.data)

        def step(flat: Plane) -> None:
            flat[changed] = number

        if len(self.labels._undo_history) > steps:
            self.did(step)

    def undo(self) -> None:
        self.labels.undo()
        self.undone.append(self.done.pop())

    def redo(self) -> None:
        self.labels.redo()
        self.done.append(self.undone.pop())

    def check(self) -> None:
        flat = self.start.copy().ravel()
        for step in self.done:
            step(flat)
        np.testing.assert_array_equal(self.labels.data.ravel(), flat)


@pytest.mark.parametrize("seed", range(4))
def test_any_order(seed: int, bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 97)
    monkeypatch.setattr(accepting, "AT_ONCE", 1e-9)
    rng, labels, expected = np.random.default_rng(seed), bench.labels, Expected(bench, monkeypatch)
    for turn in range(50):
        deed = "accept" if turn == 3 else rng.choice(DEEDS)
        if deed in ("paint", "erase"):
            places = np.argwhere(bench.truth == rng.integers(1, 31))
            y, x = places[rng.integers(len(places))]
            labels.brush_size = int(rng.integers(3, 30))
            expected.stroke((int(y), int(x)), 0 if deed == "erase" else 100 + turn)
        elif deed == "undo" and expected.done:
            expected.undo()
        elif deed == "redo" and expected.undone:
            expected.redo()
        elif deed == "accept" and bench.ended():
            layers.note_drawn(bench.found, [0], f"job {turn}", "model")
            bench.annotating.refresh()
            bench.accepting.accept()
        qtbot.wait(int(rng.choice([0, 2, 10])))
        if bench.ended():
            expected.check()
    qtbot.waitUntil(bench.ended)
    assert expected.begun
    expected.check()
    while expected.done:
        expected.undo()
        expected.check()
    while expected.undone:
        expected.redo()
        expected.check()
    known = bench.annotating.counting.tally(labels)
    assert known is None or known.pixels == tally(labels.data).pixels
