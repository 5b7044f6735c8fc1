"""Who may import whom: read in the code, and tried in fresh interpreters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "napari_unet"

# A part may import those before it and its own: the order of docs/architecture.md.
ORDER = (
    {"core", "kept", "merging", "sample_images", "snapshots", "wording"},
    {"files"},
    {"models", "runs"},
    {"trained"},
    {"api"},
    {"session"},
    {"advice", "field"},
    {"layers"},
    {"widgets"},
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
# These build on api; only inside a function may they go on to the window.
COMMANDS = {"cli", "demo"}

GUI = ("napari", "qtpy", "magicgui", "superqt", "pyqtgraph", "vispy", "PyQt6")

# Only the worker's process, the command line and Python import these.
TORCH = {
    f"napari_unet.core.{name}"
    for name in (
        "augment",
        "batches",
        "device",
        "fit",
        "inference",
        "judge",
        "optimise",
        "predict",
        "segment",
        "sizing",
        "unet",
    )
} | {
    f"napari_unet.runs.{name}"
    for name in (
        "adapting",
        "assessing",
        "checkpoint",
        "keeper",
        "networks",
        "predict",
        "telling",
        "train",
        "worker",
    )
}


def module_of(path: Path) -> str:
    parts = ("napari_unet", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [module_of(path) for path in FILES]


def part_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """Our own modules that a file imports, and whether inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                steps = package.split(".")
                above = steps[: len(steps) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            targets = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            if target.startswith("napari_unet."):
                yield target, id(node) in lazy


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(module_of(path))
    if part in ("", "__main__"):  # the lazy public API
        return
    assert part in RANK or part in COMMANDS, f"say in ORDER where {part} belongs"
    for target, lazy in imports_of(path):
        other = part_of(target)
        if other.startswith("__"):  # the version
            continue
        if part in COMMANDS:
            assert lazy or other in COMMANDS or RANK[other] <= RANK["api"], target
        else:
            assert other in RANK and RANK[other] <= RANK[part], target


def loaded_by(*modules: str, then: str = "") -> set[str]:
    """Modules in a fresh interpreter after it imported these, and ran what comes then."""
    code = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\n"
    code += f"{then}\nprint(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.split())


def imported_by(*modules: str) -> set[str]:
    """The top-level packages of :func:`loaded_by`."""
    return {m.partition(".")[0] for m in loaded_by(*modules)}


def test_the_package_itself_is_light() -> None:
    loaded = imported_by("napari_unet")
    assert not loaded & {"torch", "numpy", "scipy", "skimage", *GUI}


def test_the_command_line_starts_light() -> None:
    assert not imported_by("napari_unet.cli") & {"torch", *GUI}


STEP = """
import torch
from napari_unet.core.fit import Trainer
from napari_unet.core.batches import Batch
from napari_unet.core.settings import FitSettings, NetworkSettings
from napari_unet.core.unet import UNet

net = NetworkSettings(width=4, depth=2, padding="same", norm="batch")
trainer = Trainer(UNet(net), FitSettings(optimiser="adamw", average=0.9, clip=1.0))
x = torch.zeros(1, 1, 16, 16)
trainer.step(Batch(x, x[:, 0].long(), x[:, 0]), 0.0)
"""


@pytest.fixture(scope="module")
def of_the_engine() -> set[str]:
    """All modules that its own bring in, and a step of training: torch is imported once for it."""
    parts = {"core", "files", "models", "runs", "trained", "api"}
    return loaded_by(*(m for m in MODULES if part_of(m) in parts), then=STEP)


def test_the_engine_knows_no_window(of_the_engine: set[str]) -> None:
    assert not {m.partition(".")[0] for m in of_the_engine} & set(GUI)


def test_no_compiler_is_imported(of_the_engine: set[str]) -> None:
    """torch's costs seconds, and no step needs it."""
    assert "torch.nn" in of_the_engine and "torch._dynamo" not in of_the_engine


def test_the_session_knows_no_window() -> None:
    modules = [
        m
        for m in MODULES
        if part_of(m) in {"advice", "session", "wording", "merging", "sample_images"}
    ]
    assert not imported_by(*modules) & (set(GUI) | {"torch"})


@pytest.fixture(scope="module")
def brings_torch() -> dict[str, str]:
    """For each part the module that first has torch loaded; in one interpreter, the parts in
    their order: 5 s of imports instead of 15."""
    modules = [m for part in ORDER for m in MODULES if part_of(m) in part and m not in TORCH]
    code = (
        "import importlib, json, sys\nfound = {}\n"
        f"for m in {modules!r}:\n"
        "    importlib.import_module(m)\n"
        "    if 'torch' in sys.modules: found.setdefault(m.split('.')[1], m)\n"
        "print(json.dumps(found))"
    )
    words = [sys.executable, "-W", "ignore", "-c", code]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("part", sorted(RANK))
def test_the_viewer_never_imports_torch(part: str, brings_torch: dict[str, str]) -> None:
    assert any(part_of(m) == part and m not in TORCH for m in MODULES)
    assert part not in brings_torch, brings_torch


def test_the_public_names_are_there() -> None:
    code = "import napari_unet as u; print([getattr(u, n) for n in u.__all__])"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
