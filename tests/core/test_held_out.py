"""The held-out part: whole cells, a fixed rule, an honest score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_unet.core.annotation import Pair
from napari_unet.core.carving import carve
from napari_unet.core.held_out import split, split_stack
from napari_unet.core.judge import MOST_LABELLED, HeldOut, words
from napari_unet.core.samples import LARGEST_BLOCK, Annotation, collect, prepare
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import InstanceSettings, ModelConfig, NetworkSettings, Settings
from napari_unet.core.unet import UNet

from .cells import random_cells


@pytest.mark.parametrize("seed", range(8))
def test_no_cell_is_on_both_sides(seed: int) -> None:
    labels = random_cells(seed, (200, 180), 50)
    known = np.ones(labels.shape, bool)
    parts = split(labels, known, 0.15)
    assert not parts.empty
    inside, outside = set(np.unique(labels[parts.region])), set(np.unique(labels[~parts.region]))
    assert inside & outside <= {0}
    assert inside - {0} == set(parts.ids)
    assert 0.05 < parts.region.mean() < 0.3


def test_training_never_sees_held_out_labels() -> None:
    labels = random_cells(1, (200, 180), 50)
    one = Pair("one", labels.astype(np.float32), labels, None, "YX")
    settings = Settings()
    annotation = collect([one], settings, "instances", 0.2)
    held = set(annotation.slices[0].split.ids)
    samples, _ = prepare(annotation, settings, "instances")
    assert held
    assert not held & set(np.unique(samples[0].cells))


def test_the_rule_has_no_chance_in_it_and_stays_inside_the_known_area() -> None:
    labels = random_cells(2, (200, 180), 60)
    known = np.zeros(labels.shape, bool)
    known[50:150, 30:130] = True
    labels = np.where(known, labels, 0).astype(np.int32)
    first, second = split(labels, known, 0.15), split(labels, known, 0.15)
    assert np.array_equal(first.region, second.region)
    assert not (first.region & ~known).any()


def test_cells_in_one_corner_are_not_all_held_out() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[:120, :120] = random_cells(4, (120, 120), 30)
    parts = split(labels, np.ones(labels.shape, bool), 0.15)
    cells = len(np.unique(labels)) - 1
    assert 1 <= len(parts.ids) <= 0.3 * cells


def test_few_cells_are_all_needed_for_training() -> None:
    labels = np.zeros((50, 50), np.int32)
    labels[5:10, 5:10], labels[20:30, 20:30] = 1, 2
    assert split(labels, np.ones(labels.shape, bool), 0.2).empty
    assert split(random_cells(0), np.ones((90, 110), bool), 0.0).empty


def test_classes_are_held_out_by_blocks() -> None:
    labels = np.ones((100, 100), np.int32)
    labels[50:] = 7
    parts = split(labels, np.ones(labels.shape, bool), 0.2, "classes")
    assert 0.15 < parts.region.mean() < 0.25


def held_out_of(labels: np.ndarray) -> HeldOut:
    one = Pair("one", labels.astype(np.float32), labels.copy(), None, "YX")
    return HeldOut(collect([one], Settings(), "instances", 0.2), Settings())


def segmenter_with(instances: InstanceSettings) -> Segmenter:
    net = NetworkSettings(width=2, depth=1)
    config = ModelConfig(net, instances=instances)
    return Segmenter(UNet(net, torch.Generator().manual_seed(0)), config)


def perfect_judge(planted: bool) -> float:
    """The score of a prediction that equals the true labels, with or without a planted error."""
    labels = random_cells(3, (200, 200), 40)
    held = held_out_of(labels)
    y0, y1, x0, x1 = held.boxes[0]
    probability = (carve(labels) > 0).astype(np.float32)[y0:y1, x0:x1]
    if planted:
        cell = held.slices[0].split.ids[0]
        held.slices[0].labels[held.slices[0].labels == cell] = 0
        held.slices[0].labels[held.boxes[0][0] : held.boxes[0][0] + 3] = cell
    return held.score(segmenter_with(InstanceSettings()), [probability]).value


def seen(core: float, rim: float, shrunk: int) -> tuple[HeldOut, list[np.ndarray]]:
    """Cells seen with `core` inside and `rim` on their outer `shrunk` px."""
    labels = random_cells(3, (200, 200), 40)
    held = held_out_of(labels)
    y0, y1, x0, x1 = held.boxes[0]
    inside = ndimage.distance_transform_edt(carve(labels) > 0)
    probability = np.select([inside > shrunk, inside > 0], [core, rim], 0.05)
    return held, [probability[y0:y1, x0:x1].astype(np.float32)]


def chosen(
    core: float, rim: float, shrunk: int, start: InstanceSettings, sure: bool = False
) -> InstanceSettings:
    """What is chosen for cells that are :func:`seen` so."""
    held, probabilities = seen(core, rim, shrunk)
    return held.choose(segmenter_with(start), probabilities, sure=sure).instances


def test_a_label_error_in_the_held_out_part_lowers_the_score() -> None:
    good, bad = perfect_judge(planted=False), perfect_judge(planted=True)
    assert good > 0.9
    assert bad < good


def test_outlines_are_chosen_where_the_network_draws_too_small() -> None:
    start = InstanceSettings(outline=0.4)
    assert chosen(0.9, 0.25, 3, start) == replace(start, outline=0.2)  # 0.4, a log-odds lower
    assert chosen(0.9, 0.05, 0, start) == start
    # what lies beyond the cells is not theirs
    assert chosen(0.9, 0.9, 1, start) == start


def test_of_a_few_cells_no_outline_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand is off by a pixel or two, and draws those few alike."""
    start = InstanceSettings(outline=0.4)
    held, _ = seen(0.9, 0.25, 3)
    monkeypatch.setattr("napari_unet.core.judge.LEAST_JUDGED", len(held.slices[0].split.ids) + 1)
    assert chosen(0.9, 0.25, 3, start) == start


def test_what_a_base_model_knows_well_keeps_its_outline() -> None:
    start = InstanceSettings(outline=0.4)
    assert chosen(0.9, 0.25, 3, start, sure=True) == start


def test_a_network_that_is_never_sure_gets_a_low_threshold() -> None:
    start = InstanceSettings(outline=0.4)
    found = chosen(0.3, 0.3, 1, start)
    assert found.threshold == found.seed_threshold == 0.27  # 0.5, a log-odds lower
    assert chosen(0.55, 0.55, 1, start) == start
    # one that has learnt on from a base model was sure from the start
    assert chosen(0.3, 0.3, 1, start, sure=True) == start


@pytest.mark.parametrize("painted", [False, True])
def test_no_least_size_is_chosen_that_a_painted_cell_does_not_reach(painted: bool) -> None:
    """Specks are seen in the held-out part; cells of their size may be painted elsewhere."""
    labels = random_cells(3, (200, 200), 40)
    held = held_out_of(labels)
    (y0, y1, x0, x1), region = held.boxes[0], held.slices[0].split.region
    corner = np.argwhere(~region & (labels == 0))[-1]
    if painted:
        outside = labels.copy()
        outside[tuple(slice(max(c - 4, 1), c - 1) for c in corner)] = 1000
        held = held_out_of(outside)
        assert held.boxes[0] == (y0, y1, x0, x1) and held.smallest < 10
    probability = np.where(carve(labels) > 0, 0.9, 0.05).astype(np.float32)
    empty = np.argwhere(ndimage.distance_transform_edt(labels == 0) > 4)
    for y, x in empty[:: max(len(empty) // 60, 1)]:
        probability[y - 1 : y + 2, x - 1 : x + 2] = 0.9
    start = InstanceSettings(outline=0.4, min_size=8)
    found = held.choose(segmenter_with(start), [probability[y0:y1, x0:x1]], sure=True).instances
    assert found.min_size == (8 if painted else 12)


def test_a_network_that_is_sure_of_nothing_need_not_be() -> None:
    start = InstanceSettings(outline=0.4, peak=0.8)
    for sure in (True, False):
        assert chosen(0.7, 0.7, 1, start, sure=sure) == replace(start, peak=0.0)
        assert chosen(0.9, 0.9, 1, start, sure=sure) == start


def test_the_score_in_words() -> None:
    score = {
        "AP50": 0.8, "SEG": 0.7, "truth": 14, "found": 12, "merges": 1, "splits": 0,
        "spurious": 2, "value": 0.75,
    }  # fmt: skip
    before = {**score, "found": 5}
    assert words(score, before) == (
        "12 of 14 held-out cells found (was 5), 1 merged pair, 2 where there is none"
    )


def test_a_rare_class_is_not_held_out_whole() -> None:
    labels = np.ones((100, 100), np.int32)
    labels[2:12, 2:12] = 2  # all of it lies in one corner
    known = np.ones(labels.shape, bool)
    parts = split(labels, known, 0.2, "classes")
    assert not parts.empty
    assert (labels[~parts.region] == 2).sum() >= 50
    labels[:] = 1
    for corner in (slice(0, 12), slice(-12, None)):  # a class of its own in each corner
        labels[corner, :12], labels[corner, -12:] = 2 + (corner.start < 0), 4 + (corner.start < 0)
    assert split(labels, known, 0.2, "classes").empty


def test_a_cell_of_a_stack_is_held_out_in_all_its_slices() -> None:
    one = random_cells(5, (200, 180), 50)
    fewer = np.where(one % 2 == 0, one, 0).astype(np.int32)
    few = np.where(one <= 3, one, 0).astype(np.int32)
    known = [np.ones(one.shape, bool)] * 3
    parts = split_stack([fewer, one, few], known, 0.15, "instances")
    held = set(parts[1].ids)
    assert np.array_equal(parts[1].region, split(one, known[1], 0.15).region) and held
    assert set(parts[0].ids) == {i for i in held if i % 2 == 0}
    assert set(parts[2].ids) == {i for i in held if i <= 3}
    image = np.stack([fewer, one, few]).astype(np.float32)
    stack = Pair("stack", image, image.astype(np.int32), None, "ZYX")
    learnt = prepare(collect([stack], Settings(), "instances", 0.15), Settings(), "instances")[0]
    assert not held & {int(i) for sample in learnt for i in np.unique(sample.cells)}


def test_a_cell_that_drifts_through_a_stack_stays_on_its_side() -> None:
    first = random_cells(5, (200, 220), 50)[:, 20:]
    stack = [np.roll(first, 4 * i, axis=1) for i in range(7)]
    parts = split_stack(stack, [np.ones(first.shape, bool)] * 7, 0.15, "instances")
    lead = {int(i) for i in parts[0].ids}
    assert lead and all({int(i) for i in p.ids} == lead for p in parts)
    for plane, part in zip(stack, parts, strict=True):
        assert not lead & set(np.unique(plane[~part.region]))


def sparse(places: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Squares of 20 px with a little known ground round each, in a wide unknown image."""
    labels, known = np.zeros((900, 900), np.int32), np.zeros((900, 900), bool)
    for i, (y, x) in enumerate(places, start=1):
        known[max(y - 15, 0) : y + 15, max(x - 15, 0) : x + 15] = True
        labels[max(y - 10, 0) : y + 10, max(x - 10, 0) : x + 10] = i
    return labels, known


def test_of_sparse_cells_no_wide_empty_box_is_looked_at() -> None:
    grid = [(y, x) for y in range(30, 900, 120) for x in range(30, 900, 120)]
    labels, known = sparse(grid)
    assert np.ptp(np.nonzero(split(labels, known, 0.2).region), axis=1).min() > 300
    parts = split(labels, known, 0.2, largest=200 * 200)
    assert len(parts.ids) == 4
    assert np.ptp(np.nonzero(parts.region), axis=1).max() < 240  # with the rims of whole cells
    # where none lies so near a corner, a wider one
    diamond = [(30, 450), (450, 30), (450, 870), (870, 450)]
    inner = [(y, x) for y in (260, 640) for x in (260, 640)]
    parts = split(*sparse(diamond + inner), 0.2, largest=200 * 200)
    assert len(parts.ids) > 0


def test_slices_without_held_out_cells_do_not_crowd_out_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dense = random_cells(3, (200, 200), 44)
    far = np.zeros_like(dense)
    corner = collect([Pair("one", dense * 1.0, dense, None, "YX")], Settings(), "instances", 0.2)
    block = corner.slices[0].split.block
    assert block is not None
    far[90:110, 90:110] = 1
    far[block] = 0
    labels = np.stack([dense, *[far] * 11])
    stack = Pair("stack", labels.astype(np.float32), labels, None, "ZYX")
    annotation = collect([stack], Settings(), "instances", 0.2)
    assert [len(s.split.ids) > 0 for s in annotation.held_out] == [True] + [False] * 11
    assert len(HeldOut(annotation, Settings()).slices) == 12
    monkeypatch.setattr("napari_unet.core.judge.MOST_LABELLED", 4 * 90 * 90)
    held = HeldOut(annotation, Settings())
    assert [s.name for s in held.slices] == ["stack, slice 0"] and held.cells > 0


def test_large_cells_are_found_in_few_pixels_of_the_image() -> None:
    """The network sees them small, but they are found in the image's own pixels."""
    cells = np.kron(random_cells(3, (200, 200), 44), np.ones((5, 5), np.int32))
    images = [Pair(str(i), cells.astype(np.float32), cells, None, "YX") for i in range(9)]
    held = HeldOut(collect(images, Settings(), "instances", 0.2), Settings())
    pixels = sum((b[1] - b[0]) * (b[3] - b[2]) for b in held.boxes)
    assert len(held.boxes) >= 1 and pixels <= 1.5 * MOST_LABELLED


def many(count: int, times: int = 1) -> Annotation:
    """So many images of cells, (200 px * times) square, a fifth of each held out."""
    one = random_cells(3, (200, 200), 44)
    blocks = [
        [np.where(one, one + 200 * (times * i + j), 0) for j in range(times)] for i in range(times)
    ]
    labels = np.block(blocks).astype(np.int32)
    images = [Pair(str(i), labels.astype(np.float32), labels, None, "YX") for i in range(count)]
    return collect(images, Settings(), "instances", 0.2)


def test_of_many_images_some_are_scored_all_over_the_list() -> None:
    few = HeldOut(many(3), Settings())
    assert [s.name for s in few.slices] == ["0", "1", "2"]
    annotation = many(60)
    held = HeldOut(annotation, Settings())
    assert len(annotation.held_out) == 60  # none of it is learnt
    assert 4 < len(held.slices) < 40
    numbers = [int(s.name) for s in held.slices]
    assert max(np.diff([-1, *numbers, 60])) <= 60 / len(numbers) + 1
    assert held.cells == sum(len(s.split.ids) for s in held.slices)
    assert len(held.boxes) == len(held.diameters) == len(held.slices)


def test_of_a_large_slice_no_more_is_held_out_than_can_be_scored() -> None:
    s = many(1, times=8).slices[0]
    assert s.diameter is not None
    area = s.split.region.sum() * (26.0 / s.diameter) ** 2  # model pixels
    assert 0.8 * LARGEST_BLOCK < area < 1.2 * LARGEST_BLOCK
    assert len(s.split.ids) > 20
