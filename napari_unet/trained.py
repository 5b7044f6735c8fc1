"""A trained U-Net that predicts images of any axes: from Python, and for the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.annotation import Labels
from napari_unet.core.axes import Axes, axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.given import as_array
from napari_unet.core.settings import ModelConfig

if TYPE_CHECKING:
    from napari_unet.core.segment import Segmenter
    from napari_unet.core.unet import UNet

Floats = npt.NDArray[np.float32]
TileProgress = Callable[[int, int], None]


class Model:
    """A trained U-Net and everything it says of itself.

    Attributes
    ----------
    config : network, normalisation, diameter, instance settings, training summary
    """

    def __init__(self, net: UNet, config: ModelConfig) -> None:
        self._net = net
        self.config = config

    def predict(
        self,
        image: npt.ArrayLike,
        *,
        axes: str | None = None,
        tile: int | None = None,
        precision: str = "auto",
        device: str = "auto",
        diameter: float | None = None,
        views: int | None = None,
        progress: TileProgress | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Floats:
        """Probabilities at full resolution.

        Parameters
        ----------
        image : (Y, X), with leading T, Z, or channels: whatever `axes` can name
        axes : letters as in tifffile; None = as the shape says where that is clear
        tile : side of the input tile, model pixels, moved to the nearest legal size; None =
            the library's choice; 0 = untiled
        precision : "auto" (bfloat16 where the device has it) or "fp32"
        device : "auto", "cpu", "cuda", "mps"
        diameter : cell diameter in this image, px; None = as in the training images, or as the
            model finds it where it was trained on many kinds, or where it is quite another
        views : mirrored views of each tile that are averaged, 1 or 4; None = 4 where a slice is
            small, about 1024 x 1024 px of cells of 26 px
        progress : called with (tiles done, tiles) of each slice
        warn : called with a sentence of what the user should know, such as the size of the cells

        Returns
        -------
        float32 foreground probability in the image's own shape without channels, such as
        ``(Y, X)`` or ``(T, Z, Y, X)``; with classes, one more axis before Y and X, background
        first: ``(classes, Y, X)``, ``(Z, classes, Y, X)``

        Raises
        ------
        BadInput
            If the axes are unclear, the channels are not the model's, or there is no such
            diameter, tile size, precision or number of views.
        """
        wish = Wish(tile, precision, device, diameter, views, progress, warn)
        found, slices = self._slices(image, axes, wish)
        return found.assemble([slice_.probability for slice_ in slices])

    def segment(
        self,
        image: npt.ArrayLike,
        *,
        axes: str | None = None,
        tile: int | None = None,
        precision: str = "auto",
        device: str = "auto",
        diameter: float | None = None,
        views: int | None = None,
        progress: TileProgress | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> Labels:
        """Cells, or the class map in the painted values; parameters as in :meth:`predict`.

        Returns
        -------
        int32 in the image's own shape without channels, such as ``(Y, X)`` or ``(T, Z, Y, X)``;
        ids unique over a stack
        """
        wish = Wish(tile, precision, device, diameter, views, progress, warn)
        found, slices = self._slices(image, axes, wish)
        return self._stacked(found, [slice_.labels for slice_ in slices])

    def probabilities_and_labels(
        self,
        image: npt.ArrayLike,
        *,
        axes: str | None = None,
        tile: int | None = None,
        precision: str = "auto",
        device: str = "auto",
        diameter: float | None = None,
        views: int | None = None,
        progress: TileProgress | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> tuple[Floats, Labels]:
        """Both of :meth:`predict` and :meth:`segment` for the price of one."""
        wish = Wish(tile, precision, device, diameter, views, progress, warn)
        found, slices = self._slices(image, axes, wish)
        made = [(slice_.probability, slice_.labels) for slice_ in slices]
        planes = [labels for _, labels in made]
        return found.assemble([p for p, _ in made]), self._stacked(found, planes)

    def save(self, path: str | Path) -> None:
        """Write or replace a model file (.safetensors), atomically.

        Raises
        ------
        BadInput
            If there is a file already that is no model: nothing else is replaced; or no such
            folder.
        """
        from napari_unet.files.atomic import behind_link
        from napari_unet.files.model_file import check_new_model
        from napari_unet.runs.networks import save_network

        target = behind_link(Path(os.path.expanduser(path)))
        check_new_model(target)
        if not target.parent.is_dir():
            raise BadInput(f"there is no folder {target.parent} to write {target.name} in")
        save_network(target, self._net, self.config)

    def _slices(
        self, image: npt.ArrayLike, axes: str | None, wish: Wish
    ) -> tuple[Axes, Iterator[Predicted]]:
        """How the image is read, and its slices predicted one by one."""
        from napari_unet.core.device import find_device
        from napari_unet.core.modelled import check_wishes
        from napari_unet.core.segment import Segmenter

        check_wishes(wish.diameter, wish.precision, wish.views, wish.tile)
        self._net.to(find_device(wish.device))
        segmenter = Segmenter(self._net, self.config)
        segmenter.tile, segmenter.precision, segmenter.views = wish.tile, wish.precision, wish.views
        segmenter.diameter, segmenter.warn = wish.diameter, wish.warn or segmenter.warn
        numbers = isinstance(getattr(image, "dtype", None), np.dtype)  # torch has types of its own
        lazy = numbers and hasattr(image, "shape") and not np.ma.is_masked(image)
        array: Any = image if lazy else as_array(image, "the image")
        found = axes_of(array, axes, where="the image")
        if found.alpha:
            segmenter.warn("the fourth channel is opacity and is left out")
        return found, _predicted(segmenter, array, found, wish.progress)

    def _stacked(self, found: Axes, planes: list[Labels]) -> Labels:
        """Labels of all slices in the image's order of axes; ids of cells unique over them."""
        from napari_unet.core.segment import stack_labels

        if self.config.labels_are == "instances":
            planes = list(stack_labels(planes))
        return found.assemble(planes)


@dataclass(frozen=True)
class Wish:
    """How to predict; see :meth:`Model.predict`."""

    tile: int | None
    precision: str
    device: str
    diameter: float | None
    views: int | None
    progress: TileProgress | None
    warn: Callable[[str], None] | None


@dataclass(frozen=True)
class Predicted:
    """One slice: its probability, and its labels for those who ask for them."""

    segmenter: Segmenter
    probability: Floats
    finite: npt.NDArray[np.bool_]

    @property
    def labels(self) -> Labels:
        return self.segmenter.labels(self.probability, self.finite)


def _predicted(
    segmenter: Segmenter, array: Any, found: Axes, progress: TileProgress | None
) -> Iterator[Predicted]:
    """The slices of an image, one by one."""
    from napari_unet.runs.predict import reading, settle_diameter

    read = reading(segmenter, array, found)
    settle_diameter(segmenter, read, range(found.slices))
    for index in range(found.slices):
        slice_ = read(index)
        if not slice_.finite.all():
            segmenter.warn("NaN or infinite pixels count as missing: they are labelled 0")
        yield Predicted(segmenter, segmenter.probability(slice_, progress), slice_.finite)
