"""How long waiting threads spin; what the user has set stands."""

from __future__ import annotations

import os

import pytest

from napari_unet.core.threads import share_cores


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": "10000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, {"OMP_WAIT_POLICY": "PASSIVE"}),
    ],
    ids=["nothing set", "count set", "policy set"],
)
def test_share_cores(
    before: dict[str, str], after: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(before))
    share_cores()
    assert os.environ == after
