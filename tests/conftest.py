"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    # more threads than cores make torch and the window wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
