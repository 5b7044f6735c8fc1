"""Which device, and whether it has bfloat16 of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch

from .errors import BadInput


def find_device(name: str | torch.device = "auto") -> torch.device:
    """The torch device that goes by `name`: auto, cpu, cuda, cuda:1, mps; one of torch's will do.

    Raises
    ------
    BadInput
        If there is no such device here.
    """
    name = str(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = name.split(":")[0]
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if kind not in there:
        raise BadInput(f"there is no device {name!r}; choose auto, cpu, cuda or mps")
    if not there[kind]:
        raise BadInput(f"this machine has no {kind} device that torch can use; choose auto or cpu")
    index = name.partition(":")[2]
    if index and (
        not index.isdigit() or (kind == "cuda" and int(index) >= torch.cuda.device_count())
    ):
        raise BadInput(
            f"there is no device {name!r}; {kind} devices here: {torch.cuda.device_count()}"
        )
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 is faster, not merely possible: detected, never assumed."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        probe = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        return bool(probe())
    return False


def mixed(device: torch.device, precision: str = "auto") -> AbstractContextManager[object]:
    """Autocast to bfloat16 where it pays and `precision` is "auto"; else full precision.

    Full precision, too, where the caller has switched autocast on.
    """
    if precision == "auto" and has_bfloat16(device):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return torch.autocast(device.type, enabled=False)


@contextmanager
def usual_torch() -> Iterator[None]:
    """torch as it is when it is imported, whatever the caller has set, which comes back after.

    Notebooks switch gradients off, or set another default type or device, for all that follows.
    Layers that are made draw random weights, which would move the caller's chance on.
    The default type is the process's: other threads see float32 meanwhile.
    """
    with ExitStack() as usual:
        usual.enter_context(torch.inference_mode(False))
        usual.enter_context(torch.enable_grad())
        usual.enter_context(torch.random.fork_rng([]))
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                usual.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":  # the context costs a little at each call
            usual.enter_context(torch.device("cpu"))
        if (kept := torch.get_default_dtype()) != torch.float32:
            usual.callback(torch.set_default_dtype, kept)
            torch.set_default_dtype(torch.float32)
        yield


def training_format(device: torch.device) -> torch.memory_format:
    """The memory order in which training is fastest.

    Channels last, but for a CPU without bfloat16, whose fp32 kernels go backwards a tenth
    faster in planes (0.23 s against 0.26 s a step; forwards alone they are slower).
    """
    if device.type == "cpu" and not has_bfloat16(device):
        return torch.contiguous_format
    return torch.channels_last


def device_words(device: torch.device) -> str:
    """For the status line: "CPU, 2 threads, bf16"."""
    kind = "bf16" if has_bfloat16(device) else "fp32"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {kind}"
    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads, {kind}"
    return f"{device.type}, {kind}"
