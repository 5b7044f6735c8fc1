"""From real strokes to the overlay, with the real worker; and painting meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QPushButton

from napari_unet import layers
from napari_unet.core.settings import TrainOptions
from napari_unet.models.places import shipped_folder
from napari_unet.widgets import child, trained
from napari_unet.widgets.demo import chosen
from napari_unet.widgets.hand import drag, strokes

from .mouse import settle, stroke

pytestmark = [pytest.mark.gui, pytest.mark.canvas, pytest.mark.slow]

TRANSFORM = {"scale": (2, 0.5), "translate": (40, -25), "rotate": 25}
STEPS = 16  # of training, from the model that ships: of 8 it is not sure of any cell yet
ROUND = 2  # seconds of it in the demo
LARGE = 1060, 720  # px of the window: strokes are compared to the pixel
SMALL = 860, 640  # px of the demo's: a quarter of the painting
CELLS = 12  # painted: all that the image shows, so that even a short training finds them again
STROKES = 8  # while it trains
FIRST, BRUSH, WIDE = 1000, 5, 18  # id of the first stroke, px; of the brush for whole cells


@pytest.fixture
def fake_worker() -> None:
    """None: the real one, in earnest where nothing is said."""


@pytest.fixture
def shipped() -> Path:
    """The models that ship, as the user has them."""
    return shipped_folder()


def layer(viewer: Viewer, name: str) -> Any:
    return next((x for x in viewer.layers if x.name == name), None)


def paint(viewer: Viewer, dock: Any, truth: np.ndarray, cells: int, qtbot: Any) -> None:
    """Whole cells by real strokes on the canvas."""
    new_cell = dock.findChild(QPushButton, "unet_new_cell")
    new_cell.click()
    labels = layer(viewer, "U-Net labels")
    labels.brush_size = WIDE
    settle(viewer, qtbot)
    for cell in chosen(truth, cells):
        new_cell.click()
        for line in strokes(truth == cell, WIDE):
            drag(viewer, [labels.data_to_world(point) for point in line])
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells >= cells, timeout=10_000)


def paint_on(
    viewer: Viewer, labels: Any, starts: list[tuple[int, int]], first: int, qtbot: Any
) -> None:
    """Stroke after stroke, each with its own id."""
    labels.brush_size = BRUSH
    for number, (y, x) in enumerate(starts):
        labels.selected_label = first + number
        stroke(viewer, qtbot, [(y, x), (y + 3, x + 10)], pause=1)


def assert_all_there(data: np.ndarray, before: np.ndarray, starts: list[tuple[int, int]]) -> None:
    """Each stroke has painted its capsule in its own id, and nothing else has changed."""
    expected, fuzzy = before.copy(), np.zeros(before.shape, bool)
    ys, xs = np.mgrid[: before.shape[0], : before.shape[1]]
    for number, (y, x) in enumerate(starts):
        near = (slice(y - 8, y + 12), slice(x - 8, x + 20))
        dy, dx = ys[near] - y, xs[near] - x
        along = np.clip((3 * dy + 10 * dx) / 109, 0, 1)  # where on the line, 0 to 1
        distance = np.hypot(dy - 3 * along, dx - 10 * along)
        expected[near][distance < BRUSH / 2 - 1] = FIRST + number
        edge = np.abs(distance - BRUSH / 2) <= 1  # the mouse moves in pixels of the canvas
        assert set(np.unique(data[near][edge & (data[near] != before[near])])) <= {FIRST + number}
        fuzzy[near] |= edge
    np.testing.assert_array_equal(data[~fuzzy], expected[~fuzzy])


def test_from_strokes_to_an_aligned_overlay_in_one_action(
    window: Viewer,
    dock: Any,
    discs: tuple[np.ndarray, np.ndarray],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    brief_worker: None,
) -> None:
    image, truth = discs
    truth = np.where(np.isin(truth, chosen(truth, CELLS)), truth, 0)
    shown = window.add_image(np.where(truth > 0, image, image[:9, :9].mean()), **TRANSFORM)
    paint(window, dock, truth, CELLS, qtbot)
    labels = layer(window, "U-Net labels")
    inside = truth[labels.data > 0] > 0
    assert inside.size > 170 * CELLS, "the canvas received no strokes"
    assert inside.mean() > 0.97, "strokes and pixels do not lie on one another"

    session = dock.desk.session
    # not seconds, in which a busy machine makes no step at all
    options = partial(TrainOptions, steps=STEPS)
    monkeypatch.setattr(trained, "TrainOptions", lambda **o: options(**{**o, "seconds": None}))
    dock.findChild(QPushButton, "unet_fine_tune").click()  # the only action

    def ended() -> bool:
        assert session.mood != "error", session.status
        return bool(session.predicted and not session.job)

    qtbot.waitUntil(ended)
    overlay = layer(window, "U-Net prediction")
    assert CELLS / 2 <= overlay.data.max() <= 2 * CELLS
    for point in ((0, 0), (200, 30), (13.5, 240)):
        np.testing.assert_allclose(overlay.data_to_world(point), shown.data_to_world(point))
    assert len(session.losses) == STEPS
    assert session.report


def test_painting_while_it_trains_loses_nothing(
    window: Viewer,
    dock: Any,
    discs: tuple[np.ndarray, np.ndarray],
    qtbot: Any,
    brief_worker: None,
) -> None:
    window.window._qt_window.resize(*LARGE)
    image = np.pad(discs[0], 72, mode="reflect")  # room for strokes that do not cross
    window.add_image(image)
    paint(window, dock, np.pad(discs[1], 72), 3, qtbot)
    session, labels = dock.desk.session, layer(window, "U-Net labels")
    session.seconds = 300
    before = labels.data.copy()
    starts = [(14 + 12 * row, 14 + 20 * column) for row, column in np.ndindex(31, 18)]
    qtbot.waitUntil(lambda: dock.desk.child.ready, timeout=60_000)  # not while it imports torch
    dock.findChild(QPushButton, "unet_fine_tune").click()
    qtbot.waitUntil(lambda: session.job == "training", timeout=60_000)
    paint_on(window, labels, starts[:STROKES], FIRST, qtbot)
    qtbot.waitUntil(lambda: len(session.losses) >= 3, timeout=120_000)  # it waits, but goes on
    assert session.job == "training"
    assert_all_there(labels.data, before, starts[:STROKES])

    os.kill(dock.desk.child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.mood == "error", timeout=60_000)
    assert "killed" in session.status
    assert dock.findChild(QPushButton, "unet_fine_tune").isEnabled()
    assert layers.partner(window, window.layers[0], "labels") is labels


def test_the_demo_makes_its_pictures_without_torch_in_the_window(
    tmp_path: Path, brief_worker: None
) -> None:
    code = (
        "import sys; from pathlib import Path; from napari_unet.widgets import child, demo\n"
        f"demo.SIZE, demo.BRUSH, child.WORKER = {SMALL}, {WIDE}, {child.WORKER!r}\n"
        f"code = demo.run(Path({str(tmp_path)!r}), True, seconds={ROUND}, cells=4)\n"
        "sys.exit(code or 3 * ('torch' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(tmp_path.glob("0*.png"))) == 6
    assert json.loads((tmp_path / "scores.json").read_text())["found"] > 0
