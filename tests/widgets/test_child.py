"""The worker process, seen from the window: ready, messages, death, stop, farewell."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from qtpy.QtCore import QProcess

from napari_unet.widgets import child as module
from napari_unet.widgets.child import Child


def is_event(name: str) -> Any:
    return lambda said: said["event"] == name


def test_it_starts_with_the_first_command(child: Child, qtbot: Any) -> None:
    assert child.pid == 0
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail here")
    assert child.pid > 0


def test_lines_that_are_no_messages_are_passed_over(child: Child, qtbot: Any) -> None:
    heard: list[dict[str, Any]] = []
    child.message.connect(heard.append)
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("say-nonsense")
        child.send("fail here")
    assert [said["event"] for said in heard] == ["ready", "failed"]


def test_a_path_that_is_no_text_reaches_the_worker(child: Child, qtbot: Any) -> None:
    path = os.fsdecode(b"h\xe9/run")
    with qtbot.waitSignal(
        child.message, check_params_cb=is_event("failed"), timeout=60_000
    ) as failed:
        child.send(f"fail {path}")
    assert failed.args[0]["path"] == path


def test_a_killed_worker_is_reported_and_replaced(child: Child, qtbot: Any) -> None:
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail here")
    with qtbot.waitSignal(child.died, timeout=60_000) as died:
        os.kill(child.pid, signal.SIGKILL)
    assert "killed" in died.args[0]
    assert child.pid == 0
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail again")


def test_an_error_that_ends_the_worker_is_quoted(child: Child, qtbot: Any) -> None:
    with qtbot.waitSignal(child.died, timeout=60_000) as died:
        child.send("crash")
    assert "out of luck" in died.args[0]


def test_a_program_that_is_not_there(
    child: Child, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.sys, "executable", "/nowhere/python")
    with qtbot.waitSignal(child.died, timeout=60_000) as died:
        child.send("train X")
    assert "could not be started" in died.args[0]


def test_a_start_that_fails_at_once_leaves_nothing_waiting(
    child: Child, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows says so before `start` has returned."""

    class Unable(QProcess):
        def start(self, *_: Any) -> None:
            self.errorOccurred.emit(QProcess.ProcessError.FailedToStart)

    with monkeypatch.context() as patch:
        patch.setattr(module, "QProcess", Unable)
        child.send("fail earlier")
    assert not child.busy
    with qtbot.waitSignal(
        child.message, check_params_cb=is_event("failed"), timeout=60_000
    ) as failed:
        child.send("fail now")
    assert failed.args[0]["path"] == "now"


def test_the_end_of_one_that_was_closed_is_not_that_of_the_next(
    child: Child, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a killed process takes its time to go."""

    class Slow(QProcess):
        def waitForFinished(self, _: int = 0) -> bool:
            return False

    with monkeypatch.context() as patch:
        patch.setattr(module, "QProcess", Slow)
        child.warm()
    assert child._process is not None
    assert child._process.waitForStarted(60_000)
    child.close()
    died: list[str] = []
    child.died.connect(died.append)
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail here")
    assert not died


FORGETFUL = """
import json, sys
say = lambda **message: print(json.dumps(message), flush=True)
say(event="ready")
first = sys.stdin.readline().strip()
if first == "train A":
    sys.stdin.readline(), sys.stdin.readline()
    say(event="started")
    say(event="done")
    sys.exit()
for given in (first, sys.stdin.readline().strip()):
    say(event="failed", words=given)
sys.stdin.read()
"""


def test_what_a_leaving_worker_had_not_begun_is_given_to_the_next(
    child: Child, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop may end the process, with other commands in its ears."""
    monkeypatch.setattr(module, "WORKER", ("-c", FORGETFUL))
    heard: list[dict[str, Any]] = []
    child.message.connect(heard.append)
    for command in ("train A", "predict B", "predict C"):
        child.send(command)
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].get("words") == "predict C")
    assert [m["words"] for m in heard if m["event"] == "failed"] == ["predict B", "predict C"]
    assert not child.busy


def test_stop_before_anything_was_given(child: Child) -> None:
    assert not child.stop()


def test_a_warm_worker_is_there_before_a_command(child: Child, qtbot: Any) -> None:
    with qtbot.waitSignal(child.message, check_params_cb=is_event("ready"), timeout=60_000):
        child.warm()
    pid = child.pid
    child.warm()
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail here")
    assert child.pid == pid


def test_a_worker_that_died_is_not_warmed_again_until_it_is_needed(
    child: Child, qtbot: Any
) -> None:
    with qtbot.waitSignal(child.message, check_params_cb=is_event("ready"), timeout=60_000):
        child.warm()
    with qtbot.waitSignal(child.died, timeout=60_000):
        os.kill(child.pid, signal.SIGKILL)
    child.warm()
    assert child.pid == 0
    with qtbot.waitSignal(child.message, check_params_cb=is_event("failed"), timeout=60_000):
        child.send("fail here")
    assert child.pid > 0


def test_closing_does_not_wait_for_an_idle_worker(
    child: Child, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is importing torch, say, and hears nothing: a farewell would be waited for in vain."""
    monkeypatch.setattr(module, "WORKER", ("-c", "import time; time.sleep(1e6)"))
    monkeypatch.setattr(module, "FAREWELL", 10**8)  # ms
    with qtbot.assertNotEmitted(child.died):
        child.warm()
        child.close()
    assert child.pid == 0


def test_closing_ends_the_worker(child: Child, qtbot: Any) -> None:
    with qtbot.waitSignal(child.message, check_params_cb=is_event("ready"), timeout=60_000):
        child.send("fail here")
    pid = child.pid
    with qtbot.assertNotEmitted(child.died):
        child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
