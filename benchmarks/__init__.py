"""Measurements, each printed with the machine it ran on: ``python -m benchmarks``."""
