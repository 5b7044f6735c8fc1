"""The best model of a training so far: its score on the held-out part, and its file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.judge import CLEARLY, ENOUGH, HeldOut, words
from napari_unet.core.modelled import instances_for
from napari_unet.core.predict import Source
from napari_unet.core.samples import Annotation
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import InstanceSettings, ModelConfig
from napari_unet.core.sizing import fit_of
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import read_config

from .folder import RunFolder
from .messages import Message, is_score
from .networks import save_network

Score = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """A network that may become the run's model, and where it comes from.

    Attributes
    ----------
    step : steps that it was trained for
    seconds : time of the training so far
    halfway : the mean of the base's weights and those of this step
    """

    net: UNet
    step: int
    seconds: float
    halfway: bool = False


@dataclass
class Keeper:
    """Scores networks on the held-out part and keeps the best one as the run's model file."""

    run: RunFolder
    config: ModelConfig  # of every model that is kept, before anything was scored
    held_out: HeldOut
    images: int  # annotated slices, for the model's summary
    shown: Source | None = None  # one of them, where cells of one size are looked for
    before: Score | None = None  # score of the base model
    outline: float | None = None  # the base model's, where it was scored
    best: Score | None = None  # score of the kept model; None = it was never scored
    # the newest model's score, while the base does clearly better than all that came of it
    worse: Score | None = None
    values: list[float] = field(default_factory=list)  # of all that was scored, in order

    @property
    def untried(self) -> bool:
        """Nothing that was trained has been scored yet, though something is held out."""
        return bool(self.held_out) and len(self.values) == (self.before is not None)

    def judge_base(self, net: UNet, config: ModelConfig, seconds: float) -> Iterator[Message]:
        """Keep the base model, scored where its outputs mean the same."""
        own = None
        if self.same_outputs(config):
            # one for cells of any size knows none that are too small
            if config.image_diameter:
                own = instances_for(config, self.config.image_diameter)
            if self.held_out:
                segmenter = self._segmenter(net, own)
                judged = self.held_out.score(segmenter, self.held_out.probabilities(segmenter))
                self.before, self.outline = judged.as_dict(), judged.instances.outline
                self.values.append(judged.value)
                yield _held_out(0, self.before)
        self.keep(Candidate(net, 0, seconds), self.before, own)

    def same_outputs(self, config: ModelConfig) -> bool:
        """Whether the base's outputs are the run's."""
        return config.network.classes == self.config.network.classes

    def judge(self, candidate: Candidate, *, sure: bool = False) -> Iterator[Message]:
        """Score a network; keep it unless an earlier one was better.

        Until one is as good as the base, the base stays the run's model, and the newest lies
        beside it.
        """
        if not self.held_out:
            self.keep(candidate)
            yield self._saved(candidate.step)
            return
        own = self.config.instances
        if sure and self.outline is not None:
            own = replace(own, outline=self.outline)
        segmenter = self._segmenter(candidate.net, own)
        probabilities = self.held_out.probabilities(segmenter)
        judged = self.held_out.choose(segmenter, probabilities, sure=sure)
        score = judged.as_dict()
        yield _held_out(candidate.step, score, candidate.halfway)
        # where chance may decide, the later one: it has seen more, at a smaller learning rate
        top = max(self.values, default=judged.value)
        self.values.append(judged.value)
        if judged.value + judged.slack >= top:
            self.worse = None
            self.keep(candidate, score, judged.instances)
            # Windows deletes nothing that is open; the file means nothing from here on
            with contextlib.suppress(PermissionError):
                self.run.trained.unlink(missing_ok=True)
            yield self._saved(candidate.step)
        elif self.best is self.before and not candidate.halfway:
            self.worse = score
            self._write(self.run.trained, candidate, score, judged.instances)

    def stalled(self, scorings: int) -> bool:
        """Whether the last so many scorings brought nothing that is clearly better.

        Of a few cells nobody can tell: one found or lost hides all that is gained.
        """
        before, last = self.values[:-scorings], self.values[-scorings:]
        few = self.config.labels_are == "instances" and self.held_out.cells < ENOUGH
        if not before or few:
            return False
        return max(last) <= max(before) + CLEARLY

    def keep(
        self,
        candidate: Candidate,
        score: Score | None = None,
        instances: InstanceSettings | None = None,
    ) -> None:
        """Write the run's model file, whatever its score."""
        self._write(self.run.model, candidate, score, instances)
        self.best = score

    def state(self) -> dict[str, Any]:
        """What a resumed run needs; one dictionary where the base is still the best."""
        return {k: getattr(self, k) for k in ("before", "outline", "best", "worse", "values")}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        for name in self.state():
            setattr(self, name, state[name])
        if self.worse is not None and not self.run.trained.exists():
            # killed after a better score, before it was written down: the model is that one
            self.worse, kept = None, read_config(self.run.model).training.get("after")
            self.best = kept if isinstance(kept, dict) and is_score(kept) else self.best
        if self.best == self.before:
            self.best = self.before

    def _write(
        self,
        path: Path,
        candidate: Candidate,
        score: Score | None,
        instances: InstanceSettings | None,
    ) -> None:
        summary = {
            **self.config.training,
            "steps": candidate.step,
            "seconds": round(candidate.seconds, 1),
            "halfway": candidate.halfway,
            "before": self.before,
            "after": score,
            "images": self.images,
            "versions": self.run.info["versions"],
        }
        instances = instances or self.config.instances
        config = replace(self.config, instances=instances, training=summary)
        if self.shown is not None:
            fit = fit_of(self._segmenter(candidate.net, instances), self.shown)
            config = replace(config, fit=round(min(fit, 1.0), 3))
        save_network(path, candidate.net, config)

    def _saved(self, step: int) -> Message:
        return {"event": "saved", "step": step, "path": str(self.run.model)}

    def _segmenter(self, net: UNet, instances: InstanceSettings | None = None) -> Segmenter:
        config = self.config if instances is None else replace(self.config, instances=instances)
        return Segmenter(net, config)


def shown_slice(config: ModelConfig, annotation: Annotation) -> Source | None:
    """What the model's own size is tried on: of the slice with most cells; None = it has no one."""
    if config.image_diameter is None or config.image_diameters is not None:
        return None
    return max(annotation.slices, key=lambda s: len(np.unique(s.labels))).source


def _held_out(step: int, score: Score, halfway: bool = False) -> Message:
    where = "half of the way back to the base model, " if halfway else ""
    return {"event": "held-out", "step": step, "score": score, "words": where + words(score)}
