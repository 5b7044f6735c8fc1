"""What a model's description means for an image with cells of another size."""

from __future__ import annotations

import pytest

from napari_unet.core.modelled import general, instances_for, model_scale, must_measure, takes
from napari_unet.core.settings import InstanceSettings, ModelConfig, NetworkSettings

NET, FOUND = NetworkSettings(), InstanceSettings(min_size=40, part_size=80)
GENERAL = ModelConfig(NET, diameter=26.0)
TRAINED = ModelConfig(NET, diameter=26.0, image_diameter=52.0, instances=FOUND)
MIXED = ModelConfig(NET, diameter=26.0, image_diameter=20.0, image_diameters=(10.0, 40.0))
NATIVE = ModelConfig(NET, image_diameter=20.0, instances=FOUND)
EVERY = (GENERAL, TRAINED, MIXED, NATIVE)


def test_scale() -> None:
    assert model_scale(TRAINED) == 0.5
    assert model_scale(TRAINED, 13.0) == 2.0
    assert model_scale(GENERAL, 13.0) == 2.0
    assert model_scale(GENERAL) == 1.0  # nobody knows: it has to be measured
    assert model_scale(NATIVE, 13.0) == 1.0


def test_who_must_be_measured() -> None:
    assert [must_measure(c) for c in (GENERAL, TRAINED, MIXED, NATIVE)] == [
        True,
        False,
        True,
        False,
    ]
    assert [c for c in EVERY if general(c)] == [GENERAL]


def test_only_a_general_model_takes_the_mean_of_channels() -> None:
    assert takes(GENERAL, 3) and takes(GENERAL, 1) and takes(TRAINED, 1)
    assert not takes(TRAINED, 3) and not takes(NATIVE, 2)


def test_least_sizes_go_with_the_area() -> None:
    assert instances_for(TRAINED) == FOUND == instances_for(NATIVE, 40.0)
    half = instances_for(TRAINED, 26.0)
    assert (half.min_size, half.part_size) == (10, 20)
    assert instances_for(TRAINED, 52.0) == FOUND
    assert instances_for(GENERAL, 20.0).part_size == pytest.approx(0.3 * 314, abs=1)
    assert instances_for(GENERAL).part_size == 0
