"""What the benchmark measured, summed up: as a table, and as JSON that lesson 05 reads."""

from collections.abc import Mapping, Sequence
from importlib import resources
import json
import statistics

from .measure import Run
from .recipes import Recipe


def load_results(name: str) -> list[dict]:
    """Return what the benchmark wrote in a longer run, from the files that lie in the package:
    ``"recipes"``, what `recipe_record` returns, or ``"steps"``, what `step_record` does."""
    file = resources.files("mnist_helpers.benchmark") / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def recipe_record(
    name: str, recipe: Recipe | None, runs: Sequence[Run], classic_seconds: float | None
) -> dict:
    """Sum up the trainings with a recipe, or, without one, the passes over the training set. The
    ratio is to `classic_seconds`, or to a DataLoader's; accuracies are in per cent."""
    seconds = statistics.mean(run.seconds for run in runs)
    reference = classic_seconds if recipe else statistics.mean(run.loader_seconds for run in runs)
    accuracies = [100 * run.accuracy for run in runs if run.accuracy is not None]
    return {
        "recipe": name,
        "seeds": len(runs),
        "epochs": recipe.epochs if recipe else 1,
        "seconds": round(seconds, 3),
        "ratio": round(seconds / reference, 5) if reference else None,
        "accuracy": round(statistics.mean(accuracies), 3) if accuracies else None,
        "accuracy_sd": round(statistics.stdev(accuracies), 3) if len(accuracies) > 1 else None,
        "peak_mb": round(max(run.peak_mb for run in runs)),
        "settings": repr(recipe) if recipe else None,
    }


def step_record(name: str, recipe: Recipe, runs: Sequence[Run]) -> dict:
    """List the accuracies of a setting, in per cent."""
    accuracies = [round(100 * run.accuracy, 2) for run in runs]
    record = {"step": name, "epochs": recipe.epochs, "validation_accuracy": accuracies}
    return {**record, "settings": repr(recipe)}


def table(records: Sequence[Mapping]) -> str:
    """Return what `recipe_record` returned as a table to be printed."""
    form = "{:<16}{:>6}{:>8}{:>9}{:>9}{:>16}{:>9}"
    lines = [form.format("recipe", "seeds", "epochs", "seconds", "ratio", "accuracy, %", "peak MB")]
    for one in records:
        accuracy = "" if one["accuracy"] is None else f"{one['accuracy']:.2f}"
        if one["accuracy_sd"] is not None:
            accuracy += f" ± {one['accuracy_sd']:.2f}"
        ratio = "" if one["ratio"] is None else fraction(one["ratio"])
        numbers = one["seeds"], f"{one['epochs']:.3g}", f"{one['seconds']:.2f}", ratio, accuracy
        lines.append(form.format(one["recipe"], *numbers, one["peak_mb"]))
    return "\n".join(lines)


def fraction(ratio: float) -> str:
    """Return a ratio of times as it is read best: 0.05 as ``1/20.0``, 0.93 as ``0.93``."""
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.5 else f"{ratio:.2f}"
