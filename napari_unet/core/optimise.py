"""Steps down the gradient: AdamW and SGD.

`torch.optim.AdamW` itself would do, but making one and its first step import torch's compiler,
which nothing here uses: 2 to 3 s of every training. The kernels below are the very same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from .settings import FitSettings

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Optimiser:
    """What `settings.optimiser` names, over the parameters of one network.

    Parameters
    ----------
    net : its parameters must be on their device already
    """

    def __init__(self, net: nn.Module, settings: FitSettings) -> None:
        self.settings = settings
        self.parameters = dict(net.named_parameters())
        names = ("momentum",) if settings.optimiser == "sgd" else ("mean", "square", "step")
        self.memory: dict[str, dict[str, Tensor]] = {name: {} for name in names}
        for name, value in self.parameters.items():
            for kind, tensors in self.memory.items():
                # the step count is a tensor because the fused kernel reads it on the device
                like = value.new_zeros(()) if kind == "step" else torch.zeros_like(value)
                tensors[name] = like

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Change the parameters by their gradients; those without one stay."""
        moved = {k: v.grad for k, v in self.parameters.items() if v.grad is not None}
        parameters: list[Tensor] = [self.parameters[k] for k in moved]
        memory = {kind: [t[k] for k in moved] for kind, t in self.memory.items()}
        if self.settings.optimiser == "sgd":
            sgd(
                parameters,
                list(moved.values()),
                [*memory["momentum"]],  # zeros to begin with are the same as none
                weight_decay=self.settings.weight_decay,
                momentum=self.settings.momentum,
                lr=rate,
                dampening=0.0,
                nesterov=False,
                maximize=False,
            )
            return
        adamw(
            parameters,
            list(moved.values()),
            memory["mean"],
            memory["square"],
            [],
            memory["step"],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=self.settings.weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def forget_gradients(self) -> None:
        """To be called before the next backward pass."""
        for value in self.parameters.values():
            value.grad = None

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What a resumed run needs: for each kind of memory a tensor per parameter."""
        return self.memory

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Take up what :meth:`state` gave."""
        for kind, tensors in self.memory.items():
            for name, tensor in tensors.items():
                tensor.copy_(state[kind][name])
