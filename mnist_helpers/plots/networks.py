"""Figures that compare networks: what they cost, how they take a shift, where they overfit."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from torch import Tensor

from ..checks import (
    described,
    require_mapping,
    require_numbers,
    require_probabilities,
    require_sequence,
    require_type,
)
from .style import BLUE, ORANGE, STYLE, finished, picture_of

_LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Where a name may stand, in points from its dot, and how it is aligned there; the best first.
_SIDES = (
    ((0, 10), "center", "bottom"),
    ((0, -10), "center", "top"),
    ((12, 0), "left", "center"),
    ((-12, 0), "right", "center"),
)


def plot_costs(costs: Mapping[str, tuple[float, float]]) -> Figure:
    """Show what networks cost and how good they are: a dot with its name for each, the accuracy over the
    multiply-adds of one digit on a logarithmic axis.

    Args:
        costs: for each network its multiply-adds and its accuracy in per cent.

    Raises:
        TypeError: `costs` is no dictionary of pairs of numbers by name.
        ValueError: there is none, or a network has no multiply-adds, for which a logarithmic axis has no place.
    """
    require_mapping("costs", costs, "(multiply-adds, accuracy) by name", empty=True)
    _require_some(costs, "network")
    for name, pair in costs.items():
        _require_pair(f"costs[{name!r}]", pair, "multiply-adds and accuracy")
        require_numbers(f"costs[{name!r}]", pair)
    if any(operations <= 0 for operations, _ in costs.values()):
        raise ValueError(
            f"Multiply-adds have to be more than 0, and are {[cost[0] for cost in costs.values()]}."
        )
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 5.5))
        ax.set(xscale="log", xlabel="multiply-adds for one digit", ylabel="accuracy, %")
        ax.margins(0.15)
        ax.scatter(*zip(*costs.values(), strict=True), s=130, color=BLUE, zorder=3)
        _write_beside(ax, costs)
    return finished(figure)


def plot_shifts(shifts: Sequence[int], accuracies: Mapping[str, Sequence[float]]) -> Figure:
    """Show how well networks read digits that are moved to the right: a line for each network.

    A dotted line is at 10 %, the accuracy of guessing.

    Args:
        shifts: in pixels.
        accuracies: for each network the accuracy in per cent at each of the shifts.

    Raises:
        TypeError: `shifts` are no numbers, or `accuracies` no dictionary of lists of numbers by name.
        ValueError: there is no shift or no network, or a network has not as many accuracies as there are shifts.
    """
    require_numbers("shifts", shifts)
    for name, values in require_mapping("accuracies", accuracies, "accuracies by name").items():
        require_numbers(f"accuracies[{name!r}]", values, empty=True)
        if len(values) != len(shifts):
            raise ValueError(
                f"{name} has {len(values)} accuracies for {len(shifts)} shifts; give one for each shift."
            )
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 5.5))
        for number, (name, values) in enumerate(accuracies.items()):
            look = {
                "linestyle": _LINES[number % len(_LINES)],
                "marker": _MARKERS[number % len(_MARKERS)],
            }
            ax.plot(shifts, values, label=name, **look)
        ax.axhline(10, color="black", linestyle=":", linewidth=1.5, label="guessing")
        ax.set(xlabel="shift to the right, pixels", ylabel="accuracy, %", ylim=(0, 103))
        ax.set_xticks(shifts)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return finished(figure)


def plot_before_after(
    before: Mapping[str, float], after: Mapping[str, float], names: tuple[str, str]
) -> Figure:
    """Show two accuracies of each network as bars side by side, the values written on them.

    Args:
        before, after: for each network, in per cent; the same networks in both.
        names: what the two are called, for the legend.

    Raises:
        TypeError: before or after is no dictionary of numbers by name, or `names` no pair of texts.
        ValueError: the two hold different networks, or none; `names` are not two.
    """
    for which, values in (("before", before), ("after", after)):
        require_mapping(which, values, "accuracies by name", empty=True)
        require_numbers(which, list(values.values()), empty=True)
    _require_pair("names", names, "what the two are called")
    require_sequence("names", names, str, "names, which are text")
    _require_some(before, "network")
    if set(before) != set(after):
        raise ValueError(
            f"One holds the networks {', '.join(before)}, the other {', '.join(after)}; give the same in both."
        )
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(max(7, 2.2 * len(before) + 2), 5.5))
        looks = ({"color": BLUE}, {"color": ORANGE, "hatch": "//", "edgecolor": "white"})
        for side, (values, name, look) in enumerate(
            zip((before, after), names, looks, strict=True)
        ):
            places = [number + 0.41 * (side - 0.5) for number in range(len(before))]
            heights = [values[network] for network in before]
            bars = ax.bar(places, heights, width=0.39, label=name, **look)
            ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=13)
        ax.set(ylabel="accuracy, %", ylim=(0, 105), yticks=range(0, 101, 20))
        ax.set_xticks(range(len(before)), list(before))
        ax.grid(axis="x", visible=False)
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return finished(figure)


def plot_overfitting(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Show trainings side by side, on the same axis of losses: the loss on the training digits and on the validation
    digits over epochs. The epoch with the lowest validation loss is marked.

    Args:
        curves: for each training its losses and its validation losses, one of each for each epoch.

    Raises:
        TypeError: `curves` is no dictionary of pairs of lists of numbers by name.
        ValueError: there is none, a training has no epoch, not as many losses as validation losses, or one that is not
            finite.
    """
    require_mapping("curves", curves, "(losses, validation losses) by name", empty=True)
    _require_some(curves, "training")
    for name, pair in curves.items():
        _require_pair(f"curves[{name!r}]", pair, "losses and validation losses")
        training, validation = (
            require_numbers(f"curves[{name!r}]", values, empty=True) for values in pair
        )
        if len(training) != len(validation) or len(training) == 0:
            raise ValueError(
                f"{name} has {len(training)} training losses and {len(validation)} validation losses; "
                f"give one of each for each epoch."
            )
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(
            1, len(curves), figsize=(max(7, 4.8 * len(curves)), 4.8), sharey=True, squeeze=False
        )
        for ax, (name, (training, validation)) in zip(axes.flat, curves.items(), strict=True):
            epochs = range(1, len(training) + 1)
            ax.plot(epochs, training, color=BLUE, label="training")
            ax.plot(epochs, validation, "--", color=ORANGE, label="validation")
            best = min(range(len(validation)), key=validation.__getitem__)
            ax.plot(
                best + 1, validation[best], "o", color="black", markersize=11, fillstyle="none",
                markeredgewidth=2.5, label=f"lowest: {validation[best]:.3f}, epoch {best + 1}",
            )  # fmt: skip
            ax.set(title=name, xlabel="epoch")
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            ax.legend()
        # Only now that all are drawn, or the highest loss would be cut off.
        axes[0, 0].set(ylabel="loss", ylim=(0, None))
    return finished(figure)


def plot_shifted_digit(image: Tensor, probabilities: Mapping[str, Tensor]) -> Figure:
    """Show a digit, and beside it for each network how probable each of the ten digits is to it, as bars. The bar of
    the most probable one is blue, and named above.

    Args:
        image: ``[1, H, W]`` with values in [0, 1].
        probabilities: for each network ``[10]``, from 0 to 1 and summing to 1.

    Raises:
        TypeError: `image` is no tensor, or `probabilities` no dictionary of tensors of floats by name.
        ValueError: there is no network, or one has other than ten probabilities; `image` is no image in [0, 1].
    """
    require_mapping("probabilities", probabilities, "probabilities [10] by name", empty=True)
    _require_some(probabilities, "network")
    picture = picture_of(image, bright=True)
    for name, values in probabilities.items():
        require_type(f"probabilities[{name!r}]", values, Tensor, "a tensor [10]")
        if tuple(values.shape) != (10,):
            raise ValueError(
                f"{name} has probabilities {list(values.shape)}, and [10] are needed; take one row of a batch."
            )
        require_probabilities(f"probabilities[{name!r}]", values, "[10]")
    count = len(probabilities)
    with plt.style.context(STYLE):
        # No layout engine: a slider redraws this figure while it moves.
        width = 4.4 + 3 * count
        figure, axes = plt.subplots(
            1, 1 + count, figsize=(width, 4.4), layout="none", width_ratios=[1.5] + [1] * count
        )
        figure.subplots_adjust(0.15 / width, 0.06, 1 - 0.15 / width, 0.88, wspace=0.16)
        left, *others = axes
        left.imshow(picture.numpy(), vmin=0, vmax=1)
        left.axis("off")
        for ax, (name, values) in zip(others, probabilities.items(), strict=True):
            shares = values.detach().cpu().tolist()
            answer = shares.index(max(shares))
            colours = [BLUE if digit == answer else "#999999" for digit in range(10)]
            ax.barh(range(10), shares, color=colours)
            ax.set_title(f"{name}: {answer}")
            ax.set(xlim=(0, 1), ylim=(9.5, -0.5), xticks=[], yticks=range(10))
            ax.grid(False)
            ax.spines[:].set_visible(False)
            ax.tick_params(axis="y", length=0)
            ax.set_facecolor("#EEEEEE")
    return finished(figure)


def _write_beside(ax: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write the name of each point next to it, on a side where no other name and no point is, if there is one."""
    ax.figure.draw_without_rendering()  # where the points are on the paper is known only then
    dots = [ax.transData.transform(point) for point in points.values()]
    taken: list[Bbox] = []
    for name, point in points.items():
        text = ax.annotate(name, point, xytext=(0, 0), textcoords="offset points")
        for place, across, along in _SIDES:
            text.set(position=place, ha=across, va=along)
            box = text.get_window_extent().padded(4)
            covered = any(box.contains(*dot) for dot in dots)
            if not covered and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _require_pair(name: str, pair: object, expected: str) -> None:
    require_type(name, pair, (tuple, list), f"a pair: {expected}")
    if len(pair) != 2:
        raise ValueError(f"{name} is {described(pair)}, and has to be a pair: {expected}.")


def _require_some(values: Mapping, what: str) -> None:
    if not values:
        raise ValueError(f"There is nothing to draw: give at least one {what}.")
