"""The lines that the worker prints and the log holds: one JSON object each."""

from __future__ import annotations

import json
import sys
from typing import Any

Message = dict[str, Any]


def encode(message: Message) -> str:
    """One line, without its end."""
    return json.dumps(message, separators=(",", ":"))


def write_line(text: str) -> bytes:
    """A line for the worker: a path whose name is no text keeps its bytes."""
    return f"{text}\n".encode("utf-8", sys.getfilesystemencodeerrors())


def read_line(line: bytes) -> str:
    """A line for the worker, without its end; bytes that are no text change nothing else."""
    line = line.rstrip(b"\r\n")
    try:
        return line.decode("utf-8", sys.getfilesystemencodeerrors())
    except UnicodeDecodeError:  # Windows
        return line.decode("utf-8", "replace")


def parse(line: bytes | str) -> Message | None:
    """The message of a line; None where the line is none (a library that printed, say)."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and isinstance(message.get("event"), str) else None


def warning(words: str) -> Message:
    """Something that the user should know and that stops nothing."""
    return {"event": "warning", "words": words}


def failed(what: str, path: str, words: str) -> Message:
    """The job is over, and this sentence says why."""
    return {"event": "failed", "what": what, "path": path, "words": words}
