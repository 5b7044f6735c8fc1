"""How much is annotated: counted once in a thread, from then on kept up to date by the edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet import layers
from napari_unet.core.annotation import looks_like_classes
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import LabelsAre
from napari_unet.core.tally import Tally, tally
from napari_unet.layers.edits import Edit
from napari_unet.session import Annotated, Session

from .background import Latest, words_for
from .watching import Watching

PAUSE = 200  # ms without a stroke before the annotation is counted again
DOUBTFUL = 1 << 22  # pixels; larger images are not searched for classes painted as cells


@dataclass(frozen=True)
class Part:
    """One image's annotation. Ids that are None are still to be counted."""

    name: str
    labels: Any
    ids: frozenset[int] | None
    regions: int
    background: Any
    background_ids: frozenset[int] | None
    complete: bool = False


class Counting(QObject):
    """Keeps a tally of each painted layer and says how much is annotated in all."""

    counted = Signal(object)  # Annotated
    failed = Signal(str)

    def __init__(
        self, viewer: Viewer, session: Session, watching: Watching, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._watching = watching
        self._asking = Latest()
        self._tallies: dict[Labels, Tally] = {}
        self._told: list[str] = []  # of images that cannot be counted: not again at each stroke
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self.count)
        watching.edited.connect(self._on_edited)
        watching.replaced.connect(self.afresh)

    def close(self) -> None:
        self._pause.stop()
        self._asking.forget()
        self._tallies.clear()

    def tally(self, layer: Labels) -> Tally | None:
        """The layer's running counts, if it has been counted."""
        return self._tallies.get(layer)

    def in_stroke(self, layer: Labels) -> bool:
        """The user is painting on it: pixels are written that have no counts yet."""
        return self._watching.painting(layer)

    def highest(self, layer: Labels) -> int:
        """The highest id that is painted on the layer, or is being added; 0 = none."""
        known = self.tally(layer)
        painted = layers.next_free_id(layer) - 1 if known is None else known.highest
        return max(painted, layers.highest_to_come(layer))

    def soon(self) -> None:
        """Count after a pause."""
        self._pause.start()

    def count(self) -> None:
        """Count what has no running counts yet, in a thread, and say how much there is."""
        images = layers.images(self._viewer)
        parts = [self._part(image) for image in images]
        painted = self._layers(images)
        for gone in [x for x in self._tallies if x not in painted]:
            del self._tallies[gone]  # nobody tells of its edits any more
        uncounted = [x for x in painted if x not in self._tallies]
        if any(self._watching.painting(x) for x in uncounted):
            self.soon()
            return
        kind = self._session.labels_are

        def done(result: tuple[Annotated, dict[int, Tally], list[str]]) -> None:
            annotated, found, failures = result
            if any(self._watching.painting(x) for x in uncounted):
                self.soon()
                return
            for layer in uncounted:
                if id(layer.data) in found:
                    self._tallies[layer] = found[id(layer.data)]
            self.counted.emit(annotated)
            new, self._told = [x for x in failures if x not in self._told], failures
            for failure in new[:1]:  # the status line holds one sentence
                self.failed.emit(failure)

        self._asking.ask(lambda: counted(parts, kind), done, self.failed.emit)

    def _layers(self, images: list[Any]) -> list[Labels]:
        found = (
            layers.partner(self._viewer, image, what)
            for image in images
            for what in ("labels", "background")
        )
        return [x for x in found if x is not None]

    def _part(self, image: Any) -> Part:
        labels, background, regions = (
            layers.partner(self._viewer, image, what)
            for what in ("labels", "background", "regions")
        )
        return Part(
            name=image.name,
            labels=None if labels is None else labels.data,
            ids=self._ids(labels),
            regions=0 if regions is None else layers.region_count(regions, image),
            background=None if background is None else background.data,
            background_ids=self._ids(background),
            complete=layers.is_complete(image),
        )

    def _ids(self, layer: Labels | None) -> frozenset[int] | None:
        """A copy: the tally goes on changing while the thread counts."""
        return None if layer not in self._tallies else frozenset(self._tallies[layer].pixels)

    def _on_edited(self, layer: Labels, edits: list[Edit]) -> None:
        known = self._tallies.get(layer)
        if known is not None and known.shape != layer.data.shape:
            del self._tallies[layer]
        elif known is not None:
            for edit in edits:
                known.change(edit.old, edit.new, edit.slices(known.shape))
        self._asking.forget()  # what is being counted has changed meanwhile
        self.soon()

    def afresh(self, layer: Labels) -> None:
        """Anything may have changed on the layer: its counts are nothing worth any more."""
        self._tallies.pop(layer, None)
        self._asking.forget()
        self.soon()


@dataclass(frozen=True)
class Count:
    """What there is in one image."""

    ids: frozenset[int] = frozenset()
    background: bool = False
    doubt: bool = False


def counted(parts: list[Part], kind: LabelsAre) -> tuple[Annotated, dict[int, Tally], list[str]]:
    """How much is annotated in all images together, and the tallies by id of their array.

    An image that cannot be counted costs the others nothing: what went wrong comes last, in
    sentences. Not for the GUI thread.
    """
    counts: list[tuple[Part, Count]] = []
    found: dict[int, Tally] = {}
    failures: list[str] = []
    for part in parts:
        try:
            counts.append((part, _count(part, kind, found)))
        except Exception as failure:  # noqa: BLE001 - arrays may be anybody's: files, networks
            words = words_for(failure)
            failures.append(words if part.name in words else f"“{part.name}”: {words}")
            counts.append((part, Count()))
    values = {number for _, count in counts for number in count.ids}
    annotated = Annotated(
        sum(len(count.ids) for _, count in counts),
        sum(bool(count.ids) for _, count in counts),
        sum(part.regions for part in parts),
        any(count.background for _, count in counts),
        len(values),
        any(count.doubt for _, count in counts),
        sum(bool(x.ids) and not (x.background or part.regions) for part, x in counts),
        sum(bool(x.ids) and part.complete for part, x in counts),
    )
    return annotated, found, failures


def _count(part: Part, kind: LabelsAre, found: dict[int, Tally]) -> Count:
    """One image's; its tallies go into `found`."""
    background = part.background is not None
    background = background and bool(_ids_of(part.background, part.background_ids, found))
    if part.labels is None:
        return Count(background=background)
    if part.labels.dtype.kind not in "biu":
        raise BadInput(f"the labels of {part.name} hold {part.labels.dtype} values, not ids")
    ids = _ids_of(part.labels, part.ids, found)
    return Count(ids, background, kind == "instances" and _doubtful(part.labels, ids))


def _ids_of(array: Any, known: frozenset[int] | None, found: dict[int, Tally]) -> frozenset[int]:
    """The ids as they are known, or counted now, into `found`."""
    if known is None:
        found[id(array)] = tally(array)
        known = frozenset(found[id(array)].pixels)
    return known


def _doubtful(labels: Any, ids: frozenset[int]) -> bool:
    few = len(ids) <= 2 and labels.size <= DOUBTFUL
    return bool(few and looks_like_classes(np.asarray(labels)))
