"""Figures of trainings and of comparisons: curves, bars and dots."""

from collections.abc import Mapping, Sequence
import itertools
import math
import statistics
from typing import Any

from matplotlib.ticker import MaxNLocator
import numpy as np

from .style import BLUE, ORANGE, Figure, _figure, _styled

_Curves = Mapping[str, Sequence[float]]
_DOTTED = {"color": "black", "linestyle": ":", "linewidth": 1.5}
_LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))


@_styled
def _curves(
    alt: str, curves: _Curves, height: float, x: Sequence = (), level: tuple = (), **labels
) -> Figure:
    """Draw curves from 0 up, over `x`, with markers, or over the steps' numbers."""
    figure, [ax] = _figure(alt, figsize=(10, height))
    looks = zip(itertools.cycle(_LINES), itertools.cycle("os^DvPX"), strict=False)
    for (name, values), (line, marker) in zip(curves.items(), looks, strict=False):
        look = {"linestyle": line, "marker": marker if x else None, "label": name}
        ax.plot(x or range(len(values)), values, **look)
    if level:
        ax.axhline(level[1], label=level[0], **_DOTTED)
    ax.set(**{"ylim": (0, None)} | ({"xticks": x} if x else {}) | labels)
    ax.legend(**{"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if level else {})
    return figure


def plot_losses(losses: _Curves) -> Figure:
    """Draw the losses of trainings by batch, and ln 10, that of ten equal probabilities."""
    means = {name: _running_mean(values, 10) for name, values in losses.items()}
    alt, level = "The losses of trainings, batch by batch", ("ln 10", math.log(10))
    return _curves(alt, means, 5, (), level, xlabel="batch", ylabel="loss (mean of 10 batches)")


def plot_rates(rates: _Curves) -> Figure:
    """Draw learning rates over the steps of a training."""
    alt = "Learning rates, step by step"
    return _curves(alt, rates, 4, xlabel="step", ylabel="learning rate")


def plot_shifts(shifts: Sequence[int], accuracies: _Curves) -> Figure:
    """Draw networks' accuracies in per cent on digits moved to the right by `shifts` pixels."""
    labels = {"xlabel": "shift to the right, pixels", "ylabel": "accuracy, %", "ylim": (0, 103)}
    alt = "Networks' accuracies on digits moved to the right"
    return _curves(alt, accuracies, 5.5, shifts, ("guessing", 10), **labels)


def plot_speed_up(times_as_fast: _Curves) -> Figure:
    """Draw how many times as fast 1, 2, 3 … processes are, and the level of one."""
    processes = range(1, 1 + len(next(iter(times_as_fast.values()))))
    alt = "How many times as fast several processes are"
    labels = {"xlabel": "processes", "ylabel": "times as fast"}
    return _curves(alt, times_as_fast, 5, processes, ("one process", 1), **labels)


@_styled
def plot_live_losses(losses: Sequence[float], batches: int) -> Figure:
    """Draw the losses of a training that still runs: the first 100 one by one, the others as at
    most 200 means, each at the end of its stretch."""
    count = len(losses)
    length = max(1, math.ceil((count - 100) / 200))
    edges = [*range(min(count, 100)), *range(100, count, length), count]
    means = [statistics.fmean(losses[start:end]) for start, end in itertools.pairwise(edges)]
    figure, [ax] = _figure("A falling loss", 1, 1, (0.13, 0.24, 0.96, 0.97), figsize=(7, 2.5))
    ax.axhline(math.log(10), **_DOTTED)
    ax.plot(edges[1:], means, color=BLUE)
    # The last epochs' losses differ by thousandths.
    ax.set(xlim=(0, batches), yscale="log", ylim=(0.003, 4), xlabel="batch", ylabel="loss")
    ax.yaxis.set_major_formatter("{x:g}")
    return figure


@_styled
def plot_range_test(rates: Sequence[float], losses: Sequence[float], chosen: float) -> Figure:
    """Draw the loss of each step over its learning rate, pale, and its moving average, strong."""
    alt = f"The loss over a rising learning rate, lowest {min(losses):.2f}"
    alt += f", at last {losses[-1]:.2f}"
    figure, [ax] = _figure(alt, figsize=(10, 5))
    averages = itertools.accumulate(losses, lambda mean, loss: 0.85 * mean + 0.15 * loss)
    ax.semilogx(rates, losses, color=BLUE, alpha=0.3, linewidth=1)
    ax.semilogx(rates, list(averages), color=BLUE)
    ax.axhline(math.log(10), **_DOTTED)
    ax.axvline(chosen, color=ORANGE, linestyle="--", label=f"chosen: {chosen:g}")
    ax.legend()
    ax.set(xlabel="learning rate", ylabel="loss", ylim=(0, 4))
    return figure


@_styled
def plot_history(history: Any) -> Figure:
    """Draw a `History`: the loss of every batch, pale, and the mean over 100, strong, cut off at 1
    unless the training ends above; and the accuracy."""
    alt = "A training: its losses on the left, its accuracies on the right"
    figure, (left, right) = _figure(alt, 1, 2, figsize=(13, 5))
    losses = [*itertools.chain(*history.losses)]
    means = _running_mean(losses, 100)
    epochs = range(1, len(history.losses) + 1)
    progress = [batch / len(losses) * len(epochs) for batch in range(1, len(losses) + 1)]
    training = {"color": BLUE, "label": "training"}
    left.plot(progress, losses, color=BLUE, alpha=0.25, linewidth=0.8)
    left.plot(progress, means, **training)
    right.plot(epochs, 100 * np.array(history.train_accuracy), "o-", **training)
    if history.validation_loss:
        validation = {"color": ORANGE, "label": "validation"}
        left.plot(epochs, history.validation_loss, "s--", **validation)
        right.plot(epochs, 100 * np.array(history.validation_accuracy), "s--", **validation)
    highest = max(filter(math.isfinite, losses))
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, highest if means[-1] > 1 else min(1, highest)))
    right.set(xlabel="epoch", ylabel="accuracy, %", xticks=epochs)
    left.legend()
    right.legend()
    return figure


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    parts = (values[max(0, end - window) : end] for end in range(1, len(values) + 1))
    return [sum(part) / len(part) for part in parts]


@_styled
def plot_overfitting(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Draw each training's losses over epochs on one scale, the lowest on validation marked."""
    figsize = (max(7, 4.8 * len(curves)), 4.8)
    alt = "The losses of trainings on what they learn from and on a validation split"
    figure, axes = _figure(alt, 1, len(curves), figsize=figsize, sharey=True)
    for ax, (name, (training, validation)) in zip(axes, curves.items(), strict=True):
        epochs = range(1, len(training) + 1)
        ax.plot(epochs, training, color=BLUE, label="training")
        ax.plot(epochs, validation, "--", color=ORANGE, label="validation")
        lowest, best = min(zip(validation, epochs, strict=True))
        look = {"color": "black", "markersize": 11, "fillstyle": "none", "markeredgewidth": 2.5}
        ax.plot(best, lowest, "o", label=f"lowest: {lowest:.3f}, epoch {best}", **look)
        ax.set(title=name, xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.legend()
    # Only now that all are drawn, or the highest loss would be cut off.
    axes[0].set(ylabel="loss", ylim=(0, None))
    return figure


@_styled
def plot_before_after(
    before: Mapping[str, float], after: Mapping[str, float], names: tuple[str, str]
) -> Figure:
    """Draw two accuracies of each network, in per cent, side by side, named by `names`."""
    alt = f"Bars for {', '.join(before)}: {names[0]}, then {names[1]}"
    figure, [ax] = _figure(alt, figsize=(max(7, 2.2 * len(before) + 2), 5.5))
    looks = ({"color": BLUE}, {"color": ORANGE, "hatch": "//", "edgecolor": "white"})
    for side, values, name, look in zip((-1, 1), (before, after), names, looks, strict=True):
        heights = [values[network] for network in before]
        bars = ax.bar(np.arange(len(before)) + 0.205 * side, heights, 0.39, label=name, **look)
        ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=13)
    ax.set(ylabel="accuracy, %", ylim=(0, 105), yticks=range(0, 101, 20))
    ax.set_xticks(range(len(before)), list(before))
    ax.grid(axis="x", visible=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return figure


@_styled
def plot_spread(accuracies: _Curves) -> Figure:
    """Draw settings' accuracies in per cent, with mean and standard deviation; those below 20 are
    counted at the right."""
    learned = {name: [one for one in values if one >= 20] for name, values in accuracies.items()}
    means = (f"{name} {statistics.mean(values):.2f}" for name, values in learned.items() if values)
    alt = f"A dot for each seed. Means of those that learned: {', '.join(means)}"
    figure, [ax] = _figure(alt, figsize=(12, 0.55 * len(accuracies) + 1.3))
    bar = {"fmt": "|", "markersize": 20, "markeredgewidth": 3, "capsize": 5, "linewidth": 2}
    for place, (name, values) in enumerate(learned.items()):
        ax.plot(values, [place] * len(values), "o", color=BLUE, alpha=0.45, markersize=8)
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0
            ax.errorbar(statistics.mean(values), place, xerr=spread, color=ORANGE, **bar)
        if stuck := len(accuracies[name]) - len(values):
            text = f"{stuck} below 20 %"
            ax.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center")
    ax.set_yticks(range(len(accuracies)), list(accuracies))
    ax.xaxis.set_major_locator(MaxNLocator(8))
    ax.set(xlabel="accuracy, %", ylim=(len(accuracies) - 0.5, -0.5))
    return figure
