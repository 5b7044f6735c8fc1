"""What the first stroke, curve and prediction need: loaded in a thread once the dock is shown.

The dock opens in a fifth of the time that it takes with these: napari's first labels layer reads
the units of the world (pint) and imports pandas, the curve imports pyqtgraph, the cells
scikit-image's morphology.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .background import in_thread

MODULES = ("pandas", "pyqtgraph", "napari_unet.core.instances")


def warm_up(done: Callable[[], None]) -> None:
    """Load them, then call `done` in the GUI thread."""
    in_thread(_load, lambda _: done(), lambda _: done())


def _load() -> None:
    for name in MODULES:
        importlib.import_module(name)
    import pint

    pint.get_application_registry().Unit("pixel")  # the first unit reads the whole registry
