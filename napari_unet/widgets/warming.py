"""What the first stroke, curve and prediction need: loaded in a thread once the dock is shown.

The dock opens in a fifth of the time that it takes with these: napari's first labels layer reads
the units of the world (pint) and imports pandas, the curve imports pyqtgraph, the cells
scikit-image's morphology.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from .background import in_thread

if TYPE_CHECKING:
    from pint import UnitRegistry

MODULES = ("pandas", "pyqtgraph", "napari_unet.core.instances")


def warm_up(done: Callable[[], None]) -> None:
    """Load them, then call `done` in the GUI thread."""

    def loaded(units: UnitRegistry | None) -> None:
        if units is not None:
            hand_over(units)
        done()

    in_thread(load, loaded, lambda _: done())


def load() -> UnitRegistry | None:
    """Import the modules and read the units; napari's own, which it may read just now, are left.

    pint's registry is filled by whoever asks first, and half filled until then: a layer that is
    opened meanwhile would find units without names. None where napari has its own already.
    """
    for name in MODULES:
        importlib.import_module(name)
    import pint

    if not unread():
        return None
    units: UnitRegistry = pint.UnitRegistry(on_redefinition="raise")  # as pint makes its own
    units.Unit("pixel")
    return units


def hand_over(units: UnitRegistry) -> None:
    """Make them napari's, if it has not read its own by now; in the GUI thread."""
    from pint import get_application_registry

    if unread():
        get_application_registry().set(units)


def unread() -> bool:
    """Whether napari has no units yet."""
    from pint import get_application_registry
    from pint.registry import LazyRegistry

    return isinstance(get_application_registry().get(), LazyRegistry)
