"""The worker as `tests.forked` starts it.

WORKER_GRACE: seconds for a step after a stop. WORKER_SAVES: seconds between checkpoints.
"""

import os

from napari_unet.runs import train, worker

if "WORKER_GRACE" in os.environ:
    worker.GRACE = worker.ALONE = float(os.environ["WORKER_GRACE"])
train.SAVED_EVERY = float(os.environ.get("WORKER_SAVES", train.SAVED_EVERY))
worker.main()
