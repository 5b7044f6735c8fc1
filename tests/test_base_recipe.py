"""The recipe of the general model: it runs, goes on where it was, and writes model and card."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from napari_unet.core.presets import preset
from napari_unet.files.model_file import read_config

ROOT = Path(__file__).resolve().parent.parent


def recipe(module: str, folder: Path, *words: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", module, str(folder), "--images", str(folder / "none"), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_three_steps_of_it(tmp_path: Path) -> None:
    few = ("--rendered", "3", "--device", "cpu")
    recipe("scripts.base_model", tmp_path, *few, "--steps", "2")
    said = recipe("scripts.base_model", tmp_path, *few, "--steps", "3")
    assert "going on after step 2" in said
    steps = [json.loads(x)["step"] for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]
    config = read_config(tmp_path / "default.safetensors")
    assert config.training["steps"] == 3 and config.licence == "CC0-1.0"
    assert config.network == preset("default").network
    recipe("scripts.base_model.card", tmp_path, "--rendered", "3")
    sha = hashlib.sha256((tmp_path / "default.safetensors").read_bytes()).hexdigest()
    assert sha in (tmp_path / "default.md").read_text()
