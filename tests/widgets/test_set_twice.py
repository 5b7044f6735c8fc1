"""Scripts may set one pixel several times at once: it is told, and counted, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet import layers
from napari_unet.widgets.watching import Watching

from .test_watching import Shadow


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("value", [7, np.array([7, 8, 9, 7])], ids=["one", "several"])
def test_a_pixel_that_is_set_several_times(value: Any) -> None:
    viewer: Any = ViewerModel()
    image = viewer.add_image(np.zeros((3, 20, 20)))
    labels = layers.make_labels(viewer, image)
    labels.paint((1, 5, 5), 3)
    watching = Watching(viewer)
    watching.refresh()
    shadow = Shadow(labels)
    watching.edited.connect(shadow.take)
    labels.data_setitem((np.ones(4, int), np.array([5, 5, 5, 9]), np.array([6, 6, 6, 2])), value)
    shadow.assert_same(labels)
    for turn in (labels.undo, labels.redo):
        turn()
        shadow.assert_same(labels)
    watching.close()
