"""Train the classic recipe and ours in one process, in turn, and say how long each takes and how it ends.

The accuracy is the final epoch's on the test set, the mean over the seeds; nothing was chosen by it. Times are
compared within one run: the ratio is to the classic recipe's ten epochs, for `loading` to a DataLoader with ToTensor.
Ctrl-C ends early, and prints what is finished.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
import itertools
from pathlib import Path
import platform
import statistics
import sys

import torch
from tqdm.auto import tqdm

from ..checks import (
    require_bool,
    require_mapping,
    require_number,
    require_sequence,
    require_type,
    require_whole,
)
from ..data import load_datasets
from ..training import choose_precision, get_device, trained_cnn
from .load import side_by_side_ratio
from .measure import (
    Loading,
    Recipe,
    Training,
    live_loss_ratios,
    measure_loading,
    measure_training,
    require_recipe,
)
from .recipes import RECIPES, SHUFFLED, steps, validation_split
from .results import (
    Row,
    row_of_loadings,
    row_of_trainings,
    summary,
    table,
    write_json,
)
from .strokes import load_pen_digits, read_share

NAMES = [*RECIPES, "loading"]
INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


def main() -> int:
    arguments = _arguments()
    if arguments.live_loss:
        ratios = live_loss_ratios(rounds=8, batches=600)
        print("training with the live loss curve, over training without it, 8 times:")
        print(" ".join(f"{ratio:.3f}" for ratio in ratios))
        print(f"median {statistics.median(ratios):.3f}")
        return 0
    if arguments.load:
        return compare_load()
    if arguments.strokes:
        return read_strokes(arguments.strokes)
    device = get_device()
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.system()} on {platform.machine()}, "
        f"{torch.backends.cpu.get_cpu_capability()}"
    )
    print(choose_precision(device).reason, flush=True)
    if arguments.steps:
        return compare_steps(arguments.seeds or 5, arguments.json)
    recipes = {**RECIPES, **SHUFFLED}
    chosen = arguments.recipe or NAMES
    if arguments.quick:
        recipes |= {name: replace(recipes[name], epochs=1) for name in ("classic", "best")}
    if arguments.epochs is not None:
        recipes = {name: replace(one, epochs=arguments.epochs) for name, one in recipes.items()}
    seeds = 1 if arguments.quick and arguments.seeds is None else arguments.seeds
    return compare_recipes(
        {name: recipes[name] for name in chosen if name != "loading"},
        seeds,
        "loading" in chosen,
        arguments.json,
    )


def compare_load() -> int:
    """Print how many times as long trainings take side by side than alone; return the exit status."""
    for processes in (2, 4):
        ratios = sorted(side_by_side_ratio(processes) for _ in range(3))
        print(
            f"{processes} trainings side by side take {ratios[1]:.1f} times as long as one "
            f"(the middle one of three measurements, from {ratios[0]:.1f} to {ratios[2]:.1f})",
            flush=True,
        )
    # A few steps only, because here they may take a minute.
    ratio = side_by_side_ratio(2, steps=15, short_spin=False)
    print(f"2, waiting as torch's threads do by themselves: {ratio:.1f} times")
    return 0


def read_strokes(file: Path) -> int:
    """Print how many digits of a file of pen strokes the drawing pad's network reads; return the exit status.

    Raises:
        TypeError: `file` is no path.
    """
    try:
        digits = load_pen_digits(file)
    except (OSError, ValueError) as error:
        print(error)
        return 1
    share, mistakes = read_share(trained_cnn(), digits)
    writers = len({one.writer for one in digits})
    print(f"{len(digits)} digits of {writers} writers, none of them trained on: {share:.2%} read")
    for (label, said), times in mistakes.most_common():
        print(f"{label} taken for {said}: {times}")
    return 0


def compare_recipes(
    recipes: Mapping[str, Recipe], seeds: int | None, loading: bool, json_file: Path | None
) -> int:
    """Train each recipe with each seed, the recipes in turn, print the table, and return the exit status.

    Args:
        recipes: by name; `classic` sets the measure for the ratios. Where it is not among them, one epoch of it does.
        seeds: how many for each recipe, from 0; the recipe's own number if None.
        loading: whether to time the loading of batches too.
        json_file: where to write the table's rows, if anywhere.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: `seeds` is less than 1.
    """
    for name, recipe in require_mapping("recipes", recipes, "recipes by name", empty=True).items():
        require_recipe(f"recipes[{name!r}]", recipe)
    _require_options(seeds, json_file)
    require_bool("loading", loading)
    train_set, test_set = load_datasets()
    plan = [
        (name, seed)
        for seed in range(max([seeds or one.seeds for one in recipes.values()], default=0))
        for name in recipes
        if seed < (seeds or recipes[name].seeds)
    ]
    trainings: dict[str, list[Training]] = {name: [] for name in recipes}
    loadings: list[Loading] = []
    yardstick = recipes.get("classic", replace(RECIPES["classic"], epochs=1))
    measure: list[Training] = trainings.get("classic", [])
    status = 0
    with tqdm(unit="batch", leave=False) as bar:
        try:
            for _ in range((seeds or 5) if loading else 0):
                bar.set_description("loading")
                loadings.append(measure_loading(train_set))
            if recipes and "classic" not in recipes:
                bar.set_description("classic, one epoch, for the ratios")
                measure = [measure_training("classic", yardstick, 0, train_set, test_set, bar)]
            for number, (name, seed) in enumerate(plan, 1):
                bar.set_description(f"{name}, seed {seed} ({number} of {len(plan)})")
                done = measure_training(name, recipes[name], seed, train_set, test_set, bar)
                trainings[name].append(done)
                bar.write(described(done))
        except KeyboardInterrupt:
            status = INTERRUPTED
    if status:
        print("Interrupted. What is finished:")
    classic_seconds = ten_epochs(measure, yardstick.epochs)
    rows = rows_of(recipes, trainings, loadings, classic_seconds)
    print(table(rows))
    if measure and yardstick.epochs != 10:
        print(
            f"For the ratios, the classic recipe's ten epochs were reckoned from {yardstick.epochs}."
        )
    for name, done in trainings.items():
        if any(training.stuck for training in done):
            print(f"{name}: {summary(done)}")
    if json_file is not None and rows:
        write_json(json_file, rows)
    return status


def ten_epochs(classic: Sequence[Training], epochs: float) -> float | None:
    """Return the seconds of the classic recipe's ten epochs, from trainings of `epochs`; None where there are none.

    Raises:
        TypeError: `classic` are no trainings, or `epochs` is no number.
        ValueError: `epochs` is not above 0.
    """
    require_sequence("classic", classic, Training, "trainings", empty=True)
    require_number("epochs", epochs, above=0)
    if not classic:
        return None
    return 10 / epochs * statistics.mean(training.seconds for training in classic)


def rows_of(
    recipes: Mapping[str, Recipe],
    trainings: Mapping[str, Sequence[Training]],
    loadings: Sequence[Loading],
    classic_seconds: float | None,
) -> list[Row]:
    """Return a row for each recipe of which at least one training is finished, and one for the loading.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: a training's recipe is not among the recipes, or `classic_seconds` not above 0.
    """
    require_mapping("recipes", recipes, "recipes by name", empty=True)
    require_mapping("trainings", trainings, "trainings by the recipe's name", empty=True)
    unknown = [name for name in trainings if name not in recipes]
    if unknown:
        raise ValueError(
            f"There are trainings of {', '.join(unknown)}, and no such recipe: give the recipes that were trained."
        )
    for name, done in trainings.items():
        require_sequence(f"trainings[{name!r}]", done, Training, "trainings", empty=True)
    require_sequence("loadings", loadings, Loading, "passes", empty=True)
    if classic_seconds is not None:
        require_number("classic_seconds", classic_seconds, above=0)
    rows = [
        row_of_trainings(done, recipes[name].epochs, classic_seconds)
        for name, done in trainings.items()
        if done
    ]
    return rows + ([row_of_loadings(loadings)] if loadings else [])


def compare_steps(seeds: int, json_file: Path | None) -> int:
    """Train every setting that lesson 05 compares, print its validation accuracies, and return the exit status.

    Raises:
        TypeError: `seeds` is no whole number, or `json_file` no path.
        ValueError: `seeds` is less than 1.
    """
    require_whole("seeds", seeds)
    _require_options(seeds, json_file)
    train_part, validation_part = validation_split(load_datasets()[0])
    settings = steps()
    found: dict[str, list[Training]] = {name: [] for name in settings}
    status = 0
    with tqdm(unit="batch", leave=False) as bar:
        try:
            for seed, name in itertools.product(range(seeds), settings):
                bar.set_description(f"{name}, seed {seed}")
                done = measure_training(
                    name, settings[name], seed, train_part, validation_part, bar
                )
                found[name].append(done)
                bar.write(described(done))
        except KeyboardInterrupt:
            status = INTERRUPTED
    for name, trainings in found.items():
        print(f"{name:<38}{summary(trainings)}")
    if json_file is not None and all(found.values()):
        records = [
            {
                "step": name,
                "epochs": settings[name].epochs,
                "validation_accuracy": [round(100 * done.accuracy, 2) for done in trainings],
            }
            for name, trainings in found.items()
        ]
        write_json(json_file, records)
    return status


def described(training: Training) -> str:
    """Return one line on a training.

    Raises:
        TypeError: it is none.
    """
    require_type("training", training, Training, "what measure_training returns")
    stuck = "  STUCK" if training.stuck else ""
    return (
        f"{training.recipe}, seed {training.seed}: {training.seconds:.2f} s, accuracy {training.accuracy:.2%}"
        + stuck
    )


def _require_options(seeds: int | None, json_file: Path | None) -> None:
    if seeds is not None:
        require_whole("seeds", seeds, at_least=1)
    require_type("json_file", json_file, (Path, type(None)), "a pathlib.Path, or None")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mnist_helpers.benchmark", description=__doc__)
    parser.add_argument(
        "--recipe",
        action="append",
        choices=[*NAMES, *SHUFFLED],
        help=f"repeatable; {', '.join(NAMES)} where none is named",
    )
    parser.add_argument(
        "--seeds",
        type=_at_least_one,
        help="how many for each recipe, from 0 (default: 5; 3 for classic, 10 for speedrun)",
    )
    parser.add_argument(
        "--epochs", type=_at_least_one, help="for each recipe, instead of its own number"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, and one epoch of classic and of best: under two minutes on two cores",
    )
    parser.add_argument(
        "--json", type=_file_to_write, metavar="FILE", help="write the table there, too"
    )
    parser.add_argument(
        "--steps",
        action="store_true",
        help="compare instead, on a validation split, the steps of lesson 05 (twenty minutes)",
    )
    parser.add_argument(
        "--live-loss", action="store_true", help="measure instead what the live loss curve costs"
    )
    parser.add_argument(
        "--load",
        action="store_true",
        help="measure instead how much longer trainings take side by side than alone",
    )
    parser.add_argument(
        "--strokes",
        type=Path,
        metavar="FILE",
        help="say instead how many digits the drawing pad's network reads of ujipenchars2.txt, the file of the data "
        "set UJI Pen Characters (Version 2)",
    )
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 up")
    return int(text)


def _file_to_write(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a folder; name a file in it")
    return path


if __name__ == "__main__":
    sys.exit(main())
