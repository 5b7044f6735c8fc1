"""What the panel knows that is not a pixel: an evented dataclass without Qt.

The widgets read it and listen to ``session.events``; only the GUI thread writes it.
Why a control cannot work now, and what to do next, are pure functions of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from psygnal import SignalGroupDescriptor

from .core.settings import LabelsAre

Job = Literal["", "starting", "training", "stopping", "predicting"]
Mood = Literal["idle", "busy", "done", "error"]
Choice = tuple[str, str]  # (key, what the user reads)

# what a training starts from: always anew from the base, for a chain of trainings forgets
FROM_BASE = "default"
GENERAL = "general model"  # what the user reads for it
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

    @property
    def anything(self) -> bool:
        return self.cells > 0

    def words(self, labels_are: LabelsAre) -> str:
        """Such as "12 cells in 2 images; every unpainted pixel counts as background"."""
        if not self.anything:
            return "Nothing is painted yet."
        what = (
            count(self.cells, "cell") if labels_are == "instances" else count(self.classes, "class")
        )
        where = "" if self.images < 2 else f" in {self.images} images"
        return f"{what}{where}; {self._rest()}"

    def _rest(self) -> str:
        if self.regions and self.background:
            return (
                f"only the {count(self.regions, 'region')}, painted cells "
                "and painted background count."
            )
        if self.regions:
            return f"only what is inside the {count(self.regions, 'region')} or painted counts."
        if self.background:
            return "only painted cells and painted background count."
        return "every unpainted pixel counts as background."


@dataclass(frozen=True)
class Progress:
    """How far the running job is. `share` is 0..1, or None while nobody knows."""

    share: float | None = None
    left: float | None = None  # seconds
    words: str = ""


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
    slices_in_image: int = 1
    labels_are: LabelsAre = "instances"
    annotated: Annotated = field(default_factory=Annotated)

    # weight map
    weight_preset: str = "paper"
    w0: float = 10.0
    sigma: float = 5.0  # model pixels
    weighing: bool = False
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
    diameter: int = 0  # of the cells in the image in hand, px; 0 = as the model says or sees
    all_slices: bool = False
    tile: int | None = None  # side of the input tile, model pixels; None = the library's choice
    predicted: bool = False  # the image in hand has a prediction
    filterable: bool = False  # its stored probability is at hand
    threshold: float = 0.5  # probability
    min_size: int = 0  # image pixels
    show_probability: bool = False

    # what is said
    status: str = ""
    mood: Mood = "idle"
    progress: Progress | None = None

    warm: bool = False  # what takes long to load is loaded

    events = SignalGroupDescriptor()

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

    def advise(self, first: str = "") -> None:
        """Say `first`, and what to do next."""
        self.say(f"{first} {next_step(self)}".strip(), "done" if first else "idle")


def next_step(session: Session) -> str:
    """One sentence: what the user would do now."""
    if not session.image:
        return "Open an image: drag a file here, or File > Open Sample > U-Net."
    if not session.annotated.anything:
        if general(session) and not session.predicted:
            return "Press “New cell” and paint a cell, or “Predict” to see what is found untrained."
        if not session.labels:
            return "Press “New cell” and paint a cell with the brush."
        return "Paint a cell with the brush; press N before each next cell."
    if not session.model or (general(session) and not session.predicted):
        return "Paint more cells (N = next cell), or press “Fine-tune”."
    if not session.predicted:
        return "Press “Predict” to see the cells it finds."
    return "Accept what is right into your labels, correct the rest, and fine-tune again."


def general(session: Session) -> bool:
    """Whether the selected model is the one that ships, which has seen none of these images."""
    return dict(session.models).get(session.model) == GENERAL


def why_not_label(session: Session) -> str:
    """Why nothing can be painted now; "" = it can."""
    return "" if session.image else "Open an image first."


def why_not_weigh(session: Session) -> str:
    """Why the weight map cannot be shown now."""
    if session.weighing:
        return "The weight map is being computed."
    return why_not_label(session) or _why_no_labels(session)


def why_not_train(session: Session) -> str:
    """Why Fine-tune cannot be pressed now."""
    if session.job in ("starting", "training", "stopping"):
        return "A training is running; stop it first."
    if session.job == "predicting":
        return "A prediction is running; it is soon done."
    return why_not_label(session) or _why_no_labels(session)


def why_not_stop(session: Session) -> str:
    """Why Stop cannot be pressed now."""
    if session.job == "stopping":
        return "It is stopping."
    return "" if session.job else "Nothing is running."


def why_not_predict(session: Session) -> str:
    """Why Predict cannot be pressed now."""
    if session.job == "predicting":
        return "A prediction is running."
    if session.job:
        return "A training is running; it ends with a prediction."
    if not session.image:
        return "Open an image first."
    return "" if session.model else "There is no model yet: fine-tune one, or load one."


def why_not_accept(session: Session) -> str:
    """Why the prediction cannot be accepted now."""
    if not session.predicted:
        return "There is no prediction for this image yet."
    if session.job == "predicting":
        return "The prediction is not complete yet."
    return ""


def why_not_filter(session: Session) -> str:
    """Why threshold and size cannot be changed now."""
    if session.job == "predicting" or not session.filterable:
        return "There is no finished prediction of cells to filter yet."
    return ""


def why_no_model(session: Session) -> str:
    """Why no model can be saved now."""
    return "" if session.model else "There is no model yet."


def why_not_export(session: Session) -> str:
    """Why labels cannot be exported now."""
    return why_not_label(session) or ("" if session.labels else "There are no labels yet.")


def why_not_resume(session: Session) -> str:
    """Why no training can be resumed now."""
    if session.job:
        return "Something is running."
    return "" if session.resumable else "No training was broken off."


def _why_no_labels(session: Session) -> str:
    return "" if session.annotated.anything else "Paint some cells first."


def count(number: int, noun: str) -> str:
    """Such as "1 cell", "12 cells", "2 classes"."""
    plural = noun.replace("kind of thing", "kinds of things") if " of " in noun else noun + "s"
    if noun.endswith("s"):
        plural = noun + "es"
    return f"{number:,} {noun if number == 1 else plural}"


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
    before: dict[str, Any] | None, after: dict[str, Any] | None, worse: bool = False
) -> str:
    """Both scores in words, such as "On the held-out cells: 9 of 14 found before, 12 now"."""
    if not after:
        return "Too little is annotated to keep some aside for a score."
    lines = [f"On cells it was not trained on: {_score_words(after)}."]
    if before:
        lines.append(f"Before: {_score_words(before)}.")
    if worse:
        lines.append("That is worse: the earlier model stays selected, the new one is in the list.")
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
