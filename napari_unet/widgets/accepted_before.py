"""What was accepted of each prediction before: none of it is offered again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels

from napari_unet import layers
from napari_unet.merging import Addition, addition, class_addition

from .accepted import Accepted, offered, where_accepted
from .offer import Offer


class AcceptedBefore:
    """Kept for each prediction as long as slices of it may be on show as they were accepted."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[Labels, list[Accepted]] = WeakKeyDictionary()

    def fates(self, offer: Offer) -> list[bool]:
        """Of each Accept of this prediction, whether it was not undone: as of now."""
        made = self._made.get(offer.found, [])
        for each in made:
            each.deed.look(offer.own)
        return [each.deed.stands for each in made]

    def merge(self, offer: Offer, into: Any = None) -> Callable[[], Addition]:
        """What is to be done in a thread to know what comes, with the layers as they are now.

        Parameters
        ----------
        into : in place of the labels' array, such as a copy of it
        """
        own, drawn = offer.own, offer.drawn
        before, prediction = offer.data, offer.found.data
        background = None if offer.background is None else offer.background.data
        merge = addition if offer.kind == "instances" else class_addition
        made = list(self._made.get(offer.found, []))
        self.fates(offer)

        def work() -> Addition:
            labels = np.array(before if into is None else into)
            stands = [each for each in made if each.stands(own, before, labels)]
            closed = where_accepted(labels, stands, drawn)
            if background is not None:
                closed |= np.asarray(background) > 0
            return merge(labels, offered(np.asarray(prediction), drawn), closed)

        return work

    def add(self, found: Labels, accepted: Accepted) -> None:
        """It was accepted; what was of slices that are predicted anew since is forgotten."""
        drawn = layers.drawn(found)
        made = [each for each in self._made.get(found, []) if each.concerns(drawn)]
        self._made[found] = [*made, accepted]

    def forget(self, part: Any) -> None:
        """It was taken back otherwise than by undo."""
        for found, made in self._made.items():
            self._made[found] = [each for each in made if each.deed.part is not part]
