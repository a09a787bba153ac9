"""Every speed and accuracy that the lessons speak of, measured: ``python -m mnist_helpers.benchmark --help``."""

from .results import load_results

__all__ = ["load_results"]
