"""run.json, read as what it may be: a run folder may be a stranger's."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

from napari_unet.core.errors import BadInput
from napari_unet.core.geometry import check_size
from napari_unet.core.settings import Settings, TrainOptions, Unpainted
from napari_unet.core.typed import Within, from_dict
from napari_unet.files.guarded import read_table

FORMAT = 1
CREATED = "%Y-%m-%dT%H:%M:%S"
_LIBRARIES = ("napari-unet", "torch", "numpy", "scipy", "scikit-image")
OWN = ("log.jsonl", "data", "checkpoint", "lock")  # written into, or read as a whole: never links


@dataclass(frozen=True)
class Base:
    """The model that a training starts from."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Input:
    """One training image."""

    name: str
    axes: str
    slices: tuple[Annotated[int, Within(0, 2**31)], ...]
    sha256: dict[str, str]
    number: Annotated[int, Within(0, 2**31)] = 0  # among the pairs that were given
    unpainted: Unpainted = "unknown"  # runs of before said all in their known area


@dataclass(frozen=True)
class RunInfo:
    """All of run.json."""

    format: Annotated[int, Within(1, FORMAT)]
    created: str
    options: TrainOptions
    settings: Settings
    seed: int
    inputs: tuple[Input, ...]
    base: Base | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            time.strptime(self.created, CREATED)
        except ValueError as error:
            raise BadInput(
                f"created must be a moment such as 2026-11-28T14:05:00, not {self.created[:40]!r}"
            ) from error
        if not self.inputs:
            raise BadInput("inputs is empty: there is no image")
        check_size(self.settings.network)


def read_info(run: Path) -> tuple[dict[str, Any], RunInfo]:
    """What run.json says, as it stands there and as what it means.

    Raises
    ------
    BadInput
        If there is none, it is of a newer version, or anything in it is not as it was written.
    OSError
        If it may not be read.
    """
    try:
        said = read_table(run / "run.json")
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{run} is no run folder: it has no run.json") from None
    except BadInput as error:
        raise BadInput(f"{run} is no run folder: {error}") from error
    number = said.get("format")
    if type(number) is int and number > FORMAT:
        raise BadInput(f"{run} was made by a newer napari-unet; update this one")
    links = [name for name in OWN if (run / name).is_symlink()]
    if links:
        raise BadInput(f"{run} is no run folder: {links[0]} is a link to another place")
    try:
        return said, from_dict(RunInfo, said)
    except BadInput as error:
        raise BadInput(f"{run} is no run folder: in its run.json, {error}") from error


def versions() -> dict[str, str]:
    """Of Python, this machine and the libraries that decide what a training comes to."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
