"""The journey in the real window, by itself: ``napari-unet demo`` and the README's pictures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
import tifffile
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication, QPushButton

from napari_unet import layers
from napari_unet.core.metrics import evaluate
from napari_unet.models.places import HOME
from napari_unet.sample_images import sample_pairs

from .dock import UNetDock
from .hand import drag, strokes
from .open import PLUGIN, show_dock

SAMPLE = "fluorescence"
SIZE = (1500, 950)  # of the window, px
CELLS = 12  # painted before the training
BRUSH = 7  # px; cells are painted row by row with it
SECONDS = 60.0  # time budget of the training
PATIENCE = 300.0  # seconds that any one step may take
DULL = 8  # grey levels; a picture with a smaller spread is blank


def run(out: Path, headless: bool = False, seconds: float = SECONDS, cells: int = CELLS) -> int:
    """Drive the window from the sample to the accepted prediction; pictures and scores in `out`.

    Parameters
    ----------
    out : folder
        For 01- to 05-.png and scores.json; made if it is not there.
    headless : bool
        Close the window at the end; else it stays open for the user.
    seconds : float
        Time budget of the training.
    cells : int
        How many cells are painted.

    Returns
    -------
    0, or 1 if a picture is blank or the overlay is empty.
    """
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(HOME, str(out.resolve() / "home"))  # the user's own stays as it is
    viewer = napari.Viewer(title="napari-unet", show=True)
    journey = Journey(viewer, out)
    try:
        good = journey.go(seconds, cells)
        if not headless:
            napari.run()
    finally:
        if headless:
            viewer.close()
    return 0 if good else 1


class Journey:
    """Each step as a user would do it; a picture after each."""

    def __init__(self, viewer: Viewer, out: Path) -> None:
        self.viewer = viewer
        self.out = out
        self.actions = 0  # of the user, from painted cells to the overlay
        self.pictures: list[Path] = []
        viewer.window._qt_window.resize(*SIZE)
        self.dock: UNetDock = show_dock(viewer)

    def go(self, seconds: float, cells: int) -> bool:
        """All of it; True if there is something to see on every picture."""
        spin(0.5)
        image_path, labels_path = sample_pairs(SAMPLE)[0]
        truth = tifffile.imread(labels_path)
        self.viewer.open_sample(PLUGIN, SAMPLE)
        spin(0.5)
        self.viewer.reset_view()
        self.picture("01-image")
        painted = self.paint(truth, cells)
        self.picture("02-painted")
        self.show_weights()
        self.picture("03-weights")
        self.fine_tune(seconds)
        self.wait(self._overlay_is_there, "the overlay did not appear")
        spin(0.5)
        actions = self.actions
        found = self._layer("prediction").data.copy()
        self.picture("05-overlay")
        self.press("unet_accept")
        spin(1.0)
        self.picture("06-accepted")
        self.write_scores(
            {
                "image": image_path.name,
                "painted_cells": len(chosen(truth, cells)),
                "painted_pixels": painted,
                "actions_from_painted_to_overlay": actions,
            },
            truth,
            found,
        )
        return bool(found.any()) and all(is_picture(path) for path in self.pictures)

    # ---- steps

    def paint(self, truth: npt.NDArray[Any], cells: int) -> int:
        """Paint whole cells with real mouse strokes; the count of painted pixels."""
        self.press("unet_new_cell")
        labels = self._layer("labels")
        labels.brush_size = BRUSH
        spin(0.3)
        for number, cell in enumerate(chosen(truth, cells)):
            if number:
                self.press("unet_new_cell")
            for stroke in strokes(truth == cell, BRUSH):
                drag(self.viewer, [labels.data_to_world(point) for point in stroke])
        spin(0.5)
        painted = int((labels.data > 0).sum())
        if not painted:
            raise RuntimeError("the canvas received no mouse strokes")
        self.wait(lambda: self.session.annotated.anything, "the cells were not counted")
        return painted

    def show_weights(self) -> None:
        """Press the button and wait for the map."""
        self.press("unet_show_weights")
        self.wait(lambda: not self.session.weighing, "the weight map did not come")
        spin(0.3)

    def fine_tune(self, seconds: float) -> None:
        """Press the one button; a picture in the middle."""
        self.session.seconds = seconds
        self.actions = 0
        self.press("unet_fine_tune")
        self.wait(lambda: len(self.session.losses) > 2 or not self.session.job, "no training began")
        self.picture("04-training")
        self.wait(lambda: self.session.job in ("", "predicting"), "the training did not end")

    def press(self, name: str) -> None:
        """Click a button of the dock."""
        button = self.dock.findChild(QPushButton, name)
        self.wait(button.isEnabled, f"{name} stayed disabled: {button.toolTip()}")
        button.click()
        self.actions += 1

    def wait(self, ready: Callable[[], bool], otherwise: str) -> None:
        """Let the window live until `ready`."""
        end = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"{otherwise}; the panel says: {self.session.status}")
            if self.session.mood == "error":
                raise RuntimeError(self.session.status)
            spin(0.02)

    def picture(self, name: str) -> None:
        """A screenshot of the whole window."""
        spin(0.3)
        path = self.out / f"{name}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        self.pictures.append(path)

    def write_scores(
        self, facts: dict[str, Any], truth: npt.NDArray[Any], found: npt.NDArray[Any]
    ) -> None:
        """What came out, beside the pictures."""
        scores = evaluate(truth, found)
        content = {
            **facts,
            "cells": len(np.unique(truth)) - 1,
            "found": len(np.unique(found)) - 1,
            "AP50": round(scores.ap(0.5), 4),
            "F1_50": round(scores.f1(0.5), 4),
            "report": self.session.report,
        }
        (self.out / "scores.json").write_text(json.dumps(content, indent=2) + "\n")

    @property
    def session(self) -> Any:
        return self.dock.desk.session

    def _overlay_is_there(self) -> bool:
        return bool(self.session.predicted and not self.session.job)

    def _layer(self, role: layers.Role) -> Labels:
        image = next(x for x in self.viewer.layers if isinstance(x, Image))
        found = layers.partner(self.viewer, image, role)
        if not isinstance(found, Labels):
            raise RuntimeError(f"there is no layer for {role}")
        return found


def spin(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= end:
            return
        time.sleep(0.005)


def is_picture(path: Path) -> bool:
    """False where all pixels look alike."""
    import imageio.v3 as imageio

    return float(np.std(imageio.imread(path)[..., :3])) > DULL


def chosen(truth: npt.NDArray[Any], cells: int) -> list[int]:
    """Whole cells of one corner of the image, neighbours among them."""
    from scipy import ndimage

    edge = np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]])
    ids = [i for i in np.unique(truth) if i > 0 and i not in edge]
    centres = ndimage.center_of_mass(truth > 0, truth, ids)
    order = sorted(zip(centres, ids, strict=True), key=lambda x: max(x[0]))
    return [int(i) for _, i in order[:cells]]
