"""How large the cells are, found by a model that knows one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from skimage import measure

from napari_unet.core.predict import ArraySource
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.sizing import estimated_diameter, slices_to_measure, unlike_diameter
from napari_unet.core.windows import Window, part_of

CONFIG = ModelConfig(NetworkSettings(), diameter=26.0)


@dataclass
class Knowing:
    """A model that is sure of bright discs of 26 model pixels, and in doubt about others."""

    truth: float  # diameter of the discs, image pixels
    config: ModelConfig = CONFIG
    diameter: float | None = None
    tile: int | None = None
    views: int | None = None
    blind: bool = False

    @property
    def factor(self) -> float:
        assert self.diameter is not None
        return 26.0 / self.diameter

    def window(self, source: ArraySource, window: Window) -> np.ndarray:
        assert self.diameter is not None
        seen = source.array[0][part_of(window)]
        doubt = min(abs(np.log(self.diameter / self.truth)), 0.45)
        return np.zeros_like(seen) if self.blind else np.where(seen > 0.5, 1 - doubt, doubt)

    def labels(self, probability: np.ndarray, finite: np.ndarray) -> np.ndarray:
        return measure.label(probability > 0.5).astype(np.int32)


def discs(diameter: float, side: int = 700) -> ArraySource:
    y, x = np.mgrid[:side, :side]
    pitch = 1.4 * diameter
    away = np.hypot(y % pitch - pitch / 2, x % pitch - pitch / 2)
    return ArraySource((away < diameter / 2)[None].astype(np.float32))


@pytest.mark.parametrize("diameter", [10.0, 17.0, 26.0, 43.0, 90.0])
def test_the_diameter_of_discs(diameter: float) -> None:
    model: Any = Knowing(diameter)
    found = estimated_diameter(model, [discs(diameter)])
    assert found == pytest.approx(diameter, rel=0.1)


def test_no_cells_no_diameter() -> None:
    model: Any = Knowing(26.0, blind=True)
    assert estimated_diameter(model, [discs(26.0)]) is None


def test_an_image_smaller_than_what_is_looked_at() -> None:
    model: Any = Knowing(20.0)
    assert estimated_diameter(model, [discs(20.0, side=120)]) == pytest.approx(20.0, rel=0.1)


def test_an_empty_slice_decides_nothing() -> None:
    model: Any = Knowing(43.0)
    nothing = ArraySource(np.zeros((1, 700, 700), np.float32))
    for stack in ([nothing, discs(43.0)], [discs(43.0), nothing]):
        assert estimated_diameter(model, stack) == pytest.approx(43.0, rel=0.1)


@pytest.mark.parametrize("diameter", [10.0, 43.0])
def test_cells_unlike_those_of_the_training(diameter: float) -> None:
    model: Any = Knowing(diameter, replace(CONFIG, image_diameter=20.0))
    nothing = ArraySource(np.zeros((1, 700, 700), np.float32))
    assert unlike_diameter(model, [nothing, discs(diameter)]) == pytest.approx(diameter, rel=0.1)


def test_cells_like_those_of_the_training_are_not_measured() -> None:
    model: Any = Knowing(20.0, replace(CONFIG, image_diameter=20.0))
    assert unlike_diameter(model, [discs(20.0)]) is None
    near: Any = Knowing(24.0, replace(CONFIG, image_diameter=20.0))
    assert unlike_diameter(near, [discs(24.0)]) is None


def test_cells_somewhat_larger_are_measured_where_the_model_is_in_doubt() -> None:
    model: Any = Knowing(30.0, replace(CONFIG, image_diameter=20.0))
    assert unlike_diameter(model, [discs(30.0)]) == pytest.approx(30.0, rel=0.1)


def test_cells_of_many_sizes_are_not_measured() -> None:
    """Where the trained size fits the training images no better, it is theirs all the same."""
    config = replace(CONFIG, image_diameter=20.0, fit=0.15)
    model: Any = Knowing(30.0, config)
    assert unlike_diameter(model, [discs(30.0)]) is None
    sure: Any = Knowing(30.0, replace(config, fit=0.9))
    assert unlike_diameter(sure, [discs(30.0)]) == pytest.approx(30.0, rel=0.1)


def test_a_few_specks_are_no_other_size() -> None:
    model: Any = Knowing(20.0, replace(CONFIG, image_diameter=20.0))
    specks = discs(8.0).array.copy()
    specks[0, 360:], specks[0, :, 360:] = 0, 0
    specks[0, :345], specks[0, :, :330] = 0, 0
    assert unlike_diameter(model, [ArraySource(specks)]) is None


def test_which_slices_are_looked_at() -> None:
    assert slices_to_measure([7]) == [7]
    assert slices_to_measure([4, 5]) == [5, 4]
    assert slices_to_measure(range(100)) == [50, 25, 75]
