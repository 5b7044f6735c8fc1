"""What Accept offers: a prediction, to be merged into labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels

from napari_unet.core.settings import LabelsAre


@dataclass(frozen=True)
class Offer:
    """A prediction that is being merged into labels."""

    image: Image
    own: Labels
    found: Labels
    background: Labels | None
    drawn: dict[int, str]  # its slices, each with the job that drew it
    kind: LabelsAre  # what the numbers of the labels are
    data: Any  # the labels' array
    drawing: int = 0  # which drawing of the prediction is merged
    brush: tuple[int, int | None] = (0, 0)  # its number, and how many pixels had it, if known
