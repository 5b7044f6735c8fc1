"""Button, Python and command line: the same labels, and the same class maps."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet.api import load_model
from napari_unet.cli import main
from napari_unet.core.annotation import Pair
from napari_unet.runs.folder import RunFolder
from napari_unet.runs.jobs import create_job
from napari_unet.runs.train import train_run

from .tiny import Talk, disc_pair, rgb, tiny_run

GREY = np.asarray(disc_pair(side=300).image)
STACK = np.stack([np.asarray(disc_pair(side=200, seed=s).image) for s in range(3)])
KINDS: dict[str, tuple[np.ndarray, str, dict[str, Any]]] = {
    "2D": (GREY, "YX", {}),
    "RGB": (rgb(GREY), "YXC", {}),
    "stack": (STACK, "ZYX", {}),
    "classes": (rgb(GREY), "YXC", {"labels_are": "classes"}),
}


def trained(name: str, folder: Path) -> RunFolder:
    """A model for a kind of image, trained until there is something to see."""
    _, axes, options = KINDS[name]
    pair = disc_pair(side=160)
    image, labels = np.asarray(pair.image), pair.labels
    if axes == "YXC":
        pair = Pair(name, rgb(image), labels, None, axes)
    if options:
        pair = Pair(name, rgb(image), np.where(labels > 4, 7, labels > 0), None, axes)
    run = tiny_run(folder / "run", pairs=[pair], steps=30, held_out=0.2, **options)
    list(train_run(run.path))
    return run


@pytest.fixture(scope="module")
def worker(forks: Any) -> Any:
    talk = Talk(forks=forks)  # has one thread, as this process: sums are added in the same order
    yield talk
    talk.close()


@pytest.mark.parametrize("name", KINDS)
def test_the_same_by_all_three_ways(name: str, worker: Talk, tmp_path: Path) -> None:
    image, axes, _ = KINDS[name]
    model = trained(name, tmp_path).model
    by_python = load_model(model).segment(image, axes=axes)

    job = create_job(tmp_path / "job", image, axes=axes, model=model, first=(90, 180, 100, 190))
    worker.say(f"predict {job.path}")
    assert worker.until(lambda m: m["event"] in ("done", "failed"))["event"] == "done"
    by_button = job.labels()

    file = tmp_path / "a.tif"
    tifffile.imwrite(file, image, photometric="rgb" if "C" in axes else "minisblack")
    with contextlib.suppress(SystemExit):
        main(["predict", str(model), str(file), "-o", str(tmp_path / "out"), "--axes", axes])
    by_command = tifffile.imread(tmp_path / "out" / "a_labels.tif")

    found = set(np.unique(by_python))
    assert found <= {0, 1, 7} if name == "classes" else len(found) > 5
    assert 0 < (by_python > 0).mean() < 0.9
    assert by_python.shape == (image.shape if axes == "ZYX" else image.shape[:2])
    assert np.array_equal(by_button.reshape(by_python.shape), by_python)
    assert np.array_equal(by_command, by_python)
