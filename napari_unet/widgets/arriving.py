"""Layers that come and go: what is painted stays with its image, and label files are labels."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet import layers
from napari_unet.session import Mood, Session

from .numbering import Numbering

SPARE = "“{}” holds the labels of {}, which has some: choose it under Labels to use it instead."
MISSING = (
    "“{}” waits for an image called “{}”: choose it under Labels if it belongs to another one."
)
AFTERWARDS = 1000  # ms after a job; by then the prediction that ends a training has begun


class Arriving(QObject):
    """Sees to layers before anybody else looks at them."""

    def __init__(
        self, viewer: Viewer, session: Session, numbering: Numbering, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._numbering = viewer, session, numbering
        self._soon = QTimer(self)  # napari is still at work on the list of layers
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._on_settled)
        self._later = QTimer(self)  # what could not be said while a job had its own words
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._on_job_over)
        self._told: set[tuple[str, str]] = set()  # nobody's labels, by which name it was said
        self._words: list[str] = []  # to be said once the panel has turned to what is there now
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.renamed.connect(self._on_renamed)
        session.events.job.connect(self._on_job)
        for layer in viewer.layers:
            self._follow(layer)
        self.pair_the_obvious()
        self._soon.start()

    def close(self) -> None:
        """Let go of the viewer."""
        self._soon.stop()
        self._later.stop()
        self._session.events.job.disconnect(self._on_job)
        self._viewer.layers.events.renamed.disconnect(self._on_renamed)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for layer in [x for x in self._viewer.layers if isinstance(x, Image)]:
            layer.events.axis_labels.disconnect(self._on_axis_labels)
            layer.events.data.disconnect(self._on_pixels)

    def look_again(self, layer: Layer) -> None:
        """It is as good as new: it is called, or read, in another way."""
        self.pair_the_obvious(layer)
        self._soon.start()

    def pair_the_obvious(self, come: Layer | None = None) -> None:
        """Of images without labels those that `come` is, or is for; None: any.

        What is left when an image or its labels go need not be another's, whatever comes next.
        """
        for image in layers.images(self._viewer):
            labels = layers.obvious_labels(self._viewer, image)
            if labels is not None and (come is None or come in (image, labels)):
                layers.pair(self._viewer, image, labels)
                self._opened(image, labels)

    def _opened(self, image: Image, labels: Labels) -> None:
        self._numbering.opened(labels)
        self._words.append(f"“{labels.name}” holds the labels of {image.name}.")

    def _on_inserted(self, event: Any) -> None:
        viewer, layer = self._viewer, event.value
        self._follow(layer)
        layers.disown_copy(viewer, layer)
        self._take_back()
        self.pair_the_obvious(layer)
        left = layers.left_for(viewer, layer) if layer in layers.images(viewer) else ""
        if left:
            self._words.append(
                f"What was painted for “{left}”, which was removed, is still there: choose it "
                f"under Labels if it belongs to “{layer.name}”."
            )
        self._soon.start()

    def _on_removed(self, event: Any) -> None:
        layers.leave(self._viewer, event.value)
        self._take_back()
        self._soon.start()

    def _follow(self, layer: Layer) -> None:
        if isinstance(layer, Image):
            # once only, however often
            layer.events.axis_labels.connect(self._on_axis_labels)
            layer.events.data.connect(self._on_pixels)

    def _on_axis_labels(self, event: Any) -> None:
        """Somebody says how an image is read: as if it had been chosen in the panel."""
        image = event.source
        if image in layers.images(self._viewer):
            layers.set_axes(self._viewer, image, layers.said_axes(image))
            self.look_again(image)

    def _on_pixels(self, event: Any) -> None:
        """Others in place of an image's: labels may fit it now."""
        if event.source in layers.images(self._viewer):
            self.look_again(event.source)

    def _on_renamed(self, event: Any) -> None:
        layer = self._viewer.layers[event.index]
        if layer.name.endswith(layers.ENDING) or layer.name + layers.ENDING in self._viewer.layers:
            self.look_again(layer)

    def _take_back(self) -> None:
        taken = layers.take_back(self._viewer)
        image = layers.image_of(self._viewer, taken[0]) if taken else None
        if isinstance(image, Image):
            names = " and ".join(f"“{x.name}”" for x in taken)
            self._words.append(
                f"{names} {'is' if len(taken) == 1 else 'are'} used for {image.name} again."
            )

    def _take_label_files(self) -> None:
        for image, labels in layers.take_label_files(self._viewer):
            if layers.partner(self._viewer, image, "labels") is labels:
                self._opened(image, labels)
            else:
                self._words.append(SPARE.format(labels.name, image.name))

    def _tell_of_others(self) -> None:
        """Of labels with the name of an image that has others, or is not there; once of each."""
        viewer = self._viewer
        images = layers.images(viewer)
        without = [x for x in images if layers.partner(viewer, x, "labels") is None]
        for labels in [x for x in viewer.layers if isinstance(x, Labels)]:
            image, name = layers.named_for(viewer, labels)
            if not name or (layers.key(labels), name) in self._told:
                continue
            if image in without:  # it waits until one of them is taken up again
                continue
            if image is not None:
                self._words.append(SPARE.format(labels.name, image.name))
            elif any(layers.fits(x, labels) for x in without):
                self._words.append(MISSING.format(labels.name, name))
            else:
                continue
            self._told.add((layers.key(labels), name))

    def _on_settled(self) -> None:
        self._take_label_files()
        if not self._session.job and not self._later.isActive():
            self._say()

    def _say(self, first: str = "", mood: Mood = "done") -> None:
        self._tell_of_others()
        words, self._words = " ".join(self._words), []
        if words:
            self._session.say(f"{first} {words}".strip(), mood)

    def _on_job(self, job: str) -> None:
        if job:
            self._later.stop()
        else:
            self._later.start(AFTERWARDS)

    def _on_job_over(self) -> None:
        """What came meanwhile; what the job has come to still stands."""
        if self._session.mood == "busy":
            self._later.start(AFTERWARDS)
            return
        self._say(self._session.status, "error" if self._session.mood == "error" else "done")
