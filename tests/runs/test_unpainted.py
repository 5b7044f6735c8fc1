"""A run whose images are not painted completely: what its base is asked, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet.core.annotation import Pair
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import TrainOptions
from napari_unet.files.model_file import read_model
from napari_unet.runs import assessing
from napari_unet.runs.folder import RunFolder, create_run
from napari_unet.runs.messages import Message
from napari_unet.runs.train import Training, train_run
from tests.core.discs import touching_discs

from .tiny import tiny_run

IMAGE, TRUTH = touching_discs(0, 160, pairs=14)
FEW = np.where(TRUTH <= 8, TRUTH, 0)
KEEP = {"held_out": 0.0, "steps": 3}


def begun(path: Path, pair: Pair, **options: Any) -> Training:
    training = Training(create_run(path, [pair], TrainOptions(**{**KEEP, **options})), 0.0)
    training.said = list(training._set_up(torch.device("cpu"), None))  # type: ignore[attr-defined]
    return training


def said(training: Training, event: str) -> list[Message]:
    return [m for m in training.said if m["event"] == event]  # type: ignore[attr-defined]


def test_likely_cells_that_are_not_painted_are_left_out(tmp_path: Path) -> None:
    training = begun(tmp_path / "run", Pair("few", IMAGE, FEW))
    (message,) = said(training, "unpainted")
    assert message["image"] == 0 and message["painted"] == 8
    assert 14 <= message["likely"] <= 22
    assert f"few: {message['likely']} likely cells are not painted" in message["words"]
    (sample,) = training.batches.samples
    assert sample.ground is not None
    background = sample.known & (sample.target == 0)
    factor = sample.target.shape[0] / TRUTH.shape[0]
    ys, xs = (np.minimum((np.arange(n) / factor).astype(int), 159) for n in sample.target.shape)
    cells = TRUTH[np.ix_(ys, xs)]
    others = (cells > 0) & ~np.isin(cells, np.unique(FEW))
    assert background[others].mean() < 0.05  # a pixel here and there at an outline
    assert background[cells == 0].mean() > 0.5
    assert (sample.weights[~sample.known] == 0).all()


def trained(run: RunFolder) -> dict[str, torch.Tensor]:
    list(train_run(run.path))
    return read_model(run.model)[1]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[k], other[k]) for k in one)


def test_a_complete_image_is_learnt_as_one(tmp_path: Path) -> None:
    """To the last bit as if the user had said so, held-out part included."""
    models = [
        trained(
            create_run(
                tmp_path / rule,
                [Pair("all", IMAGE, TRUTH)],
                TrainOptions(steps=2, held_out=0.2, unpainted=rule),  # type: ignore[arg-type]
            )
        )
        for rule in ("auto", "background")
    ]
    assert same(*models)
    log = RunFolder(tmp_path / "auto").messages()
    assert any("all looks completely painted" in m.get("words", "") for m in log)


def test_what_lies_on_unknown_ground_changes_nothing(tmp_path: Path) -> None:
    """By the user's word: neither labels nor a base model say anything of it."""
    other = np.where(TRUTH > 8, TRUTH + 5, FEW)
    known = ((FEW > 0) | (np.arange(160) < 40)) & (TRUTH <= 8)
    pairs = [Pair("x", IMAGE, labels, known, unpainted="unknown") for labels in (FEW, other)]
    trainings = [begun(tmp_path / str(i), p) for i, p in enumerate(pairs)]
    for training in trainings:
        (sample,) = training.batches.samples
        assert sample.ground is None and not said(training, "unpainted")
    first, second = (t.batches.batch(1) for t in trainings)
    assert torch.equal(first.weights, second.weights) and torch.equal(first.target, second.target)


def test_a_rule_of_its_own_for_each_image(tmp_path: Path) -> None:
    pairs = [Pair("a", IMAGE, FEW), replace(Pair("b", IMAGE, FEW), unpainted="background")]
    run = create_run(tmp_path / "run", pairs, TrainOptions(**KEEP))
    assert [x["unpainted"] for x in run.info["inputs"]] == ["auto", "background"]
    assert [bool(p.known.all()) for p in run.pairs() if p.known is not None] == [False, True]


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("options", [{"base": "none"}, {"labels_are": "classes"}])
def test_with_nobody_to_ask_the_marks_decide(
    options: dict[str, Any], marked: bool, tmp_path: Path
) -> None:
    known = (FEW > 0) | (np.arange(160) < 40) if marked else None
    run = create_run(
        tmp_path / "run", [Pair("x", IMAGE, FEW, known)], TrainOptions(**KEEP, **options)
    )
    assert run.info["inputs"][0]["unpainted"] == ("unknown" if marked else "background")


def test_a_resumed_training_knows_what_was_said(tmp_path: Path) -> None:
    whole = create_run(tmp_path / "whole", [Pair("few", IMAGE, FEW)], TrainOptions(**KEEP))
    at_once = trained(whole)
    broken = create_run(tmp_path / "broken", [Pair("few", IMAGE, FEW)], TrainOptions(**KEEP))
    first = Training(broken, 0.0)
    steps = first.messages(lambda: False, None)
    while next(steps)["event"] != "step":
        pass
    first._write_checkpoint()
    steps.close()
    assert same(at_once, trained(broken))
    assert not any(m["event"] == "unpainted" for m in broken.messages()[-8:])


def unsure(net: object, image: np.ndarray) -> np.ndarray:
    return np.full(image.shape[1:], 0.01, np.float32)


def test_who_cannot_tell_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, a third on the way, when it has learnt what the cells are; not without end."""
    asked = []

    def foreground(net: object, image: np.ndarray) -> np.ndarray:
        asked.append(net)
        return unsure(net, image)

    monkeypatch.setattr(assessing, "foreground", foreground)
    run = create_run(tmp_path / "run", [Pair("few", IMAGE, FEW)], TrainOptions(**KEEP))
    log = list(train_run(run.path))
    assert len(asked) == 2 and asked[0] is not asked[1]
    told = [m["words"] for m in log if m["event"] == "unpainted"]
    assert len(told) == 2 and all("does not know these cells" in words for words in told)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "gone": lambda ground: None,
    "of another size": lambda ground: {**ground, "known": [torch.zeros(3, dtype=torch.uint8)]},
    "of other images": lambda ground: {**ground, "known": [], "seen": []},
    "floats": lambda ground: {**ground, "known": [k.float() for k in ground["known"]]},
    "another word": lambda ground: {**ground, "seen": ["x"]},
    "words as a number": lambda ground: {**ground, "asked": "x"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_that_says_something_odd_of_the_ground(name: str, tmp_path: Path) -> None:
    training = begun(tmp_path / "run", Pair("few", IMAGE, FEW))
    state: dict[str, Any] = {"ground": CHANGES[name](training.ground.state())}
    with pytest.raises(BadInput, match="is damaged"):
        list(Training(training.run, 0.0)._set_up(torch.device("cpu"), state))


def test_of_a_large_sample_a_part_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessing, "MOST_ASKED", 64 * 64)
    monkeypatch.setattr(assessing, "LEAST_ASKED", 64)
    shapes = []

    def foreground(net: object, image: np.ndarray) -> np.ndarray:
        shapes.append(image.shape[1:])
        return np.full(image.shape[1:], 0.01, np.float32)

    monkeypatch.setattr(assessing, "foreground", foreground)
    training = begun(tmp_path / "run", Pair("few", IMAGE, FEW))
    assert shapes == [(64, 64)]
    (sample,) = training.batches.samples
    assert not sample.known.all() and (sample.known & (sample.target == 0)).sum() > 64 * 32


def test_runs_of_before_say_all_in_their_known_area(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    text = (run.path / "run.json").read_text().replace('"unpainted": "background",', "")
    assert text.count("unpainted") < (run.path / "run.json").read_text().count("unpainted")
    (run.path / "run.json").write_text(text)
    (pair,) = RunFolder(run.path).pairs()
    assert pair.unpainted == "unknown" and pair.known is not None and pair.known.all()


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unpainted ground is 'auto'"):
        TrainOptions(unpainted="x")  # type: ignore[arg-type]
