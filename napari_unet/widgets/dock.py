"""The dock "U-Net": its four numbered parts, each also a widget of its own."""

from __future__ import annotations

from collections.abc import Callable

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from . import look
from .desk import Desk, desk_of
from .following import follow
from .label import LabelPanel
from .predict import PredictPanel
from .sections import Section, next_part, unfolded
from .shades import shades, style
from .status import StatusPanel
from .tune import TunePanel
from .weights import WeightsPanel

WIDTH = 320  # px; what the four parts need without being cramped
SPACING = 6  # px between two parts
STATUS = 60  # px; three lines of it


def label_panel(desk: Desk) -> LabelPanel:
    """Part 1, its wishes connected."""
    panel, deeds = LabelPanel(desk.session), desk.annotating
    panel.image_chosen.connect(deeds.turn_to)
    panel.labels_chosen.connect(deeds.choose_labels)
    panel.axes_chosen.connect(deeds.choose_axes)
    panel.labels_are_chosen.connect(deeds.choose_labels_are)
    panel.new_cell_wanted.connect(deeds.new_cell)
    panel.regions_wanted.connect(deeds.regions)
    panel.background_wanted.connect(deeds.background)
    panel.numbers_wanted.connect(desk.pieces.give_numbers)
    panel.complete_chosen.connect(desk.completing.set_complete)
    return panel


def weights_panel(desk: Desk) -> WeightsPanel:
    """Part 2, its wishes connected."""
    panel, deeds = WeightsPanel(desk.session), desk.weighing
    panel.map_wanted.connect(deeds.toggle)
    panel.preset_chosen.connect(deeds.choose_preset)
    panel.w0_chosen.connect(deeds.choose_w0)
    panel.sigma_chosen.connect(deeds.choose_sigma)
    return panel


def tune_panel(desk: Desk) -> TunePanel:
    """Part 3, its wishes connected."""
    panel, session = TunePanel(desk.session), desk.session
    panel.train_wanted.connect(desk.train)
    panel.stop_wanted.connect(desk.stop)
    panel.resume_wanted.connect(desk.training.resume)
    panel.preset_chosen.connect(desk.choose_preset)
    panel.base_chosen.connect(desk.choose_base)
    panel.seconds_chosen.connect(lambda value: setattr(session, "seconds", value))
    panel.device_chosen.connect(lambda value: setattr(session, "device", value))
    panel.answered.connect(desk.completing.answer)
    return panel


def predict_panel(desk: Desk) -> PredictPanel:
    """Part 4, its wishes connected."""
    panel, filters = PredictPanel(desk.session), desk.filtering
    panel.predict_wanted.connect(desk.predicting.start)
    panel.accept_wanted.connect(desk.accepting.accept)
    panel.threshold_chosen.connect(filters.choose_threshold)
    panel.min_size_chosen.connect(filters.choose_min_size)
    panel.probability_chosen.connect(filters.show_probability)
    panel.all_slices_chosen.connect(lambda on: setattr(desk.session, "all_slices", on))
    panel.diameter_chosen.connect(lambda value: setattr(desk.session, "diameter", value))
    panel.model_chosen.connect(desk.choose_model)
    panel.save_wanted.connect(desk.save_model)
    panel.load_wanted.connect(desk.load_model)
    panel.export_wanted.connect(desk.export_labels)
    return panel


class Part(QWidget):
    """Some parts under one status line, scrolled where the window is low."""

    name = ""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName(self.name)
        self.desk = desk_of(napari_viewer)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 4)
        box.setSpacing(4)
        self.status = StatusPanel(self.desk.session)
        box.addWidget(self.status)
        self.area = _scrolled(*self.parts(self.desk))
        box.addWidget(self.area, 1)
        self.setAcceptDrops(True)
        follow(self, self.desk.session, ("theme",), self._on_theme)
        self._on_theme()

    def parts(self, desk: Desk) -> list[QWidget]:
        """What stands under one another."""
        raise NotImplementedError

    def _on_theme(self) -> None:
        self.setStyleSheet(style(shades(self.desk.session.theme)))

    # files that are dropped on the panel are opened as those that are dropped on the canvas

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None:
            self.desk.viewer.window._qt_viewer.dropEvent(event)


class UNetDock(Part):
    """The whole panel."""

    name = "unet_dock"

    def parts(self, desk: Desk) -> list[QWidget]:
        panels = (
            ("Label", label_panel(desk)),
            ("Weight map", weights_panel(desk)),
            ("Fine-tune", tune_panel(desk)),
            ("Predict", predict_panel(desk)),
        )
        self.sections = [Section(n, *panel) for n, panel in enumerate(panels, start=1)]
        for section in self.sections:
            section.open(desk.session.opened.get(section.title, True))
            section.clicked.connect(self._on_clicked)
        return list(self.sections)

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._wanted: QWidget | None = None
        self._scroll = self._once(self._scroll_there)
        self._fit = self._once(self._fit_in)
        session = self.desk.session
        follow(self, session, ("job",), self._on_job)
        follow(
            self,
            session,
            ("image", "predicted", "report", "weights_shown", "question"),
            self._refit,
        )
        follow(self, session, ("annotated",), self._on_annotated)
        self._anything = session.annotated.anything
        self._refit()

    def _once(self, deed: Callable[[], None]) -> QTimer:
        """A timer for what is done once the panel has its new size."""
        made = QTimer(self)
        made.setSingleShot(True)
        made.timeout.connect(deed)
        return made

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if event is not None and event.size().height() != event.oldSize().height():
            self._refit()

    def _refit(self) -> None:
        """Parts fold, or open again: only here, so that nothing moves while one is at work."""
        self._fit.start()

    def _on_annotated(self) -> None:
        anything = self.desk.session.annotated.anything
        if anything != self._anything:
            self._anything = anything
            self._refit()

    def _on_clicked(self, title: str, on: bool) -> None:
        """The user's own choice stays, as long as the window."""
        session = self.desk.session
        session.opened = {**session.opened, title: on}
        self._fit_in()
        if on:
            self._wanted = next(x for x in self.sections if x.title == title)
            self._scroll.start()

    def _fit_in(self) -> None:
        session, upcoming = self.desk.session, next_part(self.desk.session)
        tune = self.findChild(TunePanel)
        for low in (False, True):  # the curve of a training that has ended goes first
            tune.make_low(low)
            found = unfolded(self._heights(), self._room(), upcoming, session.opened)
            if all(section.title in found for section in self.sections):
                break
        for section in self.sections:
            section.open(section.title in found)

    def _heights(self) -> dict[str, tuple[int, int]]:
        """Of heads and parts, the space between them added."""
        width = self.area.viewport().width() - 4
        sizes = {x.title: x.height_of(width) for x in self.sections}
        return {title: (head + SPACING, part) for title, (head, part) in sizes.items()}

    def _room(self) -> int:
        """What the parts may be high; the status may be of three lines without a jump."""
        return self.height() - max(self.status.sizeHint().height(), STATUS) - 12

    def _on_job(self, job: str) -> None:
        """Scroll to the part that has something to show."""
        kind = {"starting": TunePanel, "predicting": PredictPanel}.get(job)
        panel = None if kind is None else self.findChild(kind)
        if panel is not None:
            self._wanted = panel
            self._scroll.start()  # once the panel has its new size

    def _scroll_there(self) -> None:
        if self._wanted is not None:
            self.area.ensureWidgetVisible(self._wanted, 0, 8)


class LabelWidget(Part):
    """Part 1 alone."""

    name = "unet_label_widget"

    def parts(self, desk: Desk) -> list[QWidget]:
        return [label_panel(desk)]


class WeightsWidget(Part):
    """Part 2 alone."""

    name = "unet_weights_widget"

    def parts(self, desk: Desk) -> list[QWidget]:
        return [weights_panel(desk)]


class TuneWidget(Part):
    """Part 3 alone."""

    name = "unet_tune_widget"

    def parts(self, desk: Desk) -> list[QWidget]:
        return [tune_panel(desk)]


class PredictWidget(Part):
    """Part 4 alone."""

    name = "unet_predict_widget"

    def parts(self, desk: Desk) -> list[QWidget]:
        return [predict_panel(desk)]


class _Column(QScrollArea):
    """Scrolls up and down; never narrower than its content with the bar beside it."""

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        content, bar = self.widget(), self.verticalScrollBar().sizeHint().width()
        if content is not None:
            hint.setWidth(max(content.minimumSizeHint().width() + bar, WIDTH))
        return hint

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # napari's style arrives after the panel was made, and words change
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


def _scrolled(*items: QWidget) -> QScrollArea:
    content = QWidget()
    box = look.column(content, *items)
    box.setContentsMargins(0, 2, 4, 2)
    box.setSpacing(SPACING)
    box.addStretch(1)
    area = _Column()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
