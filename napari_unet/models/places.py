"""Where the user's models and runs lie."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

HOME = "NAPARI_UNET_HOME"  # environment variable; replaces the user's data folder
# what the panel calls a run, and a second one of the same moment; all else is a name of somebody's
BY_TIME = "trained %Y-%m-%d %H.%M.%S"
NAMED_BY_TIME = re.compile(r"trained \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d( \d+)?")


def home() -> Path:
    """The user's folder of napari-unet; it need not exist yet."""
    import platformdirs

    given = os.environ.get(HOME)
    return Path(given) if given else Path(platformdirs.user_data_dir("napari-unet", False))


def models_folder() -> Path:
    """The user's own models, NAME.safetensors each; it need not exist yet."""
    return home() / "models"


def runs_folder() -> Path:
    """Where the panel keeps its runs; it need not exist yet."""
    return home() / "runs"


def name_of_run() -> str:
    """What a run that the panel makes now is called."""
    return time.strftime(BY_TIME)


def shipped_folder() -> Path:
    """The models that come with the package."""
    return Path(__file__).parent
