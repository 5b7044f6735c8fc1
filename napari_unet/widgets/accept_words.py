"""What Accept says."""

from __future__ import annotations

from napari.layers import Image

from napari_unet.core.settings import LabelsAre
from napari_unet.merging import Addition
from napari_unet.wording import count

CHANGED = "The layers were changed while the cells were added; press “Accept” again."
AGAIN = "press “Accept” again once they are there."
CLOSED = (
    "“{}” was made read-only while cells were added, and holds some of them in part: make it "
    "writable and undo them (Ctrl-Z)."
)
NOT_BEGUN = " What waited for them was not begun."
UNDO = " (undo: Ctrl-Z)"
FOR_GOOD = " for good: its undo history was cleared meanwhile"


def what(kind: LabelsAre) -> str:
    """What one number of the labels is."""
    return "cell" if kind == "instances" else "kind of thing"


def still(image: Image | None) -> str:
    """That cells are being added, without a full stop."""
    where = "" if image is None else f" of {image.name}"
    return f"The found cells{where} are still being added to your labels"


def added(new: Addition, kind: LabelsAre, rest: str, widened: bool) -> str:
    """What was added; `rest`: of which image, or how it is undone."""
    where = f" in {new.slices:,} slices" if new.slices > 1 else ""
    words = f"{count(new.cells, what(kind))}{where} added to your labels{rest}."
    if new.known:
        words += f" You had painted {new.known:,} more yourself."
    if widened:
        words += " The layer now holds 32-bit numbers."
    return words


def nothing_new(new: Addition, background: bool) -> str:
    """Why nothing was added, without a full stop; `background`: some of it may be painted."""
    if new.empty:
        return "Nothing to accept: no cells were found, or the filters leave none"
    words = "Nothing new to accept: what is found was accepted or painted already"
    return f"{words}, or lies on painted background" if background else words


def other_kind(found: str, wanted: str) -> str:
    """Why what was found cannot be accepted as labels of the kind `wanted`; "" = it can."""
    if found in ("", wanted):
        return ""
    if found == "classes":
        return (
            "The prediction holds kinds of things, not cells: choose “a kind of thing” for what "
            "each number is, then accept it."
        )
    return "The prediction holds cells: choose “a cell” for what each number is, then accept it."
