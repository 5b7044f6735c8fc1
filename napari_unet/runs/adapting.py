"""How a training's settings change once it is known what it meets: short memory, a strange base."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_unet.core.geometry import LEAST_TILE, input_size
from napari_unet.core.presets import preset
from napari_unet.core.settings import FitSettings, Settings

# of the base on the held-out part: below this it has more to learn than to keep
WELL_KNOWN = 0.65


def smaller(settings: Settings, tile: int) -> FitSettings | None:
    """Half the batch, then half the `tile` in use (px); None where it is as small as it can be."""
    now = settings.fit
    if now.batch > 1:
        return replace(now, batch=now.batch // 2)
    half = input_size(settings.network, tile // 2)
    return replace(now, tile=half) if LEAST_TILE <= half < tile else None


def hardly_known(before: dict[str, Any] | None, fit: FitSettings) -> bool:
    """Whether a base that was to be kept carefully scored so low that there is little to keep."""
    return fit.keep_norms and before is not None and before["value"] < WELL_KNOWN


def as_from_scratch(settings: Settings) -> Settings:
    """The same at the learning rate of a training from scratch; batch norms are learnt, too."""
    rate = preset(settings.preset).fit.learning_rate
    return replace(settings, fit=replace(settings.fit, learning_rate=rate, keep_norms=False))
