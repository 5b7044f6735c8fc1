"""The recipe of the pretrained model: it runs, goes on where it was, and writes model and card."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_unet.core.fit import Budget
from napari_unet.core.presets import preset
from napari_unet.files.model_file import read_config, read_model
from scripts.base_model import __main__ as recipe
from scripts.base_model import card, images, training
from scripts.base_model.training import Recipe, train

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a sixteenth of the work, and images of a third."""
    made = preset("default")
    network = replace(made.network, width=8)
    monkeypatch.setattr(training, "preset", lambda _: replace(made, network=network))
    monkeypatch.setattr(images, "SIDE", 160)


def test_it_starts_as_its_card_says_and_trains_the_network_of_the_default() -> None:
    words = [sys.executable, "-m", "scripts.base_model", "--help"]
    said = subprocess.run(words, cwd=ROOT, timeout=300, check=True, capture_output=True, text=True)
    assert "checkpoint, log, rendered images, the model" in " ".join(said.stdout.split())
    assert Recipe(Path("none")).settings.network == preset("default").network


@pytest.mark.usefixtures("narrow")
def test_three_steps_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    few = [str(tmp_path), "--images", str(tmp_path / "none"), "--rendered", "3"]

    def run(main: Callable[[], None], *words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["", *few, *words])
        main()

    run(recipe.main, "--device", "cpu", "--steps", "2")
    run(recipe.main, "--device", "cpu", "--steps", "3")
    assert "going on after step 2" in capfd.readouterr().out
    steps = [json.loads(x)["step"] for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]
    config = read_config(tmp_path / "default.safetensors")
    assert config.training["steps"] == 3 and config.licence == "CC0-1.0"
    assert config.network == training.preset("default").network
    run(card.main)
    sha = hashlib.sha256((tmp_path / "default.safetensors").read_bytes()).hexdigest()
    assert sha in (tmp_path / "default.md").read_text()


@pytest.mark.usefixtures("narrow")
def test_going_on_from_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    model, made = first / "default.safetensors", second / "default.safetensors"
    for folder, seed, start in ((first, 0, None), (second, 1, model)):
        wanted = Recipe(tmp_path / "none", 3, seed, start)
        list(train(folder, wanted, Budget(steps=1), torch.device("cpu")))
    (earlier,) = read_config(made).training["earlier"]
    assert earlier["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    # other renderings, and none of those that are kept back for the card
    names = [sorted(int(p.stem) for p in (x / "rendered").iterdir()) for x in (first, second)]
    assert names == [[1, 2], [100_001, 100_002]]
    # one small step from where the first one ended
    old, new = (read_model(p)[1]["down.0.layers.0.weight"].float() for p in (model, made))
    assert 0 < (old - new).abs().max() < 0.1 * old.abs().max()
    words = ["card", str(second), "--images", str(tmp_path / "none"), "--rendered", "1"]
    monkeypatch.setattr(sys, "argv", words)
    card.main()
    written = (second / "default.md").read_text()
    assert "--seed 0 --steps 1`" in written and "--seed 1 --steps 1 --start MODEL`" in written
    assert "| steps | 2 of" in written
