"""Figures of what networks answer, how sure they are of it, and what they confuse."""

from collections.abc import Iterator, Mapping, Sequence
import math

from jaxtyping import Float, Int
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
import numpy as np
import torch
from torch import Tensor

from .style import BLUE, GREY, ORANGE, Figure, Image, Images, _figure, _frame, _show, _styled

_Labels, _Rows = Int[Tensor, " N"], Float[Tensor, "N 10"]
_GREY, _PALE = "#999999", "#EEEEEE"
# Paul Tol's muted scheme, for any colour vision ("Colour schemes", 2021), and dark grey.
_TEN_COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#555555"),
)


def _require_probabilities(probabilities: Float[Tensor, "*rows classes"]) -> None:
    sums = probabilities.sum(dim=-1)
    if not ((probabilities >= 0).all() and ((sums - 1).abs() <= 1e-3).all()):
        given = f"Yours are {probabilities.min():.3g} to {probabilities.max():.3g}. Each row"
        raise ValueError(f"{given} has to sum to 1: apply softmax(dim=-1) to the logits first.")


@_styled
def plot_predictions(
    images: Images, labels: _Labels, probabilities: _Rows, titles: Sequence[str] | None = None
) -> Figure:
    """Draw digits beside their probabilities, the label's in blue, a more probable one orange.
    Logits in their place are a ValueError."""
    _require_probabilities(probabilities)
    rows = math.ceil(len(images) / 3)
    width, height = 73, 13 * rows + 1
    figsize = (11, round(11 * height / width, 1))
    figure, [ax] = _figure(_read(labels, probabilities), 1, 1, (0, 0, 1, 1), figsize=figsize)
    for number, (image, title, bars) in enumerate(_judged(images, labels, probabilities)):
        left, top = 25 * (number % 3), 13 * (number // 3)
        _show(ax, image, extent=(left, left + 10, top + 10, top))
        # Rectangles are drawn more quickly than bars on axes of their own.
        for digit, (probability, look) in enumerate(bars):
            corner = (left + 12, top + digit + 0.08)
            ax.add_artist(Rectangle(corner, 10, 0.84, facecolor=_PALE))
            ax.add_artist(Rectangle(corner, 10 * probability, 0.84, **look))
            ax.text(left + 11.6, top + digit + 0.5, digit, ha="right", va="center", fontsize=10)
        if titles is None:
            ax.text(left + 5, top - 0.3, title, ha="center", va="bottom")
        else:
            ax.text(left, top - 0.3, titles[number], va="bottom")
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 2, -2))
    return figure


def _read(labels: _Labels, probabilities: _Rows) -> str:
    rows = zip(labels.tolist(), *(part.tolist() for part in probabilities.max(dim=1)), strict=True)
    said = [f"{label} read as {answer} with {sure:.0%}" for label, sure, answer in rows]
    return f"digits and their probabilities: {', '.join(said)}"


def _judged(
    images: Images, labels: _Labels, probabilities: _Rows
) -> Iterator[tuple[Image, str, list]]:
    for image, label, row in zip(images, labels.tolist(), probabilities.tolist(), strict=True):
        answer, looks = row.index(max(row)), [{"facecolor": _GREY} for _ in row]
        looks[answer] = {"facecolor": ORANGE, "hatch": "//", "edgecolor": "white"}
        looks[label] = {"facecolor": BLUE}
        title = f"{label}" if answer == label else f"{label}, read as {answer}"
        yield image, title, list(zip(row, looks, strict=True))


def plot_probabilities(images: Images, probabilities: _Rows, titles: Sequence[str]) -> Figure:
    """Draw digits without labels as `plot_predictions` does. Logits are a ValueError."""
    return plot_predictions(images, probabilities.argmax(dim=1), probabilities, titles)


@_styled
def plot_watched(images: Images, labels: _Labels, probabilities: _Rows) -> Figure:
    """Draw digits in a row, each above its bars as in `plot_predictions`, and quickly. Logits are a
    ValueError."""
    _require_probabilities(probabilities)
    count = len(images)
    alt = _read(labels, probabilities)
    figure, [ax] = _figure(alt, 1, 1, (0, 0, 1, 1), figsize=(1.2 * count, 2.55))
    for number, (image, title, bars) in enumerate(_judged(images, labels, probabilities)):
        left = 12 * number
        _show(ax, image, extent=(left + 1, left + 9, 11, 3))
        for digit, (probability, look) in enumerate(bars):
            ax.add_artist(Rectangle((left + digit + 0.08, 12), 0.84, 10, facecolor=_PALE))
            ax.add_artist(Rectangle((left + digit + 0.08, 22), 0.84, -10 * probability, **look))
            ax.text(left + digit + 0.5, 22.3, digit, ha="center", va="top", fontsize=10)
        ax.text(left + 5, 2.6, title, ha="center", va="bottom", fontsize=12)
    ax.set(xlim=(-1, 12 * count - 1), ylim=(25, 0), aspect="auto")
    return figure


@_styled
def plot_beliefs(
    images: Images, labels: _Labels, probabilities: Float[Tensor, "epochs N 10"]
) -> Figure:
    """Draw each digit beside its probabilities, dark for 1: a row for each class, a column for each
    epoch. Logits are a ValueError."""
    _require_probabilities(probabilities)
    rows, epochs = math.ceil(len(images) / 3), len(probabilities)
    alt = f"Fields of probabilities, epoch by epoch. Last, {_read(labels, probabilities[-1])}"
    figure, axes = _figure(alt, rows, 6, figsize=(14, 3.1 * rows), width_ratios=[1, 1.5] * 3)
    for ax in axes:
        ax.axis("off")
    samples = zip(images, labels.tolist(), probabilities.permute(1, 2, 0), strict=True)
    for number, (image, label, field) in enumerate(samples):
        left, right = axes[2 * number : 2 * number + 2]
        _show(left, image, f"{label}")
        _show(right, field, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        _frame(right, 0, label, epochs, 1)
        right.axis("on")
        right.set(yticks=range(10), xticks=range(0, epochs, 2), xlabel="epoch")
        right.tick_params(labelsize=11)
    return figure


@_styled
def plot_shifted_digit(image: Image, probabilities: Mapping[str, Float[Tensor, "10"]]) -> Figure:
    """Draw a digit in [0, 1] beside each network's ten probabilities; logits are a ValueError."""
    _require_probabilities(torch.stack([*probabilities.values()]))
    count = len(probabilities)
    width, ratios = 4.4 + 3 * count, [1.5] + [1] * count
    margins = (0.15 / width, 0.06, 1 - 0.15 / width, 0.88, 0.16)
    options = {"figsize": (width, 4.4), "width_ratios": ratios}
    alt = "A digit, and each network's ten probabilities"
    figure, axes = _figure(alt, 1, 1 + count, margins, **options)
    _show(axes[0], image, vmin=0, vmax=1)
    for ax, (name, values) in zip(axes[1:], probabilities.items(), strict=True):
        answer = values.argmax().item()
        colors = [BLUE if digit == answer else _GREY for digit in range(10)]
        ax.barh(range(10), values.tolist(), color=colors)
        ax.set(xlim=(0, 1), xticks=[], ylim=(9.5, -0.5), yticks=range(10))
        ax.set(title=f"{name}: {answer}", facecolor=_PALE)
        ax.grid(False)
        ax.spines[:].set_visible(False)
        ax.tick_params(axis="y", length=0)
    return figure


@_styled
def plot_confusion(matrix: Int[Tensor, "classes classes"]) -> Figure:
    """Draw how often each label (row) is read as each digit (column)."""
    mistakes = matrix.double().cpu()
    most = mistakes.fill_diagonal_(0).max().item() or 1
    label, answer = divmod(mistakes.argmax().item(), len(matrix))
    alt = f"A table of mistakes; most often, {most:.0f} times, a {label} is read as {answer}"
    figure, [ax] = _figure(alt, figsize=(8, 6.8))
    _show(ax, mistakes.fill_diagonal_(math.nan), cmap="Oranges", vmin=0, vmax=most)
    for label, row in enumerate(matrix.tolist()):
        for answer, times in enumerate(row):
            look = {"color": "white" if times > 0.75 * most else "black", "fontsize": 15}
            if label == answer:
                look = {"color": "#333333", "fontsize": 11}
            elif times == 0:
                look = {"color": GREY, "fontsize": 12}
            ax.text(answer, label, f"{times:,}", ha="center", va="center", **look)
    ax.axis("on")
    digits = range(len(matrix))
    ax.set(xticks=digits, yticks=digits, xlabel="the network says", ylabel="label")
    return figure


@_styled
def plot_reliability(bins: Sequence[tuple[float, float, int, float, float]]) -> Figure:
    """Draw what `insights.reliability` finds. Below the diagonal a network is too sure."""
    options = {"figsize": (9, 6.8), "sharex": True, "height_ratios": [2.2, 1]}
    alt = "How often answers are right, over how sure they are, and how many digits are that sure"
    figure, (above, below) = _figure(alt, 2, 1, **options)
    low, high, count, confidence, accuracy = np.array(bins, dtype=float).T
    filled = count > 0
    above.plot([0, 1], [0, 1], "--", color="black", linewidth=1.5, label="as sure as right")
    above.plot(confidence[filled], accuracy[filled], "o-", color=BLUE, label="this network")
    means = [np.nansum(count * of) / count.sum() for of in (confidence, accuracy)]
    above.set_title("of all digits: mean confidence {:.1%}, accuracy {:.1%}".format(*means))
    above.set(ylabel="accuracy", ylim=(-0.03, 1.03))
    above.legend(loc="upper left")
    bars = below.bar(low, count, high - low, align="edge", color=BLUE, edgecolor="white")
    below.bar_label(bars, fmt="{:,.0f}", fontsize=12)
    below.margins(y=0.2)
    below.set(xlabel="confidence", ylabel="how many digits", xlim=(0, 1))
    below.grid(axis="x", visible=False)
    return figure


@_styled
def plot_projection(
    points: Float[Tensor, "N 2"], labels: _Labels, shares: Float[Tensor, "2"]
) -> Figure:
    """Draw samples as dots in their digit's colour, the digit at their median. `shares`, in [0, 1],
    are of the variance."""
    places, digits = points.detach().cpu(), labels.cpu()
    alt = f"{len(labels)} dots, one for each digit, in the colour of its label"
    figure, [ax] = _figure(alt, figsize=(10, 8))
    # All at once: digit after digit, the last one would hide the others.
    colors = [_TEN_COLOURS[digit] for digit in digits]
    ax.scatter(*places.T, s=14, c=colors, alpha=0.7, linewidths=0)
    # Yellow is not read on white, nor black on dark dots.
    outline = [Stroke(linewidth=8, foreground="white"), Stroke(linewidth=4, foreground="black")]
    look = {"ha": "center", "va": "center", "fontsize": 30, "fontweight": "bold"}
    look["path_effects"] = [*outline, Normal()]
    for digit in digits.unique().tolist():
        middle = places[digits == digit].median(dim=0).values
        ax.text(*middle, f"{digit}", color=_TEN_COLOURS[digit], **look)
    ax.set_xlabel(f"first component: {shares[0]:.0%} of the variance")
    ax.set_ylabel(f"second component: {shares[1]:.0%} of the variance")
    return figure
