"""What a stranger wrote into a file is shown as it is: no HTML, no pictures from elsewhere."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from napari import Viewer
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_unet.widgets import look


def picture(folder: Path) -> str:
    """HTML that draws a picture of 140 px height, where something takes it for HTML."""
    Image.new("RGB", (90, 140), "red").save(folder / "x.png")
    return f"<img src='{folder / 'x.png'}'>"


def test_every_label_and_tooltip_of_the_dock(dock: Any, window: Viewer, tmp_path: Path) -> None:
    session, evil = dock.desk.session, picture(tmp_path)
    session.say(evil, "error")
    session.report = session.weight_words = session.resumable_words = evil
    session.models = (("m", evil),)
    session.images = session.labels_choices = (("i", evil),)
    session.image, session.model = "i", "m"
    for label in dock.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText, label.text()
    for control in dock.findChildren(QWidget):
        assert "<img" not in control.toolTip(), control.objectName()


def test_a_picture_in_the_status_is_not_drawn(dock: Any, tmp_path: Path) -> None:
    label = dock.findChild(QLabel, "unet_status")
    evil = picture(tmp_path)
    label.setText(evil.replace("<", "(").replace(">", ")"))  # breaks into lines at the same places
    plain = label.sizeHint().height()
    dock.desk.session.say(evil, "error")
    assert label.text().startswith("<img") and label.sizeHint().height() <= plain + 20


def test_a_model_file_with_html_in_it(dock: Any, tmp_path: Path, qtbot: Any) -> None:
    described = {"format": 1, "network": {}, picture(tmp_path): 1}
    raw = json.dumps({"__metadata__": {"napari-unet": json.dumps(described)}}).encode()
    file = tmp_path / "m.safetensors"
    file.write_bytes(struct.pack("<Q", len(raw)) + raw)
    label = dock.findChild(QLabel, "unet_status")
    dock.desk.load_model_from(file)
    qtbot.waitUntil(lambda: "m.safetensors" in label.text(), timeout=10_000)
    assert label.textFormat() == Qt.TextFormat.PlainText


def test_tooltips_say_what_they_were_given(qtbot: Any) -> None:
    control = QPushButton()
    qtbot.addWidget(control)
    look.allow(control, "less is < more")
    assert control.toolTip() == "less is < more" and not control.isEnabled()
    look.allow(control, "<b>bold</b>\nor & not")
    assert control.toolTip() == "<qt>&lt;b&gt;bold&lt;/b&gt;<br>or &amp; not</qt>"
