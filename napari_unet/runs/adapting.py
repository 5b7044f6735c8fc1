"""How a training's settings change once it is known what it meets: short memory, a strange base."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_unet.core.batches import Batches
from napari_unet.core.fit import mean_loss
from napari_unet.core.geometry import LEAST_TILE, input_size
from napari_unet.core.judge import ENOUGH
from napari_unet.core.memory import is_out_of_memory
from napari_unet.core.presets import preset
from napari_unet.core.settings import FitSettings, Settings
from napari_unet.core.unet import UNet

from .scoring import BATCHES

# of the base on the held-out part: below this it has more to learn than to keep
WELL_KNOWN = 0.65
# few held out: the same told by its cross-entropy on what it is to learn, which then is above this
WELL_READ = 0.16


def smaller(settings: Settings, tile: int, error: BaseException) -> FitSettings | None:
    """Half the batch, then half the `tile` in use (px), where the error was a lack of memory.

    None where it was another one, or the tile is as small as it can be.
    """
    if not is_out_of_memory(error):
        return None
    now = settings.fit
    if now.batch > 1:
        return replace(now, batch=now.batch // 2)
    half = input_size(settings.network, tile // 2)
    return replace(now, tile=half) if LEAST_TILE <= half < tile else None


def each_step(fit: FitSettings, tile: int) -> str:
    """ "2 tiles of 128 px a step"; `tile` is the side in use."""
    return f"{fit.batch} tile{'' if fit.batch == 1 else 's'} of {tile} px a step"


def hardly_known(
    before: dict[str, Any] | None, net: UNet, batches: Batches, fit: FitSettings
) -> bool:
    """Whether a base that was to be kept carefully knows so little that there is little to keep.

    Few held-out cells cannot tell: where pixels and they differed, the pixels were right, which
    are many (docs/quality.md). They cannot tell alone: some cells stay hard to read, however well
    they are known.
    """
    if not fit.keep_norms:
        return False
    if before is not None and before.get("truth", ENOUGH) >= ENOUGH:
        return bool(before["value"] < WELL_KNOWN)
    return mean_loss(net, batches, BATCHES["read"]) > WELL_READ


def as_from_scratch(settings: Settings) -> Settings:
    """The same at the learning rate of a training from scratch; batch norms are learnt, too."""
    rate = preset(settings.preset).fit.learning_rate
    return replace(settings, fit=replace(settings.fit, learning_rate=rate, keep_norms=False))
