"""How long until the dock is there, and until a training takes its first step."""

from __future__ import annotations

import sys
import time

import numpy as np

from napari_unet.sample_images import sample_pairs

from .report import Sheet
from .windows import new_viewer, own_home, rest, wait_for


def main(sheet: Sheet) -> None:
    import tifffile

    place = own_home()
    sheet.heading("start-up in a running napari")
    viewer = new_viewer()
    image, labels = sample_pairs("fluorescence")[0]
    viewer.add_image(tifffile.imread(image), name="nuclei")
    rest(1.0)
    began = time.perf_counter()
    from napari_unet.widgets.open import show_dock

    dock = show_dock(viewer)
    sheet.figure("dock open, imports included", time.perf_counter() - began, "s", at_most=0.5)
    rest(0.5)
    desk = dock.desk
    desk.annotating.new_cell()
    mine = desk.annotating.labels()
    truth = tifffile.imread(labels)
    mine.data = np.where(truth <= 8, truth, 0).astype(np.int32)
    first: list[float] = []
    desk.child.message.connect(
        lambda m: first.append(time.perf_counter()) if m["event"] == "step" else None
    )
    desk.session.seconds = 5
    wait_for(lambda: desk.child.ready, 60)
    rest(3.0)  # the user paints on
    began = time.perf_counter()
    desk.training.start()
    wait_for(lambda: first, 60)
    sheet.figure("first step after Fine-tune, worker warm", first[0] - began, "s", at_most=1)
    sheet.say("torch in the window's process: " + ("yes" if "torch" in sys.modules else "no"))
    desk.close()
    viewer.close()
    rest(0.2)
    place.cleanup()
