"""What counts as known, and the gaps between touching cells."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.annotation import (
    beyond,
    check_labels,
    known_area,
    looks_like_classes,
    median_diameter,
    number_doubt,
    photo_doubt,
    stated_area,
    whole_cell_areas,
)
from napari_unet.core.errors import BadInput

from .cells import random_cells


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "?"])
def test_labels_of_every_type_become_int32(dtype: str) -> None:
    labels = np.array([[0, 1], [1, 0]]).astype(dtype)
    checked = check_labels(labels)
    assert checked.dtype == np.int32
    assert np.array_equal(checked, [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.array([[0.5]]), "fractions"),
        (np.array([[np.nan]]), "fractions"),
        (np.array([[-1]]), "negative"),
        (np.array([[2**31]]), "above"),
        (np.array([["a"]]), "whole numbers"),
    ],
)
def test_labels_that_are_no_ids_are_refused(labels: np.ndarray, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        check_labels(labels)


def test_without_marks_each_slice_with_a_label_is_known() -> None:
    labels = np.zeros((3, 4, 4), np.int32)
    labels[1, 0, 0] = 7
    known = known_area(labels, np.zeros(labels.shape, bool), None)
    assert known.any(axis=(1, 2)).tolist() == [False, True, False]
    assert known[1].all()


def test_as_soon_as_a_mark_exists_only_marked_and_painted_is_known() -> None:
    labels = np.zeros((2, 5, 5), np.int32)
    labels[0, 0, 0], labels[1, 4, 4] = 1, 2
    regions = np.zeros(labels.shape, bool)
    regions[0, 2:4, 2:4] = True
    known = known_area(labels, regions)
    assert known[0].sum() == 5
    assert known[1].sum() == 1
    background = np.zeros(labels.shape, bool)
    background[1, 0] = True
    assert known_area(labels, regions, background)[1].sum() == 6


def test_a_mask_says_what_is_known_and_what_is_painted_is_known_too() -> None:
    labels = np.zeros((2, 5, 5), np.int32)
    labels[0, 0, :2], labels[1, 4, 4] = 1, 2
    stated = np.zeros(labels.shape, np.uint8)
    assert stated_area(labels, stated).sum() == 3  # with an empty mask nothing else
    stated[0, 0, 0] = stated[0, 2:4, 2:4] = 255
    assert np.array_equal(stated_area(labels, stated), known_area(labels, stated > 0))
    assert beyond(labels, stated).startswith("2 cells reach beyond the known area")
    assert beyond(labels * (stated > 0), stated) == ""


def test_an_image_given_as_labels_is_doubted() -> None:
    rng = np.random.default_rng(0)
    for photo in (rng.integers(1, 255, (64, 64)), rng.normal(2000, 50, (2, 64, 64)).astype(int)):
        assert "instead of its labels?" in photo_doubt(photo)
    smallest = np.kron(np.arange(1, 401).reshape(20, 20), np.ones((3, 3), int))
    points = np.diag(np.arange(1, 65))
    for labels in (random_cells(1), smallest, points, np.zeros((9, 9), int), np.ones((1, 1), int)):
        assert photo_doubt(labels) == ""


def test_diameter_is_the_median_of_whole_cells() -> None:
    labels = np.zeros((40, 60), np.int32)
    for i, (y, x) in enumerate([(2, 2), (2, 20), (2, 40)], start=1):
        labels[y : y + 10, x : x + 10] = i
    labels[20:40, 0:30] = 9  # cut by the image
    labels[20:30, 40:55] = 10
    known = np.ones(labels.shape, bool)
    known[25:] = False  # cuts number 10
    assert median_diameter(labels, known) == pytest.approx(2 * np.sqrt(100 / np.pi))
    assert median_diameter(labels, known, min_cells=4) is None
    assert len(whole_cell_areas(labels)) == 4


def test_at_most_two_ids_in_many_pieces_look_like_classes() -> None:
    dots = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((4, 4), int), 3))
    mask = (dots > 0).astype(np.uint8)
    for labels in (mask, mask * 255, mask > 0, mask * np.where(dots % 2, 1, 5), mask[None] * 7):
        assert looks_like_classes(labels)
    two = number_doubt(mask * np.where(dots % 2, 1, 5), ", or not")
    assert two.startswith("25 pieces have the numbers 1 and 5: those are two cells; give each a")
    assert two.endswith("(skimage.measure.label), or not")
    assert looks_like_classes((mask * np.where(dots % 2, 1, 5))[:20, :30])  # six pieces
    assert not looks_like_classes((mask * np.where(dots % 2, 1, 5))[:20, :20])
    assert not looks_like_classes(random_cells(1))
    assert not looks_like_classes(np.zeros((2, 4, 4), np.int32))
    assert not looks_like_classes(dots % 4)  # three of them


def test_a_cell_or_two_do_not_look_like_classes() -> None:
    y, x = np.mgrid[:64, :64]
    one, other = np.hypot(y - 20, x - 20) < 12, np.hypot(y - 44, x - 44) < 12
    two = one + 2 * other
    cut = np.where(one & (y % 8 < 2), 0, two)  # by regions, into several
    crumbs, specks = two.copy(), np.zeros((64, 64), int)
    crumbs[2:60:4, 60], specks[::4, ::4] = 1, 1
    ring = (np.hypot(y - 32, x - 32) < 20) & (np.hypot(y - 32, x - 32) > 15)
    three = np.zeros((64, 64), int)
    three[5:9, 5:9] = three[5:9, 20:24] = three[5:9, 40:44] = 1  # dabs of what is to be one cell
    seen = np.zeros((6, 64, 64), int)
    seen[::2] = two  # every other slice
    for labels in (two, cut, crumbs, specks, ring, three, seen):
        assert not looks_like_classes(labels)


def test_of_a_large_mask_a_part_is_looked_at() -> None:
    labels = np.zeros((2, 40, 9000), np.uint8)
    labels[1, 10:20, 3000:9000] = np.arange(6000) % 20 < 10
    assert looks_like_classes(labels)
    assert number_doubt(labels).startswith("103 pieces have the number 1: that is one cell; give")
