"""Train the classic recipe and ours, in turn, and say how long each takes and how it ends.

The accuracy is the mean of the final ones on the test set. The ratio is to ten epochs of the
classic recipe; for `loading` to a DataLoader with ToTensor. Ctrl-C ends early, and prints what is
finished.
"""

import argparse
from collections import deque
from collections.abc import Callable
import copy
from dataclasses import replace
import json
from pathlib import Path
import platform
from statistics import mean, stdev
import sys
import threading
import time
from typing import NamedTuple

import psutil
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from tqdm.auto import tqdm

from ..batches import TensorBatches, split_indices
from ..data import load_datasets
from ..training import choose_precision, evaluate, get_device, keep_freed_memory
from .recipes import RECIPES, STEPS, Recipe

_ROWS = ("classic", "fast", "fast99", "fast995", "best", "speedrun", "loading")


class _Run(NamedTuple):
    """One training; or, without an accuracy, one pass over the training set."""

    seconds: float
    peak_mb: float
    accuracy: float | None = None  # in [0, 1]
    loader_seconds: float | None = None  # a DataLoader's for the same pass


def _main() -> int:
    options = _options()
    threads, machine = torch.get_num_threads(), f"{platform.system()} on {platform.machine()}"
    print(f"torch {torch.__version__}, {threads} threads, {machine}")
    print(choose_precision(get_device()).reason, flush=True)
    recipes = {name: RECIPES[name] for name in options.recipe or _ROWS}
    if options.quick:
        recipes = {name: replace(one, epochs=min(one.epochs, 1)) for name, one in recipes.items()}
    train_set, test_set = load_datasets()
    if options.steps:
        recipes, (train_set, test_set) = STEPS, _validation_split(train_set)
    plan = [(i, name) for name, one in recipes.items() for i in range(options.seeds or one.seeds)]
    plan.sort(key=lambda one: (one[1] != "loading", one[0]))  # the passes, then recipes in turn
    runs: dict[str, list[_Run]] = {name: [] for name in recipes}
    status = 0
    try:
        for seed, name in tqdm(plan, unit="run", leave=False):
            if name == "loading":
                run = _measure_loading(train_set)
            else:
                run = _measure_training(recipes[name], seed, train_set, test_set)
                told = f"{name}, seed {seed}: {run.seconds:.2f} s, accuracy {run.accuracy:.2%}"
                tqdm.write(told + "  STUCK" * (run.accuracy < 0.2))  # as one answer for all is
            runs[name].append(run)
    except KeyboardInterrupt:
        status = 130  # as a program's that Ctrl-C ended
        print("Interrupted. What is finished:")
    runs = {name: done for name, done in runs.items() if done}
    if options.steps:
        records = []
        for name, done in runs.items():
            accuracies = [round(100 * run.accuracy, 2) for run in done]
            print(f"{name:<38}{accuracies}")
            one = {"step": name, "epochs": recipes[name].epochs, "validation_accuracy": accuracies}
            records.append(one | {"settings": repr(recipes[name])})
    else:
        seconds = [run.seconds for run in runs.get("classic", [])]
        ten_epochs = 10 * mean(seconds) / recipes["classic"].epochs if seconds else None
        records = [_row(name, recipes[name], done, ten_epochs) for name, done in runs.items()]
        _print_table(records)
    if options.json:
        lines = [f"  {json.dumps(record)}" for record in records]
        options.json.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mnist_helpers.benchmark", description=__doc__)
    add = parser.add_argument
    named = f"repeatable; {', '.join(_ROWS)} where none is named"
    add("--recipe", action="append", choices=RECIPES, help=named)
    add("--seeds", type=int, help="for each recipe (default: 3, 5 or 10)")
    add("--quick", action="store_true", help="one seed, at most one epoch; under two minutes")
    add("--json", type=Path, metavar="FILE", help="write the results there, too")
    steps = "compare the steps of lesson 06, on a validation split (half an hour)"
    add("--steps", action="store_true", help=steps)
    options = parser.parse_args()
    if options.seeds is not None and options.seeds < 1:
        parser.error("--seeds is a number from 1 up")
    if options.json and not options.json.parent.is_dir():  # told now, not after half an hour
        parser.error(f"the folder {options.json.parent} does not exist; make it first")
    options.seeds = options.seeds or (1 if options.quick else 5 if options.steps else None)
    return options


def _validation_split(train_set: MNIST) -> tuple[MNIST, MNIST]:
    """Set 10,000 digits aside to choose by."""
    parts = copy.copy(train_set), copy.copy(train_set)
    for part, indices in zip(parts, split_indices(len(train_set), 10_000, seed=5), strict=True):
        part.data, part.targets = train_set.data[indices], train_set.targets[indices]
    return parts


def _measure_training(recipe: Recipe, seed: int, train_set: MNIST, test_set: MNIST) -> _Run:
    """Train and evaluate one network. Its making is not timed."""
    torch.manual_seed(seed)
    model = recipe.network().to(get_device())
    trained, seconds, peak_mb = _watched(lambda: recipe.train(model, train_set, seed))
    test_batches = TensorBatches(test_set.data, test_set.targets, batch_size=1000)
    _, accuracy = evaluate(trained, test_batches, F.cross_entropy)
    return _Run(seconds, peak_mb, accuracy)


def _measure_loading(train_set: MNIST) -> _Run:
    loader = DataLoader(train_set, batch_size=64)
    batches = TensorBatches(train_set.data, train_set.targets, batch_size=64)
    _, loader_seconds, _ = _watched(lambda: deque(loader, maxlen=0))
    _, seconds, peak_mb = _watched(lambda: deque(batches, maxlen=0))
    for theirs, ours in zip(loader, batches, strict=True):
        if not all(map(torch.equal, theirs, ours)):
            raise RuntimeError("The batches sliced from tensors differ from the DataLoader's.")
    return _Run(seconds, peak_mb, loader_seconds=loader_seconds)


def _watched(work: Callable[[], object]) -> tuple[object, float, float]:
    """Return what `work` returns, its seconds, and the most memory held meanwhile, in MB."""
    keep_freed_memory()
    on_card = get_device().type == "cuda"
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    held, ended = [psutil.Process().memory_info().rss], threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            held.append(psutil.Process().memory_info().rss)

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    ended.set()
    watch.join()
    return result, seconds, (torch.cuda.max_memory_allocated() if on_card else max(held)) / 1e6


def _row(name: str, recipe: Recipe, runs: list[_Run], ten_epochs: float | None) -> dict:
    seconds = mean(run.seconds for run in runs)
    reference = ten_epochs if recipe.network else mean(run.loader_seconds for run in runs)
    accuracies = [100 * run.accuracy for run in runs] if recipe.network else []
    return {
        "recipe": name,
        "seeds": len(runs),
        "epochs": recipe.epochs,
        "seconds": round(seconds, 3),
        "ratio": round(seconds / reference, 5) if reference else None,
        "accuracy": round(mean(accuracies), 3) if accuracies else None,
        "accuracy_sd": round(stdev(accuracies), 3) if len(accuracies) > 1 else None,
        "peak_mb": round(max(run.peak_mb for run in runs)),
        "settings": repr(recipe) if recipe.network else None,
    }


def _print_table(rows: list[dict]) -> None:
    print("recipe           seeds  epochs  seconds    ratio     accuracy, %  peak MB")
    for row in rows:
        ratio = "" if row["ratio"] is None else _fraction(row["ratio"])
        parts = [f"{row[key]:.2f}" for key in ("accuracy", "accuracy_sd") if row[key] is not None]
        print(
            f"{row['recipe']:<16}{row['seeds']:>6}{row['epochs']:>8.3g}{row['seconds']:>9.2f}"
            f"{ratio:>9}{' ± '.join(parts):>16}{row['peak_mb']:>9}"
        )


def _fraction(ratio: float) -> str:
    return f"1/{1 / ratio:.1f}" if 0 < ratio < 0.5 else f"{ratio:.2f}"


if __name__ == "__main__":
    sys.exit(_main())
