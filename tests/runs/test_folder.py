"""The run folder: everything is checked first, nothing is left when it is refused."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.core.annotation import Pair
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import TrainOptions, WeightSettings
from napari_unet.runs.folder import FORMAT, create_run, open_run

from .tiny import disc_pair, rgb, tiny_run

PAIR = disc_pair()
FLOATS = PAIR.labels + 0.5
NONE = np.zeros_like(PAIR.labels)


def changed(**parts: Any) -> Pair:
    return Pair(**{**vars(PAIR), **parts})


REFUSED: dict[str, tuple[list[Pair], dict[str, Any], str]] = {
    "no labels": ([changed(labels=NONE)], {}, "no labels"),
    "known but no cell": ([changed(labels=NONE, known=NONE == 0)], {}, "at least one cell"),
    "other shape": ([changed(labels=PAIR.labels[1:])], {}, "shape"),
    "other known shape": ([changed(known=NONE[1:] == 0)], {}, "known area"),
    "known of the same size": (
        [changed(image=PAIR.image[:80], labels=PAIR.labels[:80], known=NONE[:, :80] == 0)],
        {},
        "known area",
    ),
    "fractions": ([changed(labels=FLOATS)], {}, "discs"),
    "negative": ([changed(labels=-PAIR.labels)], {}, "discs"),
    "the second is bad": ([PAIR, changed(name="b", labels=PAIR.labels[1:])], {}, "b"),
    "two kinds of channels": (
        [PAIR, changed(name="b", image=rgb(np.asarray(PAIR.image)), axes="YXC")],
        {},
        "channel",
    ),
    "cells as classes": (
        [changed(labels=np.arange(NONE.size, dtype=np.int32).reshape(NONE.shape) // 20)],
        {"labels_are": "classes"},
        "different values, which are too many for kinds of things",
    ),
    "no such base": ([PAIR], {"base": "no-such-model"}, "no-such-model"),
    "a folder as base": ([PAIR], {"base": "/"}, "/"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_nothing(name: str, tmp_path: Path) -> None:
    pairs, options, words = REFUSED[name]
    with pytest.raises(BadInput, match=words) as refused:
        create_run(tmp_path / "deep" / "run", pairs, TrainOptions(**options))
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("precious")
    with pytest.raises(BadInput, match="exists already"):
        create_run(tmp_path / "run", [PAIR])
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "mine.txt"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_unet.runs.folder.np.save", full)
    with pytest.raises(BadInput, match=r"disk with .*run is full: 0\.1 MB are needed"):
        create_run(tmp_path / "deep" / "run", [PAIR])
    assert list(tmp_path.iterdir()) == []


def test_what_it_holds(tmp_path: Path) -> None:
    stack = np.stack([np.asarray(PAIR.image)] * 3)
    labels = np.stack([NONE, PAIR.labels, NONE])
    pairs = [PAIR, Pair("stack", stack, labels, None, "ZYX")]
    run = create_run(tmp_path / "deep" / "run", pairs, TrainOptions(seed=5, steps=7, w0=3.0))
    assert {p.name for p in run.path.iterdir()} == {"run.json", "data", "checkpoint"}
    assert [p.name for p in run.path.parent.iterdir()] == ["run"]
    again = open_run(run.path)
    assert (again.options.seed, again.options.steps, again.settings.weights.w0) == (5, 7, 3.0)
    info = again.info
    assert info["format"] == FORMAT and info["seed"] == 5 and info["base"]["name"] == "default"
    assert {"python", "torch", "numpy", "napari-unet"} <= info["versions"].keys()
    assert [(e["name"], e["axes"], e["slices"]) for e in info["inputs"]] == [
        ("discs", "YX", [0]),
        ("stack", "ZYX", [1]),
    ]
    for entry, kept in zip(info["inputs"], again.pairs(), strict=True):
        assert kept.axes == "ZCYX" and kept.image.shape == (1, 1, *PAIR.labels.shape)
        assert kept.unpainted == "auto" and kept.known is not None
        assert np.array_equal(kept.known[0], PAIR.labels > 0)
        assert np.array_equal(kept.image[0, 0], PAIR.image)
        assert np.array_equal(kept.labels[0], PAIR.labels)
        for part in ("image", "labels", "known"):
            digest = hashlib.sha256(np.ascontiguousarray(getattr(kept, part)).tobytes())
            assert entry["sha256"][part] == digest.hexdigest()
    assert not again.resumable and not again.finished and again.messages() == []


def test_it_is_written_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from napari_unet.core.annotation import Pair\n"
        "from napari_unet.runs.folder import create_run, open_run\n"
        "labels = np.zeros((40, 40), np.int32); labels[9:20, 9:20] = 1\n"
        "pair = Pair('a', labels.astype(np.float32), labels, None, 'YX')\n"
        "create_run(sys.argv[1], [pair]); open_run(sys.argv[1])\n"
        "assert not {'torch', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=True)


def _without_inputs(info: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in info.items() if k != "inputs"})


NO_RUN = {
    "cut off": lambda info: json.dumps(info)[:-20],
    "a list": lambda info: json.dumps([info]),
    "other JSON": _without_inputs,
    "newer": lambda info: json.dumps({**info, "format": FORMAT + 1}),
}


@pytest.mark.parametrize("name", NO_RUN)
def test_a_folder_that_is_no_run(name: str, tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    (run.path / "run.json").write_text(NO_RUN[name](run.info))
    with pytest.raises(BadInput, match="newer" if name == "newer" else "is no run folder"):
        open_run(run.path)


def test_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(BadInput, match="is no run folder"):
            open_run(path)


def test_a_log_that_was_cut_off(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run")
    for step in range(1, 6):
        run.say({"event": "step", "step": step, "loss": 1.0})
    run.log.write_text(run.log.read_text()[:-9])
    assert [m["step"] for m in run.messages()] == [1, 2, 3, 4]
    run.rewind_log(3)
    run.say({"event": "step", "step": 4, "loss": 2.0})
    assert [(m["step"], m["loss"]) for m in run.messages()] == [(1, 1), (2, 1), (3, 1), (4, 2)]


@pytest.mark.parametrize(("axes", "order"), [("YXZ", (1, 2, 0)), ("XYZ", (2, 1, 0))])
def test_labels_follow_their_image_whatever_the_order_of_axes(
    axes: str, order: tuple[int, int, int], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 20, 20)).astype(np.int32)
    turned = labels.transpose(order)
    pair = Pair("turned", turned.astype(np.float32), turned, turned > 0, axes)
    kept = next(iter(create_run(tmp_path / "run", [pair]).pairs()))
    np.testing.assert_array_equal(kept.labels, labels)
    np.testing.assert_array_equal(kept.image[:, 0], labels)
    np.testing.assert_array_equal(kept.known, labels > 0)


@pytest.mark.parametrize("shape", [(96, 96), (1, 96, 96)])
def test_a_known_area_as_it_comes(shape: tuple[int, ...], tmp_path: Path) -> None:
    known = (PAIR.labels > 0).reshape(shape)
    for name, given in (("list", known.tolist()), ("bytes", known * np.uint8(255))):
        kept = next(iter(create_run(tmp_path / name, [changed(known=given)]).pairs()))
        np.testing.assert_array_equal(kept.known, PAIR.labels[None] > 0)


def test_a_class_that_is_painted_on_missing_pixels_only(tmp_path: Path) -> None:
    labels = np.ones((40, 40), np.int32)
    labels[:9, :9], labels[20:] = 5, 2
    image = np.where(labels == 5, np.nan, labels).astype(np.float32)
    pair = Pair("gap", image, labels, None, "YX")
    made = create_run(tmp_path / "run", [pair], TrainOptions(labels_are="classes"))
    assert made.settings.network.classes == 3


@pytest.mark.parametrize("labels_are", ["instances", "classes"])
@pytest.mark.parametrize("missing", [np.nan, np.inf, 1e300])
def test_cells_that_are_painted_on_missing_pixels_only(
    missing: float, labels_are: Any, tmp_path: Path
) -> None:
    image = np.where(np.asarray(PAIR.labels) > 0, missing, np.asarray(PAIR.image, np.float64))
    with pytest.raises(BadInput, match="pixels without a value"):
        create_run(tmp_path / "run", [changed(image=image)], TrainOptions(labels_are=labels_are))


def test_a_seed_that_was_counted_in_an_array(tmp_path: Path) -> None:
    options = TrainOptions(seed=np.int64(3), seconds=np.float32(2), base="none")  # type: ignore[arg-type]
    made = create_run(tmp_path / "run", [PAIR], options)
    assert (made.options.seed, made.options.seconds) == (3, 2.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seconds": float("inf")}, "time budget"),
        ({"seconds": float("nan")}, "time budget"),
        ({"seconds": 0.0}, "time budget"),
    ],
)
def test_numbers_that_no_training_can_have(options: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        TrainOptions(**options)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), -1.0, 1e7])
def test_weights_that_no_pixel_can_have(number: float) -> None:
    for options in ({"w0": number}, {"sigma": number}):
        with pytest.raises(BadInput, match=next(iter(options))):
            WeightSettings(**options)
