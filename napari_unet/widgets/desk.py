"""One desk for each viewer: its session, its worker, and who answers which wish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow

from napari_unet import layers
from napari_unet.advice import advise
from napari_unet.core.errors import BadInput
from napari_unet.session import Choice, Session

from . import modelling
from .accepting import Accepting
from .annotating import Annotating
from .appearance import Appearance
from .background import in_thread, safely
from .child import Child
from .choosing import Choosing
from .completing import Completing
from .earlier import EarlierSessions
from .filtering import Filtering
from .holding import Holding
from .pieces import Pieces
from .predicting import Predicting
from .right_of_way import RightOfWay
from .saving import exported, file_to_write
from .saying import Saying
from .training import Training
from .undoing import Undoing
from .warming import warm_up
from .weighing import Weighing

COMPLETE_KEY = "Shift-N"
NEW_CELL_KEY = "N"  # napari's own M does the same without making a layer
NAME = "unet_desk"
SETTLED = 300  # ms; by then the dock is drawn


def desk_of(viewer: Viewer) -> Desk:
    """The viewer's desk, made when first asked for: all panels of a window share it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
    desk = viewer.window._qt_window.findChild(Desk, NAME)
    return Desk(viewer) if desk is None else desk


class Desk(QObject):
    """Connects the session, the worker and the deeds; the panels only wish."""

    def __init__(self, viewer: Viewer) -> None:
        window: QMainWindow = viewer.window._qt_window
        super().__init__(window)
        self.setObjectName(NAME)
        self.viewer = viewer
        self.session = Session()
        self.child = Child(self)
        self.saying = Saying(self.session, self)
        self.choosing = Choosing(viewer, self.session, self)
        self.annotating = Annotating(viewer, self.session, self)
        undoing = Undoing(self.annotating.watching, self._say_error)
        self.pieces = Pieces(self.session, self.annotating, undoing, self)
        self.weighing = Weighing(viewer, self.session, self.annotating, self)
        self.training = Training(viewer, self.session, self.child, self)
        self.completing = Completing(viewer, self.session, self.annotating, self.training)
        self.training.again.connect(self.train)
        self.filtering = Filtering(viewer, self.session, self)
        self.predicting = Predicting(viewer, self.session, self.child, self.filtering, self)
        counting, numbering = self.annotating.counting, self.annotating.numbering
        self.accepting = Accepting(viewer, self.session, counting, numbering, undoing)
        self._right_of_way = RightOfWay(self.child, self)
        self.annotating.found.connect(self.child.warm)  # training will be asked for soon
        self.child.message.connect(self._on_message)
        self.child.died.connect(self._on_died)
        self.training.trained.connect(self._on_trained)
        self._closed = self._closing = False
        self._holding = Holding(self.session, self.choosing, self.filtering, self._say_error)
        self._window = window
        window.installEventFilter(self)
        QApplication.instance().aboutToQuit.connect(self.close)
        self._appearance = Appearance(viewer, self.session)
        viewer.bind_key(NEW_CELL_KEY, lambda _: self.annotating.new_cell(), overwrite=True)
        viewer.bind_key(COMPLETE_KEY, lambda _: self.completing.toggle(), overwrite=True)
        advise(self.session)
        QTimer.singleShot(SETTLED, self._warm_up)
        self.earlier = EarlierSessions(self.session, self._say_error, self)

    # ---- wishes that concern more than one part

    def stop(self) -> None:
        """End what is running."""
        if self.predicting.running:
            self.predicting.stop()
        elif self.session.job:
            self.training.stop()

    def train(self) -> None:
        """Fine-tune; found cells that are being added belong to what is learnt."""
        self.accepting.afterwards(self.training.start)

    def choose_preset(self, preset: str) -> None:
        """A method: its weights stand in the weight part from then on."""
        self.session.preset = preset
        self.weighing.choose(modelling.weights_of(preset))

    def choose_base(self, base: str) -> None:
        """What trainings start from: it decides about class weights, too."""
        self.session.base = base
        self.weighing.again()

    def choose_model(self, path: str) -> None:
        """The user's choice for the image in hand, and for those that are like it."""
        self.choosing.choose(path)
        if not self.session.job:
            advise(self.session)

    def save_model(self) -> None:
        """Ask for a file and copy the selected model there."""
        source = Path(self.session.model)
        name = f"{source.parent.name}{modelling.SUFFIX}"
        path = file_to_write(self._window, "Save model as", name, modelling.FILTER)
        if path is not None:
            self.save_model_as(source, path)

    def save_model_as(self, source: Path, target: Path) -> None:
        """Copy a model file; where the filters were moved, it gives what they show."""
        config = self.filtering.filtered_model()
        words = f"Saved as {target}" + (", with the filters as they are." if config else ".")
        in_thread(
            lambda: modelling.save(source, target, config),
            lambda _: self.session.say(words, "done"),
            self._say_error,
        )

    def load_model(self) -> None:
        """Ask for a model file, and select it."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Load model", "", modelling.FILTER)
        if path:
            self.load_model_from(Path(path))

    def load_model_from(self, path: Path) -> None:
        """Select the model in this file, if it is one."""
        image = self.session.image
        in_thread(
            lambda: modelling.entry(path),
            lambda choice: self._on_loaded(choice, image),
            self._say_error,
        )

    def export_labels(self) -> None:
        """Ask for a file and write the labels of the image in hand."""
        labels, image = self.annotating.labels(), self.annotating.image()
        if labels is None or image is None:
            return
        name = f"{image.name}_labels.tif"
        path = file_to_write(self._window, "Export labels", name, "TIFF (*.tif *.tiff)")
        if path is None:
            return
        if any(layers.holds(path, x) for x in layers.images(self.viewer)):
            words = f"“{path.name}” is an image that is open: name another file for the labels."
            self._say_error(words)
            return
        self._export(image, labels, path)  # of this image, whatever came while the window asked

    def _export(self, image: Image, labels: Labels, path: Path) -> None:
        """Write the labels of this image as a TIFF, and say what is not in them."""
        try:
            shot = layers.snapshot(self.viewer, image)
        except BadInput as error:
            self._say_error(str(error))
            return
        if shot is not None:
            why_not = layers.unwritable(labels) or layers.not_at_hand(labels)
            kind = self.session.labels_are
            left = self.accepting.not_accepted(image, labels, shot.labels)

            def export() -> str:
                cells = modelling.export(shot, path)
                return exported(cells, left(), modelling.areas_of(shot), kind, path, why_not)

            in_thread(
                export,
                lambda words: self.session.say(words, "done"),
                self._say_error,
            )

    def close(self) -> None:
        """napari is closing: the worker saves and leaves."""
        if self._closed:
            return
        self._closed = True
        self._window.removeEventFilter(self)
        QApplication.instance().aboutToQuit.disconnect(self.close)
        self.earlier.close()
        for key in (NEW_CELL_KEY, COMPLETE_KEY):
            self.viewer.bind_key(key, None)
        self._appearance.close()
        self.accepting.close()
        self.weighing.close()
        self.completing.close()
        self.pieces.close()
        self.annotating.close()
        self.choosing.close()
        self.saying.close()
        self.filtering.close()
        self.training.close()
        self.child.message.disconnect(self._on_message)  # its farewell begins nothing new
        self.child.died.disconnect(self._on_died)
        self.child.close()
        self.predicting.close()  # after the worker, which writes to its files
        self._holding.close()
        self.setObjectName("")  # whoever asks from now on gets a new one
        self.setParent(None)
        del self._window

    # ---- what happens

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Close:
            self._closing = True  # napari may still ask, and stay open
            QTimer.singleShot(0, self._if_closed)
        elif kind == QEvent.Type.Hide and self._closing:
            self.close()
        return False

    def _if_closed(self) -> None:
        self._closing = False
        if not self._closed and not self._window.isVisible():
            self.close()

    def _on_message(self, said: dict[str, Any]) -> None:
        what = said.get("what") or ("predict" if self.predicting.running else "train")
        if said["event"] == "ready":
            if self.session.job or self.predicting.running:
                self.session.say(f"The worker is ready: {said.get('words', '')}.", "busy")
            return
        part: Predicting | Training = self.predicting if what == "predict" else self.training
        # where the worker has more to say, the job goes on and ends by itself
        over = said["event"] in ("done", "failed")
        with safely(part.failed if over else self._say_error):
            part.on_message(said)

    def _warm_up(self) -> None:
        if not self._closed:
            warm_up(self._on_warm)

    def _on_warm(self) -> None:
        if not self._closed:
            self.session.warm = True

    def _on_died(self, words: str) -> None:
        part: Predicting | Training = self.predicting if self.predicting.running else self.training
        if self.session.job or self.predicting.running:
            with safely(part.failed):
                part.on_died(words)

    def _on_trained(self, path: str, base: str, images: tuple[str, ...]) -> None:
        in_thread(
            lambda: (modelling.entry(Path(path)), modelling.base_of(base) if base else None),
            lambda made: self._on_new_model(*made, images, bool(base)),
            self._say_error,
        )

    def _on_new_model(
        self, choice: Choice, better: Choice | None, images: tuple[str, ...], worse: bool
    ) -> None:
        """List what was trained, select it unless its base did `better`, and show what it finds."""
        if self._closed:
            return
        selected = self.session.model
        self._add_model(choice)
        if better is not None and better[0] not in dict(self.session.models):
            self.session.models = (*self.session.models, better)
        # a base that is gone: what was selected stays
        kept = better[0] if better is not None else selected if worse else ""
        self.choosing.trained(kept or choice[0], images, learnt=not worse)
        # the user may have turned to an image that it was not trained on
        keys = [self.session.image] if self.session.image in images else images
        found = (layers.find(self.viewer, key) for key in keys)
        image = next((x for x in found if isinstance(x, Image)), None)
        if image is not None and not self.session.job:
            self.predicting.start_with(image, self.choosing.of(layers.key(image)))

    def _on_loaded(self, choice: Choice, image: str) -> None:
        self._add_model(choice)
        if self.session.image == image:  # else the user has turned to another one meanwhile
            self.choose_model(choice[0])
        advise(self.session, f"Loaded {choice[1]}.")

    def _add_model(self, choice: Choice) -> None:
        others = tuple(x for x in self.session.models if x[0] != choice[0])
        self.session.models = (choice, *others)

    def _say_error(self, words: str) -> None:
        self.session.say(words, "error")
