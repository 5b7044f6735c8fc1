"""The model that ships: what it says of itself is true, and it finds cells."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_unet
from napari_unet.core.annotation import median_diameter
from napari_unet.files.model_file import read_config
from napari_unet.models import find_model, list_models
from napari_unet.models.places import shipped_folder


def test_the_card_is_of_this_file() -> None:
    sha = hashlib.sha256(find_model("default").read_bytes()).hexdigest()
    card = (shipped_folder() / "default.md").read_text()
    assert sha in card
    for word in ("licence", "trained on", "steps", "Scores", "Limits"):
        assert word in card


def test_all_that_ships_is_small_and_free() -> None:
    shipped = [m for m in list_models() if m.shipped]
    assert shipped and all(m.config is not None for m in shipped)
    assert sum(m.path.stat().st_size for m in shipped) < 25_000_000
    for model in shipped:
        assert model.config is not None
        assert model.config.licence == "CC0-1.0" and model.config.origin


def test_it_is_of_the_default_network() -> None:
    """A training from it costs what one from scratch costs."""
    from napari_unet.core.presets import preset

    config = read_config(find_model("default"))
    assert config.network == preset("default").network
    assert config.normalise == preset("default").normalise
    assert config.diameter == preset("default").scale.diameter
    assert config.image_diameter is None


@pytest.mark.parametrize("shrink", [1, 2])
def test_it_finds_cells_and_their_size(samples: Path, shrink: int) -> None:
    image = tifffile.imread(samples / "fluorescence_1.tif")[:160, :160]
    truth = tifffile.imread(samples / "fluorescence_1_labels.tif")[:160, :160]
    image, truth = image[::shrink, ::shrink], truth[::shrink, ::shrink]
    said: list[str] = []
    cells = napari_unet.load_model("default").segment(image, device="cpu", warn=said.append)
    diameter = median_diameter(truth)
    assert diameter is not None
    (words,) = [w for w in said if "px across" in w]
    found = float(words.split()[-3])
    assert found == pytest.approx(diameter, rel=0.3), words
    assert napari_unet.evaluate(truth, cells).ap(0.5) > 0.5


@pytest.mark.parametrize("times, side", [(0.5, 200), (1.3, 160), (2.0, 160)])
def test_cells_of_another_size_than_the_trained_ones(
    samples: Path, times: float, side: int
) -> None:
    """A model of one size looks at them at their own, says so, and can be told otherwise."""
    image = tifffile.imread(samples / "fluorescence_1.tif")[:side, :side]
    truth = tifffile.imread(samples / "fluorescence_1_labels.tif")[:side, :side]
    diameter = median_diameter(truth)
    assert diameter is not None
    model = napari_unet.load_model("default")
    model.config = replace(model.config, image_diameter=diameter / times)
    said: list[str] = []
    cells = model.segment(image, device="cpu", warn=said.append)
    if times == 1.3:
        assert not said
        return
    assert f"those of the training images were {diameter / times:.0f} px" in said[0]
    found = float(said[0].split()[4])
    assert found == pytest.approx(diameter, rel=0.15)
    assert napari_unet.evaluate(truth, cells).ap(0.5) > 0.6
    said.clear()
    told = model.segment(image, device="cpu", diameter=diameter / times, warn=said.append)
    assert not said and not np.array_equal(told, cells)


def test_it_takes_the_mean_of_colours(samples: Path) -> None:
    image = tifffile.imread(samples / "histology_1.tif")[:200, :200]
    model = napari_unet.load_model("default")
    cells = model.segment(image, axes="YXC", device="cpu", diameter=25)
    assert cells.shape == image.shape[:2] and np.unique(cells).size > 5
