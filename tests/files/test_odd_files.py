"""Files that are no images, or not what they are called: one sentence, and never a wait."""

from __future__ import annotations

import os
import struct
import sys
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_unet.core.axes import read_axes
from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image
from napari_unet.files.pairs import (
    PairFiles,
    find_pairs,
    list_images,
    look_into,
    read_known,
    read_labels,
    read_pair,
)

GREY = np.random.default_rng(0).integers(0, 255, (40, 48)).astype(np.uint8)
COLOURS: Any = {"photometric": "rgb", "planarconfig": "separate"}
ALL: tuple[Callable[[Path], Any], ...] = (read_image, read_header, read_labels, read_known)


def npy(path: Path, descr: str, shape: str) -> Path:
    """An array whose header says what it likes, and 64 KB of zeros."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(65536))
    return path


def strip(path: Path, width: int, height: int, compression: int, **others: int) -> Path:
    """A TIFF of one strip of 50 bytes that claims any size; tags by number as `t323=1`."""
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 200, 277: 1}
    tags |= {278: height, 279: 50} | {int(name[1:]): value for name, value in others.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in sorted(tags.items()))
    raw = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    path.write_bytes(raw.ljust(200, b"\0") + bytes(50))
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files")
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy"])
@pytest.mark.parametrize("read", ALL)
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str, read: Callable[[Path], Any]) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(BadInput, match="not a plain file"):
        read(tmp_path / name)


@pytest.mark.parametrize("read", ALL)
@pytest.mark.parametrize(
    ("descr", "shape"),
    [
        ("'|u1'", "(10**9, 10**9)"),
        ("'|u1'", "(1000000000, 1000000000)"),
        ("'|u1'", "(10000000000000000000000, 5)"),
        ("'|u1'", "(((("),
        ("'|u1'", "(-1, 5)"),
        ("'<c8'", "(32, 32)"),
        ("'<U4'", "(32, 32)"),
        ("'<M8[s]'", "(32, 32)"),
        ("'|V4'", "(32, 32)"),
        ("[('a', '<i4')]", "(32, 32)"),
    ],
)
def test_arrays_that_are_none(
    tmp_path: Path, read: Callable[[Path], Any], descr: str, shape: str
) -> None:
    with pytest.raises(BadInput, match=r"a\.npy"):
        read(npy(tmp_path / "a.npy", descr, shape))


@pytest.mark.parametrize("read", ALL)
def test_an_archive_called_npy(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    np.savez(tmp_path / "a.npz", GREY)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(BadInput, match=r"a\.npy"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", ["()", "(1024,)", "(0, 32)"])
def test_labels_without_a_plane(tmp_path: Path, shape: str) -> None:
    with pytest.raises(BadInput, match="no label image"):
        read_labels(npy(tmp_path / "a.npy", "'|u1'", shape))


def test_a_tiff_of_a_terabyte(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="memory"):
        read_image(strip(tmp_path / "a.tif", 2**21, 2**21, 8))


def test_a_tiff_of_tiles_without_a_side(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="readable"):
        read_image(strip(tmp_path / "a.tif", 48, 40, 1, t322=0, t323=0, t324=200, t325=50))


def test_a_tiff_of_complex_numbers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.complex64))
    for read in ALL:
        with pytest.raises(BadInput, match="complex64"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["jpeg", "jpegxr", "jpegxl", "jpeg2000", "lerc"])
def test_a_tiff_that_may_have_lost_values_holds_no_labels(kind: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression=kind)
    assert read_image(tmp_path / "a.tif")[0].shape == GREY.shape
    with pytest.raises(BadInput, match=f"compressed as {kind.upper()}, which may change values"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32, np.uint64])
def test_an_id_that_just_does_not_fit(tmp_path: Path, dtype: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (GREY > 99).astype(dtype) * dtype(2**31))
    with pytest.raises(BadInput, match="ids above 2147483647"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("order", ["contig", "separate"])
def test_colours_are_no_slices(order: str, tmp_path: Path) -> None:
    shape = (12, 14, 3) if order == "contig" else (3, 12, 14)
    kind: Any = {"photometric": "rgb", "planarconfig": order, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, np.uint8), **kind)
    with pytest.raises(BadInput, match="is a colour image"):
        read_labels(tmp_path / "a.tif")
    flat, stack = (read_axes(s, where="b.tif") for s in ((12, 14), (5, 12, 14)))
    for image in (flat, stack):
        with pytest.raises(BadInput, match="is a colour image"):
            read_labels(tmp_path / "a.tif", image)


@pytest.mark.parametrize("read", [read_labels, read_known])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64])
@pytest.mark.parametrize("shape", [(3, 12, 14), (4, 12, 14), (5, 3, 12, 14)])
def test_few_slices_are_no_colours(
    shape: tuple[int, ...], kind: Any, read: Callable[[Path], Any], tmp_path: Path
) -> None:
    """So they are called by tifffile, and by napari, scikit-image and imageio, which use it."""
    ids = (np.arange(np.prod(shape)).reshape(shape) % 3).astype(kind)
    with warnings.catch_warnings(action="ignore"):  # that one day it will call them so no more
        tifffile.imwrite(tmp_path / "a.tif", ids)
    assert np.array_equal(read(tmp_path / "a.tif"), ids if read is read_labels else ids > 0)


@pytest.mark.parametrize("read", [read_labels, read_known])
def test_the_image_tells_slices_from_colours(read: Callable[..., Any], tmp_path: Path) -> None:
    """Without its record of the shape, a stack of three is no other file than a photograph."""
    ids = (np.arange(3 * 12 * 14).reshape(3, 12, 14) % 3).astype(np.uint16)
    kind: Any = {"photometric": "rgb", "planarconfig": "separate", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", ids, **kind)
    image = read_axes(ids.shape, "ZYX", where="b.tif")
    assert np.array_equal(read(tmp_path / "a.tif", image) > 0, ids > 0)


@pytest.mark.parametrize("kind", [COLOURS, {"photometric": "minisblack"}])
def test_slices_that_are_read_as_channels(kind: dict[str, Any], tmp_path: Path) -> None:
    """As tifffile writes three planes where nobody says what they are: as colours."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 20, 30), np.uint8), **COLOURS)
    tifffile.imwrite(tmp_path / "a_labels.tif", np.ones((3, 20, 30), np.uint8), **kind)
    files = PairFiles("a", tmp_path / "a.tif", tmp_path / "a_labels.tif")
    with pytest.raises(BadInput, match=r'if .* slices, say --axes ZYX \(in Python axes="ZYX"\)'):
        read_pair(files)
    assert read_pair(files, "ZYX").labels.shape == (3, 20, 30)


def test_half_floats_hold_ids(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (GREY > 99).astype(np.float16))
    assert read_labels(tmp_path / "a.tif").sum() == (GREY > 99).sum()


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_a_known_area_is_told_by_numbers(tmp_path: Path, name: str) -> None:
    """Some programs write NaN where nothing is: that is not 0."""
    mask = np.where(GREY > 99, 1, np.nan).astype(np.float32)
    if name == "a.npy":
        np.save(tmp_path / name, mask)
    else:
        tifffile.imwrite(tmp_path / name, mask)
    with pytest.raises(BadInput, match=rf"{name}: NaN is neither 0 nor not 0"):
        read_known(tmp_path / name)


def two_colours(path: Path, first: int) -> np.ndarray[Any, Any]:
    """A mask as it looks, white or not, written with a palette that begins with `first`."""
    mask = GREY > 99
    picture = PIL.Image.fromarray((mask == (first == 0)).astype(np.uint8))
    picture.putpalette([first] * 3 + [255 - first] * 3)
    picture.save(path)
    return mask


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("read", [read_known, read_labels])
def test_a_mask_with_a_palette_is_not_turned_round(
    name: str, read: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Programs that save space write the more frequent colour first."""
    assert np.array_equal(two_colours(tmp_path / name, 0), read(tmp_path / name))
    two_colours(tmp_path / name, 255)
    with pytest.raises(BadInput, match="palette whose black is not the number 0"):
        read(tmp_path / name)


@pytest.mark.parametrize("read", [read_known, read_labels])
def test_a_fax_is_not_turned_round(read: Callable[[Path], Any], tmp_path: Path) -> None:
    """It shows 0 in white. So does what Python writes from truth values, and means the numbers."""
    tifffile.imwrite(tmp_path / "a.tif", GREY > 99, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "a.tif"), GREY > 99)
    tifffile.imwrite(tmp_path / "a.tif", GREY > 99, photometric="miniswhite", software="fax 1")
    with pytest.raises(BadInput, match="black is not the number 0"):
        read(tmp_path / "a.tif")
    inverted = 255 * (GREY > 99).astype(np.uint8)  # as Fiji has masks on white
    tifffile.imwrite(tmp_path / "b.tif", inverted, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "b.tif") > 0, GREY > 99)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_of_many_ids_one_may_be_black(name: str, tmp_path: Path) -> None:
    ids = (GREY // 50).astype(np.uint8)
    picture = PIL.Image.fromarray(ids)
    picture.putpalette([255, 255, 255, 200, 0, 0, 0, 0, 0, 0, 0, 200, 9, 9, 9, 7, 7, 7])
    picture.save(tmp_path / name)
    assert np.array_equal(read_labels(tmp_path / name), ids)


def put(folder: Path, *names: str) -> None:
    for name in names:
        tifffile.imwrite(folder / name, GREY)


@pytest.mark.parametrize("name", ["b.tif", "b_labels.tif"])
def test_a_link_to_nothing_is_not_passed_over(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.tif", "a_labels.tif")
    (tmp_path / name).symlink_to(tmp_path / "annex" / "b.tif")
    for look in (find_pairs, lambda folder: list_images([folder])):
        with pytest.raises(BadInput, match=f"{name} is a link to a file that is not there"):
            look(tmp_path)


def test_labels_without_an_image_are_told(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a_labels.tif", "b_labels.tif", "c.tif")
    found = find_pairs(tmp_path)
    assert found.without_image == ("b_labels.tif",)
    assert found.words == (
        "1 annotated image, 1 image without labels passed over,"
        " 1 label file without an image passed over (b_labels.tif)"
    )
    (tmp_path / "a_labels.tif").unlink()
    assert look_into(tmp_path).alone == "1 label file without an image passed over (b_labels.tif)"


@pytest.mark.skipif(sys.platform == "darwin", reason="there both names are one")
def test_names_are_one_in_both_spellings(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "zellé") for form in ("NFC", "NFD"))
    put(tmp_path, f"{other}.tif", f"{one}_labels.tif")
    (pair,) = find_pairs(tmp_path).pairs
    assert pair.name == one and pair.image.name == f"{other}.tif"
