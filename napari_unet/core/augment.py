"""Random changes of whole batches of tiles, on the training device.

Shift, rotation, mirroring, scaling and the paper's elastic deformation make one coordinate
field per tile, through which image, labels and weights are read once. Only random numbers
are made on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from .settings import AugmentSettings

NODES = 3  # the paper's grid is 3x3
_CUBIC = -0.75  # coefficient of torch's bicubic kernel

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """The random numbers of one batch of N tiles; everything else follows from them."""

    matrix: Doubles  # (N, 2, 2): tile offset (y, x) -> image offset, model pixels
    nodes: Doubles  # (N, 2, 3, 3): displacement (y, x) at the grid nodes, model pixels
    phase: Doubles  # (N, 2): where the tile's centre lies on the node grid, 0..2
    gain: Doubles  # (N,)
    offset: Doubles  # (N,)
    gamma: Doubles  # (N,)
    shading: Doubles  # (N, 1, 3, 3): added light at the grid nodes
    noise: Doubles  # (N,): standard deviation
    blur: Doubles  # (N,): standard deviation, pixels
    seed: int  # of the pixel noise


def draw(rng: np.random.Generator, n: int, tile: int, settings: AugmentSettings) -> Draw:
    """Random numbers for `n` tiles of side `tile` (model pixels)."""
    angle = np.deg2rad(rng.uniform(-settings.rotate, settings.rotate, n))
    zoom = np.exp(rng.uniform(-1, 1, n) * math.log(1 + settings.scale))
    flip = np.where(settings.mirror & (rng.random(n) < 0.5), -1.0, 1.0)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    matrix = np.stack([np.stack([cos, -sin], -1), np.stack([sin * flip, cos * flip], -1)], axis=1)
    nodes = rng.normal(0.0, 1.0, (n, 2, NODES, NODES)) * settings.elastic_sd
    free = max(0.0, 1 - (tile - 1) / 2 / node_spacing(tile, settings))
    phase = 1 + rng.uniform(-free, free, (n, 2))
    contrast, gamma = math.log(1 + settings.contrast), math.log(1 + settings.gamma)
    return Draw(
        matrix,
        nodes,
        phase,
        gain=np.exp(rng.uniform(-contrast, contrast, n)),
        offset=rng.uniform(-settings.brightness, settings.brightness, n),
        gamma=np.exp(rng.uniform(-gamma, gamma, n)),
        shading=rng.normal(0.0, 1.0, (n, 1, NODES, NODES))
        * settings.shading
        * rng.random((n, 1, 1, 1)),
        noise=settings.noise * rng.random(n) ** 2,  # most images are good ones
        blur=settings.blur * rng.random(n) ** 2,
        seed=int(rng.integers(2**62)),
    )


def node_spacing(tile: int, settings: AugmentSettings) -> float:
    """Pixels between grid nodes: 3x3 nodes over the tile, but not nearer than the setting.

    On tiles much smaller than the paper's 572 px the field would fold (Falk 2019 keeps 150 px).
    """
    return max((tile - 1) / (NODES - 1), settings.elastic_spacing)


def cubic_matrix(position: Tensor) -> Tensor:
    """``(..., T)`` positions on the node axis (0..2) to ``(..., T, 3)`` bicubic weights.

    The kernel and the border rule of ``torch.nn.functional.interpolate(mode="bicubic")``:
    two small matrices instead of a resampling of the whole field.
    """
    base = position.floor()
    weights = position.new_zeros((*position.shape, NODES))
    for shift in (-1, 0, 1, 2):
        distance = (position - base - shift).abs()
        near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
        far = ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
        node = (base + shift).clamp(0, NODES - 1).long()
        weights.scatter_add_(-1, node[..., None], torch.where(distance <= 1, near, far)[..., None])
    return weights


def displacement(nodes: Tensor, phase: Tensor, tile: int, spacing: float) -> Tensor:
    """Elastic displacement of every tile pixel, ``(N, 2, T, T)`` model pixels (y, x).

    Parameters
    ----------
    nodes : ``(N, 2, 3, 3)``
    phase : ``(N, 2)`` node coordinate of the tile's centre
    spacing : pixels between nodes
    """
    offset = (torch.arange(tile, device=nodes.device, dtype=nodes.dtype) - (tile - 1) / 2) / spacing
    rows = cubic_matrix(phase[:, 0, None] + offset)
    columns = cubic_matrix(phase[:, 1, None] + offset)
    return torch.einsum("nti,ncij,nuj->nctu", rows, nodes, columns)


def coordinates(
    drawn: Draw, centres: Doubles, tile: int, settings: AugmentSettings, device: torch.device
) -> Tensor:
    """Where each tile pixel is read: ``(N, T, T, 2)`` (y, x) in the slices' model pixels."""
    matrix, nodes, phase, centre = (
        torch.from_numpy(np.asarray(a, np.float32)).to(device)
        for a in (drawn.matrix, drawn.nodes, drawn.phase, centres)
    )
    offset = torch.arange(tile, device=device, dtype=torch.float32) - (tile - 1) / 2
    grid = torch.stack(torch.meshgrid(offset, offset, indexing="ij"), dim=0)
    where = torch.einsum("nij,jtu->nitu", matrix, grid) + centre[:, :, None, None]
    if settings.elastic_sd > 0:
        where += displacement(nodes, phase, tile, node_spacing(tile, settings))
    return where.permute(0, 2, 3, 1)


def read_at(planes: Tensor, where: Tensor, mode: str) -> Tensor:
    """``(C, H, W)`` planes read at ``(T, T, 2)`` (y, x); mirrored beyond the border."""
    return warp([planes], where[None], mode)[0]


def warp(planes: Sequence[Tensor], where: Tensor, mode: str) -> Tensor:
    """``(N, C, T, T)``: tile i read from `planes[i]` ``(C, H, W)`` at `where[i]`."""
    return read_points(planes, points_of(planes, where), mode)


def points_of(planes: Sequence[Tensor], where: Tensor) -> Tensor:
    """``(N, T, T, 2)`` (y, x) as torch wants it: (x, y) from -1 to 1 across each plane.

    Once for all planes of a size: it takes half as long as reading one.
    """
    sizes = [[max(n - 1, 1) for n in p.shape[:-3:-1]] for p in planes]
    size = torch.tensor(sizes, device=where.device, dtype=where.dtype)[:, None, None]
    return where.flip(-1).mul_(2 / size).sub_(1)


def read_points(planes: Sequence[Tensor], points: Tensor, mode: str) -> Tensor:
    """``(N, C, T, T)``: tile i read from `planes[i]` ``(C, H, W)`` at ``points_of`` them."""
    return torch.cat(
        [
            F.grid_sample(
                plane[None], at[None], mode=mode, padding_mode="reflection", align_corners=True
            )
            for plane, at in zip(planes, points, strict=True)
        ]
    )


def change_intensities(batch: Tensor, drawn: Draw, mean: Doubles, spread: Doubles) -> Tensor:
    """Change ``(N, C, H, W)`` grey values of about 0..1, each tile in its own way.

    Blur, gamma, contrast, brightness, uneven light and noise, in this order. `mean` and
    `spread` ``(N,)`` are the mean and standard deviation of each tile's slice: contrast turns
    about the one, all offsets are multiples of the other.
    """
    gamma, gain, offset, noise, middle = (
        torch.from_numpy(np.asarray(a, np.float32)).to(batch.device)[:, None, None, None]
        for a in (drawn.gamma, drawn.gain, drawn.offset * spread, drawn.noise * spread, mean)
    )
    if drawn.blur.any():
        batch = _blurred(batch, drawn.blur)
    inside = batch.clamp(0, 1)
    # beyond 0..1 the curve goes on straight; the middle stays where it is
    batch = inside.clamp_min(1e-6).pow_(gamma).add_(batch).sub_(inside)
    batch.mul_(gain).add_(middle + offset - middle.clamp(1e-6, 1) ** gamma * gain)
    if drawn.shading.any():
        light = drawn.shading * spread[:, None, None, None]
        nodes = torch.from_numpy(light.astype(np.float32)).to(batch.device)
        centre = torch.ones((len(nodes), 2), device=batch.device)
        tile = batch.shape[-1]
        batch.add_(displacement(nodes, centre, tile, (tile - 1) / (NODES - 1)))
    if drawn.noise.any():
        generator = torch.Generator(batch.device).manual_seed(drawn.seed)
        grain = torch.randn(batch.shape, generator=generator, device=batch.device)
        # an enlarged image has coarse noise: every other tile gets it three pixels wide
        grain[::2] = _three_wide(grain[::2])
        batch.addcmul_(noise, grain)
    return batch


def _three_wide(grain: Tensor) -> Tensor:
    """Sums of 3 x 3 pixels, of the same standard deviation; torch's pooling takes longer."""
    wide = F.pad(grain, [1] * 4)
    rows = wide[..., :-2, :] + wide[..., 1:-1, :] + wide[..., 2:, :]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]).div_(3)


def _blurred(batch: Tensor, sigma: Doubles) -> Tensor:
    """Each tile blurred by its own Gaussian, separably, mirrored at the border."""
    # no farther than a tile can be mirrored
    radius = min(max(1, math.ceil(3 * float(sigma.max()))), *(n - 1 for n in batch.shape[-2:]))
    x = np.arange(-radius, radius + 1)
    kernels = np.exp(-0.5 * (x / np.maximum(sigma, 0.1)[:, None]) ** 2)
    kernels /= kernels.sum(axis=1, keepdims=True)
    n, c, height, width = batch.shape
    kernel = (
        torch.from_numpy(kernels.astype(np.float32))
        .to(batch.device)
        .repeat_interleave(c, dim=0)[:, None]
    )
    padded = F.pad(batch, [radius] * 4, mode="reflect").reshape(
        1, n * c, height + 2 * radius, width + 2 * radius
    )
    rows = F.conv2d(padded, kernel[..., None], groups=n * c)
    return F.conv2d(rows, kernel[:, :, None], groups=n * c).reshape(n, c, height, width)
