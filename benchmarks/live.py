"""The weight map that follows the brush, on a layer of 16k x 16k with 50,000 cells."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.widgets.mouse import stroke

from .cells import discs, tiled
from .report import Sheet
from .windows import Bot, new_viewer, own_home, rest, wait_for

SIDE, TILE, STROKES, BRUSH = 16384, 2048, 60, 30


def main(sheet: Sheet) -> None:
    place = own_home()
    sheet.heading(f"{SIDE} x {SIDE} labels, a stroke of a {BRUSH} px brush, real mouse")
    measure(sheet, "numpy", in_memory())
    with tempfile.TemporaryDirectory() as folder:
        measure(sheet, "zarr", on_disk(Path(folder)))
    place.cleanup()


def in_memory() -> np.ndarray:
    return tiled((SIDE, SIDE), discs(TILE, 73))  # 784 cells a tile


def on_disk(folder: Path) -> Any:
    import zarr

    array = zarr.create_array(
        folder / "labels.zarr", shape=(SIDE, SIDE), chunks=(512, 512), dtype="int32"
    )
    array[...] = in_memory()
    return array


def measure(sheet: Sheet, kind: str, data: Any) -> None:
    from napari.layers import Labels

    from napari_unet import layers
    from napari_unet.widgets.open import show_dock

    viewer = new_viewer()
    image = viewer.add_image(np.broadcast_to(np.uint8(0), (SIDE, SIDE)), contrast_limits=(0, 255))
    labels = Labels(data, name="labels")
    viewer.add_layer(labels)
    layers.pair(viewer, image, labels)
    desk = show_dock(viewer).desk
    wait_for(lambda: desk.session.annotated.cells > 0, 120)
    cells = desk.session.annotated.cells
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    camera.zoom, camera.center = 1.0, (SIDE / 2, SIDE / 2)
    rest(0.5)
    desk.weighing.show()
    wait_for(lambda: desk.weighing._on is not None)
    taken = timed(desk.weighing)
    layers.start_painting(viewer, labels)
    labels.brush_size = BRUSH
    rng, before = np.random.default_rng(1), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(STROKES):
        labels.selected_label = cells + 1 + number
        y, x = SIDE // 2 + rng.integers(-250, 250, 2)
        stroke(viewer, Bot(), [(y, x), (y + 5, x + 12)], pause=1)
        rest(0.05)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(taken) > STROKES // 2, "strokes were not taken in one by one"
    ms = 1000 * np.array(taken[3:])
    sheet.figure(f"{kind}, {cells} cells: median", float(np.median(ms)), "ms")
    sheet.figure(f"{kind}: 95th percentile", float(np.percentile(ms, 95)), "ms", at_most=16)
    sheet.figure(f"{kind}: memory growth", more, "MiB", at_most=64)
    viewer.close()
    rest(0.3)


def timed(weighing: Any) -> list[float]:
    """How long the window's thread works on each stroke, from its end to the map handed over."""
    taken: list[float] = []
    told, deed, began = weighing._on_edited, weighing._take_edits, [0.0]

    def on_edited(*given: Any) -> None:
        start = time.perf_counter()
        told(*given)
        began[0] = time.perf_counter() - start

    def take_edits() -> None:
        start = time.perf_counter()
        deed()
        taken.append(time.perf_counter() - start + began[0])

    watching = weighing._annotating.watching
    watching.edited.disconnect(told)
    watching.edited.connect(on_edited)
    weighing._soon.timeout.disconnect()
    weighing._soon.timeout.connect(take_edits)
    return taken
