"""The plugin's window: one panel per file, `dock` connects them.

Loaded when first used: the command line imports this only where it opens a window.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .open import open_viewer

__all__ = ["open_viewer"]


def __getattr__(name: str) -> Any:
    if name == "open_viewer":
        return import_module(".open", __name__).open_viewer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
