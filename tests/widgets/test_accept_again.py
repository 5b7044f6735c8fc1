"""What was accepted once: into other labels, after other data, and the brush that it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.layers._layer_actions import _duplicate_layer

from napari_unet import layers
from napari_unet.widgets import accepted_before

from .test_accept_whole import Bench, begun, held
from .test_accept_whole import bench as bench
from .test_accept_whole import several as several

Qtbot = Any


def accepted(bench: Bench, qtbot: Qtbot) -> str:
    """Accept is pressed; what is said in the end."""
    bench.session.status = ""
    bench.accepting.accept()
    qtbot.waitUntil(bench.ended)
    return bench.session.status


def others(bench: Bench, data: np.ndarray) -> Labels:
    """Other labels of the image, chosen by the user."""
    made: Labels = bench.viewer.add_labels(data, name="others")
    layers.set_free(made)
    bench.annotating.choose_labels(layers.key(made))
    return made


def test_an_image_that_was_cropped_after_an_accept(bench: Bench, qtbot: Qtbot) -> None:
    assert accepted(bench, qtbot).startswith("20 cells added")
    bench.image.data = bench.image.data[:100].copy()
    bench.annotating.new_cell()
    found = layers.prediction_layer(bench.viewer, bench.image)
    found.data[...] = bench.truth[:100]
    layers.note_drawn(found, [0], "another", "model")
    bench.annotating.refresh()
    assert "cells added" in accepted(bench, qtbot)


def test_labels_that_a_script_has_set_back(bench: Bench, qtbot: Qtbot) -> None:
    before = np.array(bench.labels.data)
    assert accepted(bench, qtbot).startswith("20 cells added")
    bench.labels.data = before
    assert accepted(bench, qtbot).startswith("20 cells added")


def test_other_labels_that_have_a_number_in_common(bench: Bench, qtbot: Qtbot) -> None:
    assert accepted(bench, qtbot).startswith("20 cells added")
    made = others(bench, np.where(bench.truth == 11, bench.labels.data, 0))
    assert accepted(bench, qtbot).startswith("29 cells added")
    made.undo()
    accepted(bench, qtbot)
    assert len(np.unique(made.data)) == 31


def test_the_brush_after_accept_paints_no_cell_that_undo_brings_back(
    bench: Bench, qtbot: Qtbot
) -> None:
    labels = bench.labels
    labels.paint((2, 2), 31)
    labels.data_setitem(np.nonzero(labels.data == 31), 0)
    assert accepted(bench, qtbot).startswith("20 cells added")
    assert labels.selected_label == 31
    labels.undo()
    labels.undo()
    qtbot.waitUntil(lambda: labels.selected_label == 32)


def test_an_array_that_is_exchanged_for_a_while(bench: Bench, qtbot: Qtbot, several: None) -> None:
    before, array = np.array(bench.labels.data), bench.labels.data
    begun(bench, qtbot)
    new = np.where(bench.truth > 10, 99, 0).astype(np.int32)
    bench.labels.data = new.copy()
    qtbot.waitUntil(bench.ended)
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, new)
    np.testing.assert_array_equal(array, before)


def test_a_part_of_the_array_is_shown_meanwhile(bench: Bench, qtbot: Qtbot, several: None) -> None:
    before = np.array(bench.labels.data)
    begun(bench, qtbot)
    bench.labels.data = bench.labels.data[:200]
    qtbot.waitUntil(bench.ended)
    np.testing.assert_array_equal(bench.labels.data, before[:200])


def test_an_outline_that_is_begun_meanwhile_is_told(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    labels, session = bench.labels, bench.session
    begun(bench, qtbot)
    labels._begin_stroke()
    labels._overlays["brush_stroke"].active = True
    qtbot.waitUntil(lambda: session.status.startswith("An outline is begun"))
    session.status = ""
    bench.accepting.accept()
    assert session.status.startswith("An outline is begun")
    labels._overlays["brush_stroke"].abort(labels)
    qtbot.waitUntil(bench.ended)
    bench.whole()


def test_an_outline_that_is_begun_is_selected_so_that_escape_ends_it(bench: Bench) -> None:
    labels, selection = bench.labels, bench.viewer.layers.selection
    labels._overlays["brush_stroke"].active = True
    for refused in (bench.accepting.accept, bench.annotating.new_cell):
        selection.active = bench.image
        refused()
        assert "press Escape" in bench.session.status and selection.active is labels
    labels._overlays["brush_stroke"].active = False


def test_an_outline_on_labels_that_were_removed_meanwhile(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.viewer.layers.selection.active = bench.labels
    bench.labels._overlays["brush_stroke"].active = True
    bench.viewer.layers.remove(bench.labels)
    bench.accepting.accept()
    assert "An outline is begun" in bench.session.status
    bench.labels._overlays["brush_stroke"].active = False
    qtbot.waitUntil(bench.ended)


def test_the_brush_is_renewed_although_its_pixels_were_not_counted(
    bench: Bench, qtbot: Qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, counting = bench.labels, bench.annotating.counting
    labels.selected_label = 5
    labels.events.set_data()  # drawn in another way: the counts are dropped
    assert counting.tally(labels) is None
    gate = held(qtbot, monkeypatch, accepted_before, "addition", bench.accepting.accept)
    qtbot.waitUntil(lambda: counting.tally(labels) is not None)
    gate.opened.set()
    qtbot.waitUntil(bench.ended)
    assert labels.selected_label == 31


def test_a_copy_that_is_made_meanwhile_holds_no_cut_cells(
    bench: Bench, qtbot: Qtbot, several: None
) -> None:
    begun(bench, qtbot)
    bench.viewer.layers.selection.active = bench.labels
    _duplicate_layer(bench.viewer.layers)
    copy = bench.viewer.layers[f"{bench.labels.name} copy"]
    qtbot.waitUntil(bench.ended)
    bench.whole()
    np.testing.assert_array_equal(copy.data, bench.labels.data)


def test_a_prediction_that_was_converted_holds_all_numbers(bench: Bench) -> None:
    bench.found.data = bench.found.data.astype(np.uint8)
    found = layers.prediction_layer(bench.viewer, bench.image)
    drawing = layers.Writing(found, [(0, layers.whole_slice(found), bench.truth + 300)])
    while drawing.go_on():
        pass
    np.testing.assert_array_equal(found.data, bench.truth + 300)


def test_labels_with_the_highest_number_that_there_is(bench: Bench, qtbot: Qtbot) -> None:
    """There is no free number: nothing is raised where labels are only opened."""
    highest = np.iinfo(np.int32).max
    others(bench, np.where(bench.truth == 2, highest, bench.labels.data).astype(np.int32))
    with qtbot.waitSignal(bench.annotating.counting.counted):
        pass
    qtbot.wait(20)
    bench.annotating.new_cell()
    assert "would need ids above" in bench.session.status
    assert "would need ids above" in accepted(bench, qtbot)
