"""The window at 12,000 x 12,000 px: how long it does not answer, beside napari on its own.

The worker is the tests' pretended one: what is measured is the window, not the network.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.widgets.mouse import stroke

from .cells import discs
from .report import Sheet
from .windows import Bot, Lateness, new_viewer, rest, wait_for

SIDE, STEP, STROKES, BRUSH = 12_000, 1000, 12, 30
LIMIT = 300  # ms
PATIENCE = 1200  # s for a prediction, a filter, an Accept
ROOT = Path(__file__).parent.parent

Gaps = dict[str, Lateness]


def main(sheet: Sheet, side: int = SIDE) -> None:
    sheet.say(f"{side:,} x {side:,} px: gaps between the ticks of a 10 ms timer")
    image = in_memory(side)
    bare = alone(image)
    measure(sheet, "numpy", image, bare)
    with tempfile.TemporaryDirectory() as folder:
        measure(sheet, "zarr", on_disk(Path(folder), image), bare)


def in_memory(side: int) -> np.ndarray:
    tile = np.where(discs(STEP) > 0, 180, 40).astype(np.uint8)
    times = -(-side // STEP)
    return np.tile(tile, (times, times))[:side, :side].copy()


def on_disk(folder: Path, image: np.ndarray) -> Any:
    import zarr

    array = zarr.create_array(
        folder / "image.zarr", shape=image.shape, chunks=(512, 512), dtype=image.dtype
    )
    array[...] = image
    return array


@contextmanager
def watched(gaps: Gaps, name: str) -> Iterator[None]:
    rest(0.5)
    with Lateness() as late:
        yield
        rest(0.5)
    gaps[name] = late


def alone(image: np.ndarray) -> Gaps:
    """The same deeds by napari itself, without us."""
    gaps: Gaps = {}
    viewer = new_viewer()
    viewer.add_image(np.zeros((8, 8), np.uint8))  # what napari loads at first does not count
    rest(1.0)
    viewer.layers.clear()
    viewer.add_image(image, contrast_limits=(0, 255))
    with watched(gaps, "layer"):
        labels = viewer.add_labels(np.zeros(image.shape, np.int32))
    with watched(gaps, "refresh"):
        labels.data[:STEP, :STEP] = discs(STEP)
        labels.refresh()
    with watched(gaps, "paint"):
        paint(viewer, labels)
    with watched(gaps, "undo"):
        labels.undo()
    index = np.nonzero(image > 100)
    with watched(gaps, "write all"):
        labels.data_setitem(index, 5)
    with watched(gaps, "undo all"):
        labels.undo()
    viewer.close()
    rest(0.5)
    return gaps


def paint(viewer: Any, labels: Any) -> None:
    """Strokes of the mouse, each with its own id."""
    viewer.layers.selection.active = labels
    labels.mode, labels.brush_size = "paint", BRUSH
    viewer.reset_view()
    rest(0.5)
    height, width = labels.data.shape
    for number in range(STROKES):
        labels.selected_label = 500_000 + number
        y, x = height // 4 + number * height // 30, width // 3
        stroke(viewer, Bot(), [(y, x), (y + 50, x + 300)], pause=5)
        rest(0.05)


def measure(sheet: Sheet, kind: str, image: Any, bare: Gaps) -> None:
    from napari_unet import layers
    from napari_unet.widgets import child
    from napari_unet.widgets.open import show_dock

    child.WORKER = ("-u", str(ROOT / "tests" / "widgets" / "fake_worker.py"))
    os.environ["FAKE_WORKER_TILE"], os.environ["FAKE_WORKER_PAUSE"] = str(STEP), "0.1"
    viewer = new_viewer()
    shown = viewer.add_image(image, contrast_limits=(0, 255), name="cells")
    dock = show_dock(viewer)
    desk, session = dock.desk, dock.desk.session
    rest(3.0)
    with a_model() as model:
        session.models, session.model = ((str(model), "model"),), str(model)
        gaps: Gaps = {}

        def settled() -> bool:
            if session.mood == "error":
                raise RuntimeError(session.status)
            return not desk.predicting.running and session.predicted and session.mood != "busy"

        def predicted() -> None:
            desk.predicting.start()
            wait_for(settled, PATIENCE)

        with watched(gaps, "new cell"):
            desk.annotating.new_cell()
        labels = layers.partner(viewer, shown, "labels")
        with watched(gaps, "painting"):
            paint(viewer, labels)
        with watched(gaps, "undo of a stroke"):
            labels.undo()
        with watched(gaps, "a prediction"):
            predicted()
        with watched(gaps, "a second prediction"):
            predicted()
        with watched(gaps, "moving the threshold"):
            for value in (0.4, 0.5, 0.3):
                desk.filtering.choose_threshold(value)
                rest(0.3)
            wait_for(lambda: "threshold 0.30" in session.status, PATIENCE)
        with watched(gaps, "accept"):
            desk.accepting.accept()
            wait_for(lambda: "added to your labels" in session.status, PATIENCE)
            wait_for(lambda: session.mood != "busy", PATIENCE)
        with watched(gaps, "undo of the accept"):
            labels.undo()
            rest(2.0)
        told(sheet, kind, gaps, bare)
        desk.close()
        viewer.close()
        rest(0.5)


BESIDE = {  # what napari itself does for it
    "new cell": ("layer",),
    "painting": ("paint",),
    "undo of a stroke": ("undo",),
    "a prediction": ("layer", "refresh"),
    "a second prediction": ("refresh",),
    "moving the threshold": ("refresh",),
    "accept": ("write all",),
    "undo of the accept": ("undo all",),
}
OWN = ("new cell", "a prediction", "undo of the accept")  # napari adds a layer, or takes back all


def told(sheet: Sheet, kind: str, gaps: Gaps, bare: Gaps) -> None:
    for name, late in gaps.items():
        beside = max(max(bare[x].late) for x in BESIDE[name])
        longest = max(late.late)
        painting = max(bare["paint"].late)  # the canvas alone takes as long without a graphics card
        limit = max(LIMIT, painting, beside if name in OWN else 0)
        sheet.figure(f"{kind}, {name}: longest gap", longest, "ms", at_most=limit)
        sheet.figure(f"{kind}, {name}: 95th percentile", late.p95(), "ms")
        sheet.figure(f"{kind}, {name}: bare napari's longest", beside, "ms")
        sheet.figure(f"{kind}, {name}: ours / bare napari", longest / beside)


@contextmanager
def a_model() -> Iterator[Path]:
    """A file that says of itself that it is a model for cells."""
    from safetensors.numpy import save_file

    from napari_unet.core.settings import ModelConfig, NetworkSettings, to_dict
    from napari_unet.files.model_file import KEY

    config = json.dumps(to_dict(ModelConfig(NetworkSettings(), "instances", ())))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file({"w": np.zeros(1, np.float32)}, path, metadata={KEY: config})
        yield path
