"""The worker's protocol, as docs/architecture.md has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_unet.runs import worker as module
from napari_unet.runs.jobs import create_job
from napari_unet.runs.messages import Message
from napari_unet.runs.worker import Command, Worker
from tests.forked import ForkServer

from .tiny import START, Ear, Talk, disc_pair, started, tiny_run, wait_for


def test_a_whole_conversation(fresh: Talk, tmp_path: Path) -> None:
    ready = fresh.until("ready")
    assert ready["pid"] == fresh.process.pid
    assert {"device", "precision", "words"} <= ready.keys()
    fresh.say("stop")  # nothing runs: nothing is said

    fresh.say("dance with me")
    assert "unknown command 'dance'" in fresh.until("failed")["words"]
    assert [m["event"] for m in fresh.heard] == ["ready", "failed"]

    run = tiny_run(tmp_path / "a run", steps=12, held_out=0.2)
    fresh.heard.clear()
    fresh.say(f"train {run.path}")
    done = fresh.until("done")
    assert fresh.heard == run.messages()
    assert (done["what"], done["path"], done["stopped"]) == ("train", str(run.path), False)
    assert done["model"] == str(run.model) and done["after"]["truth"] > 0
    steps = [m for m in fresh.heard if m["event"] == "step"]
    assert [(m["step"], m["of"]) for m in steps] == [(i, 12) for i in range(1, 13)]
    assert all(m["left"] >= 0 and m["seconds"] > 0 for m in steps)
    assert any(m["event"] == "saved" for m in fresh.heard)

    image = np.asarray(disc_pair(side=300).image)
    job = create_job(
        tmp_path / "a job", image, axes="YX", model=run.model, first=(250, 300, 250, 300)
    )
    fresh.heard.clear()
    fresh.say(f"predict {job.path}")
    done = fresh.until("done")
    assert (done["what"], done["path"], done["stopped"]) == ("predict", str(job.path), False)
    seen = np.zeros(image.shape, int)
    tiles = [m for m in fresh.heard if m["event"] == "tile"]
    for number, tile in enumerate(tiles, start=1):
        y0, y1, x0, x1 = tile["window"]
        seen[y0:y1, x0:x1] += 1
        assert (tile["index"], tile["of"], tile["slice"]) == (number, len(tiles), 0)
    assert (seen == 1).all() and len(tiles) >= 3
    assert tiles[0]["window"][1] == tiles[0]["window"][3] == 300, "the visible field comes first"
    assert job.labels().shape == (1, *image.shape)

    fresh.say(f"predict {tmp_path / 'none'}")
    failure = fresh.until("failed")
    assert failure["what"] == "predict" and "\n" not in failure["words"]
    fresh.say("quit")
    assert fresh.wait() == 0


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


def test_names_that_are_no_text(talk: Talk, tmp_path: Path) -> None:
    """A folder as another system's encoding wrote it, and lines that are no commands."""
    home = tmp_path / os.fsdecode(b"h\xe9")
    try:
        home.mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    assert talk.process.stdin is not None
    talk.process.stdin.buffer.write(b"\xff\xfe\x00 \xe9\n\r\n \n")  # type: ignore[attr-defined]
    talk.say(f"train {home}")
    assert "unknown command" in talk.until("failed")["words"]
    assert "is no run folder" in talk.until("failed")["words"]
    run = tiny_run(home / "run", steps=2)
    talk.say(f"train {run.path}")
    done = talk.until("done")
    assert (done["path"], done["model"]) == (str(run.path), str(run.model))
    job = create_job(home / "job", np.zeros((64, 64), np.uint8), axes="YX", model=run.model)
    talk.say(f"predict {job.path}")
    assert talk.until("done")["path"] == str(job.path)


class Clock:
    """Moves on when somebody waits for it."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


def held(monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[float]:
    """Seconds that a step is held by what the window says."""
    clock, worker = Clock(), Worker(Ear())  # type: ignore[arg-type]
    monkeypatch.setattr(module, "time", clock)
    command = Command("train", "")
    monkeypatch.setattr(command.stopped, "wait", clock.wait)
    worker.listen(x.split(" ") for x in lines)  # type: ignore[arg-type, misc]
    assert not worker._is_stopped(command)
    return clock.waits


def test_it_waits_where_the_window_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the last word said; words that are no number ask for nothing."""
    assert held(monkeypatch) == []
    assert held(monkeypatch, "wait 1", "wait soon") == [1.0]
    assert held(monkeypatch, "wait 1", "wait 3") == [3.0]
    assert held(monkeypatch, "wait nan") == held(monkeypatch, "wait -1") == []


def test_even_a_busy_window_lets_it_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held(monkeypatch, "wait 60") == [module.PATIENCE]
    worker, clock = Worker(Ear()), Clock()  # type: ignore[arg-type]
    monkeypatch.setattr(module, "time", clock)
    command = Command("train", "")

    def again(seconds: float) -> bool:
        clock.wait(seconds)
        worker._wait("5")  # the window is still busy
        return False

    monkeypatch.setattr(command.stopped, "wait", again)
    worker._wait("2")
    assert not worker._is_stopped(command)
    assert clock.now == module.PATIENCE


def test_a_stop_ends_a_wait(talk: Talk, tmp_path: Path) -> None:
    """In order: no step comes between the wait and the end."""
    run = tiny_run(tmp_path / "run", steps=100_000)
    talk.say(f"train {run.path}")
    talk.until("step")
    for _ in range(4):
        talk.say("wait 5")
    talk.say("stop")
    assert talk.until("done")["stopped"]


def test_nothing_is_said_of_a_command_after_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that took too long ends just after the worker has given up on it."""
    ear = Ear()
    worker = Worker(ear)  # type: ignore[arg-type]
    last = {"event": "done", "what": "train", "path": "RUN", "stopped": True}

    def late(path: Path, stop: Callable[[], bool]) -> Iterator[Message]:
        yield {"event": "step", "step": 1}
        worker._finish(worker._given[0], last)
        yield {"event": "step", "step": 2}
        yield {**last, "stopped": False}

    monkeypatch.setattr("napari_unet.runs.train.train_run", late)
    worker.listen([("train", "RUN")])
    worker.commands.get().stopped.clear()  # type: ignore[union-attr]
    worker._do(worker._given[0])
    assert ear.heard == [{"event": "step", "step": 1}, last]


def test_a_prediction_that_is_gone(talk: Talk, tmp_path: Path) -> None:
    talk.say(f"predict {tmp_path / 'none'}")
    words = talk.until("failed")["words"]
    assert "is gone" in words and str(tmp_path / "none") in words


def test_a_worker_that_hears_no_more_leaves() -> None:
    def lines() -> Iterator[tuple[str, str]]:
        yield "wait", "0"
        raise RuntimeError("can't start new thread")

    worker = Worker(Ear())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        worker.listen(lines())
    assert worker.commands.get_nowait() is None


def test_a_parent_that_does_not_read_holds_nothing(
    tmp_path: Path, forks: ForkServer | None
) -> None:
    """It lives, but its end of the pipe is full: what was trained is saved, and the worker goes."""
    run = tiny_run(tmp_path / "run", steps=100_000)
    worker = started(forks=forks)
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write("sing\n" * 4000 + f"train {run.path}\n")
        worker.stdin.flush()
        wait_for(lambda: run.log.exists() and any(m["event"] == "step" for m in run.messages()))
        worker.stdin.write("stop\nquit\n")
        worker.stdin.flush()
        assert worker.wait(START) == 0
        assert run.last["event"] == "done" and run.last["stopped"] and run.checkpoint.exists()
    finally:
        worker.kill()
        worker.wait(START)
        worker.stdin.close(), worker.stdout.close()
