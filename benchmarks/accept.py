"""Accept: how long the window does not answer, against writing all cells at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .cells import discs, tiled
from .report import Sheet
from .windows import Lateness, new_viewer, own_home, rest, wait_for

SHAPES = ((2048, 2048), (20, 1024, 1024), (8192, 8192))
TILE = 1024


def main(sheet: Sheet) -> None:
    place = own_home()
    sheet.heading("all cells of a prediction go into empty labels, a third of the pixels")
    for shape in SHAPES:
        measure(sheet, shape)
    place.cleanup()


def measure(sheet: Sheet, shape: tuple[int, ...]) -> None:
    from napari_unet import layers
    from napari_unet.widgets.open import show_dock

    viewer = new_viewer()
    image = viewer.add_image(np.broadcast_to(np.uint8(0), shape), contrast_limits=(0, 255))
    labels = layers.make_labels(viewer, image)
    found = layers.prediction_layer(viewer, image)
    found.data = tiled(shape, discs(TILE))
    layers.note_drawn(found, range(int(np.prod(shape[:-2], dtype=int))), "job", "model")
    desk = show_dock(viewer).desk
    rest(3.0)
    with longest() as calls, Lateness() as late:
        start = time.perf_counter()
        desk.accepting.accept()
        wait_for(lambda: desk.session.mood == "done", 120)
        took = time.perf_counter() - start
    labels.undo()
    rest(1.0)
    index = np.flatnonzero(found.data)
    values = found.data.ravel()[index].astype(np.int64)
    with Lateness() as naive:
        labels.data_setitem(np.unravel_index(index, shape), values)
        rest(0.1)
    name = " x ".join(map(str, shape))
    sheet.figure(f"{name}: our longest callback", 1000 * max(calls), "ms", at_most=50)
    sheet.figure(f"{name}: longest gap, drawing with it", max(late.late), "ms")
    sheet.figure(f"{name}: all at once", max(naive.late), "ms")
    sheet.figure(f"{name}: gaps, ours / all at once", max(late.late) / max(naive.late))
    sheet.figure(f"{name}: {len(index) / 1e6:.1f} Mpx after", took, "s")
    desk.close()
    viewer.close()
    rest(0.2)


@contextmanager
def longest() -> Iterator[list[float]]:
    """How long, in seconds, the calls took that write cells."""
    from napari_unet.widgets.accepting import Accepting

    taken: list[float] = []
    plain = {name: getattr(Accepting, name) for name in ("accept", "_on_merged", "_go_on")}

    def timed(name: str) -> Any:
        def call(self: Any, *arguments: Any) -> None:
            start = time.perf_counter()
            plain[name](self, *arguments)
            taken.append(time.perf_counter() - start)

        return call

    for name in plain:
        setattr(Accepting, name, timed(name))
    try:
        yield taken
    finally:
        for name, method in plain.items():
            setattr(Accepting, name, method)
