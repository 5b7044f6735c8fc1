"""PNG and JPEG: no bit, frame or id is lost on the way."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image
from napari_unet.files.pairs import read_labels

from .png import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, write_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "channels", "kept"),
    [(GREY, 1, 1), (COLOUR, 3, 3), (GREY_ALPHA, 2, 1), (COLOUR_ALPHA, 4, 4)],
)
def test_sixteen_bits_stay_sixteen(tmp_path: Path, kind: int, channels: int, kept: int) -> None:
    values = RNG.integers(0, 4096, (40, 50, channels)).astype(np.uint16)  # a camera of 12 bits
    write_png(tmp_path / "a.png", values, 16, kind)
    array, axes = read_image(tmp_path / "a.png")
    expected = values[..., 0] if kept == 1 else values
    assert array.dtype == np.uint16 and np.array_equal(array, expected)
    header = read_header(tmp_path / "a.png")
    assert (header.shape, header.dtype, header.axes) == (array.shape, array.dtype, axes)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.98])
def test_a_deep_png_that_is_cut_off(tmp_path: Path, share: float) -> None:
    write_png(tmp_path / "a.png", RNG.integers(0, 2**16, (40, 50, 3)), 16, COLOUR)
    raw = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(BadInput, match=r"a\.png .*cut off"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_ids_of_few_bits_are_those_that_were_saved(tmp_path: Path, bits: int) -> None:
    ids = RNG.integers(0, min(2**bits, 1000), (30, 37))
    write_png(tmp_path / "a_labels.png", ids, bits, GREY)
    assert np.array_equal(read_labels(tmp_path / "a_labels.png"), ids)


def test_a_large_picture_is_read(tmp_path: Path) -> None:
    """Of more pixels than pillow opens unasked: only the beginning is looked at here."""
    write_png(tmp_path / "a.png", np.zeros((9, 9), np.uint8), 8, GREY)
    raw = bytearray((tmp_path / "a.png").read_bytes())
    raw[16:24] = (14_000).to_bytes(4) + (13_000).to_bytes(4)
    raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4)
    (tmp_path / "a.png").write_bytes(bytes(raw))
    assert read_header(tmp_path / "a.png").shape == (13_000, 14_000)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(RNG.integers(0, 255, (20, 30)).astype(np.uint8)) for _ in "abc"]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    for read in (read_image, read_header):
        with pytest.raises(BadInput, match=r"a\.png is an animation of 3 frames"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
def test_another_format_called_png_is_refused(tmp_path: Path, kind: str) -> None:
    PIL.Image.fromarray(RNG.integers(0, 255, (20, 30)).astype(np.uint8)).save(
        tmp_path / "a.png", kind
    )
    with pytest.raises(BadInput, match=r"a\.png is not a readable image"):
        read_image(tmp_path / "a.png")


def test_a_jpeg_called_png_holds_no_labels(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(RNG.integers(0, 255, (20, 30)).astype(np.uint8))
    picture.save(tmp_path / "a_labels.png", "JPEG")
    assert read_image(tmp_path / "a_labels.png")[0].shape == (20, 30)
    with pytest.raises(BadInput, match="JPEG"):
        read_labels(tmp_path / "a_labels.png")


def test_a_colour_picture_holds_no_labels(tmp_path: Path) -> None:
    PIL.Image.fromarray(RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)).save(
        tmp_path / "a_labels.png"
    )
    with pytest.raises(BadInput, match=r"a_labels\.png is a colour image"):
        read_labels(tmp_path / "a_labels.png")


def test_inks_become_colours(tmp_path: Path) -> None:
    PIL.Image.new("CMYK", (30, 20), (255, 0, 0, 0)).save(tmp_path / "a.jpg")
    array, axes = read_image(tmp_path / "a.jpg")
    assert array.shape == (20, 30, 3) and axes == "YXC"
    assert array[0, 0, 0] < 10 and array[0, 0, 1:].min() > 240
