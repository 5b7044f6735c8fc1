"""Sizes of a U-Net, from its settings alone (no torch): halo, legal inputs, outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .errors import BadInput
from .settings import AugmentSettings, FitSettings, NetworkSettings

MOST_WEIGHTS = 2**28  # of any network, 1 GiB in float32; the paper's has 31 million
LEAST_TILE = 64  # px; out of memory below this is final


def grid(net: NetworkSettings) -> int:
    """Side (px) of the pooling grid: tiles must begin on its multiples to agree."""
    return 2**net.depth


def margin(net: NetworkSettings) -> int:
    """Pixels per side by which the output is smaller than the input (paper: 92)."""
    return 6 * grid(net) - 4 if net.padding == "valid" else 0


def halo(net: NetworkSettings) -> int:
    """Context (px per side) of the output; what lies nearer to the input's edge is cut.

    The unpadded net of depth d sees ``6 * 2^d - 4`` px (92 at depth 4). A padded one sees as
    far, rounded up to the pooling grid (96); bilinear up-sampling adds one grid step.
    """
    seen = 6 * grid(net) - 4 if net.padding == "valid" else 6 * grid(net)
    return seen + (grid(net) if net.up == "bilinear" else 0)


def input_size(net: NetworkSettings, wanted: int) -> int:
    """The legal input side nearest to `wanted`, and large enough to train on."""
    step = grid(net)
    if net.padding == "same":
        return max(round(wanted / step), 1) * step
    offset = 4 * (step - 1)
    least = -(-(2 * margin(net) + 1 - offset) // step)
    return max(round((wanted - offset) / step), least) * step + offset


def output_size(net: NetworkSettings, size: int) -> int:
    """Side of the output for a legal input side."""
    return size - 2 * margin(net)


def tile_reach(net: NetworkSettings, fit: FitSettings, augment: AugmentSettings) -> int:
    """Model pixels round its centre from which an augmented training tile can be read."""
    half = (input_size(net, fit.tile) - 1) / 2
    # corners of a turned and shrunk tile; of a bent one six standard deviations, 2 in 10^9
    bent = math.sqrt(2) * half * (1 + augment.scale) + 6 * augment.elastic_sd
    return math.ceil(bent + grid(net) / 2) + 1  # and the jitter of centres, and a neighbour


def operations(net: NetworkSettings, height: int, width: int) -> float:
    """Floating-point operations of one forward pass of an input of this size."""
    cut = 2 if net.padding == "valid" else 0
    total, channels = 0.0, net.in_channels
    levels = [net.width * 2**level for level in range(net.depth + 1)]
    path = [(wide, 0.5) for wide in levels[:-1]] + [(levels[-1], 2.0)]
    path += [(wide, 2.0) for wide in reversed(levels[:-1])]
    y, x = float(height), float(width)
    for place, (wide, then) in enumerate(path):
        for before in (channels, wide):
            y, x = y - cut, x - cut
            total += 18 * before * wide * y * x
        channels = wide
        if place < len(path) - 1:
            if then == 2.0:  # the up-convolution; its bilinear stand-in works before enlarging
                total += 2 * wide * (wide // 2) * y * x * (4 if net.up == "transpose" else 1)
            y, x = y * then, x * then
    return total + 2 * net.width * net.classes * y * x


def tile_for(net: NetworkSettings, trusted: int) -> int:
    """Least legal input side that leaves `trusted` pixels after the halo is cut."""
    size = input_size(net, trusted + 2 * halo(net))
    while size - 2 * halo(net) < trusted:
        size += grid(net)
    return size


def shapes(net: NetworkSettings) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in the state of :class:`core.unet.UNet`, by its name."""
    widths = [net.width * 2**level for level in range(net.depth + 1)]
    made: dict[str, tuple[int, ...]] = {}
    for level, (before, after) in enumerate(
        zip([net.in_channels, *widths[:-1]], widths, strict=True)
    ):
        made.update(_block(f"down.{level}", before, after, net))
    kernel = (1, 1) if net.up == "bilinear" else (2, 2)
    for place, width in enumerate(reversed(widths[:-1])):
        ends = (width, 2 * width) if net.up == "bilinear" else (2 * width, width)
        made[f"up.{place}.conv.weight"] = (*ends, *kernel)
        made[f"up.{place}.conv.bias"] = (width,)
        made.update(_block(f"merge.{place}", 2 * width, width, net))
    made["head.weight"], made["head.bias"] = (net.classes, net.width, 1, 1), (net.classes,)
    return made


def _block(
    name: str, channels: int, out: int, net: NetworkSettings
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Two convolutions, each with its norm where there is one."""
    place = 0
    for index, before in enumerate((channels, out)):
        place += index and net.dropout_at == "between" and net.dropout > 0
        yield f"{name}.layers.{place}.weight", (out, before, 3, 3)
        yield f"{name}.layers.{place}.bias", (out,)
        if net.norm == "batch":
            place += 1
            for part in ("weight", "bias", "running_mean", "running_var"):
                yield f"{name}.layers.{place}.{part}", (out,)
            yield f"{name}.layers.{place}.num_batches_tracked", ()
        place += 2  # the ReLU, and what comes next


def check_size(net: NetworkSettings) -> None:
    """Refuse a network that would take gigabytes before anyone has seen it work.

    Raises
    ------
    BadInput
        If it has more than :data:`MOST_WEIGHTS` weights.
    """
    weights = sum(math.prod(shape) for shape in shapes(net).values())
    if weights > MOST_WEIGHTS:
        raise BadInput(
            f"a network of width {net.width} and depth {net.depth} has {weights / 1e6:,.0f} million"
            f" weights, more than {MOST_WEIGHTS / 1e6:,.0f} million; take a smaller one"
        )
