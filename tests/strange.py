"""Files that a stranger might have left in the folders of models and runs."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from napari_unet.core.settings import ModelConfig, NetworkSettings, to_dict

NESTED = "[" * 200_000
GOOD: dict[str, Any] = to_dict(ModelConfig(NetworkSettings(width=4, depth=2)))
BEYOND = json.dumps({**GOOD, "training": {"AP50": 1e300}}).replace("1e+300", "1e999")


def described(config: object) -> dict[str, Any]:
    """A header that holds this description, and no weights."""
    return {"__metadata__": {"napari-unet": json.dumps(config)}}


def write_header(path: Path, header: object) -> Path:
    """A safetensors file of a header alone; bytes are written as they are."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return path


def network(**changes: object) -> dict[str, Any]:
    return described({**GOOD, "network": {**GOOD["network"], **changes}})


HEADERS: dict[str, object] = {
    "no metadata": {"__metadata__": None},
    "a list of metadata": {"__metadata__": ["napari-unet"]},
    "a number as description": {"__metadata__": {"napari-unet": 5}},
    "infinite format": b'{"__metadata__": {"napari-unet": "{\\"format\\": Infinity}"}}',
    "format beyond floats": b'{"__metadata__": {"napari-unet": "{\\"format\\": 1e999}"}}',
    "format of many digits": described({"format": 1}) | {"n": int("9" * 4000)},
    "brackets within brackets": b'{"a":' + NESTED.encode() + b"}",
    "a description of brackets": {"__metadata__": {"napari-unet": NESTED}},
    "a word as network": described({**GOOD, "network": "x"}),
    "no network": described({**GOOD, "network": None}),
    "true as format": described({**GOOD, "format": True}),
    "text as width": network(width="24"),
    "a wide network": network(width=2000),
    "a deep network": network(depth=30),
    "a billion classes": network(classes=10**9),
    "a billion channels": network(in_channels=10**9),
    "a diameter of nothing": described({**GOOD, "diameter": 0}),
    "a deep table": described({**GOOD, "training": {"a": json.loads("[" * 500 + "]" * 500)}}),
    "no UTF-8": b'{"__metadata__": "\xff"}',
    "half a surrogate": {"__metadata__": {"napari-unet": "\ud800"}},
    "not a table": [1, 2],
    "an infinite score": described({**GOOD, "training": {"AP50": float("inf")}}),
    "a score beyond floats": {"__metadata__": {"napari-unet": BEYOND}},
}


def run_json(**changes: object) -> str:
    """A run.json that is right but for the changes; None takes a key away."""
    said: dict[str, Any] = {
        "format": 1,
        "created": "2026-11-28T12:00:00",
        "options": {},
        "settings": {},
        "seed": 0,
        "base": None,
        "inputs": [{"name": "a", "axes": "YX", "slices": [0], "sha256": {}}],
        "versions": {},
    }
    said.update(changes)
    return json.dumps({key: value for key, value in said.items() if value != "absent"})


RUNS: dict[str, str] = {
    "nothing": "",
    "no created": run_json(created="absent"),
    "created yesterday": run_json(created="yesterday"),
    "a word as format": run_json(format="x"),
    "no inputs": run_json(inputs=[]),
    "a number as inputs": run_json(inputs=3),
    "brackets": NESTED,
    "a list": "[]",
    "infinite seconds": run_json(options={"seconds": float("inf")}),
    "another preset": run_json(options={"preset": "mine"}),
    "a batch of millions": run_json(settings={"fit": {"batch": 10**6}}),
    "gigabytes of weights": run_json(settings={"network": {"width": 1024, "depth": 8}}),
    "a base without a name": run_json(base={"path": "/x", "sha256": "0"}),
}
LOGS: dict[str, str] = {
    "brackets": NESTED,
    "a step of words": '{"event":"step","step":"x","loss":1}\n',
    "a step of nothing": '{"event":"step"}\n',
    "a done alone": '{"event":"done","stopped":false,"worse":1}\n',
    "a done of lists": '{"event":"done","stopped":false,"worse":false,"before":{"value":[]}}\n',
    "a long line": "x" * 10**6 + '{"event":"done"}\n',
    "an event of lists": '{"event":["done"]}\n',
    "not UTF-8": "\udcff\n",
}


def write_run(path: Path, content: str = "", log: str | None = None) -> Path:
    """A run folder with a checkpoint of one byte."""
    (path / "checkpoint").mkdir(parents=True)
    (path / "checkpoint" / "state.pt").write_bytes(b"x")
    (path / "run.json").write_text(content or run_json())
    if log is not None:
        (path / "log.jsonl").write_text(log, errors="surrogateescape")
    return path
