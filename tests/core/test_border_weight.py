"""The border weight does its work: touching cells come apart; `benchmarks/border.py` has more."""

from __future__ import annotations

import torch

from .border import trained_on_discs


def test_fewer_merges_with_the_border_weight() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a small network; two threads would wait for each other
    try:
        with_border, without = (trained_on_discs(w0, seed=0, steps=40) for w0 in (10.0, 0.0))
    finally:
        torch.set_num_threads(threads)
    assert without.merges > 0, "nothing merges without the weight: the test shows nothing"
    assert with_border.merges < 0.7 * without.merges
    assert with_border.matches(0.5) > 0.5 * with_border.truth, "nothing was learnt"
