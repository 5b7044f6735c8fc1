"""What of a slice the weight map shows, and how its painting is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage import measure

from napari_unet import field
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.core.weights import weight_map
from napari_unet.core.windows import part_of
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


def discs(*centres: tuple[int, int], shape: tuple[int, int] = (90, 90)) -> npt.NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    for number, (y, x) in enumerate(centres, start=1):
        labels[(ys - y) ** 2 + (xs - x) ** 2 < 8**2] = number
    return labels


APART = discs((12, 12), (75, 75))
NEAR = discs((40, 30), (40, 48))


def part(labels: npt.NDArray[Any], **changes: Any) -> Field:
    return replace(whole(labels), **changes)


@pytest.mark.parametrize("preset", ["paper", "fiji"])
@pytest.mark.parametrize(
    "described",
    [
        pytest.param(part(APART), id="far apart"),
        pytest.param(part(discs((40, 40))), id="one cell"),
        pytest.param(part(np.zeros((90, 90), np.int32)), id="nothing painted"),
        pytest.param(part(np.ones((90, 90), np.int32)), id="all is one cell"),
        pytest.param(
            part(np.zeros((90, 90), np.int32), background=np.ones((90, 90)), marked=True),
            id="all background",
        ),
        pytest.param(part(APART, marked=True), id="only cells known"),
        pytest.param(part(APART, background=np.ones((90, 90)), marked=True), id="all known"),
        pytest.param(part(np.zeros((90, 90), np.int32), marked=True), id="nothing known"),
        pytest.param(part(np.minimum(APART, 1), labels_are="classes"), id="classes"),
        pytest.param(part(NEAR, window=(60, 90, 60, 90), painted=386), id="away from the paint"),
    ],
)
def test_without_gaps_nothing_is_to_be_seen(described: Field, preset: str) -> None:
    found = look(described, WeightSettings.of(preset), ScaleSettings(diameter=None))
    low, high = found.weighed.limits
    assert low < high
    assert found.weights.max() <= low + 1e-3, "whatever is above the lower limit shines"
    said = field.words(found, described)
    assert said.startswith("No gaps") and "weigh up to" not in said
    assert ("what you see" in said) == (not described.whole)


@pytest.mark.parametrize("labels_are", ["instances", "classes"])
def test_a_gap_is_seen_and_told(labels_are: Any) -> None:
    labels = np.kron(np.ones((4, 4), np.int32), NEAR[20:60, 20:60])
    described = replace(part(np.minimum(labels, 1)), labels_are="classes")
    if labels_are == "instances":
        described = part(measure.label(labels).astype(np.int32))
    found = look(described, WeightSettings(), ScaleSettings(diameter=None))
    low, high = found.weighed.limits
    assert found.weights.max() == pytest.approx(high) and high > low + 3
    assert found.weights[described.labels > 0].max() <= low + 1e-6
    assert field.words(found, described).startswith(f"Gaps weigh up to {high:.1f}, all else")


@pytest.mark.parametrize("labels_are", ["instances", "classes"])
def test_a_gap_that_weighs_less_than_the_few_cells_is_seen_all_the_same(labels_are: Any) -> None:
    labels = np.pad(np.minimum(NEAR, 1) if labels_are == "classes" else NEAR, (0, 200))
    described = replace(part(labels), labels_are=labels_are)
    found = look(described, WeightSettings(), ScaleSettings(diameter=None))
    low, high = found.weighed.limits
    gap, cell = found.weights[40, 39], found.weights[40, 30]
    assert low < gap < cell == pytest.approx(high), "few cells weigh a lot by their class"
    assert found.weights[0, 0] <= low
    assert "they glow, too" in field.words(found, described)


def test_the_last_gap_that_goes_takes_the_glow_along() -> None:
    labels = NEAR.copy()
    described = part(labels)
    found = look(described, WeightSettings(), ScaleSettings(diameter=None))
    assert found.weighed.gaps
    labels[labels == 2] = 0  # such as by undo
    found.update((30, 50, 38, 58), {2})
    assert not found.weighed.gaps
    assert found.weights.max() <= found.weighed.limits[0] + 1e-3
    assert field.words(found, described).startswith("No gaps")


def asking(labels: npt.NDArray[Any]) -> Field:
    return replace(whole(labels), asks=True)


def test_where_a_model_is_asked_rims_are_known_and_nothing_farther_off() -> None:
    labels = random_cells(3, (120, 120), 12)
    labels = np.where(labels % 3 == 0, labels, 0).astype(np.int32)
    away = ndimage.distance_transform_edt(labels == 0)
    for diameter in (None, 8.0):
        shown = look(asking(labels), WeightSettings(), ScaleSettings(diameter=diameter))
        assert np.array_equal(shown.weights > 0, away <= 4.0 / shown.factor)
    many = asking(random_cells(3))
    words = field.words(look(many, WeightSettings(), ScaleSettings()), many)
    assert "beyond their rims" in words


def test_rims_follow_the_brush() -> None:
    labels = np.zeros((100, 100), np.int32)
    labels[20:30, 20:30] = 1
    shown = look(asking(labels), WeightSettings(), ScaleSettings(diameter=None))
    for box, number in (((50, 60, 50, 60), 2), ((56, 64, 40, 70), 0), ((20, 30, 30, 34), 1)):
        labels[part_of(box)] = number
        shown.update(box, (1, 2))
        afresh = look(asking(labels), WeightSettings(), ScaleSettings(diameter=None))
        assert np.array_equal(shown.weights > 0, afresh.weights > 0)
