"""Whether all cells of an image are painted: what the user says, and what a training asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from napari_unet import layers
from napari_unet.models import runs_folder
from napari_unet.runs.folder import open_run
from napari_unet.widgets.trained import pair

SLOW, ALL, SOME = "0.05", "unet_all_painted", "unet_some_painted"


def painted(window: Viewer, dock: Any, qtbot: Any, images: int = 1) -> list[Any]:
    """Images with a cell each, the last one in hand."""
    made = []
    for index in range(images):
        made.append(window.add_image(np.full((32, 32), float(index)), name=f"image {index}"))
        labels = window.add_labels(np.zeros((32, 32), np.int32))
        labels.data[4:9, 4:9] = 1
        layers.pair(window, made[-1], labels)
    dock.desk.annotating.turn_to(layers.key(made[-1]))
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == images)
    return made


def box(dock: Any) -> QCheckBox:
    found = dock.findChild(QCheckBox, "unet_complete")
    assert isinstance(found, QCheckBox)
    return found


def trained() -> list[Path]:
    """The runs that are there."""
    return list(runs_folder().glob("trained *"))


def shown(dock: Any, name: str) -> bool:
    return not dock.findChild(QPushButton, name).isHidden()


def test_what_is_said_of_an_image_lies_with_it(window: Viewer, dock: Any, qtbot: Any) -> None:
    first, second = painted(window, dock, qtbot, 2)
    session = dock.desk.session
    assert not box(dock).isChecked() and "where the model is sure" in session.annotated.words(
        "instances", session.asks
    )
    box(dock).click()
    assert layers.is_complete(second) and not layers.is_complete(first)
    assert "“image 1” is complete" in session.status
    shots = [layers.snapshot(window, image) for image in (first, second)]
    assert [pair(shot).unpainted for shot in shots if shot] == [None, "background"]
    dock.desk.annotating.turn_to(layers.key(first))
    assert not box(dock).isChecked()
    qtbot.waitUntil(lambda: session.annotated.complete == 1)
    assert "1 of 2 images as painted completely" in session.annotated.words("instances", True)
    dock.desk.annotating.turn_to(layers.key(second))
    assert box(dock).isChecked()
    box(dock).click()
    assert not layers.is_complete(second) and "is not complete" in session.status


def test_the_key_is_the_box(window: Viewer, dock: Any, qtbot: Any) -> None:
    (image,) = painted(window, dock, qtbot)
    deed = next(f for key, f in window.keymap.items() if str(key) == "Shift+N")
    for complete in (True, False):
        deed(window)
        assert layers.is_complete(image) is box(dock).isChecked() is complete


def test_no_box_where_no_model_is_asked(window: Viewer, dock: Any, qtbot: Any) -> None:
    painted(window, dock, qtbot)
    assert not box(dock).isHidden()
    dock.desk.choose_base("none")
    assert box(dock).isHidden()
    words = dock.findChild(QLabel, "unet_annotated").text()
    assert words.endswith("every unpainted pixel counts as background.")


@pytest.fixture
def asked(
    window: Viewer,
    dock: Any,
    qtbot: Any,
    press: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """An image whose training has asked, and goes on."""
    monkeypatch.setenv("FAKE_WORKER_PAUSE", SLOW)
    monkeypatch.setenv("FAKE_WORKER_LIKELY", "12")
    (image,) = painted(window, dock, qtbot)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: shown(dock, ALL))
    return image


def ended(dock: Any) -> bool:
    session = dock.desk.session
    assert session.mood != "error", session.status
    return not session.job and session.report != ""


def test_likely_cells_are_asked_about_once(
    asked: Any, dock: Any, qtbot: Any, press: Callable[[str], None]
) -> None:
    session = dock.desk.session
    question = dock.findChild(QLabel, "unet_question").text()
    assert question == "12 likely cells are not painted in “image 0”."
    press(SOME)
    assert not shown(dock, ALL) and not shown(dock, SOME) and session.job == "training"
    assert layers.is_left_open(asked) and not layers.is_complete(asked)
    qtbot.waitUntil(lambda: ended(dock))
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: session.job == "training" and len(session.losses) > 2)
    assert session.question is None
    dock.desk.stop()
    qtbot.waitUntil(lambda: ended(dock))


def test_a_complete_image_is_trained_on_anew(
    asked: Any, dock: Any, qtbot: Any, press: Callable[[str], None]
) -> None:
    session = dock.desk.session
    (first,) = trained()
    press(ALL)
    assert layers.is_complete(asked) and box(dock).isChecked() and not shown(dock, ALL)
    qtbot.waitUntil(lambda: session.job == "training" and dock.desk.training._run != first)
    qtbot.waitUntil(lambda: ended(dock))
    assert session.question is None
    run = max(trained(), key=lambda path: path.stat().st_ctime)
    assert open_run(run).info["inputs"][0]["unpainted"] == "background"


def test_an_answer_after_the_end_trains_again(
    asked: Any, dock: Any, qtbot: Any, press: Callable[[str], None]
) -> None:
    session = dock.desk.session
    qtbot.waitUntil(lambda: ended(dock))
    assert shown(dock, ALL)
    press(ALL)
    qtbot.waitUntil(lambda: session.job == "training")
    qtbot.waitUntil(lambda: ended(dock))


def test_an_answer_while_the_cells_are_found_says_what_to_wait_for(
    asked: Any,
    dock: Any,
    press: Callable[[str], None],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = dock.desk.session
    monkeypatch.setenv("FAKE_WORKER_HOLD", "1")  # it waits to be stopped
    qtbot.waitUntil(lambda: session.job == "predicting")
    press(ALL)
    assert layers.is_complete(asked) and "A prediction is running" in session.status
    dock.desk.stop()
    qtbot.waitUntil(lambda: not session.job)


def test_a_question_of_an_image_that_is_gone_goes_too(
    asked: Any, window: Viewer, dock: Any, qtbot: Any
) -> None:
    window.layers.remove(asked)
    assert dock.desk.session.question is None and not shown(dock, ALL)
    dock.desk.completing.answer(True)  # too late
    dock.desk.stop()
    qtbot.waitUntil(lambda: not dock.desk.session.job)


def test_said_by_the_box_the_question_is_answered(asked: Any, dock: Any, qtbot: Any) -> None:
    box(dock).click()
    assert dock.desk.session.question is None and not shown(dock, ALL)
    dock.desk.stop()
    qtbot.waitUntil(lambda: ended(dock))


def test_a_stop_before_the_new_beginning_wins(
    asked: Any, dock: Any, qtbot: Any, press: Callable[[str], None]
) -> None:
    """An answer, then Stop at once: nothing begins anew."""
    press(ALL)
    assert dock.desk.session.job == "stopping"
    dock.desk.stop()
    qtbot.waitUntil(lambda: ended(dock))
    assert "Stopped" in dock.desk.session.status or dock.desk.session.predicted
    assert len(trained()) == 1


def test_where_few_of_many_cells_are_painted_nothing_is_asked(
    window: Viewer,
    dock: Any,
    qtbot: Any,
    press: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But it is said, until they are accepted."""
    monkeypatch.setenv("FAKE_WORKER_LIKELY", "70")
    monkeypatch.setenv("FAKE_WORKER_PAINTED", "12")
    painted(window, dock, qtbot)
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: ended(dock))
    assert not shown(dock, ALL) and not shown(dock, SOME)
    question = dock.findChild(QLabel, "unet_question")
    words = "70 likely cells are not painted in “image 0”: left out of the training."
    assert question.text() == words and not question.isHidden()
    dock.desk.session.accepted = True
    assert question.isHidden()
