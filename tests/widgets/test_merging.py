"""Predicted cells into the user's labels, and the filters on them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_unet.core.settings import InstanceSettings, ModelConfig, NetworkSettings
from napari_unet.merging import Addition, addition, class_addition
from napari_unet.widgets.predicted import as_filtered


def merged(labels: np.ndarray, new: Addition) -> np.ndarray:
    out = labels.astype(np.int64).ravel()
    out[new.index] = new.values
    return out.reshape(labels.shape)


def test_new_cells_get_ids_past_the_maximum_and_painted_pixels_stay() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:6, 2:6] = 200
    found = np.zeros((20, 20), np.int32)
    found[5:9, 5:9] = 4  # touches the painted cell with one corner pixel
    found[12:16, 12:16] = 9
    new = addition(labels, found)
    out = merged(labels, new)
    assert (new.cells, new.known, new.ids) == (2, 0, (201, 202))
    assert np.array_equal(out[labels > 0], labels[labels > 0])
    assert set(np.unique(out)) == {0, 200, 201, 202}
    assert (out == 201).sum() == 15
    assert new.values[0] == 202
    assert (out == 202).sum() == 16


def test_a_cell_that_was_painted_already_is_not_added_round_it() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[4:8, 4:8] = 1
    labels[14, 14] = 2  # a dab
    found = np.zeros((20, 20), np.int32)
    found[3:9, 3:9] = 1
    found[11:18, 11:18] = 2
    new = addition(labels, found)
    assert (new.cells, new.known, len(new.index)) == (0, 2, 0)


def test_a_painted_cell_that_goes_through_slices_is_known_in_each() -> None:
    labels = np.zeros((4, 20, 20), np.uint64)
    labels[:, 7:12, 7:12] = 3  # drawn smaller than it is found, in all slices
    found = np.zeros((4, 20, 20), np.int32)
    found[1, 4:15, 4:15] = 1
    found[2, :2, :2] = 2
    new = addition(labels, found)
    assert (new.cells, new.known, len(new.index), new.slices) == (1, 1, 4, 1)


def test_nothing_found_and_nothing_painted() -> None:
    empty = np.zeros((5, 5), np.int32)
    assert addition(empty, empty).cells == 0
    one = empty.copy()
    one[2, 2] = 7
    assert addition(empty, one).values.tolist() == [1]


def test_seventy_thousand_ids_stay_distinct() -> None:
    labels = np.zeros((300, 300), np.int32)
    labels[0, 0] = 70_000
    found = np.arange(90_000, dtype=np.int32).reshape(300, 300)
    new = addition(labels, found)
    assert len(np.unique(new.values)) == new.cells == 89_999
    assert new.values.min() == 70_001


def test_classes_keep_their_values() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[0] = 7
    new = class_addition(labels, np.full((4, 4), 1, np.int32))
    out = merged(labels, new)
    assert (out[0] == 7).all()
    assert (out[1:] == 1).all()
    assert (new.cells, new.slices, new.ids) == (1, 1, (1, 1))


def test_ids_beyond_what_was_painted_meanwhile() -> None:
    labels = np.array([[3, 0, 0, 0, 0, 0]])
    new = addition(labels, np.array([[0, 0, 1, 1, 0, 2]]))
    assert set(new.values) == {4, 5}
    assert set(new.beyond(4).values) == {5, 6} and new.beyond(4).ids == (5, 6)
    assert set(new.beyond(2).values) == {4, 5}
    empty = addition(labels, np.zeros_like(labels))
    assert empty.beyond(9) is empty


def test_filters_in_the_units_of_the_model() -> None:
    instances = InstanceSettings(threshold=0.5, seed_threshold=0.6, min_size=20)
    config = ModelConfig(NetworkSettings(), diameter=26.0, image_diameter=30.0, instances=instances)
    stored: Any = SimpleNamespace(config=config, diameter=60.0)
    made = as_filtered(stored, 0.7, 400).instances
    assert (made.threshold, round(made.seed_threshold, 3), made.min_size) == (0.7, 0.8, 100)
    assert made.peak == 0
    # at a lower threshold faint cells are cells, too: 1 to 4 instead of 1 to 1, 1 to 1 for 4 to 1
    stored.config = replace(config, instances=replace(instances, peak=0.8))
    assert as_filtered(stored, 0.2, 400).instances.peak == 0.5
    assert as_filtered(stored, 0.5, 400).instances.peak == 0.8
    stored.config = replace(config, image_diameter=None)
    assert as_filtered(stored, 0.7, 400).instances.min_size == 20


def test_nothing_is_added_where_it_is_closed() -> None:
    labels = np.zeros((20, 20), np.int32)
    found, closed = labels.copy(), np.zeros((20, 20), bool)
    found[2:6, 2:6], found[12:16, 12:16] = 1, 2
    closed[2:6, :4] = True  # half of the first
    closed[12, 12:16] = True
    new = addition(labels, found, closed)
    assert (new.cells, new.known, len(new.index)) == (1, 0, 12)
    assert len(class_addition(labels, found, closed).index) == 8 + 12
