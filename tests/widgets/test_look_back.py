"""A step that is slipped in before later ones: undo comes to it, redo to what was there."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.layers.parts import look_back

SHAPES = [(40, 50), (4, 30, 40), (2, 3, 20, 30)]


def painted(labels: Labels, rng: np.random.Generator) -> None:
    """By brush, fill and script, over one another."""
    shape = labels.data.shape
    for deed in rng.permutation(["paint"] * 5 + ["fill"] * 2 + ["set"]):
        at = tuple(int(rng.integers(0, n)) for n in shape)
        labels.brush_size = int(rng.integers(1, 14))
        if deed == "set":
            where = tuple(rng.integers(0, n, 60) for n in shape)
            labels.data_setitem(where, rng.integers(0, 4, 60))
        else:
            getattr(labels, deed)(at, int(rng.integers(0, 4)))


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("through", [False, True], ids=["slices", "through slices"])
@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D", "4D"])
def test_what_is_slipped_in(shape: tuple[int, ...], through: bool, seed: int) -> None:
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    labels = Labels(np.zeros(shape, np.int32))
    if through:
        labels.n_edit_dimensions = len(shape)
    painted(labels, rng)
    after, parts = labels.data.copy(), [x for step in labels._undo_history for x in step]
    index = np.sort(rng.choice(size, size // 2, replace=False))
    values, none = rng.integers(10, 20, len(index)), np.zeros(len(index), int)
    met, hidden = look_back(parts, index, none, values, shape)
    np.testing.assert_array_equal(met, hidden)  # nothing was there before the first of them
    assert met.any()
    while labels._undo_history:
        labels.undo()
    expected = np.zeros(size, int)
    expected[index[met]] = values[met]
    np.testing.assert_array_equal(labels.data.ravel(), expected)
    while labels._redo_history:
        labels.redo()
    np.testing.assert_array_equal(labels.data, after)
