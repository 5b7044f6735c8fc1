"""Bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from napari_unet.cli import main, words
from napari_unet.cli.words import predicted_tiles, say_readings, training_steps


def step(number: int, **more: Any) -> dict[str, Any]:
    message = {"event": "step", "step": number, "of": 40, "loss": 0.25, "seconds": 1.0, "left": 3.0}
    return message | more


@pytest.fixture(params=[False, True], ids=["plain", "terminal"])
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(words, "_is_terminal", lambda: request.param)
    return bool(request.param)


def test_steps(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with training_steps() as shown:
        shown.show(step(1))
        shown.show(step(2, of=None))
        shown.show(step(3, of=None, left=None))
        shown.line("12 of 14 [held-out] cells found")
    out = capsys.readouterr().out
    assert "12 of 14 [held-out] cells found" in out
    if not terminal:  # the second and third step come within five seconds
        assert out.splitlines()[0] == "step 1 of 40: loss 0.250, 3 s left" and "step 2" not in out


@pytest.mark.usefixtures("terminal")
def test_tiles(capsys: pytest.CaptureFixture[str]) -> None:
    with predicted_tiles(2) as shown:
        for name in ("a.tif", "b.tif"):
            shown.start(name)
            shown.tile(1, 2)
            shown.tile(2, 2)
            shown.line(f"{name}: 3 cells")
    assert "b.tif: 3 cells" in capsys.readouterr().out


def test_readings(capsys: pytest.CaptureFixture[str]) -> None:
    say_readings(["YX: 1 channel", "ZYX: 3 slices", "YX: 1 channel"])
    assert capsys.readouterr().out == (
        "2 images read as YX: 1 channel\n1 image read as ZYX: 3 slices\n"
    )


EVIL = "[/]\x1b]0;title\x07\x1b[2J\u202egnp.tif"


def test_names_that_a_terminal_would_obey(
    terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with predicted_tiles(1) as shown:
        shown.start(EVIL)
        shown.tile(1, 2)
        shown.line(f"{EVIL}: done")
    with training_steps() as steps:
        steps.line(EVIL)
    words.say(f"{EVIL}\tand\nmore\u2028words")
    out = capsys.readouterr().out
    assert (
        "\x1b]0" not in out and "\x1b[2J" not in out and "\u202e" not in out and "\x07" not in out
    )
    assert out.count(r"[/]\x1b]0;title\x07") >= 3 and "\tand\\nmore\\u2028words" in out


def test_an_error_that_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["info", f"no{EVIL}"])
    assert "\x1b" not in capsys.readouterr().err
