"""A network is asked what ground is that nobody has painted, and the training is told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.annotation import Mask
from napari_unet.core.predict import ArraySource
from napari_unet.core.samples import Annotation, Sample, factor_of
from napari_unet.core.segment import Segmenter
from napari_unet.core.settings import ModelConfig, Settings
from napari_unet.core.unet import UNet
from napari_unet.core.unpainted import Assessment, Floats, Ground, Seen, assess, with_rims
from napari_unet.core.windows import Window, part_of

from .checkpoint import as_bad_input
from .folder import RunFolder
from .messages import Message, likely_cells

# model pixels that a network is asked about, in all slices together: 1 s of two cores with
# bfloat16, 3 s without
MOST_ASKED = 2**21
LEAST_ASKED = 256  # side in model pixels, of each slice
NOTHING = "beyond a rim round each, what is not painted counts for nothing"
AGAIN = 1 / 3  # of the budget: who could not tell at first has learnt by then what the cells are


@dataclass
class OpenGround:
    """What is known of each sample's ground, and by whose word.

    Attributes
    ----------
    samples : of the annotation's slices, in their order
    known : of each sample; it begins with rims
    seen : what was said of each sample; None = it has no open ground, or nobody was asked yet
    """

    annotation: Annotation
    samples: Sequence[Sample]
    settings: Settings
    known: list[Mask] = field(init=False)
    seen: list[Seen | None] = field(init=False)
    asked: int = 0  # how often

    def __post_init__(self) -> None:
        self.known = [s.known for s in self.samples]
        self.seen = [None] * len(self.samples)

    def begin(self, run: RunFolder, net: UNet, state: dict[str, Any] | None) -> Iterator[Message]:
        """Ask the base model, whose weights `net` has; or take up what was said before a resume.

        Raises
        ------
        BadInput
            If the checkpoint's `state` is damaged.
        """
        if not any(s.ground for s in self.samples):
            return
        if state is not None:
            with as_bad_input(run):
                self.restore(state["ground"])
        elif run.base is not None:
            yield from self.ask(net.eval())

    def ask(self, net: UNet) -> Iterator[Message]:
        """Ask a network, in evaluation mode, of all samples on which it is not settled yet."""
        self.asked += 1
        asked = [
            i
            for i, s in enumerate(self.samples)
            if s.ground is not None and self.seen[i] in (None, "cannot tell")
        ]
        likely = dict.fromkeys(asked, 0)
        for i in asked:
            said = self._say(i, net, MOST_ASKED // len(asked))
            self.known[i], self.seen[i], likely[i] = said.known, said.seen, said.likely
        yield from self._whole([i for i in asked if self.seen[i] == "complete"])
        yield from self._told({i: n for i, n in likely.items() if self.seen[i] != "complete"})

    @property
    def unsettled(self) -> bool:
        """Whether there is a sample of which the base could not tell."""
        return self.asked < 2 and "cannot tell" in self.seen

    def completed(self) -> Annotation:
        """The annotation; slices that are complete, by a network's word, as such."""
        slices = [
            s.complete() if seen == "complete" else s
            for s, seen in zip(self.annotation.slices, self.seen, strict=True)
        ]
        return replace(self.annotation, slices=tuple(slices))

    def state(self) -> dict[str, Any]:
        """For a checkpoint: tensors and plain values."""
        return {
            "asked": self.asked,
            "seen": list(self.seen),
            "known": [torch.from_numpy(np.packbits(k)) for k in self._asked()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave; `ValueError` if it is of other samples."""
        words = (None, *get_args(Seen))
        packed: list[Tensor] = state["known"]
        asked = [i for i, s in enumerate(self.samples) if s.ground is not None]
        if len(packed) != len(asked) or len(state["seen"]) != len(self.samples):
            raise ValueError("what was known is of other images")
        if any(word not in words for word in state["seen"]):
            raise ValueError("nobody says this of an image")
        for i, bits in zip(asked, packed, strict=True):
            shape = self.known[i].shape
            if bits.shape != (math.ceil(shape[0] * shape[1] / 8),):
                raise ValueError("what was known is of another size")
            known = np.unpackbits(bits.numpy(), count=shape[0] * shape[1])
            self.known[i] = known.reshape(shape).astype(bool)
        self.seen, self.asked = list(state["seen"]), int(state["asked"])

    def _asked(self) -> list[Mask]:
        return [k for k, s in zip(self.known, self.samples, strict=True) if s.ground is not None]

    def _say(self, index: int, net: UNet, most: int) -> Assessment:
        """What a network says of one sample; of a large one it looks at a part."""
        sample, settings = self.samples[index], self.settings
        ground = sample.ground
        assert ground is not None
        window = _looked_at(ground, most)
        part = part_of(window)
        said = assess(
            ground.part(part),
            foreground(net, np.ascontiguousarray(sample.image[:, *part])),
            settings.instances,
            self._diameter(index),
            settings.unpainted,
        )
        if said.seen == "complete":
            return replace(said, known=ground.stated | ground.open)
        known = with_rims(ground, settings.unpainted)
        known[part] = said.known
        return replace(said, known=known)

    def _diameter(self, index: int) -> float:
        """Of the median cell, model pixels."""
        s = self.annotation.slices[index]
        own = self.annotation.diameter_of(s) or self.settings.scale.diameter or 0.0
        return own * factor_of(self.annotation, self.settings, s)

    def _whole(self, indices: Sequence[int]) -> Iterator[Message]:
        """One message of all images that are taken as painted completely."""
        names = list(dict.fromkeys(self.annotation.slices[i].image_name for i in indices))
        if names:
            more = len(names) - 1
            look = "looks" if not more else f"and {more} more look"
            words = f"{names[0]} {look} completely painted: what is not counts as background"
            yield {"event": "complete", "words": words}

    def _told(self, likely: dict[int, int]) -> Iterator[Message]:
        """A message for each image of which not all is painted."""
        images: dict[int, list[int]] = {}
        for i in likely:
            images.setdefault(self.annotation.slices[i].pair, []).append(i)
        for image, indices in images.items():
            slices = [self.annotation.slices[i] for i in indices]
            count = sum(likely[i] for i in indices if self.seen[i] == "partly painted")
            painted = sum(len(np.unique(s.labels[s.labels > 0])) for s in slices)
            name = slices[0].image_name
            if all(self.seen[i] == "cannot tell" for i in indices):
                words = f"{name}: the model to start from does not know these cells; {NOTHING}"
            else:
                words = f"{name}: {likely_cells(count)} not painted; left out of the training"
            yield {
                "event": "unpainted",
                "image": image,
                "likely": count,
                "painted": painted,
                "words": words,
            }


def foreground(net: UNet, image: Floats) -> Floats:
    """Probability of cell, ``(H, W)``, of a normalised ``(C, H, W)`` image in model pixels."""
    segmenter = Segmenter(net, ModelConfig(net.settings))
    return segmenter.window(ArraySource(image), (0, image.shape[1], 0, image.shape[2]))


def _looked_at(ground: Ground, most: int) -> Window:
    """Of a large sample so many pixels, in the middle of what is painted."""
    height, width = ground.labels.shape
    side = max(math.isqrt(most), LEAST_ASKED)
    if height * width <= side**2:
        return 0, height, 0, width
    ys, xs = np.nonzero(ground.painted if ground.painted.any() else ground.stated)
    y0, x0 = (
        max(0, min(int(np.median(at)) - side // 2, length - side))
        for at, length in ((ys, height), (xs, width))
    )
    return y0, min(y0 + side, height), x0, min(x0 + side, width)
