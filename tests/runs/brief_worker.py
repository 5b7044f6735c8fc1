"""A worker for tests: what it does beside the steps of a training takes few batches, or is left.

WORKER_GRACE: seconds that a step has after a stop. WORKER_SAVES: seconds between checkpoints.
"""

import os

from napari_unet.runs import scoring

FEW = {"read": 2, "last": 2, "scored": 1, "kept": 1}  # batches


def main() -> None:
    """As the environment says."""
    from napari_unet.core import fit
    from napari_unet.runs import worker

    fit.warm_up = lambda device: None
    scoring.BATCHES.update(FEW)
    if "OMP_NUM_THREADS" in os.environ:  # a fork has torch with the threads of its server
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if "WORKER_GRACE" in os.environ:
        worker.GRACE = worker.ALONE = float(os.environ["WORKER_GRACE"])
    if "WORKER_SAVES" in os.environ:
        from napari_unet.runs import train

        train.SAVED_EVERY = float(os.environ["WORKER_SAVES"])
    worker.main()


if __name__ == "__main__":
    main()
