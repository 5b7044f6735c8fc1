"""Names -> model files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ModelConfig
from napari_unet.files.atomic import write_bytes
from napari_unet.files.model_file import read_config

from .places import models_folder, shipped_folder

SUFFIX = ".safetensors"
DEFAULT = "default"  # the word for the model that ships
PRETRAINED = "pretrained model"  # what the user reads for it
RESERVED = (DEFAULT, "none")  # words of `--base`


@dataclass(frozen=True)
class NamedModel:
    """A model of the list.

    Attributes
    ----------
    name, path : what it goes by, and where it lies
    shipped : it came with the package
    config : what it says of itself; None if the file cannot be read
    problem : why not, one sentence
    """

    name: str
    path: Path
    shipped: bool
    config: ModelConfig | None
    problem: str = ""


def called(name: str) -> str:
    """A model in a sentence: "the pretrained model", or "the model 'nuclei'"."""
    return f"the {PRETRAINED}" if name == DEFAULT else f"the model {name!r}"


def list_models() -> list[NamedModel]:
    """Shipped models first, then the user's own, by name. Reads headers only."""
    return [_named(name, path) for name, path in model_files().items()]


def find_model(name_or_path: str | Path) -> Path:
    """The file of a model: its name in the list, its path, or the path of its run folder.

    Raises
    ------
    BadInput
        If there is none, and the message names those that exist; or if there are two: one of the
        list, and a file or folder here. `default` is always the one that ships.
    """
    files, path = model_files(), Path(os.path.expanduser(name_or_path))
    named = files.get(str(name_or_path))
    if named is not None and path.exists() and path.name not in RESERVED:
        raise BadInput(
            f"{str(path)!r} is a model of the list, and a file or folder here: say {named} for the"
            f" one, {path.absolute()} for the other"
        )
    if named is not None:
        return named
    if path.is_dir():
        if (path / f"model{SUFFIX}").exists():
            return path / f"model{SUFFIX}"
        raise BadInput(f"the folder {path} holds no model{SUFFIX}")
    if path.exists():
        return path
    names = [f"{DEFAULT} (the {PRETRAINED})" if name == DEFAULT else name for name in files]
    there = f"the named models are {', '.join(names)}" if names else "there are no named models yet"
    raise BadInput(f"there is no model or file {str(name_or_path)!r}; {there}")


def save_as(name: str, path: Path, *, replace: bool = False) -> Path:
    """Copy a model file into the user's own models.

    Parameters
    ----------
    name
        Letters, digits, spaces and ``. _ - ( )``, beginning with a letter or digit.
    path
        A model file.
    replace
        Whether a model of the user's that has this name gives way.

    Returns
    -------
    The new file.

    Raises
    ------
    BadInput
        If the name cannot be used or is taken, or the file is no model.
    """
    if not re.fullmatch(r"\w[\w .()-]{0,99}", name) or name.lower() in RESERVED:
        raise BadInput(
            f"a model cannot be called {name!r}; take letters, digits, spaces, dots or dashes"
        )
    read_config(path)
    if (shipped_folder() / f"{name}{SUFFIX}").exists():
        raise BadInput(f"{name!r} is a model that came with napari-unet; choose another name")
    target = models_folder() / f"{name}{SUFFIX}"
    if target.exists() and not replace:
        raise BadInput(f"there is a model {name!r} already; choose another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, path.read_bytes())
    return target


def model_files() -> dict[str, Path]:
    """All model files by name; a shipped name cannot be taken by another file."""
    own, shipped = (
        {p.stem: p for p in sorted(folder.glob(f"*{SUFFIX}")) if not p.name.startswith(".")}
        for folder in (models_folder(), shipped_folder())
    )
    return {**shipped, **{name: path for name, path in own.items() if name not in shipped}}


def _named(name: str, path: Path) -> NamedModel:
    shipped = path.parent == shipped_folder()
    try:
        return NamedModel(name, path, shipped, read_config(path))
    except (BadInput, OSError) as error:
        return NamedModel(name, path, shipped, None, str(error))
