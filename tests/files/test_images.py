"""Reading images of every kind, and refusing what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_unet.core.axes import axes_of
from napari_unet.core.errors import BadInput
from napari_unet.files.images import read_header, read_image, write_labels, write_probability

GREY = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 255, (40, 50, 3)).astype(np.uint8)
STACK = np.stack([GREY] * 12)


@pytest.mark.parametrize(
    ("array", "options", "axes"),
    [
        (GREY, {}, "YX"),
        (GREY, {"compression": "lzw"}, "YX"),
        (GREY, {"compression": "zlib", "predictor": True}, "YX"),
        (GREY, {"compression": "zstd", "tile": (16, 16)}, "YX"),
        (GREY, {"bigtiff": True}, "YX"),
        (GREY, {"byteorder": ">"}, "YX"),
        (GREY > 2000, {}, "YX"),
        (GREY.astype(np.float32), {"compression": "lzw"}, "YX"),
        (GREY.astype(np.int64), {}, "YX"),
        (GREY[:1, :1], {}, "YX"),
        (COLOUR, {"photometric": "rgb"}, "YXS"),
        (COLOUR.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}, "SYX"),
        (STACK, {"metadata": {"axes": "TYX"}}, "TYX"),
        (STACK[:3], {"imagej": True, "metadata": {"axes": "CYX"}}, "CYX"),
        (STACK[:3], {"ome": True, "metadata": {"axes": "CYX"}}, "CYX"),
        (STACK[:3], {"photometric": "minisblack"}, "QYX"),
    ],
)
def test_tiff(tmp_path: Path, array: np.ndarray[Any, Any], options: Any, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    found, letters = read_image(tmp_path / "a.tif")
    assert np.array_equal(found, array) and found.dtype == array.dtype and letters == axes
    header = read_header(tmp_path / "a.tif")
    assert (header.shape, header.dtype, header.axes) == (array.shape, array.dtype, axes)


def test_pages_without_meaning_are_asked_about(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:3], photometric="minisblack")
    array, letters = read_image(tmp_path / "a.tif")
    with pytest.raises(BadInput, match="--axes"):
        axes_of(array, metadata=letters, where="a.tif")


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.jpg", "a.jpeg"])
def test_pictures(tmp_path: Path, name: str) -> None:
    PIL.Image.fromarray(COLOUR).save(tmp_path / name)
    found, letters = read_image(tmp_path / name)
    assert found.shape == (40, 50, 3) and letters == "YXC"
    header = read_header(tmp_path / name)
    assert (header.shape, header.dtype, header.axes) == ((40, 50, 3), np.uint8, "YXC")


@pytest.mark.parametrize("array", [GREY, GREY.astype(np.uint8), GREY > 2000])
def test_grey_png(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    PIL.Image.fromarray(array).save(tmp_path / "a.png")
    found, letters = read_image(tmp_path / "a.png")
    assert np.array_equal(found > 0, array > 0) and letters == "YX"
    header = read_header(tmp_path / "a.png")
    assert (header.shape, header.dtype) == (found.shape, found.dtype)


def test_a_palette(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(COLOUR).quantize(200)
    picture.save(tmp_path / "a.png")
    found, letters = read_image(tmp_path / "a.png")
    assert np.array_equal(found, picture.convert("RGB")) and letters == "YXC"
    found, letters = read_image(tmp_path / "a.png", indices=True)
    assert np.array_equal(found, picture) and letters == "YX"


def test_alpha_of_grey_is_left_out(tmp_path: Path) -> None:
    PIL.Image.fromarray(COLOUR[..., :2]).save(tmp_path / "a.png")
    found, letters = read_image(tmp_path / "a.png")
    assert np.array_equal(found, COLOUR[..., 0]) and letters == "YX"
    assert read_header(tmp_path / "a.png").shape == (40, 50)


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK)
    assert np.array_equal(read_image(tmp_path / "a.npy")[0], STACK)
    assert read_header(tmp_path / "a.npy").shape == STACK.shape


def cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.95, 0.999])
@pytest.mark.parametrize(
    "kind", ["raw", "lzw", "zlib", "pages", "imagej", "virtual", "ome", "png", "jpg", "npy"]
)
def test_truncated(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / f"a.{kind if kind in ('png', 'jpg', 'npy') else 'tif'}"
    if kind == "npy":
        np.save(path, GREY)
    elif kind in ("png", "jpg"):
        PIL.Image.fromarray(COLOUR).save(path)
    elif kind == "pages":
        tifffile.imwrite(path, STACK, compression="zlib", metadata=None)
    elif kind in ("imagej", "virtual"):
        axes = {"metadata": {"axes": "ZYX"}}
        tifffile.imwrite(path, STACK, imagej=True, truncate=kind == "virtual", **axes)
    elif kind == "ome":
        tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX"})
    else:
        tifffile.imwrite(path, STACK, compression=None if kind == "raw" else kind)
    cut(path, share)
    if (kind == "jpg" and share > 0.9) or (kind == "png" and share > 0.99):
        return  # an image that lacks its end marker only: readers rightly take it
    with pytest.raises(BadInput, match=r"a\.(tif|png|jpg|npy)"):
        read_image(path)


@pytest.mark.parametrize("imagej", [True, False])
def test_a_cut_stack_is_refused_by_its_header(tmp_path: Path, imagej: bool) -> None:
    axes = {"metadata": {"axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=imagej, truncate=True, **axes)
    assert read_header(tmp_path / "a.tif").shape == STACK.shape
    cut(tmp_path / "a.tif", 0.6)
    with pytest.raises(BadInput, match=r"a\.tif is cut off"):
        read_header(tmp_path / "a.tif")


@pytest.mark.parametrize("ome", [True, False])
@pytest.mark.parametrize("other", [GREY, STACK])
def test_a_second_image_is_not_passed_over(
    tmp_path: Path, ome: bool, other: np.ndarray[Any, Any]
) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    with tifffile.TiffWriter(path, ome=ome) as tiff:
        tiff.write(GREY, photometric="minisblack")
        tiff.write(other, photometric="minisblack")
    for read in (read_image, read_header):
        with pytest.raises(BadInput, match=r"a(\.ome)?\.tif holds 2 images, of the shapes? \(40"):
            read(path)


def test_pages_of_different_shapes_are_not_passed_over(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in (GREY, GREY[:, :30], GREY[:20]):
            tiff.write(page, metadata=None)
    with pytest.raises(BadInput, match="holds 3 images"):
        read_image(tmp_path / "a.tif")


def test_previews_are_no_other_images(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "levels.tif") as tiff:
        tiff.write(GREY, subifds=1, metadata=None)
        tiff.write(GREY[::2, ::2], subfiletype=1, metadata=None)
    with tifffile.TiffWriter(tmp_path / "label.tif") as tiff:  # as slides have it
        tiff.write(GREY, metadata=None)
        tiff.write(GREY[::2, ::2], subfiletype=1, metadata=None)
        tiff.write(COLOUR[:5, :6], photometric="rgb", metadata=None)
    for name in ("levels.tif", "label.tif"):
        assert np.array_equal(read_image(tmp_path / name)[0], GREY)


@pytest.mark.parametrize("axes", ["TZCYX", "ZCYX", "TCYX", "CYX"])
@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
def test_the_order_of_the_axes_is_the_files(tmp_path: Path, kind: str, axes: str) -> None:
    lengths = {"T": 3, "Z": 5, "C": 2, "Y": 40, "X": 50}
    array = np.arange(np.prod([lengths[x] for x in axes])).astype(np.uint16)
    array = array.reshape([lengths[x] for x in axes])
    options = {} if kind == "shaped" else {kind: True}
    tifffile.imwrite(
        tmp_path / "a.tif", array, photometric="minisblack", metadata={"axes": axes}, **options
    )
    found, letters = read_image(tmp_path / "a.tif")
    assert letters == axes and np.array_equal(found, array)
    assert axes_of(found, metadata=letters, where="a").letters == axes


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.npy", "a.txt"])
@pytest.mark.parametrize("read", [read_image, read_header])
def test_no_images(tmp_path: Path, name: str, read: Any) -> None:
    with pytest.raises(BadInput, match="a"):
        read(tmp_path / name)
    (tmp_path / name).write_text("no image at all, merely words")
    with pytest.raises(BadInput, match="image"):
        read(tmp_path / name)
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(BadInput, match="folder"):
        read(tmp_path / "folder.tif")


def test_a_pickle_named_npy_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(BadInput):
        read_image(tmp_path / "a.npy")


@pytest.mark.parametrize(("top", "dtype"), [(0, np.uint16), (65535, np.uint16), (65536, np.int32)])
@pytest.mark.parametrize("shape", [(30, 40), (3, 30, 40), (30, 40, 3)])
def test_labels(tmp_path: Path, top: int, dtype: type, shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.int64)
    labels[-1, -1] = top
    write_labels(tmp_path / "a_labels.tif", labels)
    found, letters = read_image(tmp_path / "a_labels.tif")
    assert np.array_equal(found, labels) and found.dtype == dtype
    assert letters == ("YX" if labels.ndim == 2 else "ZYX")
    first = (tmp_path / "a_labels.tif").read_bytes()
    write_labels(tmp_path / "a_labels.tif", labels)
    assert (tmp_path / "a_labels.tif").read_bytes() == first


@pytest.mark.parametrize("shape", [(2, 3, 30, 40), (2, 2, 3, 8, 9)])
def test_many_axes_keep_their_lengths(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_labels(tmp_path / "a.tif", np.ones(shape, np.int32))
    assert read_image(tmp_path / "a.tif")[0].shape == shape


def test_probability(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, 30, 40))
    write_probability(tmp_path / "a.tif", values, "CYX")
    found, letters = read_image(tmp_path / "a.tif")
    assert np.array_equal(found, values.astype(np.float32)) and letters == "CYX"


def test_strips_that_were_never_written(tmp_path: Path) -> None:
    """They would come back as zeros. Of tiles that means background: slides leave them out."""
    tifffile.imwrite(tmp_path / "a.tif", np.ones((32, 40), np.uint8), rowsperstrip=8)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tiff:
        tags = tiff.pages.first.tags
        for number in (273, 279):  # where strips are, and how long
            tags[number].overwrite([*tags[number].value[:-1], 0])
    for read in (read_image, read_header):
        with pytest.raises(BadInput, match=r"a\.tif is cut off: strips"):
            read(tmp_path / "a.tif")
