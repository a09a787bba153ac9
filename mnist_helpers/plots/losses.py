"""Figures of trainings: losses and accuracies over batches and epochs."""

from collections.abc import Mapping, Sequence
import math

from matplotlib.figure import Figure
import matplotlib.pyplot as plt

from ..checks import (
    require_mapping,
    require_number,
    require_numbers,
    require_sequence,
    require_type,
    require_whole,
)
from ..training import History
from .style import BLUE, ORANGE, STYLE, finished


def plot_history(history: History) -> Figure:
    """Show the curves of a training: left the loss, right the accuracy, over epochs.

    The pale line is the loss of every batch, the strong one its mean over 100 batches. Losses over 1 are cut off,
    unless that is where the training ends.
    Validation curves, where the history has them, are drawn as dots at the end of each epoch. Where a loss is no
    number, because the training diverged, the curves end.

    Raises:
        TypeError: `history` is no `History` of numbers.
        ValueError: it is empty, has not as many of each as epochs, or not one loss that is finite.
    """
    require_type("history", history, History, "what fit returns")
    parts = require_sequence("history.losses", history.losses, (list, tuple), "lists", empty=True)
    losses = [
        loss
        for part in parts
        for loss in require_numbers("history.losses", part, finite=False, empty=True)
    ]
    if not losses:
        raise ValueError("The history is empty: train with fit first.")
    epochs = range(1, len(history.losses) + 1)
    curves = ["train_accuracy"]
    if history.validation_loss:
        curves += ["validation_loss", "validation_accuracy"]
    for name in curves:
        values = require_numbers(
            f"history.{name}", getattr(history, name), finite=False, empty=True
        )
        if len(values) != len(epochs):
            raise ValueError(
                f"history.{name} holds {len(values)}, and history.losses has {len(epochs)} epochs; give one for each."
            )
    highest = max(filter(math.isfinite, losses), default=None)
    if highest is None:
        raise ValueError(
            "No loss of the history is a finite number: the training diverged at once. Make the network anew, and "
            "train it with a smaller learning rate."
        )
    progress = [(batch + 1) / len(losses) * len(epochs) for batch in range(len(losses))]
    with plt.style.context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5))
        left.plot(progress, losses, color=BLUE, alpha=0.25, linewidth=0.8)
        means = _running_mean(losses, 100)
        left.plot(progress, means, color=BLUE, label="training")
        top = highest if means[-1] > 1 else min(1, highest)
        left.set(xlabel="epoch", ylabel="loss", ylim=(0, top))
        right.plot(
            epochs,
            [100 * value for value in history.train_accuracy],
            "o-",
            color=BLUE,
            label="training",
        )
        right.set(xlabel="epoch", ylabel="accuracy, %", xticks=epochs)
        if history.validation_loss:
            left.plot(epochs, history.validation_loss, "s--", color=ORANGE, label="validation")
            values = [100 * value for value in history.validation_accuracy]
            right.plot(epochs, values, "s--", color=ORANGE, label="validation")
        left.legend()
        right.legend()
    return finished(figure)


def plot_losses(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Show the loss of every batch of several trainings in one picture, and a dotted line at ln 10, which is the loss
    of a network that gives each of the ten digits the same probability. Where a loss is no number, because the training
    diverged, its line ends.

    Raises:
        TypeError: `losses` is no dictionary of lists of numbers by name.
        ValueError: it is empty.
    """
    for name, values in require_mapping("losses", losses, "losses by name").items():
        require_numbers(f"losses[{name!r}]", values, finite=False, empty=True)
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 5))
        styles = ("-", "--", "-.", (0, (1, 1)))
        for number, (name, values) in enumerate(losses.items()):
            ax.plot(_running_mean(values, 10), label=name, linestyle=styles[number % len(styles)])
        ax.axhline(math.log(10), color="black", linestyle=":", linewidth=1.5, label="ln 10")
        ax.set(xlabel="batch", ylabel="loss (mean of 10 batches)", ylim=(0, None))
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finished(figure)


def plot_live_losses(points: Sequence[tuple[int, float]], batches: int) -> Figure:
    """Show the losses of a training that still runs: ``(number of the batch, loss)``, on an axis as long as the whole
    training. A dotted line is at ln 10, which is the loss of a network that gives each digit the same probability.
    Where a loss is no number, nothing is drawn.

    Raises:
        TypeError: `points` is no list of pairs of numbers, or `batches` no whole number.
        ValueError: one of them is no pair, or `batches` is less than 1.
    """
    for point in require_sequence("points", points, (tuple, list), "pairs", empty=True):
        if len(point) != 2:
            raise ValueError(f"A point is {point}, and has to be a pair: the batch and its loss.")
        require_number("A point's batch", point[0])
        require_number("A point's loss", point[1], finite=False)
    require_whole("batches", batches, at_least=1)
    with plt.style.context(STYLE):
        # Small and without a layout engine: it is drawn while a network is trained.
        figure, ax = plt.subplots(figsize=(7, 3), layout="none")
        figure.subplots_adjust(0.1, 0.2, 0.98, 0.97)
        ax.axhline(math.log(10), color="black", linestyle=":", linewidth=1.5)
        ax.plot([batch for batch, _ in points], [loss for _, loss in points], color=BLUE)
        ax.set(xlim=(0, batches), ylim=(0, 2.5), xlabel="batch", ylabel="loss")
    return finished(figure)


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    starts = [max(0, end - window) for end in range(1, len(sums))]
    return [(sums[end] - sums[start]) / (end - start) for end, start in enumerate(starts, 1)]
