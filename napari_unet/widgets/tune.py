"""Part 3, Fine-tune: one button, the live curve, Stop, and the score before and after."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSpinBox, QWidget

from napari_unet.advice import why_not_resume, why_not_stop, why_not_train
from napari_unet.core.settings import PRESETS
from napari_unet.models import PRETRAINED, runs_folder
from napari_unet.session import FROM_BASE, FROM_SCRATCH

from . import look
from .curve import Curve
from .following import follow
from .panel import Panel

TRAIN = "Trains on all images that have labels; you can go on painting meanwhile"
STOP = "Ends what is running; the best weights so far are kept"
RESUME = "Goes on with the training that was stopped or broken off, on the same curve"
TIME = "How long a training may take, all included"
DEVICES = (
    ("auto", "the fastest there is"),
    ("cpu", "CPU"),
    ("cuda", "GPU (CUDA)"),
    ("mps", "GPU (Apple)"),
)
PRESET_WORDS = {
    "default": "best on few images",
    "paper": "Ronneberger 2015",
    "fiji": "Falk 2019 (Fiji)",
}
BASES = ((FROM_BASE, PRETRAINED), (FROM_SCRATCH, "nothing (from scratch)"))
ALL = "What is not painted counts as background then; the training begins anew"
SOME = "They are left out of the training, as now; nobody asks again"
START = (
    "Every training learns anew from all that is labelled, so that nothing is forgotten; "
    "choose an earlier model to go on from it"
)


class TunePanel(Panel):
    """Wishes: the signals. What it shows comes from the session."""

    train_wanted = Signal()
    stop_wanted = Signal()
    resume_wanted = Signal()
    base_chosen = Signal(str)
    preset_chosen = Signal(str)
    seconds_chosen = Signal(float)
    device_chosen = Signal(str)
    answered = Signal(bool)  # whether all cells of the image are painted

    def _build(self) -> None:
        self.train = look.button("Fine-tune", "unet_fine_tune", TRAIN)
        self.stop = look.button("Stop", "unet_stop", STOP)
        self.resume = look.button("Resume the training", "unet_resume", RESUME)
        self.question = look.hint()
        self.question.setObjectName("unet_question")
        self.all = look.button("The image is complete", "unet_all_painted", ALL)
        self.some = look.button("Leave them out", "unet_some_painted", SOME)
        self.plot = Curve(self._session)
        self.report = look.hint()
        self.report.setObjectName("unet_report")
        more = self._more()
        self.more = look.More("More", more, "unet_more_tune")
        self._low = False
        buttons = look.row(self.train, self.stop, self.more, wide=(3, 1, 1))
        answers = look.row(self.all, self.some)
        resume = look.row(self.resume)
        look.column(self, buttons, resume, self.question, answers, self.plot, self.report, more)

    def _more(self) -> QWidget:
        self.base = look.chooser(START)
        self.preset = look.chooser("Network, optimiser, augmentation and weights together")
        look.fill(self.preset, [(p, PRESET_WORDS[p]) for p in PRESETS], self._session.preset)
        self.seconds = QSpinBox()
        self.seconds.setObjectName("unet_seconds")
        self.seconds.setRange(0, 24 * 3600)
        self.seconds.setSingleStep(30)
        self.seconds.setSuffix(" s")
        self.seconds.setSpecialValueText("automatic")
        self.seconds.setValue(round(self._session.seconds))
        self.seconds.setKeyboardTracking(False)
        look.tipped(self.seconds, TIME)
        self.device = look.chooser("What computes")
        look.fill(self.device, DEVICES, self._session.device)
        box = QWidget()
        form = look.form(
            ("Start from", self.base),
            ("Time", self.seconds),
            ("Compute on", self.device),
            ("Method", self.preset),
        )
        place = look.hint(f"Trainings are kept in {runs_folder()}")
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        look.column(box, form, place)
        return box

    def _connect(self) -> None:
        self.train.clicked.connect(self.train_wanted)
        self.stop.clicked.connect(self.stop_wanted)
        self.resume.clicked.connect(self.resume_wanted)
        self.base.activated.connect(lambda: self.base_chosen.emit(self.base.currentData()))
        self.preset.activated.connect(lambda: self.preset_chosen.emit(self.preset.currentData()))
        self.device.activated.connect(lambda: self.device_chosen.emit(self.device.currentData()))
        self.seconds.valueChanged.connect(lambda value: self.seconds_chosen.emit(float(value)))
        names = ("image", "annotated", "job", "report", "models", "base", "preset", "seconds")
        follow(self, self._session, (*names, "device", "resumable", "resumable_words"), self._show)
        self.all.clicked.connect(lambda: self.answered.emit(True))
        self.some.clicked.connect(lambda: self.answered.emit(False))
        follow(self, self._session, ("question",), self._show_question)
        follow(self, self._session, ("curve",), self._show_plot)
        follow(self, self._session, ("status",), self._point)
        self.more.toggled.connect(self._show_plot)

    def _show_question(self) -> None:
        asked = self._session.question
        self.question.setText("" if asked is None else asked.words)
        self.question.setVisible(asked is not None)
        for answer in (self.all, self.some):
            answer.setVisible(asked is not None and asked.asks)

    def make_low(self, on: bool) -> None:
        """Where the window is low, the curve of a training that has ended stands under More."""
        self._low = on
        self._show_plot()

    def _show_plot(self) -> None:
        running = self._session.job in ("starting", "training")
        room = not self._low or self.more.isChecked()
        self.plot.setVisible(running or (room and self._session.curve > 0))

    def _point(self) -> None:
        look.point_to(self.train, self._session.status, "“Fine-tune”")
        look.point_to(self.resume, self._session.status, "“Resume the training”")

    def _show(self) -> None:
        session = self._session
        trained = tuple(choice for choice in session.models if choice[1] != PRETRAINED)
        look.fill(self.base, (*BASES, *trained), session.base)
        self.seconds.blockSignals(True)
        self.seconds.setValue(round(session.seconds))
        self.seconds.blockSignals(False)
        self.report.setText(session.report)
        self.report.setVisible(bool(session.report))
        self._show_plot()
        self._show_question()
        self.resume.setText(f"Resume the training ({session.resumable_words or 'broken off'})")
        self.resume.setVisible(session.resumable is not None)
        look.allow(self.train, why_not_train(session))
        look.allow(self.stop, why_not_stop(session))
        look.allow(self.resume, why_not_resume(session))
        self._point()
