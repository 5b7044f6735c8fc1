"""From the viewer's layers to the field whose weight map is shown."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.core.errors import BadInput
from napari_unet.core.presets import scale_for, tunes, tuning_weights
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.field import Field, window_for
from napari_unet.files.model_file import read_config
from napari_unet.kept import Kept
from napari_unet.layers.edits import Edit
from napari_unet.models import find_model
from napari_unet.session import Session

from .counting import Counting


def field_of(
    viewer: Viewer, session: Session, counting: Counting, image: Image, labels: Labels
) -> Field:
    """What the user sees of this image, and what is painted there."""
    background = layers.partner(viewer, image, "background")
    if background is not None and layers.misfit(image, background):
        background = None
    regions = layers.partner(viewer, image, "regions")
    index, shape = layers.current_slice(viewer, image), layers.labels_shape(image)
    tally = counting.tally(labels)
    outlines = layers.region_outlines(regions, image)
    return Field(
        name=image.name,
        labels=_quick(labels.data),
        background=None if background is None else _quick(background.data),
        outlines=outlines,
        index=index,
        window=window_for((shape[-2], shape[-1]), layers.visible_window(image)),
        painted=None if tally is None else int(tally.painted[index]),
        marked=bool(outlines) or _background(session, counting, background),
        labels_are=session.labels_are,
        asks=session.asks and not layers.is_complete(image),
    )


def weights_of(session: Session) -> WeightSettings:
    """The weight settings of the training to come, as the panel has them."""
    base = WeightSettings.of(session.weight_preset)
    chosen = WeightSettings(preset=base.preset, w0=session.w0, sigma=session.sigma)
    if tunes(session.preset, session.base):
        return tuning_weights(chosen, session.labels_are)
    return chosen


def scale_of(session: Session) -> ScaleSettings:
    """The size that the training to come rescales cells to."""
    base = None
    if session.base != "none":
        with suppress(BadInput, OSError):  # a model that is gone: training will say so
            base = read_config(find_model(session.base))
    return scale_for(session.preset, session.labels_are, base)


def _quick(array: Any) -> Any:
    """The array, or what is kept of one that is slow to read."""
    return array if isinstance(array, np.ndarray) else Kept(array)


def tell(array: Any, edit: Edit) -> None:
    """An edit of what a field reads: what is kept of it is as old as the field."""
    if isinstance(array, Kept):
        array.write(edit.box, edit.where, edit.new)


def _background(session: Session, counting: Counting, layer: Labels | None) -> bool:
    """Whether background is painted anywhere in the image."""
    if layer is None:
        return False
    tally = counting.tally(layer)
    return session.annotated.background if tally is None else tally.highest > 0
