"""When a training scores what it held out, and what that takes from its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from napari_unet.core.settings import TrainOptions

DEFAULT_SECONDS = {"cpu": 60.0, "cuda": 15.0}
# the held-out part is scored at the end, and after so many equal parts of the budget
PARTS_OF_STEPS = 4
PARTS_OF_TIME = 16  # as long as all scorings together take no more than the share below
SCORING_SHARE = 0.12
SAVING = 1.0  # seconds of the budget for the last checkpoint and the model
STALLED = 4  # scorings in a row without gain: the rest of the time is not needed
# batches that a base is read from (0.5 s of two cores, 1.3 s of old ones), and that the batch norms
# of a model are settled from: of the last one, one that is scored, one that is kept unscored
BATCHES = {"read": 16, "last": 16, "scored": 4, "kept": 2}


def seconds_of(options: TrainOptions, device: str) -> float | None:
    """The whole budget of a training on a kind of device; None = it is in steps."""
    return None if options.steps else options.seconds or DEFAULT_SECONDS.get(device, 60.0)


@dataclass
class Scoring:
    """The clock of a training's scorings.

    Attributes
    ----------
    seconds : the whole budget; None = it is in steps
    parts : how many of the budget's parts are behind us
    last, total : seconds that the last scoring took, and all between steps together
    """

    seconds: float | None
    parts: int = 0
    last: float = 0.0
    total: float = 0.0

    def due(self, fraction: float, elapsed: float) -> bool:
        """Whether another part of the budget is over, and there is time to score.

        Parameters
        ----------
        fraction : of the budget, 0..1
        elapsed : seconds of the training so far
        """
        parts = PARTS_OF_STEPS if self.seconds is None else PARTS_OF_TIME
        over = int(parts * fraction)
        if over <= self.parts or fraction >= 1:
            return False
        self.parts = over
        return self.seconds is None or self.total + self.last <= SCORING_SHARE * elapsed

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count what is done in it as a scoring."""
        began = time.monotonic()
        yield
        self.last = time.monotonic() - began
        self.total += self.last

    def closing(self, scorings: int) -> float:
        """Seconds that so many last scorings and the saving take: they belong to the budget."""
        return SAVING + 1.2 * self.last * scorings

    def for_steps(self, scorings: int) -> float | None:
        """What is left of the budget for steps; None = it is in steps."""
        return None if self.seconds is None else max(self.seconds - self.closing(scorings), 0.0)

    def cut_short(self, elapsed: float, scorings: int) -> bool:
        """Let the learning rate come down in a tenth of the time so far; False if it does so."""
        needed = elapsed / 0.9 + self.closing(scorings)
        if self.seconds is None or needed >= self.seconds:
            return False
        self.seconds, self.parts = needed, PARTS_OF_TIME
        return True

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return asdict(self)
