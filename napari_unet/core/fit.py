"""Training: one step, and the loop over steps as a generator."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import geometry
from .batches import Batch, Batches
from .device import mixed, training_format
from .optimise import Optimiser
from .presets import preset
from .settings import FitSettings
from .unet import UNet, on_device

UNSEEN = 2**31  # batches from here on are of no step: tiles of their own


def weighted_loss(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Pixel-wise softmax and weighted cross-entropy, ``sum(w * ce) / sum(w)``.

    A batch without known pixels has loss 0 and zero gradient, never NaN.

    Parameters
    ----------
    logits : ``(N, K, H, W)``
    target : ``(N, H, W)`` int64
    weights : ``(N, H, W)`` float, 0 = unknown
    """
    ce = F.cross_entropy(logits.float(), target, reduction="none")
    return (weights * ce).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step."""

    step: int
    loss: float
    seconds: float  # training time so far, earlier sessions included
    fraction: float  # of the budget, 0..1


@dataclass
class Budget:
    """When training is over: after `steps`, or after `seconds` of wall time."""

    steps: int | None = None
    seconds: float | None = None
    used: float = 0.0  # seconds of earlier sessions
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def elapsed(self) -> float:
        return self.used + self.clock() - self.started

    def fraction(self, step: int) -> float:
        """Share of the budget that is used up once `step` steps are done."""
        if self.steps is not None:
            return min(step / self.steps, 1.0)
        assert self.seconds is not None
        return min(self.elapsed / self.seconds, 1.0) if self.seconds > 0 else 1.0


def learning_rate(settings: FitSettings, fraction: float) -> float:
    """The rate at a share of the budget; `one-cycle`: up for a tenth, then a cosine down."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warm = 0.1
    if fraction < warm:
        return settings.learning_rate * (0.1 + 0.9 * fraction / warm)
    return settings.learning_rate * (
        0.01 + 0.99 * (1 + math.cos(math.pi * (fraction - warm) / (1 - warm))) / 2
    )


class Trainer:
    """A network, its optimiser and the running average of its weights."""

    def __init__(self, net: UNet, settings: FitSettings, seed: int = 0) -> None:
        self.net, self.settings, self.seed = net, settings, seed
        self.device = next(net.parameters()).device
        self.order = training_format(self.device)
        on_device(net, self.device, self.order)
        self.optimiser = Optimiser(net, settings)
        self.average = _weights(net) if settings.average else {}
        # the base's weights, where something of them is to be kept
        self.base = _weights(net) if settings.keep_norms else {}
        self.step_done = 0

    def step(self, batch: Batch, fraction: float) -> Tensor:
        """One step down the gradient; the loss stays on the device."""
        self.net.train()
        if self.settings.keep_norms:
            for norm in batch_norms(self.net):
                norm.eval()
        with self._own_chance(), mixed(self.device):
            logits = self.net(batch.image.contiguous(memory_format=self.order))
        loss = weighted_loss(logits, batch.target, batch.weights)
        self.optimiser.forget_gradients()
        loss.backward()
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        self.optimiser.step(learning_rate(self.settings, fraction))
        self.step_done += 1
        self._update_average()
        return loss.detach()

    @contextmanager
    def _own_chance(self) -> Iterator[None]:
        """Dropout by seed and step, the same after a resume; the caller's chance stays as it is."""
        if not self.net.settings.dropout:
            yield
            return
        cards = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(cards):
            torch.manual_seed(hash((self.seed, self.step_done)) % 2**63)
            yield

    def _update_average(self) -> None:
        # young averages forget faster, or they would remember the random start
        decay = min(self.settings.average, self.step_done / (self.step_done + 10))
        for name, average in self.average.items():
            average.lerp_(self.optimiser.parameters[name].detach(), 1 - decay)

    def result(self, batches: Batches, settle: int = 8, halfway: bool = False) -> UNet:
        """A network to predict with: averaged weights, and batch norms that fit them.

        Norms that were kept fit them already: the network was trained as it predicts.

        Parameters
        ----------
        settle : batches that the norms' statistics are estimated from
        halfway : the mean of these weights and the base model's instead (Wortsman 2022, "Robust
            fine-tuning of zero-shot models"); only where norms were kept
        """
        net = on_device(UNet(self.net.settings), self.device)
        net.load_state_dict({**self.net.state_dict(), **self.average})
        if halfway:
            with torch.no_grad():
                for name, weight in net.named_parameters():
                    weight.lerp_(self.base[name], 0.5)
        if batch_norms(net) and not self.settings.keep_norms:
            settle_norms(net, batches, settle)
        return net.eval()

    def state(self) -> dict[str, Any]:
        """Everything a resumed run needs; tensors and plain numbers only."""
        return {
            "step": self.step_done,
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state(),
            "average": self.average,
            "base": self.base,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.net.load_state_dict(state["net"])
        self.optimiser.restore(state["optimiser"])
        self.average = self._taken_up(state["average"])
        self.base = self._taken_up(state["base"])
        self.step_done = int(state["step"])

    def _taken_up(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of a state, all or none; `ValueError` if they are of another network."""
        own = dict(self.net.named_parameters())
        if given and {k: v.shape for k, v in given.items()} != {k: v.shape for k, v in own.items()}:
            raise ValueError("these are weights of another network")
        return {k: v.to(self.device) for k, v in given.items()}


def _weights(net: UNet) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in net.named_parameters()}


def warm_up(device: torch.device) -> None:
    """One step of the default network on nothing.

    The first step of a process prepares the kernels for its shapes and takes the memory: 1.0 s
    instead of 0.3 s on two cores.
    """
    settings = preset("default")
    net = UNet(replace(settings.network, in_channels=1, classes=2)).to(device)
    tile = geometry.input_size(settings.network, settings.fit.tile)
    image = torch.zeros(settings.fit.batch, 1, tile, tile, device=device)
    Trainer(net, settings.fit).step(Batch(image, image[:, 0].long(), image[:, 0]), 0.0)


def batch_norms(net: UNet) -> list[nn.BatchNorm2d]:
    """All batch norms of a network."""
    return [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]


@torch.inference_mode()
def mean_loss(net: UNet, batches: Batches, count: int) -> float:
    """How badly a network reads what it is to learn: cross-entropy of known pixels, each the same.

    Parameters
    ----------
    net : in evaluation mode, on the device of the batches
    count : augmented batches; no step sees the same tiles
    """
    total = 0.0
    for index in range(count):
        batch = batches.batch(UNSEEN + index)
        with mixed(batch.image.device):
            logits = net(batch.image)
        total += float(weighted_loss(logits, batch.target, (batch.weights > 0).float()))
    return total / count


def settle_norms(net: UNet, batches: Batches, count: int) -> None:
    """Estimate the batch norms' statistics anew from `count` augmented batches.

    After a few dozen steps the running ones lag so far behind that a network which separates
    cells well in training returns nothing in prediction.
    """
    norms = batch_norms(net)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    net.train()
    with torch.inference_mode(), mixed(next(net.parameters()).device):
        for index in range(count):
            net(batches.batch(UNSEEN + index).image)
    for norm in norms:
        norm.momentum = 0.1
    net.eval()


def fit(trainer: Trainer, batches: Batches, budget: Budget) -> Iterator[Progress]:
    """Train until the budget is used up, yielding after each step; one is done in any case.

    The caller owns the network and the budget; stopping means not asking for more.
    """
    while trainer.step_done == 0 or budget.fraction(trainer.step_done) < 1:
        step = trainer.step_done
        loss = trainer.step(batches.batch(step + 1), budget.fraction(step))
        yield Progress(step + 1, float(loss), budget.elapsed, budget.fraction(step + 1))
