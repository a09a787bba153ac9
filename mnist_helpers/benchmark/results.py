"""What the benchmark found in a longer run; lesson 05 and the README's table show it."""

from importlib import resources
import json


def load_results(name: str) -> list[dict]:
    """Return the rows of ``"recipes"``, or the settings of ``"steps"``."""
    file = resources.files("mnist_helpers.benchmark") / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def fraction(ratio: float) -> str:
    """Return a ratio of times as it is read best: 0.05 as ``1/20.0``, 0.93 as ``0.93``."""
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.5 else f"{ratio:.2f}"
