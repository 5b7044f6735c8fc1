"""How an array is read as 2D slices ``(C, Y, X)``: never guessed silently.

Letters are those of tifffile: T, Z (slices), C (channels; tifffile's S, the samples of a
pixel, is read as C), Y and X. Where the shape alone allows two readings, the user is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .alpha import is_opacity, may_have_alpha
from .errors import BadInput

LETTERS = "TZCYX"
SPARE = "-"  # a singleton axis for which no letter is left
UNKNOWN = "QIR"  # tifffile's letters for "some planes": they say nothing about their meaning
FEW = (2, 3, 4)  # so few planes may be channels as well as slices
NARROW = 32  # pixels: an image is seldom so narrow, a last axis so short may be channels


@dataclass(frozen=True)
class Axes:
    """One reading of an array: a letter and a length for each of its axes.

    Attributes
    ----------
    letters : one of ``TZCYX`` for each axis of the array, ``-`` for a nameless singleton axis
    array_shape : the shape of the whole array, in the order of `letters`
    alpha : the last of four channels is opacity and is left out
    """

    letters: str
    array_shape: tuple[int, ...]
    alpha: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Size of one slice, (Y, X) in pixels."""
        return self._length("Y"), self._length("X")

    @property
    def channels(self) -> int:
        """Channels of one slice, without an alpha channel."""
        return self._length("C") - int(self.alpha)

    @property
    def slices(self) -> int:
        """Number of 2D slices: T times Z."""
        return math.prod(self._stack)

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """The array's shape without C; singleton axes are kept."""
        return tuple(
            n for letter, n in zip(self.letters, self.array_shape, strict=True) if letter != "C"
        )

    @property
    def words(self) -> str:
        """The reading for people, e.g. ``YXC: 3 channels, one slice``."""
        channels = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        if self.alpha:
            channels += " (alpha left out)"
        slices = "one slice" if self.slices == 1 else f"{self.slices} slices"
        return f"{self.letters}: {channels}, {slices}"

    @property
    def slices_instead(self) -> str:
        """How to have it read where its channels, which come first, are slices; "" = they do not.

        To be put behind what is wrong with the reading.
        """
        if not self.letters.startswith("C") or "Z" in self.letters:
            return ""
        letters = self.letters.replace("C", "Z")
        return f'; if these are slices, say --axes {letters} (in Python axes="{letters}")'

    def fits(self, labels_shape: Sequence[int]) -> bool:
        """Whether labels of this shape belong to the image, singleton axes aside."""
        wanted = [n for n in self.labels_shape if n != 1]
        return [n for n in labels_shape if n != 1] == wanted

    def assemble(self, planes: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """What was made of the slices one by one, in the image's own order of axes.

        Parameters
        ----------
        planes
            One for each slice, all ``(Y, X)`` or all ``(K, Y, X)``.

        Returns
        -------
        Of the shape :attr:`labels_shape`; K stands before Y and X, whichever comes first.
        """
        kinds = planes[0].shape[:-2]
        made = np.stack(planes).reshape(*self._stack, *kinds, *self.shape)
        stack = iter(range(len(self._stack)))
        order = []
        for letter in self.letters.replace("C", ""):
            if letter in "YX" and kinds and len(self._stack) not in order:
                order.append(len(self._stack))
            order.append(made.ndim - 2 + "YX".index(letter) if letter in "YX" else next(stack))
        return np.ascontiguousarray(made.transpose(order))

    def slice(self, array: Any, index: int) -> NDArray[Any]:
        """One slice of the image, (C, Y, X) in the array's own type.

        Parameters
        ----------
        array
            Of shape `array_shape`: numpy, dask, zarr or a memory map. Only this slice is read.
        index
            0 to `slices` - 1, counted over the T and Z axes in the order of the array.
        """
        self._check(tuple(array.shape), self.array_shape)
        plane = self._plane(array, self.letters, index)
        return plane[:3] if self.alpha else plane

    def labels_slice(self, labels: Any, index: int) -> NDArray[Any]:
        """One slice of labels that fit the image, (Y, X); see :meth:`fits` and :meth:`slice`."""
        if not self.fits(labels.shape):
            self._check(tuple(labels.shape), self.labels_shape)
        letters = self.letters.replace("C", "")
        if tuple(labels.shape) != self.labels_shape:
            # Only singleton axes differ; in C order a reshape puts them back without a copy.
            labels = labels.reshape(self.labels_shape)
        plane: NDArray[Any] = self._plane(labels, letters, index)[0]
        return plane

    @property
    def _stack(self) -> tuple[int, ...]:
        """Lengths of the axes that are neither C nor Y nor X, in the order of the array."""
        pairs = zip(self.letters, self.array_shape, strict=True)
        return tuple(n for letter, n in pairs if letter not in "CYX")

    def _length(self, letter: str) -> int:
        return self.array_shape[self.letters.index(letter)] if letter in self.letters else 1

    def _plane(self, array: Any, letters: str, index: int) -> NDArray[Any]:
        if not 0 <= index < self.slices:
            raise IndexError(f"slice {index} of {self.slices}")
        place = iter(np.unravel_index(index, self._stack) if self._stack else ())
        key = tuple(slice(None) if letter in "CYX" else int(next(place)) for letter in letters)
        kept = [letter for letter in letters if letter in "CYX"]
        plane = np.asarray(array[key])
        if "C" not in kept:
            return plane.transpose([kept.index("Y"), kept.index("X")])[np.newaxis]
        return plane.transpose([kept.index("C"), kept.index("Y"), kept.index("X")])

    def _check(self, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        if found != wanted:
            raise BadInput(f"the array has the shape {found}, but {self.letters} needs {wanted}")


def axes_of(
    array: Any, axes: str | None = None, *, metadata: str | None = None, where: str
) -> Axes:
    """:func:`read_axes` for `array`; an opaque fourth channel of whole numbers is left out."""
    found = read_axes(array.shape, axes, metadata=metadata, where=where)
    alpha = may_have_alpha(found.letters, found.array_shape, array.dtype) and is_opacity(array)
    return replace(found, alpha=alpha)


def read_axes(
    shape: Sequence[int],
    axes: str | None = None,
    *,
    metadata: str | None = None,
    where: str,
) -> Axes:
    """Decide how an array of this shape is read.

    Parameters
    ----------
    shape
        Of the whole array.
    axes
        What the user says, e.g. ``"CYX"``; singleton axes may be left out.
    metadata
        What the file says, in tifffile's letters; ignored where it names no meaning.
    where
        The image's name, for the messages.

    Raises
    ------
    BadInput
        If the letters do not fit the shape, or two readings are possible and nobody said which.
    """
    size = tuple(int(n) for n in shape)
    if len(size) < 2:
        raise BadInput(f"{where}: an image needs two axes or more, but the shape is {size}")
    if 0 in size:
        raise BadInput(f"{where}: the image is empty, its shape is {size}")
    if axes is not None:
        letters = _given(size, axes, where)
    else:
        letters = _from_metadata(size, metadata, where) or _guessed(size, where)
    return Axes(letters, size)


def _given(shape: tuple[int, ...], axes: str, where: str) -> str:
    """The user's letters, one for each axis of the array."""
    letters = axes.upper().replace("S", "C") if isinstance(axes, str) else "?"
    known = all(letter in LETTERS + SPARE for letter in letters)
    named = letters.replace(SPARE, "")
    if not known or len(set(named)) != len(named) or not {"Y", "X"} <= set(named):
        raise BadInput(
            f"{where}: the axes {axes!r} are not readable; give each of Y and X once,"
            " with T, Z or C where there are such, e.g. --axes ZYX"
        )
    if len(letters) != len(shape):
        letters = _with_singletons(letters, shape) or ""
    if not letters or any(letters[i] == SPARE and n != 1 for i, n in enumerate(shape)):
        raise BadInput(
            f"{where}: the axes {axes!r} do not fit an image of shape {shape};"
            " give one letter for each axis"
        )
    return letters


def _with_singletons(letters: str, shape: tuple[int, ...]) -> str | None:
    """`letters` for the longer axes, spare letters for the singleton ones; None if no fit."""
    spare = [i for i, n in enumerate(shape) if n == 1]
    surplus = len(shape) - len(letters)
    if not 0 < surplus <= len(spare):
        return None
    unused = iter([letter for letter in LETTERS if letter not in letters])
    given = iter(letters)
    # From the left: a one-row image keeps its Y.
    dropped = set(spare[:surplus])
    return "".join(next(unused, SPARE) if i in dropped else next(given) for i in range(len(shape)))


def _from_metadata(shape: tuple[int, ...], metadata: str | None, where: str) -> str | None:
    """The file's letters, or None where they leave the meaning of an axis open."""
    if metadata is None or len(metadata) != len(shape):
        return None
    letters = list(metadata.upper().replace("S", "C"))
    for i, letter in enumerate(letters):
        if shape[i] == 1 and (letter not in LETTERS or letters.count(letter) > 1):
            letters[i] = SPARE
    unknown = [i for i, letter in enumerate(letters) if letter in UNKNOWN]
    if len(unknown) == 1 and "C" in letters and "Z" not in letters:
        letters[unknown[0]] = "Z"  # the channels are known, so these planes are a stack
        unknown = []
    if unknown or not {"Y", "X"} <= set(letters):
        return None
    named = [letter for letter in letters if letter != SPARE]
    if len(set(named)) != len(named) or not set(named) <= set(LETTERS):
        raise BadInput(
            f"{where}: an image with the axes {metadata} cannot be read; T, Z, C, Y and X are known"
        )
    return "".join(letters)


def _guessed(shape: tuple[int, ...], where: str) -> str:
    """The one reading that the shape alone allows; singleton axes are no ambiguity."""
    spare = [i for i, n in enumerate(shape) if n == 1][: max(len(shape) - 2, 0)]
    core = tuple(n for i, n in enumerate(shape) if i not in spare)
    readings = _readings(core)
    if len(readings) != 1:
        choice = " or ".join(f"--axes {letters}" for letters in readings)
        raise BadInput(
            f"{where}: an image of shape {shape} can be read in more than one way; say {choice}"
            f' (in Python axes="{readings[0]}")'
        )
    return _with_singletons(readings[0], shape) or readings[0]


def _readings(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Every sensible reading of a shape without superfluous singleton axes."""
    if len(shape) == 2:
        return ("YX",)
    if len(shape) == 3:
        first, middle, last = shape
        colour = last in (3, 4)
        if first in FEW:
            return ("CYX", "ZYX", "YXC") if colour else ("CYX", "ZYX")
        if colour:
            return ("YXC",) if min(first, middle) > last else ("YXC", "ZYX")
        return ("YXC", "ZYX") if last <= NARROW and last < min(first, middle) else ("ZYX",)
    if len(shape) == 4:
        if not any(n in FEW for n in shape):
            narrow = shape[-1] <= NARROW and shape[-1] < min(shape[1:3])
            return ("ZYXC", "TZYX") if narrow else ("TZYX",)
        return ("ZYXC", "TZYX") if shape[-1] in (3, 4) else ("TZYX", "ZCYX", "CZYX")
    return ("TZCYX", "TZYXC")
