"""What the panel knows that is not a pixel: an evented dataclass without Qt.

The widgets read it and listen to ``session.events``; only the GUI thread writes it.
Why a control cannot work now, and what to do next: see :mod:`.advice`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from psygnal import SignalGroupDescriptor

from .core.settings import LabelsAre
from .models import DEFAULT
from .runs.messages import likely_cells
from .wording import count, sentence

Job = Literal["", "starting", "training", "stopping", "predicting"]
Mood = Literal["idle", "busy", "done", "error"]
Choice = tuple[str, str]  # (key, what the user reads)
State = tuple[str, str, bool, bool]  # image, labels, predicted, accepted
Torn = tuple[int, int, int | None]  # (number, its pieces, the slice; None = there is but one)

EVERY = "every unpainted pixel counts as background."
# what a training starts from: always anew from the base, for a chain of trainings forgets
FROM_BASE = DEFAULT
FROM_SCRATCH = "none"


@dataclass(frozen=True)
class Annotated:
    """How much is annotated, over all images that have labels."""

    cells: int = 0
    images: int = 0
    regions: int = 0
    background: bool = False  # something is painted as background
    classes: int = 0  # different values, with classes
    doubt: bool = False  # instances were said, classes seem to be painted
    unmarked: int = 0  # images with cells, but without a region or painted background
    complete: int = 0  # images with cells of which the user has said that all is painted

    @property
    def anything(self) -> bool:
        return self.cells > 0

    def words(self, labels_are: LabelsAre, asks: bool = False) -> str:
        """Such as "12 cells in 2 images; every unpainted pixel counts as background".

        `asks`: the model to start from is asked what unpainted ground is.
        """
        rest = self._asked() if asks else self._rest()
        if not self.anything:
            marked = self.regions or self.background
            return f"No cell is painted yet; {rest}" if marked else "Nothing is painted yet."
        what = (
            count(self.cells, "cell") if labels_are == "instances" else count(self.classes, "class")
        )
        where = "" if self.images < 2 else f" in {self.images} images"
        return f"{what}{where}; {rest}"

    def _asked(self) -> str:
        """What else counts where a model is asked."""
        if self.complete and self.complete == self.images:
            return EVERY
        regions = count(self.regions, "region")
        marks = [regions] if self.regions else []
        marks += ["painted background"] if self.background else []
        told = f"{' and '.join(marks)} as you say, the rest" if marks else "unpainted ground"
        but = ""
        if self.complete:
            but = f"; {self.complete} of {count(self.images, 'image')} as painted completely"
        return f"{told} counts where the model is sure of it{but}."

    def _rest(self) -> str:
        regions = count(self.regions, "region")
        if self.regions and self.background:
            rule = f"only the {regions}, painted cells and painted background count"
        elif self.regions:
            rule = f"only what is inside the {regions} or painted counts"
        elif self.background:
            rule = "only painted cells and painted background count"
        else:
            return EVERY
        if not self.unmarked:
            return f"{rule}."
        where = count(self.unmarked, "image")
        return f"{rule}; in {where} without such marks, every unpainted pixel is background."


@dataclass(frozen=True)
class Progress:
    """How far the running job is. `share` is 0..1, or None while nobody knows."""

    share: float | None = None
    left: float | None = None  # seconds
    words: str = ""


@dataclass(frozen=True)
class Question:
    """Cells of an image that a model sees and that are not painted: are there, or is it wrong?"""

    image: str  # its key
    name: str
    likely: int  # cells that are not painted
    painted: int

    @property
    def asks(self) -> bool:
        """Whether the image may be meant as complete: not where few of its cells are painted."""
        return self.likely <= self.painted

    @property
    def words(self) -> str:
        rest = "" if self.asks else ": left out of the training"
        return f"{likely_cells(self.likely)} not painted in “{self.name}”{rest}."


@dataclass
class Session:
    """The panel's state. Lists of choices are tuples of (key, what the user reads)."""

    # layers in hand, by unique id; "" = none
    image: str = ""
    images: tuple[Choice, ...] = ()
    labels: str = ""
    labels_choices: tuple[Choice, ...] = ()
    axes: str = ""
    axes_choices: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()  # of the labels that fit the image
    slices_in_image: int = 1
    labels_are: LabelsAre = "instances"
    annotated: Annotated = field(default_factory=Annotated)
    complete: bool = False  # all cells of the image in hand are painted, by the user's word
    question: Question | None = None
    torn: tuple[Torn, ...] = ()  # numbers in several pieces, in the labels in hand

    # weight map
    weight_preset: str = "paper"
    w0: float = 10.0
    sigma: float = 5.0  # model pixels
    weighing: bool = False
    weights_shown: bool = False  # the map lies over the image in hand
    weight_words: str = ""

    # training
    job: Job = ""
    base: str = FROM_BASE
    preset: str = "default"
    seconds: float = 0.0  # 0 = what suits the device
    device: str = "auto"
    resumable: Path | None = None
    resumable_words: str = ""  # when it was, such as "today, 14:05"
    report: str = ""  # before and after, in words
    losses: list[tuple[float, float]] = field(default_factory=list)  # (step, loss)
    scores: list[tuple[float, float]] = field(default_factory=list)  # (step, AP50 on held-out)
    curve: int = 0  # goes up whenever a point was added to one of the two

    # prediction
    models: tuple[Choice, ...] = ()
    model: str = ""
    learnt: bool = False  # it was trained on the image in hand, or on such images, in this session
    passed_over: tuple[str, ...] = ()  # a sentence for each file that is no model, or no run
    diameter: int = 0  # of the cells in the image in hand, px; 0 = as the model says or sees
    all_slices: bool = False
    tile: int | None = None  # side of the input tile, model pixels; None = the library's choice
    predicted: bool = False  # the image in hand has cells that were found, not pieces of tiles
    accepted: bool = False  # they are in its labels already
    filterable: bool = False  # its stored probability is at hand
    threshold: float = 0.5  # probability
    min_size: int = 0  # image pixels
    show_probability: bool = False

    # what is said
    status: str = ""
    mood: Mood = "idle"
    advised: bool = False  # nothing was said but what to do next
    said_in: State = ("", "", False, False)  # the :attr:`state` when it was said
    progress: Progress | None = None

    # the window
    warm: bool = False  # what takes long to load is loaded
    theme: str = "dark"  # napari's
    opened: dict[str, bool] = field(default_factory=dict)  # parts the user has opened or folded

    events = SignalGroupDescriptor()

    @property
    def asks(self) -> bool:
        """Whether a training would ask its base model what unpainted ground is."""
        known = self.base != FROM_SCRATCH and (self.base != FROM_BASE or self.preset == "default")
        return known and self.labels_are == "instances"

    def add_loss(self, step: float, loss: float) -> None:
        self.losses.append((step, loss))
        self.curve += 1

    def add_score(self, step: float, score: float) -> None:
        self.scores.append((step, score))
        self.curve += 1

    def clear_curve(self) -> None:
        self.losses.clear()
        self.scores.clear()
        self.curve = 0

    def say(self, words: str, mood: Mood = "idle") -> None:
        """Put `words` into the status line."""
        self.mood = mood
        self.status = sentence(words)
        self.advised, self.said_in = False, self.state

    @property
    def state(self) -> State:
        """What the status line is about; words said in another one are out of date."""
        return self.image, self.labels, self.predicted, self.accepted
