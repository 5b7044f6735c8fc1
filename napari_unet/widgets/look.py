"""How the panels are made: hints, rows, choices, and how a control says why it cannot work."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from napari_unet.session import Choice

MORE_FOLDED, MORE_OPEN = "▸", "▾"


def words(text: str = "") -> QLabel:
    """A label that shows its text as it is.

    Qt takes whatever looks like HTML for it, and would load the pictures that it names: a
    model's description or a file's name may be a stranger's.
    """
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    return label


def plain(text: str) -> str:
    """The text as a tooltip has to have it, which takes whatever looks like HTML for it."""
    if Qt.mightBeRichText(text):
        return f"<qt>{html.escape(text)}</qt>".replace("\n", "<br>")
    return text


def tip(control: QWidget, text: str) -> None:
    """A tooltip that shows its text as it is, as :func:`words`; tooltips have no such setting."""
    control.setToolTip(plain(text))


def hint(text: str = "") -> QLabel:
    """A line of explanation, wrapped and quiet."""
    label = words(text)
    label.setWordWrap(True)
    label.setProperty("look", "hint")
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


def button(text: str, name: str = "", why: str = "") -> QPushButton:
    """A push button with its tooltip."""
    made = QPushButton(text)
    tipped(made, why, name)
    return made


def restyle(control: QWidget, name: str, value: str) -> None:
    """Give the control a property that the style sheet asks for."""
    if control.property(name) != value:
        control.setProperty(name, value)
        control.style().unpolish(control)
        control.style().polish(control)


def point_to(control: QPushButton, words: str, name: str) -> None:
    """Make the button stand out where the words of the status name it: it is what is next."""
    restyle(control, "look", "next" if name in words else "")


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


def row(*items: QWidget, wide: Sequence[int] = ()) -> QHBoxLayout:
    """The items side by side, `wide` relative to one another; equally wide by default."""
    box = QHBoxLayout()
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(6)
    for item, width in zip(items, wide or [1] * len(items), strict=True):
        box.addWidget(item, width)
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


class Chooser(QComboBox):
    """A combo box that does not widen the dock: long names lose their middle.

    Both ends of a name matter, what it is of and how good it is. The tooltip has all of it.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._text = text
        self.currentIndexChanged.connect(self.tell)
        self.tell()

    def tell(self) -> None:
        """The tooltip: the whole name of what is chosen, and what is chosen here."""
        chosen = self.currentText()
        # the name first: Qt looks at the beginning for what may be HTML
        tipped(self, f"{chosen}\n{self._text}" if chosen else self._text)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = option.fontMetrics.elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, room.width() - 4
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def chooser(text: str = "") -> Chooser:
    """A combo box with a tooltip."""
    return Chooser(text)


def fill(box: QComboBox, choices: Sequence[Choice], key: str) -> None:
    """Offer `choices` and select `key`, without telling anyone."""
    with QSignalBlocker(box):
        if [(box.itemData(i), box.itemText(i)) for i in range(box.count())] != list(choices):
            box.clear()
            for place, (value, text) in enumerate(choices):
                box.addItem(text, value)
                box.setItemData(place, plain(text), Qt.ItemDataRole.ToolTipRole)
        box.setCurrentIndex(box.findData(key))
    if isinstance(box, Chooser):
        box.tell()


class More(QPushButton):
    """A small button that unfolds what is rarely needed."""

    def __init__(self, title: str, content: QWidget, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setCheckable(True)
        self._title, self.content = title, content
        self.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def _on_toggled(self, on: bool) -> None:
        self.content.setVisible(on)
        self.setText(f"{self._title} {MORE_OPEN if on else MORE_FOLDED}")
