"""Part 2, Weight map: what the network will care about, and the two numbers behind it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_unet.advice import why_not_weigh

from . import look
from .following import follow
from .panel import Panel

PRESETS = (("paper", "Ronneberger 2015"), ("fiji", "Falk 2019 (Fiji)"))
SHOW, HIDE = "Show weight map", "Hide weight map"
TIP = "Lays the weight map over the image: the gaps between cells glow; pressed again, takes it off"
W0 = "How much more a gap between two cells weighs than plain background"
SIGMA = "How wide a gap may be and still count, in model pixels"


class WeightsPanel(Panel):
    """Wishes: the signals. What it shows comes from the session."""

    map_wanted = Signal()
    preset_chosen = Signal(str)
    w0_chosen = Signal(float)
    sigma_chosen = Signal(float)

    def _build(self) -> None:
        self.show_map = look.button(SHOW, "unet_show_weights", TIP)
        self.show_map.setCheckable(True)
        self.preset = look.chooser("Which published formula the weights follow")
        look.fill(self.preset, PRESETS, self._session.weight_preset)
        self.w0 = _number(0, 1000, 1, "", W0)
        self.w0.setObjectName("unet_w0")
        self.sigma = _number(0.5, 100, 0.5, " px", SIGMA)
        self.sigma.setObjectName("unet_sigma")
        self.words = look.hint()
        formula = self._formula()
        self.more = look.More("Formula", formula, "unet_more_weights")
        look.column(self, look.row(self.show_map, self.more, wide=(2, 1)), self.words, formula)

    def _formula(self) -> QWidget:
        box = QWidget()
        form = look.form(
            ("Formula", self.preset), ("Border weight w0", self.w0), ("Reach sigma", self.sigma)
        )
        look.column(box, form)
        return box

    def _connect(self) -> None:
        # pressed in is what is shown, not what is wished
        self.show_map.clicked.connect(self._show)
        self.show_map.clicked.connect(lambda: self.map_wanted.emit())
        self.preset.activated.connect(lambda: self.preset_chosen.emit(self.preset.currentData()))
        self.w0.valueChanged.connect(self.w0_chosen)
        self.sigma.valueChanged.connect(self.sigma_chosen)
        shown = ("weighing", "weights_shown", "weight_words", "weight_preset", "w0", "sigma")
        follow(self, self._session, ("image", "annotated", *shown), self._show)

    def _show(self) -> None:
        session = self._session
        look.fill(self.preset, PRESETS, session.weight_preset)
        _set(self.w0, session.w0)
        _set(self.sigma, session.sigma)
        self.show_map.setChecked(session.weights_shown)
        self.show_map.setText(HIDE if session.weights_shown else SHOW)
        self.words.setText(session.weight_words)
        self.words.setVisible(bool(session.weight_words))
        look.allow(self.show_map, why_not_weigh(session))


def _number(low: float, high: float, step: float, unit: str, tip: str) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(low, high)
    made.setSingleStep(step)
    made.setDecimals(1)
    made.setSuffix(unit)
    made.setKeyboardTracking(False)
    look.tipped(made, tip)
    return made


def _set(box: QDoubleSpinBox, value: float) -> None:
    box.blockSignals(True)
    box.setValue(value)
    box.blockSignals(False)
