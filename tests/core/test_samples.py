"""From pairs to batches: what is unknown stays unseen, what is seen is augmented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_unet.core import scaled
from napari_unet.core.annotation import Pair, median_diameter
from napari_unet.core.axes import read_axes
from napari_unet.core.batches import Batches
from napari_unet.core.fit import Trainer, settle_norms, weighted_loss
from napari_unet.core.judge import HeldOut
from napari_unet.core.normalise import normalise
from napari_unet.core.presets import preset
from napari_unet.core.samples import collect, factor_of, prepare
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import (
    AugmentSettings,
    FitSettings,
    ModelConfig,
    NetworkSettings,
    ScaleSettings,
    Settings,
)
from napari_unet.core.unet import UNet
from napari_unet.core.windows import moved

from .cells import random_cells

CPU = torch.device("cpu")


def small(**changes: object) -> Settings:
    fit = FitSettings(optimiser="adamw", batch=2, tile=96)
    net = NetworkSettings(width=4, depth=3, padding="same", norm="batch", dropout=0.0)
    settings = replace(preset("default"), fit=fit, network=net, scale=ScaleSettings(diameter=None))
    return replace(settings, **changes)  # type: ignore[arg-type]


def pair(seed: int = 0, labels: np.ndarray | None = None, known: np.ndarray | None = None) -> Pair:
    labels = random_cells(seed, (150, 170), 40) if labels is None else labels
    rng = np.random.default_rng(seed)
    image = (labels > 0) * 100.0 + rng.normal(0, 10, labels.shape)
    return Pair(f"image {seed}", image.astype(np.float32), labels, known, "YX")


def batches(pairs: list[Pair], settings: Settings, share: float = 0.0, seed: int = 0) -> Batches:
    annotation = collect(pairs, settings, "instances", share)
    samples, by_class = prepare(annotation, settings, "instances")
    return Batches(samples, by_class, settings, "instances", seed, CPU)


@pytest.mark.parametrize("warped", [True, False])
def test_labels_where_nothing_is_known_change_neither_loss_nor_gradient(warped: bool) -> None:
    settings = small()
    settings = replace(settings, fit=replace(settings.fit, weights_warped=warped))
    assert settings.augment.elastic_sd > 0
    labels, other = random_cells(0, (150, 170), 40), random_cells(9, (150, 170), 60)
    known = np.zeros(labels.shape, bool)
    known[20:120, 30:110] = True
    mixed = np.where(known, labels, other).astype(np.int32)
    assert (mixed != labels).any()
    image = pair(0).image
    results = []
    for painted in (labels, mixed):
        one = Pair("one", image, painted, known, "YX")
        source = batches([one], settings, share=0.15)
        net = UNet(settings.network, torch.Generator().manual_seed(0)).train()
        total = torch.zeros(())
        for step in range(1, 4):
            batch = source.batch(step)
            total = total + weighted_loss(net(batch.image), batch.target, batch.weights)
        total.backward()
        results.append((total.detach(), [p.grad for p in net.parameters()]))
    assert torch.equal(results[0][0], results[1][0])
    for one, two in zip(results[0][1], results[1][1], strict=True):
        assert one is not None
        assert two is not None
        assert torch.equal(one, two)
    assert results[0][0] > 0


def test_labels_inside_the_known_area_do_change_the_loss() -> None:
    """The control of the test above."""
    settings, labels = small(), random_cells(0, (150, 170), 40)
    other = labels.copy()
    other[40:80, 40:80] = 999
    first, second = (batches([pair(0, painted)], settings).batch(1) for painted in (labels, other))
    assert torch.equal(first.image, second.image) or not torch.equal(first.target, second.target)


def test_batches_are_a_pure_function_of_seed_and_step() -> None:
    settings = small()
    one, two = batches([pair()], settings), batches([pair()], settings)
    one.batch(1)
    for attribute in ("image", "target", "weights"):
        assert torch.equal(getattr(one.batch(7), attribute), getattr(two.batch(7), attribute))
    assert not torch.equal(one.batch(7).image, one.batch(8).image)
    assert not torch.equal(one.batch(7).image, batches([pair()], settings, seed=1).batch(7).image)


def test_fit_sees_augmented_tiles() -> None:
    """Fails when augmentation is switched off: tiles would be crops of the image."""
    straight = AugmentSettings(
        rotate=0, mirror=False, scale=0, elastic_sd=0, brightness=0, contrast=0, gamma=0
    )

    def roughness(settings: Settings) -> float:
        """How far the tiles' label outlines are from those of plain crops: new grey values."""
        batch = batches([ramp], settings).batch(1)
        return float((batch.image[..., 1:, :] - batch.image[..., :-1, :]).std())

    _, x = np.mgrid[:150, :170]
    ramp = Pair("ramp", (x * 1.0).astype(np.float32), random_cells(0, (150, 170), 40), None, "YX")
    assert roughness(small(augment=straight)) < 1e-4
    assert roughness(small()) > 1e-3


def test_unknown_pixels_weigh_nothing_and_centres_avoid_them() -> None:
    known = np.zeros((150, 170), bool)
    known[:40, :50] = True
    settings = small()
    source = batches([pair(known=known)], settings)
    for step in range(1, 6):
        batch = source.batch(step)
        assert (batch.weights > 0).any()
        assert (batch.weights >= 0).all()
    everywhere = batches([pair()], settings)
    assert (everywhere.batch(1).weights > 0).float().mean() > 0.99


@pytest.mark.parametrize("warped", [True, False])
def test_gaps_keep_most_of_their_weight(warped: bool) -> None:
    settings = small()
    settings = replace(settings, fit=replace(settings.fit, weights_warped=warped, batch=8))
    source = batches([pair()], settings)
    peak = max(s.weights.max() for s in source.samples)
    assert source.batch(1).weights.max() > (0.8 if warped else 0.95) * peak


def test_a_batch_without_known_pixels_has_no_loss_and_no_gradient() -> None:
    logits = torch.randn(1, 2, 8, 8, requires_grad=True)
    loss = weighted_loss(logits, torch.zeros(1, 8, 8, dtype=torch.int64), torch.zeros(1, 8, 8))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_loss_is_the_weighted_mean_of_the_cross_entropy() -> None:
    logits, weights = torch.randn(2, 3, 5, 5), torch.rand(2, 5, 5)
    target = torch.randint(0, 3, (2, 5, 5))
    p = torch.softmax(logits, 1).gather(1, target[:, None])[:, 0]
    expected = -(weights * p.log()).sum() / weights.sum()
    assert weighted_loss(logits, target, weights) == pytest.approx(float(expected), rel=1e-5)


def test_missing_pixels_are_unknown() -> None:
    one = pair()
    one.image[:50] = np.nan
    annotation = collect([one], small(), "instances", 0.0)
    assert not annotation.slices[0].known[:50].any()
    assert np.isfinite(annotation.slices[0].image).all()


def test_only_annotated_slices_of_a_stack_are_taken() -> None:
    labels = np.zeros((4, 60, 60), np.int32)
    labels[2] = random_cells(0, (60, 60), 12)
    stack = Pair("stack", np.random.default_rng(0).random((4, 60, 60)), labels, None, "ZYX")
    annotation = collect([stack], small(), "instances", 0.0)
    assert [s.name for s in annotation.slices] == ["stack, slice 2"]


def test_labels_are_rescaled_before_gaps_are_carved() -> None:
    labels = np.zeros((80, 120), np.int32)
    for i in range(6):
        labels[20:60, 10 + 16 * i : 26 + 16 * i] = i + 1
    settings = small(scale=ScaleSettings(diameter=14.0))
    annotation = collect([pair(0, labels)], settings, "instances", 0.0)
    factor = factor_of(annotation, settings)
    assert factor == pytest.approx(14 / (2 * np.sqrt(640 / np.pi)))
    samples, _ = prepare(annotation, settings, "instances")
    row = samples[0].cells[samples[0].cells.shape[0] // 2]
    inside = row[(np.flatnonzero(row)[0]) : np.flatnonzero(row)[-1]]
    # five gaps of exactly two model pixels, although the cells are shrunk to half
    assert (inside == 0).sum() == 10


def test_averaged_weights_and_settled_norms_predict() -> None:
    settings = small()
    settings = replace(settings, fit=replace(settings.fit, average=0.9))
    source = batches([pair()], settings)
    trainer = Trainer(UNet(settings.network, torch.Generator().manual_seed(0)), settings.fit)
    losses = [float(trainer.step(source.batch(i + 1), i / 30)) for i in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    net = trainer.result(source, settle=4)
    batch = source.batch(99)
    with torch.inference_mode():
        assert weighted_loss(net(batch.image), batch.target, batch.weights) < losses[0]


def test_norms_that_are_kept_stay_as_they_were_and_train_what_predicts() -> None:
    settings = small()
    fit = replace(settings.fit, keep_norms=True, learning_rate=1e-3)
    source = batches([pair()], settings)
    net = UNet(settings.network, torch.Generator().manual_seed(0))
    settle_norms(net, source, 2)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    trainer = Trainer(net, fit)
    batch = source.batch(5)
    with torch.inference_mode():
        predicted = weighted_loss(net.eval()(batch.image), batch.target, batch.weights)
    assert trainer.step(batch, 0.5) == pytest.approx(float(predicted), rel=0.02)
    after = trainer.result(source).state_dict()
    for name, value in before.items():
        changed = not torch.equal(after[name], value)
        assert changed != ("running" in name or "tracked" in name), name


def grid_of_discs(diameter: float, side: int = 240) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    pitch = round(1.6 * diameter)
    inside = np.hypot(y % pitch - pitch // 2, x % pitch - pitch // 2) < diameter / 2
    return np.where(inside, 1 + (y // pitch) * (side // pitch + 1) + x // pitch, 0).astype(np.int32)


def test_each_image_is_rescaled_by_its_own_cells_where_they_differ_much() -> None:
    settings = small(scale=ScaleSettings(diameter=26.0))
    pairs = [pair(i, grid_of_discs(d)) for i, d in enumerate((12.0, 40.0))]
    annotation = collect(pairs, settings, "instances", 0.0)
    assert annotation.diameters == pytest.approx((12, 40), rel=0.05)
    samples, _ = prepare(annotation, settings, "instances")
    for sample in samples:
        assert median_diameter(sample.cells) == pytest.approx(26, rel=0.06)


def test_images_of_similar_cells_share_one_scale() -> None:
    settings = small(scale=ScaleSettings(diameter=26.0))
    pairs = [pair(i, grid_of_discs(d)) for i, d in enumerate((24.0, 30.0))]
    annotation = collect(pairs, settings, "instances", 0.0)
    assert annotation.diameters is None
    samples, _ = prepare(annotation, settings, "instances")
    assert samples[0].target.shape == samples[1].target.shape


def test_a_stack_has_one_size_of_cells() -> None:
    """Caps of round cells above and below are not small cells: it is predicted with one size."""
    stack = np.stack([grid_of_discs(d) for d in (14, 26, 14)])
    pair = Pair("stack", (stack > 0).astype(np.float32), stack, None, "ZYX")
    annotation = collect([pair], small(scale=ScaleSettings(diameter=26.0)), "instances", 0.0)
    assert annotation.diameters is None
    assert len({s.diameter for s in annotation.slices}) == 1


def on_a_large_slice(factor: float, dtype: str) -> tuple[Pair, Settings]:
    """Some cells and their surroundings known in a corner of a slice much larger than that."""
    labels = np.zeros((900, 1100), np.int32)
    labels[40:190, 700:870] = random_cells(0, (150, 170), 40)
    known = np.zeros(labels.shape, bool)
    known[35:195, 690:880] = True
    # not known, of the largest cells' ids: those cells are not whole
    largest = np.argsort(np.bincount(labels[labels > 0]))[-12:]
    labels[600:620, 100:340] = np.repeat(largest, 20)
    rng = np.random.default_rng(0)
    image = ((labels > 0) * 100 + rng.integers(0, 60, labels.shape)).astype(dtype)
    if dtype == "float32":
        image[50:60, 720:730] = np.nan
    scale = ScaleSettings(diameter=None)
    if factor != 1:
        own = median_diameter(np.where(known, labels, 0))
        assert own is not None
        scale = ScaleSettings(diameter=factor * own)
    return Pair("large", image, labels, known, "YX"), small(scale=scale)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("factor", [1.0, 0.7, 1.6])
def test_of_a_large_slice_only_what_tiles_reach_is_held(
    factor: float, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batches are those of the whole slice, but for the rounding of positions in it."""
    pair, settings = on_a_large_slice(factor, dtype)
    whole = batches([pair], settings, share=0.15)
    monkeypatch.setattr(scaled, "LARGEST_WHOLE", 1)
    part = batches([pair], settings, share=0.15)
    (all_of_it,), (some,) = whole.samples, part.samples
    assert some.image.size < all_of_it.image.size / 2
    assert some.target.sum() == all_of_it.target.sum() > 0
    assert some.known.sum() == all_of_it.known.sum()
    np.testing.assert_array_equal(np.unique(some.weights), np.unique(all_of_it.weights))
    assert some.mean_and_spread == pytest.approx(all_of_it.mean_and_spread, rel=1e-6)
    for step in range(1, 6):
        one, two = whole.batch(step), part.batch(step)
        assert (one.image - two.image).abs().max() < 0.02
        assert (one.image - two.image).abs().mean() < 1e-4
        assert (one.target != two.target).float().mean() < 1e-4
        assert (one.weights - two.weights).abs().mean() < 1e-3 * one.weights.mean()


@pytest.mark.parametrize("largest", [1, 2**22], ids=["part", "whole"])
@pytest.mark.parametrize("factor", [1.0, 0.7, 1.6])
def test_labels_lie_on_their_image(
    factor: float, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the known part of a slice begins, and whatever of it is held."""
    monkeypatch.setattr(scaled, "LARGEST_WHOLE", largest)
    labels = np.zeros((900, 1100), np.int32)
    labels[63:183, 705:825] = grid_of_discs(20.0, 120)
    known = np.zeros(labels.shape, bool)
    known[50:190, 690:840] = True
    settings = small(scale=ScaleSettings(diameter=None if factor == 1 else 20 * factor))
    discs = Pair("discs", (labels > 0).astype(np.float32), labels, known, "YX")
    (one,), _ = prepare(collect([discs], settings, "instances", 0.0), settings, "instances")
    centres = [ndimage.center_of_mass(x) for x in (one.image[0], one.target)]
    assert one.target.sum() == pytest.approx(one.image.sum(), rel=0.05)
    assert centres[1] == pytest.approx(centres[0], abs=0.35)


def test_what_is_held_of_the_annotation_is_what_is_known_and_a_rim() -> None:
    """The same cells, sizes and held-out part as of the slice alone that is known."""
    pair, settings = on_a_large_slice(1.0, "uint8")
    (one,) = collect([pair], settings, "instances", 0.15).slices
    assert one.window == (35 - 16, 195 + 16, 690 - 16, 880 + 16)
    assert one.image.shape[1:] == one.labels.shape == one.known.shape == (192, 222)
    expected, _ = normalise(np.asarray(pair.image)[None], settings.normalise)
    np.testing.assert_array_equal(one.image, expected[:, 19:211, 674:896])
    everything = replace(pair, known=np.ones(pair.labels.shape, bool))
    (other,) = collect([everything], settings, "instances", 0.15).slices
    assert other.window == (0, 900, 0, 1100)
    alone = median_diameter(np.where(pair.known, pair.labels, 0), pair.known)
    assert one.diameter == median_diameter(pair.labels, pair.known) != alone


def test_held_out_cells_are_scored_as_in_the_whole_slice() -> None:
    """Tiles lie on the pooling grid of the whole slice, wherever its known part begins."""
    pair, settings = on_a_large_slice(1.0, "uint8")
    annotation = collect([pair], settings, "instances", 0.3)
    held_out = HeldOut(annotation, settings)
    net = UNet(settings.network, torch.Generator().manual_seed(0)).eval()
    config = ModelConfig(settings.network, "instances", normalise=settings.normalise)
    segmenter = Segmenter(net, config, precision="fp32", tile=0)
    (found,) = held_out.probabilities(segmenter)
    image = np.asarray(pair.image)
    whole = segmenter.probability(segmenter.read(image, read_axes(image.shape, "YX", where=""), 0))
    y0, y1, x0, x1 = moved(held_out.boxes[0], annotation.slices[0].window)
    np.testing.assert_allclose(found, whole[y0:y1, x0:x1], atol=1e-5)
