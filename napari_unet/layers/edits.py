"""What was changed on a labels layer, told as it happens: what its history holds.

napari says "paint" once a stroke ends, for fills and polygons before the pixels are written, and
for undo and redo nothing but that the layer was drawn anew. So edits are told by what the event
holds, never by reading the layer, and undo and redo are wrapped on the layer (Ctrl-Z calls them).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_unet.core.windows import Window, around

from . import drawing, history
from .own import widen
from .parts import Box, Portion, box_of, new_values, old_values

LARGE = 1 << 19  # pixels of an action: telling of more takes over 20 ms


@dataclass(frozen=True)
class Edit:
    """Pixels that changed together.

    Attributes
    ----------
    box : where, in data pixels; one slice for each axis
    where : positions within the box, an index
    old, new : what these pixels held and hold; an id for all, or one for each
    """

    box: tuple[slice, ...]
    where: tuple[npt.NDArray[np.intp], ...]
    old: npt.NDArray[Any] | int
    new: npt.NDArray[Any] | int

    @property
    def window(self) -> Window:
        """The box within its slices."""
        y, x = self.box[-2:]
        return y.start, y.stop, x.start, x.stop

    def slices(self, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
        """Flat slice numbers of the pixels, in a layer of this shape."""
        leading = shape[:-2]
        if not leading:
            return np.zeros(len(self.where[0]), np.intp)
        at = [w + b.start for w, b in zip(self.where[:-2], self.box[:-2], strict=True)]
        return np.ravel_multi_index(at, leading)

    def touches(self, index: int, shape: tuple[int, ...]) -> bool:
        """Whether it lies in this slice, at least in part."""
        at = np.unravel_index(index, shape[:-2]) if len(shape) > 2 else ()
        return all(b.start <= i < b.stop for b, i in zip(self.box[:-2], at, strict=True))

    def ids_before(self) -> set[int]:
        return set(np.unique(self.old).tolist())

    def undone(self) -> Edit:
        return replace(self, old=self.new, new=self.old)


class LabelsWatcher:
    """Tells each edit of a labels layer by brush, fill, polygon, eraser, undo and redo.

    Parameters
    ----------
    edited : gets the edits of one action, in order; the pixels may not be written yet
    replaced : anything may have changed: the data were exchanged, or drawn anew after somebody
        wrote into them, or an action was so large that it is told faster by looking afresh in
        a thread
    rewound : gets the boxes of what undo or redo has changed, as far as that can be known
    """

    def __init__(
        self,
        layer: Labels,
        edited: Callable[[list[Edit]], None],
        replaced: Callable[[], None],
        rewound: Callable[[list[Box]], object] = lambda boxes: None,
    ) -> None:
        self._layer = layer
        self._edited = edited
        self._replaced = replaced
        self._rewound = rewound
        self._rewinding = False
        self._seen = _seen(layer)
        drawing.draw_quickly(layer)
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_set_data)
        layer.events.data.connect(self._on_data)
        for name in ("undo", "redo"):
            setattr(layer, name, partial(self._rewind, getattr(layer, name), name))

    def close(self) -> None:
        """Leave the layer as it was."""
        self._layer.events.paint.disconnect(self._on_paint)
        self._layer.events.set_data.disconnect(self._on_set_data)
        self._layer.events.data.disconnect(self._on_data)
        for name in ("undo", "redo"):
            if name in vars(self._layer):
                delattr(self._layer, name)
        drawing.draw_plainly(self._layer)

    def _on_paint(self, event: Any) -> None:
        self._tell(event.value, lambda found: found)

    def _tell(self, atoms: Sequence[Any], order: Callable[[list[Edit]], list[Edit]]) -> None:
        if sum(_pixels(atom) for atom in atoms) > LARGE:
            self._replaced()
        else:
            self._edited(order(list(edits(atoms))))

    def _on_set_data(self, event: Any) -> None:
        """Drawn anew; napari says so of a change of slice, too, which changes no pixel."""
        before, self._seen = self._seen, _seen(self._layer)
        moved = before[0] == self._seen[0] and before[1] != self._seen[1]
        if not self._rewinding and not moved:
            self._replaced()

    def _on_data(self, event: Any) -> None:
        """Other data; of a hidden layer nothing is drawn, which would tell so."""
        if id(self._layer.data) != self._seen[0]:
            self._on_set_data(event)

    def _rewind(self, step: Callable[[], None], name: str) -> None:
        """Undo or redo; in the middle of a stroke it is the stroke that is undone.

        napari would undo the step beneath it, and the stroke would bring pieces of that back.
        """
        if history.outlining(self._layer):
            if name == "undo":
                history.drop_outline(self._layer)
            return
        if history.painting(self._layer):
            history.end_stroke(self._layer)
        item = history.next_step(self._layer, name)
        make_room(self._layer, item or [], name)
        boxes = [box_of(atom) for atom in item or ()]
        self._rewinding = True
        try:
            self._step(step, boxes)
        finally:
            self._rewinding = False
        if item is None:
            self._replaced()
        elif item and name == "undo":
            self._tell(item, lambda found: [edit.undone() for edit in reversed(found)])
        elif item:
            # napari keeps what was undone in the order in which it was undone
            self._tell(item, lambda found: found[::-1])
        if item:
            self._rewound(boxes)

    def _step(self, step: Callable[[], None], boxes: list[Box]) -> None:
        """Undo or redo; of a large layer only what changes is drawn, if that is little."""
        layer = self._layer
        pixels = sum(math.prod(b.stop - b.start for b in box) for box in boxes)
        if not boxes or pixels > math.prod(layer.data.shape[-2:]) / 4:
            step()
            return
        with drawing.undrawn(layer) as left_out:
            step()
        if left_out:
            drawing.redraw_parts(layer, [part for box in boxes for part in _parts(layer, box)])
            drawing.redraw_thumbnail(layer)


def make_room(layer: Labels, step: list[Any], name: str) -> None:
    """Widen labels that were made narrower since, that undo or redo of a step wraps no number.

    Raises
    ------
    BadInput
        If they cannot be widened.
    """
    if np.iinfo(layer.data.dtype).max < np.iinfo(np.int32).max:
        values = old_values if name == "undo" else new_values
        widen(layer, max((int(np.max(values(atom), initial=0)) for atom in step), default=0))


def _parts(layer: Labels, box: tuple[slice, ...]) -> Iterator[tuple[int, Window]]:
    """The slices that a box goes through, each with its window."""
    leading = layer.data.shape[:-2]
    y, x = box[-2:]
    for at in product(*(range(b.start, b.stop) for b in box[:-2])):
        index = int(np.ravel_multi_index(at, leading)) if at else 0
        yield index, (y.start, y.stop, x.start, x.stop)


def _seen(layer: Labels) -> tuple[int, Any]:
    """Which array is on show, and which slice of it; the latter is private, None if unknown."""
    world = getattr(getattr(layer, "_slice_input", None), "world_slice", None)
    return id(layer.data), getattr(world, "point", None)


def _pixels(atom: Any) -> int:
    """How many pixels must be looked at to tell of a part of an action."""
    if hasattr(atom, "slice_key"):
        return math.prod(b.stop - b.start for b in atom.slice_key)
    return max(int(np.size(i)) for i in atom[0])


def edits(atoms: Iterable[Any]) -> Iterator[Edit]:
    """napari's history of one action: masked boxes, or (index, old, new) of older versions."""
    for atom in atoms:
        if hasattr(atom, "slice_key"):
            box = tuple(atom.slice_key)
            sides = [b.stop - b.start for b in box]
            if atom.mask is None:
                where = tuple(i.ravel() for i in np.indices(sides))
            else:
                where = np.nonzero(atom.mask)
            yield Edit(box, where, np.asarray(atom.old_values).ravel(), int(atom.new_value))
            continue
        index, old, new = atom
        places = np.broadcast_arrays(*(np.asarray(i) for i in index))
        if not places[0].size:
            continue
        lows = [int(i.min()) for i in places]
        box = tuple(slice(low, int(i.max()) + 1) for low, i in zip(lows, places, strict=True))
        where = tuple(i.ravel() - low for low, i in zip(lows, places, strict=True))
        once = slice(None) if isinstance(atom, Portion) else _once(where, box)
        where = tuple(i[once] for i in where)
        yield Edit(box, where, _some(old, once), _some(new, once))


def gathered(edits: list[Edit]) -> list[tuple[Window, set[int]]]:
    """Boxes that lie near one another as one (the dabs of a stroke), with the ids before."""
    boxes: list[tuple[Window, set[int]]] = []
    for edit in edits:
        window, before = edit.window, edit.ids_before()
        if boxes:
            last, ids = boxes[-1]
            both = around(last, window)
            if _area(both) <= 4 * (_area(last) + _area(window)):
                boxes[-1] = both, ids | before
                continue
        boxes.append((window, before))
    return boxes


def _area(window: Window) -> int:
    return (window[1] - window[0]) * (window[3] - window[2])


def _once(where: tuple[npt.NDArray[np.intp], ...], box: Box) -> npt.NDArray[np.intp]:
    """Of pixels that scripts have set several times at once the last time, which napari keeps."""
    flat = np.ravel_multi_index(where, tuple(side.stop - side.start for side in box))
    return flat.size - 1 - np.unique(flat[::-1], return_index=True)[1]


def _some(values: Any, which: Any) -> npt.NDArray[Any] | int:
    array = np.asarray(values)
    return array.ravel()[which] if array.ndim else int(array)
