"""No command writes over what somebody may have made by hand; what it wrote itself it renews."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from napari_unet import BadInput, load_model, widgets
from napari_unet.cli import scoring
from napari_unet.files.images import COMPUTED, is_computed, write_labels

from .commands import Run, cells, put_pair, snapshot

IMAGE, LABELS = cells((24, 24))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    tifffile.imwrite(tmp_path / "raw" / "a.tif", IMAGE)
    return tmp_path / "raw"


@pytest.mark.parametrize("name", ["a_labels.tif", "a_prob.tif"])
def test_a_prediction_spares_what_it_has_not_written(
    name: str, run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    made = tmp_path / "annotations"
    made.mkdir()
    tifffile.imwrite(made / name, LABELS)
    before = snapshot(made)
    answer = run("predict", model, raw, "-o", made, "--probabilities")
    assert answer.code == 1 and f"{name} is there already" in answer.err
    assert snapshot(made) == before


def test_a_prediction_that_was_corrected_by_hand_is_spared(
    run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    words, out = ("predict", model, raw, "-o", tmp_path / "o"), tmp_path / "o" / "a_labels.tif"
    assert run(*words).code == 0 and is_computed(out)
    assert run(*words).code == 0, "its own results are renewed"
    write_labels(out, tifffile.imread(out))  # as the panel exports
    assert not is_computed(out)
    before = out.read_bytes()
    assert run(*words).code == 1 and out.read_bytes() == before


def test_a_result_that_was_edited_by_a_program_that_keeps_tags_is_spared(
    run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    words, out = ("predict", model, raw, "-o", tmp_path / "o"), tmp_path / "o" / "a_labels.tif"
    assert run(*words).code == 0
    with PIL.Image.open(out) as picture:
        picture.putpixel((3, 3), 77)
        picture.save(out)
    with tifffile.TiffFile(out) as tiff:
        assert tiff.pages.first.software.startswith(COMPUTED)  # type: ignore[union-attr]
    before = out.read_bytes()
    answer = run(*words)
    assert answer.code == 1 and "may be made by hand" in answer.err
    assert out.read_bytes() == before


@pytest.mark.parametrize("name", ["a_labels.tif", "a_prob.tif"])
def test_results_of_another_image_are_spared(
    name: str, run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    words = ("predict", model, raw, "-o", tmp_path / "o", "--probabilities")
    assert run(*words).code == 0
    (tmp_path / "second").mkdir()
    tifffile.imwrite(tmp_path / "second" / "a.tif", IMAGE.T)
    other = (tmp_path / "o" / name).rename(tmp_path / name)
    (tmp_path / "o").rename(tmp_path / "both")
    (tmp_path / "o").mkdir()
    other.rename(tmp_path / "o" / name)
    before = snapshot(tmp_path / "o")
    answer = run("predict", model, tmp_path / "second", *words[3:])
    assert answer.code == 1 and f"{name} is there already and is the result of" in answer.err
    assert snapshot(tmp_path / "o") == before


def test_results_of_an_image_that_was_moved_or_changed_are_renewed(
    run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    rest = ("-o", tmp_path / "o")
    assert run("predict", model, raw, *rest).code == 0
    moved = raw.rename(tmp_path / "moved")
    assert run("predict", model, moved, *rest).code == 0
    tifffile.imwrite(moved / "a.tif", IMAGE.T)
    assert run("predict", model, moved, *rest).code == 0
    earlier = tmp_path / "o" / "a_labels.tif"  # as it was written when no image was told
    write_labels(earlier, tifffile.imread(earlier), computed=True)
    assert run("predict", model, moved, *rest).code == 0


def test_what_was_made_by_hand_meanwhile_is_spared(tmp_path: Path) -> None:
    """A prediction of many images takes long."""
    write_labels(tmp_path / "a_labels.tif", LABELS)
    before = snapshot(tmp_path)
    with pytest.raises(BadInput, match="may be made by hand"):
        write_labels(tmp_path / "a_labels.tif", LABELS, computed=True)
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own")
def test_links_stay_links(run: Run, model: Path, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "store").mkdir()
    names = {"labels": "o/a_labels.tif", "scores": "s.json", "model": "n.safetensors"}
    put_pair(tmp_path / "data", "a", IMAGE, LABELS)
    write_labels(tmp_path / "store" / "labels", LABELS, computed=True)
    (tmp_path / "store" / "scores").write_text('{"pooled": {}}')
    (tmp_path / "store" / "model").write_bytes(model.read_bytes())
    for there, name in names.items():
        (tmp_path / name).symlink_to(tmp_path / "store" / there)
    before = snapshot(tmp_path / "store")
    load_model(tmp_path / "n.safetensors").save(tmp_path / "n.safetensors")
    scores = ("--labels", tmp_path / "data", tmp_path / "data", "--json", tmp_path / "s.json")
    assert run("evaluate", *scores).code == 0
    write_labels(tmp_path / "o" / "a_labels.tif", 2 * LABELS)
    assert all((tmp_path / name).is_symlink() for name in names.values())
    after = snapshot(tmp_path / "store")
    assert after.keys() == before.keys() and after["labels"] != before["labels"]
    assert after["scores"] != before["scores"]


def test_a_weight_map_spares_labels_and_images(run: Run, tmp_path: Path) -> None:
    put_pair(tmp_path, "a", IMAGE, LABELS)
    put_pair(tmp_path, "b", IMAGE, LABELS)
    before = snapshot(tmp_path)
    for name in ("b_labels.tif", "a.tif"):
        answer = run("weights", tmp_path / "a_labels.tif", "-o", tmp_path / name)
        assert answer.code == 1 and f"{name} is there already" in answer.err
    assert snapshot(tmp_path) == before
    for _ in range(2):
        assert run("weights", tmp_path / "a_labels.tif", "-o", tmp_path / "w.tif").code == 0


def test_scores_spare_all_other_files(run: Run, tmp_path: Path) -> None:
    put_pair(tmp_path, "a", IMAGE, LABELS)
    (tmp_path / "other.json").write_text('{"mine": 1}')
    before = snapshot(tmp_path)
    words = ("evaluate", "--labels", tmp_path, tmp_path, "--json")
    for name in ("a_labels.tif", "other.json"):
        answer = run(*words, tmp_path / name)
        assert answer.code == 1 and f"{name} is there already" in answer.err
    assert snapshot(tmp_path) == before
    for _ in range(2):
        assert run(*words, tmp_path / "scores.json").code == 0


def test_scores_spare_what_was_written_meanwhile(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pair(tmp_path, "a", IMAGE, LABELS)
    json, mine = tmp_path / "s.json", '{"mine": 1}'
    monkeypatch.setattr(scoring, "say_notes", lambda *_: json.write_text(mine))
    answer = run("evaluate", "--labels", tmp_path, tmp_path, "--json", json)
    assert answer.code == 1 and "s.json is there already" in answer.err
    assert json.read_text() == mine


def test_empty_files_are_filled(run: Run, model: Path, raw: Path, tmp_path: Path) -> None:
    """As `mktemp` makes them for a script."""
    put_pair(tmp_path, "a", IMAGE, LABELS)
    names = [tmp_path / name for name in ("s.json", "w.tif", "n.safetensors", "o/a_labels.tif")]
    (tmp_path / "o").mkdir()
    for path in names:
        path.touch()
    scores = ("--labels", tmp_path, tmp_path, "--json", names[0])
    assert run("evaluate", *scores).code == 0
    assert run("weights", tmp_path / "a_labels.tif", "-o", names[1]).code == 0
    load_model(model).save(names[2])
    assert run("predict", model, raw, "-o", tmp_path / "o").code == 0
    assert all(path.stat().st_size for path in names)


@pytest.mark.parametrize("name", ["a_labels.png", "a_labels.npy", "zell\u00e9_labels.tif"])
def test_a_prediction_has_no_rival(
    name: str, run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    """Of two files of one name nobody knows which is meant."""
    tifffile.imwrite(raw / "zelle\u0301.tif", IMAGE)
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / name).write_text("mine")
    before = snapshot(tmp_path)
    answer = run("predict", model, raw, "-o", tmp_path / "o")
    assert answer.code == 1 and "is there already" in answer.err
    assert snapshot(tmp_path) == before


def test_predictions_whose_names_differ_by_capitals_are_not_mixed_up(
    run: Run, model: Path, raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    tifffile.imwrite(tmp_path / "other" / "A.tif", IMAGE)
    answer = run("predict", model, raw, tmp_path / "other", "-o", tmp_path / "o")
    assert answer.code == 1 and "have one name but for capitals" in answer.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["scores.json", "01-image.png"])
def test_a_demo_spares_other_files(name: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    answer = run("demo", "-o", tmp_path, "--headless")
    assert answer.code == 1 and f"{name} is there already" in answer.err
    assert (tmp_path / name).read_text() == "mine"


def test_of_two_predictions_of_one_name_none_is_chosen(
    run: Run, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    for name in ("a_labels.tif", "b_labels.tif", "c.tif"):
        tifffile.imwrite(tmp_path / "p" / name, LABELS)
    np.save(tmp_path / "p" / "a_labels.npy", LABELS)
    answer = run("evaluate", "--labels", tmp_path / "p", data)
    assert answer.code == 1 and "a_labels.npy and a_labels.tif have one name" in answer.err


def test_files_that_are_alone_are_told_with_the_scores(run: Run, data: Path) -> None:
    tifffile.imwrite(data / "z_labels.tif", LABELS)
    answer = run("evaluate", "--labels", data, data)
    assert answer.code == 0
    assert "1 label file without an image passed over (z_labels.tif)" in answer.out


@pytest.mark.parametrize("lone", ["z_labels.tif", "z_known.tif"])
def test_files_that_are_alone_are_told_where_a_folder_is_opened(
    lone: str, run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a name that was mistyped all would be painted once more."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    opened = list[object]()
    monkeypatch.setitem(vars(widgets), "open_viewer", lambda *a, **_: opened.append(a[0]))
    assert run("open", data).out == ""
    tifffile.imwrite(data / lone, LABELS)
    answer = run("open", data)
    assert answer.code == 0 and f"passed over ({lone})" in answer.out
    assert set(opened) == {data}


def test_a_card_in_another_encoding(run: Run, model: Path) -> None:
    model.with_suffix(".md").write_bytes("Zellkerne, gefärbt".encode("latin-1"))
    answer = run("info", model)
    assert answer.code == 0 and "Zellkerne, gef\N{REPLACEMENT CHARACTER}rbt" in answer.out


@pytest.mark.parametrize("what", ["evaluate", "weights"])
def test_times_and_slices_are_not_exchanged(what: str, run: Run, tmp_path: Path) -> None:
    stack = np.stack([LABELS] * 9).reshape(3, 3, *LABELS.shape)
    for name, axes in (("d/a", "TZYX"), ("d/a_labels", "TZYX"), ("p/a_labels", "ZTYX")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        kind = {"metadata": {"axes": axes}, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, **kind)
    mine, turned = tmp_path / "d" / "a_labels.tif", tmp_path / "p" / "a_labels.tif"
    words: dict[str, tuple[object, ...]] = {
        "evaluate": ("--labels", tmp_path / "p", tmp_path / "d"),
        "weights": (mine, "--known", turned, "-o", tmp_path / "w.tif"),
    }
    answer = run(what, *words[what])
    assert answer.code == 1 and "a_labels.tif has its slices in the order ZT" in answer.err
