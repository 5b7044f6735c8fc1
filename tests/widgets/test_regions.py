"""What is a region of the image: one answer for the panel, the weight map and the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_unet import layers
from napari_unet.snapshots import Outline, rasterise
from napari_unet.widgets import fields
from napari_unet.widgets.trained import pair

from .conftest import partner

pytestmark = pytest.mark.gui

Press = Callable[[str], None]
BOX = np.array([[0, 0], [0, 60], [60, 60], [60, 0]], float)


def image_of(viewer: Viewer) -> Image:
    return layers.images(viewer)[0]


def known(viewer: Viewer) -> np.ndarray:
    shot = layers.snapshot(viewer, image_of(viewer))
    assert shot is not None
    area = pair(shot).known
    return np.ones(shot.labels.shape, bool) if area is None else area


@pytest.fixture
def model() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def regions(painted: Viewer, press: Press) -> Shapes:
    press("unet_regions")
    layer = partner(painted, "regions")
    assert isinstance(layer, Shapes)
    return layer


@pytest.mark.parametrize(
    "corners",
    [
        BOX + 300,
        -BOX - 20,
        np.array([[-40, -40], [-40, 300], [-10, 300], [-10, -10], [300, -10], [300, -40]]),
    ],
    ids=["beyond", "before", "round it"],
)
def test_a_region_beside_the_image_counts_nowhere(
    corners: np.ndarray, painted: Viewer, regions: Shapes, dock: Any, qtbot: Any
) -> None:
    session = dock.desk.session
    regions.add(BOX, shape_type="polygon")
    qtbot.waitUntil(lambda: session.annotated.regions == 1, timeout=5000)
    regions.data = []
    regions.add(corners.astype(float), shape_type="polygon")
    qtbot.waitUntil(lambda: session.annotated.regions == 0, timeout=5000)
    assert "every unpainted pixel" in session.annotated.words("instances")
    assert known(painted).all()
    assert layers.region_count(regions, image_of(painted)) == 0
    desk = dock.desk
    shown = fields.field_of(
        painted, session, desk.annotating.counting, image_of(painted), partner(painted, "labels")
    )
    assert not shown.marked and not shown.outlines


def test_a_region_half_outside_counts(
    painted: Viewer, regions: Shapes, dock: Any, qtbot: Any
) -> None:
    regions.add(BOX + 226, shape_type="polygon")
    qtbot.waitUntil(lambda: dock.desk.session.annotated.regions == 1, timeout=5000)
    assert known(painted)[226:, 226:].all() and not known(painted).all()


@pytest.mark.parametrize(
    "moved",
    [
        {"translate": (100, 100)},
        {"scale": (0.5, 0.5), "translate": (100, 100)},
        {"rotate": 90, "translate": (160, 100)},
        {"affine": np.array([[1, 0, 100], [0, 1, 100], [0, 0, 1]])},
    ],
    ids=["moved", "scaled", "turned", "by affine"],
)
def test_regions_are_where_they_are_seen(moved: dict[str, Any], model: Any) -> None:
    image = model.add_image(np.zeros((256, 256), np.uint8))
    layers.make_labels(model, image).data[:5, :5] = 1
    regions = layers.make_regions(model, image)
    regions.add(BOX, shape_type="polygon")
    for name, value in moved.items():
        setattr(regions, name, value)
    size = 30 if "scale" in moved else 60
    (outline,) = layers.region_outlines(regions, image)
    np.testing.assert_allclose(outline.corners.min(axis=0), 100, atol=1e-6)
    np.testing.assert_allclose(outline.corners.max(axis=0), 100 + size, atol=1e-6)
    only = known(model) & (partner(model, "labels").data == 0)
    ys, xs = np.nonzero(only)
    assert abs(ys.min() - 100) <= 1 and abs(xs.max() - 100 - size) <= 1


def test_moving_the_layer_is_counted(
    painted: Viewer, regions: Shapes, dock: Any, qtbot: Any
) -> None:
    session = dock.desk.session
    regions.add(BOX, shape_type="polygon")
    qtbot.waitUntil(lambda: session.annotated.regions == 1, timeout=5000)
    regions.translate = (400, 400)
    qtbot.waitUntil(lambda: session.annotated.regions == 0, timeout=5000)


def test_an_image_with_a_transform_and_channels(model: Any) -> None:
    look = {"scale": (1, 2.0, 0.5), "translate": (0, 7, 3)}
    image = model.add_image(np.zeros((3, 40, 50)), **look)
    layers.set_axes(model, image, "CYX")
    shapes = layers.make_regions(model, image)
    shapes.add(np.array([[5, 5], [5, 9], [9, 9], [9, 5]], float), shape_type="polygon")
    (before,) = layers.region_outlines(shapes, image)
    np.testing.assert_array_equal(before.corners, shapes.data[0])
    shapes.translate = (7 + 4, 3 + 1)  # of the world: two rows, two columns
    (after,) = layers.region_outlines(shapes, image)
    np.testing.assert_allclose(after.corners, shapes.data[0] + 2)


def test_covers_equals_the_mask() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        corners = rng.uniform(-30, 60, (rng.integers(3, 7), 2)) * rng.uniform(0.05, 1)
        outline = Outline(0, corners + rng.uniform(-10, 30, 2))
        there = bool(rasterise((outline,), (20, 30)).any())
        assert outline.covers((20, 30)) == there
        seen.add(there)
    assert seen == {True, False}
    assert not Outline(-1, BOX).covers((20, 30))
