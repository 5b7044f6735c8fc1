"""Batches of augmented tiles, drawn from the samples."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from . import geometry
from .annotation import Mask
from .augment import change_intensities, coordinates, draw, points_of, read_points
from .centres import Centres
from .samples import Floats, Sample
from .settings import LabelsAre, Settings
from .weights import border_term


@dataclass(frozen=True)
class Batch:
    """Tiles on the device."""

    image: Tensor  # (N, C, T, T)
    target: Tensor  # (N, t, t) int64, t the side of the network's output
    weights: Tensor  # (N, t, t); 0 = unknown


class Batches:
    """Endless augmented batches; number `step` is a pure function of (seed, step).

    No state to save: a resumed run draws what the uninterrupted one would have drawn.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        by_class: dict[int, float],
        settings: Settings,
        labels_are: LabelsAre,
        seed: int,
        device: torch.device,
    ) -> None:
        self.by_class = by_class
        self.labels_are, self.seed, self.device = labels_are, seed, device
        self._set(settings)
        self._images = [torch.from_numpy(s.image).to(device) for s in samples]
        self._means, self._spreads = np.array([s.mean_and_spread for s in samples]).T
        self._take(samples)

    def changed(self, settings: Settings) -> Batches:
        """The same images for another batch or tile; nothing is held twice."""
        made = copy(self)
        made._set(settings)
        return made

    def knowing(self, known: Sequence[Mask]) -> Batches:
        """The same images, of whose open ground (`Sample.ground`) other parts are known."""
        made = copy(self)
        made._take(
            [
                s if s.ground is None else s.knowing(now)
                for s, now in zip(self.samples, known, strict=True)
            ]
        )
        return made

    def _take(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        # what must stay a label is read together, nearest: target, known, ids
        self._labels = [
            torch.from_numpy(np.stack([s.target, s.known, s.cells]).astype(np.float32)).to(
                self.device
            )
            for s in samples
        ]
        self._weights = [torch.from_numpy(s.weights[None]).to(self.device) for s in samples]
        self._drawn = Centres(
            [s.target.shape[0] for s in samples], [partial(self._chance, s) for s in samples]
        )

    def _set(self, settings: Settings) -> None:
        self.settings = settings
        self.tile = geometry.input_size(settings.network, settings.fit.tile)
        self.margin = geometry.margin(settings.network)
        self.count = settings.fit.batch

    def batch(self, step: int) -> Batch:
        """The tiles of one step."""
        rng = np.random.default_rng([self.seed, step])
        which, centres = self.centres(rng)
        augment = self.settings.augment
        drawn = draw(rng, self.count, self.tile, augment)
        where = coordinates(drawn, centres, self.tile, augment, self.device)
        points = points_of([self._images[i] for i in which], where)
        image = read_points([self._images[i] for i in which], points, "bilinear")
        image = change_intensities(image, drawn, self._means[which], self._spreads[which])
        inner = points[
            :, self.margin : self.tile - self.margin, self.margin : self.tile - self.margin
        ]
        labels = read_points([self._labels[i] for i in which], inner, "nearest")
        if self.settings.fit.weights_warped:
            weights = read_points([self._weights[i] for i in which], inner, "bilinear")[:, 0]
        else:
            weights = self._recomputed(labels[:, 2].round())
        return Batch(image, labels[:, 0].round().long(), weights * labels[:, 1])

    def centres(self, rng: np.random.Generator) -> tuple[list[int], npt.NDArray[np.float64]]:
        """Slices and tile centres (y, x): cells and gaps often, unknown never."""
        which, pixels = self._drawn.draw(rng, self.count)
        jitter = (
            geometry.grid(self.settings.network) / 2
        )  # as Fiji: no fixed phase on the pooling grid
        return which, pixels + rng.uniform(-jitter, jitter, pixels.shape)

    def _chance(self, sample: Sample, rows: slice) -> Floats:
        """How likely pixels are to be the centre of a tile, against others."""
        gap = sample.weights[rows] > 2 * self.by_class.get(0, 1.0)
        often = (sample.target[rows] > 0) | gap
        return (
            np.where(often, 1.0, self.settings.fit.background_chance).astype(np.float32)
            * sample.known[rows]
        )

    def _recomputed(self, cells: Tensor) -> Tensor:
        """The weight map of each warped tile, made anew: gaps keep their full height."""
        maps = []
        for ids in cells.cpu().numpy().astype(np.int32):
            term = border_term(ids, self.settings.weights, self.labels_are)
            if self.settings.weights.preset == "paper":
                term += np.float32(self.by_class.get(0, 1.0))
                for value in np.unique(ids[ids > 0]) if self.labels_are == "classes" else ():
                    term[ids == value] = self.by_class.get(int(value), 1.0)
                if self.labels_are == "instances":
                    term[ids > 0] = self.by_class.get(1, 1.0)
            maps.append(term)
        return torch.from_numpy(np.stack(maps)).to(self.device)
