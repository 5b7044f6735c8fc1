"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

A_MODEL = "A model: its name, its file, its run folder, or default (the pretrained model)"

LabelsAre = Annotated[
    Literal["instances", "classes"],
    typer.Option(help="Each id one cell, or each value a kind of thing."),
]
AxesOption = Annotated[
    str | None,
    typer.Option("--axes", help="How images are read: YX, YXC, CYX, ZYX, TYX, TZYX ..."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
BorderWeight = Annotated[
    float | None, typer.Option("--w0", help="Extra weight where two cells nearly touch.")
]
Sigma = Annotated[
    float | None, typer.Option(help="How fast that weight fades with the gap, in model pixels.")
]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")]
