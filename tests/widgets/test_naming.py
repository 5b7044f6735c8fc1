"""What a model is called: what it was trained on, when, and how good it is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from napari_unet.widgets.naming import title

NOW = time.strftime("%Y")


def a_run(folder: Path, info: Any, *said: Any) -> Path:
    folder.mkdir()
    if info is not None:
        (folder / "run.json").write_text(info if isinstance(info, str) else json.dumps(info))
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in said))
    return folder / "model.safetensors"


def info(*names: str, created: str = f"{NOW}-11-28T14:05:09") -> dict[str, Any]:
    return {"created": created, "inputs": [{"name": name} for name in names]}


GOOD = {"event": "done", "after": {"AP50": 0.831, "found": 12, "truth": 14}}


def test_image_time_and_score(tmp_path: Path) -> None:
    model = a_run(tmp_path / "run", info("cells_3"), {"event": "step", "loss": 1}, GOOD)
    assert title(model) == "cells_3 · 28 Nov 14:05 · AP50 0.83 (12 of 14)"
    several = a_run(tmp_path / "several", info("a", "b", "c", created="2019-01-02T03:04:05"))
    assert title(several) == "a and 2 more · 2 Jan 2019"
    kinds = {"event": "done", "after": {"mIoU": 0.7, "value": 0.7}}
    assert title(a_run(tmp_path / "kinds", info("x"), kinds)).endswith("· overlap 0.70")


def test_what_did_worse_has_its_own_score(tmp_path: Path) -> None:
    worse = {**GOOD, "worse": True, "before": {"AP50": 0.9, "found": 13, "truth": 14}}
    model = a_run(tmp_path / "run", info("cells"), worse)
    assert title(model).endswith("AP50 0.90 (13 of 14)"), "the base's weights"
    assert title(model.with_name("trained.safetensors")).endswith("AP50 0.83 (12 of 14)")


def test_other_files_go_by_their_names(tmp_path: Path) -> None:
    assert title(tmp_path / "my nuclei.safetensors") == "my nuclei"


@pytest.mark.parametrize(
    "told",
    [
        None,
        "",
        "[]",
        "null",
        "[" * 100_000,
        {"inputs": 3},
        {"inputs": [7, None]},
        {"inputs": [{"name": None}]},
        {"inputs": [], "created": 3},
    ],
)
def test_a_folder_that_tells_nothing_goes_by_its_name(told: Any, tmp_path: Path) -> None:
    assert title(a_run(tmp_path / "trained 1", told, GOOD)) == "trained 1"


@pytest.mark.parametrize(
    ("created", "said"),
    [
        (None, "cells"),
        ("yesterday", "cells"),
        ({"a": 1}, "cells"),
        (f"{NOW}-02-03T04:05:06", "cells · 3 Feb 04:05"),
    ],
)
@pytest.mark.parametrize(
    "done",
    [
        [],
        {"event": "done", "after": None},
        {"event": "done", "after": [1]},
        {"event": "done", "after": {"AP50": "high"}},
        {"event": "done", "after": {"AP50": float("nan")}},
        {"event": "failed"},
    ],
)
def test_what_does_not_fit_is_left_out(created: Any, said: str, done: Any, tmp_path: Path) -> None:
    assert title(a_run(tmp_path / "run", info("cells", created=created), done)) == said


def test_a_long_log_is_not_read(tmp_path: Path) -> None:
    model = a_run(tmp_path / "run", info("cells"), GOOD)
    with (tmp_path / "run" / "log.jsonl").open("r+b") as log:
        done = log.read()
        log.seek(0)
        log.write(b"\xff" * 1_000_000 + b"\n" + done)
    assert title(model).endswith("(12 of 14)")
