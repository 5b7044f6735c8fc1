"""The README's examples work where the package is installed, without a checkout."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import tifffile
import typer

import napari_unet
from napari_unet.cli import COMMANDS, app, main


@pytest.fixture
def readme(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its text; the current folder holds nothing, as anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path / "home"))
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("few_batches")
def test_python(readme: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    whole = tifffile.imread
    monkeypatch.setattr(tifffile, "imread", lambda path: whole(path)[:256, :256])
    assert code.count("seconds=60") == 1
    names: dict[str, Any] = {}
    with pytest.warns(napari_unet.UNetWarning, match="annotated: the held-out score is of"):
        exec(code.replace("seconds=60", "steps=1"), names)
    assert names["cells"].shape == names["probability"].shape == (256, 256)
    assert "cells found, AP50" in capsys.readouterr().out
    assert Path("nuclei.safetensors").exists()


def test_command_line(readme: str) -> None:
    """What is quick is done; of all else the words are checked."""
    part = readme.partition("## From the command line")[2].partition("\n## ")[0]
    lines = [shlex.split(line, comments=True) for line in part.splitlines() if line[:4] == "    "]
    commands = {words[1] for words in lines if words[0] == "napari-unet"}
    assert commands == {"samples", "weights", "train", "predict", "evaluate", "info"}
    for words in lines:
        if words[0] == "mkdir":
            for name in words[1:]:
                Path(name).mkdir()
        elif words[0] == "cp":
            found = list(Path().glob(words[1]))
            assert len(found) == 4  # two images and their labels
            for path in found:
                shutil.copy(path, words[2])
        elif words[1] in ("samples", "weights"):
            with pytest.raises(SystemExit) as end:
                main(words[1:])
            assert not end.value.code
        else:
            group: Any = typer.main.get_command(app)
            group.commands[words[1]].make_context(words[1], words[2:])
    assert Path("weights.tif").exists()


def test_each_command_is_told_of(repository: Path) -> None:
    guide = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in guide for name in COMMANDS)
