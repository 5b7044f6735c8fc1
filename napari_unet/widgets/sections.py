"""The dock's parts under heads that fold them, so that all of them fit a low window."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_unet.session import Session

from . import look

TRAINING = ("starting", "training", "stopping")
# of each part that is next: which parts fold first where there is too little room
_FIRST_TO_FOLD = {
    "Label": ("Fine-tune", "Weight map", "Predict"),
    "Fine-tune": ("Predict", "Weight map", "Label"),
    "Predict": ("Weight map", "Label", "Fine-tune"),
}


class Section(QWidget):
    """A part of the panel with its head; a click on the head folds it, or opens it."""

    clicked = Signal(str, bool)  # its title, and whether it is to be open

    def __init__(self, number: int, title: str, panel: QWidget) -> None:
        super().__init__()
        self.title, self.panel = title, panel
        self.head = QPushButton()
        self.head.setObjectName(f"unet_part_{number}")
        self.head.setProperty("look", "head")
        self.head.setAccessibleName(title)
        badge, words, self._arrow = look.words(f" {number} "), look.words(title), look.words()
        badge.setProperty("look", "badge")
        words.setProperty("look", "title")
        box = QHBoxLayout(self.head)
        box.setContentsMargins(4, 0, 8, 0)
        box.setSpacing(8)
        for label in (badge, words, self._arrow):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            box.addWidget(label)
        box.insertStretch(2, 1)
        self.head.setMinimumHeight(27)
        self.head.clicked.connect(lambda: self.clicked.emit(title, not self.is_open))
        look.column(self, self.head, panel).setSpacing(5)
        self.open(True)

    @property
    def is_open(self) -> bool:
        """Whether the part is seen under its head."""
        return not self.panel.isHidden()

    def open(self, on: bool) -> None:
        """Show the part, or its head only."""
        self.panel.setVisible(on)
        self._arrow.setText(look.MORE_OPEN if on else look.MORE_FOLDED)
        look.tip(self.head, "Click to fold" if on else "Click to open")

    def height_of(self, width: int) -> tuple[int, int]:
        """The height of the head, and of the part under it whether it is open or not, px."""
        layout = self.panel.layout()
        tall = layout.heightForWidth(width) if layout.hasHeightForWidth() else -1
        return self.head.sizeHint().height(), max(tall, layout.sizeHint().height()) + 5


def next_part(session: Session) -> str:
    """The title of the part in which the user goes on: it stays open."""
    if session.job in TRAINING:
        return "Fine-tune"
    if session.job == "predicting" or session.predicted:
        return "Predict"
    return "Fine-tune" if session.annotated.anything else "Label"


def unfolded(
    heights: dict[str, tuple[int, int]], room: int, upcoming: str, chosen: dict[str, bool]
) -> set[str]:
    """The titles of the parts that are open, so that all fits.

    Parameters
    ----------
    heights : of the head, and of the part under it, by title, px
    room : for all of them, px
    upcoming : the part that is next; it is folded by nothing but the user
    chosen : what the user has opened or folded stays so
    """
    found = {title for title in heights if chosen.get(title, True)}
    total = sum(head for head, _ in heights.values()) + sum(heights[x][1] for x in found)
    order: Sequence[str] = _FIRST_TO_FOLD.get(upcoming, ())
    for title in order:
        if total > room and title in found and title not in chosen:
            found.remove(title)
            total -= heights[title][1]
    return found
