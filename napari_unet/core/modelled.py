"""What a model's description means for an image with cells of some diameter. No torch."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real

from .errors import BadInput
from .instances import for_diameter
from .scale import scale_factor
from .settings import InstanceSettings, ModelConfig, ScaleSettings
from .typed import short
from .views import VIEWS

LARGEST_DIAMETER = 1e6  # image pixels; larger than any image that is held at once
LARGEST_TILE = 10**6  # model pixels; the same
PRECISIONS = ("auto", "fp32")


def check_wishes(
    diameter: float | None,
    precision: str = "auto",
    views: int | None = None,
    tile: int | None = None,
) -> None:
    """Refuse what no prediction can have.

    Raises
    ------
    BadInput
        If the diameter is no length, the tile size no whole number, or there is no such precision
        or number of views.
    """
    if not _number(Real, diameter):
        raise BadInput(f"the cell diameter must be a number of pixels, not {short(diameter)}")
    if diameter is not None and not 0 < diameter <= LARGEST_DIAMETER:
        raise BadInput(
            f"the cell diameter must be above 0 px and at most {LARGEST_DIAMETER:g} px,"
            f" not {short(diameter)}"
        )
    if not _number(Integral, tile) or (tile is not None and not 0 <= tile <= LARGEST_TILE):
        raise BadInput(
            "the tile size must be a whole number of pixels, 0 = untiled and at most"
            f" {LARGEST_TILE}, not {short(tile)}"
        )
    if precision not in PRECISIONS:
        raise BadInput(f"there is no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if views is not None and views not in VIEWS:
        raise BadInput(f"a tile has {' or '.join(map(str, VIEWS))} views, not {views}")


def _number(kind: type, value: object) -> bool:
    """Whether it is None or a number of this kind; of Python's callers nobody checks the types."""
    return value is None or isinstance(value, kind)


def model_scale(config: ModelConfig, diameter: float | None = None) -> float:
    """Image pixels -> model pixels.

    Parameters
    ----------
    diameter : of the cells in the image, px; None = as in the training images
    """
    if config.diameter is None:
        return 1.0
    known = diameter or config.image_diameter
    return scale_factor(known, ScaleSettings(diameter=config.diameter))


def general(config: ModelConfig) -> bool:
    """A model for cells of any size: it was not trained on some user's images."""
    return config.diameter is not None and config.image_diameter is None


def must_measure(config: ModelConfig) -> bool:
    """Whether the cells of each image have to be measured, where the user does not say."""
    return general(config) or config.image_diameters is not None


def takes(config: ModelConfig, channels: int) -> bool:
    """Whether images of so many channels can be predicted; a general model takes their mean."""
    return channels == config.channels or (general(config) and config.channels == 1)


def instances_for(config: ModelConfig, diameter: float | None = None) -> InstanceSettings:
    """The model's own settings, their least sizes for cells of this diameter."""
    if not diameter or config.diameter is None:
        return config.instances
    if config.image_diameter is None:
        return for_diameter(config.instances, diameter)
    times = (diameter / config.image_diameter) ** 2
    return replace(
        config.instances,
        min_size=round(config.instances.min_size * times),
        part_size=round(config.instances.part_size * times),
    )
