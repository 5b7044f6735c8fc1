"""Running the command line in this process, on two painted images and a small model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_unet.cli import main
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import write_model

from .commands import Answer, Run, cells, put_pair


@pytest.fixture(autouse=True, scope="module")
def brief(few_batches: None) -> None:
    """No training here is to be a good one."""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line with these words; paths may be given as they are."""
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path / "home"))

    def command(*words: object) -> Answer:
        capfd.readouterr()
        code = 0
        try:
            main([str(w) for w in words])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with two annotated images."""
    for seed, name in enumerate(("a", "b")):
        put_pair(tmp_path / "data", name, *cells(seed=seed))
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small untrained model."""
    torch.manual_seed(0)
    network = NetworkSettings(width=4, depth=2, padding="same", dropout=0.0)
    net = UNet(network)
    path = tmp_path / "m.safetensors"
    write_model(path, ModelConfig(network), net.state_dict())
    return path
