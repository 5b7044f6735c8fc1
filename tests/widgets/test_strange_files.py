"""What lies in the folders of models and runs: other windows' and strangers' files."""

from __future__ import annotations

from typing import Any

from napari_unet.models import in_hand, runs_folder


def test_the_selected_model_is_not_pruned_by_another_window(dock: Any, qtbot: Any) -> None:
    runs, session = runs_folder(), dock.desk.session
    session.model, session.base = str(runs / "a" / "model.safetensors"), "default"
    session.resumable = runs / "b"
    wanted = [runs / "a" / "model.safetensors", runs / "b"]
    qtbot.waitUntil(lambda: in_hand() == wanted, timeout=20_000)
    dock.desk.close()
    assert in_hand() == []
