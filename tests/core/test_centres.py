"""Tile centres are drawn as often as their chances say, from all images."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from napari_unet.core.centres import ROWS, Centres


def centres_of(*images: np.ndarray) -> Centres:
    def chances(image: np.ndarray, rows: slice) -> np.ndarray:
        return image[rows]

    return Centres([len(i) for i in images], [partial(chances, i) for i in images])


def test_as_often_as_the_chances_say() -> None:
    rng = np.random.default_rng(0)
    images = [rng.random((h, w)).astype(np.float32) for h, w in ((3, 5), (1, 7), (6, 2))]
    images[0][1] = 0
    images[2][:, 0] = 0
    which, pixels = centres_of(*images).draw(rng, 40_000)
    counts = [np.zeros(i.shape) for i in images]
    for image, (y, x) in zip(which, pixels.astype(int), strict=True):
        counts[image][y, x] += 1
    found, wanted = (np.concatenate([a.ravel() for a in arrays]) for arrays in (counts, images))
    wanted = wanted / wanted.sum() * 40_000
    assert (found[wanted == 0] == 0).all()
    assert np.abs(found - wanted).max() < 5 * np.sqrt(wanted.max())


def test_images_beyond_seventeen_million_pixels_are_drawn_as_often() -> None:
    large = np.full((4096, 2048), 0.7, np.float32)  # one array: it costs 32 MiB, not 256
    which, pixels = centres_of(*[large] * 8).draw(np.random.default_rng(0), 4000)
    assert np.bincount(which, minlength=8) == pytest.approx(500, abs=100)
    assert pixels.mean(axis=0) == pytest.approx([2048, 1024], rel=0.05)


@pytest.mark.parametrize("number", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_are_inside(number: float) -> None:
    image = np.zeros((ROWS + 9, 8), np.float32)
    image[3:7, 2:6] = 0.1

    class Fixed:
        def random(self, count: int) -> np.ndarray:
            return np.full(count, number)

    _, pixels = centres_of(image, image * 0).draw(Fixed(), 1)  # type: ignore[arg-type]
    assert tuple(pixels[0]) == ((3, 2) if number == 0 else (6, 5))
