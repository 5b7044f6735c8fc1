"""One thread: with tiny networks two of them wait for each other, most of all on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.forked import ForkServer

from .tiny import Talk


@pytest.fixture(autouse=True, scope="module")
def brief(few_batches: None) -> None:
    """No training here is to be a good one."""


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for the workers
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def talk(forks: ForkServer | None) -> Iterator[Talk]:
    worker = Talk(forks=forks)
    yield worker
    worker.close()


@pytest.fixture
def fresh() -> Iterator[Talk]:
    """A worker that has all imports before it, as in earnest."""
    worker = Talk()
    yield worker
    worker.close()


@pytest.fixture
def hasty(forks: ForkServer | None) -> Iterator[Talk]:
    """A worker that gives a step as little time as in earnest."""
    worker = Talk(None, forks)
    yield worker
    worker.close()
