"""Accept: the found cells go into the user's labels, as one undo step."""

from __future__ import annotations

from functools import partial

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_unet import layers
from napari_unet.core.errors import BadInput
from napari_unet.merging import Addition, addition, class_addition
from napari_unet.session import Session
from napari_unet.wording import count

from .background import in_thread
from .counting import Counting

STROKE = 100  # ms until it is asked again whether the stroke has ended


class Accepting:
    """What the user painted stays; only unpainted pixels are filled."""

    def __init__(self, viewer: Viewer, session: Session, counting: Counting) -> None:
        self._viewer, self._session, self._counting = viewer, session, counting

    def accept(self) -> None:
        """Copy the prediction of the image in hand into its labels."""
        viewer, session = self._viewer, self._session
        image = layers.find(viewer, session.image)
        if not isinstance(image, Image):
            return
        found = layers.partner(viewer, image, "prediction")
        if found is None:
            return
        own = layers.partner(viewer, image, "labels") or layers.make_labels(viewer, image)
        misfit = layers.misfit(image, own)
        why_not = misfit or _other_kind(layers.found_kind(found), session.labels_are)
        if why_not:
            session.say(why_not, "error")
            return
        before, prediction = own.data, found.data
        merge = addition if session.labels_are == "instances" else class_addition
        in_thread(
            lambda: merge(np.array(before), np.array(prediction)),
            lambda new: self._on_merged(own, found, new),
            lambda words: session.say(words, "error"),
        )

    def _on_merged(self, own: Labels, found: Labels, new: Addition) -> None:
        if self._counting.in_stroke(own):  # its id has no count yet, nor its place among undo steps
            QTimer.singleShot(STROKE, partial(self._on_merged, own, found, new))
            return
        session, cells = self._session, self._session.labels_are == "instances"
        highest = self._counting.highest(own)
        if cells:
            new = new.beyond(highest)  # the user may have gone on painting
        try:
            widened = layers.add_pixels(own, new.index, new.values)
        except BadInput as error:
            session.say(str(error), "error")
            return
        found.visible = False  # its cells are now in the labels, where they can be corrected
        self._viewer.layers.selection.active = own
        if cells and new.cells and own.selected_label > highest:
            # an id that was to be the next cell's may be one of theirs now
            layers.take_next_id(own, new.highest)
        what = "cell" if cells else "kind of thing"
        words = f"{count(new.cells, what)} added to your labels (undo: Ctrl-Z)."
        if new.known:
            words += f" You had painted {new.known:,} more yourself."
        if widened:
            words += " The layer now holds 32-bit numbers."
        session.say(f"{words} Correct what is wrong, then fine-tune again.", "done")


def _other_kind(found: str, wanted: str) -> str:
    """Why what was found cannot be accepted as labels of the kind `wanted`; "" = it can."""
    if found in ("", wanted):
        return ""
    if found == "classes":
        return (
            "The prediction holds kinds of things, not cells: choose “a kind of thing” for what "
            "each number is, then accept it."
        )
    return "The prediction holds cells: choose “a cell” for what each number is, then accept it."
