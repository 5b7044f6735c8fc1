"""``python -m benchmarks [weights|augment|train|border|gaps|real|all]``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from napari_unet.core.threads import share_cores

share_cores()  # before torch is imported: as every training does

from . import augment, border, gaps, real, train, weights  # noqa: E402

ALL: dict[str, Callable[[], None]] = {
    "weights": weights.main,
    "augment": augment.main,
    "train": train.main,
    "border": border.main,
    "gaps": gaps.main,
    "real": real.main,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="?", default="all", choices=[*ALL, "all"])
    which = parser.parse_args().which
    for name in ALL if which == "all" else [which]:
        ALL[name]()


if __name__ == "__main__":
    main()
