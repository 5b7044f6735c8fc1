"""What ground that nobody has painted is taken for, against slow and obvious references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.core.settings import InstanceSettings, UnpaintedSettings
from napari_unet.core.unpainted import Assessment, Ground, assess, with_rims

SETTINGS = UnpaintedSettings()
SIDE, PITCH, RADIUS = 160, 32, 9.0
CENTRES = [(y, x) for y in range(16, SIDE, PITCH) for x in range(16, SIDE, PITCH)]


def discs(numbers: range) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number in numbers:
        cy, cx = CENTRES[number]
        labels[np.hypot(y - cy, x - cx) <= RADIUS] = number + 1
    return labels


TRUTH = discs(range(25))


def ground(labels: np.ndarray, stated: np.ndarray | None = None) -> Ground:
    known = labels > 0 if stated is None else stated | (labels > 0)
    none = np.zeros(labels.shape, bool)
    return Ground(labels, known, ~known, none, np.ones(labels.shape, np.float32))


def asked(probability: np.ndarray, of: Ground) -> Assessment:
    instances = InstanceSettings()
    return assess(of, probability.astype(np.float32), instances, 2 * RADIUS, SETTINGS)


def away_from(mask: np.ndarray) -> np.ndarray:
    """Distance to the nearest pixel of a mask, pixel by pixel."""
    at = np.argwhere(mask)
    every = np.argwhere(np.ones_like(mask))
    far = [np.hypot(*(at - pixel).T).min() if len(at) else np.inf for pixel in every]
    return np.reshape(far, mask.shape)


def test_a_rim_round_each_painted_cell() -> None:
    of = ground(discs(range(3)))
    near = away_from(of.painted) <= SETTINGS.rim
    assert np.array_equal(with_rims(of, SETTINGS), near)
    # where nothing may be said, nothing is
    held_out = replace(of, open=of.open & (np.arange(SIDE) > 20))
    assert np.array_equal(with_rims(held_out, SETTINGS), near & held_out.open | of.painted)


def test_what_the_user_says_is_known_whatever_a_network_sees() -> None:
    stated = np.zeros((SIDE, SIDE), bool)
    stated[100:140, 100:140] = True
    said = asked(np.where(TRUTH > 0, 0.95, 0.02), ground(discs(range(8)), stated))
    assert said.known[stated].all() and said.known[discs(range(8)) > 0].all()


def test_sure_background_and_rims_are_known_and_likely_cells_are_not() -> None:
    probability = np.where(TRUTH > 0, 0.95, 0.02)
    of = ground(discs(range(8)))
    said = asked(probability, of)
    assert (said.seen, said.likely) == ("partly painted", 17)
    far = (away_from(TRUTH > 0) > SETTINGS.away) & (TRUTH == 0)
    rims = (away_from(of.painted) <= SETTINGS.rim) & (TRUTH == 0)
    assert np.array_equal(said.known, far | rims | of.painted)


def test_no_rim_where_a_neighbour_may_lie_that_is_not_painted() -> None:
    labels = discs(range(1))
    neighbour = np.roll(labels > 0, 20, axis=1)  # 1 px of ground between both
    probability = np.where((TRUTH > 0) | neighbour, 0.95, 0.02)
    probability[:, 45:] = 0.02
    said = asked(probability, ground(labels))
    assert not said.known[neighbour].any()
    assert said.known[:, :7][labels[:, :7] == 0].any()


def test_a_network_that_hardly_sees_the_painted_cells_is_sure_of_less() -> None:
    """Its 0.06 may be a cell, as it is in those that are painted."""
    faint = np.where(TRUTH > 0, 0.06, 0.01)
    faint[50:60, 30:34] = 0.06
    of = ground(discs(range(8)))
    said = asked(faint, of)
    assert said.seen == "cannot tell"
    rims = (away_from(of.painted) <= SETTINGS.rim) & ~of.painted
    assert not said.known[(faint > 0.05) & of.open & ~rims].any()
    assert said.known[(faint < 0.05) & ~rims].all()


def test_an_image_of_which_all_is_painted_is_complete() -> None:
    said = asked(np.where(TRUTH > 0, 0.95, 0.02), ground(TRUTH))
    assert said.seen == "complete" and said.known.all()


def test_false_cells_of_a_strange_network_do_not_make_an_image_incomplete() -> None:
    probability = np.where(TRUTH > 0, 0.95, 0.02)
    probability[0:15, 28:36] = 0.9  # as large as cells
    probability[150:, 28:40] = 0.9
    specks = np.zeros((SIDE, SIDE), bool)
    specks[::32, ::32] = True
    probability[ndimage.binary_dilation(specks, iterations=2)] = 0.9
    said = asked(probability, ground(TRUTH))
    assert said.seen == "complete" and said.known.all()


@pytest.mark.parametrize("painted", [1, 6, 17])
def test_likely_cells_are_counted(painted: int) -> None:
    said = asked(np.where(TRUTH > 0, 0.95, 0.02), ground(discs(range(painted))))
    assert (said.seen, said.likely) == ("partly painted", 25 - painted)


def test_likely_cells_in_a_region_in_which_all_is_painted_are_none() -> None:
    stated = np.ones((SIDE, SIDE), bool)
    stated[:, 120:] = False
    said = asked(np.where(TRUTH > 0, 0.95, 0.02), ground(discs(range(8)), stated))
    assert said.likely == 4  # of the last column, one of which is painted


def test_of_held_out_ground_nothing_is_said() -> None:
    of = ground(discs(range(8)))
    held_out = np.zeros((SIDE, SIDE), bool)
    held_out[60:] = True
    said = asked(np.where(TRUTH > 0, 0.95, 0.02), replace(of, open=of.open & ~held_out))
    assert not said.known[held_out & ~of.painted].any()


def test_likely_cells_on_held_out_ground_are_counted() -> None:
    """Else an image of which a corner is held out would look complete too soon."""
    of = ground(discs(range(8)))
    below = np.zeros((SIDE, SIDE), bool)
    below[60:] = True
    probability = np.where(TRUTH > 0, 0.95, 0.02)
    without = asked(probability, replace(of, open=of.open & ~below))
    counted = asked(probability, replace(of, open=of.open & ~below, hidden=of.open & below))
    assert (without.likely, without.seen) == (2, "complete")
    assert (counted.likely, counted.seen) == (17, "partly painted")
    assert not counted.known[below & ~of.painted].any()


def test_nothing_painted_and_one_pixel() -> None:
    """A slice of which some background is marked; a single pixel is a cell, too."""
    none = np.zeros((SIDE, SIDE), np.int32)
    stated = np.zeros((SIDE, SIDE), bool)
    stated[:9] = True
    said = asked(np.full((SIDE, SIDE), 0.01), ground(none, stated))
    assert said.seen == "cannot tell" and said.known.all()
    one = none.copy()
    one[80, 80] = 4
    said = asked(np.full((SIDE, SIDE), 0.01), ground(one))
    assert said.seen == "cannot tell" and said.known[80, 80]
