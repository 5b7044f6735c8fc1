"""What of a slice the weight map shows, and how its painting is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_unet import field
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.core.weights import weight_map
from napari_unet.field import Field, look, window_for
from napari_unet.snapshots import Outline, rasterise, rasterise_window

from .core.cells import random_cells


def whole(labels: npt.NDArray[Any]) -> Field:
    """All of a single slice, in which everything is known."""
    window = (0, labels.shape[0], 0, labels.shape[1])
    return Field("cells", labels, None, (), 0, window, None, False, "instances")


def test_the_shown_map_is_the_one_of_the_rescaled_labels() -> None:
    labels = np.kron(random_cells(4, (60, 60), 14), np.ones((3, 3), np.int32)).astype(np.int32)
    found = look(whole(labels), WeightSettings(), ScaleSettings(diameter=8.0))
    shown, factor = found.weights, found.factor
    assert shown.shape == labels.shape
    assert factor < 1
    found = look(whole(labels), WeightSettings(), ScaleSettings(diameter=None))
    direct, one = found.weights, found.factor
    assert one == 1.0
    assert np.array_equal(direct, weight_map(labels))
    # rescaled, the same gap is fewer pixels wide and weighs more
    assert shown.mean() > direct.mean()


def test_classes_are_not_carved_and_weigh_by_kind() -> None:
    labels = np.minimum(random_cells(2, (90, 80), 20), 2)
    described = Field("kinds", labels, None, (), 0, (10, 70, 5, 60), None, False, "classes")
    shown = look(described, WeightSettings(), ScaleSettings())
    assert shown.factor == 1.0 and shown.pairs == 0
    assert shown.weights.shape == (60, 55)
    again = look(whole_of(described), WeightSettings(), ScaleSettings())
    expected = weight_map(labels, labels_are="classes")
    assert np.array_equal(again.weights, expected)


def whole_of(part: Field) -> Field:
    window = (0, part.shape[0], 0, part.shape[1])
    return Field(part.name, part.labels, None, (), 0, window, None, False, part.labels_are)


def test_the_window_is_what_is_seen_of_a_large_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert window_for((500, 700), (10, 20, 30, 40)) == (0, 500, 0, 700)
    monkeypatch.setattr(field, "WHOLE", 100 * 100)
    assert window_for((500, 700), (100, 140, 200, 240)) == (90, 150, 190, 250)
    assert window_for((500, 700), (0, 40, 660, 700)) == (0, 50, 650, 700)
    assert window_for((500, 700), (0, 500, 0, 700)) == (200, 300, 300, 400), "the middle"
    assert window_for((500, 700), None) == (200, 300, 300, 400)


def test_regions_of_a_window_are_those_of_the_slice() -> None:
    corners = np.array([[3.5, 4.0], [30.0, 8.0], [20.0, 45.0]])
    outlines = (Outline(1, corners), Outline(1, corners + 12), Outline(7, corners))
    mask = rasterise(outlines, (3, 50, 60))
    assert mask[1].any() and not mask[0].any() and not mask[2].any()
    part = rasterise_window(outlines, 1, (10, 40, 5, 30))
    np.testing.assert_array_equal(part, mask[1, 10:40, 5:30])
