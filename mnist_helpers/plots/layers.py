"""Figures of a digit and of a layer close up: pixels, windows, what comes out, what matters."""

import math
from typing import Any

from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F
from torchvision.utils import make_grid

from .style import BLUE, GREEN, ORANGE, STYLE, Image, _figure, _frame, _show


@plt.style.context(STYLE)
def plot_pixels(
    image: Image, rows: slice, columns: slice, pixel: tuple[int, int] | None = None
) -> Figure:
    """Draw a digit, and beside it the crop ``image[rows, columns]`` with its values in [0, 1]; a
    `pixel` (row, column) is framed in both."""
    margins = (0.04, 0.06, 0.99, 0.92, 0.1)
    figure, (whole, part) = _figure(1, 2, margins, figsize=(13, 5.6), width_ratios=[1, 1.25])
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


def _write_values(
    ax: Axes, values: Real[Tensor, "H W"], text: str, left: int, top: int, middle: float
) -> None:
    """Write each value into its pixel, in black where it is brighter than `middle`."""
    for (row, column), value in np.ndenumerate(values.detach().cpu()):
        color = "black" if value > middle else "white"
        look = {"ha": "center", "va": "center", "fontsize": 13, "color": color}
        ax.text(left + column, top + row, text.format(value), **look)


@plt.style.context(STYLE)
def plot_windows(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Figure:
    """Draw where a square kernel stops on a square input, its padding hatched, and the output. The
    first two stops are framed, their pixels of the output filled."""
    padded = input_size + 2 * padding
    output_size = (padded - kernel_size) // stride + 1
    figure, (left, right) = _figure(1, 2, figsize=(9.5, 5))
    _draw_cells(left, padded, inner=range(padding, padding + input_size))
    _draw_cells(right, output_size, inner=range(output_size))
    looks = ((ORANGE, "-"), (BLUE, "--"))
    for stop, (color, line) in zip(range(output_size), looks, strict=False):
        frame = {"fill": False, "edgecolor": color, "linewidth": 3, "linestyle": line}
        left.add_patch(Rectangle((stop * stride, 0), kernel_size, kernel_size, **frame))
        right.add_patch(Rectangle((stop, 0), 1, 1, facecolor=color, alpha=0.6))
    middles = [stop * stride + kernel_size / 2 for stop in range(output_size)]
    left.scatter(*np.meshgrid(middles, middles), color="black", s=18, zorder=3)
    sizes = f"input {input_size}×{input_size}, kernel {kernel_size}×{kernel_size}"
    left.set_title(f"{sizes}\nstride {stride}, padding {padding}", loc="left")
    right.set_title(f"output {output_size}×{output_size}", loc="left")
    for ax in (left, right):
        ax.set(xlim=(-0.2, padded + 0.2), ylim=(padded + 0.2, -0.2), aspect="equal")
        ax.axis("off")
    return figure


def _draw_cells(ax: Axes, size: int, inner: range) -> None:
    for y, x in np.ndindex(size, size):
        inside = y in inner and x in inner
        look = {"facecolor": "#E6E6E6"} if inside else {"facecolor": "white", "hatch": "///"}
        ax.add_patch(Rectangle((x, y), 1, 1, edgecolor="#888888", linewidth=1, **look))


@plt.style.context(STYLE)
def plot_convolution_step(step: Any) -> Figure:
    """Draw what `shapes.convolution_step` returns: the image with the window framed, what is under
    the window, the kernel, and the output as far as it is filled."""
    look = {"figsize": (14, 4.6), "width_ratios": [1.5, 0.8, 0.8, 1.5]}
    figure, axes = _figure(1, 4, margins=(0.01, 0.02, 0.99, 0.92, 0.08), **look)
    low, high = step.image.min().item(), step.image.max().item()
    limit = step.scale or 1
    titles = (
        f"image, padding {step.padding}" if step.padding else "image",
        *("under the window", "× kernel"),
        f"sum {step.total:z.2f}, at [{step.row}, {step.column}]",
    )
    pictures = (step.image, step.window, torch.ones_like(step.kernel), step.output)
    scales = ((low, high), (low, high), (0, 1), (-limit, limit))
    for ax, picture, title, scale in zip(axes, pictures, titles, scales, strict=True):
        color = "RdBu_r" if ax is axes[3] else "gray"
        _show(ax, picture, title, "#888888", cmap=color, vmin=scale[0], vmax=scale[1])
    _frame(axes[0], step.left, step.top, *step.kernel.shape)
    _write_values(axes[1], step.window, "{:.2f}", 0, 0, middle=(low + high) / 2)
    _write_values(axes[2], step.kernel, "{:.3g}", 0, 0, middle=-math.inf)
    _frame(axes[3], step.column, step.row, 1, 1)
    return figure


@plt.style.context(STYLE)
def plot_layer(
    image: Image,
    output: Float[Tensor, "C h w"] | Float[Tensor, " features"],
    patch: tuple[int, int, int, int],
    unit: tuple[int, int] | None = None,
) -> Figure:
    """Draw a digit with the `patch` (top, left, height, width) that a unit sees, and the output of
    its layer: feature maps, in each the `unit` (row, column) framed; ten logits as bars; other
    numbers as pixels."""
    margins = (0.01, 0.12, 0.98, 0.92, 0.2)
    figure, (digit, layer) = _figure(1, 2, margins, figsize=(12, 6), width_ratios=[1, 1.6])
    _show(digit, image, "what each unit sees" if unit is None else "what the framed unit sees")
    (rows, columns), (top, left, height, width) = image.shape[-2:], patch
    _frame(digit, left, top, width, height)
    around = 0.5 if unit is None and height >= rows else height // 2 + 0.5
    digit.set(xlim=(-around, columns - 1 + around), ylim=(rows - 1 + around, -around))
    digit.axis("on")
    digit.set(xticks=[], yticks=[])
    values = output.detach().cpu().float()
    if values.ndim == 3:
        _draw_maps(layer, values, unit)
    elif len(values) == 10:
        layer.bar(range(10), values.tolist(), color=BLUE)
        layer.axhline(0, color="black", linewidth=1)
        layer.set(xticks=range(10), xlabel="digit", title="10 logits")
        layer.grid(False)
    else:
        columns = math.isqrt(len(values))
        square = F.pad(values, (0, -len(values) % columns), value=math.nan).reshape(-1, columns)
        _show(layer, square, f"{len(values):,} numbers, {columns} in each row")
    return figure


def _draw_maps(ax: Axes, maps: Float[Tensor, "C H W"], unit: tuple[int, int] | None) -> None:
    """Draw feature maps as one picture: a pair of axes for each would take ten times as long."""
    count, height, width = maps.shape
    columns = math.ceil(math.sqrt(count))
    gap = max(1, round(0.08 * width)) if count > 1 else 0
    sheet = make_grid(maps.unsqueeze(1), columns, padding=gap, pad_value=math.nan)[0]
    # make_grid puts the gap around all of them, too.
    sheet = sheet[gap : sheet.shape[0] - gap, gap : sheet.shape[1] - gap]
    _show(ax, sheet, f"{count} feature maps, {height}×{width}")
    for number in range(count if unit else 0):
        row, column = divmod(number, columns)
        left, top = column * (width + gap) + unit[1], row * (height + gap) + unit[0]
        _frame(ax, left, top, 1, 1, linewidth=1.5)


@plt.style.context(STYLE)
def plot_occlusion(image: Image, probabilities: Float[Tensor, "H W"]) -> Figure:
    """Draw a digit in [0, 1], its `insights.occlusion_map`, and that map with its outline."""
    figure, (left, middle, right) = _figure(1, 3, figsize=(14, 4.6))
    scale = {"cmap": "viridis", "vmin": 0, "vmax": 1}
    _show(left, image, "the digit", vmin=0, vmax=1)
    shown = _show(middle, probabilities, "a black square around each pixel", **scale)
    figure.colorbar(shown, ax=middle, shrink=0.85, label="probability of the label")
    _show(right, probabilities, "both", **scale)
    picture = image.detach().cpu().reshape(image.shape[-2:]).numpy()
    level = [(picture.min() + picture.max()) / 2]
    for color, width in (("black", 5), ("white", 2)):
        right.contour(picture, levels=level, colors=color, linewidths=width)
    return figure
