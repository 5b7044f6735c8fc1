"""Part 1's deeds: which layers are in hand, the next cell, and how much is annotated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Image, Labels, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet import layers
from napari_unet.advice import advise
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import LabelsAre
from napari_unet.session import Annotated, Session

from .arriving import Arriving
from .counting import Counting
from .in_hand import in_hand, take_up, unfinished
from .moving import Moving
from .numbering import Numbering
from .watching import Watching

LIST_EVENTS = ("inserted", "removed", "reordered", "renamed")
IMAGE_EVENTS = ("data", "axis_labels")
REGION_EVENTS = ("set_data", "data", "scale", "translate", "rotate", "shear", "affine")


class Annotating(QObject):
    """Keeps the session in step with the viewer's layers, and makes layers to paint on."""

    found = Signal()  # there is something to learn from

    def __init__(self, viewer: Viewer, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._regions: list[Shapes] = []
        self._diameters: dict[str, int] = {}  # what the user said of each image's cells
        self.watching = Watching(viewer, self)
        self.counting = Counting(viewer, session, self.watching, self)
        self.counting.counted.connect(self._on_counted)
        self.counting.failed.connect(self._on_failed)
        self.numbering = Numbering(session, self.watching, self.counting, self)
        self._arriving = Arriving(viewer, session, self.numbering, self)  # before the rest looks
        self._moving = Moving(viewer)
        for name in LIST_EVENTS:
            getattr(viewer.layers.events, name).connect(self._on_layers)
        viewer.layers.selection.events.active.connect(self._on_active)
        self.refresh()

    def close(self) -> None:
        """Let go of the viewer."""
        for name in LIST_EVENTS:
            getattr(self._viewer.layers.events, name).disconnect(self._on_layers)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        for layer in self._regions:
            self._watch(layer, False)
        self._regions.clear()
        self._arriving.close()
        self._moving.close()
        self.numbering.close()
        for image in layers.images(self._viewer):
            for name in IMAGE_EVENTS:
                getattr(image.events, name).disconnect(self._on_layers)
        self.counting.close()
        self.watching.close()

    # ---- what is in hand

    def image(self) -> Image | None:
        """The image layer in hand."""
        found = layers.find(self._viewer, self._session.image)
        return found if isinstance(found, Image) else None

    def labels(self) -> Labels | None:
        """The labels of the image in hand."""
        image = self.image()
        return None if image is None else layers.partner(self._viewer, image, "labels")

    def turn_to(self, key: str) -> None:
        """Work on this image from now on, and see it."""
        self.choose_image(key)
        image = self.image()
        if image is not None:
            layers.show(self._viewer, image)
            self._viewer.layers.selection.active = self.labels() or image

    def choose_image(self, key: str) -> None:
        """Work on this image from now on."""
        self._take(key)
        self.refresh()

    def _take(self, key: str) -> None:
        session = self._session
        self._diameters[session.image] = session.diameter
        session.image = key
        session.diameter = self._diameters.get(key, 0)

    def choose_labels(self, key: str) -> None:
        """Use this labels layer for the image in hand."""
        image, labels = self.image(), layers.find(self._viewer, key)
        if image is not None and isinstance(labels, Labels):
            misfit = layers.misfit(image, labels)
            if misfit:
                self._session.say(misfit, "error")
                return
            if labels is not self.labels():
                self.numbering.opened(labels)
            layers.pair(self._viewer, image, labels)
        self.refresh()

    def choose_axes(self, letters: str) -> None:
        """Read the image in hand in this way."""
        image = self.image()
        if image is not None:
            layers.set_axes(self._viewer, image, letters)
            self._arriving.look_again(image)
        self.refresh()

    def choose_labels_are(self, kind: LabelsAre) -> None:
        """Numbers are single cells, or kinds of things."""
        self._session.labels_are = kind
        self.counting.soon()

    def refresh(self) -> None:
        """Bring the session in step with the layers."""
        session, viewer = self._session, self._viewer
        images = layers.images(viewer)
        session.images = tuple((layers.key(x), x.name) for x in images)
        for image in images:
            for name in IMAGE_EVENTS:  # napari connects it once only
                getattr(image.events, name).connect(self._on_layers)
        if session.image not in dict(session.images):
            seen = self._active_image() or layers.topmost(viewer)
            self._take(layers.key(seen) if seen is not None else "")
        self._refresh_image(self.image())
        self._rewatch()
        self.counting.soon()

    def _refresh_image(self, image: Image | None) -> None:
        session = self._session
        if image is None:
            session.labels, session.labels_choices = "", ()
            session.axes, session.axes_choices, session.slices_in_image = "", (), 1
            session.shape = ()
            session.predicted = session.accepted = session.filterable = False
            session.complete = False
            return
        session.axes_choices = layers.axes_choices(image)
        session.axes = layers.axes(image)
        session.shape = layers.labels_shape(image)
        session.slices_in_image = layers.slice_count(image)
        session.complete = layers.is_complete(image)
        fitting = layers.fitting_labels(self._viewer, image)
        session.labels_choices = tuple((layers.key(x), x.name) for x in fitting)
        labels = self.labels()
        session.labels = layers.key(labels) if labels is not None else ""
        take_up(self._viewer, session)

    def _on_layers(self, event: Any = None) -> None:
        self.refresh()

    def _on_active(self, event: Any = None) -> None:
        image = self._active_image()
        if image is not None and layers.key(image) != self._session.image:
            self.choose_image(layers.key(image))

    def _active_image(self) -> Image | None:
        """The image that the layer selected in napari is, or belongs to."""
        active = self._viewer.layers.selection.active
        return None if active is None else layers.image_of(self._viewer, active)

    # ---- making layers to paint on

    def new_cell(self) -> None:
        """Pick the next free id, on a labels layer that fits; make one if there is none."""
        image = self._image_seen()
        if image is None:
            return
        labels = self.labels()
        if labels is not None and layers.misfit(image, labels):
            layers.set_free(labels)  # its shape was changed: it is somebody else's now
            labels = None
        why_not = ""
        if labels is not None:
            why_not = layers.unwritable(labels) or unfinished(self._viewer, labels)
        if why_not:
            self._session.say(why_not, "error")
            return
        empty = labels is None
        labels = labels or layers.make_labels(self._viewer, image)
        held = self._viewer.layers.selection.active
        ready = partial(self._paint_cell, image, labels, held)
        late = partial(self._tell_cell, image)
        try:
            self.numbering.give(labels, ready, late, empty=empty)
        except BadInput as error:
            self._session.say(str(error), "error")

    def _paint_cell(self, image: Image, labels: Labels, held: Any, number: int) -> None:
        if not in_hand(self._session, image):
            return  # the number took a while: the user has turned to another one
        if self._viewer.layers.selection.active is not held:  # or to another layer
            self._tell_cell(image, number)
            return
        layers.start_painting(self._viewer, labels)
        where = f" of {image.name}" if len(self._session.images) > 1 else ""
        words = f"{self._cell(number)}{where}: paint it with the brush, then press N for the next."
        self._session.say(words)

    def _tell_cell(self, image: Image, number: int) -> None:
        """The number came too late to be painted with."""
        session = self._session
        if in_hand(session, image) and session.mood == "busy" and not session.job:
            session.say(f"{self._cell(number)} is the next: press N to paint it.")

    def _cell(self, number: int) -> str:
        return f"{'Cell' if self._session.labels_are == 'instances' else 'Kind'} {number}"

    def _image_seen(self) -> Image | None:
        """The image to paint on: the one in hand, or where the user hid it the one that is seen."""
        image = self.image()
        ours = image is not None and layers.is_away(image)
        if image is not None and not image.visible and not ours:
            seen = layers.topmost(self._viewer)
            if seen is not None and seen.visible:
                self.choose_image(layers.key(seen))
                image = seen
        if image is not None:
            layers.show(self._viewer, image)
        return image

    def regions(self) -> None:
        """The layer for regions, ready to draw on."""
        self._paint_on(
            "regions",
            layers.make_regions,
            "Drag a rectangle round what you have annotated completely; "
            "from then on only what is inside counts.",
        )

    def background(self) -> None:
        """The layer for background, ready to paint on."""
        self._paint_on(
            "background",
            layers.make_background,
            "Paint what is surely no cell; unpainted pixels no longer count as background.",
        )

    def _paint_on(
        self, role: layers.Role, make: Callable[[Viewer, Image], Any], words: str
    ) -> None:
        image = self._image_seen()
        if image is None:
            return
        layer = layers.partner(self._viewer, image, role)
        if layer is not None and not layers.fits(image, layer):
            layers.set_free(layer)  # the image's shape was changed
            layer = None
        layer = layer or make(self._viewer, image)
        why_not = layers.unwritable(layer) if isinstance(layer, Labels) else ""
        if why_not:
            self._session.say(why_not, "error")
            return
        layers.start_painting(self._viewer, layer)
        self._session.say(words)

    # ---- how much is annotated

    def _on_counted(self, result: Annotated) -> None:
        session = self._session
        changed, session.annotated = result != session.annotated, result
        stale = session.advised or (changed and session.mood in ("idle", "error"))
        if not session.job and stale:
            advise(session)
        if result.anything:
            self.found.emit()

    def _on_failed(self, words: str) -> None:
        self._session.say(words, "error")

    def _rewatch(self) -> None:
        self.watching.refresh()
        wanted = [x for x in layers.painted_layers(self._viewer) if isinstance(x, Shapes)]
        for layer in [x for x in self._regions if x not in wanted]:
            self._watch(layer, False)
        for layer in [x for x in wanted if x not in self._regions]:
            self._watch(layer, True)
        self._regions = wanted

    def _watch(self, layer: Shapes, on: bool) -> None:
        for name in REGION_EVENTS:
            emitter = getattr(layer.events, name)
            (emitter.connect if on else emitter.disconnect)(self._on_regions)

    def _on_regions(self, event: Any = None) -> None:
        self.counting.soon()
