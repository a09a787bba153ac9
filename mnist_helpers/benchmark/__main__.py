"""Train the classic recipe and ours, in turn, and say how long each takes and how it ends.

The accuracy is the final epoch's on the test set, the mean over the seeds; nothing was chosen by
it. Times are compared within one run: the ratio is to ten epochs of the classic recipe, reckoned
from those that were trained; for `loading` to a DataLoader with ToTensor. Ctrl-C ends early, and
prints what is finished.
"""

import argparse
from dataclasses import replace
import json
from pathlib import Path
import platform
import statistics
import sys

import torch
from tqdm.auto import tqdm

from ..data import load_datasets
from ..training import choose_precision, get_device
from .measure import Run, measure_loading, measure_training
from .recipes import RECIPES, SHUFFLED, Recipe, steps, validation_split
from .results import recipe_record, step_record, table

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


def main() -> int:
    options = _options()
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.system()} on "
        f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    )
    print(choose_precision(get_device()).reason, flush=True)
    train_set, test_set = load_datasets()
    if options.steps:
        train_set, test_set = validation_split(train_set)
    recipes = _chosen(options)
    runs: dict[str, list[Run]] = {name: [] for name in recipes}
    status = 0
    try:
        for seed, name in tqdm(_in_turn(recipes, options.seeds), unit="run", leave=False):
            if name == "loading":
                run = measure_loading(train_set)
            else:
                run = measure_training(recipes[name], seed, train_set, test_set)
                told = f"{run.seconds:.2f} s, accuracy {run.accuracy:.2%}"
                tqdm.write(f"{name}, seed {seed}: {told}{'  STUCK' if run.stuck else ''}")
            runs[name].append(run)
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("Interrupted. What is finished:")
    finished = {name: done for name, done in runs.items() if done}
    if options.steps:
        records = [step_record(name, recipes[name], done) for name, done in finished.items()]
        for record in records:
            print(f"{record['step']:<38}{record['validation_accuracy']}")
    else:
        seconds = [run.seconds for run in runs.get("classic", [])]
        ten = 10 * statistics.mean(seconds) / recipes["classic"].epochs if seconds else None
        records = [recipe_record(name, recipes[name], done, ten) for name, done in finished.items()]
        print(table(records))
    for name, done in finished.items():
        if any(run.stuck for run in done):
            print(f"{name}: {sum(run.stuck for run in done)} of {len(done)} seeds stuck")
    if options.json:
        lines = [f"  {json.dumps(record)}" for record in records]
        options.json.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    return status


def _chosen(options: argparse.Namespace) -> dict[str, Recipe | None]:
    """Return the recipes by name; `loading` is none."""
    if options.steps:
        return steps()
    recipes = {**RECIPES, **SHUFFLED}
    if options.quick:
        recipes |= {name: replace(recipes[name], epochs=1) for name in ("classic", "best")}
    if options.epochs:
        recipes = {name: replace(one, epochs=options.epochs) for name, one in recipes.items()}
    return {name: recipes.get(name) for name in options.recipe}


def _in_turn(recipes: dict[str, Recipe | None], seeds: int | None) -> list[tuple[int, str]]:
    """Return the passes, then each recipe's first seed, each one's second, and so on."""
    counts = {name: seeds or (recipe.seeds if recipe else 5) for name, recipe in recipes.items()}
    plan = [(seed, name) for name, count in counts.items() for seed in range(count)]
    return sorted(plan, key=lambda one: (one[1] != "loading", one[0]))


def _options() -> argparse.Namespace:
    names = [*RECIPES, "loading"]
    parser = argparse.ArgumentParser(prog="python -m mnist_helpers.benchmark", description=__doc__)
    told = f"repeatable; {', '.join(names)} where none is named"
    parser.add_argument("--recipe", action="append", choices=[*names, *SHUFFLED], help=told)
    told = "how many for each recipe, from 0 (default: 5; 3 for classic, 10 for speedrun)"
    parser.add_argument("--seeds", type=int, help=told)
    parser.add_argument("--epochs", type=int, help="for each recipe, instead of its own number")
    told = "one seed, and one epoch of classic and of best: under two minutes on two cores"
    parser.add_argument("--quick", action="store_true", help=told)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    told = "compare instead, on a validation split, the steps of lesson 05 (twenty minutes)"
    parser.add_argument("--steps", action="store_true", help=told)
    options = parser.parse_args()
    if any(number is not None and number < 1 for number in (options.seeds, options.epochs)):
        parser.error("--seeds and --epochs are numbers from 1 up")
    if options.json and not options.json.parent.is_dir():  # told now, and not after half an hour
        parser.error(f"the folder {options.json.parent} does not exist; make it first")
    options.recipe = options.recipe or names
    options.seeds = options.seeds or (1 if options.quick else 5 if options.steps else None)
    return options


if __name__ == "__main__":
    sys.exit(main())
