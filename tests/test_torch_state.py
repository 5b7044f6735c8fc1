"""The caller's torch: its chance, types, devices and gradients; nothing disturbs the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet import Model, load_model, train
from napari_unet.core.batches import Batch
from napari_unet.core.fit import Trainer
from napari_unet.core.settings import FitSettings, NetworkSettings
from napari_unet.core.unet import UNet
from tests.runs.tiny import disc_pair
from tests.test_api import write_base

pytestmark = pytest.mark.usefixtures("few_batches")

IMAGE, LABELS = np.asarray(disc_pair().image), disc_pair().labels


@contextmanager
def default_type(kind: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


STATES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "double": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "device": lambda: torch.device("meta"),  # stands for any other
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "base.safetensors")


def trained(base: Path) -> Model:
    heard: list[Any] = []
    return train([IMAGE], [LABELS], base=base, steps=1, device="cpu", seed=1, progress=heard.append)


@pytest.fixture(scope="module")
def usual(base: Path) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the base, and after a training."""
    return tuple(m.predict(IMAGE, precision="fp32") for m in (load_model(base), trained(base)))  # type: ignore[return-value]


@pytest.mark.parametrize("name", STATES)
def test_whatever_the_caller_has_set(
    name: str, base: Path, usual: tuple[np.ndarray, np.ndarray]
) -> None:
    with STATES[name]():
        before = (
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )
        found = load_model(base).predict(IMAGE, precision="fp32")
        after = trained(base).predict(IMAGE, precision="fp32")
        assert before == (
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
        )
        assert torch.is_autocast_enabled("cpu") == (name == "autocast")
    np.testing.assert_array_equal(found, usual[0])
    np.testing.assert_array_equal(after, usual[1])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_step_leaves_the_callers_chance_alone(dropout: float) -> None:
    network = NetworkSettings(width=4, depth=2, padding="same", dropout=dropout)

    net = UNet(network, torch.Generator().manual_seed(0))

    def step() -> float:
        trainer = Trainer(deepcopy(net), FitSettings(), seed=7)
        image = torch.linspace(0, 1, 32 * 32).reshape(1, 1, 32, 32)
        return float(trainer.step(Batch(image, (image[:, 0] > 0.5).long(), image[:, 0]), 0.0))

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = step()
    assert torch.equal(torch.rand(3), expected)
    assert step() == first  # whatever was drawn in between


def test_loading_and_training_leave_the_callers_chance_alone(base: Path) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    expected, of_numpy = torch.get_rng_state(), np.random.get_state()[1]
    load_model(base)
    trained(base)
    assert torch.equal(torch.get_rng_state(), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], of_numpy)
