"""The last word on a training; also on one that was stopped before it could say its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .folder import RunFolder
from .messages import Message, failed, given_up, warning

EARLY = "Stopped before training began: no model was made."


def done(
    run: RunFolder,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    worse: bool,
    stopped: bool,
    words: str,
) -> Message:
    """What a training has come to; the scores are of the held-out part."""
    return {
        "event": "done",
        "what": "train",
        "path": str(run.path),
        "model": str(run.made(worse)),
        "stopped": stopped,
        "before": before,
        "after": after,
        "worse": worse,
        "words": words,
    }


def again(run: RunFolder) -> Iterator[Message]:
    """What a finished run answers when it is asked to go on."""
    last = next(m for m in reversed(run.messages()) if m["event"] == "done")
    yield {"event": "started", "what": "train", "path": str(run.path), "words": "nothing to do"}
    yield warning("this training is finished already: its model stays as it is")
    yield {**last, "path": str(run.path), "model": str(run.made(bool(last.get("worse"))))}


def stopped_training(path: Path) -> Message:
    """What a training has come to by what lies in its folder, which may be gone by now."""
    run = RunFolder(path)
    try:
        return _come_to(run) if run.model.exists() else given_up(str(path), EARLY)
    except (OSError, ValueError, LookupError, TypeError):
        return failed("train", str(path), f"Stopped; {path} can no longer be read as a run folder.")


def _come_to(run: RunFolder) -> Message:
    said, path = run.messages(), str(run.path)
    if said and said[-1]["event"] == "done":  # it ended just now
        return said[-1]
    if run.info["base"] is None and not any(m["event"] == "step" for m in said):
        return given_up(path, "Stopped before the first step: nothing was learnt.")
    scores = {m["step"]: m["score"] for m in said if m["event"] == "held-out"}
    saved = [m["step"] for m in said if m["event"] == "saved"]
    before, after = scores.get(0), scores.get(saved[-1]) if saved else scores.get(0)
    worse = run.trained.exists() and not saved  # all that was scored was worse than the base
    if worse:
        after = scores.get(max(scores, default=0))
    return done(
        run,
        before=before,
        after=after,
        worse=worse,
        stopped=True,
        words="Stopped: the best model saved so far is the result.",
    )
