"""Train a recipe with many seeds and say how it ends: ``python -m mnist_helpers.benchmark --help``.

The accuracy is the final epoch's on the test set; nothing is chosen by it. ``--live-loss`` measures instead what the
live loss curve of lesson 04 costs.
"""

import argparse
from dataclasses import dataclass, replace
import itertools
import statistics
import time

import torch

from .data import make_loaders
from .models import CNN
from .training import evaluate, fit, get_device
from .widgets import LiveLoss


@dataclass(frozen=True)
class Recipe:
    """How to train the network of lesson 03: Adam, cross-entropy, batches of 64."""

    epochs: int
    shuffle: bool
    learning_rate: float


RECIPES = {
    "classic": Recipe(epochs=10, shuffle=False, learning_rate=0.005),
    "shuffled": Recipe(epochs=1, shuffle=True, learning_rate=0.005),
    "shuffled-slower": Recipe(epochs=1, shuffle=True, learning_rate=0.001),
}


@dataclass(frozen=True)
class Result:
    """One training: its seed, its seconds of training, the final mean loss and accuracy in [0, 1] on the test set."""

    seed: int
    seconds: float
    loss: float
    accuracy: float

    @property
    def stuck(self) -> bool:
        """Whether the network learned nothing: one answer for every digit is right for 11.35 % of the test set."""
        return self.accuracy < 0.2


def run(recipe: Recipe, seed: int) -> Result:
    """Train one network from `seed`, and evaluate it once, at the end."""
    torch.manual_seed(seed)
    train_loader, test_loader = make_loaders(shuffle=recipe.shuffle)
    model = CNN().to(get_device(), memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    start = time.perf_counter()
    fit(model, train_loader, optimizer, recipe.epochs, progress=False)
    seconds = time.perf_counter() - start
    loss, accuracy = evaluate(model, test_loader, torch.nn.CrossEntropyLoss())
    return Result(seed, seconds, loss, accuracy)


def summary(results: list[Result]) -> str:
    """Return one line: how many got stuck, and mean and standard deviation of the accuracy of those that did not."""
    learned = [100 * result.accuracy for result in results if not result.stuck]
    line = f"{len(results) - len(learned)} of {len(results)} seeds stuck"
    if learned:
        spread = f" ± {statistics.stdev(learned):.2f}" if len(learned) > 1 else ""
        line += f"; accuracy of the others {statistics.mean(learned):.2f}{spread} %"
    return line


def live_loss_ratios(rounds: int, batches: int) -> list[float]:
    """Return, for each round, the time of training on some batches with a live loss curve over the time without one.

    The two are trained one after the other, and who is first changes from round to round, so that a computer that
    becomes slower or faster meanwhile favours neither.
    """
    train_loader, _ = make_loaders()
    chosen = list(itertools.islice(train_loader, batches))
    ratios = []
    for number in range(rounds):
        seconds = {}
        for live in (True, False) if number % 2 else (False, True):
            torch.manual_seed(number)
            model = CNN().to(get_device(), memory_format=torch.channels_last)
            optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
            on_batch = LiveLoss(batches).add if live else None
            start = time.perf_counter()
            fit(model, chosen, optimizer, epochs=1, progress=False, on_batch=on_batch)
            seconds[live] = time.perf_counter() - start
        ratios.append(seconds[True] / seconds[False])
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mnist_helpers.benchmark", description=__doc__)
    parser.add_argument(
        "--recipe", action="append", choices=RECIPES, help="repeatable; all where none is named"
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 (default: 5)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's own number")
    parser.add_argument(
        "--live-loss", action="store_true", help="measure what the live loss curve costs, and end"
    )
    arguments = parser.parse_args()
    if arguments.live_loss:
        ratios = live_loss_ratios(rounds=8, batches=600)
        print("training with the live loss curve, over training without it, 8 times:")
        print(" ".join(f"{ratio:.3f}" for ratio in ratios))
        print(f"median {statistics.median(ratios):.3f}")
        return
    for name in arguments.recipe or RECIPES:
        recipe = RECIPES[name]
        if arguments.epochs is not None:
            recipe = replace(recipe, epochs=arguments.epochs)
        print(f"{name}: {recipe}", flush=True)
        results = []
        for seed in range(arguments.seeds):
            results.append(run(recipe, seed))
            last = results[-1]
            print(
                f"  seed {seed:2d}: {last.seconds:6.1f} s, test loss {last.loss:.3f}, accuracy {last.accuracy:.2%}"
                + ("  STUCK" if last.stuck else ""),
                flush=True,
            )
        print(f"  {summary(results)}", flush=True)


if __name__ == "__main__":
    main()
