"""The model file: one ``.safetensors`` with a JSON string that says how to use the weights.

Nothing is unpickled, no code is run. The first 8 bytes give the header's length (little
endian), the header is JSON, and ours stands in ``__metadata__`` under "napari-unet": all of it
can be read without torch.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import BadInput
from napari_unet.core.geometry import shapes
from napari_unet.core.settings import ModelConfig, NetworkSettings, to_dict
from napari_unet.core.typed import from_dict

from .atomic import holds_something, write_bytes
from .guarded import check_plain, parse_json

if TYPE_CHECKING:
    from torch import Tensor

KEY = "napari-unet"
FORMAT = 1  # of what this version writes, and the newest that it reads
METADATA = "__metadata__"
LONGEST_HEADER = 2**20  # bytes; the default model's has 14 thousand
FLOATS = ("F64", "F32", "F16", "BF16")
COUNTS = ("I64", "I32")
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4}  # of one number


def read_config(path: Path) -> ModelConfig:
    """What the model file says of itself; reads the header only, without torch.

    Raises
    ------
    BadInput
        If the file is absent, cut off, not one of ours, or of a newer version.
    OSError
        If it may not be read.
    """
    return _config(path, _read_header(path))


def _config(path: Path, header: Mapping[str, Any]) -> ModelConfig:
    """The description in a header."""
    metadata = header.get(METADATA)
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise BadInput(f"{path} is a safetensors file, but not a napari-unet model")
    where = f"{path}: the model's description"
    values = parse_json(text, where)
    if not isinstance(values, dict) or type(values.get("format")) is not int:
        raise BadInput(f"{where} is broken: it does not say its format")
    if values["format"] > FORMAT:
        raise BadInput(
            f"{path} was written by a newer napari-unet (format {values['format']}, this"
            f" version reads {FORMAT}); update napari-unet"
        )
    try:
        return from_dict(ModelConfig, values)
    except BadInput as error:
        raise BadInput(f"{where} is not usable: {error}") from error


def read_model(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Description and weights, on the CPU.

    Raises
    ------
    BadInput, OSError
        As :func:`read_config`.
    """
    config = read_config(path)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # read here: safetensors takes no names that are no text, and would keep the file open
        return config, load(path.read_bytes())
    except SafetensorError as error:
        raise BadInput(f"{path} is damaged: {error}") from error


def write_model(path: Path, config: ModelConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write or replace a model file; the same model gives the same bytes.

    Parameters
    ----------
    path
        Where to; the folder must exist.
    config
        The description.
    tensors
        Weights by name, on any device.
    """
    from safetensors.torch import save

    text = json.dumps(to_dict(config), sort_keys=True, allow_nan=False)
    # clone: safetensors refuses tensors that share memory.
    weights = {name: tensors[name].detach().cpu().clone().contiguous() for name in sorted(tensors)}
    write_bytes(path, save(weights, metadata={KEY: text}))


def described_anew(path: Path, config: ModelConfig) -> bytes:
    """The content of a model file with another description; weights untouched, without torch.

    Raises
    ------
    BadInput, OSError
        As :func:`read_config`.
    """
    read_config(path)
    header, content = _read_header(path), path.read_bytes()
    header[METADATA][KEY] = json.dumps(to_dict(config), sort_keys=True, allow_nan=False)
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)  # weights begin at a multiple of 8, as safetensors writes them
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return struct.pack("<Q", len(raw)) + raw + content[start:]


def check_new_model(path: Path) -> None:
    """Refuse to write a model over what is none.

    Raises
    ------
    BadInput
        If there is something else at `path`.
    """
    if not holds_something(path):
        return
    try:
        read_config(path)
    except BadInput as error:
        raise BadInput(f"{path} is there already and holds no model; name another file") from error


def check_model(path: Path) -> ModelConfig:
    """What the file says of itself, after its weights were found to be those of its network.

    Reads the header only: a file of a few hundred bytes may describe a network of gigabytes.

    Raises
    ------
    BadInput
        As :func:`read_config`; and if a tensor is missing, is one too many, or has another shape or
        kind of numbers, or if the outputs are not those that the labels need.
    OSError
        If it may not be read.
    """
    header = _read_header(path)
    config = _config(path, header)
    _check_weights(path, header, config.network)
    outputs = len(config.class_values) if config.labels_are == "classes" else 1
    if outputs + 1 != config.network.classes:
        raise BadInput(
            f"{path}: the model's description is not usable: {config.network.classes} outputs for"
            f" {outputs} kind{'' if outputs == 1 else 's'} of things and background"
        )
    return config


def is_model(path: Path) -> bool:
    """By its header and its size: a stranger's file may be a terabyte, which nobody reads."""
    try:
        check_model(path)
    except BadInput:
        return False
    return True


def _check_weights(path: Path, header: Mapping[str, Any], network: NetworkSettings) -> None:
    there = {name: entry for name, entry in header.items() if name != METADATA}
    wanted = shapes(network)
    for name in sorted(set(wanted) | set(there)):
        held = tuple(there[name]["shape"]) if name in there else None
        kinds = COUNTS if name.endswith("num_batches_tracked") else FLOATS
        if held != wanted.get(name) or there[name]["dtype"] not in kinds:
            raise BadInput(
                f"{path}: the weights do not fit the network that the file describes"
                f" ({name[:80]} differs)"
            )


def _read_header(path: Path) -> dict[str, Any]:
    """The safetensors header, after everything in it was found plausible."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not a model file")
    if not path.exists():
        raise BadInput(f"there is no model file {path}")
    check_plain(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        if start[:2] in (b"PK", b"\x80\x02", b"\x80\x04"):
            raise BadInput(
                f"{path} is a pickled PyTorch file, which could run code; only safetensors"
                " models are opened"
            )
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        # Before reading: a wrong length must not ask for gigabytes.
        if not 2 <= length <= LONGEST_HEADER:
            raise BadInput(f"{path} is not a safetensors model file of napari-unet")
        if length + 8 > size:
            raise BadInput(f"{path} is cut off, or not a safetensors model file")
        raw = file.read(length)
    header = parse_json(raw, f"{path} is not a safetensors model file: its header")
    if not isinstance(header, dict):
        raise BadInput(f"{path} is not a safetensors model file")
    end = max((_end(path, header[name]) for name in header if name != METADATA), default=0)
    if 8 + length + end > size:
        raise BadInput(f"{path} is cut off: weights are missing at its end")
    if 8 + length + end < size:  # before it is read as a whole
        raise BadInput(f"{path} is damaged: it is longer than its header says")
    return header


def _end(path: Path, entry: Any) -> int:
    """Where a tensor's bytes end, after those of the header; its entry must hold together."""
    try:
        begin, end = entry["data_offsets"]
        shape, size = entry["shape"], BYTES.get(entry["dtype"], 0)
        counts = [begin, end, *shape]
        whole = all(type(n) is int and 0 <= n < 2**63 for n in counts)
    except (TypeError, KeyError, ValueError) as error:
        raise BadInput(f"{path} is not a safetensors model file") from error
    if not whole or (size and end - begin != size * math.prod(shape)):
        raise BadInput(f"{path} is damaged: a tensor's size is not what its shape says")
    return int(end)
