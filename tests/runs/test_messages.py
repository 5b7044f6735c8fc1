"""Lines that are messages, and lines that are not."""

from __future__ import annotations

import pytest

from napari_unet.runs.messages import encode, failed, parse, read_line, warning, write_line


@pytest.mark.parametrize(
    "message",
    [
        {"event": "step", "step": 12, "of": None, "loss": 0.31},
        warning("two\nlines, Zürich"),
        failed("train", "/a path/with spaces", "why"),
    ],
)
def test_one_line_each_there_and_back(message: dict[str, object]) -> None:
    line = encode(message)
    assert "\n" not in line
    assert parse(line) == message == parse(line.encode() + b"\n")


@pytest.mark.parametrize(
    "line",
    ["", "hello", "[1, 2]", "3", '{"step": 1}', '{"event": 3}', '{"event": "st', b"\xff\xfe"],
)
def test_what_is_no_message_is_none(line: str | bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize("path", ["/a\nquit", "/a\r", '"a', '"a"', "/a b", "/h\udce9\n", ""])
def test_a_line_for_the_worker_holds_any_path(path: str) -> None:
    line = write_line(f"train {path}")
    assert line.count(b"\n") == 1
    assert read_line(line) == f"train {path}"
