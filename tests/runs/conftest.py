"""One thread: with tiny networks two of them wait for each other, most of all on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from .tiny import Talk


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for the workers
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def talk() -> Iterator[Talk]:
    worker = Talk()
    yield worker
    worker.close()


@pytest.fixture
def hasty() -> Iterator[Talk]:
    """A worker that gives a step as little time as in earnest."""
    worker = Talk(grace=None)
    yield worker
    worker.close()
