"""The model file: one ``.safetensors`` with a JSON string that says how to use the weights.

Nothing is unpickled, no code is run. The first 8 bytes give the header's length (little
endian), the header is JSON, and ours stands in ``__metadata__`` under "napari-unet": all of it
can be read without torch.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ModelConfig, from_dict, to_dict

from .atomic import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

KEY = "napari-unet"
FORMAT = 1  # of what this version writes, and the newest that it reads
LONGEST_HEADER = 100_000_000  # bytes; safetensors' own limit


def read_config(path: Path) -> ModelConfig:
    """What the model file says of itself; reads the header only, without torch.

    Raises
    ------
    BadInput
        If the file is absent, cut off, not one of ours, or of a newer version.
    OSError
        If it may not be read.
    """
    header = _read_header(path)
    text = header.get("__metadata__", {}).get(KEY)
    if text is None:
        raise BadInput(f"{path} is a safetensors file, but not a napari-unet model")
    try:
        values = json.loads(text)
        newer = int(values["format"]) > FORMAT
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path}: the model's description is broken") from error
    if newer:
        raise BadInput(
            f"{path} was written by a newer napari-unet (format {values['format']}, this"
            f" version reads {FORMAT}); update napari-unet"
        )
    try:
        return from_dict(ModelConfig, values)
    except (BadInput, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path}: the model's description is not usable: {error}") from error


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
    header["__metadata__"][KEY] = json.dumps(to_dict(config), sort_keys=True, allow_nan=False)
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)  # weights begin at a multiple of 8, as safetensors writes them
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return struct.pack("<Q", len(raw)) + raw + content[start:]


def _read_header(path: Path) -> dict[str, Any]:
    """The safetensors header, after everything in it was found plausible."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not a model file")
    if not path.exists():
        raise BadInput(f"there is no model file {path}")
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
            raise BadInput(f"{path} is not a safetensors model file")
        if length + 8 > size:
            raise BadInput(f"{path} is cut off, or not a safetensors model file")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
        whole = 8 + length + max(ends, default=0) <= size
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadInput(f"{path} is not a safetensors model file") from error
    if not whole:
        raise BadInput(f"{path} is cut off: weights are missing at its end")
    return dict(header)
