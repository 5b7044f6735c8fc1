"""Part 2's deed: the weight map that training uses, over the image in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet import layers
from napari_unet.core.annotation import check_labels, known_area, planes
from napari_unet.core.errors import BadInput
from napari_unet.core.presets import preset
from napari_unet.core.settings import LabelsAre, ScaleSettings, WeightSettings
from napari_unet.core.weights import shown_weight_map
from napari_unet.session import Session, why_not_weigh
from napari_unet.snapshots import Snapshot

from .background import Latest

PAUSE = 300  # ms after a number was changed
NOTHING = "Paint some cells of this image first."


@dataclass(frozen=True)
class Shown:
    """A weight map in image pixels, the range in which its gaps stand out, and its scale."""

    weights: npt.NDArray[np.float32]
    limits: tuple[float, float]
    factor: float


class Weighing(QObject):
    """Computes the weight map in a thread and lays it over its image."""

    def __init__(self, viewer: Viewer, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._asking = Latest()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE)
        self._pause.timeout.connect(self._again)

    def close(self) -> None:
        self._pause.stop()
        self._asking.forget()

    def choose_preset(self, preset: str) -> None:
        """Take the preset's formula and its two numbers."""
        self.choose(WeightSettings.of(preset))

    def choose(self, settings: WeightSettings) -> None:
        """Take this formula and its two numbers."""
        session = self._session
        session.weight_preset = settings.preset
        session.w0, session.sigma = settings.w0, settings.sigma
        self._pause.start()

    def choose_w0(self, value: float) -> None:
        self._session.w0 = value
        self._pause.start()

    def choose_sigma(self, value: float) -> None:
        self._session.sigma = value
        self._pause.start()

    def show(self) -> None:
        """Show the map of the image in hand."""
        image = layers.find(self._viewer, self._session.image)
        try:
            shot = layers.snapshot(self._viewer, image) if isinstance(image, Image) else None
        except BadInput as error:
            self._session.say(str(error), "error")
            return
        if shot is None:
            self._session.say(why_not_weigh(self._session) or NOTHING, self._session.mood)
            return
        settings, kind = self.settings(), self._session.labels_are
        scale = preset(self._session.preset).scale
        self._session.weighing = True

        def done(shown: Shown) -> None:
            self._on_done(image, shown)

        self._asking.ask(lambda: computed(shot, settings, scale, kind), done, self._on_failed)

    def settings(self) -> WeightSettings:
        """The settings as the panel has them."""
        session = self._session
        base = WeightSettings.of(session.weight_preset)
        return WeightSettings(preset=base.preset, w0=session.w0, sigma=session.sigma)

    def _again(self) -> None:
        """A number was changed: a map that is shown follows."""
        image = layers.find(self._viewer, self._session.image)
        shown = None if image is None else layers.partner(self._viewer, image, "weights")
        if shown is not None and shown.visible:
            self.show()

    def _on_done(self, image: Any, shown: Shown) -> None:
        session = self._session
        session.weighing = False
        if image not in self._viewer.layers:
            return
        layers.show_weights(self._viewer, image, shown.weights, shown.limits)
        low, high = shown.limits
        session.weight_words = (
            f"Gaps weigh up to {high:.1f}, all else {low:.1f} or less. {_scale(shown)}"
        )
        if not session.job:
            session.say(
                "The gaps between cells glow: there the network must be right. "
                "Where two cells touch without a glow, they have the same number. "
                "Paint more cells, or press “Fine-tune”.",
                "done",
            )

    def _on_failed(self, words: str) -> None:
        self._session.weighing = False
        self._session.say(words, "error")


def computed(
    shot: Snapshot, settings: WeightSettings, scale: ScaleSettings, kind: LabelsAre
) -> Shown:
    """The map of every annotated slice. Not for the GUI thread."""
    labels = check_labels(shot.labels, f"the labels of {shot.name}")
    background = None if shot.background is None else shot.background > 0
    known = known_area(labels, shot.regions(), background)
    weights = np.zeros(labels.shape, np.float32)
    factor = 1.0
    for plane, mask, out in zip(planes(labels), planes(known), planes(weights), strict=True):
        if mask.any():
            out[...], factor = shown_weight_map(plane, mask, settings, scale, kind)
    return Shown(weights, limits(weights, labels, known), factor)


def limits(
    weights: npt.NDArray[np.float32], labels: npt.NDArray[Any], known: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """The range between what cells and plain background weigh, and the highest gap."""
    high = float(weights.max(initial=0.0))
    flat = [weights[part] for part in (labels > 0, known & (labels == 0))]
    low = max((float(np.percentile(part, 5)) for part in flat if part.size), default=0.0)
    return (low, high) if high > low else (0.0, max(high, 1.0))


def _scale(shown: Shown) -> str:
    if shown.factor == 1.0:
        return "One model pixel is one image pixel."
    return f"The network sees the image {shown.factor:.2f} times as large."
