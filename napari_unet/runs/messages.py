"""The lines that the worker prints and the log holds: one JSON object each."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_unet.core.errors import BadInput
from napari_unet.files.guarded import check_plain

Message = dict[str, Any]
LONGEST_LINE = 2**16  # bytes; what is longer is no message
LARGEST_LOG = 2**29  # bytes; 5 million steps
NO_SCORE = "no score before and after"

_Number = (int, float)
_Kinds = tuple[type, ...]
# what a field is, where a message has it; None where it may be
FIELDS: dict[str, _Kinds] = {
    "step": (int,),
    "of": (int, type(None)),
    "loss": _Number,
    "seconds": _Number,
    "left": (*_Number, type(None)),
    "score": (dict,),
    "before": (dict, type(None)),
    "after": (dict, type(None)),
    "words": (str,),
    "what": (str,),
    "path": (str,),
    "model": (str,),
    "stopped": (bool,),
    "worse": (bool,),
    "image": (int,),
    "likely": (int,),
    "painted": (int,),
}
NEEDED = {
    "step": ("step", "loss"),
    "held-out": ("step", "score"),
    "saved": ("step",),
    "unpainted": ("image", "likely", "painted"),
}
SCORES = ("score", "before", "after")


def encode(message: Message) -> str:
    """One line, without its end."""
    return json.dumps(message, separators=(",", ":"))


def write_line(text: str) -> bytes:
    """A line for the worker: a path whose name is no text keeps its bytes.

    One that would end the line stands in it as a JSON text.
    """
    verb, _, path = text.partition(" ")
    if "\n" in path or "\r" in path or path.startswith('"'):
        text = f"{verb} {json.dumps(path)}"
    return f"{text}\n".encode("utf-8", sys.getfilesystemencodeerrors())


def read_line(line: bytes) -> str:
    """A line for the worker, without its end; bytes that are no text change nothing else."""
    line = line.rstrip(b"\r\n")
    try:
        text = line.decode("utf-8", sys.getfilesystemencodeerrors())
    except UnicodeDecodeError:  # Windows
        text = line.decode("utf-8", "replace")
    verb, _, path = text.partition(" ")
    if path.startswith('"'):
        with contextlib.suppress(ValueError):  # typed by hand
            return f"{verb} {json.loads(path)}"
    return text


def parse(line: bytes | str) -> Message | None:
    """The message of a line; None where the line is none (a library that printed, say).

    A log may be a stranger's: a line whose fields are of other types is no message either.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        return None
    there = (name in message for name in NEEDED.get(message["event"], ()))
    kinds = (_is(message[name], kinds) for name, kinds in FIELDS.items() if name in message)
    scores = (message[name] for name in SCORES if message.get(name))
    return message if all(there) and all(kinds) and all(map(_is_numbers, scores)) else None


def read_log(path: Path) -> Iterator[Message]:
    """The messages of a log, line by line, however long a line is.

    Raises
    ------
    BadInput
        If it is no plain file, or far larger than any log.
    OSError
        If it is absent or may not be read.
    """
    check_plain(path)
    if path.stat().st_size > LARGEST_LOG:
        raise BadInput(f"{path} is larger than {LARGEST_LOG} bytes: not the log of a training")
    with path.open("rb") as file:
        whole = True  # the line before had its end: this is not the rest of a long one
        while line := file.readline(LONGEST_LINE):
            message = parse(line) if whole else None
            whole = line.endswith(b"\n")
            if message is not None:
                yield message


def likely_cells(count: int) -> str:
    """The beginning of a sentence on cells that are seen, but not painted."""
    return "1 likely cell is" if count == 1 else f"{count:,} likely cells are"


def warning(words: str) -> Message:
    """Something that the user should know and that stops nothing."""
    return {"event": "warning", "words": words}


def failed(what: str, path: str, words: str) -> Message:
    """The job is over, and this sentence says why."""
    return {"event": "failed", "what": what, "path": path, "words": words}


def given_up(path: str, words: str) -> Message:
    """A training was stopped, as was asked, before anything was learnt."""
    return {**failed("train", path, words), "stopped": True}


def _is(value: Any, kinds: _Kinds) -> bool:
    """Of one of these types; True and False are no numbers, and no number is astronomic."""
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) and not (isinstance(value, int) and abs(value) >= 2**63)


def is_score(score: Message) -> bool:
    """Whether there is all in it that is said of a score."""
    needed = ("mIoU",) if "mIoU" in score else ("truth", "found", "merges", "splits", "spurious")
    numbers = (score.get(name) for name in (*needed, "value"))
    return _is_numbers(score) and all(_is(number, _Number) for number in numbers)


def _is_numbers(score: Message) -> bool:
    return all(_is(value, (*_Number, type(None))) for value in score.values())
