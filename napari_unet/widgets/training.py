"""Part 3's deeds: from the button to a run folder, and from the worker's words to the panel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet import layers
from napari_unet.advice import advise, why_not_train
from napari_unet.core.held_out import too_few
from napari_unet.core.settings import TrainOptions
from napari_unet.models import remove_untrained
from napari_unet.runs.farewell import stopped_training
from napari_unet.runs.folder import RunFolder
from napari_unet.session import Progress, Session
from napari_unet.snapshots import Snapshot
from napari_unet.wording import sentence

from .background import in_thread, safely
from .child import Child
from .trained import (
    base_words,
    has_checkpoint,
    options_of,
    prepared,
    progress,
    report,
    score_of,
)

RESUME = "Press “Resume the training” to go on where it was, or “Fine-tune” to begin anew."
ANEW = "Press “Fine-tune” to begin anew."
PERIOD = 0.1  # s between two updates of bar and curve; steps may come much faster


class Training(QObject):
    """One training at a time."""

    # path of the new model; what it started from, where that did better, else ""; keys of the
    # images that it was trained on
    trained = Signal(str, str, object)
    unpainted = Signal(str, int, int)  # key of an image; its likely cells, those painted
    again = Signal()  # what was being trained was given up for it

    def __init__(self, viewer: Viewer, session: Session, child: Child, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._child = child
        self._run: Path | None = None
        self._base = ""  # what it starts from
        self._images: tuple[str, ...] = ()  # the keys of those that it is trained on
        self._images_of: dict[Path, tuple[str, ...]] = {}  # of this session's runs
        self._asked_of: dict[Path, tuple[str, ...]] = {}  # those whose images are known
        self._anew = False  # what is being stopped begins again
        self._turn = 0  # counts the wishes; an answer to an earlier one is passed over
        self._shown_at = 0.0
        self._warnings: list[str] = []

    def close(self) -> None:
        self._turn += 1

    # ---- wishes

    def start(self) -> None:
        """Copy what is annotated, write a run folder, and let the worker train."""
        session = self._session
        if session.job:
            session.say(why_not_train(session), session.mood)
            return
        with safely(self.failed):
            found = {
                layers.key(image): layers.snapshot(self._viewer, image)
                for image in layers.images(self._viewer)
            }
            shots = {key: shot for key, shot in found.items() if shot is not None}
            self._prepare(options_of(session), tuple(shots), list(shots.values()))

    def _prepare(
        self, options: TrainOptions, images: tuple[str, ...], shots: list[Snapshot]
    ) -> None:
        turn = self._begin("Saving your images and labels for the training…")
        model = self._session.model

        def done(run: Path) -> None:
            if turn == self._turn:
                self._images_of[run] = self._asked_of[run] = images
                self._give(run, options.base)
            else:
                self._remove(run)

        in_thread(lambda: prepared(shots, options, model), done, self._failed_if(turn))

    def resume(self) -> None:
        """Go on with the training that was broken off, on the same curve."""
        session, run = self._session, self._session.resumable
        if run is None or session.job:
            return
        with safely(self.failed):
            self._go_on(run, self._begin("Going on with the training that was broken off…"))

    def _go_on(self, run: Path, turn: int) -> None:
        session, folder = self._session, RunFolder(run)
        self._images_of.setdefault(run, (session.image,))  # of an earlier session nobody knows

        def done(found: tuple[list[dict[str, Any]], str]) -> None:
            if turn == self._turn:
                said, base = found
                for message in said:
                    self._add_to_curve(message)
                session.curve += 1
                self._give(run, base)

        work = lambda: (folder.messages(), folder.options.base)  # noqa: E731
        in_thread(work, done, self._failed_if(turn))

    def begin_anew(self) -> None:
        """Train on what is said now: what is being trained on something else is given up."""
        if self._session.job in ("starting", "training"):
            self._anew = True
            self._stop()
            self._session.say("Beginning anew…", "busy")
        else:  # where something else runs, it is said why not
            self.again.emit()

    def stop(self) -> None:
        """End it; the best weights so far are the result."""
        self._anew = False
        self._stop()

    def _stop(self) -> None:
        session, run = self._session, self._run
        self._turn += 1
        session.job = "stopping"
        session.say("Stopping; the best weights so far are kept…", "busy")
        if not self._child.stop():
            self._given_up(run, "Stopped before the training had begun.")

    # ---- what the worker says

    def on_message(self, said: dict[str, Any]) -> None:
        """Show one message of the worker about the training."""
        event = said["event"]
        if event == "started":
            if self._session.job == "starting":
                self._session.job = "training"
            self._session.say("Training has begun; you can go on painting.", "busy")
        elif event == "step":
            self._on_step(said)
        elif event == "held-out":
            self._on_held_out(said)
        elif event == "unpainted":
            self._on_unpainted(said)
        elif event == "warning":
            self._warnings.append(sentence(str(said.get("words", ""))))
            self._session.say(self._warnings[-1], "busy")
        elif event == "done":
            self._on_done(said)
        elif event == "failed":
            words = sentence(str(said.get("words", "The training failed")))
            if said.get("stopped"):
                self._given_up(self._run, words)
            else:
                self._broken_off(words)

    def on_died(self, words: str) -> None:
        """The worker is gone; nothing of the user's is lost."""
        run, stopping = self._run, self._session.job == "stopping"
        if run is None and self._session.job == "starting":
            return  # the run folder is still being written: another worker will be given it
        if stopping and run is not None:
            self._on_killed(run)
            return
        words = words or "The worker process ended unexpectedly."
        self._broken_off(f"{words} Your images and labels are untouched.", ANEW)

    def _on_killed(self, run: Path) -> None:
        """It took too long to stop, and has no last word: its folder tells what it has come to."""
        turn = self._turn

        def done(said: dict[str, Any]) -> None:
            if turn == self._turn:
                self.on_message(said)

        in_thread(lambda: stopped_training(run), done, self._failed_if(turn))

    def _given_up(self, run: Path | None, words: str) -> None:
        """It was stopped, as the user wished, before it had come to anything."""
        session, anew = self._session, self._anew
        self._end()
        if anew:
            self._start_again(run)
            return
        if run is not None and has_checkpoint(run):  # it would have been gone on with
            session.resumable_words = "stopped"
            session.resumable = run
        elif run is not None:
            self._remove(run)
        advise(session, words)

    def _start_again(self, run: Path | None) -> None:
        if run is not None:
            self._remove(run)
        self.again.emit()

    def _broken_off(self, words: str, otherwise: str = "") -> None:
        """It ended before its time; what has a checkpoint can be gone on with."""
        session, run = self._session, self._run
        self._end()
        session.resumable_words = ""
        session.resumable = run if run is not None and has_checkpoint(run) else None
        rest = RESUME if session.resumable else otherwise
        session.say(f"{words} {rest}".strip(), "error")

    def failed(self, words: str) -> None:
        """It cannot be; one sentence says why."""
        self._end()
        self._session.say(words, "error")

    def _begin(self, words: str) -> int:
        session = self._session
        self._turn += 1
        self._warnings.clear()
        session.job = "starting"
        session.report, session.question = "", None
        session.clear_curve()
        session.progress = Progress(None)
        session.say(words, "busy")
        return self._turn

    def _give(self, run: Path, base: str) -> None:
        """Let the worker train in this folder."""
        self._run, self._base, self._images = run, base, self._images_of.get(run, ())
        self._session.resumable = None
        self._session.say("Starting the worker…", "busy")
        self._child.send(f"train {run}")

    def _on_step(self, said: dict[str, Any]) -> None:
        session = self._session
        self._add_to_curve(said)
        now = time.monotonic()
        if now - self._shown_at < PERIOD:
            return
        self._shown_at = now
        session.curve += 1
        session.progress = progress(said)
        if session.job == "training" and session.mood == "busy":
            words = f"Training, step {said['step']}. You can go on painting."
            session.say(" ".join([words, *self._warnings[-1:]]), "busy")

    def _add_to_curve(self, said: dict[str, Any]) -> None:
        """One point; a resumed training says again what came after its last checkpoint."""
        value = score_of(said)
        points = self._session.losses if said["event"] == "step" else self._session.scores
        if value is not None:
            while points and points[-1][0] >= said["step"]:
                points.pop()
            points.append((said["step"], value))

    def _on_unpainted(self, said: dict[str, Any]) -> None:
        images = self._asked_of.get(Path(self._run or ""), ())
        if 0 <= said["image"] < len(images):
            self.unpainted.emit(images[said["image"]], said["likely"], said["painted"])

    def _on_held_out(self, said: dict[str, Any]) -> None:
        self._add_to_curve(said)
        self._session.curve += 1
        if said.get("words") and not too_few(said.get("score") or {}):
            self._session.report = f"So far: {sentence(said['words'])}"

    def _on_done(self, said: dict[str, Any]) -> None:
        session = self._session
        worse, stopped = bool(said.get("worse")), bool(said.get("stopped"))
        anew = self._anew  # also where it had come to its end by itself meanwhile
        self._end()
        if anew:
            self._start_again(Path(said["path"]))
            return
        if stopped and has_checkpoint(Path(said["path"])):
            session.resumable_words = "stopped"
            session.resumable = Path(said["path"])
        session.curve += 1
        session.report = report(said, self._warnings, base_words(session, self._base))
        advise(session, "Stopped; the best weights are kept." if stopped else "Trained.")
        self.trained.emit(str(said["model"]), self._base if worse else "", self._images)

    def _failed_if(self, turn: int) -> Callable[[str], None]:
        """What to do about an error, unless the user has given the wish up meanwhile."""
        return lambda words: self.failed(words) if turn == self._turn else None

    def _remove(self, run: Path) -> None:
        """A run folder in which nothing was trained; in a thread, it may hold many images."""
        in_thread(lambda: remove_untrained(run), lambda _: None, lambda words: None)

    def _end(self) -> None:
        self._run, self._anew = None, False
        self._session.job = ""
        self._session.progress = None
