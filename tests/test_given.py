"""What people pass in notebooks: taken as it is meant, or refused before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_unet import BadInput, Model, api, evaluate, load_model, train, weight_map
from napari_unet.core.settings import WeightSettings
from napari_unet.models import find_model
from napari_unet.runs import networks
from tests.runs.tiny import disc_pair
from tests.test_api import write_base

IMAGE, LABELS = np.asarray(disc_pair().image), disc_pair().labels
pytestmark = pytest.mark.usefixtures("few_batches")

BRIEF: dict[str, Any] = {"steps": 1, "device": "cpu"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base.safetensors")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run folder would be made; the training itself is not done."""

    def nothing(path: Path) -> Any:
        yield {"event": "done", "path": str(path)}

    monkeypatch.setattr(api, "train_run", nothing)
    monkeypatch.setattr(api, "load_model", lambda path: path)
    return tmp_path / "run"


@pytest.mark.parametrize(
    "given",
    [
        {"steps": np.int64(1)},
        {"steps": None, "seconds": np.float32(0.5)},
        {"seed": np.int64(3)},
        {"device": torch.device("cpu")},
    ],
)
def test_options_may_be_of_numpy_and_torch(given: dict[str, Any], base: Path, run: Path) -> None:
    train(iter([IMAGE]), iter([LABELS]), base=base, run=run, **{**BRIEF, **given})
    said = api.RunFolder(run).options
    assert said.base == str(base)
    assert {name: getattr(said, name) for name in given} == {
        name: str(v) if name == "device" else v for name, v in given.items()
    }


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"steps": 2.5}, r"^steps must be a whole number, not 2\.5"),
    ({"steps": "1"}, "^steps must be a whole number"),
    ({"steps": None, "seconds": "1"}, "^seconds must be a number"),
    ({"steps": None, "seconds": 10**400}, "^seconds must be a finite number"),
    ({"seed": None}, "^seed must be a whole number, not None"),
    ({"base": None}, "^base must be text, not None"),
    ({"device": None}, "no device 'None'; choose auto"),
    ({"labels_are": "cells"}, "'instances' or 'classes', not 'cells'"),
    ({"axes": ("Y", "X")}, "the axes .* are not readable; give each of Y and X once"),
    ({"known": 5}, "given as lists, not as int"),
    ({"known": [np.full(LABELS.shape, np.nan)]}, "known area of image 0: NaN is neither"),
]


@pytest.mark.parametrize(("given", "words"), BAD_OPTIONS)
def test_other_options_are_refused_before_anything_is_made(
    given: dict[str, Any], words: str, base: Path, run: Path
) -> None:
    with pytest.raises(BadInput, match=words):
        train([IMAGE], [LABELS], run=run, **{"base": str(base), **BRIEF, **given})
    assert not run.exists()


BAD_IMAGES: list[tuple[Any, str]] = [
    (IMAGE.astype(object), "image 0: object values cannot be read; numbers are needed"),
    (IMAGE.astype(complex), "image 0: complex128 values cannot be read"),
    (np.zeros(IMAGE.shape, "M8[s]"), "image 0: datetime64.s. values cannot be read"),
    ([[1], [1, 2]], "image 0: this cannot be read as an array"),
    (Path("a.tif"), "image 0: an array is needed, not a path; read the file first"),
    (np.ma.masked_greater(IMAGE, 0.5), "image 0: some pixels are masked; fill them first"),
    (np.full(IMAGE.shape, np.nan), "all that is painted lies on pixels without a value"),
    (np.where(LABELS > 0, np.inf, IMAGE), "all that is painted lies on pixels without a value"),
]


@pytest.mark.parametrize(("image", "words"), BAD_IMAGES)
def test_what_is_no_image_is_refused_before_anything_is_made(
    image: Any, words: str, base: Path, run: Path
) -> None:
    with pytest.raises(BadInput, match=words):
        train([image], [LABELS], base=str(base), run=run, **BRIEF)
    assert not run.exists()


@pytest.mark.parametrize("image", [image for image, _ in BAD_IMAGES[:6]])
def test_nor_is_it_predicted(image: Any, base: Path) -> None:
    with pytest.raises(BadInput, match=r"^the image: .*(read|masked)"):
        load_model(base).segment(image, device="cpu")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tile": -5}, "tile size must be a whole number of pixels, 0 = untiled .*, not -5"),
        ({"tile": 10**30}, "tile size must be .* at most 1000000, not 1000"),
        ({"diameter": 10**400}, "diameter must be above 0 px and at most"),
        ({"tile": 64.5}, "tile size must be a whole number"),
        ({"tile": "64"}, "tile size must be a whole number"),
        ({"diameter": "26"}, "diameter must be a number of pixels, not '26'"),
        ({"axes": ["Y", "X"]}, "the axes .* are not readable"),
    ],
)
def test_no_prediction_has_such_wishes(given: dict[str, Any], words: str, base: Path) -> None:
    with pytest.raises(BadInput, match=words):
        load_model(base).segment(IMAGE, device="cpu", **given)


def test_masked_labels_are_refused() -> None:
    masked = np.ma.masked_equal(LABELS, 3)
    for use in (lambda: weight_map(masked), lambda: evaluate(LABELS, masked)):
        with pytest.raises(BadInput, match="some pixels are masked"):
            use()
    with pytest.raises(BadInput, match="the labels of image 0: some pixels are masked"):
        train([IMAGE], [masked], **BRIEF)
    clear = np.ma.masked_array(LABELS)  # nothing is masked
    np.testing.assert_array_equal(weight_map(clear), weight_map(LABELS))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, float, list])
def test_a_region_is_where_it_is_not_0(kind: Any) -> None:
    region = np.zeros(LABELS.shape, bool)
    region[20:70, :50] = True
    moved = np.roll(LABELS, 3, axis=0)
    wanted = evaluate(LABELS, moved, region=region)
    given = region.tolist() if kind is list else 255 * region.astype(kind)
    found = evaluate(LABELS, moved, region=given)
    assert found.to_dict() == wanted.to_dict() and 0 < found.truth < len(np.unique(LABELS)) - 1


def test_misspelt_weights_are_refused() -> None:
    with pytest.raises(BadInput, match="'instances' or 'classes', not 'class'"):
        weight_map(LABELS, labels_are="class")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="presets paper and fiji, not 'Fiji'"):
        WeightSettings(preset="Fiji")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"are WeightSettings, such as .*of\('fiji'\), not 'fiji'"):
        weight_map(LABELS, settings="fiji")  # type: ignore[arg-type]
    for bounds in ({"tolerance": 0.0}, {"max_class_weight": 0.0}, {"rim_sigma": float("nan")}):
        with pytest.raises(BadInput, match=f"{next(iter(bounds))} must be"):
            weight_map(LABELS, settings=WeightSettings(**bounds))
    with pytest.raises(BadInput, match="known area: NaN is neither"):
        weight_map(LABELS, np.full(LABELS.shape, np.nan))


@pytest.mark.parametrize("weight", [1e39, -1.0, float("nan"), "1", None])
def test_class_weights_are_weights(weight: Any) -> None:
    with pytest.raises(BadInput, match=r"the weight of class 0 must be between 0 and 1e\+06, not "):
        weight_map(LABELS, class_weight={0: weight})


@pytest.mark.parametrize("given", [[1.0, 2.0], {"0": 1.0}, 3])
def test_class_weights_are_given_by_class(given: Any) -> None:
    with pytest.raises(BadInput, match="class weights are given by class"):
        weight_map(LABELS, class_weight=given)
    assert np.isfinite(weight_map(LABELS, class_weight={np.int64(0): np.float32(2), 1: 1})).all()


@pytest.mark.parametrize("size", ["3", None, -1, float("nan"), [3]])
def test_a_least_size_is_a_number_of_pixels(size: Any) -> None:
    with pytest.raises(BadInput, match="min_size must be a number of pixels, 0 or more, not"):
        evaluate(LABELS, LABELS, min_size=size)
    assert evaluate(LABELS, LABELS, min_size=np.int64(3)).found


def test_the_folder_may_change_meanwhile(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    model = train(
        [IMAGE],
        [LABELS],
        base=base.name,
        run="run",
        progress=lambda _: os.chdir(elsewhere),
        **BRIEF,
    )
    assert isinstance(model, Model)
    assert (tmp_path / "run" / "model.safetensors").exists() and not any(elsewhere.iterdir())


def test_a_tilde_is_the_home(
    base: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    kept = train([IMAGE], [LABELS], base="~/base.safetensors", run=Path("~/run"), **BRIEF)
    assert kept == run / "model.safetensors" and (run / "run.json").exists()
    networks.load_network(find_model("~/base.safetensors"), "cpu")
    Model(*networks.load_network(base, "cpu")).save("~/copy.safetensors")
    assert (tmp_path / "copy.safetensors").exists() and not list(Path().iterdir())
    with pytest.raises(BadInput, match="there is no model or file '~nobody-of-this-name/m'"):
        find_model("~nobody-of-this-name/m")


def test_a_model_to_start_from_is_named_not_given(base: Path, run: Path) -> None:
    model = Model(*networks.load_network(base, "cpu"))
    with pytest.raises(BadInput, match="base is a Model: save it and give the path of its file"):
        train([IMAGE], [LABELS], base=model, run=run, **BRIEF)  # type: ignore[arg-type]
    assert not run.exists()
