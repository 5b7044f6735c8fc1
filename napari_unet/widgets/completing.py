"""Whether all cells of an image are painted: what the user says of it, and the question."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.session import Question, Session

from .annotating import Annotating
from .training import Training

SAID = "“{}” is complete: what is not painted counts as background."
TAKEN_BACK = "“{}” is not complete: unpainted ground counts where the model is sure of it."


class Completing(QObject):
    """Writes it down with the image, and asks where a training sees cells that are not painted.

    The training does not wait for the answer: without one it leaves them out.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        annotating: Annotating,
        training: Training,
    ) -> None:
        super().__init__(training)
        self._viewer, self._session = viewer, session
        self._annotating, self._training = annotating, training
        training.unpainted.connect(self.ask)
        viewer.layers.events.removed.connect(self._on_removed)
        session.events.accepted.connect(self._on_accepted)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._session.events.accepted.disconnect(self._on_accepted)

    def set_complete(self, complete: bool) -> None:
        """What the user says of the image in hand."""
        image = self._annotating.image()
        if image is not None:
            self._note(image, complete)
            self._session.say((SAID if complete else TAKEN_BACK).format(image.name))

    def toggle(self) -> None:
        """The other way round."""
        self.set_complete(not self._session.complete)

    def ask(self, key: str, likely: int, painted: int) -> None:
        """A training has seen so many cells of an image that are not painted."""
        image = layers.find(self._viewer, key)
        if image is None or not likely or layers.is_complete(image) or layers.is_left_open(image):
            return
        self._session.question = Question(key, image.name, likely, painted)

    def answer(self, complete: bool) -> None:
        """What the user says to it; the image remembers."""
        question = self._session.question
        image = None if question is None else layers.find(self._viewer, question.image)
        if image is None:
            return
        self._note(image, complete)
        if complete:
            self._training.begin_anew()

    def _note(self, image: Any, complete: bool) -> None:
        layers.note_complete(image, complete)
        layers.note_left_open(image, not complete)
        question = self._session.question
        if question is not None and question.image == layers.key(image):
            self._session.question = None
        self._annotating.refresh()

    def _on_removed(self, event: Any = None) -> None:
        question = self._session.question
        if question is not None and layers.find(self._viewer, question.image) is None:
            self._session.question = None

    def _on_accepted(self, accepted: bool) -> None:
        """What was not painted then is by now."""
        question = self._session.question
        if accepted and question is not None and question.image == self._session.image:
            self._session.question = None
