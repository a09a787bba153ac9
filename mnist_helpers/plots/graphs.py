"""Figures of a computation: its graph, and tables of numbers."""

from collections.abc import Mapping
import math
from typing import Any

from jaxtyping import Real
from matplotlib.patches import Rectangle
from torch import Tensor

from .pictures import _signed, _write_values
from .style import GREY, ORANGE, Figure, _figure, _show, _styled


def in_order(value: Any, order: list) -> list:
    """Return `order` with what `value` was made from, parents first, and it added."""
    if value not in order:
        for parent in value.parents:
            in_order(parent, order)
        order.append(value)
    return order


@_styled
def plot_graph(last: Any, data: Mapping | None = None, gradients: Mapping | None = None) -> Figure:
    """Draw what lesson 09's value `last` was made from: of each its name, number and gradient.
    Of `data` and `gradients`, where given, only what they hold; the newest of it is framed."""
    order, column, boxes, told = in_order(last, []), {}, {}, []
    newest = [*(gradients or data or [None])][-1]
    data = {one: one.data for one in order} if data is None else data
    gradients = {one: one.grad for one in order} if gradients is None else gradients
    for one in order:
        column[one] = 1 + max((column[parent] for parent in one.parents), default=-1)
    for one in reversed(order):  # what was given stands right before its first use
        column |= {parent: column[one] - 1 for parent in one.parents if not parent.parents}
    stacks = [[one for one in order if column[one] == at] for at in range(column[last] + 1)]
    wide, high = 2.1 * len(stacks), 1.45 * max(map(len, stacks))
    figure, [ax] = _figure("A graph of values", margins=(0, 0, 1, 1), figsize=(wide, high))
    ax.set(xlim=(0, wide), ylim=(-high / 2, high / 2))
    ax.axis("off")
    for one in order:
        stack, x = stacks[column[one]], 2.1 * column[one] + 0.25
        y = 1.45 * ((len(stack) - 1) / 2 - stack.index(one)) - 0.6
        look = {"edgecolor": ORANGE, "linewidth": 5} if one is newest else {"edgecolor": GREY}
        look["facecolor"] = "white" if one.parents else "#E8F1F8"
        boxes[one] = ax.add_patch(Rectangle((x, y), 1.6, 1.2, **look))
        lines = [one.name, f"{data[one]:.4g}" if one in data else ""]
        lines.append(f"gradient {gradients[one]:.4g}" if one in gradients else "")
        told.append(" ".join(filter(None, lines)))
        look = {"ha": "center", "va": "center", "size": 13, "linespacing": 1.6}
        ax.text(x + 0.8, y + 0.57, "\n".join(lines), **look)
        for number, parent in enumerate(one.parents):
            bend = 0.5 - number if one.parents.count(parent) > 1 else 0
            look = {"patchA": boxes[parent], "patchB": boxes[one], "color": "k"}
            look["arrowstyle"] = "-|>,head_width=0.3,head_length=0.7"
            look["connectionstyle"] = f"arc3,rad={bend}"
            ends = boxes[one].get_center(), boxes[parent].get_center()
            ax.annotate("", *ends, arrowprops=look, zorder=0)
    figure.alt += ": " + "; ".join(told)
    return figure


@_styled
def plot_numbers(tables: Mapping[str, Real[Tensor, "H W"]]) -> Figure:
    """Draw small tables in a row; blue below 0, white 0, red above."""
    ratios = [table.shape[1] for table in tables.values()]
    options = {"figsize": (0.7 * (sum(ratios) + len(tables)), 0.7 * max(ratios) + 0.5)}
    alt = "Tables of numbers: " + "; ".join(f"{name} {t.tolist()}" for name, t in tables.items())
    figure, axes = _figure(alt, 1, len(tables), width_ratios=ratios, **options)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        _show(ax, table, name, GREY, **_signed([2 * table]))  # pale, under black numbers
        _write_values(ax, table, "{:.3g}", 0, 0, middle=-math.inf)
    return figure
