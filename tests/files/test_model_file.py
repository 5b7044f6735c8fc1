"""Model files: round trip, the same bytes, and refusals in one sentence."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_unet.core.errors import BadInput
from napari_unet.core.geometry import shapes
from napari_unet.core.settings import ModelConfig, NetworkSettings, to_dict
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import (
    KEY,
    check_model,
    described_anew,
    read_config,
    read_model,
    write_model,
)
from napari_unet.runs.networks import load_network

CONFIG = ModelConfig(
    NetworkSettings(in_channels=3, width=8, norm="batch"),
    labels_are="classes",
    class_values=(1, 7),
    diameter=26.0,
    axes="YXC",
    training={"steps": 12, "scores": {"AP50": 0.7}},
    licence="CC0",
)
TENSORS = {"b.weight": torch.arange(12.0).reshape(3, 4), "a": torch.tensor(3)}


def written(folder: Path) -> Path:
    write_model(folder / "m.safetensors", CONFIG, TENSORS)
    return folder / "m.safetensors"


def with_header(path: Path, header: object) -> Path:
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return path


def test_round_trip(tmp_path: Path) -> None:
    config, tensors = read_model(written(tmp_path))
    assert config == CONFIG == read_config(tmp_path / "m.safetensors")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first = written(tmp_path).read_bytes()
    write_model(tmp_path / "n.safetensors", CONFIG, dict(reversed(TENSORS.items())))
    assert (tmp_path / "n.safetensors").read_bytes() == first


def test_shared_and_transposed_tensors(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    write_model(tmp_path / "m.safetensors", CONFIG, {"a": weight, "b": weight, "c": weight.T})
    tensors = read_model(tmp_path / "m.safetensors")[1]
    assert torch.equal(tensors["c"], weight.T) and torch.equal(tensors["a"], tensors["b"])


@pytest.mark.parametrize("share", [0, 0.005, 0.5, 0.97, 0.999])
def test_cut_off(tmp_path: Path, share: float) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    for read in (read_config, read_model):
        with pytest.raises(BadInput, match=r"m\.safetensors"):
            read(path)


def test_more_than_the_header_says_is_not_read(tmp_path: Path) -> None:
    """It may be gigabytes, a hole on the disk."""
    path = written(tmp_path)
    with path.open("r+b") as file:
        file.truncate(2**33)
    for read in (read_config, read_model):
        with pytest.raises(BadInput, match=r"m\.safetensors is damaged: it is longer"):
            read(path)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    torch.save(TENSORS, path)
    with pytest.raises(BadInput, match="pickle"):
        read_config(path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"a": [1.0] * 100}, protocol=protocol))
        with pytest.raises(BadInput):
            read_config(path)


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file(TENSORS, path)
    with pytest.raises(BadInput, match="not a napari-unet model"):
        read_config(path)
    for text in ("words, nothing but words", "", "{}", "\0" * 100):
        path.write_text(text)
        with pytest.raises(BadInput, match="safetensors"):
            read_config(path)
    for header in ([], 3, {"a": 1}, {"a": {"data_offsets": [0, 8]}}):
        with pytest.raises(BadInput):
            read_config(with_header(path, header))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": 2, "anything": "new"}, "newer"),
        ({"format": 1, "network": {}, "wings": 2}, "wings"),
        ({"format": 1}, "not usable"),
        ({"format": "one"}, "broken"),
        ({}, "broken"),
        ([], "broken"),
    ],
)
def test_descriptions(tmp_path: Path, values: object, words: str) -> None:
    path = with_header(tmp_path / "m.safetensors", {"__metadata__": {KEY: json.dumps(values)}})
    with pytest.raises(BadInput, match=words):
        read_config(path)


def test_absent(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(BadInput):
            read_config(path)


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(BadInput):
        read_config(path)


BOMBS = """
import pathlib, resource, sys
from napari_unet.core.errors import BadInput
from napari_unet.runs.networks import load_network
# one that is made all the same fails soon, not when the machine's memory is full
resource.setrlimit(resource.RLIMIT_DATA, (2**31, resource.getrlimit(resource.RLIMIT_DATA)[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        load_network(pathlib.Path(path), "cpu")
    except BadInput as error:
        assert "do not fit the network" in str(error), error
    else:
        raise AssertionError("loaded")
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the memory so")
def test_descriptions_that_no_weights_bear_out(tmp_path: Path) -> None:
    """A file of a few hundred bytes may describe a network of gigabytes: nothing is made of it."""
    paths = []
    for name, most in (("width", 1024), ("depth", 8), ("in_channels", 1024)):
        config = ModelConfig(replace(NetworkSettings(), **{name: most}))
        header = {"__metadata__": {KEY: json.dumps(to_dict(config))}}
        paths.append(with_header(tmp_path / f"{name}.safetensors", header))
    subprocess.run([sys.executable, "-c", BOMBS, *map(str, paths)], check=True)


WHOLE = ModelConfig(NetworkSettings(width=2, depth=1))


@pytest.mark.parametrize("change", ["missing", "one more", "another shape", "whole numbers"])
def test_weights_that_do_not_fit(change: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {name: torch.zeros(shape) for name, shape in shapes(WHOLE.network).items()}
    write_model(path, WHOLE, {name: t.half() for name, t in tensors.items()})
    assert check_model(path) == WHOLE, "half precision will do"
    if change == "missing":
        del tensors["head.bias"]
    elif change == "one more":
        tensors["head.more"] = torch.zeros(1)
    elif change == "another shape":
        tensors["head.bias"] = torch.zeros(3)
    else:
        tensors["head.bias"] = torch.zeros(2, dtype=torch.int64)
    write_model(path, WHOLE, tensors)
    with pytest.raises(BadInput, match=r"do not fit the network .*head\.(bias|more)"):
        check_model(path)


def test_outputs_that_the_labels_do_not_need(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {name: torch.zeros(shape) for name, shape in shapes(WHOLE.network).items()}
    write_model(path, replace(WHOLE, labels_are="classes", class_values=(1, 7)), tensors)
    with pytest.raises(BadInput, match="2 outputs for 2 kinds of things"):
        check_model(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0]},
        {"dtype": "F32", "shape": [2**70], "data_offsets": [0, 2**72]},
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
    ],
)
def test_tensors_that_cannot_be(entry: object, tmp_path: Path) -> None:
    header = {"__metadata__": {KEY: json.dumps(to_dict(WHOLE))}, "head.bias": entry}
    with pytest.raises(BadInput, match=r"m\.safetensors"):
        read_config(with_header(tmp_path / "m.safetensors", header))


def test_the_description_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from napari_unet.files.model_file import read_config;"
        f"read_config(pathlib.Path({str(written(tmp_path))!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_description_leaves_the_weights(tmp_path: Path) -> None:
    path = written(tmp_path)
    other = replace(CONFIG, licence="CC-BY, Müller")
    path.write_bytes(described_anew(path, other))
    config, tensors = read_model(path)
    assert config == other
    assert all(torch.equal(tensors[k], TENSORS[k]) for k in TENSORS)
    assert struct.unpack("<Q", path.read_bytes()[:8])[0] % 8 == 0
    with pytest.raises(BadInput):
        described_anew(with_header(tmp_path / "bad.safetensors", {}), other)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "m.safetensors"
    network = NetworkSettings(width=4, depth=2)
    weights = UNet(network).state_dict()
    next(iter(weights.values()))[0, 0, 1, 1] = value
    write_model(path, ModelConfig(network), weights)
    with pytest.raises(BadInput, match="finite"):
        load_network(path, "cpu")
