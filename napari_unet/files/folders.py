"""Which files of a folder are images, which labels and which known areas, by their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable
from pathlib import Path

from napari_unet.core.errors import BadInput

from .images import SUFFIXES

RESULTS = ("_labels", "_prob")  # of `predict`
ENDINGS = (*RESULTS, "_known", "_membrane")


def found_in(folder: Path) -> tuple[dict[str, Path], dict[str, Path], dict[str, Path]]:
    """Images, labels and known areas of a folder by NAME, sorted."""
    if not folder.exists():
        raise BadInput(f"there is no folder {folder}")
    if not folder.is_dir():
        raise BadInput(f"{folder} is a file; a folder is needed")
    if has_parts(folder):
        images, labels, known = _in_parts(folder)
        return (
            by_name(images),
            by_name(labels, "_labels"),
            by_name(known, "_known"),
        )
    files = image_files(folder)
    labelled = by_name([p for p in files if p.stem.endswith("_labels")], "_labels")
    named = {normal(p.stem) for p in files}
    return (
        by_name([p for p in files if _is_image(p.stem, labelled, named)]),
        labelled,
        by_name([p for p in files if p.stem.endswith("_known")], "_known"),
    )


def has_parts(folder: Path) -> bool:
    """Whether images and labels lie in folders of their own.

    Where there are images beside it, a folder images/ that is alone or empty may be anything.
    """
    apart, labels = ((folder / name).is_dir() for name in ("images", "labels"))
    if not apart:
        return False
    inside = called_images(folder / "images")
    # what was predicted of the images may lie there
    made = {normal(p.stem) + ending for p in inside for ending in RESULTS}
    if all(normal(p.stem) in made for p in called_images(folder)):
        return True
    return labels and bool(inside)


def _in_parts(
    folder: Path, named: Container[str] | None = None
) -> tuple[list[Path], list[Path], list[Path]]:
    """Images, labels and known areas that lie in folders of their own; `named` as below.

    NAME_known in labels/ or beside its image is the known area of NAME, and NAME_labels and
    NAME_prob beside it are what was predicted, unless they are annotated images themselves.
    """
    images, labels, known = (
        image_files(folder / part, named) for part in ("images", "labels", "known")
    )
    shown = {normal(p.stem) for p in images}
    areas = [p for p in labels if _is_of(p, "_known", shown, shown)]
    labels = [p for p in labels if p not in areas]
    labelled = {normal(p.stem).removesuffix("_labels") for p in labels}
    beside = [p for p in images if _is_of(p, "_known", shown, labelled)]
    made = [p for p in images for end in RESULTS if _is_of(p, end, shown, labelled)]
    others = {*beside, *made}
    return [p for p in images if p not in others], labels, [*known, *areas, *beside]


def _is_of(path: Path, ending: str, images: Container[str], others: Container[str]) -> bool:
    """Whether a file is called as one of the images with this ending, and is none of the others.

    Both are NAMEs.
    """
    name = normal(path.stem)
    of = name.removesuffix(ending)
    return name != of and of in images and name not in others


def _is_image(name: str, labelled: Container[str], named: Container[str]) -> bool:
    """Whether a file of this NAME is an image: a stain may be called `_membrane`, too.

    `labelled` and `named` hold the NAMEs of what has labels, and of all files.
    """
    if name.endswith("_membrane") and normal(name.removesuffix("_membrane")) not in named:
        return True
    alike = normal(name) in labelled
    return not name.endswith(ENDINGS) or (alike and not name.endswith("_labels"))


def normal(name: str) -> str:
    """A NAME in one spelling: the é of macOS is two characters, that of others one."""
    return unicodedata.normalize("NFC", name)


def known_beside(image: Path, labels: Path) -> Path | None:
    """The known area that a folder of both would have for them; None if there is none.

    Raises
    ------
    BadInput
        If there are two, or a link to nothing.
    """
    name, of_labels = normal(image.stem), normal(labels.stem)
    here, there = image.absolute().parent, labels.absolute().parent
    apart = (here.name, there) == ("images", here.parent / "labels")
    if not apart and here != there:
        return None
    if of_labels != f"{name}_labels" and not (apart and of_labels == name):
        return None
    if apart:
        areas = _in_parts(here.parent, (name, f"{name}_known", f"{name}_known_labels"))[2]
    else:
        areas = image_files(here, (f"{name}_known",))
    return by_name(areas, "_known").get(name)


def image_files(folder: Path, named: Container[str] | None = None) -> list[Path]:
    """The images in a folder, sorted; only those of the NAMEs `named`, if they are given."""
    if not folder.is_dir():
        return []
    files = [p for p in called_images(folder) if named is None or normal(p.stem) in named]
    lost = [p for p in files if not p.exists()]
    if lost:  # content that was not fetched (git-annex, DataLad), or a disk that is not there
        raise BadInput(f"{lost[0]} is a link to a file that is not there; fetch it, or remove it")
    return [p for p in files if p.is_file()]


def called_images(folder: Path) -> list[Path]:
    """What is called like an image in a folder, sorted: files and links, wherever these lead."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in SUFFIXES and p.name[0] != "." and (p.is_file() or p.is_symlink())
    )


def by_name(
    paths: Iterable[Path], ending: str = "", way_out: str = "rename or remove one"
) -> dict[str, Path]:
    """Paths by NAME, without `ending`; :class:`BadInput`, ending in `way_out`, if two have one."""
    named: dict[str, Path] = {}
    for path in paths:
        name = normal(path.stem).removesuffix(ending)
        if name in named:
            first = named[name]
            if path.samefile(first):
                raise BadInput(f"{path} is named twice; name it once")
            raise BadInput(f"{first} and {path} have one name, {name!r}; {way_out}")
        named[name] = path
    return named
