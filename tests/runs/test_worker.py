"""The worker as a process: the protocol of docs/architecture.md, stop, farewell, death."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_unet.api import load_model
from napari_unet.runs import worker as module
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.jobs import create_job
from napari_unet.runs.train import train_run
from napari_unet.runs.worker import Command, Worker

from .test_training import assert_same
from .tiny import Talk, disc_pair, losses, tiny_run


def promise() -> float:
    """Seconds from "stop" to the answer; the worker is nice, so other work comes before it."""
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)
    return 5.0 if busy else 2.0


@pytest.fixture
def talk() -> Iterator[Talk]:
    worker = Talk()
    yield worker
    worker.close()


def test_a_whole_conversation(talk: Talk, tmp_path: Path) -> None:
    ready = talk.until("ready")
    assert ready["pid"] == talk.process.pid
    assert {"device", "precision", "words"} <= ready.keys()
    talk.say("stop")  # nothing runs: nothing is said

    talk.say("dance with me")
    assert "unknown command 'dance'" in talk.until("failed")["words"]
    assert [m["event"] for m in talk.heard] == ["ready", "failed"]

    run = tiny_run(tmp_path / "a run", steps=12, held_out=0.2)
    talk.heard.clear()
    talk.say(f"train {run.path}")
    done = talk.until("done")
    assert talk.heard == run.messages()
    assert (done["what"], done["path"], done["stopped"]) == ("train", str(run.path), False)
    assert done["model"] == str(run.model) and done["after"]["truth"] > 0
    steps = [m for m in talk.heard if m["event"] == "step"]
    assert [(m["step"], m["of"]) for m in steps] == [(i, 12) for i in range(1, 13)]
    assert all(m["left"] >= 0 and m["seconds"] > 0 for m in steps)
    assert any(m["event"] == "saved" for m in talk.heard)

    image = np.asarray(disc_pair(side=300).image)
    job = create_job(
        tmp_path / "a job", image, axes="YX", model=run.model, first=(250, 300, 250, 300)
    )
    talk.heard.clear()
    talk.say(f"predict {job.path}")
    done = talk.until("done")
    assert (done["what"], done["path"], done["stopped"]) == ("predict", str(job.path), False)
    seen = np.zeros(image.shape, int)
    tiles = [m for m in talk.heard if m["event"] == "tile"]
    for number, tile in enumerate(tiles, start=1):
        y0, y1, x0, x1 = tile["window"]
        seen[y0:y1, x0:x1] += 1
        assert (tile["index"], tile["of"], tile["slice"]) == (number, len(tiles), 0)
    assert (seen == 1).all() and len(tiles) >= 3
    assert tiles[0]["window"][1] == tiles[0]["window"][3] == 300, "the visible field comes first"
    assert job.labels().shape == (1, *image.shape)

    talk.say(f"predict {tmp_path / 'none'}")
    failure = talk.until("failed")
    assert failure["what"] == "predict" and "\n" not in failure["words"]
    talk.say("quit")
    assert talk.wait() == 0


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux has an idle class")
@pytest.mark.parametrize("asked", ["", "normal"])
def test_it_gives_way_unless_told_otherwise(asked: str) -> None:
    code = (
        "import os, sys; from napari_unet.runs import worker\n"
        "worker.share_cores = lambda: sys.exit(os.sched_getscheduler(0))  # what comes next\n"
        "worker.main()"
    )
    env = {**os.environ, "NAPARI_UNET_PRIORITY": asked}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert done.returncode == (os.SCHED_OTHER if asked else os.SCHED_IDLE)


def test_stop_keeps_the_best_and_the_worker_goes_on(talk: Talk, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=100_000, held_out=0.2)
    talk.say(f"train {run.path}")
    talk.until(lambda m: m.get("step") == 25)
    began = time.monotonic()
    talk.say("stop")
    done = talk.until("done")
    assert time.monotonic() - began < promise()
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


def test_stop_before_its_turn(talk: Talk, tmp_path: Path) -> None:
    """While torch is being imported: the command is not lost, the stop is not forgotten."""
    run = tiny_run(tmp_path / "run", steps=100_000)
    talk.say(f"train {run.path}", "stop")
    failure = talk.until("failed")
    assert failure["words"] == "Stopped before training began: there is no model yet."
    talk.end_of_input()
    assert talk.wait() == 0
    assert not run.log.exists()


def test_stop_does_not_wait_for_a_step(talk: Talk, tmp_path: Path) -> None:
    """One step takes many seconds; from scratch nothing has been learnt before it."""
    network = {"width": 24, "depth": 4, "norm": None}
    run = tiny_run(
        tmp_path / "run", network=network, fit={"tile": 512, "batch": 6}, steps=9, held_out=0
    )
    talk.say(f"train {run.path}")
    talk.until("ready")
    deadline = time.monotonic() + 60
    while not run.model.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    began = time.monotonic()
    talk.say("stop")
    said = talk.until("failed")
    assert time.monotonic() - began < promise()
    assert talk.wait(promise()) == 0
    assert not any(m["event"] == "step" for m in talk.heard), "the step was too short for the test"
    assert "nothing was learnt" in said["words"]
    assert not run.finished


@pytest.mark.parametrize("farewell", ["quit", "end of input"])
def test_leaving_while_training(farewell: str, talk: Talk, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=100_000)
    talk.say(f"train {run.path}")
    talk.until(lambda m: m.get("step") == 15)
    began = time.monotonic()
    if farewell == "quit":
        talk.say("quit")
    else:
        talk.end_of_input()
    assert talk.wait() == 0
    assert time.monotonic() - began < promise() + 1
    assert run.resumable
    load_model(run.model)
    training = train_run(run.path)
    step = max(losses(run))
    assert next(m for m in training if m["event"] == "step")["step"] == step + 1
    training.close()


def test_it_waits_where_the_window_asks(talk: Talk, tmp_path: Path) -> None:
    """No step within the wait, each word extends it, and a stop ends it."""
    run = tiny_run(tmp_path / "run", steps=100_000)
    talk.say(f"train {run.path}")
    talk.until("step")
    talk.say("wait 1", "wait soon")
    quiet = max(longest_pause(talk, steps=40) for _ in range(2))
    assert 0.8 < quiet < 1.8
    for _ in range(4):
        talk.say("wait 4")
        time.sleep(0.5)
    began = time.monotonic()
    talk.say("stop")
    assert talk.until("done")["stopped"]
    assert time.monotonic() - began < promise()


def test_even_a_busy_window_lets_it_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command("train", str(tmp_path))
    worker = Worker.__new__(Worker)
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    worker._wait_until = time.monotonic() + 60
    began = time.monotonic()
    assert not worker._is_stopped(command)
    assert 0.29 < time.monotonic() - began < 1.5


def longest_pause(talk: Talk, steps: int) -> float:
    """Seconds between two of the next steps."""
    times = []
    for _ in range(steps):
        talk.until("step")
        times.append(time.monotonic())
    return max(float(x) for x in np.diff(times))


@pytest.mark.slow
def test_killed_at_ten_random_steps(tmp_path: Path) -> None:
    """SIGKILL, ten times in one run of 200 steps: curve and weights are the uninterrupted ones."""
    run = tiny_run(tmp_path / "run", steps=200, held_out=0.2)
    shutil.copytree(run.path, tmp_path / "killed")
    killed = RunFolder(tmp_path / "killed")
    list(train_run(run.path))
    for step in sorted(random.Random(7).sample(range(1, 200), 10)):
        talk = Talk()
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
    assert list(losses(killed)) == list(range(1, 201))
    assert_same(run, killed)
    mine, theirs = ([m for m in r.messages() if m["event"] == "held-out"] for r in (run, killed))
    assert mine == theirs


def test_stopped_in_its_first_step_nothing_was_learnt(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", steps=3)
    training = train_run(run.path)
    next(m for m in training if run.model.exists())
    training.close()
    run.say({"event": "step", "step": 1, "loss": 1.0})
    assert module._stopped(run.path)["event"] == "done"
    run.trained.write_bytes(run.model.read_bytes())  # killed before its score was written down
    assert module._stopped(run.path)["after"] is None
    run.log.write_text("")
    said = module._stopped(run.path)
    assert said["event"] == "failed" and "nothing was learnt" in said["words"]
