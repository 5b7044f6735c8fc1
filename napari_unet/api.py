"""The one door to the engine, for Python and the command line (design, section 14)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.annotation import Labels, Pair
from napari_unet.core.axes import axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.metrics import Scores, evaluate
from napari_unet.core.settings import LabelsAre, ModelConfig, TrainOptions
from napari_unet.models import find_model
from napari_unet.runs.folder import create_run
from napari_unet.runs.messages import Message

if TYPE_CHECKING:
    from napari_unet.core.segment import Segmenter
    from napari_unet.core.unet import UNet

__all__ = ["Model", "Scores", "check_device", "evaluate", "load_model", "train", "train_run"]

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
        image : any of the axes of design section 17
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
        float32 foreground probability ``(Y, X)``, or ``(classes, Y, X)`` with classes,
        background first; with a leading axis for a stack

        Raises
        ------
        BadInput
            If the axes are unclear, the channels are not the model's, or there is no such
            diameter, precision or number of views.
        """
        return self.probabilities_and_labels(
            image,
            axes=axes,
            tile=tile,
            precision=precision,
            device=device,
            diameter=diameter,
            views=views,
            progress=progress,
            warn=warn,
        )[0]

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
        int32 ``(Y, X)``; ``(Z, Y, X)`` for a stack, ids unique over the stack
        """
        return self.probabilities_and_labels(
            image,
            axes=axes,
            tile=tile,
            precision=precision,
            device=device,
            diameter=diameter,
            views=views,
            progress=progress,
            warn=warn,
        )[1]

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
        from napari_unet.core.modelled import check_wishes
        from napari_unet.core.segment import stack_labels

        check_wishes(diameter, precision, views)
        segmenter = self._segmenter(device)
        segmenter.tile, segmenter.precision, segmenter.views = tile, precision, views
        segmenter.diameter, segmenter.warn = diameter, warn or segmenter.warn
        pairs = list(_slices(segmenter, image, axes, progress))
        if len(pairs) == 1:
            return pairs[0]
        planes = [labels for _, labels in pairs]
        stack = stack_labels(planes) if self.config.labels_are == "instances" else np.stack(planes)
        return np.stack([p for p, _ in pairs]), stack

    def save(self, path: str | Path) -> None:
        """Write or replace a model file (.safetensors), atomically."""
        from napari_unet.runs.networks import save_network

        save_network(Path(path), self._net, self.config)

    def _segmenter(self, device: str) -> Segmenter:
        from napari_unet.core.device import find_device
        from napari_unet.core.segment import Segmenter

        self._net.to(find_device(device))
        return Segmenter(self._net, self.config)


def _slices(
    segmenter: Segmenter, image: npt.ArrayLike, axes: str | None, progress: TileProgress | None
) -> Iterator[tuple[Floats, Labels]]:
    """Probabilities and labels of each slice of an image."""
    from napari_unet.runs.predict import reading, settle_diameter

    array: Any = image if hasattr(image, "dtype") and hasattr(image, "shape") else np.asarray(image)
    found = axes_of(array, axes, where="the image")
    read = reading(segmenter, array, found)
    settle_diameter(segmenter, read, range(found.slices))
    for index in range(found.slices):
        slice_ = read(index)
        if not slice_.finite.all():
            segmenter.warn("NaN or infinite pixels count as missing: they are labelled 0")
        probability = segmenter.probability(slice_, progress)
        yield probability, segmenter.labels(probability, slice_.finite)


def load_model(name_or_path: str | Path) -> Model:
    """A model by its name (see ``napari_unet.models``) or the path of its file.

    Raises
    ------
    BadInput
        If there is no such model, or the file is no model file of this version.
    """
    from napari_unet.runs.networks import load_network

    return Model(*load_network(find_model(str(name_or_path)), "cpu"))


def train_run(
    run: Path, stop: Callable[[], bool] = lambda: False
) -> Generator[Message, None, None]:
    """Do, or go on with, the training of a run folder; yields the messages of its log.

    The folder is held until the generator has ended or is closed.

    Raises
    ------
    BadInput
        If it is no run folder, or another window, command or thread trains in it.
    """
    from napari_unet.runs.train import train_run as training

    return training(Path(run), stop)


def check_device(name: str) -> None:
    """Say early what is wrong with a device's name.

    Raises
    ------
    BadInput
        If this machine has no such device.
    """
    from napari_unet.core.device import find_device

    find_device(name)


def train(
    images: Sequence[npt.ArrayLike],
    labels: Sequence[npt.ArrayLike],
    *,
    known: Sequence[npt.ArrayLike | None] | None = None,
    labels_are: LabelsAre = "instances",
    axes: str | None = None,
    preset: str = "default",
    base: str = "default",
    seconds: float | None = None,
    steps: int | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[Message], None] | None = None,
) -> Model:
    """Fine-tune a U-Net on annotated images.

    Parameters
    ----------
    images : arrays of the same axes and channels
    labels : for each image ``(Y, X)`` int, 0 = not painted (stacks: with leading axes)
    known : for each image like its labels, not 0 where it is known, or None: all of each slice
        with a label
    labels_are : "instances" (each id a cell) or "classes" (each value a kind of thing)
    axes : letters of the images' axes; None = as the shape says where that is clear
    preset, base : "default", "paper", "fiji"; a model's name or path, or "none"
    seconds, steps : the budget; default 60 s on a CPU, 15 s on a GPU
    run : folder to keep the run in; None = it is thrown away
    device : "auto" (an NVIDIA GPU if there is one), "cpu", "cuda", "mps"
    seed : 0 or more; the same on the same machine gives the same model with `steps`
    progress : called with each message (docs/architecture.md)

    Returns
    -------
    The best model by the held-out part

    Raises
    ------
    BadInput
        If images, labels or options cannot be used; before any work starts.
    """
    for what, given in (("labels", labels), ("known areas", known)):
        if given is not None and len(given) != len(images):
            raise BadInput(
                f"there are {len(images)} images but {len(given)} {what}; each image needs its own"
            )
    check_device(device)
    options = replace(
        TrainOptions(preset=preset, base=base, labels_are=labels_are, device=device, seed=seed),
        seconds=seconds,
        steps=steps,
    )
    pairs = []
    for index, (image, painted) in enumerate(zip(images, labels, strict=True)):
        array, name = np.asarray(image), f"image {index}"
        letters = axes_of(array, axes, where=name).letters
        mask = None if known is None else known[index]
        area = None if mask is None else np.asarray(mask) != 0
        pairs.append(Pair(name, array, np.asarray(painted), area, letters))
    temporary = Path(tempfile.mkdtemp(prefix="napari-unet-")) if run is None else None
    try:
        folder = create_run(Path(run) if temporary is None else temporary / "run", pairs, options)  # type: ignore[arg-type]
        # closed at once where `progress` raises: a traceback that is kept would keep the run held
        with closing(train_run(folder.path)) as messages:
            for message in messages:
                if progress is not None:
                    progress(message)
        return load_model(folder.model)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
