"""A network together with its model's settings: from an image to probabilities and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .annotation import Labels, Mask
from .axes import Axes
from .errors import BadInput
from .geometry import LEAST_TILE, input_size
from .inference import prepared
from .instances import label_cells
from .memory import is_out_of_memory, keep_freed_memory
from .modelled import instances_for, model_scale, must_measure, takes
from .normalise import normalise
from .predict import ArraySource, Source, predict_tiles
from .settings import ModelConfig
from .tiling import Tile, TilePlan, plan_tiles, plan_window, tile_size
from .unet import UNet
from .views import views_of
from .windows import Window, clipped

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SliceSource:
    """One normalised slice, and which of its pixels hold a value."""

    source: ArraySource
    finite: Mask


@dataclass
class Segmenter:
    """Predicts single slices; button, Python and command line all go through it.

    Attributes
    ----------
    tile : side of the input tile, model pixels; None = the library's choice; 0 = untiled
    diameter : cell diameter in the image, px; None = as in the training images
    together : model pixels that go through the network at once; None = the library's choice
    views : mirrored views of each tile that are averaged, 1 or 4; None = by the slice's size
    """

    net: UNet
    config: ModelConfig
    tile: int | None = None
    precision: str = "auto"
    diameter: float | None = None
    together: int | None = None
    views: int | None = 1
    warn: Callable[[str], None] = lambda words: None

    def __post_init__(self) -> None:
        self.net = prepared(self.net)
        if self.device == "cpu":
            keep_freed_memory()

    @property
    def device(self) -> str:
        """Type of the torch device."""
        return next(self.net.parameters()).device.type

    @property
    def factor(self) -> float:
        """Image pixels -> model pixels."""
        return model_scale(self.config, self.diameter)

    @property
    def needs_diameter(self) -> bool:
        """The model knows cells of one size, but not how large they are in this image."""
        return must_measure(self.config) and not self.diameter

    def read(self, image: Any, axes: Axes, index: int, where: str = "the image") -> SliceSource:
        """Slice `index` of an image, normalised as in training.

        Raises
        ------
        BadInput
            If the number of channels is not the model's.
        """
        if not takes(self.config, axes.channels):
            raise BadInput(
                f"{where} has {_channels(axes.channels)} ({axes.letters}), "
                f"but the model was trained on {_channels(self.config.channels)}"
            )
        normalised, finite = normalise(axes.slice(image, index), self.config.normalise)
        if axes.channels != self.config.channels:
            normalised = normalised.mean(axis=0, keepdims=True)
        return SliceSource(ArraySource(normalised), finite)

    def plan(self, shape: tuple[int, int]) -> TilePlan:
        """The tiles for a slice of `shape`; says so when the tile size had to be moved."""
        if self.tile:
            legal = tile_size(self.config.network, self.tile, self.factor)
            if legal != self.tile:
                self.warn(
                    f"tile size {self.tile} moved to {legal} px, the nearest that the network takes"
                )
        return plan_tiles(
            shape, self.config.network, factor=self.factor, tile=self.tile, device=self.device
        )

    def tiles(
        self, slice_: SliceSource, first: Window | None = None
    ) -> Iterator[tuple[Tile, int, int, Floats]]:
        """Yield (tile, its number, number of tiles, probabilities), `first` (image px) first.

        Probabilities are ``(h, w)`` foreground with instances, ``(classes, h, w)`` otherwise.
        Out of memory halves the tile, says so, and begins anew.
        """
        shape = slice_.source.shape[1:]
        yield from self._predicted(slice_.source, lambda: self.plan(shape).visible_first(first))

    def window(self, source: Source, window: Window) -> Floats:
        """Probabilities of `window` (image px) alone, exactly those that all tiles would give.

        ``(h, w)`` foreground with instances, ``(classes, h, w)`` otherwise.
        """
        shape, net = source.shape[1:], self.config.network
        kinds = () if self.config.labels_are == "instances" else (net.classes,)
        out = np.zeros((*kinds, window[1] - window[0], window[3] - window[2]), np.float32)

        def plan() -> TilePlan:
            if self.tile is not None:
                return self.plan(shape).touching(window)
            return plan_window(shape, window, net, factor=self.factor, device=self.device)

        for tile, _, _, probability in self._predicted(source, plan):
            y0, y1, x0, x1 = clipped(tile.window, window)
            inner = slice(y0 - tile.window[0], y1 - tile.window[0])
            probability = probability[..., inner, x0 - tile.window[2] : x1 - tile.window[2]]
            out[..., y0 - window[0] : y1 - window[0], x0 - window[2] : x1 - window[2]] = probability
        return out

    def _predicted(
        self, source: Source, planned: Callable[[], TilePlan]
    ) -> Iterator[tuple[Tile, int, int, Floats]]:
        """Tile by tile; out of memory halves :attr:`tile`, says so, and plans anew."""
        failed = math.inf  # side of the tiles that memory was too short for
        while True:
            plan = planned()
            try:
                made = predict_tiles(
                    self.net,
                    source,
                    plan,
                    precision=self.precision,
                    together=self.together,
                    views=self.views or views_of(plan.shape, self.config.network, plan.factor),
                )
                for done, (tile, probability) in enumerate(made, start=1):
                    yield tile, done, len(plan.tiles), self._outputs(probability)
                return
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                largest = max(max(t.size) for t in plan.tiles)
                side = largest // 2
                if side < LEAST_TILE or largest >= failed:  # the network takes no smaller ones
                    raise
                failed = largest
                torch.cuda.empty_cache()
                self.tile = input_size(self.config.network, side)
                self.together = 0  # else as many more of the smaller tiles would go together
                self.warn(f"out of memory: going on with tiles of {self.tile} px")

    def probability(
        self, slice_: SliceSource, progress: Callable[[int, int], None] | None = None
    ) -> Floats:
        """``(Y, X)`` foreground, or ``(classes, Y, X)``, of one slice."""
        shape = slice_.source.shape[1:]
        kinds = () if self.config.labels_are == "instances" else (self.config.network.classes,)
        out = np.zeros((*kinds, *shape), np.float32)
        for tile, index, count, probability in self.tiles(slice_):
            y0, y1, x0, x1 = tile.window
            out[..., y0:y1, x0:x1] = probability
            if progress is not None:
                progress(index, count)
        return out

    def labels(self, probability: Floats, finite: Mask) -> Labels:
        """Cells, or the class map in painted values; 0 where the image holds no value."""
        if self.config.labels_are == "instances":
            instances = instances_for(self.config, self.diameter)
            labels = label_cells(probability, instances, self.factor)
        else:
            values = np.array([0, *self.config.class_values], np.int32)
            labels = values[probability.argmax(axis=0)]
        labels[~finite] = 0
        return labels

    def _outputs(self, probability: Floats) -> Floats:
        return probability[1] if self.config.labels_are == "instances" else probability


def stack_labels(planes: list[Labels]) -> Labels:
    """(S, Y, X) with ids unique over the stack."""
    top, out = 0, []
    for plane in planes:
        out.append(np.where(plane > 0, plane + top, 0).astype(np.int32))
        top = max(top, int(out[-1].max(initial=0)))
    return np.stack(out)


def _channels(count: int) -> str:
    return f"{count} channel" + ("s" if count != 1 else "")
