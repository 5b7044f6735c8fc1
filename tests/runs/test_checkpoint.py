"""A checkpoint that is cut off, or a stranger's, is one sentence; nothing else is lost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_unet.core.errors import BadInput
from napari_unet.runs.train import train_run

from .tiny import tiny_run

Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "another kind of file": lambda state: [1, 2],
    "no weights": lambda state: {k: v for k, v in state.items() if k != "net"},
    "other weights": lambda state: {**state, "net": {k: torch.zeros(7) for k in state["net"]}},
    "words as a step": lambda state: {**state, "step": "x"},
    "a list as the keeper": lambda state: {**state, "keeper": []},
    "other scorings": lambda state: {**state, "scoring": {"wings": 2}},
    "no number of seconds": lambda state: {**state, "seconds": None},
    "endless seconds": lambda state: {**state, "seconds": float("nan")},
    "a step before the first": lambda state: {**state, "step": -5},
    "no tiles": lambda state: {**state, "batch": 0},
    "other averages": lambda state: {**state, "average": {"x": torch.zeros(2)}},
    "words as scorings": lambda state: {**state, "scoring": {**state["scoring"], "last": "x"}},
    "words as values": lambda state: {**state, "keeper": {**state["keeper"], "values": "abc"}},
    "a list as a score": lambda state: {**state, "keeper": {**state["keeper"], "before": [1]}},
    "half a score": lambda state: {**state, "keeper": {**state["keeper"], "best": {"value": 1}}},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """That of a run of one step."""
    run = tiny_run(tmp_path_factory.mktemp("run") / "run", steps=1)
    list(train_run(run.path))
    return run.checkpoint.read_bytes()


def refused(folder: Path, content: bytes) -> str:
    run = tiny_run(folder / "run", steps=2)
    run.checkpoint.write_bytes(content)
    with pytest.raises(BadInput, match="is damaged") as error:
        list(train_run(run.path))
    return str(error.value)


@pytest.mark.parametrize("name", CHANGES)
def test_a_state_of_another_kind(name: str, checkpoint: bytes, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(checkpoint)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save(CHANGES[name](state), tmp_path / "state.pt")
    said = refused(tmp_path, (tmp_path / "state.pt").read_bytes())
    assert "state.pt" in said and "\n" not in said


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04" + b"a" * 50])
def test_no_state_at_all(content: bytes, tmp_path: Path) -> None:
    refused(tmp_path, content)


def test_a_state_that_is_cut_off_or_packed(checkpoint: bytes, tmp_path: Path) -> None:
    refused(tmp_path / "cut", checkpoint[:-100])
    (tmp_path / "a.zip").write_bytes(checkpoint)
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as parts,
        zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in parts.namelist():
            packed.writestr(name, parts.read(name))
    refused(tmp_path / "packed", (tmp_path / "b.zip").read_bytes())
