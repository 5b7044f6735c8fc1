"""A training in this process: finished, broken off, out of memory, full disk, in time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch

from napari_unet.api import load_model
from napari_unet.core import fit as core_fit
from napari_unet.core import segment
from napari_unet.core.annotation import Pair
from napari_unet.core.batches import Batch, Batches
from napari_unet.core.errors import BadInput
from napari_unet.core.fit import Trainer
from napari_unet.core.unet import UNet
from napari_unet.files.atomic import part_beside
from napari_unet.files.lock import in_use, locked
from napari_unet.files.model_file import read_model
from napari_unet.runs import adapting, train
from napari_unet.runs.farewell import again
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.jobs import create_job
from napari_unet.runs.messages import Message
from napari_unet.runs.predict import predict_job
from napari_unet.runs.train import train_run
from napari_unet.runs.worker import Worker

from .tiny import disc_pair, losses, tiny_run


def words_of(messages: list[Message], event: str) -> list[str]:
    return [str(m["words"]) for m in messages if m["event"] == event]


def until(run: RunFolder, step: int) -> None:
    """Train to `step` and break off there as a killed process would: without a last word."""
    training = train_run(run.path)
    next(m for m in training if m.get("step") == step)
    training.close()


def assert_same(one: RunFolder, other: RunFolder) -> None:
    a, b = losses(one), losses(other)
    assert a.keys() == b.keys()
    assert max(abs(a[k] - b[k]) for k in a) < 1e-6
    first, second = read_model(one.model)[1], read_model(other.model)[1]
    assert max(float((first[k] - second[k]).abs().max()) for k in first) < 1e-6


@pytest.mark.parametrize("variant", ["adamw, batch norm", "sgd, dropout"])
def test_resumed_equals_uninterrupted(variant: str, tmp_path: Path) -> None:
    network: dict[str, Any] = {"width": 4, "depth": 2}
    fit: dict[str, Any] = {"tile": 64, "batch": 2}
    if variant.startswith("sgd"):
        network |= {"norm": None, "dropout": 0.5, "padding": "valid"}
        fit |= {"optimiser": "sgd", "momentum": 0.99, "average": 0.0}
    run = tiny_run(tmp_path / "a", network=network, fit=fit, steps=28, held_out=0.2)
    shutil.copytree(run.path, tmp_path / "b")
    other = RunFolder(tmp_path / "b")
    list(train_run(run.path))
    for step in (4, 9, 23):
        until(other, step)
        assert not other.finished
    assert other.resumable
    messages = list(train_run(other.path))
    assert words_of(messages, "warning")[-1] == "going on after step 21"  # 0.75 of 28
    assert list(losses(run)) == list(range(1, 29))
    assert_same(run, other)
    mine, theirs = ([m for m in r.messages() if m["event"] == "held-out"] for r in (run, other))
    assert mine == theirs and len(mine) == 4


def test_another_seed_is_another_training(tmp_path: Path) -> None:
    """The comparison of the last test sees a difference where there is one."""
    one, other = (tiny_run(tmp_path / str(s), steps=3, seed=s) for s in (0, 1))
    for run in (one, other):
        list(train_run(run.path))
    with pytest.raises(AssertionError):
        assert_same(one, other)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, ["only one image is annotated: the held-out score is of it, and not of others"]),
        (2, ["only two images are annotated: the held-out score is of them, and not of others"]),
        (3, []),
    ],
)
def test_the_score_of_few_images_is_called_that(
    count: int, words: list[str], tmp_path: Path
) -> None:
    pairs = [disc_pair(seed=number) for number in range(count)]
    run = tiny_run(tmp_path / "run", steps=1, held_out=0.5, pairs=pairs)
    said = words_of(list(train_run(run.path)), "warning")
    assert [x for x in said if x.startswith("only ")] == words


def test_two_slices_of_one_image_are_called_slices(tmp_path: Path) -> None:
    one, other = disc_pair(seed=0), disc_pair(seed=1)
    labels = np.stack([one.labels, other.labels])
    stack = Pair("stack", np.stack([one.image, other.image]), labels, None, "ZYX")
    run = tiny_run(tmp_path / "run", steps=1, held_out=0.3, pairs=[stack])
    said = words_of(list(train_run(run.path)), "warning")
    assert "only two slices are annotated: the held-out score is of them, and not of others" in said


def test_a_finished_run_says_so_and_stays(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=3, held_out=0.2)
    first = list(train_run(run.path))
    files = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    again = list(train_run(run.path))
    assert [m["event"] for m in again] == ["started", "warning", "done"]
    assert "finished already" in again[1]["words"]
    assert again[-1] == first[-1]
    assert files == {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


def test_two_trainings_never_share_a_folder(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=6)
    first = train_run(run.path)
    heard = [next(first) for _ in range(3)]
    said = run.messages()
    with pytest.raises(BadInput, match="in use"):
        next(train_run(run.path))
    assert run.messages() == said == heard, "the second one writes nothing"
    heard += first
    assert heard[-1]["event"] == "done" and list(losses(run)) == list(range(1, 7))
    assert "finished already" in list(train_run(run.path))[1]["words"]


def test_a_run_that_was_finished_before_this_process_held_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one was faster: its log and model stay as they are."""
    run = tiny_run(tmp_path / "run", steps=3)

    def late(path: Path) -> AbstractContextManager[None]:
        monkeypatch.undo()
        list(train_run(path))
        return locked(path)

    monkeypatch.setattr(train, "locked", late)
    assert words_of(list(train_run(run.path)), "warning") == words_of(list(again(run)), "warning")
    assert [m["event"] for m in run.messages()].count("done") == 1


def test_what_a_killed_training_has_left_half_written_goes(tmp_path: Path) -> None:
    """However new it is: nobody else writes into a folder that is held."""
    run = tiny_run(tmp_path / "run", steps=1)
    left = [part_beside(path) for path in (run.model, run.checkpoint)]
    for path in left:
        path.write_bytes(b"half of it")
    list(train_run(run.path))
    assert not [path for path in left if path.exists()]


def test_a_training_that_is_given_up_holds_nothing(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=6)
    training = train_run(run.path)
    next(training)
    assert in_use(run.path)
    training.close()
    assert not in_use(run.path)


def test_a_model_is_there_before_the_first_step(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=3)
    training = train_run(run.path)
    seen = next(m for m in training if m["event"] == "step" or run.model.exists())
    training.close()
    assert seen.get("step", 1) == 1
    load_model(run.model)


def test_stopped_keeps_the_weights_and_can_go_on(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=40)
    count = iter(range(100))
    messages = list(train_run(run.path, lambda: next(count) == 16))
    assert messages[-1]["stopped"] and messages[-1]["words"].startswith("Stopped after 17 steps")
    assert run.resumable and not run.finished
    load_model(run.model)
    messages = list(train_run(run.path))
    assert "going on after step 17" in words_of(messages, "warning")
    assert run.finished and list(losses(run)) == list(range(1, 41))


def test_it_keeps_to_its_time(tmp_path: Path) -> None:
    """It begins no step once its time is used up, however long each took."""
    run = tiny_run(tmp_path / "run", seconds=3.0, held_out=0.2)
    messages = list(train_run(run.path))
    done, steps = messages[-1], [m["seconds"] for m in messages if m["event"] == "step"]
    assert all(seconds < 3.0 for seconds in steps[:-1])
    assert done["seconds"] >= 1.5 and not done["stopped"]
    assert list(train_run(run.path))[-1] == done


def test_one_step_is_made_however_short_the_time(tmp_path: Path) -> None:
    """A run that is finished can be given no more."""
    messages = list(train_run(tiny_run(tmp_path / "run", seconds=0.01).path))
    assert messages[-1]["words"].startswith("Done after 1 step;")
    assert any("time for one step only" in said for said in words_of(messages, "warning"))


def test_a_run_that_lost_its_empty_folder_is_trained(tmp_path: Path) -> None:
    """Some ways to copy or pack a folder leave empty ones out."""
    run = tiny_run(tmp_path / "run", steps=1)
    run.checkpoint.parent.rmdir()
    assert list(train_run(run.path))[-1]["event"] == "done"


def out_of_memory(times: int, large: Callable[[Batch], bool] = lambda _: True) -> Any:
    """`Trainer.step` that fails `times` times for batches that are too large."""
    left, real = [times], Trainer.step

    def step(trainer: Trainer, batch: Batch, fraction: float) -> torch.Tensor:
        if left[0] and large(batch):
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(trainer, batch, fraction)

    return step


def test_out_of_memory_halves_the_batch_then_the_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "run", fit={"tile": 128, "batch": 4}, steps=14)
    monkeypatch.setattr(
        Trainer, "step", out_of_memory(99, lambda b: b.image[:, 0].numel() > 64 * 64)
    )
    messages = list(train_run(run.path))
    assert [w for w in words_of(messages, "warning") if "memory" in w] == [
        "out of memory: going on with 2 tiles of 128 px a step",
        "out of memory: going on with 1 tile of 128 px a step",
        "out of memory: going on with 1 tile of 64 px a step",
    ]
    assert run.finished and list(losses(run)) == list(range(1, 15))
    load_model(run.model)


def test_a_resumed_run_remembers_that_memory_was_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "a", fit={"tile": 64, "batch": 4}, steps=25)
    shutil.copytree(run.path, tmp_path / "b")
    other = RunFolder(tmp_path / "b")
    for folder, broken_off in ((run, ()), (other, (12,))):
        monkeypatch.setattr(Trainer, "step", out_of_memory(1))
        for step in broken_off:
            until(folder, step)
        list(train_run(folder.path))
    assert_same(run, other)


@pytest.mark.parametrize("where", ["mean_loss", "settle_norms"])
def test_out_of_memory_outside_the_steps(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How well the base is known, and the scores, need batches as well."""
    base = tiny_run(tmp_path / "base", steps=1)
    list(train_run(base.path))
    fit = {"keep_norms": where == "mean_loss", "tile": 64, "batch": 4}
    run = tiny_run(tmp_path / "run", steps=2, base=str(base.model), fit=fit)
    home = adapting if where == "mean_loss" else core_fit
    real, seen = getattr(home, where), list[int]()

    def once(net: UNet, batches: Batches, count: int) -> Any:
        seen.append(batches.count)
        if len(seen) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(net, batches, count)

    monkeypatch.setattr(home, where, once)
    messages = list(train_run(run.path))
    assert seen[:2] == [4, 2]
    assert "out of memory: going on with 2 tiles of 64 px a step" in words_of(messages, "warning")
    assert messages[-1]["event"] == "done" and list(losses(run)) == [1, 2]


def test_no_memory_even_for_the_smallest_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "run", steps=5)
    monkeypatch.setattr(Trainer, "step", out_of_memory(99))
    with pytest.raises(torch.OutOfMemoryError):
        list(train_run(run.path))
    assert not run.finished
    load_model(run.model)


def test_out_of_memory_in_prediction_halves_the_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny_run(tmp_path / "run", steps=2)
    list(train_run(run.path))
    image = np.asarray(disc_pair(side=300).image)
    model = load_model(run.model)
    size = model.config.image_diameter  # given, or the first tiles would be of a look at the cells
    expected = model.predict(image, precision="fp32", diameter=size)
    real, failures = segment.predict_tiles, [1]

    def once(*args: Any, **kwargs: Any) -> Iterator[Any]:
        tiles = real(*args, **kwargs)
        yield next(tiles)
        if failures:
            failures.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        yield from tiles

    monkeypatch.setattr(segment, "predict_tiles", once)
    job = create_job(
        tmp_path / "job",
        image,
        axes="YX",
        model=run.model,
        precision="fp32",
        device="cpu",
        diameter=size,
    )
    messages = list(predict_job(job.path))
    assert not failures and messages[-1]["event"] == "done"
    assert any("out of memory: going on with tiles" in w for w in words_of(messages, "warning"))
    tiles = [(m["index"], m["of"]) for m in messages if m["event"] == "tile"]
    assert all(index <= of for index, of in tiles)
    count = tiles[-1][1]
    assert count > tiles[0][1], "the tiles did not become smaller"
    assert tiles[1:] == [(i, count) for i in range(1, count + 1)]
    assert np.abs(job.probability()[0] - expected).max() < 1e-5


class Ear:
    """What a worker in this process says."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.over = threading.Event()

    def say(self, message: Message) -> None:
        self.heard.append(message)
        if message["event"] in ("done", "failed"):
            self.over.set()


def ask(*commands: str) -> list[Message]:
    """The answers of a worker in this process; it is left alone after each command."""
    ear = Ear()
    worker = Worker(ear)  # type: ignore[arg-type]

    def lines() -> Iterator[tuple[str, str]]:
        for command in commands:
            ear.over.clear()
            verb, _, path = command.partition(" ")
            yield verb, path
            ear.over.wait(60)

    listener = threading.Thread(target=worker.listen, args=[lines()], daemon=True)
    listener.start()
    worker.work()
    listener.join(5)
    return ear.heard


@pytest.mark.parametrize("diameter", [13.0, 26.0, 80.0])
def test_no_memory_for_any_tile_ends(diameter: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest tile that the pretrained model takes is far above the least one of all."""
    asked: list[int] = []

    def never(*args: Any, **kwargs: Any) -> Iterator[Any]:
        asked.append(1)
        assert len(asked) < 50
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    monkeypatch.setattr(segment, "predict_tiles", never)
    image = np.asarray(disc_pair(side=900).image)
    with pytest.raises(torch.OutOfMemoryError):
        load_model("default").predict(image, device="cpu", diameter=diameter)


def test_a_full_disk_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run(tmp_path / "run", steps=45)
    real, written = torch.save, []

    def save(state: dict[str, Any], file: BinaryIO) -> None:
        if written:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")
        real(state, file)
        written.append(state["step"])

    monkeypatch.setattr(torch, "save", save)
    last = ask(f"train {run.path}")[-1]
    assert last["event"] == "failed" and last["path"] == str(run.path)
    assert f"the disk with {run.path} is full" in last["words"] and "\n" not in last["words"]
    assert [p.name for p in run.checkpoint.parent.iterdir()] == ["state.pt"], "a part was left"
    assert torch.load(run.checkpoint, weights_only=True)["step"] == written[0] == 10
    load_model(run.model)
    monkeypatch.undo()
    assert ask(f"train {run.path}")[-1]["event"] == "done"
    assert list(losses(run)) == list(range(1, 46))


def test_a_bad_run_and_a_bad_command_do_not_end_the_worker(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=1)
    heard = ask(f"train {tmp_path / 'none'}", "dance now", f"train {run.path}")
    failures = [m for m in heard if m["event"] == "failed"]
    assert [m["what"] for m in failures] == ["train", "dance"]
    assert "is no run folder" in failures[0]["words"]
    assert "unknown command 'dance'" in failures[1]["words"]
    assert heard[-1]["event"] == "done" and heard[-1]["path"] == str(run.path)
