"""An image that cannot be counted, beside others. No window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.widgets import counting

from .test_accept_whole import Bench
from .test_accept_whole import bench as bench


def test_it_is_said_once_and_by_its_name(
    bench: Bench, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, said, counted = counting._count, [], []

    def unreadable(part: counting.Part, *rest: Any) -> counting.Count:
        if part.name == "other":
            raise OSError("the disk is gone")
        return count(part, *rest)

    monkeypatch.setattr(counting, "_count", unreadable)
    bench.annotating.counting.failed.connect(said.append)
    bench.annotating.counting.counted.connect(counted.append)
    for number in range(3):
        bench.labels.data_setitem((np.array([0]), np.array([number])), 50 + number)
        qtbot.waitUntil(lambda n=number: len(counted) > n)
    assert said == ["“other”: the disk is gone"]
    monkeypatch.setattr(counting, "_count", count)
    bench.annotating.counting.count()
    qtbot.waitUntil(lambda: len(counted) > 3)
    monkeypatch.setattr(counting, "_count", unreadable)
    bench.annotating.counting.count()
    qtbot.waitUntil(lambda: len(counted) > 4)
    assert len(said) == 2
