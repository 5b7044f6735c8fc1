"""The sample images that ship with the package; also napari's File > Open Sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

LayerData = tuple[NDArray[Any], dict[str, Any], str]


def sample_folder() -> Path:
    """The folder of the sample images: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "sample_data"
    return installed if installed.is_dir() else package.parent / "sample_data"


def sample_pairs(kind: str = "") -> list[tuple[Path, Path]]:
    """Image and labels files, sorted by name.

    Parameters
    ----------
    kind
        The beginning of the names, such as ``"fluorescence"``; all images when empty.
    """
    ending = "_labels.tif"
    return [
        (labels.with_name(labels.name.removesuffix(ending) + ".tif"), labels)
        for labels in sorted(sample_folder().glob(f"{kind}*{ending}"))
    ]


def fluorescence() -> list[LayerData]:
    """Nuclei, (Y, X) uint16; without labels: those are for the user to paint."""
    return _layer("fluorescence_1", "Fluorescence nuclei")


def phase_contrast() -> list[LayerData]:
    """Living cells, (Y, X) uint8."""
    return _layer("phase_contrast_1", "Phase-contrast cells")


def histology() -> list[LayerData]:
    """Stained tissue, (Y, X, 3) uint8."""
    return _layer("histology_1", "Histology nuclei", rgb=True)


def nuclei_stack() -> list[LayerData]:
    """All images of nuclei as slices of one layer, (Z, Y, X) uint16."""
    images = [tifffile.imread(image) for image, _ in sample_pairs("fluorescence")]
    return [(np.stack(images), {"name": "Fluorescence nuclei, four fields"}, "image")]


def _layer(name: str, title: str, **options: Any) -> list[LayerData]:
    image = tifffile.imread(sample_folder() / f"{name}.tif")
    return [(image, {"name": title, **options}, "image")]
