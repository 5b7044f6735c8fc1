"""Pieces of labels that lie on disk get their numbers without all of it being read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from napari import Viewer

from napari_unet import layers


class Stored:
    """A zarr that tells how often all of it is read at once."""

    def __init__(self, zarr: Any) -> None:
        self._zarr, self.whole = zarr, 0
        self.shape, self.dtype, self.ndim, self.size = zarr.shape, zarr.dtype, zarr.ndim, zarr.size

    def __getitem__(self, at: Any) -> Any:
        return self._zarr[at]

    def __setitem__(self, at: Any, values: Any) -> None:
        self._zarr[at] = values

    def __array__(self, *_: Any, **__: Any) -> npt.NDArray[Any]:
        self.whole += 1
        return np.asarray(self._zarr[...])


def test_pieces_of_a_stored_stack(window: Viewer, dock: Any, qtbot: Any, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    data = np.zeros((3, 64, 64), np.int32)
    data[0, 2:8, 2:8] = data[0, 12:18, 2:8] = data[0, 22:28, 2:8] = 5
    stored = Stored(zarr.create_array(tmp_path / "labels.zarr", data=data))
    window.add_image(np.zeros((3, 64, 64)), name="stack")
    labels, session = window.add_labels(stored, name="mine"), dock.desk.session
    dock.desk.annotating.choose_labels(layers.key(labels))
    qtbot.waitUntil(lambda: bool(session.torn))
    stored.whole = 0
    dock.desk.pieces.give_numbers()
    qtbot.waitUntil(lambda: session.status.startswith("2 pieces have numbers of their own now"))
    assert sorted(np.unique(stored[0]).tolist()) == [0, 5, 6, 7]
    labels.undo()
    np.testing.assert_array_equal(stored[...], data)
    assert not stored.whole
