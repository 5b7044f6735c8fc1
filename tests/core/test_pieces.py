"""Numbers in several pieces: found, and given numbers of their own."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unet.core.pieces import apart, torn


def split(plane: np.ndarray, first: int) -> np.ndarray:
    made = plane.astype(np.int64)
    index, values = apart(plane, first)
    made.flat[index] = values
    return made


def test_pieces_are_counted_by_number() -> None:
    plane = np.zeros((40, 40), np.int32)
    plane[2:8, 2:8] = plane[2:8, 20:26] = plane[20:28, 2:8] = 6
    plane[30:36, 30:36] = 7
    plane[36, 36] = 7  # touches by its corner
    assert torn(plane) == {6: 3}
    made = split(plane, 8)
    assert torn(made) == {} and set(np.unique(made)) == {0, 6, 7, 8, 9}
    assert (made[20:28, 2:8] == 6).all()  # the largest keeps its number
    assert ((made > 0) == (plane > 0)).all()


def test_crumbs_are_no_pieces() -> None:
    plane = np.zeros((40, 40), np.int32)
    plane[2:22, 2:22] = 1
    plane[30, 30:32] = plane[38, 2:5] = 1  # less than a twentieth
    plane[30:33, 2] = plane[30:33, 10] = 2  # three pixels are a dab
    assert torn(plane) == {}
    assert not len(apart(plane, 3)[0])
    plane[30:36, 20:26] = 1
    np.testing.assert_array_equal(split(plane, 3) == 1, (plane == 1) & ~_box(30, 20, 6))


def _box(y: int, x: int, side: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_nothing_is_painted() -> None:
    assert torn(np.zeros((5, 5), np.uint8)) == {}
    assert torn(np.zeros((0, 5), np.uint8)) == {}
    assert not len(apart(np.zeros((5, 5), np.uint8), 1)[0])


def test_it_equals_labelling_each_number_alone() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        plane = ndimage.zoom(rng.integers(0, 4, (9, 9)), 4, order=0).astype(np.int32)
        expected = {}
        for number in (1, 2, 3):
            where, _ = ndimage.label(plane == number, np.ones((3, 3)))
            sizes = np.bincount(where.ravel())[1:]
            pieces = int((sizes >= max(4, 0.05 * sizes.max(initial=0))).sum())
            if pieces > 1:
                expected[number] = pieces
        assert torn(plane) == expected
        assert torn(split(plane, 4)) == {}
