"""The paper's elastic deformation, and that labels stay labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_unet.core.augment import (
    NODES,
    change_intensities,
    coordinates,
    cubic_matrix,
    displacement,
    draw,
    node_spacing,
    read_at,
    warp,
)
from napari_unet.core.settings import AugmentSettings

from .cells import random_cells

CPU = torch.device("cpu")
MEAN, ONE = np.full(3, 0.5), np.ones(3)
ONLY_ELASTIC = AugmentSettings(
    rotate=0.0, mirror=False, scale=0.0, brightness=0.0, contrast=0.0, gamma=0.0
)


def field(seed: int, tile: int = 572, settings: AugmentSettings = ONLY_ELASTIC) -> np.ndarray:
    """(2, T, T) displacement of one tile, px."""
    drawn = draw(np.random.default_rng(seed), 1, tile, settings)
    where = coordinates(drawn, np.zeros((1, 2)), tile, settings, CPU)[0].numpy()
    y, x = np.mgrid[:tile, :tile] - (tile - 1) / 2
    return np.stack([where[..., 0] - y, where[..., 1] - x])


def test_nodes_are_displaced_by_ten_pixels() -> None:
    nodes = np.concatenate(
        [draw(np.random.default_rng(s), 8, 572, AugmentSettings()).nodes for s in range(40)]
    )
    assert nodes.std() == pytest.approx(10.0, rel=0.05)
    at_nodes = np.stack([field(s)[:, ::285, ::285] for s in range(40)])
    assert at_nodes.shape == (40, 2, 3, 3)
    assert at_nodes.std() == pytest.approx(10.0, rel=0.05)


def test_the_field_is_torchs_bicubic_of_the_nodes() -> None:
    nodes = torch.randn(1, 2, 3, 3)
    expected = F.interpolate(nodes, size=(287, 287), mode="bicubic", align_corners=True)
    found = displacement(nodes, torch.ones(1, 2), 287, 143.0)
    assert torch.allclose(found, expected, atol=1e-4)
    weights = cubic_matrix(torch.linspace(0, 2, 50))
    assert torch.allclose(weights.sum(-1), torch.ones(50), atol=1e-5)


def test_the_field_is_near_a_cubic_spline_of_the_nodes() -> None:
    errors = []
    for seed in range(20):
        nodes = draw(np.random.default_rng(seed), 1, 572, ONLY_ELASTIC).nodes[0, 0]
        spline = ndimage.zoom(nodes, 572 / NODES, order=3, mode="nearest", grid_mode=False)
        errors.append(field(seed)[0] - spline)
    assert np.sqrt(np.mean(np.square(errors))) < 0.3


def test_small_tiles_keep_the_spacing_so_that_the_field_does_not_fold() -> None:
    assert node_spacing(572, AugmentSettings()) == pytest.approx(285.5)
    assert node_spacing(100, AugmentSettings()) == 150
    for seed in range(50):
        moved = field(seed, 192)
        assert np.diff(moved[0], axis=0).min() > -1
        assert np.diff(moved[1], axis=1).min() > -1


def test_labels_keep_their_values_and_follow_the_image() -> None:
    labels = random_cells(2, (200, 200), 20)
    settings = AugmentSettings()
    drawn = draw(np.random.default_rng(0), 1, 160, settings)
    where = coordinates(drawn, np.full((1, 2), 100.0), 160, settings, CPU)
    planes = torch.from_numpy(labels[None].astype(np.float32))
    warped = warp([planes], where, "nearest")[0, 0]
    assert set(np.unique(warped)) <= set(np.unique(labels))
    one = int(labels[labels > 0][0])
    mask = (planes == one).float()
    as_image = read_at(mask, where[0], "bilinear")[0]
    as_label = warped == one
    # they may differ only where interpolation is undecided
    assert not (as_label != (as_image > 0.5))[(as_image < 0.4) | (as_image > 0.6)].any()


def test_beyond_the_image_is_its_mirror() -> None:
    image = torch.rand(1, 40, 50)
    offset = torch.arange(100, dtype=torch.float32) - 30
    where = torch.stack(torch.meshgrid(offset, offset, indexing="ij"), dim=-1)
    expected = np.pad(image[0].numpy(), [(30, 30), (30, 20)], mode="reflect")
    assert np.abs(read_at(image, where, "bilinear")[0].numpy() - expected).max() < 1e-4


def test_same_seed_same_batch_and_another_seed_another() -> None:
    settings = AugmentSettings(noise=0.1, blur=1.0, shading=0.1)
    batch = torch.rand(3, 1, 64, 64)

    def changed(seed: int) -> torch.Tensor:
        return change_intensities(
            batch, draw(np.random.default_rng(seed), 3, 64, settings), MEAN, ONE
        )

    assert torch.equal(changed(1), changed(1))
    assert not torch.equal(changed(1), changed(2))


def test_nothing_changes_when_everything_is_switched_off() -> None:
    off = AugmentSettings(
        rotate=0, mirror=False, scale=0, elastic_sd=0, brightness=0, contrast=0, gamma=0,
        shading=0, noise=0, blur=0,
    )  # fmt: skip
    drawn = draw(np.random.default_rng(0), 1, 33, off)
    image = torch.rand(1, 33, 33)
    where = coordinates(drawn, np.full((1, 2), 16.0), 33, off, CPU)
    assert torch.allclose(warp([image], where, "bilinear")[0], image, atol=1e-5)
    assert torch.allclose(
        change_intensities(image[None], drawn, MEAN[:1], ONE[:1])[0], image, atol=1e-5
    )
