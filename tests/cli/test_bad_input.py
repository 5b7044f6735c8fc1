"""Every bad input: exit code, exactly one line on stderr, nothing left behind or changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from .commands import Run, cells, put_pair, snapshot

Make = Callable[[Path], list[object]]
IMAGE, LABELS = cells()
CUT_TO = 0.9


def _train(labels: np.ndarray, image: np.ndarray = IMAGE, *more: object) -> Make:
    """A folder with one pair, to be trained on."""

    def make(folder: Path) -> list[object]:
        put_pair(folder / "one", "a", image, labels)
        return ["train", folder / "one", "-o", folder / "run", "--steps", 1, *more]

    return make


def _words(*words: object) -> Make:
    """Words as they stand; those that begin with @ are paths in the folder."""

    def made(folder: Path, word: object) -> object:
        return folder / word[1:] if isinstance(word, str) and word[:1] == "@" else word

    return lambda folder: [made(folder, word) for word in words]


def _cut(folder: Path) -> list[object]:
    whole = (folder / "m.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: int(len(whole) * CUT_TO)])
    return ["predict", folder / "cut.safetensors", folder / "data", "-o", folder / "out"]


def _pickle(folder: Path) -> list[object]:
    torch.save({"a": torch.zeros(3)}, folder / "p.safetensors")
    return ["predict", folder / "p.safetensors", folder / "data", "-o", folder / "out"]


def _cut_image(folder: Path) -> list[object]:
    tifffile.imwrite(folder / "c.tif", IMAGE)
    (folder / "c.tif").write_bytes((folder / "c.tif").read_bytes()[:-100])
    return ["predict", folder / "m.safetensors", folder / "c.tif", "-o", folder / "out"]


def _existing_run(folder: Path) -> list[object]:
    (folder / "run").mkdir()
    return ["train", folder / "data", "-o", folder / "run", "--steps", 1]


def _two_of_one_name(folder: Path) -> list[object]:
    shutil.copy(folder / "data" / "a.tif", folder / "data" / "a.tiff")
    return ["train", folder / "data", "-o", folder / "run", "--steps", 1]


def _missing_prediction(folder: Path) -> list[object]:
    (folder / "stored").mkdir()
    shutil.copy(folder / "data" / "a_labels.tif", folder / "stored")
    return ["evaluate", "--labels", folder / "stored", folder / "data"]


def _wrong_prediction(folder: Path) -> list[object]:
    for name in ("a", "b"):
        (folder / "stored").mkdir(exist_ok=True)
        tifffile.imwrite(folder / "stored" / f"{name}_labels.tif", LABELS[:-1])
    return ["evaluate", "--labels", folder / "stored", folder / "data", "--json", folder / "s.json"]


def _no_model_run(folder: Path) -> list[object]:
    (folder / "empty").mkdir()
    return ["resume", folder / "empty"]


def _hand_made_labels(folder: Path) -> list[object]:
    return ["predict", folder / "m.safetensors", folder / "data", "-o", folder / "data"]


def _colour(folder: Path) -> list[object]:
    tifffile.imwrite(folder / "rgb.tif", np.dstack([IMAGE] * 3), photometric="rgb")
    return ["predict", folder / "m.safetensors", folder / "rgb.tif", "-o", folder / "out"]


def _planes(folder: Path) -> list[object]:
    tifffile.imwrite(folder / "p.tif", np.stack([IMAGE] * 3), photometric="minisblack")
    return ["predict", folder / "m.safetensors", folder / "p.tif", "-o", folder / "out"]


def _dead_link(command: str, below: str = "") -> Make:
    def make(folder: Path) -> list[object]:
        (folder / "link").symlink_to("nowhere")
        given = [folder / "m.safetensors"] if command == "predict" else []
        return [command, *given, folder / "data", "-o", folder / "link" / below]

    return make


def _samples_again(folder: Path) -> list[object]:
    (folder / "s").mkdir()
    (folder / "s" / "fluorescence_2_labels.tif").write_text("mine")
    return ["samples", "-o", folder / "s"]


def _slices(folder: Path) -> list[object]:
    planes = np.stack([IMAGE] * 3)  # which tifffile takes for colours if nobody says what they are
    tifffile.imwrite(folder / "p.tif", planes, photometric="rgb", planarconfig="separate")
    return ["predict", folder / "m.safetensors", folder / "p.tif", "-o", folder / "out"]


def _stack_of_labels(folder: Path) -> list[object]:
    stack = np.stack([LABELS] * 3)
    tifffile.imwrite(folder / "s_labels.tif", stack, photometric="minisblack")
    return ["weights", folder / "s_labels.tif", "-o", folder / "w.tif"]


PREDICT = ("predict", "@m.safetensors")
BAD: dict[str, tuple[Make, str]] = {
    "no labels at all": (_train(LABELS * 0), "label"),
    "another shape": (_train(LABELS[:-1]), "shape"),
    "fractions": (_train(LABELS + 0.5), "fractions"),
    "not a number": (_train(np.full(LABELS.shape, np.nan)), "whole numbers"),
    "negative ids": (_train(-LABELS.astype(np.int32)), "negative"),
    "ambiguous planes": (_train(LABELS, np.stack([IMAGE] * 3)), "--axes"),
    "slices for a grey model": (_slices, "if these are slices, say --axes ZYX"),
    "axes that do not fit": (_train(LABELS, IMAGE, "--axes", "ZYX"), "ZYX"),
    "cuda without one": (_train(LABELS, IMAGE, "--device", "cuda"), "cuda"),
    "a device unheard of": (_train(LABELS, IMAGE, "--device", "abacus"), "abacus"),
    "an unknown base": (_train(LABELS, IMAGE, "--base", "nuclie"), "nuclie"),
    "a negative weight": (_train(LABELS, IMAGE, "--w0", "-1"), "w0"),
    "sigma 0": (_train(LABELS, IMAGE, "--sigma", "0"), "sigma"),
    "no pairs": (_words("train", "@", "-o", "@run"), "NAME_labels"),
    "no folder": (_words("train", "@absent", "-o", "@run"), "absent"),
    "a file as folder": (_words("train", "@m.safetensors", "-o", "@run"), "folder"),
    "a run that exists": (_existing_run, "exists"),
    "a link that leads nowhere as run": (_dead_link("train"), "link is a link that leads nowhere"),
    "one for results": (_dead_link("predict"), "link is a link that leads nowhere"),
    "one above the results": (_dead_link("predict", "o"), "link is a link that leads nowhere"),
    "two images of one name": (_two_of_one_name, "one name"),
    "a truncated model": (_cut, "cut off"),
    "a pickle": (_pickle, "pickle"),
    "an unknown model": (_words("predict", "nuclie", "@data", "-o", "@out"), "nuclie"),
    "no image file": (_words(*PREDICT, "@absent.tif", "-o", "@out"), "absent"),
    "not an image": (_words(*PREDICT, "@m.safetensors", "-o", "@out"), "not an image"),
    "a truncated image": (_cut_image, "cut off"),
    "a file as output": (_words(*PREDICT, "@data", "-o", "@data/a.tif"), "folder"),
    "predict with cuda": (_words(*PREDICT, "@data", "-o", "@out", "--device", "cuda"), "cuda"),
    "an endless diameter": (_words(*PREDICT, "@data", "-o", "@out", "--diameter", "inf"), "inf"),
    "an endless tile": (_words(*PREDICT, "@data", "-o", "@out", "--tile", "9" * 30), "tile size"),
    "colour for a grey model": (_colour, "channel"),
    "planes without meaning": (_planes, "--axes"),
    "labels beside their image": (_hand_made_labels, "another folder"),
    "no run folder": (_no_model_run, "run folder"),
    "samples over what is there": (_samples_again, "another folder"),
    "samples into a file": (_words("samples", "-o", "@data/a.tif"), "folder"),
    "a run called default": (_words("train", "@data", "-o", "default"), "name the run otherwise"),
    "no run": (_words("resume", "@absent"), "run folder"),
    "info on nothing": (_words("info", "@absent"), "absent"),
    "info on a folder": (_words("info", "@data"), "run folder"),
    "missing predictions": (_missing_prediction, "b_labels.tif"),
    "predictions of another shape": (_wrong_prediction, "shape"),
    "no predictions folder": (_words("evaluate", "--labels", "@absent", "@data"), "absent"),
    "axes that cannot be scored": (
        _words("evaluate", "@m.safetensors", "@data", "--axes", "XY"),
        "last axes are Y and X",
    ),
    "a negative seed": (_train(LABELS, IMAGE, "--seed", "-1"), "seed"),
    "steps without end": (
        _words("train", "@data", "-o", "@run", "--steps", 2 * 10**9),
        "steps must be from 1 to 1e+09",
    ),
    "evaluate cells as classes": (
        _words("evaluate", "@m.safetensors", "@data", "--labels-are", "classes"),
        "finds cells, not classes",
    ),
    "a run in a file": (_words("train", "@data", "-o", "@data/a.tif/run", "--steps", 1), "run: "),
    "evaluate an unknown model": (_words("evaluate", "nuclie", "@data"), "nuclie"),
    "weights of no file": (_words("weights", "@absent.tif", "-o", "@w.tif"), "absent"),
    "weights of a stack": (_stack_of_labels, "s_labels.tif is a stack of 3 slices"),
    "weights as PNG": (_words("weights", "@data/a_labels.tif", "-o", "@w.png"), "TIFF"),
    "weights over the labels": (
        _words("weights", "@data/a_labels.tif", "-o", "@data/a_labels.tif"),
        "input itself",
    ),
    "weights, sigma 0": (
        _words("weights", "@data/a_labels.tif", "-o", "@w.tif", "--sigma", "0"),
        "sigma",
    ),
    "weights beyond all measure": (
        _words("weights", "@data/a_labels.tif", "-o", "@w.tif", "--w0", "1e300"),
        "w0 must be between 0 and 1e+06",
    ),
    "a mistyped command": (_words("trian"), "trian"),
    "open what is not there": (_words("open", "@absent.tif"), "absent"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str, run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    make, word = BAD[case]
    if "cuda" in case and torch.cuda.is_available():
        pytest.skip("there is a cuda device here")
    words = make(tmp_path)
    before = snapshot(tmp_path)
    answer = run(*words)
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1 and "Traceback" not in answer.err, answer.err
    assert word in answer.err
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder in which somebody works")
def test_a_working_folder_that_is_gone_is_told(
    run: Run, data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    answer = run("predict", model, data, "-o", "out")
    assert answer.code == 1 and "in which this was started is no longer there" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("train",),
        ("train", "@data"),
        ("train", "@data", "-o", "@run", "--steps", "0"),
        ("train", "@data", "-o", "@run", "--steps", "1", "--seconds", "1"),
        ("train", "@data", "-o", "@run", "--preset", "best"),
        ("train", "@data", "-o", "@run", "--held-out", "0.9"),
        ("predict", "@m.safetensors", "-o", "@out"),
        ("predict", "@m.safetensors", "@data", "-o", "@out", "--tile", "0"),
        ("evaluate", "@data"),
        ("evaluate", "@m.safetensors", "@data", "--labels", "@data"),
        ("weights",),
        ("info",),
        ("--unheard-of",),
    ],
)
def test_wrong_usage(words: tuple[str, ...], run: Run, data: Path, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    assert run(*_words(*words)(tmp_path)).code == 2
    assert snapshot(tmp_path) == before


def test_no_display(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    for words in ((), ("open",), ("demo", "-o", tmp_path / "demo")):
        answer = run(*words)
        assert (answer.code, len(answer.err.splitlines())) == (1, 1)
        assert "display" in answer.err
    assert not (tmp_path / "demo").exists()


def test_headless_without_xvfb(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda _: None)
    answer = run("demo", "-o", tmp_path / "demo", "--headless")
    assert (answer.code, len(answer.err.splitlines())) == (1, 1) and "xvfb-run" in answer.err
    assert not (tmp_path / "demo").exists()
