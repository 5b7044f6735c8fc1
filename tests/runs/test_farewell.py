"""How the worker ends: stopped, told to quit, left alone, killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest
import torch

from napari_unet.api import load_model
from napari_unet.files.lock import in_use
from napari_unet.runs import worker as module
from napari_unet.runs.farewell import stopped_training
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.train import train_run
from napari_unet.runs.worker import Worker
from tests.forked import ForkServer

from .test_training import assert_same
from .tiny import START, Ear, Talk, losses, started, tiny_run, wait_for


def test_stop_keeps_the_best_and_the_worker_goes_on(talk: Talk, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=100_000, held_out=0.2)
    talk.say(f"train {run.path}")
    talk.until(lambda m: m.get("step") == 25)
    talk.say("stop")
    done = talk.until("done")
    assert done["stopped"] and done["words"].startswith("Stopped after")
    assert load_model(run.model).config.training["steps"] > 0
    assert run.resumable
    step = max(losses(run))
    talk.say(f"train {run.path}")
    assert talk.until("warning")["words"] != ""
    assert talk.until("step")["step"] == step + 1
    talk.say("quit")
    assert talk.until("done")["stopped"]
    assert talk.wait() == 0
    assert list(losses(run)) == list(range(1, max(losses(run)) + 1))


def test_stop_before_its_turn(fresh: Talk, tmp_path: Path) -> None:
    """While torch is being imported: the command is not lost, the stop is not forgotten."""
    run = tiny_run(tmp_path / "run", steps=100_000)
    fresh.say(f"train {run.path}", "stop")
    failure = fresh.until("failed")
    assert failure["words"] == "Stopped before training began: no model was made."
    assert failure["stopped"]
    fresh.end_of_input()
    assert fresh.wait() == 0
    assert not run.log.exists()


def test_stop_does_not_wait_for_a_step(hasty: Talk, tmp_path: Path) -> None:
    """One step takes minutes; from scratch nothing has been learnt before it."""
    network = {"width": 32, "depth": 4, "norm": None}
    run = tiny_run(
        tmp_path / "run", network=network, fit={"tile": 512, "batch": 64}, steps=9, held_out=0
    )
    hasty.say(f"train {run.path}")
    hasty.until("started")
    wait_for(run.model.exists)
    hasty.say("stop")
    said = hasty.until("failed")
    assert hasty.wait() == 0
    assert not any(m["event"] == "step" for m in hasty.heard), "the step was too short for the test"
    assert "nothing was learnt" in said["words"]
    assert not run.finished


@pytest.mark.parametrize("farewell", ["quit", "end of input", "SIGTERM"])
def test_leaving_while_training(farewell: str, talk: Talk, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=100_000)
    talk.say(f"train {run.path}")
    talk.until(lambda m: m.get("step") == 15)
    if farewell == "quit":
        talk.say("quit")
    elif farewell == "SIGTERM":
        talk.process.terminate()
    else:
        talk.end_of_input()
    assert talk.wait() == 0
    assert run.resumable
    load_model(run.model)
    training = train_run(run.path)
    step = max(losses(run))
    assert next(m for m in training if m["event"] == "step")["step"] == step + 1
    training.close()


@pytest.mark.parametrize("everything", [True, False])
def test_nobody_listens_any_more(
    everything: bool, tmp_path: Path, forks: ForkServer | None
) -> None:
    """napari was killed: its ends of all pipes close. Every step that was made is saved."""
    run = tiny_run(tmp_path / "run", seconds=3600.0)
    complaints, err = os.pipe()
    worker = started(10 * START, forks, err)
    assert worker.stdin is not None and worker.stdout is not None
    try:
        os.close(err)
        worker.stdin.write(f"train {run.path}\n")
        worker.stdin.flush()
        wait_for(lambda: len(losses(run)) >= 15)
        worker.stdout.close(), os.close(complaints)
        if everything:
            worker.stdin.close()
        assert worker.wait(5 * START) == 0
    finally:
        worker.kill()
        worker.wait(START)
        worker.stdin.close()
    state = torch.load(run.checkpoint, weights_only=True)
    assert state["step"] == max(losses(run))
    last = run.messages()[-1]
    assert last["event"] == "done" and last["stopped"]
    assert run.resumable and not in_use(run.path)
    load_model(run.model)


def test_ctrl_c_in_the_terminal_is_not_for_the_worker(talk: Talk, tmp_path: Path) -> None:
    talk.until("ready")
    assert os.getpgid(talk.process.pid) == talk.process.pid, "the terminal's signals reach it"
    run = tiny_run(tmp_path / "run", steps=30)
    talk.say(f"train {run.path}")
    talk.until("step")
    talk.process.send_signal(signal.SIGINT)
    assert not talk.until("done")["stopped"]


@pytest.mark.slow
def test_killed_at_random_steps(tmp_path: Path, forks: ForkServer | None) -> None:
    """SIGKILL, six times in one run of 50 steps: curve and weights are the uninterrupted ones."""
    run = tiny_run(tmp_path / "run", steps=50, held_out=0.2)
    shutil.copytree(run.path, tmp_path / "killed")
    killed = RunFolder(tmp_path / "killed")
    list(train_run(run.path))
    for step in sorted(random.Random(7).sample(range(1, 50), 6)):
        talk = Talk(forks=forks)
        try:
            talk.say(f"train {killed.path}")
            talk.until(lambda m, step=step: m.get("step", 0) >= step)
            talk.process.send_signal(signal.SIGKILL)
            assert talk.wait() == -signal.SIGKILL
        finally:
            talk.close()
        assert not killed.finished
        load_model(killed.model)
    list(train_run(killed.path))
    assert list(losses(killed)) == list(range(1, 51))
    assert_same(run, killed)
    mine, theirs = ([m for m in r.messages() if m["event"] == "held-out"] for r in (run, killed))
    assert mine and mine == theirs


def test_stopped_in_its_first_step_nothing_was_learnt(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=3)
    training = train_run(run.path)
    next(m for m in training if run.model.exists())
    training.close()
    run.say({"event": "step", "step": 1, "loss": 1.0})
    assert stopped_training(run.path)["event"] == "done"
    run.trained.write_bytes(run.model.read_bytes())  # killed before its score was written down
    assert stopped_training(run.path)["after"] is None
    run.log.write_text("")
    said = stopped_training(run.path)
    assert said["event"] == "failed" and "nothing was learnt" in said["words"]


def test_stopped_when_its_folder_is_gone_or_spoilt(tmp_path: Path) -> None:
    """It ends in a word all the same: the window waits for one."""
    run = tiny_run(tmp_path / "run", steps=3)
    list(train_run(run.path))
    (run.path / "run.json").write_text("{")
    run.log.unlink()
    said = stopped_training(run.path)
    assert said["event"] == "failed" and "can no longer be read" in said["words"]
    shutil.rmtree(run.path)
    assert stopped_training(run.path)["event"] == "failed"


def test_a_training_that_ended_just_before_the_stop_says_what_it_said(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=3)
    assert stopped_training(run.path)["event"] == "failed"
    done = list(train_run(run.path))[-1]
    assert stopped_training(run.path) == done


def test_a_stop_before_its_turn_leaves_the_log_to_who_trains_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", START)
    run, ear = tiny_run(tmp_path / "run", steps=30), Ear()
    training = train_run(run.path)
    next(m for m in training if m.get("step") == 12)
    said = run.messages()
    worker = Worker(ear)  # type: ignore[arg-type]
    worker.listen([("train", str(run.path)), ("stop", ""), ("quit", "")])
    worker.work()
    assert [m["event"] for m in ear.heard] == ["done"] and ear.heard[0]["stopped"]
    assert run.messages() == said
    training.close()
