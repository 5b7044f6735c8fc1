"""What the command line says: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from napari_unet.core.annotation import Pair

# all control characters but tab, ends of lines among them; marks that overrule the direction of
# writing
OBEYED = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]")
OR_CLASSES = ", or say --labels-are classes"
BETWEEN_LINES = 5.0  # seconds between two plain lines about the steps of a training


def say(words: str) -> None:
    """One line on stdout."""
    typer.echo(printable(words))


def printable(words: str) -> str:
    """The words in one line, with escapes for what a terminal would obey.

    A file's name or a model's description may be a stranger's: control characters move the cursor
    and set the window's title, an end of line begins what looks like our own words, and others turn
    the order of letters round.
    """
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), words)


def say_readings(readings: Iterable[str]) -> None:
    """How images are read, one line for each different way."""
    for reading, count in Counter(readings).items():
        say(f"{count} image{'s' if count > 1 else ''} read as {reading}")


def say_notes(pairs: Sequence[Pair], labels_are: str, otherwise: str = OR_CLASSES) -> None:
    """What the user should know of the images and labels that were read.

    `otherwise` is what else to do with labels that are doubted than to number the cells.
    """
    from napari_unet.core.annotation import number_doubts

    for pair in pairs:
        for note in pair.notes:
            say(f"note: {pair.name}: {note}")
    if labels_are == "instances" and (doubt := number_doubts(pairs, otherwise)):
        say(f"note: {doubt}")


class Steps:
    """Shows a training: `show` takes each step's message, `line` puts words between."""

    def show(self, message: dict[str, Any]) -> None:
        raise NotImplementedError

    def line(self, words: str) -> None:
        raise NotImplementedError


class _Plain(Steps):
    def __init__(self) -> None:
        self.last = -BETWEEN_LINES

    def show(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self.last >= BETWEEN_LINES:
            self.last = now
            say(_step_words(message))

    def line(self, words: str) -> None:
        say(words)


class _Bar(Steps):
    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.task = progress.add_task("training", total=None)

    def show(self, message: dict[str, Any]) -> None:
        # By time where the budget is time: the steps of such a run are not known before.
        done, total = message["step"], message["of"]
        if total is None and message["left"] is not None:
            done, total = message["seconds"], message["seconds"] + message["left"]
        self.progress.update(
            self.task, completed=done, total=total, description=_step_words(message)
        )

    def line(self, words: str) -> None:
        self.progress.console.print(printable(words), highlight=False, markup=False)


@contextmanager
def training_steps() -> Iterator[Steps]:
    """A bar on a terminal, else a line every few seconds."""
    if not _is_terminal():
        yield _Plain()
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}")
    with Progress(text, BarColumn(), TimeRemainingColumn(), transient=True) as progress:
        yield _Bar(progress)


class Tiles:
    """Shows a prediction: `start` an image, `tile` for each of its tiles, `line` for words."""

    def start(self, name: str) -> None:
        """A new image begins; nothing is said about it elsewhere than on a terminal."""

    def tile(self, done: int, of: int) -> None:
        """`done` tiles of `of` of the current slice."""

    def line(self, words: str) -> None:
        say(words)


class _TileBar(Tiles):
    def __init__(self, progress: Any, images: int) -> None:
        self.progress = progress
        self.images = progress.add_task("images", total=images)
        self.tiles = progress.add_task("")

    def start(self, name: str) -> None:
        from rich.markup import escape

        self.progress.reset(self.tiles, description=escape(printable(name)), total=None)

    def tile(self, done: int, of: int) -> None:
        self.progress.update(self.tiles, completed=done, total=of)

    def line(self, words: str) -> None:
        self.progress.console.print(printable(words), highlight=False, markup=False)
        self.progress.advance(self.images)


@contextmanager
def predicted_tiles(images: int) -> Iterator[Tiles]:
    """Bars on a terminal, else only the lines."""
    if not _is_terminal():
        yield Tiles()
        return
    from rich.progress import Progress

    with Progress(transient=True) as progress:
        yield _TileBar(progress, images)


def _is_terminal() -> bool:
    from rich.console import Console

    return Console().is_terminal


def _step_words(message: dict[str, Any]) -> str:
    of = f" of {message['of']}" if message.get("of") else ""
    left = message.get("left")
    rest = f", {left:.0f} s left" if left is not None else ""
    return f"step {message['step']}{of}: loss {message['loss']:.3f}{rest}"
