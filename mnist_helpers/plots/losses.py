"""Figures of trainings: losses and accuracies over batches and epochs."""

from collections.abc import Mapping, Sequence
import math

from matplotlib.figure import Figure
import matplotlib.pyplot as plt

from ..training import History
from .style import BLUE, ORANGE, STYLE, finished


def plot_history(history: History) -> Figure:
    """Show the curves of a training: left the loss, right the accuracy, over epochs.

    The pale line is the loss of every batch, the strong one its mean over 100 batches. Losses over 1 are cut off,
    unless that is where the training ends.
    Validation curves, where the history has them, are drawn as dots at the end of each epoch.
    """
    losses = [loss for epoch in history.losses for loss in epoch]
    if not losses:
        raise ValueError("The history is empty: train with fit first.")
    epochs = range(1, len(history.losses) + 1)
    progress = [(batch + 1) / len(losses) * len(epochs) for batch in range(len(losses))]
    with plt.style.context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5))
        left.plot(progress, losses, color=BLUE, alpha=0.25, linewidth=0.8)
        means = _running_mean(losses, 100)
        left.plot(progress, means, color=BLUE, label="training")
        top = max(losses) if means[-1] > 1 else min(1, max(losses))
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
    of a network that gives each of the ten digits the same probability."""
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
    training. A dotted line is at ln 10, which is the loss of a network that gives each digit the same probability."""
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
