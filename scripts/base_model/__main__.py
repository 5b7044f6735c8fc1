"""``python -m scripts.base_model FOLDER [--images PATH] [--steps N | --seconds S]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_unet.core.threads import share_cores

IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "pretrain_cc0"


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the base model, or go on with it.")
    parser.add_argument("folder", type=Path, help="checkpoint, log, rendered images, the model")
    parser.add_argument("--images", type=Path, default=IMAGES, help="the CC0 nuclei")
    parser.add_argument("--rendered", type=int, default=500, help="how many images to render")
    parser.add_argument("--seconds", type=float, default=3600, help="training time in all")
    parser.add_argument("--steps", type=int, help="instead of seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a model to go on from")
    parser.add_argument("--real", type=int, help="how often each real image stands")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or what there is")
    given = parser.parse_args()
    share_cores()  # before torch is loaded
    from napari_unet.core.device import find_device
    from napari_unet.core.fit import Budget

    from .training import REAL, Recipe, train

    budget = Budget(given.steps, None if given.steps else given.seconds)
    loss = 0.0
    recipe = Recipe(given.images, given.rendered, given.seed, given.start, given.real or REAL)
    for progress in train(given.folder, recipe, budget, find_device(given.device)):
        loss = progress.loss if not loss else 0.98 * loss + 0.02 * progress.loss
        if progress.step % 50 == 0:
            print(f"step {progress.step}  {progress.seconds:.0f} s  loss {loss:.4f}", flush=True)
    print(f"the model is {given.folder / 'default.safetensors'}")


if __name__ == "__main__":
    main()
