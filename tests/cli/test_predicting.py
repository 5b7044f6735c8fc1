"""`predict`, `evaluate`, `weights` and `info` on images of every kind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet import BadInput, load_model
from napari_unet.core.metrics import evaluate
from napari_unet.core.weights import weight_map
from napari_unet.models import PRETRAINED, find_model, save_as

from .commands import Run, cells, put_pair, snapshot

IMAGE, LABELS = cells()
REAL = IMAGE.astype(np.float32)


def with_missing() -> np.ndarray:
    image = REAL.copy()
    image[3, 4], image[50:53, 60], image[0, 0] = np.nan, np.inf, -np.inf
    return image


IMAGES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "NaN and infinities": (with_missing(), {}),
    "all NaN": (np.full((20, 20), np.nan, np.float32), {}),
    "constant": (np.full((40, 50), 7, np.uint16), {}),
    "1x1": (IMAGE[:1, :1], {}),
    "smaller than a tile": (IMAGE[:17, :23], {}),
    "sides off the grid": (IMAGE[:61, :111], {}),
    "one row": (IMAGE[:1], {}),
    "bool": (IMAGE > 100, {}),
    "int64": (IMAGE.astype(np.int64), {}),
    "LZW": (IMAGE, {"compression": "lzw"}),
    "singleton axes": (IMAGE[None, None], {}),
    "bigtiff": (IMAGE, {"bigtiff": True}),
}


def test_a_diameter_that_changes_nothing_is_said(run: Run, model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", IMAGE)
    words = "never rescales an image: the cell diameter changes nothing"
    for given in ((), ("--diameter", 20)):
        answer = run("predict", model, tmp_path / "x.tif", "-o", tmp_path / "o", *given)
        assert answer.code == 0, answer.err
        assert (words in answer.out) == bool(given), answer.out


@pytest.mark.parametrize("name", IMAGES)
def test_predict(name: str, run: Run, model: Path, tmp_path: Path) -> None:
    image, options = IMAGES[name]
    tifffile.imwrite(tmp_path / "x.tif", image, photometric="minisblack", **options)
    answer = run(
        "predict", model, tmp_path / "x.tif", "-o", tmp_path / "o" / "p", "--probabilities"
    )
    assert answer.code == 0, answer.err
    probability = tifffile.imread(tmp_path / "o" / "p" / "x_prob.tif")
    labels = tifffile.imread(tmp_path / "o" / "p" / "x_labels.tif")
    assert probability.shape == labels.shape == image.shape[-2:]
    assert np.isfinite(probability).all() and probability.dtype == np.float32
    assert labels.dtype == np.uint16
    if image.dtype == np.float32:
        assert "missing" in answer.out
        assert not labels[~np.isfinite(image)].any()


def test_time_and_depth_stay_axes_of_their_own(run: Run, model: Path, tmp_path: Path) -> None:
    stack = np.stack([IMAGE[:40, :50]] * 6).reshape(2, 3, 40, 50)
    kind: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "TZYX"}}
    tifffile.imwrite(tmp_path / "x.tif", stack, **kind)
    answer = run("predict", model, tmp_path / "x.tif", "-o", tmp_path / "o", "--probabilities")
    assert answer.code == 0, answer.err
    for name in ("labels", "prob"):
        with tifffile.TiffFile(tmp_path / "o" / f"x_{name}.tif") as tiff:
            assert (tiff.series[0].shape, tiff.series[0].axes) == (stack.shape, "TZYX")


def test_a_fourth_channel_is_read_alike_by_header_and_pixels(
    run: Run, model: Path, tmp_path: Path
) -> None:
    image = np.dstack([IMAGE] * 4)
    for name, opacity in (("stains", IMAGE), ("picture", 255)):
        image[..., 3] = opacity
        tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="rgb", extrasamples=[0])
    words = ("predict", model, "-o", tmp_path / "o")
    assert "4 channels, one slice" in run(*words, tmp_path / "stains.tif").err
    assert "3 channels (alpha left out)" in run(*words, tmp_path / "picture.tif").err


def test_predict_leaves_a_folder_of_hand_made_labels_alone(
    run: Run, model: Path, tmp_path: Path
) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", IMAGE)
    tifffile.imwrite(tmp_path / "labels" / "a_labels.tif", LABELS)
    before = (tmp_path / "labels" / "a_labels.tif").read_bytes()
    answer = run("predict", model, tmp_path, "-o", tmp_path / "labels")
    assert answer.code == 1 and "for the labels that you made" in answer.err
    assert (tmp_path / "labels" / "a_labels.tif").read_bytes() == before


@pytest.mark.parametrize(("images", "out"), [("work", "work"), ("data", "data/labels")])
def test_predict_leaves_labels_alone_whose_image_is_a_link(
    images: str, out: str, run: Run, model: Path, tmp_path: Path
) -> None:
    for name in ("store", "work", "data/labels"):
        (tmp_path / name).mkdir(parents=True)
    tifffile.imwrite(tmp_path / "store" / "a.tif", IMAGE)
    (tmp_path / "work" / "a.tif").symlink_to(Path("..", "store", "a.tif"))
    (tmp_path / "data" / "images").symlink_to(Path("..", "store"))
    for name in ("work", "data/labels"):
        tifffile.imwrite(tmp_path / name / "a_labels.tif", LABELS)
    before = snapshot(tmp_path)
    answer = run("predict", model, tmp_path / images, "-o", tmp_path / out)
    assert answer.code == 1 and "another folder" in answer.err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["a_labels.png", "a_labels.TIF", "a_prob.tif"])
def test_predict_leaves_what_lies_beside_its_image_alone(
    name: str, run: Run, model: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    words = ("predict", model, tmp_path / "a.tif", "-o", tmp_path)
    answer = run(*words, "--probabilities")
    assert answer.code == 1 and f"{name} lies beside its image" in answer.err
    assert snapshot(tmp_path) == before
    if name == "a_prob.tif":
        assert run(*words).code == 0 and (tmp_path / name).read_text() == "mine"


def test_predict_gives_what_python_gives(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    save_as("mine", model)
    answer = run("predict", "mine", data, "-o", tmp_path / "o", "--tile", "61")
    assert answer.code == 0 and "moved" in answer.out, answer.out + answer.err
    assert "2 images read as YX: 1 channel, one slice" in answer.out
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["a_labels.tif", "b_labels.tif"]
    expected = load_model("mine").segment(tifffile.imread(data / "a.tif"), tile=61)
    assert np.array_equal(tifffile.imread(tmp_path / "o" / "a_labels.tif"), expected)


@pytest.mark.parametrize(
    "wish",
    [{"diameter": number} for number in (-3.0, 0.0, np.nan, np.inf, 1e300)]
    + [{"precision": "fp16"}, {"views": 3}],
)
def test_python_refuses_what_no_prediction_can_have(wish: dict[str, Any], model: Path) -> None:
    with pytest.raises(BadInput, match=next(iter(wish))):
        load_model(model).segment(IMAGE, **wish)


def test_as_many_views_as_are_asked_for(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    loaded, image = load_model(model), tifffile.imread(data / "a.tif")
    once, often = (loaded.predict(image, views=views) for views in (1, 4))
    assert not np.allclose(once, often, atol=1e-3)
    for words, expected in (([], often), (["--views", 4], often), (["--views", 1], once)):
        answer = run("predict", model, data, "-o", tmp_path / "o", "--probabilities", *words)
        assert answer.code == 0, answer.err
        found = tifffile.imread(tmp_path / "o" / "a_prob.tif")
        assert np.abs(found - expected).max() < 1e-2
    answer = run("predict", model, data, "-o", tmp_path / "p", "--views", 2)
    assert answer.code == 1 and "a tile has 1 or 4 views, not 2" in answer.err
    assert not (tmp_path / "p").exists()


def test_stacks(run: Run, model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.stack([IMAGE] * 3), photometric="minisblack")
    words = ("predict", model, tmp_path / "s.tif", "-o", tmp_path / "o", "--probabilities")
    answer = run(*words, "--axes", "ZYX")
    assert answer.code == 0, answer.err
    assert "ZYX: 1 channel, 3 slices" in answer.out
    stack = tifffile.imread(tmp_path / "o" / "s_labels.tif")
    assert stack.shape == (3, *IMAGE.shape)
    ids = [set(np.unique(plane)) - {0} for plane in stack]
    assert not ids[0] & ids[1] and not ids[1] & ids[2]
    assert tifffile.imread(tmp_path / "o" / "s_prob.tif").shape == (3, *IMAGE.shape)


def test_evaluate_stored_labels(run: Run, data: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    stored.mkdir()
    truth = {name: tifffile.imread(data / f"{name}_labels.tif") for name in "ab"}
    guess = {"a": truth["a"], "b": np.roll(truth["b"], 3, axis=0)}
    tifffile.imwrite(stored / "a_labels.tif", guess["a"])
    tifffile.imwrite(stored / "b.tif", guess["b"])
    file = tmp_path / "scores" / "s.json"
    answer = run("evaluate", "--labels", stored, data, "--json", file, "--min-size", 5)
    assert answer.code == 0, answer.err
    scores = json.loads(file.read_text())
    expected = {name: evaluate(truth[name], guess[name], 5).to_dict() for name in "ab"}
    assert scores["images"] == expected
    assert scores["mean"]["AP50"] == np.mean([expected[n]["AP50"] for n in "ab"])
    assert {"AP50", "F1_50", "mAP", "SEG", "PQ"} <= scores["pooled"].keys()
    assert {"ARAND", "VI", "mIoU"} <= scores["mean"].keys()
    assert scores["pooled"]["truth"] == expected["a"]["truth"] + expected["b"]["truth"]


@pytest.mark.parametrize("name", ["data/a.tif/x.json", "shut/deep/x.json"])
def test_scores_that_cannot_be_written_are_not_worked_for(
    name: str, run: Run, data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, shut = os.access, tmp_path / "shut"
    shut.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != shut and may(path, mode))
    before = snapshot(tmp_path)
    answer = run("evaluate", model, data, "--json", tmp_path / name)
    assert answer.code == 1 and len(answer.err.splitlines()) == 1 and "x.json" in answer.err
    assert answer.out == "" and snapshot(tmp_path) == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_not_utf8(model: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    for folder in ("d", "p"):
        put_pair(tmp_path / folder, name, IMAGE, LABELS)
    words: list[list[str | Path]] = [
        ["evaluate", "--labels", tmp_path / "p", tmp_path / "d", "--json", tmp_path / "s.json"],
        ["predict", model, tmp_path / "d", "-o", tmp_path / "o"],
    ]
    code = (
        "from napari_unet.cli import main\n"
        f"for command in {[[str(word) for word in command] for command in words]!r}:\n"
        "    try: main(command)\n"
        "    except SystemExit as end: print('\\fcode', end.code or 0, end='\\f')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    first, code, second, also, rest = done.stdout.split(b"\f")
    assert (code, also, rest) == (b"code 0", b"code 0", b"")
    assert b"caf\\udce9" in first and b"caf\\udce9" in second
    assert list(json.loads((tmp_path / "s.json").read_text("utf-8"))["images"]) == [name]


def test_evaluate_a_model(run: Run, data: Path, model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(data / "c.tif", IMAGE)
    answer = run("evaluate", model, data, "--json", tmp_path / "s.json")
    assert answer.code == 0, answer.err
    scores = json.loads((tmp_path / "s.json").read_text())
    assert list(scores["images"]) == ["a", "b"]
    found = load_model(model).segment(tifffile.imread(data / "a.tif"))
    truth = tifffile.imread(data / "a_labels.tif")
    assert scores["images"]["a"] == evaluate(truth, found).to_dict()


@pytest.mark.parametrize("known", [False, True])
def test_evaluate_a_stack_slice_by_slice(known: bool, run: Run, tmp_path: Path) -> None:
    truth = np.stack([LABELS * (LABELS < 4), LABELS, 0 * LABELS])
    guess = truth.copy()
    guess[1][LABELS > 0] += 100  # ids as predictions have them
    guess[2] = LABELS  # not annotated: neither right nor wrong
    for name, stack in (("d/s", truth), ("d/s_labels", truth), ("p/s_labels", guess)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        kind = {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, **kind)
    if known:
        area = np.broadcast_to(truth.any(axis=(1, 2), keepdims=True), truth.shape)
        tifffile.imwrite(tmp_path / "d" / "s_known.tif", area.astype(np.uint8), **kind)
    words = ("evaluate", "--labels", tmp_path / "p", tmp_path / "d")
    answer = run(*words, "--json", tmp_path / "s.json")
    assert answer.code == 0, answer.err
    scores = json.loads((tmp_path / "s.json").read_text())["pooled"]
    assert scores["truth"] == scores["found"] == LABELS.max() + 3
    assert scores["AP50"] == scores["SEG"] == 1 and scores["VI"] == scores["ARAND"] == 0


def test_evaluate_only_where_it_is_known(run: Run, data: Path, tmp_path: Path) -> None:
    truth = tifffile.imread(data / "a_labels.tif")
    known = np.zeros(truth.shape, np.uint8)
    known[:, :60] = 255
    tifffile.imwrite(data / "a_known.tif", known)
    tifffile.imwrite(data / "a_labels.tif", np.where(known, truth, 0).astype(np.uint16))
    stored = tmp_path / "stored"
    stored.mkdir()
    tifffile.imwrite(stored / "a.tif", truth)
    tifffile.imwrite(stored / "b.tif", tifffile.imread(data / "b_labels.tif"))
    answer = run("evaluate", "--labels", stored, data, "--json", tmp_path / "s.json")
    assert answer.code == 0, answer.err
    scores = json.loads((tmp_path / "s.json").read_text())["images"]["a"]
    assert scores["spurious"] == 0 and scores["AP50"] > 0.7


def test_evaluate_classes(run: Run, data: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    stored.mkdir()
    for name in "ab":
        values = np.where(tifffile.imread(data / f"{name}_labels.tif") > 5, 7, 1).astype(np.uint8)
        tifffile.imwrite(data / f"{name}_labels.tif", values)
        tifffile.imwrite(stored / f"{name}.tif", values)
    words = ("evaluate", "--labels", stored, data, "--labels-are", "classes")
    answer = run(*words, "--json", tmp_path / "s.json")
    assert answer.code == 0, answer.err
    assert json.loads((tmp_path / "s.json").read_text())["mean"] == {"mIoU": 1.0}


@pytest.mark.parametrize("dtype", [bool, "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4"])
def test_weights_of_every_label_type(dtype: Any, run: Run, tmp_path: Path) -> None:
    labels = LABELS.astype(dtype)
    tifffile.imwrite(tmp_path / "l.tif", labels[None], compression="lzw", photometric="minisblack")
    answer = run("weights", tmp_path / "l.tif", "-o", tmp_path / "deep" / "w.tif")
    assert answer.code == 0, answer.err
    expected = weight_map(labels.astype(int))
    assert np.array_equal(tifffile.imread(tmp_path / "deep" / "w.tif"), expected)


def test_weights_options(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "l.tif", LABELS)
    tifffile.imwrite(tmp_path / "k.tif", (LABELS > 0).astype(np.uint8))
    words = ("weights", tmp_path / "l.tif", "-o", tmp_path / "w.tif")
    assert run(*words, "--known", tmp_path / "k.tif").code == 0
    assert not tifffile.imread(tmp_path / "w.tif")[LABELS == 0].any()
    assert run(*words, "--preset", "fiji", "--w0", 5, "--sigma", 3).code == 0
    assert tifffile.imread(tmp_path / "w.tif").max() < 7
    tifffile.imwrite(tmp_path / "k2.tif", LABELS[1:])
    before = snapshot(tmp_path)
    assert run(*words, "--known", tmp_path / "k2.tif").code == 1
    assert snapshot(tmp_path) == before


def test_an_image_given_as_labels_is_doubted(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "photo.tif", IMAGE)
    tifffile.imwrite(tmp_path / "labels.tif", LABELS)
    words = ("-o", tmp_path / "w.tif")
    answer = run("weights", tmp_path / "photo.tif", *words)
    assert answer.code == 0 and "photo.tif: " in answer.out
    assert "is this an image instead of its labels?" in answer.out
    assert "note" not in run("weights", tmp_path / "labels.tif", *words).out
    put_pair(tmp_path / "d", "photo", IMAGE, LABELS)
    answer = run("evaluate", "--labels", tmp_path, tmp_path / "d")
    assert answer.code == 0 and "is this an image instead of its labels?" in answer.out
    tifffile.imwrite(tmp_path / "photo.tif", np.dstack([IMAGE] * 3), photometric="rgb")
    answer = run("weights", tmp_path / "photo.tif", *words)
    assert answer.code == 1 and "photo.tif is a colour image; labels hold one number" in answer.err


def test_what_is_painted_beyond_the_known_area_counts(run: Run, tmp_path: Path) -> None:
    known = np.zeros(LABELS.shape, np.uint8)
    known[:, :50] = 1
    put_pair(tmp_path / "d", "a", IMAGE, LABELS)
    for path in (tmp_path / "d" / "a_known.tif", tmp_path / "k.tif"):
        tifffile.imwrite(path, known)
    note = "cells reach beyond the known area; what is painted counts there, too"
    answer = run(
        "weights", tmp_path / "d" / "a_labels.tif", "--known", tmp_path / "k.tif",
        "-o", tmp_path / "w.tif",
    )  # fmt: skip
    assert note in answer.out
    expected = weight_map(LABELS, (known > 0) | (LABELS > 0))
    assert np.array_equal(tifffile.imread(tmp_path / "w.tif"), expected)
    (tmp_path / "d" / "p").mkdir()
    tifffile.imwrite(tmp_path / "d" / "p" / "a_labels.tif", LABELS)
    answer = run("evaluate", "--labels", tmp_path / "d" / "p", tmp_path / "d")
    assert f"note: a: {len(np.unique(LABELS * (known == 0))) - 1} {note}" in answer.out
    assert f"{LABELS.max()} of {LABELS.max()} cells found" in answer.out


def test_seventy_thousand_ids(run: Run, tmp_path: Path) -> None:
    side = 265
    ids = np.arange(1, side * side + 1, dtype=np.int32).reshape(side, side)
    labels = np.zeros((side * 3, side * 3), np.int32)
    labels[::3, ::3] = labels[1::3, ::3] = labels[::3, 1::3] = ids
    (tmp_path / "d").mkdir()
    (tmp_path / "p").mkdir()
    tifffile.imwrite(tmp_path / "d" / "a.tif", (labels > 0).astype(np.uint8))
    tifffile.imwrite(tmp_path / "d" / "a_labels.tif", labels)
    tifffile.imwrite(tmp_path / "p" / "a_labels.tif", labels)
    answer = run("evaluate", "--labels", tmp_path / "p", tmp_path / "d")
    assert answer.code == 0, answer.err
    assert f"{side * side} of {side * side} cells found" in answer.out


def test_info_on_the_general_model_says_all_of_its_card(run: Run) -> None:
    path = find_model("default")
    answer = run("info", "default")
    assert answer.code == 0
    assert path.with_suffix(".md").read_text().strip() in answer.out
    assert answer.out.count(hashlib.sha256(path.read_bytes()).hexdigest()) == 2


def test_the_help_of_evaluate_asks_for_what_it_takes(run: Run) -> None:
    answer = run("evaluate", "--help")
    assert "[OPTIONS] {MODEL|DATA} [DATA]" in answer.out and "leave it out" not in answer.out
    assert "with --labels, DATA and nothing else" in " ".join(answer.out.replace("│", "").split())


def test_the_model_that_ships_has_one_name(run: Run, tmp_path: Path) -> None:
    assert PRETRAINED == "pretrained model"
    for command in ("predict", "train", "evaluate", "info"):
        said = " ".join(run(command, "--help").out.replace("│", " ").split())
        assert "default (the pretrained model)" in said
    assert "default (the pretrained model)" in run("info", "nuclie").err
    assert run("info", "default").out.count("general model") == 0


def test_info(run: Run, model: Path) -> None:
    answer = run("info", model)
    assert answer.code == 0 and "instances" in answer.out and "width 4" in answer.out
    assert run("--version").out.startswith("napari-unet ")
    assert "predict" in run("--help").out
