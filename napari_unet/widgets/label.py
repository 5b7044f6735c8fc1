"""Part 1, Label: which image, which labels, the next cell, and what counts as known."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QRadioButton, QWidget

from napari_unet.advice import why_not_label
from napari_unet.wording import in_pieces

from . import look
from .following import follow
from .panel import Panel

NEW_CELL = "Makes a labels layer if there is none, and picks the next free id. Key: N"
REGIONS = (
    "Draw rectangles or polygons round what you have annotated completely; "
    "then only what is inside counts"
)
BACKGROUND = "Paint what is surely no cell; then unpainted pixels no longer count as background"
INSTANCES = "Every cell has a number of its own (the usual case)"
CLASSES = "Every number is a kind of thing, such as 1 = nucleus, 2 = membrane"
COMPLETE = (
    "All cells of this image are painted: what is not painted counts as background. Else the model"
    " that a training starts from is asked, and what may be a cell is left out. Key: Shift-N"
)
APART = (
    "The largest piece of each number keeps it, the others get new ones (undo: Ctrl-Z). "
    "Crumbs of a few pixels stay as they are"
)
AXES = "How the image is read: {}. Change it if that is wrong"
AXES_WIDTH = 84  # px; room for TZYX, the rest is the image's name
READINGS = {"T": "points in time", "Z": "slices", "C": "channels"}


class LabelPanel(Panel):
    """Wishes: the signals. What it shows comes from the session."""

    image_chosen = Signal(str)
    labels_chosen = Signal(str)
    axes_chosen = Signal(str)
    labels_are_chosen = Signal(str)
    new_cell_wanted = Signal()
    regions_wanted = Signal()
    background_wanted = Signal()
    numbers_wanted = Signal()
    complete_chosen = Signal(bool)

    def _build(self) -> None:
        self.image = look.chooser("The image to work on")
        self.labels = look.chooser("The layer with your cells; any Labels layer that fits")
        self.axes = look.chooser()
        self.new_cell = look.button("New cell  (N)", "unet_new_cell", NEW_CELL)
        self.regions = look.button("Regions", "unet_regions", REGIONS)
        self.background = look.button("Background", "unet_background", BACKGROUND)
        self.instances = QRadioButton("a cell")
        self.classes = QRadioButton("a kind")
        look.tipped(self.instances, INSTANCES, "unet_instances")
        look.tipped(self.classes, CLASSES, "unet_classes")
        self._kinds = QButtonGroup(self)
        self._kinds.addButton(self.instances)
        self._kinds.addButton(self.classes)
        self.amount = look.hint()
        self.amount.setObjectName("unet_annotated")
        self.complete = QCheckBox("All cells of this image are painted")
        look.tipped(self.complete, COMPLETE, "unet_complete")
        self.torn = look.hint()
        self.torn.setObjectName("unet_torn")
        self.apart = look.button("Give each its own number", "unet_apart", APART)
        kinds = look.row(look.words("Each number is"), self.instances, self.classes)
        for place in range(3):
            kinds.setStretch(place, 0)
        kinds.addStretch(1)
        look.column(
            self,
            look.form(("Image", self._image_and_axes()), ("Labels", self.labels)),
            look.row(self.new_cell, self.regions, self.background, wide=(4, 3, 4)),
            kinds,
            self.amount,
            self.complete,
            self.torn,
            self.apart,
        )

    def _image_and_axes(self) -> QWidget:
        box = QWidget()
        both = look.row(self.image, self.axes)
        both.setStretch(1, 0)
        self.axes.setFixedWidth(AXES_WIDTH)
        look.column(box, both)
        return box

    def _connect(self) -> None:
        self.image.activated.connect(lambda: self.image_chosen.emit(self.image.currentData()))
        self.labels.activated.connect(lambda: self.labels_chosen.emit(self.labels.currentData()))
        self.axes.activated.connect(lambda: self.axes_chosen.emit(self.axes.currentData()))
        self.new_cell.clicked.connect(self.new_cell_wanted)
        self.regions.clicked.connect(self.regions_wanted)
        self.background.clicked.connect(self.background_wanted)
        self.instances.clicked.connect(lambda: self.labels_are_chosen.emit("instances"))
        self.classes.clicked.connect(lambda: self.labels_are_chosen.emit("classes"))
        self.apart.clicked.connect(self.numbers_wanted)
        self.complete.clicked.connect(self.complete_chosen)
        follow(self, self._session, ("torn",), self._show_torn)
        names = ("image", "images", "labels", "labels_choices", "axes", "axes_choices")
        said = ("complete", "base", "preset", "labels_are", "annotated")
        follow(self, self._session, (*names, *said), self._show)
        follow(self, self._session, ("status",), self._point)

    def _point(self) -> None:
        look.point_to(self.new_cell, self._session.status, "“New cell”")

    def _show(self) -> None:
        session = self._session
        look.fill(self.image, session.images, session.image)
        look.fill(self.labels, session.labels_choices, session.labels)
        look.fill(self.axes, [(a, a) for a in session.axes_choices], session.axes)
        look.tipped(self.axes, AXES.format(reading(session.axes)))
        self.instances.setChecked(session.labels_are == "instances")
        self.classes.setChecked(session.labels_are == "classes")
        self.complete.setChecked(session.complete)
        self.complete.setVisible(session.asks and bool(session.labels))
        self._show_torn()
        why_not = why_not_label(session)
        for control in (self.image, self.new_cell, self.regions, self.background):
            look.allow(control, why_not)
        look.allow(self.axes, why_not or _only_one(len(session.axes_choices), "way to read it"))
        no_labels = "" if session.labels_choices else "There is none yet: press “New cell”."
        look.allow(self.labels, why_not or no_labels)
        self._point()

    def _show_torn(self) -> None:
        words = in_pieces(self._session.torn)
        self.amount.setText(self._amount(ask=not words))
        self.torn.setText(
            words and words + (" Are these kinds of things?" if self._doubted else "")
        )
        for control in (self.torn, self.apart):
            control.setVisible(bool(words))

    def _amount(self, ask: bool) -> str:
        annotated = self._session.annotated
        words = annotated.words(self._session.labels_are, self._session.asks)
        if ask and self._doubted:
            used = "few ids are" if annotated.classes > 1 else "one id is"
            words += f" Only {used} used, in many pieces: are these kinds of things?"
        return words

    @property
    def _doubted(self) -> bool:
        return self._session.annotated.doubt and self._session.labels_are == "instances"


def reading(axes: str) -> str:
    """Such as "ZYX = slices of planes"."""
    leading = [READINGS[letter] for letter in axes if letter in READINGS]
    return f"{axes} = {' of '.join([*leading, 'a plane'])}" if axes else "no image"


def _only_one(number: int, what: str) -> str:
    return f"There is only one {what}." if number < 2 else ""
