"""How the panels look: headings, hints, rows, and how a control says why it cannot work."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_unet.session import Choice

ACCENT = "#2a7de1"
MOODS = {"idle": "#7a8794", "busy": ACCENT, "done": "#35a35b", "error": "#e5534b"}


def heading(number: int, title: str) -> QLabel:
    """ "1  Label", the head of one part."""
    badge = f'<span style="background-color:{ACCENT}; color:white;">&nbsp;{number}&nbsp;</span>'
    label = QLabel(f"{badge}&nbsp;&nbsp;<b>{title}</b>")
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setStyleSheet("font-size: 13pt; margin-top: 2px;")
    return label


def words(text: str = "") -> QLabel:
    """A label that shows its text as it is.

    Qt takes whatever looks like HTML for it, and would load the pictures that it names: a
    model's description or a file's name may be a stranger's.
    """
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


def tip(control: QWidget, text: str) -> None:
    """A tooltip that shows its text as it is, as :func:`words`; tooltips have no such setting."""
    if Qt.mightBeRichText(text):
        text = f"<qt>{html.escape(text)}</qt>".replace("\n", "<br>")
    control.setToolTip(text)


def hint(text: str = "") -> QLabel:
    """A line of explanation, wrapped and quiet."""
    label = words(text)
    label.setWordWrap(True)
    label.setStyleSheet("font-size: 9pt; color: #a3adb8;")
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


def line() -> QFrame:
    """A thin rule between two parts."""
    rule = QFrame()
    rule.setFixedHeight(1)
    rule.setStyleSheet("background-color: #4a525c;")
    return rule


def button(text: str, name: str = "", why: str = "", *, main: bool = False) -> QPushButton:
    """A push button with its tooltip; `main` is the one of its part that matters."""
    made = QPushButton(text)
    tipped(made, why, name)
    if main:
        made.setStyleSheet(
            f"QPushButton {{ background-color: {ACCENT}; color: white; font-weight: bold;"
            " padding: 6px; }"
            "QPushButton:hover { background-color: #4b95ee; }"
            "QPushButton:disabled { background-color: #414851; color: #868f99; }"
        )
    return made


def allow(control: QWidget, why_not: str) -> None:
    """Enable the control, or disable it and let its tooltip say why."""
    control.setEnabled(not why_not)
    tip(control, why_not or control.property("tip") or "")


def tipped(control: QWidget, text: str, name: str = "") -> QWidget:
    """The control with a tooltip that comes back when it is enabled again."""
    control.setProperty("tip", text)
    tip(control, text)
    if name:
        control.setObjectName(name)
    return control


def column(parent: QWidget, *items: QWidget | QHBoxLayout | QFormLayout) -> QVBoxLayout:
    """Stack the items in `parent`."""
    box = QVBoxLayout(parent)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    for item in items:
        if isinstance(item, QWidget):
            box.addWidget(item)
        else:
            box.addLayout(item)
    return box


def row(*items: QWidget) -> QHBoxLayout:
    """The items side by side, equally wide."""
    box = QHBoxLayout()
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    for item in items:
        box.addWidget(item, 1)
    return box


def form(*rows: tuple[str, QWidget]) -> QFormLayout:
    """Labelled controls under one another."""
    made = QFormLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(5)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for text, control in rows:
        label = words(text)
        label.setBuddy(control)
        made.addRow(label, control)
    return made


def chooser(text: str = "") -> QComboBox:
    """A combo box that does not widen the dock with long names."""
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(5)
    tipped(made, text)
    return made


def fill(box: QComboBox, choices: Sequence[Choice], key: str) -> None:
    """Offer `choices` and select `key`, without telling anyone."""
    with QSignalBlocker(box):
        if [(box.itemData(i), box.itemText(i)) for i in range(box.count())] != list(choices):
            box.clear()
            for value, text in choices:
                box.addItem(text, value)
        box.setCurrentIndex(box.findData(key))


def folded(title: str, content: QWidget) -> QCollapsible:
    """Content that is folded away until someone asks for it."""
    made = QCollapsible(title, expandedIcon="▾", collapsedIcon="▸")
    made.setDuration(0)
    made.layout().setContentsMargins(0, 0, 0, 0)
    made.content().layout().setContentsMargins(4, 0, 0, 0)
    made.addWidget(content)
    return made
