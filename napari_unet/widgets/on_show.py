"""The weight map on show: what it was made of, and how edits reach its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet import layers
from napari_unet.core.shown import Shown
from napari_unet.core.windows import holds
from napari_unet.field import Field, window_for, words
from napari_unet.layers.edits import Edit, gathered

from .fields import tell

LESSON = (
    "The gaps between cells glow: there the network must be right. "
    "The map follows your brush. Paint more cells, or press “Fine-tune”."
)


@dataclass
class OnShow:
    """A map in its layer, over an image, of what is painted in a layer of labels."""

    image: Image
    labels: Labels
    field: Field
    map: Shown
    layer: Image

    @property
    def words(self) -> str:
        """What stands beside it in the panel."""
        return words(self.map, self.field)

    @property
    def lesson(self) -> str:
        """What is said when it comes."""
        return LESSON if self.map.weighed.gaps else self.words

    def there(self, viewer: Viewer) -> bool:
        """Whether all that it was made of is still there, and fits still."""
        there = all(x in viewer.layers for x in (self.layer, self.image, self.labels))
        return there and not layers.misfit(self.image, self.labels)

    def passed(self, viewer: Viewer) -> bool:
        """Whether the user looks at another slice, or at another part of a large one."""
        if layers.current_slice(viewer, self.image) != self.field.index:
            return True
        if self.field.whole:
            return False
        seen = layers.visible_window(self.image)
        window = window_for(self.field.shape, seen)
        return not holds(self.field.window, seen or window) and window != self.field.window

    def take(self, viewer: Viewer, edits: list[tuple[Labels, Edit]]) -> bool:
        """Bring the map up to date with edits; whether any was of what it shows.

        Raises
        ------
        TooLarge
            If the map would be computed faster afresh.
        BadInput
            If what is painted cannot be read as cells.
        """
        background = layers.partner(viewer, self.image, "background")
        read = [(self.labels, self.field.labels), (background, self.field.background)]
        mine = []
        for layer, edit in edits:
            for one, array in read:
                if layer is one and edit.touches(self.field.index, layer.data.shape):
                    tell(array, edit)
                    mine.append(edit)
        for box, before in gathered(mine):
            self.map.update(box, before)
        return bool(mine)

    def redraw(self) -> None:
        """Show what the map has become."""
        limits = tuple(float(x) for x in self.layer.contrast_limits)
        wanted = self.map.weighed.limits
        if limits != wanted:
            self.layer.contrast_limits = wanted
        layers.redraw_at_once(self.layer)

    def redraw_touching(self, viewer: Viewer) -> None:
        """Mark the pixels at which cells touch."""
        if not layers.redraw_touching(viewer, self.image, self.map.pairs > 0):
            self.show_touching(viewer)

    def show_touching(self, viewer: Viewer) -> None:
        """The same in a layer made for it."""
        field = self.field
        layers.show_touching(viewer, self.image, self.map.touching, field.window, field.index)
