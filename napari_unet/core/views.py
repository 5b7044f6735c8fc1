"""How many mirrored views of a tile are averaged (the paper, section 4: seven rotated ones).

Four cost four times as much and bring a hundredth or two of AP50. So a slice is looked at four
times where that takes seconds, and once where it would take minutes. No torch.
"""

from __future__ import annotations

from .geometry import operations
from .settings import NetworkSettings

# axes of (N, C, Y, X) that the views beyond the first are mirrored along
MIRRORS: tuple[tuple[int, ...], ...] = ((2,), (3,), (2, 3))
VIEWS = (1, 1 + len(MIRRORS))
# operations of one view of the whole slice, at most, for four: of the default network's those of
# 1024 x 1024 model pixels, 2 s of two cores with bfloat16 and 8 s without
AFFORDED = 2.2e11


def views_of(shape: tuple[int, int], net: NetworkSettings, factor: float) -> int:
    """Views of each tile of a slice: a function of its size alone, not of the device.

    Parameters
    ----------
    shape : of the slice, image pixels
    factor : image pixels -> model pixels
    """
    once = operations(net, *(max(round(factor * n), 1) for n in shape))
    return VIEWS[1] if once <= AFFORDED else 1
