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


MAKERS = (layers.make_labels, layers.make_regions)


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


def test_it_moves_while_it_is_out(bench: Bench) -> None:
    bench.viewer.layers.remove(bench.image)
    bench.image.scale = (2, 2)
    bench.viewer.layers.append(bench.image)
    assert tuple(bench.labels.scale) == tuple(bench.found.scale) == (2, 2)


@pytest.mark.parametrize("back", [("labels",), ("image", "labels"), ("labels", "image")])
def test_it_moves_while_its_labels_are_out(back: tuple[str, ...], bench: Bench) -> None:
    out = [getattr(bench, name) for name in back]
    bench.found.translate = (5, 5)  # by the user
    bench.viewer.layers.remove(bench.found)
    for layer in reversed(out):
        bench.viewer.layers.remove(layer)
    bench.image.scale = (2, 2)
    for layer in (*out, bench.found):
        bench.viewer.layers.append(layer)
    assert tuple(bench.labels.scale) == (2, 2)
    assert tuple(bench.found.scale) == (1, 1)
    bench.image.scale = (3, 3)
    assert tuple(bench.labels.scale) == (3, 3)


def test_a_pixel_far_from_the_origin_is_a_pixel(bench: Bench) -> None:
    """Of a stage that is 10 cm away; 1e-5 of it is a pixel."""
    bench.image.scale, bench.image.translate = (0.65, 0.65), (123456.7, 76543.21)
    assert tuple(bench.labels.translate) == (123456.7, 76543.21)
    bench.labels.translate += 0.6
    bench.image.scale = (1.3, 1.3)
    assert tuple(bench.labels.scale) == (0.65, 0.65) and tuple(bench.found.scale) == (1.3, 1.3)


def test_units_go_along(bench: Bench) -> None:
    bench.image.units = ("um", "um")
    assert bench.labels.units == bench.found.units == bench.image.units


def test_pixels_of_another_dimension(bench: Bench) -> None:
    bench.image.data = np.zeros((3, 20, 30))
    bench.image.scale = (2, 2, 2)
    assert tuple(bench.labels.scale) == (1, 1)


# ---- what becomes an image's is laid on it


def test_labels_are_laid_on_the_image_that_they_become(bench: Bench) -> None:
    """Their pixels are read as the image's: a stroke must reach those that are seen beneath."""
    bench.other.scale, bench.other.translate = (0.5, 0.5), (7, 9)
    named = bench.viewer.add_labels(np.array(bench.labels.data), name="other_labels")
    assert layers.partner(bench.viewer, bench.other, "labels") is named
    chosen = bench.viewer.add_labels(np.array(bench.labels.data), name="mine", scale=(3, 3))
    bench.annotating.turn_to(layers.key(bench.other))
    bench.annotating.choose_labels(layers.key(chosen))
    assert layers.partner(bench.viewer, bench.other, "labels") is chosen
    where, *theirs = places(bench.other, named, chosen)
    for each in theirs:
        np.testing.assert_allclose(each, where)


def drawn(bench: Bench) -> Any:
    regions = layers.make_regions(bench.viewer, bench.image)
    regions.add_rectangles(np.array([[5, 5], [5, 40], [30, 40], [30, 5]]))
    return regions


def test_an_image_that_is_opened_again_elsewhere(bench: Bench) -> None:
    bench.image.scale = (2, 2)
    regions, background = drawn(bench), layers.make_background(bench.viewer, bench.image)
    before = region_outlines(regions, bench.image)
    bench.viewer.layers.remove(bench.image)
    again = bench.viewer.add_image(bench.image.data, name="cells")  # as its file has it
    bench.annotating.turn_to(layers.key(again))
    bench.annotating.choose_labels(layers.key(bench.labels))
    assert layers.partner(bench.viewer, again, "regions") is regions
    where, *theirs = places(again, bench.labels, regions, background)
    for each in theirs:
        np.testing.assert_allclose(each, where)
    np.testing.assert_allclose(region_outlines(regions, again)[0].corners, before[0].corners)


def test_axes_there_and_back_and_moved_between(bench: Bench) -> None:
    image = bench.viewer.add_image(np.zeros((3, 20, 30)), name="stack")
    labels, regions = (make(bench.viewer, image) for make in MAKERS)
    elsewhere = layers.make_background(bench.viewer, image)
    elsewhere.translate = (1, 1, 1)
    layers.set_axes(bench.viewer, image, "CYX")
    image.scale, image.translate = (1, 0.5, 0.5), (0, 10, 10)
    layers.set_axes(bench.viewer, image, "ZYX")
    for layer in (labels, regions):
        assert tuple(layer.scale) == (1, 0.5, 0.5) and tuple(layer.translate) == (0, 10, 10)
    assert tuple(elsewhere.translate) == (1, 1, 1)
