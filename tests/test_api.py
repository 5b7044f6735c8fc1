"""Python: results in the shape that was given, and nothing of importance unsaid."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import napari_unet
from napari_unet import BadInput, UNetWarning, evaluate, load_model, train, weight_map
from napari_unet.core import segment
from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import write_model
from tests.runs.tiny import disc_pair

IMAGE, LABELS = np.asarray(disc_pair().image), disc_pair().labels
pytestmark = pytest.mark.usefixtures("few_batches")

BRIEF: dict[str, Any] = {"steps": 1, "device": "cpu"}
UNHEARD: dict[str, Any] = {**BRIEF, "progress": lambda message: None}


def write_base(path: Path, **options: Any) -> Path:
    network = NetworkSettings(
        width=4, depth=2, padding="same", norm="batch", dropout=0.0, **options
    )
    net = UNet(network, torch.Generator().manual_seed(0))
    classes: dict[str, Any] = {"labels_are": "classes", "class_values": (3, 7)} if options else {}
    write_model(path, ModelConfig(network, **classes), net.state_dict())
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base.safetensors")


STACKS = [
    ((2, 3, 40, 44), "TZYX", (2, 3, 40, 44)),
    ((1, 40, 44), None, (1, 40, 44)),
    ((40, 44, 1), None, (40, 44, 1)),
    ((40, 44, 5), "YXZ", (40, 44, 5)),
    ((2, 1, 3, 40, 44), "TCZYX", (2, 3, 40, 44)),
    ((44, 40), "XY", (44, 40)),
    ((40, 44), None, (40, 44)),
]


@pytest.mark.parametrize(("shape", "axes", "expected"), STACKS)
def test_results_have_the_shape_of_the_image(
    shape: tuple[int, ...], axes: str | None, expected: tuple[int, ...], base: Path
) -> None:
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    model = load_model(base)
    labels = model.segment(image, axes=axes)
    assert labels.shape == model.predict(image, axes=axes).shape == expected


def test_a_slice_comes_back_where_it_was(base: Path) -> None:
    stack = np.stack([np.roll(IMAGE, i, 0) for i in range(6)]).reshape(2, 3, *IMAGE.shape)
    model = load_model(base)
    found, alone = model.predict(stack, axes="TZYX"), model.predict(stack[1, 2])
    np.testing.assert_array_equal(found[1, 2], alone)
    turned = model.predict(np.ascontiguousarray(IMAGE.T), axes="XY")
    np.testing.assert_array_equal(turned.T, model.predict(IMAGE))


def test_classes_stand_before_the_image(tmp_path: Path) -> None:
    model = load_model(write_base(tmp_path / "classes.safetensors", classes=3))
    stack = np.random.default_rng(0).random((2, 1, 40, 44)).astype(np.float32)
    probability, labels = model.probabilities_and_labels(stack, axes="TZYX")
    assert probability.shape == (2, 1, 3, 40, 44) and labels.shape == stack.shape
    values = np.array([0, 3, 7])[probability.argmax(axis=2)]
    np.testing.assert_array_equal(labels, values)


def test_the_ids_of_a_stack_are_unique(base: Path) -> None:
    stack = np.broadcast_to(IMAGE, (2, 2, *IMAGE.shape))
    labels = load_model(base).segment(stack, axes="TZYX")
    ids = [set(np.unique(plane).tolist()) - {0} for plane in labels.reshape(-1, *IMAGE.shape)]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_probabilities_alone_label_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def label(*_: object) -> None:
        raise AssertionError("labels were made that nobody asked for")

    monkeypatch.setattr(segment, "label_cells", label)
    assert load_model(base).predict(IMAGE).shape == IMAGE.shape


def test_many_channels_at_the_end_are_asked_about(base: Path) -> None:
    with pytest.raises(BadInput, match=r"more than one way.*axes=\"YXC\""):
        load_model(base).segment(np.zeros((64, 64, 10), np.float32))


def test_what_is_opaque_is_left_out_and_said(base: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 44, 4)).astype(np.uint8)
    image[..., 3] = 255
    said: list[str] = []
    with pytest.raises(BadInput, match="3 channels"):
        load_model(base).segment(image, warn=said.append)
    assert said == ["the fourth channel is opacity and is left out"]
    image[..., 3] = np.arange(44)
    with pytest.raises(BadInput, match="4 channels"):
        load_model(base).segment(image)


def test_an_image_without_paint_is_named(base: Path) -> None:
    with pytest.warns(UNetWarning, match="image 1 is left out: nothing is painted") as said:
        train([IMAGE, IMAGE], [LABELS, np.zeros_like(LABELS)], base=str(base), **UNHEARD)
    assert said[0].filename == __file__


def test_cells_beyond_the_known_area_count_and_are_named(base: Path, tmp_path: Path) -> None:
    known = np.zeros(LABELS.shape, np.uint8)
    known[:, :40] = 255
    run = tmp_path / "run"
    with pytest.warns(UNetWarning, match="image 0: .* beyond the known area") as said:
        train([IMAGE], [LABELS], known=[known[None]], base=str(base), run=run, **UNHEARD)
    assert said[0].filename == __file__
    kept = np.load(run / "data" / "0000_known.npy")[0]
    np.testing.assert_array_equal(kept, (known > 0) | (LABELS > 0))


def test_a_mask_given_as_cells_is_doubted(base: Path) -> None:
    mask = LABELS > 0
    with pytest.warns(UNetWarning, match="image 0: .* that is one cell; .*labels_are=") as said:
        train([IMAGE], [mask], base=str(base), **UNHEARD)
    with pytest.warns(UNetWarning, match="the prediction: .* that is one cell; give") as scored:
        evaluate(LABELS, mask)
    with pytest.warns(UNetWarning, match="that is one cell; .*labels_are=") as weighed:
        weight_map(mask)
    assert [w.filename for w in (*said, *scored, *weighed)] == [__file__] * 3
    weight_map(mask, labels_are="classes")
    train([IMAGE], [mask], labels_are="classes", base=str(base), **UNHEARD)


def test_the_warning_is_public() -> None:
    assert issubclass(napari_unet.UNetWarning, UserWarning)


def test_what_a_training_warns_of_is_heard(base: Path) -> None:
    """By whoever follows it, else as Python's warnings."""
    said: list[Any] = []
    one = np.where(LABELS == 1, 1, 0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        train([IMAGE], [one], base=str(base), **BRIEF)
    assert {w.filename for w in heard} == {__file__} and heard[0].category is UNetWarning
    train([IMAGE], [one], base=str(base), **BRIEF, progress=said.append)
    words = [m["words"] for m in said if m["event"] in ("warning", "unpainted")]
    assert [str(w.message) for w in heard] == words
    assert any("too little is annotated to hold anything out" in w for w in words)


def test_a_tensor_that_is_no_array_is_one_sentence(base: Path) -> None:
    plain = torch.from_numpy(IMAGE.astype(np.float32))
    model = load_model(base)
    assert np.array_equal(model.segment(plain), model.segment(plain.numpy()))
    with pytest.raises(BadInput, match=r"the image: this cannot be read .*requires grad"):
        model.segment(plain.requires_grad_())


def test_a_model_is_saved_over_models_only(base: Path, tmp_path: Path) -> None:
    model, mine = load_model(base), tmp_path / "cells_labels.tif"
    mine.write_bytes(b"painted")
    with pytest.raises(BadInput, match=r"cells_labels\.tif is there already and holds no model"):
        model.save(mine)
    assert mine.read_bytes() == b"painted"
    with pytest.raises(BadInput, match=r"there is no folder .*absent to write m\.safetensors in"):
        model.save(tmp_path / "absent" / "m.safetensors")
    model.save(tmp_path / "new.safetensors")
    model.save(tmp_path / "new.safetensors")
    assert (tmp_path / "new.safetensors").read_bytes() == base.read_bytes()
