"""The worker as `tests.forked` starts it; WORKER_GRACE are seconds for a step after a stop."""

import os

from napari_unet.runs import worker

if "WORKER_GRACE" in os.environ:
    worker.GRACE = worker.ALONE = float(os.environ["WORKER_GRACE"])
worker.main()
