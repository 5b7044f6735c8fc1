"""Paint a few cells, see the weight map, fine-tune a U-Net: in napari, Python and the shell.

The public API is loaded when it is first used, so ``import napari_unet`` imports neither torch
nor napari.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import Model, evaluate, load_model, train, weight_map
    from .core.errors import BadInput, UNetWarning
    from .core.metrics import Scores

__version__ = "0.1.0"  # the one place; pyproject.toml reads it from here

__all__ = [
    "BadInput",
    "Model",
    "Scores",
    "UNetWarning",
    "__version__",
    "evaluate",
    "load_model",
    "train",
    "weight_map",
]

_HOMES = {
    "BadInput": ".core.errors",
    "Model": ".api",
    "Scores": ".core.metrics",
    "UNetWarning": ".core.errors",
    "evaluate": ".api",
    "load_model": ".api",
    "train": ".api",
    "weight_map": ".api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value  # from now on found without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
