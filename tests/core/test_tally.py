"""Running counts equal counting afresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.core import tally as module
from napari_unet.core.tally import look, tally


def assert_right(found: Any, labels: np.ndarray) -> None:
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert dict(found.pixels) == dict(zip(ids.tolist(), counts.tolist(), strict=True))
    painted = (labels.reshape(-1, *labels.shape[-2:]) > 0).sum(axis=(1, 2))
    assert found.painted.tolist() == painted.tolist()
    assert found.highest == labels.max(initial=0)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int32", "uint64", "int64"])
def test_it_counts(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLAB", 300)
    labels = np.random.default_rng(0).integers(0, 9, (2, 3, 40, 50)).astype(dtype)
    assert_right(tally(labels), labels)


def test_huge_and_negative_ids_and_nothing_at_all() -> None:
    labels = np.zeros((30, 40), np.int64)
    labels[3, 4:9], labels[5, 5], labels[9, 9] = 2**31 - 1, -3, 7
    assert_right(tally(labels), labels)
    assert tally(np.zeros((0, 5), np.int32)).highest == 0


def test_after_edits_and_their_undoing_it_equals_counting_afresh() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, (3, 40, 40)).astype(np.int32)
    running = tally(labels)
    for _ in range(200):
        at = tuple(rng.integers(0, n, 30) for n in labels.shape)
        at = tuple(np.unique(np.stack(at), axis=1))  # each pixel once
        old = labels[at].copy()
        new: Any = int(rng.integers(0, 9)) if rng.random() < 0.5 else rng.integers(0, 9, len(old))
        labels[at] = new
        running.change(old, new, at[0])
        if rng.random() < 0.3:
            changed = labels[at].copy()
            labels[at] = old
            running.change(changed, old, at[0])
    assert_right(running, labels)


def test_a_lazy_array_is_never_read_as_a_whole() -> None:
    class Lazy:
        shape = (4000, 3000)
        most = 0

        def __getitem__(self, index: Any) -> np.ndarray:
            part = np.broadcast_to(np.int32(1), self.shape)[index]
            Lazy.most = max(Lazy.most, part.size)
            return part

    assert tally(Lazy()).pixels == {1: 12_000_000}
    assert Lazy.most <= module.SLAB


def test_the_highest_id_and_some_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLAB", 300)
    labels = np.random.default_rng(2).integers(0, 9, (3, 40, 50)).astype(np.uint8)
    highest, pixels = look(labels, (3, 8, 77))
    assert (highest, pixels[77]) == (8, 0)
    assert [pixels[n] for n in (3, 8)] == [(labels == n).sum() for n in (3, 8)]
    assert look(np.zeros((0, 5), np.int32), ())[0] == 0
