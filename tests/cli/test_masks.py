"""A mask, or a map of classes, that is given as cells is doubted wherever labels are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.core.settings import ModelConfig, NetworkSettings
from napari_unet.core.unet import UNet
from napari_unet.files.model_file import write_model

from .commands import Run, cells, put_pair

IMAGE, LABELS = cells()
MASK = ((LABELS > 0) * 255).astype(np.uint8)
DOUBT = "20 pieces have the number 255: that is one cell; give each a number of its own"
OTHERWISE = ", or say --labels-are classes"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Three annotated images; of two the labels are masks."""
    for name, labels in (("a", MASK), ("b", MASK), ("c", np.where(LABELS == 1, 1, 0))):
        put_pair(tmp_path / "masks", name, IMAGE, labels.astype(np.uint8))
    return tmp_path / "masks"


def test_training_says_once_that_it_may_be_a_mask(
    run: Run, masks: Path, model: Path, tmp_path: Path
) -> None:
    words = ("train", masks, "--steps", 1, "--base", model, "-o")
    answer = run(*words, tmp_path / "run")
    assert f"note: a: {DOUBT} (skimage.measure.label){OTHERWISE} (1 more like it)\n" in answer.out
    assert answer.out.count("pieces have") == 1
    assert "too little" not in answer.out
    assert "too few numbers are used to hold anything out: no score before" in answer.out
    (masks / "c_labels.tif").unlink()
    answer = run(*words, tmp_path / "kinds", "--labels-are", "classes")
    assert answer.code == 0 and "pieces have" not in answer.out


def test_scores_of_masks_are_doubted(run: Run, masks: Path, model: Path, tmp_path: Path) -> None:
    answer = run("evaluate", model, masks)
    assert f"note: a: {DOUBT} (skimage.measure.label)\n" in answer.out  # the model finds cells
    put_pair(tmp_path / "data", "a", IMAGE, LABELS)
    words = ("evaluate", "--labels", masks, tmp_path / "data")
    answer = run(*words)
    assert answer.out.count("pieces have") == 1
    assert f"note: {masks / 'a_labels.tif'}: {DOUBT}" in answer.out and OTHERWISE in answer.out
    answer = run(*words, "--labels-are", "classes")
    assert answer.code == 0 and "pieces have" not in answer.out


def test_the_weights_of_a_mask_are_doubted(run: Run, masks: Path, tmp_path: Path) -> None:
    words = ("weights", masks / "a_labels.tif", "-o", tmp_path / "w.tif")
    answer = run(*words)
    assert DOUBT in answer.out and OTHERWISE in answer.out
    assert "pieces" not in run(*words, "--labels-are", "classes").out
    tifffile.imwrite(masks / "a_labels.tif", LABELS)
    assert "pieces" not in run(*words).out


def test_what_does_not_go_with_classes_is_told(run: Run, masks: Path, tmp_path: Path) -> None:
    network = NetworkSettings(classes=3, width=4, depth=2, padding="same", dropout=0.0)
    config = ModelConfig(network, labels_are="classes", class_values=(1, 255))
    kinds = tmp_path / "kinds.safetensors"
    write_model(kinds, config, UNet(network).state_dict())
    answer = run("evaluate", kinds, masks, "--labels-are", "instances")
    assert answer.code == 1 and "finds classes, not cells; leave --labels-are out" in answer.err
    for words in ((kinds,), ("--labels", masks, "--labels-are", "classes")):
        answer = run("evaluate", *words, masks, "--min-size", 5)
        assert answer.code == 1 and "--min-size is for cells, not for classes" in answer.err
        assert run("evaluate", *words, masks).code == 0
