"""How smoothly one paints: bare napari, with the dock, while it trains; and on a large image."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.widgets.mouse import stroke

from . import large
from .cells import discs
from .report import Sheet
from .windows import Bot, Lateness, new_viewer, own_home, rest, wait_for

SIDE, STROKES = 400, 80


def main(sheet: Sheet) -> None:
    from napari.layers import Labels

    from napari_unet import layers
    from napari_unet.widgets.open import show_dock

    place = own_home()
    sheet.heading(f"lateness of a 10 ms timer while {STROKES} strokes are painted")
    truth = discs(SIDE)
    image = np.where(truth > 0, 180, 40).astype(np.uint8)
    viewer = new_viewer()
    shown = viewer.add_image(image)
    labels = Labels(np.where(truth <= 40, truth, 0).astype(np.int32), name="mine")
    viewer.add_layer(labels)
    painted(viewer, labels)  # the first strokes are slow: they do not count
    bare = painted(viewer, labels)
    layers.pair(viewer, shown, labels)
    desk = show_dock(viewer).desk
    wait_for(lambda: desk.child.ready, 60)
    rest(3.0)
    docked = painted(viewer, labels)
    desk.session.seconds = 300
    desk.training.start()
    wait_for(lambda: desk.session.losses, 60)
    training = painted(viewer, labels)
    for name, late in (("bare napari", bare), ("dock", docked), ("training", training)):
        sheet.figure(f"{name}: 95th percentile", late.p95(), "ms")
        sheet.figure(f"{name}: worst", max(late.late), "ms")
    sheet.figure("training, beyond bare napari", training.p95() - bare.p95(), "ms", at_most=5)
    limit = max(60.0, *bare.late)  # without a graphics card bare napari has such gaps itself
    gaps = sum(x > limit for x in training.late)
    sheet.figure(f"training, gaps over {limit:.0f} ms that bare napari lacks", gaps, at_most=0)
    desk.close()
    viewer.close()
    rest(0.2)
    large.main(sheet)
    place.cleanup()


def painted(viewer: Any, labels: Any) -> Lateness:
    """Strokes one after the other, each with its own id."""
    viewer.layers.selection.active = labels
    labels.mode, labels.brush_size = "paint", 5
    viewer.reset_view()
    rest(0.5)
    rng = np.random.default_rng(0)
    with Lateness() as late:
        for number in range(STROKES):
            labels.selected_label = 1000 + number
            y, x = rng.integers(20, SIDE - 40, 2)
            stroke(viewer, Bot(), [(y, x), (y + 3, x + 10)], pause=1)
            rest(0.03)
    return late
