"""The lines that the worker prints and the log holds: one JSON object each."""

from __future__ import annotations

import json
from typing import Any

Message = dict[str, Any]


def encode(message: Message) -> str:
    """One line, without its end."""
    return json.dumps(message, separators=(",", ":"))


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
