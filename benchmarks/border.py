"""What the border weight is worth: merges with and without it, five seeds (issue 2, show 6)."""

from __future__ import annotations

import torch

from tests.core.border import trained_on_discs

from .report import Sheet

SEEDS, STEPS = range(5), 120


def main() -> None:
    torch.set_num_threads(1)  # a small network
    Sheet("border").heading(f"touching discs (gaps 0, 1, 2 px), {STEPS} steps, held-out images")
    print("seed  w0  merges  found  of")
    fewer = 0
    for seed in SEEDS:
        merges = []
        for w0 in (0.0, 10.0):
            scores = trained_on_discs(w0, seed, STEPS)
            merges.append(scores.merges)
            print(
                f"{seed:4d}  {w0:2.0f}  {scores.merges:6d}  {scores.matches(0.5):5d}"
                f"  {scores.truth}",
                flush=True,
            )
        fewer += merges[1] < merges[0]
    print(f"fewer merges with w0 = 10: {fewer} of {len(SEEDS)} seeds")
