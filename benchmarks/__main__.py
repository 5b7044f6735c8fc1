"""``python -m benchmarks [NAME|all] [--json FILE]``, ``python -m benchmarks document FILE``.

`all` runs the benchmarks of speed, each in a process of its own; `border`, `gaps`, `real`,
`few`, `handful`, `question`, `ablation` and `paper` measure quality and run by name.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from napari_unet.core.threads import share_cores

share_cores()  # before torch is imported: as every training does

SPEED = (
    *("weights", "augment", "network", "train", "predict"),
    *("live", "start", "window", "accept", "gpu"),
)
PROFILE = ("profile",)
QUALITY = ("border", "gaps", "real", "few", "handful", "question", "ablation", "paper")
CHOOSING = ("few", "handful", "question", "ablation", "paper")  # have options of their own
WINDOWED = ("live", "start", "window", "accept")  # need a display, or a virtual one
DISPLAY = Path(__file__).parent.parent / "scripts" / "with-display.sh"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    choices = [*SPEED, *PROFILE, *QUALITY, "all", "document"]
    parser.add_argument("which", nargs="?", default="all", choices=choices)
    parser.add_argument("file", nargs="?", help="with document: what --json wrote")
    parser.add_argument("--json", help="write the figures to this file, too")
    if sys.argv[1:2] in (
        ["few"],
        ["handful"],
        ["question"],
        ["ablation"],
        ["paper"],
    ):  # have choices of their own
        importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])
        return
    given = parser.parse_args()
    if given.which == "document":
        from .document import document

        document(Path(given.file))
        return
    if given.which in QUALITY:
        importlib.import_module(f"benchmarks.{given.which}").main()
        return
    names = (*SPEED, *PROFILE) if given.which == "all" else (given.which,)
    own = len(names) == 1 and (names[0] not in WINDOWED or "DISPLAY" in os.environ)
    found = [_here(names[0])] if own else [x for name in names for x in _apart(name)]
    if given.json:
        from .report import machine

        Path(given.json).write_text(json.dumps({"machine": machine(), "sheets": found}, indent=1))


def _here(name: str) -> dict[str, object]:
    from .report import Sheet

    sheet = Sheet(name)
    importlib.import_module(f"benchmarks.{name}").main(sheet)
    return asdict(sheet)


def _apart(name: str) -> list[dict[str, object]]:
    """In a process of its own, so that none inherits another's memory or threads."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "sheet.json"
        command = [sys.executable, "-m", "benchmarks", name, "--json", str(path)]
        if name in WINDOWED and "DISPLAY" not in os.environ:
            command.insert(0, str(DISPLAY))
        if subprocess.run(command, check=False).returncode or not path.exists():
            print(f"{name}: failed", flush=True)
            return [{"name": name, "title": "failed", "figures": [], "words": [], "load": 0}]
        sheets: list[dict[str, object]] = json.loads(path.read_text())["sheets"]
        return sheets


if __name__ == "__main__":
    main()
