"""One training, from its run folder to its model: the same for button, Python and command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from napari_unet.core.batches import Batches
from napari_unet.core.device import device_words, find_device
from napari_unet.core.fit import Budget, Progress, Trainer, fit
from napari_unet.core.judge import HeldOut
from napari_unet.core.memory import keep_freed_memory
from napari_unet.core.samples import collect, prepare
from napari_unet.core.settings import FitSettings, Settings
from napari_unet.core.unet import UNet
from napari_unet.files.lock import locked
from napari_unet.files.model_file import read_config
from napari_unet.files.space import full_disk_told

from .adapting import as_from_scratch, each_step, hardly_known, smaller
from .assessing import AGAIN, OpenGround
from .checkpoint import as_bad_input, read_checkpoint, write_checkpoint
from .farewell import again, done
from .folder import RunFolder, open_run
from .keeper import Candidate, Keeper, shown_slice
from .messages import Message, warning
from .networks import base_weights
from .scoring import BATCHES, STALLED, Scoring, seconds_of
from .telling import closing_words, model_config, remarks, step_message

T = TypeVar("T")
Stop = Callable[[], bool]

SAVED_EVERY = 10.0  # seconds between checkpoints; one takes 0.25 s
SAVED_STEPS = 10  # steps between checkpoints where the budget is in steps: the same in every run


def train_run(
    path: Path, stop: Stop = lambda: False, device: str | None = None
) -> Generator[Message, None, None]:
    """Do, or go on with, the training of a run folder, yielding its messages.

    `stop` is asked after each step; `device` stands in place of the run's own. The messages also
    stand in the run's log.

    Raises
    ------
    BadInput
        If the folder is no run folder, or in use, or its device is not there.
    """
    began = time.monotonic()
    run = open_run(path)
    if not run.finished:
        with full_disk_told(run.path), locked(run.path):
            yield from _unfinished(run, began, stop, device)
        return
    yield from again(run)


def _unfinished(run: RunFolder, began: float, stop: Stop, device: str | None) -> Iterator[Message]:
    """The training of a run that this process holds."""
    if run.finished:  # by whoever held it until now
        yield from again(run)
        return
    run.clear_leftovers()
    for message in Training(run, began).messages(stop, device):
        run.say(message)
        yield message


@dataclass
class Training:
    """The parts of a running training and the few numbers that a checkpoint must keep."""

    run: RunFolder
    began: float
    settings: Settings = field(init=False)
    trainer: Trainer = field(init=False)
    batches: Batches = field(init=False)
    budget: Budget = field(init=False)
    keeper: Keeper = field(init=False)
    scoring: Scoring = field(init=False)
    ground: OpenGround = field(init=False)
    anew: bool = False  # learnt as fast as from scratch: the base hardly knew these cells
    saved_at: float = 0.0

    def messages(self, stop: Stop, wanted: str | None) -> Iterator[Message]:
        device = find_device(wanted or self.run.options.device)
        if device.type == "cpu":
            keep_freed_memory()
        state = read_checkpoint(self.run)
        self.run.rewind_log(-1 if state is None else int(state["step"]))
        yield {
            "event": "started",
            "what": "train",
            "path": str(self.run.path),
            "words": device_words(device),
        }
        yield from self._set_up(device, state)
        if state is None:
            yield from self._first_model()
        else:
            with as_bad_input(self.run):
                self._restore(state)
            yield warning(f"going on after step {self.trainer.step_done}")
        stopped = False
        for progress in self._steps():
            if not isinstance(progress, Progress):
                yield progress
                continue
            yield step_message(progress, self.budget)
            if stopped := stop():
                break
            yield from self._marks(progress)
        if not stopped and self.budget.steps is None and self.trainer.step_done == 1:
            yield warning("there was time for one step only: train with more seconds")
        yield from self._end(stopped)

    def _steps(self) -> Iterator[Progress | Message]:
        """Step by step, until the budget is used up."""

        def step() -> Progress | None:
            return next(fit(self.trainer, self.batches, self.budget), None)

        while (progress := (yield from self._fitting(step))) is not None:
            yield progress

    def _fitting(self, work: Callable[[], T]) -> Generator[Message, None, T]:
        """Do what goes through batches; out of memory halves the batch, then the tile, says so,
        and does it again.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                less = smaller(self.settings, self.batches.tile, error)
                if less is None:
                    raise
            torch.cuda.empty_cache()
            self._use(less)
            yield warning(f"out of memory: going on with {each_step(less, self.batches.tile)}")

    def _use(self, wanted: FitSettings) -> None:
        """Train on from here with another batch or tile."""
        self.settings = replace(self.settings, fit=wanted)
        self.batches = self.batches.changed(self.settings)

    def _set_up(self, device: torch.device, state: dict[str, Any] | None) -> Iterator[Message]:
        options, self.settings = self.run.options, self.run.settings
        annotation = collect(self.run.pairs(), self.settings, options.labels_are, options.held_out)
        samples, by_class = prepare(annotation, self.settings, options.labels_are)
        for sentence in remarks(self.run, annotation, samples, self.settings):
            yield warning(sentence)
        net = UNet(self.settings.network, torch.Generator().manual_seed(options.seed))
        if state is None:  # a checkpoint holds all weights, and the base's file may be gone
            yield from base_weights(net, self.run)
        self.trainer = Trainer(net.to(device), self.settings.fit, options.seed)
        self.batches = Batches(
            samples, by_class, self.settings, options.labels_are, options.seed, device
        )
        self.ground = OpenGround(annotation, samples, self.settings)
        yield from self.ground.begin(self.run, self.trainer.net, state)
        self.batches = self.batches.knowing(self.ground.known)
        annotation = self.ground.completed()
        seconds = seconds_of(options, device.type)
        self.scoring, self.budget = Scoring(seconds), Budget(options.steps, seconds)
        self.budget.started = self.began  # reading the data counts
        config = model_config(self.run, annotation, self.settings)
        held_out = HeldOut(annotation, self.settings)
        self.keeper = Keeper(
            self.run, config, held_out, len(annotation.slices), shown_slice(config, annotation)
        )

    def _first_model(self) -> Iterator[Message]:
        """The model from before step 1, and the base's score."""
        base, net = self.run.base, self.trainer.net.eval()
        if base is not None:
            with self.scoring.timed():
                config = read_config(base)
                yield from self.keeper.judge_base(net, config, self.budget.elapsed)
            self.scoring.total = 0.0  # there was nothing to train yet
            if self.keeper.same_outputs(config):
                before = self.keeper.before
                unknown = yield from self._fitting(
                    lambda: hardly_known(before, net, self.batches, self.settings.fit)
                )
                if unknown:
                    self._learn_anew()
        else:
            self.keeper.keep(self._candidate(net))

    def _learn_anew(self) -> None:
        """What the base does not know well is learnt as fast as from scratch, from its weights."""
        self.anew, self.settings = True, as_from_scratch(self.settings)
        self.trainer.settings, self.trainer.base = self.settings.fit, {}

    def _marks(self, progress: Progress) -> Iterator[Message]:
        """What is due between steps: a score, a checkpoint."""
        if self.ground.unsettled and progress.fraction >= AGAIN:
            net = yield from self._fitting(
                lambda: self.trainer.result(self.batches, BATCHES["scored"])
            )
            yield from self.ground.ask(net)
            self.batches = self.batches.knowing(self.ground.known)
        self.budget.seconds = self.scoring.for_steps(self._last_scorings)
        if self.scoring.due(progress.fraction, self.budget.elapsed):
            yield from self._judge(final=False)
            stalled = self.keeper.stalled(STALLED)
            if stalled and self.scoring.cut_short(self.budget.elapsed, self._last_scorings):
                yield warning("the held-out score no longer gets better: ending early")
            self._write_checkpoint()
        elif self._checkpoint_due(progress):
            if self.keeper.best is None:
                yield from self._keep_newest()
            self._write_checkpoint()

    def _checkpoint_due(self, progress: Progress) -> bool:
        if self.budget.steps is not None:
            return progress.step % SAVED_STEPS == 0
        return progress.seconds - self.saved_at >= SAVED_EVERY

    @property
    def _last_scorings(self) -> int:
        """How often the end scores."""
        return 2 if self._well_known else 1

    @property
    def _well_known(self) -> bool:
        """Whether the base model was scored and found these cells well."""
        return self.keeper.before is not None and self.settings.fit.keep_norms

    def _judge(self, final: bool, halfway: bool = False) -> Iterator[Message]:
        settle = BATCHES["last" if final else "scored"]
        with self.scoring.timed():
            net = yield from self._fitting(
                lambda: self.trainer.result(self.batches, settle, halfway)
            )
            sure = self.settings.fit.keep_norms
            yield from self.keeper.judge(self._candidate(net, halfway), sure=sure)

    def _keep_newest(self) -> Iterator[Message]:
        """Never scored: the newest is the best we know of."""
        settle = BATCHES["kept"]
        net = yield from self._fitting(lambda: self.trainer.result(self.batches, settle))
        self.keeper.keep(self._candidate(net))

    def _candidate(self, net: UNet, halfway: bool = False) -> Candidate:
        return Candidate(net, self.trainer.step_done, self.budget.elapsed, halfway)

    def _end(self, stopped: bool) -> Iterator[Message]:
        if not stopped:
            yield from self._judge(final=True)
            if self._well_known:
                # within chance this one: what is held out comes from the annotated images, and
                # cannot tell what was forgotten of others (docs/quality.md)
                yield from self._judge(final=True, halfway=True)
        elif self.keeper.untried:  # nobody could say what has come of it
            self._write_checkpoint()  # first: there may be no time left to score it
            yield from self._judge(final=False)
        elif self.keeper.best is None:
            yield from self._keep_newest()
        self._write_checkpoint()
        before, worse = self.keeper.before, self.keeper.worse is not None
        after = self.keeper.worse or self.keeper.best
        words = closing_words(self.trainer.step_done, stopped, after, before, worse)
        last = done(self.run, before=before, after=after, worse=worse, stopped=stopped, words=words)
        yield {**last, "seconds": round(self.budget.elapsed, 1)}

    def _write_checkpoint(self) -> None:
        self.saved_at = self.budget.elapsed
        state = {
            **self.trainer.state(),
            "seconds": self.budget.elapsed,
            "keeper": self.keeper.state(),
            "scoring": self.scoring.state(),
            "anew": self.anew,
            "batch": self.settings.fit.batch,  # smaller than in run.json after out of memory
            "tile": self.settings.fit.tile,
            "ground": self.ground.state(),
        }
        write_checkpoint(self.run, state)

    def _restore(self, state: dict[str, Any]) -> None:
        if state["anew"]:
            self._learn_anew()
        self.trainer.restore(state)
        self.budget.used = float(state["seconds"])
        self.keeper.restore(state["keeper"])
        self.scoring = Scoring(**state["scoring"])
        # the learning rate goes on where it was
        self.budget.seconds = self.scoring.for_steps(self._last_scorings)
        fit = self.settings.fit
        batch, tile = min(int(state["batch"]), fit.batch), min(int(state["tile"]), fit.tile)
        if (used := replace(fit, batch=batch, tile=tile)) != fit:
            self._use(used)
