"""Which model is selected: each image has its own, and none is taken for it in silence.

An image has the model that the user has chosen for it, or that was trained on it in this session,
whichever came last; with it all images of the same kind from the same folder. Any other image has
the one that ships, which has seen many kinds of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet import layers
from napari_unet.advice import the_model
from napari_unet.models import PRETRAINED
from napari_unet.session import Session


class Choosing(QObject):
    """Keeps the session's model in step with the image in hand."""

    chosen = Signal()  # an image has another model than before, be it in hand or not

    def __init__(self, viewer: Viewer, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._models: dict[str, str] = {}  # the path of the model of each kind of image
        self._kinds: dict[str, str] = {}  # of each image, as it was seen last: it may be gone
        self._learnt: set[tuple[str, str]] = set()  # kinds of images, and what was trained on them
        for name in ("image", "models"):
            getattr(session.events, name).connect(self.renew)

    def close(self) -> None:
        for name in ("image", "models"):
            getattr(self._session.events, name).disconnect(self.renew)

    def choose(self, path: str) -> None:
        """The user wants this one for the image in hand; with none, for the next one."""
        self._models[self._kind(self._session.image)] = path
        self.renew()
        self.chosen.emit()

    def trained(self, path: str, images: Sequence[str], *, learnt: bool = True) -> None:
        """Take this one for the images of a training; not `learnt`: the base, which did better."""
        kinds = {image: self._kind(image) for image in images}
        # of an image that is gone before anybody saw it: no other one's
        for kind in {kind for image, kind in kinds.items() if kind or not image}:
            self._models[kind] = path
            if learnt:
                self._learnt.add((kind, path))
        self.renew()
        self.chosen.emit()

    def models(self) -> list[str]:
        """The paths of all that were chosen or trained, for whatever image."""
        return sorted(set(self._models.values()))

    def of(self, image: str) -> str:
        """The path of the image's model; "" = there is none at all."""
        models = self._session.models
        chosen = self._models.get(self._kind(image), "")
        if chosen in dict(models):
            return chosen
        shipped = [path for path, title in models if title == PRETRAINED]
        return next(iter([*shipped, *(path for path, _ in models)]), "")

    def renew(self) -> None:
        """Select the model of the image in hand."""
        session = self._session
        for image in layers.images(self._viewer):
            self._kind(layers.key(image))
        kind = self._kind(session.image)
        if kind and "" in self._models:  # chosen before there was an image
            self._models.setdefault(kind, self._models.pop(""))
        session.learnt = (kind, self.of(session.image)) in self._learnt
        session.model = self.of(session.image)

    def _kind(self, key: str) -> str:
        """The images of one folder that are alike; of one without a file, itself. "" = no image."""
        image = layers.find(self._viewer, key)
        if not isinstance(image, Image):
            return self._kinds.get(key, "")
        folder = layers.folder(image)
        alike = f"{Path(folder)} {image.ndim} {image.rgb} {image.dtype}" if folder else key
        self._kinds[key] = alike
        return alike


def forget_model(session: Session, gone: str) -> None:
    """A model's file was deleted: it cannot stay in the list."""
    name = dict(session.models).get(gone, gone)
    session.models = tuple(x for x in session.models if x[0] != gone)
    another = f"{the_model(session, session.model)} is selected now"
    rest = another if session.model else "fine-tune one, or load one"
    session.say(f"The model {name} is no longer on disk ({gone}); {rest}.", "error")
