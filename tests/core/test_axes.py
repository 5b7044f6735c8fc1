"""How arrays are read: the table of shapes, and slices that read nothing else."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_unet.core.axes import axes_of, read_axes
from napari_unet.core.errors import BadInput


@pytest.mark.parametrize(
    ("shape", "letters", "channels", "slices"),
    [
        ((30, 40), "YX", 1, 1),
        ((1, 1), "YX", 1, 1),
        ((3, 40), "YX", 1, 1),
        ((30, 40, 3), "YXC", 3, 1),
        ((30, 40, 4), "YXC", 4, 1),
        ((12, 30, 40), "ZYX", 1, 12),
        ((7, 12, 30, 40), "TZYX", 1, 84),
        ((1, 30, 40), "TYX", 1, 1),
        ((30, 40, 1), "YXT", 1, 1),
        ((1, 12, 1, 30, 40), "TZCYX", 1, 12),
        ((1, 30, 40, 3), "TYXC", 3, 1),
        ((1, 1, 1, 1, 30, 40), "TZC-YX", 1, 1),
    ],
)
def test_what_the_shape_alone_settles(
    shape: tuple[int, ...], letters: str, channels: int, slices: int
) -> None:
    axes = read_axes(shape, where="a.tif")
    if letters != "YXT":  # the spare singleton axis may go by any free letter
        squeezed = [x for x, n in zip(axes.letters, shape, strict=True) if n > 1]
        assert squeezed == [x for x, n in zip(letters, shape, strict=True) if n > 1]
    assert (axes.channels, axes.slices) == (channels, slices)
    assert axes.slice(np.zeros(shape, np.uint8), 0).shape == (channels, *axes.shape)


@pytest.mark.parametrize(
    "shape",
    [
        (3, 30, 40), (2, 30, 40), (4, 30, 40), (3, 30, 3), (30, 3, 3), (1, 3, 30, 40),
        (3, 1, 30, 40), (5, 3, 30, 40), (5, 30, 40, 3), (5, 5, 5, 30, 40),
        (64, 64, 10), (64, 50, 32), (7, 64, 64, 10),
    ],
)  # fmt: skip
def test_two_readings_ask_for_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"a\.tif.*--axes"):
        read_axes(shape, where="a.tif")


@pytest.mark.parametrize(
    ("shape", "metadata", "letters"),
    [
        ((3, 30, 40), "CYX", "CYX"),
        ((3, 30, 40), "ZYX", "ZYX"),
        ((3, 30, 40), "SYX", "CYX"),
        ((30, 40, 3), "YXS", "YXC"),
        ((1, 1, 3), "YXS", "YXC"),
        ((5, 30, 40, 3), "QYXS", "ZYXC"),
        ((5, 3, 30, 40), "TCYX", "TCYX"),
        ((12, 30, 40), "QYX", "ZYX"),
        ((5, 1, 30, 40, 3), "TCYXS", "T-YXC"),
        ((2, 3, 30, 40), "CZYX", "CZYX"),
    ],
)
def test_metadata_settle(shape: tuple[int, ...], metadata: str, letters: str) -> None:
    assert read_axes(shape, metadata=metadata, where="a.tif").letters == letters


@pytest.mark.parametrize(("shape", "metadata"), [((3, 30, 40), "QYX"), ((3, 30, 40), "IYX")])
def test_metadata_without_meaning_settle_nothing(shape: tuple[int, ...], metadata: str) -> None:
    with pytest.raises(BadInput, match="--axes"):
        read_axes(shape, metadata=metadata, where="a.tif")


def test_the_user_is_believed() -> None:
    assert read_axes((3, 30, 40), "tyx", metadata="CYX", where="a").slices == 3
    assert read_axes((1, 3, 30, 40), "CYX", where="a").channels == 3
    assert read_axes((1, 3, 30, 40), "TCYX", where="a").letters == "TCYX"


@pytest.mark.parametrize("axes", ["", "Y", "YXC", "YY", "ZTYX", "ABX", "YXYX", "-YX"])
def test_axes_that_cannot_be(axes: str) -> None:
    with pytest.raises(BadInput):
        read_axes((30, 40) if axes != "-YX" else (5, 30, 40), axes, where="a.tif")


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0, 30, 40)])
def test_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"a\.tif"):
        read_axes(shape, where="a.tif")


def test_letters_round_trip_for_every_guess() -> None:
    for shape in [(1, 1, 1, 1, 30, 40), (30, 40, 1), (1, 30, 40, 3), (1, 1)]:
        first = read_axes(shape, where="a")
        assert read_axes(shape, first.letters, where="a") == first


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("leading", [(), (3,)])
def test_opacity_is_left_out(dtype: type, leading: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (*leading, 8, 9, 4)).astype(dtype)
    letters = "ZYXC"[1 - len(leading) :]
    image[..., 3] = np.iinfo(dtype).max
    image[..., :2, :2, 3] = 0  # transparent
    axes = axes_of(image, letters, where="a")
    assert axes.channels == 3 and "alpha left out" in axes.words
    first = image[(0,) * len(leading)]
    assert np.array_equal(axes.slice(image, 0), np.moveaxis(first[..., :3], -1, 0))
    assert axes_of(image.astype(np.float32), letters, where="a").channels == 4
    lazy = da.from_array(image, chunks=(*leading, 4, 4, 4))
    assert axes_of(lazy, letters, where="a") == axes


def test_a_fourth_channel_of_a_microscope_is_kept() -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 9, 4)).astype(np.uint8)
    assert axes_of(image, where="a").channels == 4
    image[..., 3] = 0  # nothing is stained here
    assert axes_of(image, where="a").channels == 4
    image[..., 3] = 255
    assert axes_of(np.moveaxis(image, -1, 0), "CYX", where="a").channels == 4


@pytest.mark.parametrize("letters", ["TZYX", "ZTYX", "ZCYX", "TYXC", "CZYX", "XYZC"])
def test_slices_in_any_order(letters: str) -> None:
    lengths = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}
    shape = tuple(lengths[letter] for letter in letters)
    array = np.arange(np.prod(shape)).reshape(shape)
    axes = read_axes(shape, letters, where="a")
    stack = [letter for letter in letters if letter in "TZ"]
    order = [letters.index(x) for x in (*stack, "C", "Y", "X") if x in letters]
    expected = array.transpose(order).reshape(axes.slices, -1, 5, 6)
    found = np.stack([axes.slice(array, i) for i in range(axes.slices)])
    assert np.array_equal(found, expected)
    labels = array[tuple(0 if x == "C" else slice(None) for x in letters)]
    assert labels.shape == axes.labels_shape
    for i in range(axes.slices):
        assert np.array_equal(axes.labels_slice(labels, i), expected[i, 0])
    planes = [axes.labels_slice(labels, i) for i in range(axes.slices)]
    assert np.array_equal(axes.assemble(planes), labels)
    classes = axes.assemble([np.stack([plane, -plane]) for plane in planes])
    at = min(letters.replace("C", "").index(x) for x in "YX")
    assert np.array_equal(classes, np.stack([labels, -labels], axis=at))


@pytest.mark.parametrize(
    "shape", [(30, 40), (1, 30, 40), (1, 1, 1, 1, 30, 40), (30, 40, 1), (1, 1)]
)
def test_what_is_made_of_slices_has_the_shape_that_was_given(shape: tuple[int, ...]) -> None:
    axes = read_axes(shape, where="a")
    assert axes.assemble([np.zeros(axes.shape)]).shape == axes.labels_shape


def test_labels_fit_with_or_without_singleton_axes() -> None:
    axes = read_axes((1, 3, 30, 40), "ZCYX", where="a")
    assert axes.labels_shape == (1, 30, 40)
    assert axes.fits((1, 30, 40)) and axes.fits((30, 40))
    assert not axes.fits((40, 30)) and not axes.fits((3, 30, 40))
    labels = np.arange(1200).reshape(30, 40)
    assert np.array_equal(axes.labels_slice(labels, 0), labels)
    with pytest.raises(BadInput):
        axes.labels_slice(labels.T, 0)


class Spy:
    """An array that notes what was read of it."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array, self.shape, self.read = array, array.shape, 0

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        self.read += self.array[key].size
        return np.asarray(self.array[key])


def test_only_one_slice_is_read() -> None:
    source = Spy(np.arange(12 * 30 * 40).reshape(12, 30, 40))
    plane = read_axes(source.shape, where="a").slice(source, 5)
    assert source.read == 30 * 40
    assert np.array_equal(plane[0], source.array[5])
    lazy = da.from_array(source.array, chunks=(1, 30, 40))
    assert np.array_equal(read_axes(lazy.shape, where="a").slice(lazy, 5), plane)


def test_words() -> None:
    assert read_axes((30, 40, 3), where="a").words == "YXC: 3 channels, one slice"
    assert read_axes((12, 30, 40), where="a").words == "ZYX: 1 channel, 12 slices"
