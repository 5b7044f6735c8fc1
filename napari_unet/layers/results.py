"""Results over the image: prediction, probability."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer

from napari_unet.core.settings import LabelsAre

from .drawing import redraw, unsliced
from .found_look import dress
from .making import add_quietly, options_for, reveal, uncover
from .reading import labels_shape
from .roles import KEY, Role, is_away, note_away, partner


def prediction_layer(viewer: Viewer, image: Image, *, show: bool = True) -> Labels:
    """The image's prediction layer; made empty, beneath the user's labels, if there is none.

    It is emptied where the image has another shape now. It has an array of its own: a script may
    have given it to the user's labels, too, and it is about to be drawn into. `show` makes it
    visible, else one that is made comes to light with its image.
    """
    layer = partner(viewer, image, "prediction")
    shape = labels_shape(image)
    if layer is None:
        options = options_for(viewer, image, "prediction")
        layer = unsliced(np.zeros(shape, np.int32), **options)
        dress(viewer, layer)
        add_quietly(viewer, layer, below=partner(viewer, image, "labels"))
        reveal(viewer, layer)
    elif tuple(layer.data.shape) != shape:
        layer.data = np.zeros(shape, np.int32)
        note_undrawn(layer, drawn(layer))
        dress(viewer, layer)
    elif not _writable(layer.data) or any(
        x is not layer and _share(x, layer) for x in viewer.layers
    ):
        layer.data = np.array(layer.data, np.int32)
    if show:
        uncover(layer)
    return layer


def empty_prediction(viewer: Viewer, image: Image) -> None:
    """The image is another picture: what was found in the earlier one is no longer shown."""
    layer = partner(viewer, image, "prediction")
    if layer is not None:
        note_undrawn(layer, drawn(layer))
        if tuple(layer.data.shape) == labels_shape(image):  # else it goes with the next prediction
            layer.data = np.zeros(layer.data.shape, np.int32)
    hide(viewer, image, "probability")


def _writable(data: Any) -> bool:
    """Whether any cell can be drawn: not where the user has converted it to 8 bits, or dask."""
    return isinstance(data, np.ndarray) and data.dtype == np.int32 and data.flags.writeable


def _share(one: Layer, other: Labels) -> bool:
    """Whether what is written into one layer is in the other one, too."""
    mine, theirs = one.data, other.data
    arrays = isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray)
    return arrays and np.may_share_memory(mine, theirs)


def note_undrawn(layer: Labels, slices: Iterable[int]) -> None:
    """Write down on a prediction that these slices do not hold its cells, or not yet.

    What is drawn there from now on is provisional: pieces of tiles are no cells.
    """
    gone, noted = set(slices), layer.metadata[KEY]
    noted["drawn"] = {place: job for place, job in drawn(layer).items() if place not in gone}
    noted["drawings"] = drawings(layer) + 1


def note_drawn(layer: Labels, slices: Iterable[int], job: str, model: str) -> None:
    """Write down on a prediction that these slices hold the cells that a job has found.

    What another model has drawn before is no longer offered.
    """
    noted = layer.metadata[KEY]
    before = drawn(layer) if noted.get("model") == model else {}
    noted["drawn"], noted["model"] = {**before, **dict.fromkeys(slices, job)}, model
    noted["drawings"] = drawings(layer) + 1


def drawn(layer: Labels) -> dict[int, str]:
    """The slices in which a prediction holds cells of the last model, each with its job."""
    return dict(layer.metadata.get(KEY, {}).get("drawn", {}))


def drawings(layer: Labels) -> int:
    """Goes up whenever a prediction is drawn anew."""
    return int(layer.metadata.get(KEY, {}).get("drawings", 0))


def note_accepted(layer: Labels, on: bool = True) -> None:
    """Write down that what is drawn now was accepted, or that this was undone."""
    layer.metadata[KEY]["accepted"] = drawings(layer) if on else None


def accepted(viewer: Viewer, image: Image) -> bool:
    """Whether the cells of the image's prediction, as they are drawn, were accepted."""
    layer = partner(viewer, image, "prediction")
    noted = {} if layer is None else layer.metadata.get(KEY, {})
    return "accepted" in noted and noted["accepted"] == drawings(layer)


def has_cells(viewer: Viewer, image: Image) -> bool:
    """Whether the image's prediction holds cells of any slice, to be accepted."""
    layer = partner(viewer, image, "prediction")
    fits = layer is not None and tuple(layer.data.shape) == labels_shape(image)
    return fits and bool(drawn(layer))


def note_kind(layer: Labels, kind: LabelsAre) -> None:
    """Write down on a prediction what its numbers are."""
    layer.metadata[KEY]["labels_are"] = kind


def found_kind(layer: Labels) -> LabelsAre | Literal[""]:
    """What the numbers of a prediction are; "" = nobody has written it down."""
    kind: LabelsAre | Literal[""] = layer.metadata.get(KEY, {}).get("labels_are", "")
    return kind


def redraw_at_once(layer: Image) -> None:
    """Show what was written into the array that is on show; the thumbnail stays as it is.

    Without slicing anew: a third of the time of a refresh.
    """
    on_show = getattr(layer, "_data_view", None)
    if on_show is not None and np.may_share_memory(on_show, layer.data):
        layer.events.set_data()
    else:
        redraw(layer, thumbnail=False)


def show_probability(
    viewer: Viewer, image: Image, probability: npt.NDArray[Any], *, show: bool = True
) -> Image:
    """The stored probability over the image; not to `show`: as soon as its image is seen."""
    below = partner(viewer, image, "prediction")
    look = {
        "colormap": "viridis",
        "contrast_limits": (0, 1),
        "opacity": 0.6,
        "blending": "additive",
    }
    return shown(viewer, image, "probability", probability, below, show=show, **look)


def shown(
    viewer: Viewer,
    image: Image,
    what: Role,
    data: npt.NDArray[Any],
    below: Layer | None = None,
    *,
    show: bool = True,
    **look: Any,
) -> Image:
    """The image's layer of this role with `data` in it; made with this look if there is none."""
    layer = partner(viewer, image, what)
    if layer is None:
        layer = Image(data, **{**options_for(viewer, image, what), **look})
        add_quietly(viewer, layer, below)
    else:
        layer.data = data
    if show:
        uncover(layer)
    else:
        reveal(viewer, layer)
    return layer


def is_on_show(viewer: Viewer, image: Layer, what: Role) -> bool:
    """Whether the image's layer of this role is there, and visible wherever its image is seen."""
    layer = partner(viewer, image, what)
    return layer is not None and (bool(layer.visible) or is_away(layer))


def unhide(viewer: Viewer, image: Image, what: Role) -> None:
    """Show the image's layer of this role, if there is one."""
    layer = partner(viewer, image, what)
    if layer is not None:
        reveal(viewer, layer)


def hide(viewer: Viewer, image: Image, what: Role) -> None:
    """Hide the image's layer of this role, if there is one, also when its image comes back."""
    layer = partner(viewer, image, what)
    if layer is not None:
        note_away(layer, False)
        layer.visible = False
