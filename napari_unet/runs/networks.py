"""Networks to and from model files. Imports torch: for the worker, the command line and Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_unet.core.device import find_device, usual_torch
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ModelConfig
from napari_unet.core.unet import UNet, on_device
from napari_unet.files.model_file import check_model, read_model, write_model

from .folder import RunFolder
from .messages import Message, warning

FIRST = "down.0.layers.0.weight"  # of the layer that sees the image


def load_network(path: Path, device: str = "auto") -> tuple[UNet, ModelConfig]:
    """The network of a model file on `device`, in evaluation mode, and what the file says of it.

    Raises
    ------
    BadInput
        If the file is no model file, or its weights do not fit its network.
    """
    where = find_device(device)
    with usual_torch():
        config, tensors = _read_fitting(path)
        net = UNet(config.network)
        wanted = net.state_dict()
        net.load_state_dict({k: v.to(wanted[k].dtype) for k, v in tensors.items()})
    return on_device(net, where).eval(), config


def _read_fitting(path: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Description and weights of a model file; nothing is loaded unless they fit each other."""
    check_model(path)
    config, tensors = read_model(path)
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise BadInput(
            f"{path} is damaged: not all of its weights are finite numbers, so it finds nothing"
        )
    return config, tensors


def save_network(path: Path, net: UNet, config: ModelConfig) -> None:
    """Write or replace a model file, atomically."""
    write_model(
        path, config, {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
    )


def start_from(net: UNet, base: Path) -> list[str]:
    """Copy the weights of a base model into `net`; the names of those that do not fit.

    The last layer does not fit when the number of classes differs: it stays random. A base of one
    channel begins by looking at the mean of several.
    """
    _, tensors = _read_fitting(base)
    own: dict[str, Any] = net.state_dict()
    first = tensors.get(FIRST)
    channels = net.settings.in_channels
    if first is not None and first.shape[1] == 1 < channels:
        tensors[FIRST] = first.expand(-1, channels, -1, -1) / channels
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    own.update(fitting)
    net.load_state_dict(own)
    return sorted(set(own) - set(fitting))


def base_weights(net: UNet, run: RunFolder) -> Iterator[Message]:
    """Give `net` the weights of a run's base model, where there is one, and say how it went."""
    if run.base is not None:
        if fresh := start_from(net, run.base):
            yield warning(f"the base model has other outputs: {len(fresh)} tensors start at random")
    elif run.options.base == "default":
        yield warning(
            "training from scratch: the model that ships is for single cells with the"
            " default preset"
        )
