"""Figures of pictures and of numbers: digits, pixels, tables, and the graph of a computation."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
import numpy as np
from torch import Tensor

from .style import GREEN, GREY, ORANGE, Figure, Image, Images, _figure, _frame, _show, _styled

_Batch = Real[Tensor, "N 1 H W"]


def _grid(
    alt: str,
    images: Images,
    titles: Sequence[str],
    columns: int,
    size: tuple,
    bar: float = 0,
    **look,
) -> Figure:
    """Draw images in rows; `size` is that of one, in inches, `bar` the share of a colour bar."""
    rows = math.ceil(len(images) / columns)
    figure, axes = _figure(alt, rows, columns, figsize=(columns * size[0], rows * size[1]))
    for ax in axes[len(images) :]:
        ax.axis("off")
    for ax, image, title in zip(axes[: len(images)], images, titles, strict=True):
        shown = _show(ax, image, title, **look)
    if bar:
        figure.colorbar(shown, ax=axes, shrink=bar)
    return figure


def _signed(images: Images) -> dict:
    """Return one scale for all: blue is negative, white zero, red positive."""
    limit = max(image.abs().max().item() for image in images) or 1
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


@_styled
def plot_images(images: Images, titles: Sequence[str], signed: bool = False) -> Figure:
    """Draw images in a row, in greys or `signed`: blue below 0, white 0, red above."""
    aspect = max(image.shape[-1] / image.shape[-2] for image in images) ** 0.5
    look = {"bar": 0.7, **_signed(images)} if signed else {}
    alt = "Pictures in a row" + ", blue below 0, white 0, red above" * signed
    return _grid(alt, images, titles, len(images), (3.6 * aspect, 3.6 / aspect + 0.4), **look)


@_styled
def plot_gallery(images: _Batch, titles: Sequence[str], columns: int = 6) -> Figure:
    """Draw images in rows, on one grey scale."""
    lines = max(title.count("\n") + 1 for title in titles)
    size = (2.1, 2.2 * images.shape[2] / images.shape[3] + 0.32 * lines)
    look = {"vmin": images.min(), "vmax": images.max()}
    return _grid("Pictures in rows", images, titles, columns, size, **look)


@_styled
def plot_variations(image: Image, changed: _Batch) -> Figure:
    """Draw a digit in [0, 1], framed, and after it the same digit changed."""
    rows = math.ceil((1 + len(changed)) / 8)
    margins = (0.01, 0.02, 0.99, 0.98, 0.06, 0.06)
    alt = f"A digit, framed, and the same one changed in {len(changed)} ways"
    figure, axes = _figure(alt, rows, 8, margins, figsize=(13, 1.65 * rows + 0.1))
    for ax in axes:
        ax.axis("off")
    for ax, picture in zip(axes, [image, *changed], strict=False):
        _show(ax, picture, vmin=0, vmax=1, edge=ORANGE if ax is axes[0] else None)
    axes[0].spines[:].set_linewidth(4)
    return figure


@_styled
def plot_pixels(
    image: Image, rows: slice, columns: slice, pixel: tuple[int, int] | None = None
) -> Figure:
    """Draw a digit, and the crop ``image[rows, columns]`` with its values in [0, 1]."""
    margins = (0.04, 0.06, 0.99, 0.92, 0.1)
    options = {"figsize": (13, 5.6), "width_ratios": [1, 1.25]}
    alt = "A digit, and the framed part of it with the number of each pixel"
    figure, (whole, part) = _figure(alt, 1, 2, margins, **options)
    height, width = image.shape[-2:]
    y, x = range(height)[rows], range(width)[columns]
    crop = image[..., rows, columns].reshape(len(y), len(x))
    _show(whole, image, f"all {height}×{width} pixels", vmin=0, vmax=1)
    _frame(whole, x[0], y[0], len(x), len(y))
    look = {"vmin": 0, "vmax": 1, "extent": (x[0] - 0.5, x[-1] + 0.5, y[-1] + 0.5, y[0] - 0.5)}
    _show(part, crop, f"rows {y[0]} to {y[-1]}, columns {x[0]} to {x[-1]}", **look)
    _write_values(part, crop, "{:.2f}", x[0], y[0], middle=0.5)
    part.set(xticks=x, yticks=y)
    for ax in (whole, part):
        ax.axis("on")
        if pixel is not None:
            _frame(ax, pixel[1], pixel[0], 1, 1, edgecolor=GREEN)
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


def _write_values(
    ax: Axes, values: Real[Tensor, "H W"], text: str, left: int, top: int, middle: float, **look
) -> None:
    """Write each value into its pixel, in black if it is brighter than `middle`."""
    look |= {"ha": "center", "va": "center", "fontsize": 13}
    for (row, column), value in np.ndenumerate(values.detach().cpu()):
        look["color"] = "black" if value > middle else "white"
        ax.text(left + column, top + row, text.format(value), **look)


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
