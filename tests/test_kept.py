"""What is kept of a slow array equals the array, whatever is read and written in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.kept import Kept


class Counted:
    """An array that counts how often it is read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.reads = array, 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def __getitem__(self, index: Any) -> np.ndarray:
        self.reads += 1
        return self.array[index]


def window(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[slice, slice]:
    (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n + 1, 2)) for n in shape[-2:])
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


@pytest.mark.parametrize("shape", [(40, 50), (3, 40, 50), (2, 3, 20, 30)])
@pytest.mark.parametrize("seed", range(5))
def test_it_reads_like_the_array(shape: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 9, shape).astype(np.int32)
    kept = Kept(Counted(array))
    for _ in range(60):
        at = tuple(int(rng.integers(n)) for n in shape[:-2])
        index = (*at, *window(rng, shape))
        assert np.array_equal(kept[index], array[index])
        box = (*(slice(0, n) for n in shape[:-2]), *window(rng, shape))
        where = np.nonzero(rng.random(array[box].shape) < 0.3)
        new: Any = 7 if rng.random() < 0.5 else rng.integers(0, 9, len(where[0]))
        array[box][where] = new
        kept.write(box, where, new)


def test_what_was_read_once_is_not_read_again() -> None:
    source = Counted(np.arange(600, dtype=np.int32).reshape(20, 30))
    kept = Kept(source)
    kept[slice(2, 18), slice(3, 25)]
    kept[slice(2, 18), slice(3, 25)]
    kept[slice(5, 6), slice(24, 25)]
    assert source.reads == 1
    kept[slice(5, 6), slice(24, 26)]
    kept[slice(5, 6), slice(4, 5)]
    assert source.reads == 2, "a smaller window took the place of the larger one"


def test_what_it_keeps_is_its_own() -> None:
    array = np.zeros((9, 9), np.int32)
    kept = Kept(array)
    kept[slice(0, 9), slice(0, 9)]
    array[:] = 1
    assert not kept[slice(0, 9), slice(0, 9)].any()


def test_nothing_is_kept_before_anything_is_read() -> None:
    array = np.zeros((2, 9, 9), np.int32)
    kept = Kept(array)
    box = (slice(1, 2), slice(2, 4), slice(3, 5))
    array[box] = 5
    kept.write(box, np.nonzero(np.ones((1, 2, 2))), 5)
    assert np.array_equal(kept[1, slice(0, 9), slice(0, 9)], array[1])
