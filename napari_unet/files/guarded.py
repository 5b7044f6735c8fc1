"""Reading what may come from a stranger: plain files of a sensible size, JSON without surprises.

The one place where files are read that the program has not just written itself. What is wrong with
a file is `BadInput`, one sentence that names it: it then fails for itself, whatever lies beside it.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import tokenize
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.errors import BadInput

# what numpy says of a header that it cannot read
BAD_HEADER = (
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    EOFError,
    OverflowError,
    MemoryError,  # of the parser, of brackets within brackets
    RecursionError,
)
TAIL = 2**16  # bytes of a log that surely hold its last line
LARGEST_JSON = 64 * 2**20  # bytes; run.json has some 400 for each image


def read_bytes(path: Path, largest: int) -> bytes:
    """The content of a plain file.

    Raises
    ------
    BadInput
        If it is no plain file (a pipe would be waited for, a device has no end), or larger.
    OSError
        If it is absent or may not be read.
    """
    check_plain(path)
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise BadInput(f"{path} is larger than {largest} bytes: not a file of napari-unet")
    return content


def check_plain(path: Path) -> None:
    """Refuse what is no plain file; a link to one will do.

    Raises
    ------
    BadInput, OSError
        As :func:`read_bytes`.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise BadInput(f"{path} is not a plain file, but a pipe, a device or a folder")


def sibling(path: Path, name: str) -> Path | None:
    """The file beside another that is named in it; None = there is none.

    Raises
    ------
    BadInput
        If the name leads into another folder, where nothing is touched, or to what is no plain
        file: a pipe would be waited for.
    """
    if re.search(r"[/\\:]", name) or name in ("", ".", ".."):
        raise BadInput(f"{path} says that planes of it lie in another folder; save it as one file")
    other = path.parent / name
    if not os.path.exists(other):  # Path's own raises where a name is too long for any file
        return None
    check_plain(other)
    return other


def parse_json(content: bytes | str, where: str) -> Any:
    """What a JSON text says; numbers that are none (NaN, infinite) are refused.

    Parameters
    ----------
    where
        What the text is called, such as its file's path.

    Raises
    ------
    BadInput
        If it is no JSON, or lists lie so deep within lists that nobody could have meant it.
    """
    try:
        return json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} cannot be read: it is damaged, or no JSON") from error


def read_table(path: Path, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """What a JSON file says that holds one table.

    Raises
    ------
    BadInput, OSError
        As :func:`read_bytes` and :func:`parse_json`, and if it holds something else.
    """
    content = parse_json(read_bytes(path, largest), str(path))
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no table of settings")
    return content


def read_array(path: Path, dimensions: int, kinds: str = "biuf") -> npt.NDArray[Any]:
    """An ``.npy`` file, memory-mapped: what its header says is compared with its size first.

    Parameters
    ----------
    dimensions
        How many axes it has.
    kinds
        Letters of numpy's kinds of types that will do; no objects, which could run code.

    Raises
    ------
    BadInput
        If it is damaged, cut off, or of another kind.
    OSError
        If it is absent or may not be read.
    """
    check_plain(path)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except BAD_HEADER as error:
        raise BadInput(f"{path} is damaged, or no array") from error
    if array.dtype.kind not in kinds:
        raise BadInput(f"{path} is not an array of numbers as it is needed here")
    if array.ndim != dimensions:
        raise BadInput(f"{path} has {array.ndim} axes, where {dimensions} are needed")
    return array


def last_lines(path: Path) -> list[bytes]:
    """The last lines of a text file, the first of them perhaps without its beginning.

    Raises
    ------
    BadInput, OSError
        As :func:`read_bytes`, however large it is.
    """
    check_plain(path)
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - TAIL, 0))
        return file.read(TAIL).splitlines()


def may_be_touched(path: str, known: Collection[Path] = ()) -> bool:
    """Whether a path that stands in a file may be looked at.

    An absolute path on this machine, or one inside a folder that is in use anyway. To look at
    another machine's share (``\\\\host\\share``) sends that machine the user's name and password
    on Windows.

    Parameters
    ----------
    known
        Folders of our own, which may lie on a share.
    """
    if not path.isprintable() or ".." in Path(path).parts:
        return False
    if any(Path(path).is_relative_to(folder) for folder in known):
        return True
    return Path(path).is_absolute() and path[:2].replace("\\", "/") != "//"


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word} is no finite number")
    return value
