"""The one place that reads or writes ``viewer.layers``.

What belongs to which image stands in ``layer.metadata["napari-unet"]``, never in a name.
Layers that are made here lie on their image to the pixel, whatever its transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes
from napari.viewer import Viewer

from .core.errors import BadInput
from .snapshots import Outline, Snapshot, flat_corners, slice_of

Role = Literal["labels", "regions", "background", "weights", "prediction", "probability"]
Window = tuple[int, int, int, int]  # y0, y1, x0, x1 in image pixels
KEY = "napari-unet"
NAMES: dict[Role, str] = {
    "labels": "U-Net labels",
    "regions": "U-Net regions",
    "background": "U-Net background",
    "weights": "U-Net weights",
    "prediction": "U-Net prediction",
    "probability": "U-Net probability",
}
BACKGROUND_COLOUR = (0.25, 0.75, 1.0, 0.6)


# ---- which layers there are -----------------------------------------------------------------


def key(layer: Layer) -> str:
    """The layer's unique id as text; stays when the layer is renamed."""
    return str(layer.unique_id)


def role(layer: Layer) -> Role | None:
    """What the layer is to us, or None: it is none of ours."""
    value: Role | None = layer.metadata.get(KEY, {}).get("role")
    return value


def images(viewer: Viewer) -> list[Image]:
    """The user's image layers, in the viewer's order."""
    return [x for x in viewer.layers if isinstance(x, Image) and role(x) is None]


def find(viewer: Viewer, unique: str) -> Layer | None:
    """The layer with this :func:`key`, if it is still there."""
    return next((x for x in viewer.layers if key(x) == unique), None)


def partner(viewer: Viewer, image: Layer, what: Role) -> Any:
    """The layer that plays the role `what` for `image`, or None."""
    mine = {"role": what, "image": key(image)}
    return next((x for x in viewer.layers if mine.items() <= x.metadata.get(KEY, {}).items()), None)


def painted_layers(viewer: Viewer) -> list[Layer]:
    """The layers on which the user annotates, of all images."""
    return [x for x in viewer.layers if role(x) in ("labels", "regions", "background")]


def image_of(viewer: Viewer, layer: Layer) -> Image | None:
    """The image that `layer` belongs to: itself if it is one."""
    if isinstance(layer, Image) and role(layer) is None:
        return layer
    found = find(viewer, layer.metadata.get(KEY, {}).get("image", ""))
    return found if isinstance(found, Image) else None


def fitting_labels(viewer: Viewer, image: Image) -> list[Labels]:
    """The labels layers that could be this image's: of its shape, and no other image's."""
    return [
        x
        for x in viewer.layers
        if isinstance(x, Labels)
        and role(x) in (None, "labels")
        and x.metadata.get(KEY, {}).get("image", key(image)) == key(image)
        and not x.multiscale
        and tuple(x.data.shape) == labels_shape(image)
    ]


def misfit(image: Image, layer: Layer) -> str:
    """Why `layer` cannot hold the image's labels, in one sentence; "" = it can."""
    if layer.multiscale:
        return f"“{layer.name}” is a pyramid, which cannot be painted on: take its finest level."
    wanted, shape = labels_shape(image), tuple(layer.data.shape)
    if shape == wanted:
        return ""
    return (
        f"“{layer.name}” has the shape {shape}, but labels of {image.name} need {wanted}; "
        "choose another layer, or press “New cell” for an empty one."
    )


def pair(viewer: Viewer, image: Image, labels: Labels) -> None:
    """Make `labels` the labels of `image`; earlier ones are set free, not removed."""
    before = partner(viewer, image, "labels")
    if before is not None and before is not labels:
        set_free(before)
    labels.metadata[KEY] = {"role": "labels", "image": key(image)}


def set_free(layer: Layer) -> None:
    """The layer belongs to no image any more."""
    del layer.metadata[KEY]


def pair_the_obvious(viewer: Viewer, image: Image) -> Labels | None:
    """The image's labels; if it has none, the one labels layer that fits no other image."""
    labels = partner(viewer, image, "labels")
    if labels is not None:
        return labels if isinstance(labels, Labels) else None
    free = [x for x in fitting_labels(viewer, image) if role(x) is None]
    rivals = [x for x in images(viewer) if labels_shape(x) == labels_shape(image)]
    if len(free) != 1 or len(rivals) != 1:
        return None
    pair(viewer, image, free[0])
    return free[0]


# ---- how an image is read -------------------------------------------------------------------


def pixels(image: Layer) -> Any:
    """The image's array, of a pyramid the finest level."""
    return image.data[0] if image.multiscale else image.data


def axes(image: Image) -> str:
    """The letters of the image's axes: as chosen by the user, else as the layer says."""
    chosen = image.metadata.get(KEY, {}).get("axes")
    return str(chosen) if chosen else axes_choices(image)[0]


def set_axes(viewer: Viewer, image: Image, letters: str) -> None:
    """Read the image's axes in this way; layers that no longer fit are set free."""
    image.metadata.setdefault(KEY, {})["axes"] = letters
    for layer in viewer.layers:
        mine = layer.metadata.get(KEY, {}).get("image") == key(image)
        if mine and layer.ndim != len(labels_shape(image)):
            del layer.metadata[KEY]


def axes_choices(image: Image) -> tuple[str, ...]:
    """The ways in which the axes can be read, the likely one first."""
    named = "".join(name.upper() for name in image.axis_labels if len(name) == 1)
    if image.rgb:
        plain = ["YXC", "ZYXC", "TZYXC"][image.ndim - 2 : image.ndim - 1]
    else:
        plain = {
            2: ["YX"],
            3: ["ZYX", "TYX", "CYX"],
            4: ["TZYX", "ZCYX", "CZYX", "TCYX"],
            5: ["TZCYX", "TCZYX"],
        }.get(image.ndim, [])
    said = [c for c in plain if c.removesuffix("C" if image.rgb else "") == named]
    return tuple(dict.fromkeys(said + plain)) or ("",)


def _kept(image: Image) -> list[int]:
    """The layer's axes that its labels have, too: all but the channels."""
    letters = axes(image)[: image.ndim]
    return [i for i in range(image.ndim) if letters[i : i + 1] != "C"]


def labels_shape(image: Image) -> tuple[int, ...]:
    """The image's shape without channels."""
    shape = pixels(image).shape
    return tuple(int(shape[i]) for i in _kept(image))


def slice_count(image: Image) -> int:
    """How many (Y, X) slices the image has."""
    return int(np.prod(labels_shape(image)[:-2], dtype=int))


def current_slice(viewer: Viewer, image: Image) -> int:
    """Number of the slice that the viewer shows, in the order of the image's axes."""
    leading = _kept(image)[:-2]
    if not leading:
        return 0
    shape = labels_shape(image)[:-2]
    point = image.world_to_data(viewer.dims.point)[-image.ndim :]
    at = [min(max(round(float(point[i])), 0), n - 1) for i, n in zip(leading, shape, strict=True)]
    return int(np.ravel_multi_index(at, shape))


def visible_window(image: Image) -> Window | None:
    """The part of the slice that the user sees, or None where that is unknown."""
    factor = image.downsample_factors[image.data_level] if image.multiscale else 1.0
    low, high = (np.asarray(image.corner_pixels) * factor)[:, -2:]
    height, width = labels_shape(image)[-2:]
    y0, x0 = (int(max(v, 0)) for v in low)
    y1, x1 = int(min(high[0] + 1, height)), int(min(high[1] + 1, width))
    return (y0, y1, x0, x1) if y1 - y0 > 1 and x1 - x0 > 1 else None


# ---- making layers that fit -----------------------------------------------------------------


def geometry(image: Image) -> dict[str, Any]:
    """The image's transform, units and axis names without its channels."""
    keep = _kept(image)
    grid = np.ix_(keep, keep)
    return {
        "scale": image.scale[keep],
        "translate": image.translate[keep],
        "rotate": np.asarray(image.rotate)[grid],
        "shear": _shear_matrix(image)[grid],
        "affine": image.affine.set_slice(keep),
        "units": [image.units[i] for i in keep],
        "axis_labels": [image.axis_labels[i] for i in keep],
    }


def _shear_matrix(image: Image) -> npt.NDArray[np.float64]:
    shear = np.asarray(image.shear)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(image.ndim)
    matrix[np.triu_indices(image.ndim, 1)] = shear
    return matrix


def _options(viewer: Viewer, image: Image, what: Role) -> dict[str, Any]:
    name = NAMES[what]
    if any(x.name == name for x in viewer.layers):  # another image has one
        name = f"{name} {image.name}"
    return {
        **geometry(image),
        "name": name,
        "metadata": {KEY: {"role": what, "image": key(image)}},
    }


def warm_up() -> None:
    """napari's first labels layer takes 0.3 s more than the next: not when the user paints."""
    Labels(np.zeros((2, 2), np.int32))


def make_labels(viewer: Viewer, image: Image) -> Labels:
    """An empty int32 labels layer for the image, paired with it."""
    labels = Labels(np.zeros(labels_shape(image), np.int32), **_options(viewer, image, "labels"))
    viewer.add_layer(labels)
    return labels


def make_background(viewer: Viewer, image: Image) -> Labels:
    """The layer on which the user paints what is surely background."""
    options = _options(viewer, image, "background")
    layer = Labels(np.zeros(labels_shape(image), np.uint8), **options)
    from napari.utils.colormaps import DirectLabelColormap

    layer.colormap = DirectLabelColormap(color_dict={0: None, None: BACKGROUND_COLOUR})
    viewer.add_layer(layer)
    return layer


def make_regions(viewer: Viewer, image: Image) -> Shapes:
    """The layer on which the user draws what he has annotated completely."""
    layer = Shapes(
        ndim=len(labels_shape(image)),
        edge_color="#ffd34d",
        face_color=[1, 0.83, 0.3, 0.06],
        edge_width=2,
        **_options(viewer, image, "regions"),
    )
    viewer.add_layer(layer)
    return layer


def start_painting(viewer: Viewer, layer: Labels | Shapes) -> None:
    """Make `layer` the active one, with the tool that adds to it."""
    viewer.layers.selection.active = layer
    _uncover(layer)
    layer.mode = "paint" if isinstance(layer, Labels) else "add_rectangle"


def _uncover(layer: Layer) -> None:
    """Make it visible; napari draws everything anew even where nothing changes."""
    if not layer.visible:
        layer.visible = True


def _add_quietly(viewer: Viewer, layer: Layer, below: Layer | None = None) -> None:
    """Add a layer without taking the brush out of the user's hand."""
    active = viewer.layers.selection.active
    place = len(viewer.layers) if below is None else viewer.layers.index(below)
    viewer.layers.insert(place, layer)
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active


# ---- results over the image -----------------------------------------------------------------


def show_weights(
    viewer: Viewer, image: Image, weights: npt.NDArray[np.float32], limits: tuple[float, float]
) -> Image:
    """The weight map over the image; what is at or below the lower limit stays invisible."""
    layer = partner(viewer, image, "weights")
    if layer is None:
        layer = Image(
            weights,
            colormap="inferno",
            blending="additive",
            contrast_limits=limits,
            **_options(viewer, image, "weights"),
        )
        _add_quietly(viewer, layer)
        return layer
    layer.data = weights
    layer.contrast_limits = limits
    _uncover(layer)
    return layer


def prediction_layer(viewer: Viewer, image: Image) -> Labels:
    """The image's prediction layer; made empty, beneath the user's labels, if there is none."""
    layer = partner(viewer, image, "prediction")
    if layer is None:
        layer = Labels(
            np.zeros(labels_shape(image), np.int32),
            opacity=0.5,
            **_options(viewer, image, "prediction"),
        )
        _add_quietly(viewer, layer, below=partner(viewer, image, "labels"))
    _uncover(layer)
    return layer


def write_plane(
    layer: Labels,
    index: int,
    plane: npt.NDArray[Any],
    at: Window | None = None,
    *,
    show: bool = True,
) -> None:
    """Write slice `index` of one of our own layers, or the window `at` of it."""
    slices = layer.data.reshape(-1, *layer.data.shape[-2:])  # a view
    y0, y1, x0, x1 = at or (0, plane.shape[0], 0, plane.shape[1])
    slices[index, y0:y1, x0:x1] = plane
    if show:
        redraw(layer)


def redraw(layer: Labels, *, thumbnail: bool = True) -> None:
    """Show what was written; costs as much as the whole slice (17 ms at 2000 x 2000 px)."""
    layer.refresh(extent=False, highlight=False, thumbnail=thumbnail)


def blank_plane(layer: Labels, index: int) -> None:
    """Empty slice `index` of one of our own layers; seen at the next refresh."""
    layer.data.reshape(-1, *layer.data.shape[-2:])[index] = 0


def show_probability(viewer: Viewer, image: Image, probability: npt.NDArray[Any]) -> Image:
    """The stored probability over the image."""
    layer = partner(viewer, image, "probability")
    if layer is None:
        layer = Image(
            probability,
            colormap="viridis",
            blending="additive",
            contrast_limits=(0, 1),
            opacity=0.6,
            **_options(viewer, image, "probability"),
        )
        _add_quietly(viewer, layer, below=partner(viewer, image, "prediction"))
        return layer
    layer.data = probability
    _uncover(layer)
    return layer


def hide(viewer: Viewer, image: Image, what: Role) -> None:
    """Hide the image's layer of this role, if there is one."""
    layer = partner(viewer, image, what)
    if layer is not None:
        layer.visible = False


# ---- the user's own labels ------------------------------------------------------------------


def next_free_id(layer: Labels) -> int:
    """One more than the highest id that is painted."""
    return int(np.max(layer.data)) + 1 if np.size(layer.data) else 1


def widen(layer: Labels, highest: int) -> bool:
    """Make room for the id `highest` in a narrow layer; True if its type had to change.

    Nothing is ever wrapped; the undo history stays.
    """
    if highest <= np.iinfo(layer.data.dtype).max:
        return False
    if highest > np.iinfo(np.int32).max:
        raise BadInput(f"{layer.name} would need ids above {np.iinfo(np.int32).max}")
    layer.data = np.asarray(layer.data).astype(np.int32)
    return True


def take_next_id(layer: Labels) -> int:
    """Select the next free id for painting."""
    number = next_free_id(layer)
    widen(layer, number)
    layer.selected_label = number
    return number


def add_pixels(layer: Labels, index: npt.NDArray[np.intp], values: npt.NDArray[np.int64]) -> bool:
    """Write `values` at flat positions that are still unpainted, as one undo step.

    Returns
    -------
    True if the layer had to be widened.
    """
    if not isinstance(layer.data, np.ndarray):
        raise BadInput(f"{layer.name} is not held in memory; make a copy of the layer first")
    widened = widen(layer, int(values.max(initial=0)))
    free = np.take(layer.data, index) == 0  # the user may have gone on painting
    if not free.all():
        index, values = index[free], values[free]
    layer.data_setitem(np.unravel_index(index, layer.data.shape), values)
    return widened


# ---- copies for the worker ------------------------------------------------------------------


def snapshot(viewer: Viewer, image: Image, *, copy: bool = True) -> Snapshot | None:
    """The image and its annotation now; None without labels, regions and background.

    `copy=False` gives views: enough for counting, not for what must not change meanwhile.

    Raises
    ------
    BadInput
        If a layer that was paired with the image has another shape by now; not with views.
    """
    labels = partner(viewer, image, "labels")
    regions = partner(viewer, image, "regions")
    background = partner(viewer, image, "background")
    for layer in (labels, background) if copy else ():
        if layer is not None and misfit(image, layer):
            raise BadInput(misfit(image, layer))
    outlines = _outlines(regions, labels_shape(image)) if regions is not None else ()
    if labels is None and not outlines and background is None:
        return None
    take = np.array if copy else np.asarray
    return Snapshot(
        name=image.name,
        image=pixels(image),
        axes=axes(image),
        labels=np.zeros(labels_shape(image), np.int32) if labels is None else take(labels.data),
        outlines=outlines,
        background=None if background is None else take(background.data),
    )


def snapshots(viewer: Viewer, *, copy: bool = True) -> list[Snapshot]:
    """All images that have any annotation."""
    found = (snapshot(viewer, image, copy=copy) for image in images(viewer))
    return [x for x in found if x is not None]


def _outlines(layer: Shapes, shape: tuple[int, ...]) -> tuple[Outline, ...]:
    kinds: Sequence[str] = layer.shape_type
    return tuple(
        Outline(slice_of(corners, shape[:-2]), flat_corners(corners, kind))
        for corners, kind in zip(layer.data, kinds, strict=True)
        if kind not in ("line", "path")
    )
