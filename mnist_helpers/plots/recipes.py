"""Figures for choosing a recipe: where the time goes, learning rates, changed digits, settings compared over seeds."""

from collections.abc import Mapping, Sequence
import math
import statistics

from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from ..checks import require_mapping, require_number, require_numbers
from .style import BLUE, GREEN, ORANGE, STYLE, finished, picture_of, pictures_of


def plot_time_shares(seconds: Mapping[str, float]) -> Figure:
    """Show what share of the whole each part of a job takes, as bars in the order given.

    Raises:
        TypeError: `seconds` is no dictionary of numbers by name.
        ValueError: nothing took any time, or something less than none.
    """
    require_mapping("seconds", seconds, "seconds by name", empty=True)
    for name, value in seconds.items():
        require_number(f"seconds[{name!r}]", value, at_least=0)
    whole = sum(seconds.values())
    if whole <= 0:
        raise ValueError("No part took any time: measure something first.")
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 0.8 * len(seconds) + 1.2))
        shares = [100 * value / whole for value in seconds.values()]
        bars = ax.barh(list(seconds), shares, color=BLUE)
        ax.bar_label(bars, labels=[f"{share:.0f} %" for share in shares], padding=6)
        ax.set(xlim=(0, max(shares) * 1.15), xlabel="share of the time, %")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
    return finished(figure)


def plot_range_test(
    rates: Sequence[float], losses: Sequence[float], chosen: float | None = None
) -> Figure:
    """Show a learning-rate range test: the loss of each step over the rate of that step, on a logarithmic axis.

    Args:
        rates, losses: one of each for each step, in order; where the loss is no number, nothing is drawn.
        chosen: a rate to be marked by a dashed line.

    Raises:
        TypeError: one of them is no number, or no list of numbers.
        ValueError: there are not as many losses as rates, or a rate is not above 0.
    """
    for rate in require_numbers("rates", rates, empty=True):
        require_number("A rate", rate, above=0)
    require_numbers("losses", losses, finite=False, empty=True)
    if chosen is not None:
        require_number("chosen", chosen, above=0)
    if len(rates) != len(losses):
        raise ValueError(
            f"{len(rates)} rates and {len(losses)} losses were given; give one of each for each step."
        )
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 5))
        ax.semilogx(rates, losses, color=BLUE, alpha=0.3, linewidth=1)
        ax.semilogx(rates, _smoothed(losses), color=BLUE)
        ax.axhline(math.log(10), color="black", linestyle=":", linewidth=1.5)
        if chosen is not None:
            ax.axvline(chosen, color=ORANGE, linestyle="--", label=f"chosen: {chosen:g}")
            ax.legend()
        ax.set(xlabel="learning rate", ylabel="loss", ylim=(0, 4))
    return finished(figure)


def plot_rates(rates: Mapping[str, Sequence[float]]) -> Figure:
    """Show learning rates over the steps of a training, a curve for each name.

    Raises:
        TypeError: `rates` is no dictionary of lists of numbers by name.
        ValueError: there is none, or a rate is not finite.
    """
    for name, values in require_mapping("rates", rates, "learning rates by name").items():
        require_numbers(f"rates[{name!r}]", values)
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 4))
        looks = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."))
        for number, (name, values) in enumerate(rates.items()):
            colour, line = looks[number % len(looks)]
            ax.plot(values, color=colour, linestyle=line, label=name)
        ax.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
        ax.legend()
    return finished(figure)


def plot_variations(image: Tensor, changed: Tensor) -> Figure:
    """Show a digit, framed, and after it the same digit changed in several ways, in rows of eight.

    Args:
        image: ``[1, H, W]`` or ``[H, W]`` with values in [0, 1].
        changed: ``[N, 1, H, W]`` with values in [0, 1].

    Raises:
        TypeError: one of the two is no tensor of floats.
        ValueError: they are no images in [0, 1], or there is no changed one.
    """
    pictures = [picture_of(image, bright=True), *pictures_of(changed, bright=True, name="changed")]
    rows = math.ceil(len(pictures) / 8)
    with plt.style.context(STYLE):
        # No layout engine: a slider redraws this figure while it moves.
        figure, axes = plt.subplots(
            rows, 8, figsize=(13, 1.65 * rows + 0.1), squeeze=False, layout="none"
        )
        figure.subplots_adjust(0.01, 0.02, 0.99, 0.98, wspace=0.06, hspace=0.06)
        for ax in axes.flat:
            ax.axis("off")
        for ax, picture in zip(axes.flat, pictures, strict=False):
            ax.imshow(picture.numpy(), vmin=0, vmax=1, cmap="gray")
        axes[0, 0].axis("on")
        axes[0, 0].grid(False)
        axes[0, 0].set(xticks=[], yticks=[])
        for spine in axes[0, 0].spines.values():
            spine.set(visible=True, edgecolor=ORANGE, linewidth=4)
    return finished(figure)


def plot_spread(accuracies: Mapping[str, Sequence[float]]) -> Figure:
    """Show the accuracies of several settings, each with several seeds: a dot for each seed, and a bar for the mean,
    with whiskers one standard deviation to each side.

    Args:
        accuracies: for each setting, in per cent, one for each seed; those below 20, networks that learned nothing,
            are not drawn, but counted at the right.

    Raises:
        TypeError: `accuracies` is no dictionary of lists of numbers by name.
        ValueError: there is none, or an accuracy is not from 0 to 100.
    """
    for name, values in require_mapping("accuracies", accuracies, "accuracies by name").items():
        for value in require_numbers(f"accuracies[{name!r}]", values, empty=True):
            require_number(f"An accuracy of {name}", value, 0, 100)
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(12, 0.55 * len(accuracies) + 1.3))
        learned = {
            name: [value for value in values if value >= 20] for name, values in accuracies.items()
        }
        for place, (name, values) in enumerate(learned.items()):
            ax.plot(values, [place] * len(values), "o", color=BLUE, alpha=0.45, markersize=8)
            if values:
                spread = statistics.stdev(values) if len(values) > 1 else 0
                ax.errorbar(
                    statistics.mean(values), place, xerr=spread, color=ORANGE, fmt="|",
                    markersize=20, markeredgewidth=3, capsize=5, linewidth=2,
                )  # fmt: skip
            too_low = len(accuracies[name]) - len(values)
            if too_low:
                at = {"xycoords": ("axes fraction", "data"), "va": "center"}
                ax.annotate(f"{too_low} below 20 %", (1.01, place), **at)
        ax.set_yticks(range(len(accuracies)), list(accuracies))
        ax.xaxis.set_major_locator(MaxNLocator(8))
        ax.set(xlabel="accuracy, %", ylim=(len(accuracies) - 0.5, -0.5))
    return finished(figure)


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return each value's mean with those before it, weighted the less the longer ago they are."""
    means, mean = [], values[0] if len(values) else 0.0
    for value in values:
        mean = 0.85 * mean + 0.15 * value
        means.append(mean)
    return means
