"""A real window, real mouse strokes, and a worker that only pretends."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from npe2 import PluginManager
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QEventLoop, QTimer
from qtpy.QtWidgets import QApplication, QPushButton

from napari_unet import layers
from napari_unet.models import named
from napari_unet.widgets import child as child_module
from napari_unet.widgets.child import Child
from napari_unet.widgets.open import show_dock
from tests.forked import ForkServer

from .windowless import Windowless

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
BRIEF_WORKER = Path(__file__).parent.parent / "runs" / "brief_worker.py"
HAD_A_WINDOW = pytest.StashKey[bool]()
SIZE = 820, 600  # px; each repaint goes through a software renderer: a third of what a test takes
LOOK = 10  # ms; what other threads and processes do wakes no event loop
PATIENCE = 120_000  # ms; costs nothing where all goes well, however busy the machine is


class PatientBot(QtBot):
    """No wait for what must happen ends before `PATIENCE`; where nothing is to come it ends."""

    def waitUntil(self, callback: Callable[[], Any], *, timeout: int = 0) -> None:
        """Look after each pass of the event loop: nothing that holds for a moment is missed."""
        waker, until = QTimer(), time.monotonic() + max(timeout, PATIENCE) / 1000
        waker.start(LOOK)
        while callback() not in (True, None):
            if time.monotonic() > until:
                super().waitUntil(callback, timeout=1)
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def waitSignal(self, signal: Any, *, timeout: int = 0, **rest: Any) -> Any:
        if rest.get("raising") is not False:
            timeout = max(timeout, PATIENCE)
        return super().waitSignal(signal, timeout=timeout, **rest)

    def waitExposed(self, widget: Any, *, timeout: int = 0) -> Any:
        return super().waitExposed(widget, timeout=max(timeout, PATIENCE))


@pytest.fixture
def qtbot(qapp: Any, request: pytest.FixtureRequest) -> QtBot:
    """In place of pytest-qt's own."""
    return PatientBot(request)


@pytest.fixture(autouse=True, scope="session")
def plugins_are_found_once() -> Iterator[None]:
    """Each napari looks for the plugins that are installed: a tenth of what a window costs."""
    manager = PluginManager.instance()
    manager.discover(include_npe1=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "discover", lambda **_: 0)
        yield


@pytest.fixture(autouse=True)
def little_to_collect(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the first window has imported stays: no window's end looks for garbage there."""
    yield
    if "window" in request.fixturenames and not request.config.stash.get(HAD_A_WINDOW, False):
        request.config.stash[HAD_A_WINDOW] = True
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs and models go to a folder of the test's own."""
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the models that ship: empty, so that what is there was made by the test."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(named, "shipped_folder", lambda: folder)
    return folder


@pytest.fixture(scope="session")
def start_fake(fake_forks: ForkServer | None) -> tuple[str, ...]:
    """Arguments of Python that start the fake worker, without its imports where that can be."""
    return fake_forks.command(FAKE_WORKER) if fake_forks else ("-u", str(FAKE_WORKER))


@pytest.fixture(autouse=True)
def fake_worker(
    start_fake: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children are the fake worker: it speaks the protocol and computes nothing.

    A module that wants the real one has a fixture of this name that does nothing.
    With each command it hears what FAKE_WORKER_* of the environment are by then.
    """
    settings, send = tmp_path / "fake_worker.json", Child.send

    def send_with_settings(child: Child, command: str) -> None:
        settings.write_text(json.dumps({k: v for k, v in os.environ.items() if k[:5] == "FAKE_"}))
        send(child, command)

    monkeypatch.setenv("FAKE_WORKER_SETTINGS", str(settings))
    monkeypatch.setattr(Child, "send", send_with_settings)
    monkeypatch.setattr(child_module, "WORKER", start_fake)


@pytest.fixture
def brief_worker(forks: ForkServer | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real worker, with torch loaded; a run can be gone on with after a few of its steps."""
    monkeypatch.setenv("WORKER_SAVES", "0.1")
    if forks is not None:
        monkeypatch.setattr(child_module, "WORKER", forks.command(BRIEF_WORKER))


@pytest.fixture
def child(qtbot: Any, fake_worker: None) -> Iterator[Child]:
    """A worker process without a window; the fake one."""
    made = Child()
    yield made
    made.close()


@pytest.fixture
def window(request: pytest.FixtureRequest, qtbot: Any) -> Iterator[Any]:
    """napari: with its real window where a test is marked `canvas`, else without."""
    if wants_a_window(request):
        yield from real_window(request.getfixturevalue("make_napari_viewer"), qtbot)
        return
    viewer = Windowless()
    viewer.window._qt_window.resize(*SIZE)
    viewer.window._qt_window.show()
    yield viewer
    viewer.close()


def wants_a_window(request: pytest.FixtureRequest) -> bool:
    everywhere = request.config.getoption("--windows") == "all"
    return everywhere or request.node.get_closest_marker("canvas") is not None


def real_window(make_napari_viewer: Callable[..., Viewer], qtbot: Any) -> Iterator[Viewer]:
    """A viewer that is really shown: a hidden one paints in the wrong place."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(*SIZE)
    with qtbot.waitExposed(viewer.window._qt_window):
        pass
    yield viewer


@pytest.fixture
def dock(window: Viewer) -> Iterator[Any]:
    """The dock in a real window."""
    widget = show_dock(window)
    yield widget
    widget.desk.close()


@pytest.fixture
def press(dock: Any) -> Callable[[str], None]:
    """Click one of the dock's buttons by its object name."""

    def click(name: str) -> None:
        button = dock.findChild(QPushButton, name)
        assert button.isEnabled(), button.toolTip()
        button.click()

    return click


@pytest.fixture
def discs() -> tuple[np.ndarray, np.ndarray]:
    """An image of 30 bright discs and its labels."""
    rng = np.random.default_rng(0)
    labels = np.zeros((256, 256), np.int32)
    ys, xs = np.mgrid[:256, :256]
    for number, (row, column) in enumerate(np.ndindex(6, 5), start=1):
        y, x = 24 + 42 * row + rng.integers(-4, 5), 26 + 50 * column + rng.integers(-6, 7)
        labels[(ys - y) ** 2 + (xs - x) ** 2 < rng.integers(12, 17) ** 2] = number
    image = 180 * (labels > 0) + rng.normal(40, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


def partner(viewer: Viewer, role: layers.Role) -> Any:
    return layers.partner(viewer, layers.images(viewer)[0], role)


@pytest.fixture
def painted(
    window: Viewer,
    dock: Any,
    discs: tuple[np.ndarray, np.ndarray],
    press: Callable[[str], None],
    qtbot: Any,
) -> Viewer:
    """An image with ten painted cells."""
    window.add_image(discs[0], name="cells")
    press("unet_new_cell")
    partner(window, "labels").data = np.where(discs[1] <= 10, discs[1], 0)
    qtbot.waitUntil(lambda: dock.desk.session.annotated.cells == 10, timeout=5000)
    return window


@pytest.fixture
def trained(painted: Viewer, dock: Any, press: Callable[[str], None], qtbot: Any) -> Viewer:
    """The same with a model and an overlay."""
    press("unet_fine_tune")
    qtbot.waitUntil(lambda: done(dock), timeout=30_000)
    return painted


def done(dock: Any) -> bool:
    session = dock.desk.session
    return bool(session.predicted and session.filterable and not session.job)
