"""Which files belong together, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_unet.core.errors import BadInput
from napari_unet.files.folders import known_beside
from napari_unet.files.images import write_labels
from napari_unet.files.pairs import PairFiles, find_pairs, list_images, read_pair

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
LABELS = (IMAGE > 128).astype(np.uint16)


def put(folder: Path, *names: str, array: np.ndarray[Any, Any] = LABELS) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".tif", ".TIF"):
            tifffile.imwrite(path, array)
        else:
            path.write_bytes(b"-")


def test_one_folder(tmp_path: Path) -> None:
    put(tmp_path, "b.tif", "b_labels.tif", "a.tif", "a_labels.tif", "a_known.tif", "c.tif")
    put(tmp_path, "d.ome.TIF", "d.ome_labels.tif", "a_membrane.tif", "notes.txt", "._a.tif")
    (tmp_path / "more.tif").mkdir()
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a", "b", "d.ome"]
    assert found.pairs[0].known == tmp_path / "a_known.tif" and found.pairs[1].known is None
    assert found.passed_over == ("c",)
    assert found.words == "3 annotated images, 1 image without labels passed over"


@pytest.mark.parametrize("ending", ["", "_labels"])
def test_folders_of_their_own(tmp_path: Path, ending: str) -> None:
    put(tmp_path, "images/a.tif", "images/b.tif", f"labels/a{ending}.tif", "known/a.tif")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a"] and found.passed_over == ("b",)
    assert found.pairs[0].known == tmp_path / "known/a.tif"
    assert [p.name for p in list_images([tmp_path])] == ["a.tif", "b.tif"]


@pytest.mark.parametrize("turned", ["", "a_labels.tif", "a_known.tif"])
@pytest.mark.parametrize("one", ["", "C"])
def test_times_and_slices_are_not_exchanged(turned: str, one: str, tmp_path: Path) -> None:
    """Where there are as many of both, no shape tells; a single channel is kept by some."""
    names = ("a.tif", "a_labels.tif", "a_known.tif")
    for name in names:
        letters = f"ZT{one}YX" if name == turned else "TZYX"
        stack = np.ones([1 if x == "C" else 3 for x in letters[:-2]] + [12, 14], np.uint8)
        axes = {"axes": letters}
        tifffile.imwrite(tmp_path / name, stack, metadata=axes, photometric="minisblack")
    files = PairFiles("a", *(tmp_path / name for name in names))
    if not turned:
        assert read_pair(files).axes == "TZYX"
        return
    with pytest.raises(BadInput, match=rf"{turned} has its slices in the order ZT, but .* TZ:"):
        read_pair(files)


def test_slices_are_not_read_as_times_where_times_are_called_channels(tmp_path: Path) -> None:
    for name, axes in (("a.tif", "TZYX"), ("a_labels.tif", "ZCYX")):
        kind: Any = {"metadata": {"axes": axes}, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / name, np.ones((3, 3, 12, 14), np.uint8), **kind)
    with pytest.raises(BadInput, match=r"has its slices in the order ZC, but its image in .* TZ"):
        read_pair(PairFiles("a", tmp_path / "a.tif", tmp_path / "a_labels.tif"))


def test_where_the_shape_tells_letters_may_differ(tmp_path: Path) -> None:
    stack = np.zeros((2, 3, 12, 14), np.uint16)
    stack[1, 2, 3:6, 3:6] = 7
    for axes, name in (("ZTYX", "a.tif"), ("TZYX", "a_labels.tif")):
        tifffile.imwrite(tmp_path / name, stack, metadata={"axes": axes}, photometric="minisblack")
    files = PairFiles("a", tmp_path / "a.tif", tmp_path / "a_labels.tif")
    assert np.array_equal(read_pair(files).labels, stack)


def test_exported_labels_fit_their_image_whatever_the_order_of_its_axes(tmp_path: Path) -> None:
    """The window knows T and Z by guess only."""
    stack = np.zeros((3, 3, 12, 14), np.uint16)
    stack[0, 2, 3:6, 3:6] = 7
    kind: Any = {"metadata": {"axes": "ZTYX"}, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", stack, **kind)
    write_labels(tmp_path / "a_labels.tif", stack)
    files = PairFiles("a", tmp_path / "a.tif", tmp_path / "a_labels.tif")
    assert np.array_equal(read_pair(files).labels, stack)


@pytest.mark.parametrize("names", [("b_known.tif",), ("b_known.tif", "b.tif")])
def test_a_known_area_of_no_annotated_image_is_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A mistyped name would make all of an image known."""
    put(tmp_path, "a.tif", "a_labels.tif", *names)
    found = find_pairs(tmp_path)
    assert found.pairs[0].known is None and not found.complete
    assert found.words.endswith("1 known area of no annotated image passed over (b_known.tif)")


def test_an_image_that_is_called_known(tmp_path: Path) -> None:
    put(tmp_path, "a_known.tif", "a_known_labels.tif")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a_known"] and found.complete


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "no annotated image"),
        (("a.tif",), "no annotated image"),
        (("a_labels.tif",), "no annotated image"),
        (("a.tif", "a.png", "a_labels.tif"), "one name"),
        (("a.tif", "a_labels.png", "a_labels.tif"), "one name"),
    ],
)
def test_refused(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    put(tmp_path, *names)
    with pytest.raises(BadInput, match=words):
        find_pairs(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    put(tmp_path, "a.tif")
    for path in (tmp_path / "absent", tmp_path / "a.tif"):
        with pytest.raises(BadInput, match="folder"):
            find_pairs(path)


def test_images_to_predict(tmp_path: Path) -> None:
    put(tmp_path, "a/b.tif", "a/b_labels.tif", "a/b_known.tif", "a/b_membrane.tif", "a/c.png")
    put(tmp_path, "d/b.tif", "e/x.txt")
    assert [p.name for p in list_images([tmp_path / "a"])] == ["b.tif", "c.png"]
    assert list_images([tmp_path / "a/b_labels.tif"]) == [tmp_path / "a/b_labels.tif"]
    for paths in (["a", "d"], ["e"], ["absent"], ["a/b.tif", "a/b.tif"]):
        with pytest.raises(BadInput):
            list_images([tmp_path / p for p in paths])


def test_an_image_with_labels_is_one_whatever_its_name(tmp_path: Path) -> None:
    put(tmp_path, "e_membrane.tif", "e_membrane_labels.tif", "e_membrane_known.tif")
    put(tmp_path, "a.tif", "a_labels.tif", "a_labels_labels.tif", "a_membrane.tif")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a", "e_membrane"] and not found.passed_over
    assert found.pairs[1].known == tmp_path / "e_membrane_known.tif"
    assert [p.name for p in list_images([tmp_path])] == ["a.tif", "e_membrane.tif"]


def test_files_beside_folders_of_their_own_are_told(tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "labels/a.tif", "b.tif", "b_labels.tif")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a"] and not found.complete
    assert found.words == "1 annotated image, 2 files beside images/ passed over"


def test_a_folder_called_images_that_is_none(tmp_path: Path) -> None:
    put(tmp_path, "images/figure 1.tif", "b.tif", "b_labels.tif")
    assert [p.name for p in find_pairs(tmp_path).pairs] == ["b"]
    assert list_images([tmp_path]) == [tmp_path / "b.tif"]
    (tmp_path / "b_labels.tif").unlink()
    with pytest.raises(BadInput, match="holds images, and images/ in it, too: name one of both"):
        list_images([tmp_path])


@pytest.mark.parametrize("also", [(), ("labels/old.tif",)])
def test_empty_folders_do_not_hide_the_images_beside_them(
    also: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    put(tmp_path, "b.tif", "b_labels.tif", *also)
    assert [p.name for p in find_pairs(tmp_path).pairs] == ["b"]
    assert list_images([tmp_path]) == [tmp_path / "b.tif"]


def test_an_image_that_is_named_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.tif")
    monkeypatch.chdir(tmp_path)
    for again in (Path("a.tif"), tmp_path / "a.tif", tmp_path):
        with pytest.raises(BadInput, match=r"a\.tif is named twice; name it once"):
            list_images([Path("a.tif"), again])


@pytest.mark.parametrize(
    ("image", "labels", "known"),
    [
        ("a.tif", "a_labels.tif", "a_known.tif"),
        ("a.tif", "a_labels.png", "a_known.TIF"),
        ("images/a.tif", "labels/a.tif", "known/a.tif"),
        ("images/a.tif", "labels/a_labels.tif", "known/a_known.tif"),
    ],
)
def test_the_known_area_of_an_image_and_its_labels(
    image: str, labels: str, known: str, tmp_path: Path
) -> None:
    paths = tmp_path / image, tmp_path / labels
    put(tmp_path, image, labels, "images/b.tif", "known/b.tif", "b_known.tif")
    assert known_beside(*paths) is None
    put(tmp_path, known)
    (paths[0].parent / "c.tif").symlink_to(tmp_path / "gone.tif")  # what is not asked for
    assert known_beside(*paths) == tmp_path / known
    assert known_beside(paths[0], paths[1].with_stem("c_labels")) is None
    assert known_beside(paths[0], tmp_path / "elsewhere" / "a_labels.tif") is None


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own")
def test_a_link_to_nothing_beside_images_is_not_looked_at(tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "labels/a.tif")
    (tmp_path / "gone.tif").symlink_to("nowhere.tif")
    assert list_images([tmp_path]) == [tmp_path / "images" / "a.tif"]
    assert find_pairs(tmp_path).words == "1 annotated image, 1 file beside images/ passed over"
    (tmp_path / "labels" / "a.tif").unlink()
    (tmp_path / "labels").rmdir()
    with pytest.raises(BadInput, match=r"gone\.tif is a link to a file that is not there"):
        list_images([tmp_path])


def test_a_stain_called_membrane_is_an_image(tmp_path: Path) -> None:
    put(tmp_path, "a_membrane.tif", "b.tif", "b_membrane.tif")
    assert [p.name for p in list_images([tmp_path])] == ["a_membrane.tif", "b.tif"]


def test_reading(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([IMAGE] * 3), photometric="rgb")
    put(tmp_path, "a_labels.tif", "a_known.tif")
    pair = read_pair(find_pairs(tmp_path).pairs[0])
    assert (pair.name, pair.axes, pair.image.shape) == ("a", "YXC", (20, 30, 3))
    assert pair.labels.dtype == np.int32 and np.array_equal(pair.labels, LABELS)
    assert pair.known is not None and np.array_equal(pair.known, LABELS > 0)


def test_singleton_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE[None, None], metadata={"axes": "TZYX"})
    put(tmp_path, "a_labels.tif")
    put(tmp_path, "a_known.tif", array=LABELS[None])
    pair = read_pair(find_pairs(tmp_path).pairs[0])
    assert pair.labels.shape == (20, 30)
    assert pair.known is not None and pair.known.shape == (20, 30)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", "float32"]
)
def test_labels_of_every_type(tmp_path: Path, dtype: Any) -> None:
    put(tmp_path, "a.tif", array=IMAGE)
    put(tmp_path, "a_labels.tif", array=LABELS.astype(dtype))
    assert np.array_equal(read_pair(find_pairs(tmp_path).pairs[0]).labels, LABELS)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS[:, :-1], "shape"),
        (LABELS.T, "shape"),
        (LABELS + 0.5, "fractions"),
        (-LABELS.astype(np.int32), "negative"),
    ],
)
def test_labels_that_cannot_be(tmp_path: Path, labels: np.ndarray[Any, Any], words: str) -> None:
    put(tmp_path, "a.tif", array=IMAGE)
    put(tmp_path, "a_labels.tif", array=labels)
    with pytest.raises(BadInput, match=rf"a_labels\.tif.*{words}"):
        read_pair(find_pairs(tmp_path).pairs[0])


def test_labels_of_a_palette_are_its_indices(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", array=IMAGE)
    for name in ("labels", "known"):
        picture = PIL.Image.fromarray((7 * LABELS).astype(np.uint8))
        picture.putpalette([255 - i // 3 for i in range(768)])
        picture.save(tmp_path / f"a_{name}.png")
    pair = read_pair(find_pairs(tmp_path).pairs[0])
    assert np.array_equal(pair.labels, 7 * LABELS)
    assert pair.known is not None and np.array_equal(pair.known, LABELS > 0)


def test_jpeg_holds_no_labels(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a_labels.jpg")
    with pytest.raises(BadInput, match="JPEG"):
        read_pair(find_pairs(tmp_path).pairs[0])


def test_a_broken_image(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "a_labels.tif")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-50])
    with pytest.raises(BadInput, match=r"a\.tif"):
        read_pair(find_pairs(tmp_path).pairs[0])
