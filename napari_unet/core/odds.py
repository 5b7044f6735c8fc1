"""Probabilities moved in log-odds, the scale on which a network's sureness shifts."""

from __future__ import annotations

import math


def log_odds(probability: float) -> float:
    """The logit of a probability, none further out than of 0.0001 and 0.9999."""
    probability = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(probability / (1 - probability))


def moved_by(probability: float, by: float) -> float:
    """The probability `by` log-odds further up, to hundredths; 0, which means off, stays 0."""
    if probability <= 0 or not by:
        return probability
    odds = math.exp(log_odds(probability) + by)
    return round(odds / (1 + odds), 2)
