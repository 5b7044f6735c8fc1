"""Files that the user has written: never another one lost, and in words what is in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QMessageBox

from napari_unet import layers
from napari_unet.snapshots import Outline, Snapshot
from napari_unet.widgets import modelling
from napari_unet.widgets.saving import exported

from .test_wishes import answer

pytestmark = pytest.mark.gui

Press = Callable[[str], None]


@pytest.mark.parametrize("wish", ["unet_export_labels", "unet_save_model"])
def test_a_file_whose_name_was_completed_is_not_replaced_unasked(
    wish: str,
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, asked = dock.desk.session, []
    there = tmp_path / ("mine.tif" if "export" in wish else "mine.safetensors")
    there.write_bytes(b"precious")
    says = {"now": QMessageBox.StandardButton.No}
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[2]) or says["now"])
    answer(monkeypatch, tmp_path / "mine")
    press(wish)
    assert len(asked) == 1 and there.name in asked[0]
    qtbot.wait(100)
    assert there.read_bytes() == b"precious"
    says["now"] = QMessageBox.StandardButton.Yes
    press(wish)
    qtbot.waitUntil(lambda: there.name in session.status, timeout=10_000)
    assert there.read_bytes() != b"precious"
    answer(monkeypatch, there)  # the dialog has asked about this very name
    press(wish)
    assert len(asked) == 2


def test_an_export_says_what_is_not_in_it(
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = dock.desk.session
    answer(monkeypatch, tmp_path / "out.tif")
    press("unet_export_labels")
    qtbot.waitUntil(lambda: "out.tif" in session.status, timeout=10_000)
    assert session.status.startswith("10 cells written")
    assert "20 found cells are not among them: press “Accept” first" in session.status
    dock.desk.accepting.accept()
    qtbot.waitUntil(lambda: "added to your labels" in session.status, timeout=10_000)
    answer(monkeypatch, tmp_path / "all.tif")
    press("unet_export_labels")
    qtbot.waitUntil(lambda: "all.tif" in session.status, timeout=10_000)
    assert session.status.startswith("30 cells written") and "found" not in session.status
    assert len(np.unique(tifffile.imread(tmp_path / "all.tif"))) == 31


def test_labels_are_not_exported_over_an_image(
    trained: Viewer, dock: Any, press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = layers.images(trained)[0]
    there = tmp_path / "nuclei.tif"
    layers.note_file(image, str(there))  # whatever the layer is called by now
    there.write_bytes(b"the only one")
    answer(monkeypatch, there)
    press("unet_export_labels")
    assert f"“{there.name}” is an image that is open" in dock.desk.session.status
    assert there.read_bytes() == b"the only one"


def test_a_file_is_known_by_all_its_names(tmp_path: Path) -> None:
    """On many disks one in other capitals is one of them."""
    image = Image(np.zeros((4, 4)))
    there, other = tmp_path / "a.tif", tmp_path / "b.tif"
    layers.note_file(image, str(there))
    assert layers.holds(there, image) and not layers.holds(other, image)
    there.touch()
    other.hardlink_to(there)
    assert layers.holds(there, image) and layers.holds(other, image)


@pytest.mark.parametrize("areas", [(), ("regions",), ("background",), ("regions", "background")])
def test_an_export_says_that_regions_and_background_are_not_in_it(areas: tuple[str, ...]) -> None:
    ring = Outline(0, np.array([[0, 0], [0, 9], [9, 9], [9, 0]], float))
    labels, painted = np.zeros((20, 20), np.int32), np.ones((20, 20), np.uint8)
    shot = Snapshot(
        "a",
        labels,
        "YX",
        labels,
        outlines=(ring,) if "regions" in areas else (),
        background=painted if "background" in areas else 0 * painted,
    )
    words = exported(3, 0, modelling.areas_of(shot), "instances", Path("a.tif"))
    are = "is" if areas == ("background",) else "are"
    said = f"{' and '.join(areas).capitalize()} {are} not in it: save that with napari"
    assert (said in words) == bool(areas) and words.startswith("3 cells written to a.tif.")


def test_an_export_does_not_ask_for_an_accept_that_cannot_be() -> None:
    why_not = "“mine” is not held in memory: make a copy."
    words = exported(3, 2, "", "instances", Path("a.tif"), why_not)
    assert words == f"3 cells written to a.tif. 2 found cells are not among them. {why_not}"


def test_two_windows_do_not_predict_in_one_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each its first prediction, in the same second."""
    folders = set()
    monkeypatch.setattr(modelling.time, "strftime", lambda form: form)
    for process in (1, 2):
        monkeypatch.setattr(modelling.os, "getpid", partial(int, process))
        monkeypatch.setattr(modelling, "_numbers", itertools.count(1))
        folders.add(modelling.new_job_folder())
    assert len(folders) == 2
