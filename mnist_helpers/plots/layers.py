"""Figures of what layers do to a picture, and of what their units see."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from matplotlib.transforms import Affine2D
import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F

from .pictures import _Batch, _grid, _signed, _write_values
from .style import BLUE, GREY, ORANGE, Figure, Image, _figure, _frame, _show, _styled


@_styled
def plot_kernels(weight: Float[Tensor, "out_channels in_channels kH kW"]) -> Figure:
    """Draw each kernel for the first input channel, blue below 0, white 0, red above."""
    alt = "Kernels, blue below 0, white 0, red above"
    stack = weight[:, 0]
    titles = ["kernel 0", *map(str, range(1, len(stack)))]
    with plt.rc_context({"axes.titlesize": 12}):
        return _grid(alt, stack, titles, min(8, len(stack)), (1.5, 1.8), bar=0.8, **_signed(stack))


@_styled
def plot_receptive_fields(image: Image, fields: Mapping[str, Any], unit: tuple[int, int]) -> Figure:
    """Draw what a unit of each layer, the one centred next to the pixel `unit`, sees. `fields` are
    rows of `shapes.receptive_field`."""
    titles = [f"{name}\n{field.size}×{field.size}" for name, field in fields.items()]
    alt = "A digit once for each layer, and a frame around the pixels that one unit sees"
    size = (3.1, 3.9)
    figure = _grid(alt, [image] * len(fields), titles, len(fields), size, edge="none")
    height, width = image.shape[-2:]
    for ax, field in zip(figure.axes, fields.values(), strict=True):
        middle = field.start + (field.size - 1) / 2
        steps = [round((place - middle) / field.jump) for place in unit]
        top, left, *size = field.patch(*steps)
        _frame(ax, left, top, *size)
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
    """Draw where a square kernel stops on a square input, its padding hatched, and the output."""
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
    """Draw what `shapes.convolution_step` returns."""
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
def plot_network(views: Sequence[Any], step: Any, in_channel: int = 0) -> Figure:
    """Draw `shapes.network_views`, the logits with their softmax, and below them a
    `shapes.unit_step`, one input channel in full. Its sum is told in `alt`, too."""
    view, image, logits = views[step.layer], views[0].input, views[-1].output
    # One pair of axes, one picture of all maps, one artist for all windows: quick to draw.
    figure, [ax] = _figure("", 1, 1, (38 / 1120, 6 / 432, 1086 / 1120, 0.9), figsize=(14, 5.4))
    sheets, strips, left = [], [], 0
    for title, maps in [("digit", image), *((one.title, one.output) for one in views)]:
        shades = (maps - maps.min()) / (maps.max() - maps.min() + 1e-9) / 0.7  # many are weak
        slot, gap = 112 if maps is image else 30 if len(maps) <= 32 else 15, 17
        if maps is logits:
            shades, slot, gap = maps.softmax(dim=0), 24, 90
        columns, scale = math.ceil(len(maps) * slot / 240), slot // maps.shape[1]
        top = (240 - math.ceil(len(maps) / columns) * slot) // 2
        strip = torch.ones(240, columns * slot + gap)
        for channel, one in enumerate(F.interpolate(shades[:, None], scale_factor=scale)[:, 0]):
            down, across = (slot * place for place in divmod(channel, columns))
            strip[top + down :, across:][: one.shape[0], : one.shape[1]] = one
        title = title.replace("2d", "").replace(" ", "\n", 1)
        title += "\n" + "×".join(map(str, maps.shape if maps[0].numel() > 1 else maps.shape[:1]))
        middle = left + (strip.shape[1] - 17) / 2
        ax.text(middle, top - 5, title, ha="center", va="bottom", fontsize=11)
        sheets.append((left, top, columns, slot, scale))
        strips.append(strip)
        left += strip.shape[1]
    opaque = torch.cat(strips, dim=1).clamp(0, 1)[..., None].repeat(1, 1, 4)
    opaque[..., 3] = 1
    ax.imshow((255 * opaque).byte())  # in bytes twice as quick

    def place(sheet, channel, row=0, column=0):
        left, top, columns, slot, scale = sheets[sheet]
        down, across = divmod(channel, columns)
        return left + across * slot + column * scale, top + down * slot + row * scale

    for digit, numbers in enumerate(zip(logits.flatten(), shades.flatten(), strict=True)):
        x, y = place(-1, digit)
        ax.text(x + 28, y + 17, "{}: {:z.2f}, {:.0%}".format(digit, *numbers), fontsize=11)
    corner, patch = step.patch[:2], np.add(step.patch[:2], step.patch[2:])
    (top, left), (below, right) = np.clip([corner, patch], 0, image.shape[1:]).tolist()
    scale, size = sheets[0][-1], sheets[step.layer][-1] * np.array(step.kernel.shape[:0:-1])
    _frame(ax, *place(0, 0, top, left), scale * (right - left), scale * (below - top))
    channels = step.kernel.flatten(1).any(dim=1).nonzero().flatten().tolist()
    windows = np.array([[place(step.layer, channel, *step.corner)] for channel in channels])
    corners = windows + size * [(0, 0), (0, 1), (1, 1), (1, 0)] - 0.5
    ax.add_collection(PolyCollection(corners, facecolors="none", edgecolors=ORANGE))
    unit = place(step.layer + 1, *step.unit)
    there_and_back = np.insert(windows, 1, unit, axis=1).reshape(-1, 2)
    ax.plot(*there_and_back.T, color=ORANGE, linewidth=0.5)
    ax.plot(*unit, "s", color=ORANGE, fillstyle="none")
    for sheet, channel, color in ((0, in_channel, BLUE), (1, step.unit[0], ORANGE)):
        slot = sheets[step.layer + sheet][3]
        corner = place(step.layer + sheet, channel)
        _frame(ax, *corner, slot, slot, edgecolor=color, linewidth=2)
    middle, half = opaque.shape[1] / 2 - 0.5, max(560, opaque.shape[1] / 2)
    told = _open_unit(ax, middle - half, view, step, in_channel)
    figure.alt = (
        "All feature maps, and one unit opened up:\n"
        f"{view.title}, {'×'.join(map(str, view.output.shape))}: unit {list(step.unit)} "
        f"sees {step.patch[2]}×{step.patch[3]} pixels\n{told}"
    )
    ends = (middle - half * 522 / 560, middle + half * 526 / 560)
    ax.set(xlim=ends, ylim=(363.5, -19.3), aspect="auto")
    ax.axis("off")
    return figure


def _open_unit(ax: Axes, left: float, view: Any, step: Any, in_channel: int) -> str:
    """Draw below the maps how a unit comes about, and return it in words."""
    low, high = view.input.min().item(), view.input.max().item()
    grey = {"vmin": low, "vmax": low + 0.7 * (high - low)}
    products, middle = step.window * step.kernel, (low + grey["vmax"]) / 2
    sums = products.sum(dim=(1, 2)).tolist()
    look = {"ha": "center", "fontsize": 12}
    product = f"= products, sum {sums[in_channel]:z.3f}"
    titles = (f"channel {in_channel}", "window", "× kernel", product)
    for number, values in enumerate((view.input, step.window, step.kernel, products)):
        values = values[in_channel]
        (height, width), x = values.shape, left + (179.2 * number + 11.2 if number else 40)
        wide = 156.8 if number else 99.4 * width / height
        cells = (
            Affine2D().translate(0.5, 0.5).scale(wide / width, 99.4 / height).translate(x, 261.5)
        )
        cells += ax.transData
        shades = _signed(1.5 * values[None]) if number > 1 else grey  # pale, for black numbers
        ax.imshow(values, transform=cells, **shades)
        _frame(ax, 0, 0, width, height, edgecolor=GREY, linewidth=0.8, transform=cells)
        ax.text(x + wide / 2, 254.8, titles[number], **look)
        if number == 0:
            _frame(ax, *step.corner[::-1], *step.window.shape[:0:-1], transform=cells)
        elif values.numel() <= 16:
            darkest = -math.inf if number > 1 else middle
            _write_values(ax, values, "{:z.3f}", 0, 0, darkest, transform=cells)
    total = f"{sum(sums):z.3f}\n+ bias {step.bias:z.3f} = {step.total:z.3f}"
    if "MaxPool" in view.title:
        total += f", the largest of {products[0].numel()}"
    if after := view.title.partition(", ")[2]:
        total += f", {after} {view.output[step.unit]:z.3f}"
    ax.text(left + 918, 272, f"sums of all {len(sums)} channels: {total}", **look)
    lowest, highest = min(0, *sums), max(1e-9, *sums)
    wide, high = 305.5 / (len(sums) - 0.2), 74.6 / (highest - lowest)
    bars = Affine2D().scale(wide, -high).translate(left + 765.7, 282.5 + high * highest)
    colors = [BLUE if channel == in_channel else GREY for channel in range(len(sums))]
    look = {"linewidth": 0.72 * wide, "transform": bars + ax.transData}
    ax.vlines(np.arange(len(sums)) + 0.4, 0, sums, colors, **look)
    pairs = torch.stack([step.window, step.kernel], dim=-1).reshape(-1, 2)
    first, largest = pairs[in_channel * products[0].numel()], pairs[products.abs().argmax()]
    return (
        f"input channel {in_channel}: {{:z.3f}} × {{:z.3f}} + … = {{:z.3f}}\n".format(
            *first, sums[in_channel]
        )
        + f"all {len(sums)}: {products.numel():,} products, the largest "
        "{:z.3f} × {:z.3f}, sum ".format(*largest)
        + total
    )


@_styled
def plot_occlusion(image: Image, probabilities: Float[Tensor, "H W"]) -> Figure:
    """Draw a digit in [0, 1], its `insights.occlusion_map`, and both."""
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
