"""Figures of what layers do to a picture, and of what their units see."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F
from torchvision.utils import make_grid

from .pictures import _Batch, _grid, _signed, _write_values
from .style import BLUE, GREY, ORANGE, Figure, Image, Place, _figure, _frame, _show, _styled


@_styled
def plot_kernels(weight: Float[Tensor, "out_channels in_channels kH kW"]) -> Figure:
    """Draw each kernel for the first input channel: blue is negative, white zero, red positive."""
    alt = "Kernels, blue below 0, white 0, red above"
    return _stack(alt, weight[:, 0], "kernel", **_signed(weight[:, 0]))


@_styled
def plot_feature_maps(feature_maps: Float[Tensor, "C H W"]) -> Figure:
    """Draw the channels of feature maps, on one grey scale."""
    low, high = feature_maps.min().item(), feature_maps.max().item()
    alt = f"Feature maps, black for {low:.3g}, white for {high:.3g}"
    return _stack(alt, feature_maps, "channel", vmin=low, vmax=high)


@plt.rc_context({"axes.titlesize": 12})
def _stack(alt: str, stack: Float[Tensor, "C H W"], name: str, **look) -> Figure:
    titles = [f"{name} 0", *map(str, range(1, len(stack)))]
    return _grid(alt, stack, titles, min(8, len(stack)), (1.5, 1.8), bar=0.8, **look)


@_styled
def plot_receptive_fields(image: Image, fields: Mapping[str, Any], unit: Place) -> Figure:
    """Draw the patch that one unit of each layer sees, the unit centred next to the pixel `unit`.
    `fields` are rows of `shapes.receptive_field`."""
    titles = [f"{name}\n{field.size}×{field.size}" for name, field in fields.items()]
    alt = "A digit once for each layer, and a frame around the pixels that one unit sees"
    size = (3.1, 3.9)
    figure = _grid(alt, [image] * len(fields), titles, len(fields), size, edge="none")
    height, width = image.shape[-2:]
    for ax, field in zip(figure.axes, fields.values(), strict=True):
        middle = field.start + (field.size - 1) / 2
        steps = [round((place - middle) / field.jump) for place in unit]
        top, left = (field.start + step * field.jump for step in steps)
        _frame(ax, left, top, field.size, field.size)
        ax.set(xlim=(-8.5, width + 7.5), ylim=(height + 7.5, -8.5))
    return figure


@_styled
def plot_patches(images: _Batch, patches: Sequence[Any]) -> Figure:
    """Draw what `insights.top_patches` finds, nine a row, each under its activation."""
    crops = []
    for place in patches:
        top, left, height, width = place.patch
        below, right = top + height - images.shape[2], left + width - images.shape[3]
        # A padding below 0 cuts off.
        margins = (-left, right, -top, below)
        crops.append(F.pad(images[place.index, 0], margins, value=math.nan))
    titles = [f"{place.activation:.2f}" for place in patches]
    alt = "Patches of digits under their activations"
    return _grid(alt, crops, titles, 9, (14 / 9, 1.95), edge=GREY, vmin=0, vmax=1)


@_styled
def plot_windows(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Figure:
    """Draw where a square kernel stops on a square input, its padding hatched, and the output; the
    first two stops are framed."""
    padded = input_size + 2 * padding
    output_size = (padded - kernel_size) // stride + 1
    alt = "Where a kernel stops on its input, padding hatched, and the output that it fills"
    figure, (left, right) = _figure(alt, 1, 2, figsize=(9.5, 5))
    _draw_cells(left, padded, inner=range(padding, padding + input_size))
    _draw_cells(right, output_size, inner=range(output_size))
    looks = ((ORANGE, "-"), (BLUE, "--"))
    for stop, (color, line) in zip(range(output_size), looks, strict=False):
        corner = (stop * stride + 0.5, 0.5)
        _frame(left, *corner, kernel_size, kernel_size, edgecolor=color, linestyle=line)
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
        ax.add_patch(Rectangle((x, y), 1, 1, edgecolor=GREY, linewidth=1, **look))


@_styled
def plot_convolution_step(step: Any) -> Figure:
    """Draw what `shapes.convolution_step` returns; its window and its output pixel are framed."""
    margins, ratios = (0.01, 0.02, 0.99, 0.92, 0.08), (1.5, 0.8, 0.8, 1.5)
    alt = "An image, the pixels under the window, times the kernel, and the output that is filled"
    figure, axes = _figure(alt, 1, 4, margins, figsize=(14, 4.6), width_ratios=ratios)
    image, window, kernel, output = axes
    edge, low, high = GREY, step.image.min().item(), step.image.max().item()
    _show(image, step.image, f"image, padding {step.padding}" if step.padding else "image", edge)
    _frame(image, step.left, step.top, *step.kernel.shape)
    _show(window, step.window, "under the window", edge, vmin=low, vmax=high)
    _write_values(window, step.window, "{:.2f}", 0, 0, middle=(low + high) / 2)
    _show(kernel, torch.ones_like(step.kernel), "× kernel", edge, vmin=0, vmax=1)
    _write_values(kernel, step.kernel, "{:.3g}", 0, 0, middle=-math.inf)
    title, limit = f"sum {step.total:z.2f}, at [{step.row}, {step.column}]", step.scale or 1
    _show(output, step.output, title, edge, cmap="RdBu_r", vmin=-limit, vmax=limit)
    _frame(output, step.column, step.row, 1, 1)
    return figure


@_styled
def plot_layer(
    image: Image,
    output: Float[Tensor, "C h w"] | Float[Tensor, " features"],
    patch: tuple[int, int, int, int],
    unit: Place | None = None,
) -> Figure:
    """Draw a digit with the `patch` (top, left, height, width) that a unit sees, and its layer's
    output: feature maps, the `unit` framed in each; ten logits as bars; other numbers as pixels."""
    margins = (0.01, 0.12, 0.98, 0.92, 0.1)
    alt = "A digit with a frame around what a unit sees, and its layer's output"
    figure, (digit, layer) = _figure(alt, 1, 2, margins, figsize=(12, 6), width_ratios=[1, 3])
    title = "what each unit sees" if unit is None else "what the framed unit sees"
    _show(digit, image, title, edge="black")
    digit.spines[["top", "right"]].set_visible(False)
    (rows, columns), (top, left, height, width) = image.shape[-2:], patch
    _frame(digit, left, top, width, height)
    around = 0.5 if unit is None and height >= rows else height // 2 + 0.5
    digit.set(xlim=(-around, columns - 1 + around), ylim=(rows - 1 + around, -around))
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


def _draw_maps(ax: Axes, maps: Float[Tensor, "C H W"], unit: Place | None) -> None:
    """Draw feature maps as one picture: a pair of axes for each would take ten times as long."""
    count, height, width = maps.shape
    columns = min(count, math.ceil(math.sqrt(1.8 * count)))  # wider than high, as its place is
    gap = max(1, round(0.08 * width)) if count > 1 else 0
    sheet = make_grid(maps.unsqueeze(1), columns, padding=gap, pad_value=math.nan)[0]
    # make_grid puts the gap around all of them, too.
    sheet = sheet[gap : sheet.shape[0] - gap, gap : sheet.shape[1] - gap]
    _show(ax, sheet, f"{count} feature maps, {height}×{width}")
    for number in range(count if unit else 0):
        row, column = divmod(number, columns)
        left, top = column * (width + gap) + unit[1], row * (height + gap) + unit[0]
        _frame(ax, left, top, 1, 1, linewidth=1.5)


@_styled
def plot_occlusion(image: Image, probabilities: Float[Tensor, "H W"]) -> Figure:
    """Draw a digit in [0, 1], its `insights.occlusion_map`, and that map with its outline."""
    low, high = probabilities.min(), probabilities.max()
    alt = f"A digit, and its label's probability, {low:.0%} to {high:.0%}, when a part is black"
    figure, (left, middle, right) = _figure(alt, 1, 3, figsize=(14, 4.6))
    scale = {"cmap": "viridis", "vmin": 0, "vmax": 1}
    picture = _show(left, image, "the digit", vmin=0, vmax=1).get_array()
    shown = _show(middle, probabilities, "a black square around each pixel", **scale)
    figure.colorbar(shown, ax=middle, shrink=0.85, label="probability of the label")
    _show(right, probabilities, "both", **scale)
    level = [(picture.min() + picture.max()) / 2]
    for color, width in (("black", 5), ("white", 2)):
        right.contour(picture, levels=level, colors=color, linewidths=width)
    return figure
