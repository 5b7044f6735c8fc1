"""images/ and labels/ in folders of their own: what else may lie in and beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unet.core.errors import BadInput
from napari_unet.files.folders import known_beside
from napari_unet.files.pairs import find_pairs, list_images, look_into


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("part", ["images", "labels"])
def test_a_known_area_beside_labels_or_images_in_their_folders(part: str, tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "labels/a.tif", f"{part}/a_known.tif")
    found = find_pairs(tmp_path)
    area = tmp_path / part / "a_known.tif"
    assert [p.known for p in found.pairs] == [area] and found.complete
    assert known_beside(tmp_path / "images/a.tif", tmp_path / "labels/a.tif") == area
    assert [p.name for p in list_images([tmp_path])] == ["a.tif"]
    put(tmp_path, "known/a.tif")
    with pytest.raises(BadInput, match="have one name, 'a'; rename or remove one"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("ending", ["", "_labels"])
def test_an_annotated_image_that_is_called_known_in_its_folder(ending: str, tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "images/a_known.tif")
    put(tmp_path, "labels/a.tif", f"labels/a_known{ending}.tif")
    found = find_pairs(tmp_path)
    assert [p.name for p in found.pairs] == ["a", "a_known"] and found.complete
    assert [p.known for p in found.pairs] == [None, None]


def test_results_beside_images_do_not_hide_them(tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "images/b.tif", "a_labels.tif", "b_labels.tif", "a_prob.tif")
    assert [p.name for p in list_images([tmp_path])] == ["a.tif", "b.tif"]
    put(tmp_path, "c_labels.tif")  # of an image that should lie beside it
    with pytest.raises(BadInput, match="holds no image"):
        list_images([tmp_path])
    put(tmp_path, "overview.tif")  # no label is its own: which images are meant is not clear
    with pytest.raises(BadInput, match="holds images, and images/ in it, too: name one of both"):
        list_images([tmp_path])


@pytest.mark.parametrize("annotated", [(), ("labels/a.tif",), ("labels/a.tif", "labels/b.tif")])
def test_results_among_images_are_no_images(annotated: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "images/b.tif", *annotated)
    put(tmp_path, "images/a_labels.tif", "images/b_labels.tif", "images/a_prob.tif")
    assert [p.name for p in list_images([tmp_path])] == ["a.tif", "b.tif"]
    found = look_into(tmp_path)
    assert [f"labels/{p.name}.tif" for p in found.pairs] == list(annotated)
    assert len(found.pairs) + len(found.passed_over) == 2 and not found.alone


def test_an_image_that_is_called_like_a_result_is_one(tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "images/a_prob.tif", "images/b_labels.tif")
    put(tmp_path, "labels/a.tif", "labels/a_prob.tif")
    assert [p.name for p in find_pairs(tmp_path).pairs] == ["a", "a_prob"]
    names = ["a.tif", "a_prob.tif", "b_labels.tif"]
    assert [p.name for p in list_images([tmp_path])] == names
