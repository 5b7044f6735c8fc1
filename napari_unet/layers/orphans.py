"""What was painted for an image that is gone: it is the image's again when that is opened again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from napari.layers import Image, Layer
from napari.viewer import Viewer

from .pairing import set_axes
from .reading import axes, axes_choices, file, pixels
from .roles import KEY, Role, belongs, images, key, partner, role

PAINTED: tuple[Role, ...] = ("labels", "regions", "background")
SAMPLES = 16  # along each axis, at least, by which two images are told apart


@dataclass(frozen=True)
class Likeness:
    """By what an image is known again.

    Attributes
    ----------
    shape : of its array
    axes : letters, as it was read
    place : where pixels lie in the world
    sample : a digest of some pixels; "" = they say nothing, or lie on disk
    path : of its file; "" = nobody knows
    """

    name: str
    shape: tuple[int, ...]
    axes: str
    place: tuple[float, ...]
    sample: str
    path: str = ""

    def same(self, other: Likeness) -> bool:
        """Whether both are one image; of pixels that are not at hand, name and file say."""
        if self.shape != other.shape or not np.allclose(self.place, other.place):
            return False
        if self.sample and other.sample:
            return self.sample == other.sample
        if self.path and other.path and self.path != other.path:
            return False  # files of one name lie in many folders
        return self.name == other.name and self.sample == other.sample


def likeness(image: Image) -> Likeness:
    """What the image looks like; reads a few thousand pixels of what lies in memory."""
    data = pixels(image)
    corners = [np.zeros(image.ndim), *np.eye(image.ndim)]
    place = np.concatenate([image.data_to_world(x) for x in corners])
    sample = ""
    if isinstance(data, np.ndarray):
        some = data[tuple(slice(None, None, max(n // SAMPLES, 1)) for n in data.shape)]
        if some.size and (some != some.flat[0]).any():
            sample = hashlib.blake2b(some.tobytes(), digest_size=16).hexdigest()
    shape = tuple(int(n) for n in data.shape)
    at = tuple(map(float, place))
    return Likeness(image.name, shape, axes(image), at, sample, file(image))


def leave(viewer: Viewer, gone: Layer) -> None:
    """Note on what was painted for an image that was removed how to know it again."""
    mine = [x for x in viewer.layers if belongs(x, gone)]
    if isinstance(gone, Image) and role(gone) is None and mine:
        look = likeness(gone)
        for layer in mine:
            layer.metadata[KEY]["left"] = look


def take_back(viewer: Viewer) -> list[Layer]:
    """Give each image that has nothing what was painted for it before it was removed.

    Never what may be another image's: the shape, the place and the pixels must be the same (of
    images that are not held in memory: the name), and one removed image only may fit.
    """
    taken: list[Layer] = []
    families = _families(viewer)
    for image in images(viewer) if families else []:
        if any(partner(viewer, image, what) is not None for what in PAINTED):
            continue
        look = likeness(image)
        fitting = [x for x in families if x[0].metadata[KEY]["left"].same(look)]
        if len(fitting) == 1:
            (family,) = fitting
            families.remove(family)
            letters = family[0].metadata[KEY]["left"].axes
            for layer in family:
                kept = {k: v for k, v in layer.metadata[KEY].items() if k != "left"}
                layer.metadata[KEY] = {**kept, "image": key(image)}
            if letters != axes(image) and letters in axes_choices(image):
                set_axes(viewer, image, letters)
            taken += family
    return taken


def left_for(viewer: Viewer, image: Image) -> str:
    """Name of a removed image of this shape whose labels may be this one's; "" = none."""
    if any(partner(viewer, image, what) is not None for what in PAINTED):
        return ""
    shape = tuple(int(n) for n in pixels(image).shape)
    looks = (x[0].metadata[KEY]["left"] for x in _families(viewer))
    return next((look.name for look in looks if look.shape == shape), "")


def _families(viewer: Viewer) -> list[list[Layer]]:
    """What was painted for images that are gone, together what was painted for one."""
    there = {key(x) for x in viewer.layers}
    found: dict[str, list[Layer]] = {}
    for layer in viewer.layers:
        noted = layer.metadata.get(KEY, {})
        if "left" in noted and noted["image"] not in there and role(layer) in PAINTED:
            found.setdefault(noted["image"], []).append(layer)
    return list(found.values())
