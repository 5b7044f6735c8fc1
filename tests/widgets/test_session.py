"""What the panel knows, and what follows from it; no window, no Qt."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_unet import advice, wording
from napari_unet.models import PRETRAINED
from napari_unet.session import Annotated, Session
from napari_unet.widgets import trained
from napari_unet.widgets.counting import Part, counted


def ready(**changes: object) -> Session:
    made = Session(image="a", labels="b", annotated=Annotated(cells=12, images=1), model="m")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_field_tells_its_listeners() -> None:
    session, heard = Session(), []
    session.events.status.connect(heard.append)
    session.say("hello")
    session.say("hello")
    assert heard == ["Hello."]


@pytest.mark.parametrize(
    ("annotated", "kind", "words"),
    [
        (Annotated(), "instances", "Nothing is painted yet."),
        (
            Annotated(regions=1),
            "instances",
            "No cell is painted yet; only what is inside the 1 region or painted counts.",
        ),
        (Annotated(1, 1), "instances", "1 cell; every unpainted pixel counts as background."),
        (
            Annotated(12, 2),
            "instances",
            "12 cells in 2 images; every unpainted pixel counts as background.",
        ),
        (
            Annotated(12, 1, regions=2),
            "instances",
            "12 cells; only what is inside the 2 regions or painted counts.",
        ),
        (
            Annotated(12, 3, regions=1, unmarked=2),
            "instances",
            "12 cells in 3 images; only what is inside the 1 region or painted counts; in 2 images "
            "without such marks, every unpainted pixel is background.",
        ),
        (
            Annotated(3, 1, background=True, classes=2),
            "classes",
            "2 classes; only painted cells and painted background count.",
        ),
    ],
)
def test_how_much_is_annotated_in_words(annotated: Annotated, kind: str, words: str) -> None:
    assert annotated.words(kind) == words  # type: ignore[arg-type]


def test_the_next_step_is_always_named() -> None:
    steps = [
        advice.next_step(Session()),
        advice.next_step(Session(image="a")),
        advice.next_step(Session(image="a", labels="b")),
        advice.next_step(Session(image="a", labels="b", annotated=Annotated(3, 1))),
        advice.next_step(ready()),
        advice.next_step(ready(predicted=True)),
    ]
    assert len(set(steps)) == 6
    assert all(step.endswith(".") for step in steps)


def test_what_cannot_work_says_why() -> None:
    assert "Open an image" in advice.why_not_train(Session())
    assert "Paint" in advice.why_not_train(Session(image="a"))
    assert advice.why_not_train(ready()) == ""
    assert "running" in advice.why_not_train(ready(job="training"))
    assert advice.why_not_stop(ready(job="training")) == ""
    assert "stopping" in advice.why_not_stop(ready(job="stopping"))
    assert "no model" in advice.why_not_predict(ready(model=""))
    assert advice.why_not_predict(ready()) == ""
    assert advice.why_not_accept(ready())
    assert advice.why_not_accept(ready(predicted=True)) == ""
    assert advice.why_not_filter(ready(filterable=True)) == ""
    assert advice.why_not_resume(ready())


def test_before_and_after_in_words() -> None:
    before = {"AP50": 0.5, "truth": 14, "found": 9, "merges": 2}
    after = {"AP50": 0.8, "truth": 14, "found": 12, "merges": 1}
    words = wording.before_after(before, after)
    assert "12 of 14 found, 1 merge (AP50 0.80)" in words
    assert "Before: 9 of 14 found, 2 merges" in words
    assert "worse" not in words
    assert "worse" in wording.before_after(after, before, worse=True)
    assert "score" in wording.before_after(None, None)


def test_time_left() -> None:
    assert wording.time_left(None) == ""
    assert wording.time_left(40.2) == "about 40 s left"
    assert wording.time_left(200) == "about 3 min left"


def test_neither_qt_nor_torch_is_imported() -> None:
    code = "import sys, napari_unet.session as s; print([m for m in sys.modules if m in BAD])"
    bad = "BAD = {'qtpy', 'PyQt6', 'torch', 'napari'}; "
    done = subprocess.run(
        [sys.executable, "-c", bad + code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_images_without_marks_are_counted() -> None:
    painted = np.array([[0, 1, 2]])
    parts = [
        Part("marked", painted, None, 1, None, None),
        Part("background", painted, None, 0, np.array([[1, 0, 0]]), None),
        Part("plain", painted, None, 0, np.array([[0, 0, 0]]), None),
        Part("empty", 0 * painted, None, 0, None, None),
    ]
    assert counted(parts, "instances")[0].unmarked == 1


def test_what_was_found_untrained_is_accepted_next() -> None:
    found = Session(image="a", model="m", models=(("m", PRETRAINED),), predicted=True)
    assert advice.next_step(found).startswith("Accept")
    found.accepted = True
    assert advice.next_step(found).startswith("Correct")


def test_freshly_painted_cells_are_to_be_learnt() -> None:
    painted = ready(models=(("m", PRETRAINED),))
    assert "Fine-tune" in advice.next_step(painted) and "Predict" not in advice.next_step(painted)
    painted.learnt = True
    assert "Predict" in advice.next_step(painted)


def test_words_about_another_state_are_renewed() -> None:
    session = ready()
    session.say("Found 13 cells", "done")
    advice.renew(session)
    assert session.status == "Found 13 cells."
    session.image = "b"
    advice.renew(session)
    assert session.status == advice.next_step(session) and session.advised
    session.job = "training"
    session.say("Training", "busy")
    session.image = ""
    advice.renew(session)
    assert session.status == "Training."


def test_words_about_cells_that_are_accepted_no_longer_are_renewed() -> None:
    session = ready(predicted=True, accepted=True)
    session.say("2 pieces have numbers of their own now", "done")
    session.accepted = False
    advice.renew(session)
    assert session.status.startswith("Accept what is right")


def test_the_model_that_did_better_is_named() -> None:
    score = {"AP50": 0.5, "truth": 14, "found": 9}
    words = wording.before_after(score, score, worse=True, base="the pretrained model")
    assert "the pretrained model is selected, the new one is in the list" in words


def test_words_about_a_state_that_is_gone_give_way_to_those_of_the_job() -> None:
    session = ready(job="training")
    session.say("Cell 2: paint it with the brush.")
    advice.renew(session)
    assert session.status.startswith("Cell 2")
    session.image = session.labels = ""  # closed
    advice.renew(session)
    assert (session.status, session.mood) == ("The training goes on.", "busy")
    session.job = "predicting"
    session.say("Drawing the cells…", "busy")
    session.image = "c"
    advice.renew(session)
    assert session.status == "Drawing the cells…"  # its own words stay


def test_that_nothing_could_be_kept_aside_is_said_once() -> None:
    for why in ("Too little is annotated", "Too few numbers are used"):
        warning = f"{why} to hold anything out: no score before and after."
        words = trained.report({}, ["GPU memory is low.", warning, warning], "")
        assert words == f"{warning}\nGPU memory is low."
    assert trained.report({}, [], "").startswith("Too little")


def test_an_image_that_cannot_be_counted_costs_the_others_nothing() -> None:
    labels = np.arange(16).reshape(4, 4)
    parts = [
        Part("odd", labels / 2, None, 0, None, None),
        Part("cells", labels, None, 0, None, None),
    ]
    annotated, _, failures = counted(parts, "instances")
    assert annotated.cells == 15
    assert failures == ["the labels of odd hold float64 values, not ids"]


@pytest.mark.parametrize("cells", [0, 2])
def test_few_cells_in_dask_are_counted(cells: int) -> None:
    array = pytest.importorskip("dask.array")
    labels = np.zeros((12, 12), np.int32)
    labels[::2, ::2] = np.arange(36).reshape(6, 6) % (cells + 1)
    labels = np.kron(labels, np.ones((2, 2), np.int32)) * 127  # of any two numbers
    lazy = array.from_array(labels)
    annotated, *_ = counted([Part("cells", lazy, None, 0, None, None)], "instances")
    assert annotated.cells == cells and annotated.doubt == bool(cells)
