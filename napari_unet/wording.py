"""Numbers, times and scores in words for the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .core.held_out import too_few


def count(number: int, noun: str) -> str:
    """Such as "1 cell", "12 cells", "2 classes"."""
    plural = noun.replace("kind of thing", "kinds of things") if " of " in noun else noun + "s"
    if noun.endswith("s"):
        plural = noun + "es"
    return f"{number:,} {noun if number == 1 else plural}"


def in_pieces(torn: Sequence[tuple[int, int, int | None]]) -> str:
    """Such as "Number 6 lies in 3 pieces (slice 4)."; "" = none does."""
    if not torn:
        return ""
    number, pieces, index = torn[0]
    where = "" if index is None else f" (slice {index:,})"
    if len(torn) == 1:
        return f"Number {number:,} lies in {pieces:,} pieces{where}."
    return f"{len(torn):,} numbers lie in several pieces, such as {number:,} in {pieces:,}{where}."


def sentence(words: str) -> str:
    """With a capital letter and a full stop."""
    words = words.strip()
    return words and words[0].upper() + words[1:] + ("" if words[-1] in ".!?…" else ".")


def time_left(seconds: float | None) -> str:
    """Such as "about 40 s left"."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "nearly done"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left"


def before_after(
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    worse: bool = False,
    base: str = "",
) -> str:
    """Both scores in words, such as "On the held-out cells: 9 of 14 found before, 12 now".

    `base` is what was scored before, in words; it is selected where the new one is `worse`.
    """
    if not after:
        return "Too little is annotated to keep some aside for a score."
    few = too_few(after)
    lines = [f"On cells it was not trained on: {_score_words(after)}."]
    if few:
        lines = [f"{sentence(few)} Paint some more: two that touch teach most."]
    elif before:
        lines.append(f"Before: {_score_words(before)}.")
    if worse:
        selected = f"{base} is selected" if base else "the earlier model stays selected"
        how = "Fewer of them were found than before" if few else "That is worse"
        lines.append(f"{how}: {selected}, the new one is in the list.")
    return "\n".join(lines)


def _score_words(score: dict[str, Any]) -> str:
    if score.get("truth") and score.get("found") is not None:
        words = f"{score['found']} of {score['truth']} found"
        extra = [count(score[key], one) for key, one in _FAULTS if score.get(key)]
        return ", ".join([words, *extra]) + _ap(score)
    if score.get("mIoU") is not None:
        return f"mean overlap {score['mIoU']:.2f}"
    return _ap(score).strip() or "no score"


def _ap(score: dict[str, Any]) -> str:
    return "" if score.get("AP50") is None else f" (AP50 {score['AP50']:.2f})"


_FAULTS = (("merges", "merge"), ("splits", "split"), ("spurious", "false one"))
