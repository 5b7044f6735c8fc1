"""The panel is legible in every theme, fits a laptop, and says what is next by its look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.utils.theme import get_theme
from qtpy.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from qtpy.QtGui import QDropEvent, QImage
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QWidget,
)

from napari_unet.advice import next_step
from napari_unet.session import Annotated, Progress, Session
from napari_unet.widgets import look
from napari_unet.widgets.sections import Section, next_part, unfolded
from napari_unet.widgets.shades import LEGIBLE, contrast, legible, shades

THEMES = ("dark", "light")
HIGH = (1000, 640)  # px; no part of the panel is folded
LAPTOP = (1366, 690)  # px; a screen of 1366 x 768 less the system's bars


@pytest.fixture
def window(window: Viewer) -> Viewer:
    """A high one."""
    window.window._qt_window.resize(*HIGH)
    return window


@pytest.fixture
def laptop(window: Viewer, dock: Any, qtbot: Any) -> Iterator[Any]:
    """The dock in a window as low as a laptop's."""
    qt_window = window.window._qt_window
    qt_window.setMaximumHeight(LAPTOP[1])
    qt_window.resize(*LAPTOP)
    qtbot.waitUntil(lambda: qt_window.height() <= LAPTOP[1], timeout=5000)
    yield dock
    qt_window.setMaximumHeight(16_777_215)


def pixels(widget: QWidget) -> np.ndarray:
    """What is seen of it, ``(Y, X, 3)`` uint8."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = image.constBits()
    raw.setsize(image.sizeInBytes())
    rows = np.frombuffer(raw, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def seen_contrast(seen: np.ndarray) -> float:
    """Of the pixels of a text, which stand out most, and the colour that most pixels have."""
    colours, counts = np.unique(seen.reshape(-1, 3), axis=0, return_counts=True)
    ground = colours[counts.argmax()]
    return max(contrast(colour, ground) for colour in colours[counts > 1])


def with_text(dock: QWidget) -> list[QWidget]:
    """Everything of the panel that shows words."""
    found: list[QWidget] = []
    for kind in (QLabel, QPushButton, QComboBox, QAbstractSpinBox, QCheckBox, QRadioButton):
        found += [x for x in dock.findChildren(kind) if x.isVisibleTo(dock)]
    return [x for x in found if not isinstance(x, QLabel) or x.text()]


@pytest.mark.canvas
@pytest.mark.gui
def test_every_word_of_the_panel_is_legible(window: Viewer, dock: Any, qtbot: Any) -> None:
    session = dock.desk.session
    for fold in dock.findChildren(look.More):
        fold.setChecked(True)

    def look_at(state: str) -> None:
        session.say("Something is said.", "busy" if state == "busy" else "done")
        for theme in THEMES:
            window.theme = theme
            qtbot.wait(50)
            assert not pale_words(dock), (state, theme)

    look_at("empty")
    session.images = session.labels_choices = session.models = (("a", "some name"),)
    session.image = session.labels = session.model = "a"
    session.annotated = Annotated(12, 1)
    session.weight_words, session.report = "Gaps weigh up to 9.7.", "12 of 14 found."
    session.predicted = session.filterable = session.weights_shown = True
    look_at("ready")
    session.job, session.progress = "training", Progress(0.5, 3.0, "about 3 s left")
    look_at("busy")


def pale_words(dock: Any) -> dict[tuple[str, str], float]:
    """The contrast of what is not legible, by the widget's name and its text."""
    content = dock.area.widget()
    seen, pale = {root: pixels(root) for root in (dock, content)}, {}
    for widget in with_text(dock):
        # a box with nothing in it shows no words
        if isinstance(widget, QComboBox) and not widget.currentText():
            continue
        root = content if content.isAncestorOf(widget) else dock
        at = QRect(widget.mapTo(root, QPoint(0, 0)), widget.size())
        found = seen_contrast(seen[root][at.top() : at.bottom() + 1, at.left() : at.right() + 1])
        if found < LEGIBLE:
            name = widget.objectName() or type(widget).__name__
            pale[name, getattr(widget, "text", str)()] = round(found, 2)
    return pale


@pytest.mark.parametrize("theme", THEMES)
def test_the_shades_of_a_theme_stand_out(theme: str) -> None:
    of = shades(theme)

    def rgb(colour: str) -> tuple[int, ...]:
        return tuple(bytes.fromhex(colour[1:]))

    text = get_theme(theme).text.as_rgb_tuple(alpha=False)
    assert rgb(of.text) == text
    for colour, on in (
        (of.text, of.ground),
        (of.text, of.bar),
        (of.text, of.chunk),
        (of.note, of.ground),
        (of.note, of.bar),
        (of.on_accent, of.accent),
        (of.loss, of.ground),
        (of.score, of.ground),
    ):
        assert contrast(rgb(colour), rgb(on)) >= LEGIBLE, (colour, on)
    assert contrast(rgb(of.note), rgb(of.ground)) < contrast(rgb(of.text), rgb(of.ground))


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert contrast(legible((128, 128, 128), (120, 120, 120)), (120, 120, 120)) >= LEGIBLE - 0.3


def shown_whole(dock: Any, name: str) -> bool:
    """Whether a button is seen without scrolling."""
    button, view = dock.findChild(QWidget, name), dock.area.viewport()
    corner = button.mapTo(view, button.rect().bottomRight())
    return bool(button.isVisibleTo(dock)) and corner.y() < view.height() and corner.y() > 0


@pytest.mark.canvas
@pytest.mark.gui
@pytest.mark.parametrize("theme", THEMES)
def test_all_of_it_is_seen_on_a_laptop(theme: str, laptop: Any, window: Viewer, qtbot: Any) -> None:
    window.theme = theme
    session = laptop.desk.session
    names = ("unet_new_cell", "unet_show_weights", "unet_fine_tune", "unet_predict")
    names += ("unet_threshold", "unet_min_size", "unet_save_model", "unet_export_labels")
    assert laptop.height() < 660
    qtbot.waitUntil(lambda: all(shown_whole(laptop, name) for name in names), timeout=5000)
    session.image, session.annotated = "a", Annotated(12, 1)
    session.job = "training"
    session.add_loss(1, 0.5)
    session.say("Training, step 1. You can go on painting. " + 8 * "Some warning. ", "busy")
    names = ("unet_new_cell", "unet_fine_tune", "unet_stop", "unet_loss_plot")
    qtbot.waitUntil(lambda: all(shown_whole(laptop, name) for name in names), timeout=5000)
    session.report = (
        "On cells it was not trained on: 6 of 8 found, 1 merge (AP50 0.75).\nBefore: 4."
    )
    session.job, session.predicted = "", True
    session.say("Found 30 cells. Accept what is right into your labels.", "done")
    names = ("unet_fine_tune", "unet_predict", "unet_accept", "unet_threshold")
    names += ("unet_min_size", "unet_save_model", "unet_export_labels")
    qtbot.waitUntil(lambda: all(shown_whole(laptop, name) for name in names), timeout=5000)


@pytest.mark.gui
def test_parts_fold_in_a_low_window_and_open_in_a_high_one(
    window: Viewer, dock: Any, qtbot: Any
) -> None:
    qt_window = window.window._qt_window

    def folded() -> set[str]:
        return {x.title for x in dock.sections if not x.is_open}

    qt_window.resize(LAPTOP[0], 900)
    qtbot.waitUntil(lambda: dock.height() > 700 and not folded())
    qt_window.resize(LAPTOP[0], 480)
    qtbot.waitUntil(lambda: dock.height() < 480 and bool(folded()), timeout=5000)
    assert "Label" not in folded(), "the part that is next"
    qt_window.resize(LAPTOP[0], 900)
    qtbot.waitUntil(lambda: not folded())


@pytest.mark.gui
def test_a_click_folds_a_part_and_the_window_remembers(
    window: Viewer, dock: Any, qtbot: Any
) -> None:
    head = dock.findChild(QPushButton, "unet_part_2")
    button = dock.findChild(QPushButton, "unet_show_weights")
    assert button.isVisibleTo(dock)
    head.click()
    assert not button.isVisibleTo(dock)
    dock.desk.session.job = "training"  # whatever is next: the user's choice stays
    dock.desk.session.job = ""
    qtbot.wait(20)
    assert not button.isVisibleTo(dock)
    assert dock.desk.session.opened == {"Weight map": False}
    again = type(dock)(window)  # closed and opened
    qtbot.addWidget(again)
    assert not again.findChild(QPushButton, "unet_show_weights").isVisibleTo(again)
    head.click()
    assert button.isVisibleTo(dock)


def test_what_folds_first() -> None:
    heights = dict.fromkeys(("Label", "Weight map", "Fine-tune", "Predict"), (20, 100))
    assert unfolded(heights, 480, "Label", {}) == set(heights)
    assert unfolded(heights, 479, "Fine-tune", {}) == set(heights) - {"Predict"}
    assert unfolded(heights, 300, "Predict", {}) == {"Predict", "Fine-tune"}
    for upcoming in heights:
        if upcoming != "Weight map":
            assert unfolded(heights, 0, upcoming, {}) == {upcoming}
    assert unfolded(heights, 0, "Label", {"Predict": True, "Label": False}) == {"Predict"}


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Label"),
        ({"annotated": Annotated(3, 1)}, "Fine-tune"),
        ({"job": "training", "predicted": True}, "Fine-tune"),
        ({"job": "predicting"}, "Predict"),
        ({"predicted": True}, "Predict"),
    ],
)
def test_the_part_that_is_next(changes: dict[str, Any], title: str) -> None:
    assert next_part(Session(**changes)) == title


@pytest.mark.gui
def test_the_button_that_is_next_stands_out(dock: Any) -> None:
    session = dock.desk.session

    def out() -> set[str]:
        return {
            x.objectName() for x in dock.findChildren(QPushButton) if x.property("look") == "next"
        }

    assert not out()
    session.images = session.models = (("a", "a"),)
    session.image, session.model = "a", ""
    session.say(next_step(session))
    assert out() == {"unet_new_cell"}
    session.labels, session.annotated = "a", Annotated(12, 1)
    session.say(next_step(session))
    assert out() == {"unet_fine_tune"}
    session.model, session.predicted = "a", True
    session.say(next_step(session))
    assert out() == {"unet_accept"}
    session.accepted = True
    session.say(next_step(session))
    assert out() == {"unet_fine_tune"}


@pytest.mark.gui
def test_a_long_name_loses_its_middle_and_is_told_in_full(qtbot: Any) -> None:
    box, name = look.chooser("The model that predicts"), f"<i>cells</i> {99 * 'x'} · AP50 0.83"
    qtbot.addWidget(box)
    look.fill(box, [("a", name), ("b", "short")], "a")
    box.resize(200, 26)
    assert box.toolTip().startswith("<qt>&lt;i&gt;cells&lt;/i&gt; xxx")
    assert box.toolTip().endswith("AP50 0.83<br>The model that predicts</qt>")
    assert box.itemData(0, Qt.ItemDataRole.ToolTipRole).startswith("<qt>&lt;i&gt;cells")
    assert box.view().textElideMode() == Qt.TextElideMode.ElideMiddle
    before = pixels(box)
    look.fill(box, [("a", name.replace("0.83", "0.13")), ("b", "short")], "a")
    assert not np.array_equal(pixels(box), before), "the end of the name is seen"
    look.fill(box, [("a", name), ("b", "short")], "b")
    assert box.toolTip() == "short\nThe model that predicts"


@pytest.mark.canvas
@pytest.mark.gui
def test_a_file_that_is_dropped_on_the_panel_is_opened(
    window: Viewer, dock: Any, tmp_path: Any, qtbot: Any
) -> None:
    import imageio.v3 as imageio

    imageio.imwrite(tmp_path / "dropped.png", np.eye(30, dtype=np.uint8))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "dropped.png"))])
    assert dock.acceptDrops()
    dock.dropEvent(
        QDropEvent(
            QPointF(20, 20),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    qtbot.waitUntil(lambda: dock.desk.session.image != "", timeout=5000)
    assert window.layers[0].name == "dropped"


@pytest.mark.gui
def test_a_section_tells_its_height_while_it_is_folded(qtbot: Any) -> None:
    panel = QWidget()
    look.column(panel, QPushButton("a"), QPushButton("b"))
    section = Section(1, "Label", panel)
    qtbot.addWidget(section)
    before = section.height_of(300)
    section.open(False)
    assert section.height_of(300) == before and not section.is_open
