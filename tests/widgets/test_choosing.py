"""Which model is selected for which image."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_unet import layers
from napari_unet.layers.roles import KEY
from napari_unet.models import PRETRAINED, in_hand, runs_folder
from napari_unet.session import FROM_BASE, Session
from napari_unet.widgets import holding
from napari_unet.widgets.choosing import Choosing
from napari_unet.widgets.filtering import Filtering
from napari_unet.widgets.holding import Holding

from .conftest import done

Press = Callable[[str], None]
SHIPPED, OLD, NEW = "/shipped/default", "/runs/old/model", "/runs/new/model"


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def choosing(viewer: ViewerModel) -> Iterator[Choosing]:
    session, parent = Session(), QObject()
    made = Choosing(viewer, session, parent)
    session.models = ((NEW, "trained today"), (OLD, "trained last week"), (SHIPPED, PRETRAINED))
    yield made
    made.close()


def opened(viewer: ViewerModel, choosing: Choosing, folder: str = "", dtype: Any = np.uint8) -> str:
    """The key of an image that was opened, and is in hand."""
    metadata = {KEY: {"file": f"{folder}/a.tif"}} if folder else {}
    key = layers.key(viewer.add_image(np.zeros((8, 8), dtype), metadata=metadata))
    choosing._session.image = key
    return key


def test_an_image_that_no_model_has_seen_has_the_one_that_ships(
    viewer: ViewerModel, choosing: Choosing
) -> None:
    session = choosing._session
    first = opened(viewer, choosing)
    assert session.model == SHIPPED and not session.learnt
    choosing.trained(NEW, [first])
    assert session.model == NEW and session.learnt
    opened(viewer, choosing)
    assert session.model == SHIPPED and not session.learnt
    session.image = first
    assert session.model == NEW and session.learnt


def test_a_choice_of_the_users_stays_with_its_image(
    viewer: ViewerModel, choosing: Choosing
) -> None:
    session = choosing._session
    first = opened(viewer, choosing)
    choosing.choose(OLD)
    assert session.model == OLD and not session.learnt
    opened(viewer, choosing)
    assert session.model == SHIPPED
    session.image = first
    assert session.model == OLD


def test_the_models_of_all_images_are_held(
    viewer: ViewerModel, choosing: Choosing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next training prunes what no window has in hand."""
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path))
    monkeypatch.setattr(holding, "in_thread", lambda work, *_: work())
    old, new = (str(runs_folder() / name / "model.safetensors") for name in ("old", "new"))
    session = choosing._session
    session.models = ((new, "trained today"), (old, "trained last week"), (SHIPPED, PRETRAINED))
    filtering = Filtering(viewer, session, choosing)
    held = Holding(session, choosing, filtering, pytest.fail)
    first = opened(viewer, choosing)
    choosing.choose(old)
    opened(viewer, choosing)
    assert session.model == SHIPPED and old in map(str, in_hand())
    choosing.trained(new, [first])
    assert session.model == SHIPPED and [str(p) for p in in_hand()] == [new]
    held.close()
    filtering.close()


def test_images_of_one_folder_that_are_alike_share_their_model(
    viewer: ViewerModel, choosing: Choosing, tmp_path: Path
) -> None:
    session, here = choosing._session, str(tmp_path)
    choosing.trained(NEW, [opened(viewer, choosing, here)])
    opened(viewer, choosing, here)
    assert session.model == NEW and session.learnt
    opened(viewer, choosing, here, np.float32)
    assert session.model == SHIPPED
    opened(viewer, choosing, str(tmp_path / "other"))
    assert session.model == SHIPPED


def test_a_model_chosen_before_there_is_an_image_is_for_the_next_one(
    viewer: ViewerModel, choosing: Choosing
) -> None:
    choosing.choose(OLD)
    assert choosing._session.model == OLD
    opened(viewer, choosing)
    assert choosing._session.model == OLD
    opened(viewer, choosing)
    assert choosing._session.model == SHIPPED


def test_a_model_that_is_gone_gives_way(viewer: ViewerModel, choosing: Choosing) -> None:
    session = choosing._session
    choosing.trained(NEW, [opened(viewer, choosing)])
    session.models = ((OLD, "trained last week"), (SHIPPED, PRETRAINED))
    assert session.model == SHIPPED and not session.learnt
    session.models = ((OLD, "trained last week"),)
    assert session.model == OLD
    session.models = ()
    assert session.model == ""


def test_a_model_of_an_image_that_is_gone_is_no_other_ones(
    viewer: ViewerModel, choosing: Choosing, tmp_path: Path
) -> None:
    session, here = choosing._session, str(tmp_path)
    gone, another = opened(viewer, choosing, here), opened(viewer, choosing)
    viewer.layers.remove(viewer.layers[0])
    choosing.trained(NEW, [gone])
    assert session.model == SHIPPED and session.image == another
    opened(viewer, choosing, here)  # it is like the one that is gone
    assert session.model == NEW
    choosing.trained(OLD, ["never seen"])
    opened(viewer, choosing)
    assert session.model == SHIPPED


@pytest.mark.gui
@pytest.mark.parametrize("base", [FROM_BASE, "own"])
def test_what_a_worse_training_has_started_from_is_selected(
    base: str,
    trained: Viewer,
    dock: Any,
    press: Press,
    qtbot: Any,
    shipped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, desk = dock.desk.session, dock.desk
    unrelated, own = session.model, str(tmp_path / "own.safetensors")
    default = str(shipped / "default.safetensors")
    for path in (own, default):
        shutil.copy(unrelated, path)
    session.models = (*session.models, (own, "own"), (default, PRETRAINED))
    desk.choose_model(unrelated)
    desk.choose_base(own if base == "own" else base)
    monkeypatch.setenv("FAKE_WORKER_WORSE", "1")
    desk.child.close()
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: len(session.models) == 4 and done(dock))
    wanted, name = (own, "“own”") if base == "own" else (default, f"the {PRETRAINED}")
    assert session.model == wanted
    assert f"{name} is selected, the new one is in the list" in session.report
    assert f"with {name}." in session.status


@pytest.mark.gui
def test_a_training_ends_with_the_prediction_of_an_image_that_it_has_seen(
    painted: Viewer, dock: Any, press: Press, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, (first,) = dock.desk.session, layers.images(painted)
    press("unet_fine_tune")
    other = painted.add_image(np.zeros((40, 50, 3), np.uint8), rgb=True, name="colour")
    dock.desk.annotating.turn_to(layers.key(other))
    qtbot.waitUntil(lambda: layers.has_cells(painted, first) and not session.job)
    assert "in “cells” with “cells · " in session.status
    assert not session.predicted and session.image == layers.key(other)
