"""Every number of the method, as frozen dataclasses: each field with its unit and reason.

"Model pixel" is a pixel of the image after it was rescaled to the model's cell diameter
(see :mod:`napari_unet.core.scale`); "image pixel" is a pixel as the user sees it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from .errors import BadInput
from .typed import Within

LabelsAre = Literal["instances", "classes"]
# what ground without a mark of the user's means: what a model is sure of, background, nothing
Unpainted = Literal["auto", "background", "unknown"]
PRESETS = ("default", "paper", "fiji")
# no training is better for more, and far beyond the map, in float32, is infinite
LARGEST_W0 = 1e6
LARGEST_SIGMA = 1e3  # model pixels

# what a file may say at most: far beyond what is of use, and nothing that takes gigabytes
Share = Annotated[float, Within(0, 1)]
Amount = Annotated[float, Within(0, 1e6)]
Percentile = Annotated[float, Within(0, 100)]
Diameter = Annotated[float, Within(1, 1e6)]  # px; of one pixel it is 1.13
Area = Annotated[int, Within(0, 10**8)]  # px
Value = Annotated[int, Within(1, 2**31 - 1)]  # of a painted class


@dataclass(frozen=True)
class WeightSettings:
    """The boundary weight map (Ronneberger 2015, eq. 2; Falk 2019 for ``fiji``)."""

    preset: Literal["paper", "fiji"] = "paper"
    w0: float = 10.0  # extra weight where two cells nearly touch
    sigma: float = 5.0  # model pixels; how fast it fades with the gap
    # model pixels; `fiji` only, the smooth rim round every cell
    rim_sigma: Annotated[float, Within(1e-3, 1e3)] = 10.0
    background: Amount = 0.1  # `fiji` only, weight of background far from every cell
    # what is smaller counts as zero; sets the cells' reach
    tolerance: Annotated[float, Within(1e-12, 1)] = 1e-3
    max_class_weight: Annotated[float, Within(1, 1e6)] = 10.0  # w_c is clipped to [1 / this, this]

    def __post_init__(self) -> None:
        _require(
            self.preset in ("paper", "fiji"),
            f"the border weight has the presets paper and fiji, not {self.preset!r}",
        )
        _require(
            0 <= self.w0 <= LARGEST_W0,
            f"the border weight w0 must be between 0 and {LARGEST_W0:g}, not {self.w0:g}",
        )
        _require(
            0 < self.sigma <= LARGEST_SIGMA,
            f"sigma must be above 0 px and at most {LARGEST_SIGMA:g} px, not {self.sigma:g}",
        )

    @staticmethod
    def of(preset: str) -> WeightSettings:
        """The settings that go by the name ``paper`` or ``fiji``."""
        if preset == "fiji":
            return WeightSettings(preset="fiji", w0=50.0, sigma=6.0)
        return WeightSettings()


@dataclass(frozen=True)
class NetworkSettings:
    """The U-Net's shape. The defaults are the 2015 paper's."""

    in_channels: Annotated[int, Within(1, 1024)] = 1
    classes: Annotated[int, Within(2, 256)] = 2  # outputs, background included
    # channels of the first level; they double with each level
    width: Annotated[int, Within(1, 1024)] = 64
    depth: Annotated[int, Within(1, 8)] = 4  # number of 2x2 poolings
    padding: Literal["valid", "same"] = "valid"
    norm: Literal["batch"] | None = None  # only norms that are fixed at prediction
    up: Literal["transpose", "bilinear"] = "transpose"
    dropout: Share = 0.5  # probability
    dropout_at: Literal["end", "between"] = "end"  # end of the contracting path, or between convs


@dataclass(frozen=True)
class NormaliseSettings:
    """Grey values are mapped per channel and 2D slice, before any rescaling."""

    low: Percentile = 1.0  # percentile that becomes 0
    high: Percentile = 99.0  # percentile that becomes 1: higher ones follow a few bright specks
    # larger slices are measured on a fixed grid of about so many
    samples: Annotated[int, Within(1, 2**31)] = 2048 * 2048


@dataclass(frozen=True)
class AugmentSettings:
    """Random changes of each training tile; all lengths in model pixels."""

    rotate: Annotated[float, Within(0, 180)] = 180.0  # degrees, uniform in +- this
    mirror: bool = True
    scale: Amount = 0.2  # log-uniform in [1 / (1 + this), 1 + this]
    elastic_sd: Amount = 10.0  # standard deviation of a node's displacement, per axis
    # least distance of nodes; 3x3 nodes where the tile is larger
    elastic_spacing: Annotated[float, Within(1, 1e6)] = 150.0
    # grey values, in standard deviations of the slice: a DIC image holds its cells in a
    # twentieth of the range that a fluorescence image uses
    brightness: Amount = 0.3  # offset, uniform in +- this
    contrast: Amount = 0.25  # log-uniform in [1 / (1 + this), 1 + this]
    gamma: Amount = 0.25  # log-uniform in [1 / (1 + this), 1 + this]
    shading: Amount = 0.0  # standard deviation of a smooth field of light
    noise: Amount = 0.0  # greatest standard deviation of added noise
    # model pixels; greatest standard deviation of a Gaussian blur
    blur: Annotated[float, Within(0, 100)] = 0.0


@dataclass(frozen=True)
class ScaleSettings:
    """Rescaling to one cell diameter."""

    diameter: Diameter | None = 26.0  # model pixels; None switches rescaling off
    limit: Annotated[float, Within(1, 100)] = 4.0  # the factor stays within [1 / this, this]
    min_cells: Annotated[int, Within(0, 10**9)] = 1  # with fewer whole cells the factor is 1


@dataclass(frozen=True)
class InstanceSettings:
    """From foreground probability to cells."""

    threshold: Share = 0.5  # probability; a pixel above it may belong to a cell
    seed_threshold: Share = 0.5  # probability; cells are split where it falls below this
    min_size: Area = 0  # image pixels; smaller cells are removed; 0 = by the cell diameter
    peak: Share = 0.0  # probability; cells that nowhere reach it are removed; 0 = none
    # touching cells come apart at dips this deep (log-odds) between two parts of `part_size`
    # image pixels or more; 0 = never
    dip: Annotated[float, Within(0, 1000)] = 0.0
    part_size: Area = 0
    # model pixels; gaps of this width between two cells are shared out
    give_back: Annotated[float, Within(0, 10)] = 2.0
    split: Share = 0.0  # cells are cut at necks narrower than 1 - this of their width; 0 = never
    # found cells grow over what is above this probability, `OUTLINE_REACH` at most; 0 = never
    outline: Share = 0.0


@dataclass(frozen=True)
class FitSettings:
    """How the network is trained."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    learning_rate: Annotated[float, Within(0, 1000)] = 1e-3
    # instead, where training starts from a base model; 0 = the same
    tuning_rate: Annotated[float, Within(0, 1000)] = 0.0
    momentum: Share = 0.99  # SGD only
    weight_decay: Annotated[float, Within(0, 1000)] = 0.0
    schedule: Literal["constant", "one-cycle"] = "constant"
    batch: Annotated[int, Within(1, 256)] = 1  # tiles per step
    # side of the input tile, model pixels; moved to what the network takes
    tile: Annotated[int, Within(1, 4096)] = 572
    background_chance: Share = 0.1  # tile centres: chance of background to that of cells and gaps
    average: Share = 0.0  # decay of the running average of the weights; 0 = none
    clip: Amount = 0.0  # greatest norm of the gradient; 0 = no clipping
    # batch norms stay as the base model left them; set where training starts from one
    keep_norms: bool = False
    weights_warped: bool = False  # False: recomputed after the warp; True: warped like the image


@dataclass(frozen=True)
class UnpaintedSettings:
    """What ground that nobody has painted is taken for (see :mod:`napari_unet.core.unpainted`)."""

    rim: Amount = 4.0  # model pixels round a painted cell that are background: it ends there
    background: Share = 0.1  # probability; below, the model is sure of background
    # share of the painted cells' pixels that may lie below it: a model that does not know these
    # cells is sure of less
    painted: Share = 0.02
    likely: Share = 0.2  # probability; what is above it may be a cell
    away: Amount = 3.0  # model pixels that sure background keeps from what may be a cell


@dataclass(frozen=True)
class Settings:
    """All of it; what a run folder records and a model file remembers."""

    preset: str = "default"
    weights: WeightSettings = field(default_factory=WeightSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    normalise: NormaliseSettings = field(default_factory=NormaliseSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)
    instances: InstanceSettings = field(default_factory=InstanceSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    unpainted: UnpaintedSettings = field(default_factory=UnpaintedSettings)

    def __post_init__(self) -> None:
        _require_preset(self.preset)


@dataclass(frozen=True)
class TrainOptions:
    """What a user may choose for one training: the button, Python and the command line alike."""

    preset: str = "default"
    base: str = "default"  # a model's name or path; "none" = from scratch
    labels_are: LabelsAre = "instances"
    w0: float | None = None  # None = the preset's
    sigma: float | None = None
    weights: str | None = None  # preset of the weight map alone; None = the preset's
    seconds: float | None = None  # wall time, all included; None = 60 on a CPU, 15 on a GPU
    steps: Annotated[int, Within(1, 10**9)] | None = None  # instead of seconds
    held_out: float = 0.15  # share of the annotated area kept for the score; 0 = none
    unpainted: Unpainted = "auto"  # of images that do not say themselves
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        _require_preset(self.preset)
        _require(
            self.labels_are in ("instances", "classes"),
            f"labels are 'instances' or 'classes', not {self.labels_are!r}",
        )
        _require(
            self.unpainted in get_args(Unpainted),
            "unpainted ground is 'auto' (as the base model sees it), 'background' or 'unknown',"
            f" not {self.unpainted!r}",
        )
        _require(
            self.seconds is None or 0 < self.seconds < math.inf,
            f"the time budget must be above 0 seconds, not {self.seconds}",
        )
        _require(self.steps is None or self.steps > 0, "the number of steps must be 1 or more")
        _require(0 <= self.seed < 2**63, f"the seed must be 0 or more, below 2^63, not {self.seed}")
        _require(
            self.seconds is None or self.steps is None, "give either seconds or steps, not both"
        )
        _require(
            0 <= self.held_out <= 0.5,
            f"the held-out share must be between 0 and 0.5, not {self.held_out:g}",
        )


@dataclass(frozen=True)
class ModelConfig:
    """What a model file says of itself, next to its weights."""

    network: NetworkSettings
    labels_are: LabelsAre = "instances"
    class_values: tuple[Value, ...] = ()  # painted value of output 1, 2, ...; () with instances
    normalise: NormaliseSettings = field(default_factory=NormaliseSettings)
    diameter: Diameter | None = None  # model pixels; None = the image is never rescaled
    image_diameter: Diameter | None = None  # image pixels: median cell of the training labels
    # smallest and largest median of a training image, image pixels, where they differ much: then
    # each image is rescaled by its own
    image_diameters: tuple[Diameter, Diameter] | None = None
    # how well `image_diameter` fits a training image as the model sees it, 0..1; None = not known
    fit: Share | None = None
    axes: str = "YX"  # of the first training image
    instances: InstanceSettings = field(default_factory=InstanceSettings)
    training: dict[str, Any] = field(default_factory=dict)  # steps, seconds, scores, versions
    licence: str = ""
    origin: str = ""
    format: int = 1

    @property
    def channels(self) -> int:
        return self.network.in_channels


def to_dict(settings: Any) -> dict[str, Any]:
    """Plain JSON types of any dataclass of this module; :func:`core.typed.from_dict` reads them."""
    return dataclasses.asdict(settings)


def _require_preset(name: str) -> None:
    _require(name in PRESETS, f"there is no preset {name!r}; there are {', '.join(PRESETS)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadInput(message)
