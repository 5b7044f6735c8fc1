"""Files with random damage: whatever stands in them, they are read, or refused in one sentence."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ModelConfig, NetworkSettings, to_dict
from napari_unet.files.guarded import read_array
from napari_unet.files.model_file import check_model, read_config
from napari_unet.runs.folder import RunFolder, open_run
from napari_unet.runs.messages import parse
from tests.runs.tiny import tiny_run
from tests.strange import described, write_header

ROUNDS = 80
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**9, 2**63, 10**300, -(10**300), 0.5, 1e308, float("nan")),
    *(float("inf"), "", "24", "x" * 20_000, "\ud800", "<b>", "\0", "//host/share", "\x1b[2J"),
    *([], {}, [[]], [None], {"": 1}, {"format": 1}, ["a"] * 1000, json.loads("[" * 90 + "]" * 90)),
)


def damaged(value: Any, chance: random.Random) -> Any:
    """The same with one thing in it replaced, taken away, or added."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(sorted(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if chance.random() < 0.1:
            return {**value, chance.choice(("wings", "", "\0", "x" * 9999)): 1}
        return {**value, key: damaged(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.6:
        place = chance.randrange(len(value))
        return [*value[:place], damaged(value[place], chance), *value[place + 1 :]]
    return chance.choice(STRANGE)


def torn(content: bytes, chance: random.Random) -> bytes:
    """The same with a few bytes changed, cut out, or doubled."""
    for _ in range(chance.randrange(1, 4)):
        start = chance.randrange(len(content) + 1)
        end = min(start + chance.randrange(20), len(content))
        middle = (b"", chance.randbytes(end - start), content[start:end] * 2)
        content = content[:start] + chance.choice(middle) + content[end:]
    return content


def refused_or_read(read: Callable[[], Any]) -> None:
    """Either is right; any other error is a test that fails."""
    try:
        read()
    except BadInput as error:
        assert "\n" not in str(error) and len(str(error)) < 1000


def test_descriptions_of_models(tmp_path: Path) -> None:
    chance, path = random.Random(1), tmp_path / "m.safetensors"
    good = to_dict(ModelConfig(NetworkSettings(), class_values=(1, 2), image_diameters=(9.0, 30.0)))
    good = json.loads(json.dumps(good))
    for _ in range(ROUNDS):
        write_header(path, described(damaged(good, chance)))
        refused_or_read(lambda: read_config(path))
        refused_or_read(lambda: check_model(path))


def test_headers_of_models(tmp_path: Path) -> None:
    chance, path = random.Random(2), tmp_path / "m.safetensors"
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    good = {**described(to_dict(ModelConfig(NetworkSettings()))), "head.bias": entry}
    for _ in range(ROUNDS):
        write_header(path, damaged(good, chance))
        path.write_bytes(path.read_bytes() + b"\0" * 8)
        refused_or_read(lambda: read_config(path))
        write_header(path, good)
        path.write_bytes(torn(path.read_bytes() + b"\0" * 8, chance))
        refused_or_read(lambda: check_model(path))


def read_all(run: RunFolder) -> None:
    """Everything that a listing and a training ask a run folder for."""
    open_run(run.path)
    _ = run.options, run.settings, run.finished, run.resumable, run.last, run.messages()
    _ = RunFolder(run.path).base, [np.asarray(pair.image) for pair in run.pairs()]


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # a version that a changed byte asks for
def test_run_folders(tmp_path: Path) -> None:
    chance, run = random.Random(3), tiny_run(tmp_path / "run")
    good, file = run.info, run.path / "run.json"
    array = run.path / "data" / "0000_known.npy"
    content = array.read_bytes()
    for _ in range(ROUNDS):
        file.write_text(json.dumps(damaged(good, chance)))
        refused_or_read(lambda: read_all(run))
        file.write_bytes(torn(json.dumps(good).encode(), chance))
        refused_or_read(lambda: read_all(run))
        file.write_text(json.dumps(good))
        array.write_bytes(torn(content[:200], chance) + content[200:])
        refused_or_read(lambda: read_array(array, 3))
        array.write_bytes(content)


def test_lines_of_a_log() -> None:
    chance = random.Random(4)
    score = {"AP50": 0.5, "truth": 8, "value": 0.5}
    good = {"event": "done", "what": "train", "path": "/a", "stopped": False, "worse": False}
    good |= {"before": score, "after": None, "step": 3, "words": "done", "loss": 0.5, "left": None}
    for _ in range(ROUNDS):
        line = json.dumps(damaged(good, chance)).encode()
        for said in (parse(line), parse(torn(line, chance))):
            assert said is None or isinstance(said["event"], str)
            if said is not None and "step" in said:
                assert 0 <= said["step"] < 2**63 or said["step"] < 0
