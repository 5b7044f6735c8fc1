"""Part 4, Predict: the overlay, its filters, Accept, and the models."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QSpinBox, QWidget
from superqt import QLabeledDoubleSlider

from napari_unet.advice import (
    why_no_model,
    why_not_accept,
    why_not_export,
    why_not_filter,
    why_not_predict,
)

from . import look
from .following import follow
from .panel import Panel

PREDICT = "Lays the cells that the selected model finds over the image"
MODEL = "The model that predicts"
ACCEPT = (
    "Copies the found cells (green) into your labels as one step (undo: Ctrl-Z); "
    "what you painted stays"
)
THRESHOLD = "How sure the network must be that a pixel is cell; acts at once"
SAVE = "Save model as: copies the selected model to a file"
LOAD = "Load model: adds a model file to the list"
DIAMETER = (
    "How large the cells of this image are; auto: as in the training images, "
    "or as the model sees them where they look quite different"
)
MIN_SIZE = "Smaller cells are left out; acts at once"


class PredictPanel(Panel):
    """Wishes: the signals. What it shows comes from the session."""

    predict_wanted = Signal()
    accept_wanted = Signal()
    model_chosen = Signal(str)
    all_slices_chosen = Signal(bool)
    threshold_chosen = Signal(float)
    min_size_chosen = Signal(int)
    diameter_chosen = Signal(int)
    probability_chosen = Signal(bool)
    save_wanted = Signal()
    load_wanted = Signal()
    export_wanted = Signal()

    def _build(self) -> None:
        self.model = look.chooser(MODEL)
        self.predict = look.button("Predict", "unet_predict", PREDICT)
        self.accept = look.button("Accept into labels", "unet_accept", ACCEPT)
        self.all_slices = QCheckBox("all slices")
        look.tipped(self.all_slices, "Off: only the slice that is shown", "unet_all_slices")
        self.diameter = QSpinBox()
        self.diameter.setRange(0, 2000)
        self.diameter.setSuffix(" px across")
        self.diameter.setSpecialValueText("auto")
        self.diameter.setKeyboardTracking(False)
        look.tipped(self.diameter, DIAMETER, "unet_diameter")
        self._filters()
        self.save = look.button(
            "Save model…", "unet_save_model", "Save model as: writes the model to a file"
        )
        self.load = look.button(
            "Load model…", "unet_load_model", "Load model: adds a model file to the list"
        )
        self.export = look.button(
            "Export…",
            "unet_export_labels",
            "Writes your labels to a TIFF file; of the found cells those you accepted",
        )
        more = QWidget()
        look.column(more, look.form(("Cells about", self.diameter)), self.probability)
        self.more = look.More("More", more, "unet_more_predict")
        look.column(
            self,
            look.form(("Model", self.model)),
            look.row(self.predict, self.accept, self.more, wide=(3, 4, 2)),
            self.all_slices,
            look.form(("Threshold", self.threshold), ("Smallest cell", self.min_size)),
            more,
            look.row(self.save, self.load, self.export),
        )

    def _filters(self) -> None:
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(0.02, 0.98)
        self.threshold.setSingleStep(0.02)
        self.threshold.setDecimals(2)
        look.tipped(self.threshold, THRESHOLD, "unet_threshold")
        self.min_size = QSpinBox()
        self.min_size.setRange(0, 1_000_000)
        self.min_size.setSingleStep(10)
        self.min_size.setSuffix(" px")
        self.min_size.setSpecialValueText("any")
        self.min_size.setKeyboardTracking(False)
        look.tipped(self.min_size, MIN_SIZE, "unet_min_size")
        self.probability = QCheckBox("show probability")
        look.tipped(self.probability, "How sure the network is, as a layer", "unet_probability")

    def _connect(self) -> None:
        self.predict.clicked.connect(self.predict_wanted)
        self.accept.clicked.connect(self.accept_wanted)
        self.save.clicked.connect(self.save_wanted)
        self.load.clicked.connect(self.load_wanted)
        self.export.clicked.connect(self.export_wanted)
        self.model.activated.connect(lambda: self.model_chosen.emit(self.model.currentData()))
        self.all_slices.clicked.connect(self.all_slices_chosen)
        self.probability.clicked.connect(self.probability_chosen)
        self.threshold.valueChanged.connect(self.threshold_chosen)
        self.min_size.valueChanged.connect(self.min_size_chosen)
        self.diameter.valueChanged.connect(self.diameter_chosen)
        chosen = ("image", "labels", "models", "model", "slices_in_image", "all_slices")
        shown = (
            "passed_over",
            "job",
            "predicted",
            "filterable",
            "threshold",
            "min_size",
            "show_probability",
            "diameter",
        )
        follow(self, self._session, (*chosen, *shown), self._show)
        follow(self, self._session, ("status",), self._point)

    def _point(self) -> None:
        look.point_to(self.predict, self._session.status, "“Predict”")
        look.point_to(self.accept, self._session.status, "Accept")

    def _show(self) -> None:
        session, passed_over = self._session, self._session.passed_over
        look.fill(self.model, session.models, session.model)
        look.tipped(self.model, "\n".join([MODEL, *map("Passed over: {}".format, passed_over)]))
        self.all_slices.setVisible(session.slices_in_image > 1)
        self.all_slices.setChecked(session.all_slices)
        self.probability.setChecked(session.show_probability)
        for control, value in (
            (self.threshold, session.threshold),
            (self.min_size, session.min_size),
            (self.diameter, session.diameter),
        ):
            control.blockSignals(True)
            control.setValue(value)
            control.blockSignals(False)
        look.allow(self.model, why_no_model(session))
        look.allow(self.predict, why_not_predict(session))
        look.allow(self.diameter, why_no_model(session))
        look.allow(self.accept, why_not_accept(session))
        look.allow(self.save, why_no_model(session))
        look.allow(self.export, why_not_export(session))
        for control in (self.threshold, self.min_size, self.probability):
            look.allow(control, why_not_filter(session))
        self._point()
