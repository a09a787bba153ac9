"""Every speed and accuracy of the lessons: ``python -m mnist_helpers.benchmark --help``."""

from importlib import resources
import json


def load_results(name: str) -> list[dict]:
    """Return what a longer run found: the rows of ``"recipes"``, or the settings of ``"steps"``."""
    return json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
