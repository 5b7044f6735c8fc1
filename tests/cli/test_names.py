"""Names of images of which no result could be written, or no one could tell whose it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tifffile

from .commands import Run, cells, snapshot

IMAGE, _ = cells()


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, IMAGE)


@pytest.mark.skipif(os.name != "posix", reason="others count paths, not names")
@pytest.mark.parametrize("out", ["new/out", "there"])
def test_a_name_too_long_for_its_result_is_told_before(
    out: str, run: Run, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    long = "x" * 246
    put(tmp_path / "d" / "a.tif", tmp_path / "d" / f"{long}.tif")
    before = snapshot(tmp_path)
    answer = run("predict", model, tmp_path / "d", "-o", tmp_path / out)
    assert answer.code == 1
    said = f"{long}_labels.tif is too long a name for a file here; give {long}.tif a shorter one"
    assert said in answer.err
    assert snapshot(tmp_path) == before


def test_two_images_of_one_name_may_go_to_two_folders(
    run: Run, model: Path, tmp_path: Path
) -> None:
    put(tmp_path / "e1" / "i.tif", tmp_path / "e2" / "i.tif")
    answer = run("predict", model, tmp_path / "e1", tmp_path / "e2", "-o", tmp_path / "out")
    assert answer.code == 1
    assert "'i'; rename one, or predict them into two folders" in answer.err
