"""Starting from a base model: which one, and with how many channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unet import models
from napari_unet.core import geometry
from napari_unet.core.annotation import Pair, median_diameter
from napari_unet.core.errors import BadInput
from napari_unet.core.modelled import model_scale
from napari_unet.core.presets import preset, settings_for
from napari_unet.core.settings import (
    ModelConfig,
    NetworkSettings,
    NormaliseSettings,
    TrainOptions,
)
from napari_unet.core.unet import UNet
from napari_unet.files.atomic import write_json
from napari_unet.files.model_file import read_config, write_model
from napari_unet.runs.folder import create_run
from napari_unet.runs.networks import start_from
from napari_unet.runs.train import train_run

from .test_training import until
from .tiny import SMALL, disc_pair, rgb, tiny_run

NET = NetworkSettings(width=4, depth=2, padding="same", norm="batch", dropout=0.0)


def written(path: Path, network: NetworkSettings = NET, *, half: bool = False) -> Path:
    net = UNet(network, torch.Generator().manual_seed(3))
    tensors = net.state_dict()
    if half:
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    write_model(path, ModelConfig(network), tensors)
    return path


def test_three_channels_begin_as_their_mean(tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")
    one, three = UNet(NET), UNet(NetworkSettings(**{**vars(NET), "in_channels": 3}))
    assert start_from(one, base) == [] and start_from(three, base) == []
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    one.eval(), three.eval()
    with torch.inference_mode():
        assert torch.allclose(three(image), one(image.mean(1, keepdim=True)), atol=1e-5)


def test_half_precision_on_disk(tmp_path: Path) -> None:
    net = UNet(NET)
    assert start_from(net, written(tmp_path / "half.safetensors", half=True)) == []
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    whole = UNet(NET)
    start_from(whole, written(tmp_path / "whole.safetensors"))
    for a, b in zip(net.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(a, b, atol=2e-3)


def test_colour_images_from_a_grey_base(tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")
    pair = disc_pair()
    colour = Pair("colour", rgb(np.asarray(pair.image)), pair.labels, None, "YXC")
    run = tiny_run(
        tmp_path / "run", pairs=[colour], network={}, base=str(base), steps=2, held_out=0.2
    )
    said = list(train_run(run.path))
    assert said[-1]["event"] == "done" and said[-1]["before"] is not None
    assert not any("random" in m.get("words", "") for m in said)


def test_a_base_of_other_channels_is_refused(tmp_path: Path) -> None:
    two = NetworkSettings(**{**vars(NET), "in_channels": 2})
    base = written(tmp_path / "two.safetensors", two)
    with pytest.raises(BadInput, match=r"takes 2 channel\(s\), the images have 1"):
        create_run(tmp_path / "run", [disc_pair()], TrainOptions(base=str(base)))
    assert not (tmp_path / "run").exists()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped models that holds a narrow "default"."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    written(folder / "default.safetensors")
    monkeypatch.setattr(models.named, "shipped_folder", lambda: folder)
    return folder


@pytest.mark.parametrize(
    "options, used",
    [
        ({}, True),
        ({"base": "none"}, False),
        ({"preset": "paper"}, False),
        ({"preset": "fiji"}, False),
        ({"labels_are": "classes"}, False),
        ({"preset": "paper", "base": "PATH"}, True),
    ],
)
def test_what_default_means(shipped: Path, tmp_path: Path, options: dict, used: bool) -> None:
    if options.get("base") == "PATH":
        options = {**options, "base": str(shipped / "default.safetensors")}
    run = create_run(tmp_path / "run", [disc_pair()], TrainOptions(**options))
    assert (run.info["base"] is not None) == used
    assert (run.settings.network.width == NET.width) == used


def test_what_is_good_already_is_learnt_on_slowly() -> None:
    fit = preset("default").fit
    assert 0 < fit.tuning_rate < fit.learning_rate
    for network, classes, rate in (
        (None, 2, fit.learning_rate),
        (NET, 2, fit.tuning_rate),
        (NET, 3, fit.learning_rate),  # its last layer starts at random
    ):
        settings = settings_for(TrainOptions(), 1, classes, network and ModelConfig(network))
        assert settings.fit.learning_rate == rate
        # and neither its norms nor what it knows of how often cells are is unlearnt
        tuned = rate == fit.tuning_rate
        assert settings.fit.keep_norms == tuned
        assert settings.weights.max_class_weight == (1.0 if tuned else 10.0)
        assert settings.instances.peak == (0.8 if tuned else 0.0)


def test_from_scratch_is_said_where_the_base_does_not_fit(tmp_path: Path) -> None:
    run = tiny_run(
        tmp_path / "run", base="default", labels_are="classes", steps=1, fit=SMALL, held_out=0.0
    )
    words = [m["words"] for m in train_run(run.path) if m["event"] == "warning"]
    assert any("from scratch" in w for w in words)


def test_one_painted_cell_is_enough_for_the_scale(tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")
    labels = np.zeros((200, 200), np.int32)
    labels[60:140, 60:140] = 1
    one = Pair("one", labels.astype(np.float32), labels, None, "YX")
    run = tiny_run(tmp_path / "run", pairs=[one], network={}, base=str(base), steps=1)
    said = list(train_run(run.path))
    assert read_config(run.model).image_diameter == pytest.approx(90.3, abs=0.1)
    assert read_config(run.model).diameter == 26.0
    assert not any("size is not known" in m.get("words", "") for m in said)
    labels[:, :60] = 2
    labels[:60] = 1
    cut = Pair("cut", labels.astype(np.float32), labels, None, "YX")
    run = tiny_run(tmp_path / "cut", pairs=[cut], network={}, base=str(base), steps=1)
    assert any("size is not known" in m.get("words", "") for m in train_run(run.path))


def test_an_unpadded_base_gets_tiles_with_as_much_output() -> None:
    own = preset("default")
    valid = preset("paper").network
    made = settings_for(TrainOptions(), 1, 2, ModelConfig(valid))
    size = geometry.input_size(made.network, made.fit.tile)
    assert geometry.output_size(made.network, size) >= 0.95 * own.fit.tile
    padded = settings_for(TrainOptions(preset="paper"), 1, 2, ModelConfig(own.network))
    assert padded.fit.tile == preset("paper").fit.tile - 184


def test_a_training_goes_on_without_its_base(tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")
    run = tiny_run(tmp_path / "run", network={}, base=str(base), steps=14)
    until(run, 12)
    base.unlink()
    assert list(train_run(run.path))[-1]["event"] == "done"
    assert run.finished


def test_a_training_that_was_moved_finds_its_base_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_UNET_HOME", str(tmp_path / "home"))
    models.models_folder().mkdir(parents=True)
    base = written(models.models_folder() / "mine.safetensors")
    run = tiny_run(tmp_path / "run", network={}, base="mine", steps=1)
    info = run.info
    info["base"]["path"] = "/home/anna/models/mine.safetensors"
    write_json(run.path / "run.json", info)
    assert run.base == base
    assert list(train_run(run.path))[-1]["event"] == "done"


def test_a_base_that_was_changed_since_is_not_trained_from(tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")
    run = tiny_run(tmp_path / "run", network={}, base=str(base), steps=1)
    write_model(base, ModelConfig(NET), UNet(NET).state_dict())
    with pytest.raises(BadInput, match="changed since"):
        list(train_run(run.path))


def test_cells_of_just_the_base_s_size_are_a_scale_too(tmp_path: Path) -> None:
    labels = np.zeros((120, 120), np.int32)
    labels[20:60, 20:60], labels[70:100, 70:100] = 1, 2
    one = Pair("one", labels.astype(np.float32), labels, None, "YX")
    run = tiny_run(tmp_path / "run", pairs=[one], steps=1)
    info = run.info
    info["settings"]["scale"]["diameter"] = median_diameter(labels)
    write_json(run.path / "run.json", info)
    list(train_run(run.path))
    config = read_config(run.model)
    assert config.diameter == pytest.approx(median_diameter(labels), abs=0.01)
    assert model_scale(config, 2 * median_diameter(labels)) == pytest.approx(0.5, abs=0.01)


def test_a_base_keeps_its_own_way_of_reading_images() -> None:
    own = preset("paper")
    low = NormaliseSettings(low=5.0)
    base = ModelConfig(own.network, normalise=low, diameter=None, image_diameter=80.0)
    assert settings_for(TrainOptions(), 1, 2, base).normalise == low
    # it was never rescaled: what it knows are cells of 80 px
    assert settings_for(TrainOptions(), 1, 2, base).scale.diameter == 80.0
    assert settings_for(TrainOptions(preset="paper"), 1, 2, base).scale.diameter is None
    rescaled = ModelConfig(own.network, diameter=50.0, image_diameter=200.0)
    assert settings_for(TrainOptions(), 1, 2, rescaled).scale.diameter == 50.0
    assert settings_for(TrainOptions(labels_are="classes"), 1, 2, base).scale.diameter is None


def test_a_model_of_very_large_cells_says_at_which_size_it_saw_them(tmp_path: Path) -> None:
    labels = np.zeros((400, 400), np.int32)
    for i, (y, x) in enumerate([(10, 10), (10, 210), (210, 10), (210, 210)], start=1):
        labels[y : y + 160, x : x + 160] = i
    one = Pair("one", labels.astype(np.float32), labels, None, "YX")
    run = tiny_run(tmp_path / "run", pairs=[one], steps=1)
    list(train_run(run.path))
    config = read_config(run.model)
    assert config.image_diameter == pytest.approx(180.5, abs=0.1)
    assert config.diameter == pytest.approx(180.5 / 4, abs=0.1)  # a quarter is the limit
    assert model_scale(config) == 0.25
    assert model_scale(config, 90.25) == pytest.approx(0.5, abs=0.01)
