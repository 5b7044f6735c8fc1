"""Annotated images on disk: which file belongs to which, and reading them.

Either NAME.tif + NAME_labels.tif (+ NAME_known.tif) in one folder, or images/ + labels/
(+ known/) with equal names; NAME_known.tif may lie in any of these. NAME is the file name without
its last suffix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.annotation import Mask, Pair, beyond, check_labels, photo_doubt, stated_area
from napari_unet.core.axes import Axes, axes_of
from napari_unet.core.errors import BadInput
from napari_unet.core.given import as_mask

from .folders import by_name, called_images, found_in, has_parts, image_files
from .images import SUFFIXES, black_numbers, check_order, read_image


@dataclass(frozen=True)
class PairFiles:
    """The files of one annotated image; `known` where the user has one."""

    name: str
    image: Path
    labels: Path
    known: Path | None = None


@dataclass(frozen=True)
class PairsOnDisk:
    """What a folder holds: its pairs, and the names of what is alone."""

    pairs: tuple[PairFiles, ...]
    passed_over: tuple[str, ...] = ()
    without_image: tuple[str, ...] = ()
    of_no_pair: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()  # images/

    @property
    def complete(self) -> bool:
        """Whether nothing is left out."""
        return not (self.passed_over or self.without_image or self.of_no_pair or self.beside)

    @property
    def words(self) -> str:
        """For people, e.g. ``5 annotated images, 2 images without labels passed over``."""
        words = [_counted(len(self.pairs), "annotated image")]
        if self.passed_over:
            words.append(f"{_counted(len(self.passed_over), 'image')} without labels passed over")
        return ", ".join([*words, *([self.alone] if self.alone else [])])

    @property
    def alone(self) -> str:
        """What belongs to nothing, in words; "" = there is none."""
        words = []
        if self.without_image:
            files = _counted(len(self.without_image), "label file")
            words.append(f"{files} without an image passed over ({self.without_image[0]})")
        if self.of_no_pair:
            areas = _counted(len(self.of_no_pair), "known area")
            words.append(f"{areas} of no annotated image passed over ({self.of_no_pair[0]})")
        if self.beside:
            words.append(f"{_counted(len(self.beside), 'file')} beside images/ passed over")
        return ", ".join(words)


def find_pairs(folder: Path) -> PairsOnDisk:
    """All annotated images of a folder, sorted by name; at least one.

    Raises
    ------
    BadInput
        As :func:`look_into`, and if there is no pair.
    """
    found = look_into(folder)
    if not found.pairs:
        needed = "NAME.tif with NAME_labels.tif is needed, or images/ with labels/"
        raise BadInput(f"{folder} holds no annotated image: {needed}")
    return found


def look_into(folder: Path) -> PairsOnDisk:
    """What a folder holds, be there no annotated image.

    Raises
    ------
    BadInput
        If there is no such folder, two images or labels of one name, or a link to a file that is
        not there.
    """
    images, labels, known = found_in(folder)
    pairs = tuple(
        PairFiles(name, image, labels[name], known.get(name))
        for name, image in images.items()
        if name in labels
    )
    annotated, shown = {pair.name for pair in pairs}, set(images.values())
    return PairsOnDisk(
        pairs,
        tuple(name for name in images if name not in labels),
        tuple(path.name for name, path in labels.items() if name not in images),
        tuple(p.name for name, p in known.items() if name not in annotated and p not in shown),
        tuple(p.name for p in called_images(folder)) if has_parts(folder) else (),
    )


def list_images(paths: Iterable[Path]) -> list[Path]:
    """The images to predict: files as given, folders as their images without labels and such.

    Raises
    ------
    BadInput
        If a path is absent, a folder holds no image, or two images have one name: their
        results would overwrite each other.
    """
    images: list[Path] = []
    for path in paths:
        if path.is_dir():
            shown, labelled, _ = found_in(path)
            found = list(shown.values())
            here = bool(found) and found[0].parent == path
            own = labelled.keys() & shown.keys()
            if here and not own and image_files(path / "images"):
                raise BadInput(f"{path} holds images, and images/ in it, too: name one of both")
            if not found:
                raise BadInput(f"{path} holds no image ({', '.join(SUFFIXES)})")
            images += found
        elif path.exists():
            images.append(path)
        else:
            raise BadInput(f"there is no file or folder {path}")
    by_name(images, way_out="rename one, or predict them into two folders")
    return images


def read_pair(files: PairFiles, axes: str | None = None) -> Pair:
    """Read one annotated image.

    Parameters
    ----------
    files
        Where it lies.
    axes
        Of the image, if the user says so; see :func:`napari_unet.core.axes.read_axes`.

    Raises
    ------
    BadInput
        If a file is no image, the axes are ambiguous, the labels are no ids, or their shape
        is not that of the image.
    """
    image, metadata = read_image(files.image)
    reading = axes_of(image, axes, metadata=metadata, where=str(files.image))
    labels = read_labels(files.labels, reading)
    known = None if files.known is None else read_known(files.known, reading)
    for path, array in ((files.labels, labels), (files.known, known)):
        if array is not None and not reading.fits(array.shape):
            alike = array.shape == image.shape
            raise BadInput(
                f"{path} has the shape {array.shape}, but its image {files.image.name} has"
                f" {image.shape} (read as {reading.letters})"
                f"{reading.slices_instead if alike else ''}"
            )
        if path is not None and axes is None:
            check_order(path, reading.letters, image.shape)
    notes = [photo_doubt(labels)]
    if known is not None:
        known = known.reshape(labels.shape)  # singleton axes may differ
        notes.append(beyond(labels, known))
        known = stated_area(labels, known)
    return Pair(files.name, image, labels, known, reading.letters, tuple(n for n in notes if n))


def read_labels(path: Path, image: Axes | None = None) -> npt.NDArray[np.int32]:
    """Label ids of a file, int32 of the file's shape; `image` is how theirs is read, if known.

    :class:`BadInput` if they are no ids; and for a mask of two numbers that shows 0 in another
    colour and the cells in black: nobody knows which of both are the cells. (Of many ids one may
    well be black.)
    """
    array = _read_exact(path, image)
    ids, black = check_labels(array, str(path)), black_numbers(path)
    if black and 0 not in black:
        used = np.unique(ids).tolist()
        if len(used) == 2 and used[0] == 0 and used[1] in black:
            raise BadInput(_turned_round(path))
    return ids


def read_known(path: Path, image: Axes | None = None) -> Mask:
    """Where the file is not 0: bool of the file's shape; see `core.annotation.stated_area`.

    `image` is as in :func:`read_labels`. :class:`BadInput` where it is NaN: some programs write
    that for what is outside; and for a palette whose black is another number than 0, so that
    numbers and colours disagree.
    """
    array = _read_exact(path, image)
    mask = as_mask(array, str(path))
    black = black_numbers(path)
    if black and (mask & np.isin(array, black)).any():
        raise BadInput(_turned_round(path))
    return mask


def _turned_round(path: Path) -> str:
    return f"{path} has a palette whose black is not the number 0; save it in grey"


def _read_exact(path: Path, image: Axes | None) -> npt.NDArray[Any]:
    array, axes = read_image(path, indices=True)
    slices = image is not None and image.fits(array.shape)
    if axes is not None and (
        axes.endswith(("YXS", "YXC")) or ("S" in axes and not slices)  # S: what pixels are made of
    ):
        raise BadInput(f"{path} is a colour image; labels hold one number for each pixel")
    if array.ndim < 2 or not array.size:
        raise BadInput(f"{path} holds no label image: its shape is {array.shape}")
    return array


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
