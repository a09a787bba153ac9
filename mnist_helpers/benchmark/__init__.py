"""Every speed and accuracy of the lessons: ``python -m mnist_helpers.benchmark --help``."""

from importlib import resources
import json


def load_results(name: str) -> list[dict]:
    """Return what a longer run found: the rows of ``"recipes"``, or the settings of ``"steps"``."""
    return json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8"))


def fraction(ratio: float) -> str:
    """Return a ratio of times as it is read best: 0.05 as ``1/20.0``, 0.93 as ``0.93``."""
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.5 else f"{ratio:.2f}"
