"""An image that is scaled or moved takes along what lies on it. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet import layers
from napari_unet.layers.copies import region_outlines

from .test_accept_whole import Bench
from .test_accept_whole import bench as bench

MOVES: dict[str, Any] = {
    "scale": (0.5, 0.25),
    "translate": (30, -7),
    "rotate": 20,
    "shear": [0.3],
    "affine": np.array([[2, 0.5, 3], [0, 1, -4], [0, 0, 1]]),
}


def places(*moved: Any) -> list[np.ndarray]:
    points = ((0, 0), (10, 3), (7, 50))
    return [np.array([layer.data_to_world(point) for point in points]) for layer in moved]


@pytest.mark.parametrize("name", MOVES)
def test_all_that_lies_on_it_goes_along(name: str, bench: Bench) -> None:
    regions = layers.make_regions(bench.viewer, bench.image)
    regions.add_rectangles(np.array([[5, 5], [5, 40], [30, 40], [30, 5]]))
    background = layers.make_background(bench.viewer, bench.image)
    before, pixels = region_outlines(regions, bench.image), np.array(bench.labels.data)
    for other in ("translate", name):
        setattr(bench.image, other, MOVES[other])
    where, *theirs = places(bench.image, bench.labels, bench.found, background, regions)
    for each in theirs:
        np.testing.assert_allclose(each, where, atol=1e-9)
    after = region_outlines(regions, bench.image)
    np.testing.assert_allclose(after[0].corners, before[0].corners, atol=1e-6)
    np.testing.assert_array_equal(bench.labels.data, pixels)


def test_what_the_user_has_put_elsewhere_stays(bench: Bench) -> None:
    bench.labels.translate = (5, 5)
    bench.image.scale = (2, 2)
    assert tuple(bench.labels.translate) == (5, 5) and tuple(bench.labels.scale) == (1, 1)
    assert tuple(bench.found.scale) == (2, 2)
    other = layers.make_labels(bench.viewer, bench.other)
    assert tuple(other.scale) == (1, 1)


def test_an_image_with_channels(bench: Bench) -> None:
    image = bench.viewer.add_image(np.zeros((3, 20, 30)), name="channels")
    layers.set_axes(bench.viewer, image, "CYX")
    labels = layers.make_labels(bench.viewer, image)
    image.scale = (1, 0.5, 0.25)
    assert tuple(labels.scale) == (0.5, 0.25)
    bench.annotating.close()
    image.scale = (1, 1, 1)
    assert tuple(labels.scale) == (0.5, 0.25)
