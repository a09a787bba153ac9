"""Every speed and accuracy of the lessons: ``python -m mnist_helpers.benchmark --help``."""

from .results import load_results

__all__ = ["load_results"]
