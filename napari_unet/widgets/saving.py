"""Files that the user has written: where to, and what is in them."""

from __future__ import annotations

import re
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_unet.core.settings import LabelsAre
from napari_unet.wording import count


def file_to_write(window: QWidget, title: str, name: str, kinds: str) -> Path | None:
    """Ask for a file; None = the user does not want to, or not in place of one that is there.

    Without a suffix of `kinds` the path gets the first of them. The dialog has asked about the name
    as it was typed only, so that one that was completed is asked about here.

    Parameters
    ----------
    name : that is proposed
    kinds : as Qt writes them, such as "TIFF (*.tif *.tiff)"
    """
    chosen, _ = QFileDialog.getSaveFileName(window, title, name, kinds)
    if not chosen:
        return None
    path = completed(chosen, *re.findall(r"\*(\.\w+)", kinds))
    if str(path) != str(Path(chosen)) and path.exists() and not _may_replace(window, path):
        return None
    return path


def completed(path: str, *suffixes: str) -> Path:
    """The path with the first of the suffixes if it has none of them; "v1.2" stays "v1.2"."""
    return Path(path if path.lower().endswith(suffixes) else path + suffixes[0])


def exported(
    cells: int, left: int, areas: str, kind: LabelsAre, path: Path, why_not: str = ""
) -> str:
    """What was written, in words, and what is not in the file: `left` found cells that are not
    accepted, and `areas`, such as "regions and background".

    Parameters
    ----------
    why_not : why no cells can be accepted into these labels, in one sentence; "" = they can
    """
    what = count(cells, "cell" if kind == "instances" else "kind of thing")
    words = f"{what} written to {path}."
    if left:
        are = "is" if left == 1 else "are"
        words += f" {count(left, 'found cell')} {are} not among them"
        words += f". {why_not}" if why_not else ": press “Accept” first, then export again."
    if areas:
        are = "is" if areas == "background" else "are"
        words += (
            f" {areas.capitalize()} {are} not in it: save that with napari, too (File > Save "
            "Selected Layers), or all that is not painted counts as background."
        )
    return words


def _may_replace(window: QWidget, path: Path) -> bool:
    answer = QMessageBox.question(
        window, "Replace the file?", f"{path.name} is there already. Replace it?"
    )
    return bool(answer == QMessageBox.StandardButton.Yes)
