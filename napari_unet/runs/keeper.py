"""The best model of a training so far: its score on the held-out part, and its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from napari_unet.core.judge import HeldOut, Judged, words
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import InstanceSettings, ModelConfig
from napari_unet.core.unet import UNet

from .folder import RunFolder
from .messages import Message
from .networks import save_network

Score = dict[str, Any]


@dataclass
class Keeper:
    """Scores networks on the held-out part and keeps the best one as the run's model file."""

    run: RunFolder
    config: ModelConfig  # of every model that is kept, before anything was scored
    held_out: HeldOut
    images: int  # annotated slices, for the model's summary
    before: Score | None = None  # score of the base model
    best: Score | None = None  # score of the kept model; None = it was never scored

    @property
    def worse(self) -> bool:
        """Whether the base did better than all that came of it."""
        return bool(self.before and self.best and self.best["value"] < self.before["value"])

    def judge_base(self, net: UNet, config: ModelConfig) -> Iterator[Message]:
        """Score the base model, where its outputs mean the same."""
        if self.held_out and config.network.classes == self.config.network.classes:
            # one for cells of any size knows none that are too small
            own = config.instances if config.image_diameter else None
            segmenter = self._segmenter(net, own)
            judged = self.held_out.score(segmenter, self.held_out.probabilities(segmenter))
            self.before = judged.as_dict()
            yield _held_out(0, self.before)

    def judge(self, net: UNet, step: int, seconds: float) -> Iterator[Message]:
        """Score `net`, trained for `step` steps; keep it if it is the best so far."""
        judged: Judged | None = None
        score: Score | None = None
        if self.held_out:
            segmenter = self._segmenter(net)
            judged = self.held_out.choose(segmenter, self.held_out.probabilities(segmenter))
            score = judged.as_dict()
            yield _held_out(step, score)
        # where chance may decide, the later one: it has seen more, at a smaller learning rate
        if (
            judged is None
            or self.best is None
            or judged.value + judged.slack >= self.best["value"]
            or self.best is self.before
        ):
            self.keep(net, step, seconds, score, None if judged is None else judged.instances)
            yield {"event": "saved", "step": step, "path": str(self.run.model)}

    def keep(
        self,
        net: UNet,
        step: int,
        seconds: float,
        score: Score | None = None,
        instances: InstanceSettings | None = None,
    ) -> None:
        """Write the run's model file, whatever its score."""
        summary = {
            **self.config.training,
            "steps": step,
            "seconds": round(seconds, 1),
            "before": self.before,
            "after": score,
            "images": self.images,
            "versions": self.run.info["versions"],
        }
        instances = instances or self.config.instances
        config = replace(self.config, instances=instances, training=summary)
        save_network(self.run.model, net, config)
        self.best = score

    def _segmenter(self, net: UNet, instances: InstanceSettings | None = None) -> Segmenter:
        config = self.config if instances is None else replace(self.config, instances=instances)
        return Segmenter(net, config)


def _held_out(step: int, score: Score) -> Message:
    return {"event": "held-out", "step": step, "score": score, "words": words(score)}
