"""Our own tool by its command line: ours.py TRAIN TEST OUT SECONDS [BASE]."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

train, test, out, seconds, *base = sys.argv[1:]
run = Path(out) / "run"
tool = [sys.executable, "-m", "napari_unet"]
base = ["--base", base[0]] if base else []
subprocess.run(
    [*tool, "train", train, "-o", str(run), "--seconds", seconds, *base, "--device", "cpu"],
    check=True,
)
images = [str(p) for p in sorted(Path(test).glob("*.tif")) if not p.stem.endswith("_labels")]
subprocess.run([*tool, "predict", str(run), *images, "-o", out, "--device", "cpu"], check=True)
