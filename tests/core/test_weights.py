"""The boundary weight map against one full distance transform for each cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.core.carving import carve
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import WeightSettings
from napari_unet.core.weights import (
    border_term,
    class_counts,
    class_weights,
    clipped_classes,
    reach,
    weight_map,
)

from .cells import brute_border, random_cells

PRESETS = [WeightSettings.of("paper"), WeightSettings.of("fiji")]


@pytest.mark.parametrize("settings", PRESETS, ids=lambda s: s.preset)
@pytest.mark.parametrize("seed", range(20))
def test_equals_the_brute_force(settings: WeightSettings, seed: int) -> None:
    carved = carve(random_cells(seed, cells=10 + 3 * seed))
    assert np.abs(border_term(carved, settings) - brute_border(carved, settings)).max() < 1e-3


@pytest.mark.parametrize("settings", PRESETS, ids=lambda s: s.preset)
def test_the_whole_map_carves_first_and_adds_the_classes(settings: WeightSettings) -> None:
    labels = random_cells(3)
    carved = carve(labels)
    assert (carved != labels).any(), "the test needs touching cells"
    expected = brute_border(carved, settings)
    if settings.preset == "paper":
        cells = (carved > 0).mean()
        expected = expected + np.where(carved > 0, 0.5 / cells, 0.5 / (1 - cells))
    assert np.abs(weight_map(labels, settings=settings) - expected).max() < 1e-3


def test_a_wrong_sigma_is_seen_by_this_comparison() -> None:
    carved = carve(random_cells(0))
    wrong = border_term(carved, WeightSettings(sigma=5.5))
    assert np.abs(wrong - brute_border(carved, WeightSettings())).max() > 0.05


def test_reach_follows_from_the_settings() -> None:
    assert reach(WeightSettings.of("paper")) == pytest.approx(20.46, abs=0.01)
    assert reach(WeightSettings.of("fiji")) == pytest.approx(36.9, abs=0.05)
    assert reach(WeightSettings(w0=0.0)) == 0
    assert reach(WeightSettings(sigma=10.0)) > 2 * reach(WeightSettings())


def test_fewer_than_two_cells_have_no_border_term() -> None:
    one = np.zeros((20, 20), np.int32)
    assert not border_term(one, WeightSettings()).any()
    one[5:9, 5:9] = 4
    assert not border_term(one, WeightSettings()).any()
    assert np.isfinite(weight_map(one)).all()


def test_unknown_weighs_nothing_and_its_labels_do_not_matter() -> None:
    labels, other = random_cells(1), random_cells(2)
    known = np.zeros(labels.shape, bool)
    known[:, :60] = True
    mixed = np.where(known, labels, other).astype(np.int32)
    first, second = weight_map(labels, known), weight_map(mixed, known)
    assert np.array_equal(first, second)
    assert not first[~known].any()


@pytest.mark.parametrize("there", [1, 255])
def test_a_known_area_as_files_hold_it(there: int) -> None:
    labels = random_cells(1)
    known = np.zeros(labels.shape, np.uint8)
    known[:, :60] = there
    expected = weight_map(labels, known > 0)
    assert np.array_equal(weight_map(labels, known), expected)
    assert np.array_equal(weight_map(labels, known.tolist()), expected)


@pytest.mark.parametrize("part", [np.s_[1:], np.s_[:1], np.s_[None]])
def test_a_known_area_of_another_shape(part: Any) -> None:
    labels = random_cells(1)
    with pytest.raises(BadInput, match="the known area has the shape"):
        weight_map(labels, np.ones(labels.shape, bool)[part])


def test_classes_balance_over_the_known_pixels_and_are_clipped() -> None:
    settings = WeightSettings()
    labels = np.zeros((10, 100), np.int32)
    labels[0, 0] = 5
    counts = class_counts(labels, None, "instances")
    assert counts == {0: 999, 1: 1}
    weights = class_weights(counts, settings)
    assert weights[1] == 10.0
    assert weights[0] == pytest.approx(1000 / 2 / 999)
    assert clipped_classes(counts, settings) == [1]
    # all weights are to be 1: nothing to warn of
    assert clipped_classes(counts, WeightSettings(max_class_weight=1.0)) == []


def test_classes_have_borders_between_pieces_of_one_class_only() -> None:
    labels = np.zeros((30, 60), np.int32)
    labels[10:20, 5:15] = labels[10:20, 18:28] = 1  # a gap of 3 within a class
    labels[10:20, 31:41] = 7  # the same gap, another class
    weights = weight_map(labels, labels_are="classes", class_weight={0: 1.0, 1: 1.0, 7: 1.0})
    assert weights[15, 16] > 5
    assert weights[15, 29] == pytest.approx(1.0, abs=0.2)


def test_bad_labels_get_a_sentence() -> None:
    with pytest.raises(BadInput, match="two axes"):
        weight_map(np.zeros((2, 3, 4), int))
    with pytest.raises(BadInput, match="w0"):
        WeightSettings(w0=-1.0)
    with pytest.raises(BadInput, match="sigma"):
        WeightSettings(sigma=0.0)


def test_huge_ids_and_many_cells() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[2:8, 2:8], labels[2:8, 9:15] = 2**31 - 1, 1_000_000
    assert weight_map(labels).max() > 5
