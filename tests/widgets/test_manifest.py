"""What napari is told of the plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

import napari_unet
from napari_unet.widgets.dock import UNetDock


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    PluginManager.instance().discover()  # as napari does; samples are opened by their command
    return PluginManifest.from_file(Path(napari_unet.__file__).with_name("napari.yaml"))


def test_the_dock_is_the_first_widget(manifest: PluginManifest) -> None:
    widgets = manifest.contributions.widgets or []
    assert [w.display_name for w in widgets] == [
        "U-Net",
        "Label",
        "Weight map",
        "Fine-tune",
        "Predict",
    ]
    first = next(c for c in manifest.contributions.commands or [] if c.id == widgets[0].command)
    assert str(first.python_name) == f"{UNetDock.__module__}:{UNetDock.__name__}"


def test_every_command_can_be_loaded(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_menu_items_are_commands_with_an_enablement(manifest: PluginManifest) -> None:
    commands = {c.id: c for c in manifest.contributions.commands or []}
    items = [
        item.command
        for entries in (manifest.contributions.menus or {}).values()
        for item in entries
        if hasattr(item, "command")
    ]
    assert len(items) == 5
    assert all(commands[item].enablement for item in items)


@pytest.mark.parametrize("entry", range(4))
def test_samples_are_layers(manifest: PluginManifest, entry: int) -> None:
    sample = (manifest.contributions.sample_data or [])[entry]
    (data, options, kind), *rest = sample.open()
    assert not rest
    assert kind == "image"
    assert np.ptp(data) > 0
    assert options["name"]
