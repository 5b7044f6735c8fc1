"""Which model a training leaves: the best on what was held out, its base included."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_unet import UNetWarning, train
from napari_unet.core.annotation import Pair
from napari_unet.core.fit import Budget
from napari_unet.core.presets import settings_for
from napari_unet.core.settings import ModelConfig, Settings
from napari_unet.files.model_file import read_config, read_model, write_model
from napari_unet.runs import folder, scoring
from napari_unet.runs import train as train_module
from napari_unet.runs.adapting import WELL_KNOWN, hardly_known
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.keeper import Keeper
from napari_unet.runs.train import Training, train_run
from tests.core.discs import touching_discs

from .test_base import written
from .test_training import assert_same, until, words_of
from .tiny import SMALL, tiny_run

RUIN = {**SMALL, "learning_rate": 30.0, "schedule": "constant", "clip": 0.0, "average": 0.0}
CAREFUL = {**SMALL, "learning_rate": 1e-6, "schedule": "constant"}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds most cells."""
    run = tiny_run(
        tmp_path_factory.mktemp("base") / "run", steps=120, fit={**SMALL, "learning_rate": 2e-2}
    )
    list(train_run(run.path))
    return run.model


def tuned(path: Path, base: Path, fit: dict, **options: object) -> RunFolder:
    return tiny_run(path, base=str(base), network={}, fit=fit, held_out=0.3, **options)


def test_a_training_that_ruins_its_base_leaves_it(good: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", good, RUIN, steps=4)
    done = list(train_run(run.path))[-1]
    assert done["worse"] and done["after"]["value"] < done["before"]["value"] - 0.1
    assert "worse than the base model, which stays" in done["words"]
    assert done["model"] == str(run.trained)
    kept, base, trained = (read_model(p)[1] for p in (run.model, good, run.trained))
    assert all(torch.equal(kept[k], base[k]) for k in base)
    assert any(not torch.equal(trained[k], base[k]) for k in base)
    assert read_config(run.trained).training["steps"] == 4
    assert not read_config(run.trained).training["halfway"]
    assert list(train_run(run.path))[-1] == done


@pytest.mark.parametrize("keep", [False, True])
def test_python_says_whose_weights_it_returns(
    keep: bool, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruinous(*given: Any) -> Settings:
        settings = settings_for(*given)
        return replace(settings, fit=replace(settings.fit, **RUIN))

    monkeypatch.setattr(folder, "settings_for", ruinous)
    run = tmp_path / "run" if keep else None
    image, labels = touching_discs(0, 200, pairs=20)
    where = "the trained ones are in .*trained.safetensors" if keep else "keep them by run="
    with pytest.warns(UNetWarning, match=f"did worse than .* weights are returned.*{where}"):
        model = train(
            [image],
            [labels],
            base=str(good),
            run=run,
            steps=4,
            device="cpu",
            progress=lambda message: None,
        )
    weights = read_model(good)[1]
    model.save(tmp_path / "returned.safetensors")
    returned = read_model(tmp_path / "returned.safetensors")[1]
    assert all(torch.equal(returned[name], weights[name]) for name in weights)


def test_broken_off_and_resumed_it_is_the_same(good: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", good, RUIN, steps=8)
    until(run, 5)
    assert run.trained.exists()
    done = list(train_run(run.path))[-1]
    assert done["worse"] and done["model"] == str(run.trained)


def test_killed_between_a_better_score_and_its_checkpoint(good: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", good, RUIN, steps=8)
    until(run, 5)
    config, tensors = read_model(run.model)
    better = {**config.training["after"], "value": 0.99}
    write_model(run.model, replace(config, training={**config.training, "after": better}), tensors)
    run.trained.unlink()
    done = list(train_run(run.path, lambda: True))[-1]
    assert done["stopped"] and not done["worse"] and done["after"] == better
    assert done["model"] == str(run.model)


def test_within_chance_the_trained_one_is_kept(good: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", good, CAREFUL, steps=4)
    done = list(train_run(run.path))[-1]
    assert not done["worse"] and done["model"] == str(run.model) and not run.trained.exists()
    assert read_config(run.model).training["steps"] == 4


def test_from_a_base_that_knows_these_cells_half_of_the_way_is_gone(
    good: Path, tmp_path: Path
) -> None:
    run = tuned(tmp_path / "run", good, {**CAREFUL, "learning_rate": 1e-4}, steps=4)
    said = list(train_run(run.path))
    done = said[-1]
    assert done["before"]["value"] > WELL_KNOWN and not done["worse"]
    assert words_of(said, "held-out")[-1].startswith("half of the way back to the base model, ")
    config, kept = read_model(run.model)
    assert config.training["halfway"]
    base, learnt = read_model(good)[1], torch.load(run.checkpoint, weights_only=True)["average"]
    for name, weight in learnt.items():
        assert not torch.equal(weight, base[name])
        torch.testing.assert_close(kept[name], (weight + base[name]) / 2)


def test_it_ends_early_where_nothing_is_gained(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 0.2 * next(looks))  # not that of a busy machine
    for module in (train_module, scoring):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(train_module, "Budget", partial(Budget, clock=clock.monotonic))
    image, labels = touching_discs(0, 288, pairs=50)
    many = [Pair("many", image, labels, None, "YX")]
    run = tuned(tmp_path / "run", good, CAREFUL, seconds=60.0, pairs=many)
    said = list(train_run(run.path))
    assert said[-1]["seconds"] < 50
    assert "the held-out score no longer gets better: ending early" in words_of(said, "warning")
    assert not said[-1]["stopped"] and run.finished


def test_steps_that_were_asked_for_are_all_done(good: Path, tmp_path: Path) -> None:
    run = tuned(tmp_path / "run", good, CAREFUL, steps=20)
    assert [m["step"] for m in train_run(run.path) if m["event"] == "step"][-1] == 20


@pytest.mark.parametrize(
    "values, cells, stalled",
    [
        ([0.5], 50, False),
        ([0.5, 0.5, 0.5, 0.5], 50, False),
        ([0.5, 0.5, 0.5, 0.5, 0.51], 50, True),
        ([0.5, 0.5, 0.5, 0.5, 0.51], 3, False),
        ([0.1, 0.5, 0.4, 0.5, 0.6], 50, False),
        ([0.1, 0.6, 0.4, 0.5, 0.5, 0.6], 50, True),
    ],
)
def test_stalled(values: list[float], cells: int, stalled: bool, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    held_out = SimpleNamespace(cells=cells)
    keeper = Keeper(run, ModelConfig(run.settings.network), held_out, 1)  # type: ignore[arg-type]
    keeper.values = values
    assert keeper.stalled(4) == stalled


def test_a_kept_base_keeps_its_own_way_to_make_cells(good: Path, tmp_path: Path) -> None:
    config, tensors = read_model(good)
    own = replace(config.instances, dip=0.0, threshold=0.37, seed_threshold=0.37)
    base = tmp_path / "base.safetensors"
    write_model(base, replace(config, instances=own), tensors)
    run = tuned(tmp_path / "run", base, RUIN, steps=4)
    done = list(train_run(run.path))[-1]
    assert done["worse"]
    assert read_config(run.model).instances == own
    assert read_config(run.model).training["after"] == done["before"]


def test_from_a_base_that_knows_these_cells_its_outline_is_kept(good: Path, tmp_path: Path) -> None:
    config, tensors = read_model(good)
    base = tmp_path / "base.safetensors"
    own = replace(config, instances=replace(config.instances, outline=0.35))
    write_model(base, own, tensors)
    run = tuned(tmp_path / "run", base, CAREFUL, steps=4)
    until(run, 3)
    done = list(train_run(run.path))[-1]
    assert not done["worse"] and read_config(run.model).training["steps"] == 4
    assert read_config(run.model).instances.outline == 0.35


def test_stopped_before_anything_was_scored_it_is_scored(good: Path, tmp_path: Path) -> None:
    count = iter(range(100))
    run = tuned(tmp_path / "run", good, CAREFUL, steps=400)
    done = list(train_run(run.path, lambda: next(count) == 5))[-1]
    assert done["stopped"] and not done["worse"]
    assert read_config(run.model).training["steps"] == 6
    scratch = tiny_run(tmp_path / "scratch", steps=400, held_out=0.3)
    count = iter(range(100))
    done = list(train_run(scratch.path, lambda: next(count) == 5))[-1]
    assert done["after"] is not None and "too few cells to judge" in done["words"]


def test_what_the_base_hardly_knows_is_learnt_fast(good: Path, tmp_path: Path) -> None:
    base = written(tmp_path / "base.safetensors")  # random weights
    run = tuned(tmp_path / "a", base, SMALL, steps=16)
    shutil.copytree(run.path, tmp_path / "b")
    list(train_run(run.path))
    assert torch.load(run.checkpoint, weights_only=True)["anew"]
    other = RunFolder(tmp_path / "b")
    until(other, 9)
    list(train_run(other.path))
    assert_same(run, other)
    assert not read_config(run.model).training["halfway"]
    careful = tuned(tmp_path / "c", good, CAREFUL, steps=2)
    list(train_run(careful.path))
    assert not torch.load(careful.checkpoint, weights_only=True)["anew"]


@pytest.mark.parametrize(
    "before, good_base, random_base",
    [
        ({"truth": 40, "value": 0.9}, False, False),
        ({"truth": 40, "value": 0.1}, True, True),
        ({"truth": 3, "value": 0.9}, False, True),
        ({"truth": 3, "value": 0.1}, False, True),
        ({"mIoU": 0.9, "value": 0.9}, False, False),
        (None, False, True),
    ],
)
def test_of_few_held_out_cells_the_pixels_tell_what_a_base_knows(
    before: dict[str, float] | None,
    good_base: bool,
    random_base: bool,
    good: Path,
    tmp_path: Path,
) -> None:
    for base, strange in (
        (good, good_base),
        (written(tmp_path / "random.safetensors"), random_base),
    ):
        run = tuned(tmp_path / f"{base.stem}-run", base, CAREFUL, steps=1)
        training = Training(run, 0.0)
        list(training._set_up(torch.device("cpu"), None))
        net, fit = training.trainer.net.eval(), training.settings.fit
        assert hardly_known(before, net, training.batches, fit) == strange
        assert not hardly_known(before, net, training.batches, replace(fit, keep_norms=False))
