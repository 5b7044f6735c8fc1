"""Fixtures for all tests; what lets several processes share them (pytest-xdist)."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_unet.runs import scoring

from .display import give_display
from .forked import ForkServer, serving
from .runs.brief_worker import FEW

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT.parent / "shared" / "data"
# before napari is imported: its settings are neither the user's nor another test's
os.environ["NAPARI_CONFIG"] = ""
WORKER_IMPORTS = (
    "torch",
    "safetensors.numpy",
    "napari_unet.core.instances",
    "napari_unet.runs.jobs",
    "napari_unet.runs.worker",
    "napari_unet.runs.train",
)
# the fake one: a process without torch is forked, and ends, in a third of the time
FAKE_IMPORTS = (
    "safetensors.numpy",
    "napari_unet.core.geometry",
    "napari_unet.core.instances",
    "napari_unet.runs.folder",
    "napari_unet.runs.jobs",
)
# 8 s of imports in each process of the tests; no plugin of pytest, which it has to rewrite
TEST_IMPORTS = (
    "pytest",
    *WORKER_IMPORTS,
    "napari._qt.qt_main_window",
    "napari_unet.widgets.open",
    "pyqtgraph",
    "pandas",  # for napari's tables
)
CAN_FORK = hasattr(os, "pidfd_open")
SERVERS = pytest.StashKey[dict[str, str]]()
MOST_WORKERS = 4  # each holds torch and a napari: 1.5 GB


def cores() -> int:
    """How many this process may use: a container may have fewer than the machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--windows",
        choices=("canvas", "all"),
        default="canvas",
        help="which tests of the panel open napari's real window: those marked canvas, or all",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    # two more than cores: a test of the panel waits for others half of its time
    return min(cores() + 2, MOST_WORKERS)


def pytest_configure(config: pytest.Config) -> None:
    # more threads than cores make torch and the window wait for each other; workers inherit this
    workers = len(config.getoption("tx", None) or [None])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // workers)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # beside other programs a process of the idle class hardly runs
    os.environ.setdefault("NAPARI_UNET_PRIORITY", "normal")
    gc.set_threshold(100_000, 50, 100)  # napari and torch are a million objects to look through
    if hasattr(config, "workerinput"):
        config.add_cleanup(give_display())
    elif workers > 1 and CAN_FORK:
        config.stash[SERVERS] = {
            "worker": str(one_for_all(config, *WORKER_IMPORTS)),
            "fake": str(one_for_all(config, *FAKE_IMPORTS)),
        }
        forked = ForkServer(one_for_all(config, *TEST_IMPORTS)).command(HERE / "xdist_process.py")
        python = shlex.join([sys.executable, *forked])
        config.option.tx = [
            f"popen//python={python}" if x == "popen" else x for x in config.option.tx
        ]


def one_for_all(config: pytest.Config, *imports: str) -> Path:
    """The address of a process that starts others with these imports, for as long as we run."""
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    address = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "server"
    stack.enter_context(serving(address, *imports))
    return address


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["servers"] = node.config.stash.get(SERVERS, {})


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each process compiles its share of the tests: all of them at once take 10 s each."""
    given = getattr(session.config, "workerinput", None)
    if given is None or session.config.args != session.config.getini("testpaths"):
        return
    number, count = int(given["workerid"][2:]), given["workercount"]
    for path in sorted(HERE.rglob("test_*.py"))[number::count]:
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first: at the end the others would wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What was imported stays: nobody looks for garbage there."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """What torch draws does not depend on the tests before, nor on luck."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="module")
def few_batches() -> Iterator[None]:
    """What goes through batches beside the steps takes few: half of what a tiny training costs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, few in FEW.items():
            patch.setitem(scoring.BATCHES, name, few)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images beside the checkout; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"there are no real images in {os.path.relpath(DATA, ROOT)}")
    return DATA


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of our own sample images."""
    return ROOT / "sample_data"


@pytest.fixture(scope="session")
def forks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForkServer | None]:
    """Starts workers that have torch already, where that can be."""
    yield from served("worker", WORKER_IMPORTS, request, tmp_path_factory)


@pytest.fixture(scope="session")
def fake_forks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForkServer | None]:
    """Starts fake workers, where that can be."""
    yield from served("fake", FAKE_IMPORTS, request, tmp_path_factory)


def served(
    name: str,
    imports: tuple[str, ...],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ForkServer | None]:
    """The server that all processes of the tests share, or one of our own."""
    given = getattr(request.config, "workerinput", {}).get("servers", {}).get(name)
    if given or not CAN_FORK:
        yield ForkServer(given) if given else None
        return
    address = tmp_path_factory.mktemp("forks") / "server"
    with serving(address, *imports):
        yield ForkServer(address)
