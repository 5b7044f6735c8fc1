"""What an installed package must contain."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet import __version__, sample_images


def test_every_folder_of_the_package_is_packaged(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    package = repository / "napari_unet"
    folders = {path.parent.relative_to(repository) for path in package.rglob("*.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"napari_unet.sample_data"}
    assert set(project["tool"]["setuptools"]["packages"]) == expected


def test_the_version_is_written_once(repository: Path) -> None:
    changes = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert __version__ in changes
    assert __version__ not in (repository / "pyproject.toml").read_text(encoding="utf-8")


def test_the_samples_are_small() -> None:
    size = sum(path.stat().st_size for path in sample_images.sample_folder().iterdir())
    assert size < 3_000_000


@pytest.mark.parametrize("image, labels", sample_images.sample_pairs(), ids=lambda path: path.stem)
def test_sample_labels_are_cells(image: Path, labels: Path) -> None:
    grey, cells = tifffile.imread(image), tifffile.imread(labels)
    assert grey.shape[:2] == cells.shape
    assert cells.dtype == np.uint16
    areas = np.bincount(cells.ravel())[1:]
    assert areas.min() >= 60
    assert 20 <= np.median(2 * np.sqrt(areas / np.pi)) <= 45
    beside = (cells[:, 1:] != cells[:, :-1]) & (cells[:, 1:] > 0) & (cells[:, :-1] > 0)
    assert beside.sum() > 20  # cells that touch are what the weight map is about


@pytest.mark.parametrize(
    "make, shape",
    [
        (sample_images.fluorescence, (512, 512)),
        (sample_images.phase_contrast, (512, 512)),
        (sample_images.histology, (384, 384, 3)),
        (sample_images.nuclei_stack, (4, 512, 512)),
    ],
)
def test_open_sample(make, shape) -> None:
    ((data, options, kind),) = make()
    assert (data.shape, kind) == (shape, "image")
    assert options["name"]
