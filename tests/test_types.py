"""The types are those that are written down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")


@pytest.mark.slow
def test_mypy_finds_nothing(repository: Path) -> None:
    words = [sys.executable, "-m", "mypy"]
    done = subprocess.run(words, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
