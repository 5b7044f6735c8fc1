"""Our optimiser is torch's, without what torch imports for its own."""

from __future__ import annotations

import pytest
import torch

from napari_unet.core.batches import Batch
from napari_unet.core.fit import Trainer, warm_up
from napari_unet.core.optimise import BETAS, EPSILON, Optimiser
from napari_unet.core.settings import FitSettings

ADAMW = FitSettings(optimiser="adamw", learning_rate=3e-3, weight_decay=1e-2)
SGD = FitSettings(optimiser="sgd", learning_rate=1e-2, momentum=0.9, weight_decay=1e-3)


def small_net() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 1))


def backward(net: torch.nn.Module, step: int) -> None:
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(step))
    net(x).square().mean().backward()


def trained(settings: FitSettings, rates: list[float]) -> torch.nn.Module:
    net = small_net()
    optimiser = Optimiser(net, settings)
    for step, rate in enumerate(rates):
        optimiser.forget_gradients()
        backward(net, step)
        optimiser.step(rate)
    return net


def torchs_own(settings: FitSettings, net: torch.nn.Module) -> torch.optim.Optimizer:
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            net.parameters(), momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(
        net.parameters(), betas=BETAS, eps=EPSILON, weight_decay=settings.weight_decay, fused=True
    )


@pytest.mark.parametrize("settings", [ADAMW, SGD], ids=["adamw", "sgd"])
def test_the_steps_are_those_of_torchs_own_optimiser(settings: FitSettings) -> None:
    rates = [1e-3, 1e-2, 5e-3, 1e-3]
    net = small_net()
    optimiser = torchs_own(settings, net)
    for step, rate in enumerate(rates):
        optimiser.zero_grad()
        backward(net, step)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
    ours = trained(settings, rates)
    for expected, found in zip(net.parameters(), ours.parameters(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("settings", [ADAMW, SGD], ids=["adamw", "sgd"])
def test_a_restored_optimiser_goes_on_as_if_nothing_had_been(settings: FitSettings) -> None:
    net = small_net()
    first = Optimiser(net, settings)
    for step in range(3):
        first.forget_gradients()
        backward(net, step)
        first.step(1e-2)
    second = Optimiser(net, settings)
    second.restore(first.state())
    second.forget_gradients()
    backward(net, 3)
    second.step(1e-2)
    for expected, found in zip(
        trained(settings, [1e-2] * 4).parameters(), net.parameters(), strict=True
    ):
        assert torch.equal(found, expected)


def test_a_parameter_without_gradient_stays() -> None:
    net = small_net()
    net[2].requires_grad_(False)
    before = net[2].weight.clone()
    optimiser = Optimiser(net, ADAMW)
    backward(net, 0)
    optimiser.step(1e-2)
    assert torch.equal(net[2].weight, before)


def test_warming_up_is_a_step_that_learns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    step = Trainer.step

    def watched(trainer: Trainer, batch: Batch, fraction: float) -> torch.Tensor:
        losses.append(float(loss := step(trainer, batch, fraction)))
        return loss

    monkeypatch.setattr(Trainer, "step", watched)
    warm_up(torch.device("cpu"))
    assert losses == [0.0]
