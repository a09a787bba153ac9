"""Figures of what layers do: windows, kernels, feature maps, receptive fields."""

from collections.abc import Mapping
import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
import torch
from torch import Tensor
import torch.nn.functional as F

from ..checks import described, require_mapping, require_tensor, require_type, require_whole
from ..explore import ConvolutionStep, Patch
from ..shapes import ReceptiveField, conv_output_size
from .style import (
    BLUE,
    ORANGE,
    STYLE,
    finished,
    framed,
    of_rank,
    picture_of,
    require_place,
    write_values,
)


def plot_windows(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Figure:
    """Show where a square kernel stops on a square input, and the output that has one pixel for each stop.

    Left, the input with its padding (hatched), the first stop framed, the next one dashed, and a dot at the middle of
    every stop. Right, the output, with the pixels that those two stops fill.

    Raises:
        TypeError, ValueError: as `shapes.conv_output_size` does.
    """
    output_size = conv_output_size(input_size, kernel_size, stride, padding)
    with plt.style.context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 5))
        padded = input_size + 2 * padding
        _draw_cells(left, padded, inner=range(padding, padding + input_size))
        _draw_cells(right, output_size, inner=range(output_size))
        for stop, style in ((0, "-"), (1, "--")):
            if stop < output_size:
                frame = framed(
                    stop * stride, 0, kernel_size, kernel_size, ORANGE if stop == 0 else BLUE, 0
                )
                frame.set_linestyle(style)
                left.add_patch(frame)
                colour = ORANGE if stop == 0 else BLUE
                right.add_patch(Rectangle((stop, 0), 1, 1, facecolor=colour, alpha=0.6))
        middles = [stop * stride + kernel_size / 2 for stop in range(output_size)]
        left.scatter(
            middles * output_size,
            [y for y in middles for _ in middles],
            color="black",
            s=18,
            zorder=3,
        )
        sizes = f"input {input_size}×{input_size}, kernel {kernel_size}×{kernel_size}"
        left.set_title(f"{sizes}\nstride {stride}, padding {padding}", loc="left")
        right.set_title(f"output {output_size}×{output_size}", loc="left")
        for ax in (left, right):
            ax.set(xlim=(-0.2, padded + 0.2), ylim=(padded + 0.2, -0.2), aspect="equal")
            ax.axis("off")
    return finished(figure)


def plot_convolution_step(step: ConvolutionStep) -> Figure:
    """Show one place of a convolution: the image with the window framed, the pixels under the window, the kernel, and
    the output as far as it is filled, from blue (negative) over white (zero) to red (positive).

    Raises:
        TypeError: `step` is no `ConvolutionStep`.
    """
    require_type("step", step, ConvolutionStep, "what explore.convolution_step returns")
    step = step._replace(kernel=step.kernel.detach(), output=step.output.detach())
    kernel_size = len(step.kernel)
    with plt.style.context(STYLE):
        # No layout engine: a slider redraws this figure while it moves.
        figure, axes = plt.subplots(
            1, 4, figsize=(14, 4.6), layout="none", width_ratios=[1.5, 0.8, 0.8, 1.5]
        )
        figure.subplots_adjust(0.01, 0.02, 0.99, 0.92, wspace=0.08)
        image, window, kernel, output = axes
        image.imshow(step.image.numpy())
        image.add_patch(framed(step.left, step.top, kernel_size, kernel_size, ORANGE))
        image.set_title("image" if step.padding == 0 else f"image, padding {step.padding}")
        brightness = {"vmin": step.image.min().item(), "vmax": step.image.max().item()}
        window.imshow(step.window.numpy(), **brightness)
        write_values(window, step.window, "{:.2f}", middle=sum(brightness.values()) / 2)
        window.set_title("under the window")
        kernel.imshow(torch.ones_like(step.kernel).numpy(), vmin=0, vmax=1)
        write_values(kernel, step.kernel, "{:.3g}", middle=-math.inf)
        kernel.set_title("× kernel")
        limit = step.scale or 1
        output.imshow(step.output.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
        output.add_patch(framed(step.column, step.row, 1, 1, ORANGE))
        output.set_title(f"sum {step.total:z.2f}, at [{step.row}, {step.column}]")
        output.set_facecolor("#BBBBBB")
        for ax in axes:
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="#888888")
    return finished(figure)


def plot_kernels(weight: Tensor) -> Figure:
    """Show the kernels of a convolution's weight ``[out_channels, in_channels, kH, kW]``, one picture for each output
    channel, of its first input channel: blue is negative, white zero, red positive, on one scale.

    Raises:
        TypeError: `weight` is no tensor of floats.
        ValueError: it has another shape, holds nothing, or NaN.
    """
    return _plot_stack(
        of_rank("weight", weight, 4, "[out_channels, in_channels, kH, kW]")[:, 0],
        "kernel",
        "RdBu_r",
    )


def plot_feature_maps(feature_maps: Tensor) -> Figure:
    """Show the channels of feature maps ``[C, H, W]``, one picture each, on one grey scale from the smallest value of
    all (black) to the largest (white).

    Raises:
        TypeError: `feature_maps` is no tensor of floats.
        ValueError: it has another shape, holds nothing, or NaN.
    """
    return _plot_stack(of_rank("feature_maps", feature_maps, 3, "[C, H, W]"), "channel", "gray")


def plot_layer(
    image: Tensor, output: Tensor, patch: Patch, unit: tuple[int, int] | None = None
) -> Figure:
    """Show what a layer makes of a digit: left the digit with the patch that one unit sees, right the layer's output.

    Args:
        image: ``[1, H, W]``.
        output: feature maps ``[C, H, W]``, shown side by side on one grey scale; or a row of numbers ``[features]``,
            shown as bars if there are ten, else as the pixels of a square.
        patch: what to frame on the digit.
        unit: row and column of the unit, framed in each of the feature maps.

    Raises:
        TypeError: image or output is no tensor of floats, `patch` no `Patch` of ints, or `unit` no pair of ints.
        ValueError: image or output has another shape, or holds NaN, or there is no such unit.
    """
    picture = picture_of(image)
    require_type("output", output, Tensor, "a tensor [C, H, W] or [features]")
    if output.ndim not in (1, 3):
        raise ValueError(
            f"output is {described(output)}, and has to be [C, H, W] or [features]; take that of one image of a batch."
        )
    require_tensor("output", output, "[features]" if output.ndim == 1 else "[C, H, W]", "float")
    require_type("patch", patch, Patch, "what explore.seen_patch returns")
    for name, value in zip(patch._fields, patch, strict=True):
        require_whole(f"patch's {name}", value, at_least=None if name in ("top", "left") else 1)
    if unit is not None:
        height, width = output.shape[1:] if output.ndim == 3 else picture.shape
        require_place("unit", unit, height, width)
    maps = output.detach().cpu()
    with plt.style.context(STYLE):
        # No layout engine: a slider redraws this figure while it moves.
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(12, 6), layout="none", width_ratios=[1, 1.6]
        )
        figure.subplots_adjust(0.01, 0.12, 0.98, 0.92, wspace=0.2)
        left.imshow(picture.numpy())
        left.add_patch(framed(patch.left, patch.top, patch.width, patch.height, ORANGE))
        height, width = picture.shape
        around = 0.5 if patch.height >= height and unit is None else patch.height // 2 + 0.5
        left.set(xlim=(-around, width - 1 + around), ylim=(height - 1 + around, -around))
        left.set_facecolor("#BBBBBB")
        left.set_title("what the framed unit sees" if unit is not None else "what each unit sees")
        if maps.ndim == 3:
            _draw_maps(right, maps, unit)
            right.set_title("{} feature maps, {}×{}".format(*maps.shape))
        elif len(maps) == 10:
            right.bar(range(10), maps.tolist(), color=BLUE)
            right.axhline(0, color="black", linewidth=1)
            right.set(xticks=range(10), xlabel="digit", title="10 logits")
        else:
            columns = math.isqrt(len(maps))
            missing = -len(maps) % columns
            square = F.pad(maps, (0, missing), value=math.nan).reshape(1, -1, columns)
            _draw_maps(right, square, None)
            right.set_title(f"{len(maps):,} numbers, {columns} in each row")
        for ax in (left, right):
            ax.grid(False)
        left.set(xticks=[], yticks=[])
    return finished(figure)


def plot_receptive_fields(
    image: Tensor, fields: Mapping[str, ReceptiveField], unit: tuple[int, int]
) -> Figure:
    """Draw on a digit ``[1, H, W]`` the patch that one unit of each layer sees, one picture a layer.

    Args:
        fields: what to call each layer, and its row of `shapes.receptive_field`.
        unit: row and column of the input pixel at or next to which each unit is centred.

    Raises:
        TypeError: `image` is no tensor, `fields` no dictionary of receptive fields by name, or `unit` no pair of ints.
        ValueError: `image` is no image, there is no field, one has a size or jump below 1, or there is no such pixel.
    """
    picture = picture_of(image)
    for name, field in require_mapping("fields", fields, "receptive fields by name").items():
        require_type(f"fields[{name!r}]", field, ReceptiveField, "a row of shapes.receptive_field")
        for what, least in (("size", 1), ("jump", 1), ("start", None)):
            require_whole(f"{what} of fields[{name!r}]", getattr(field, what), at_least=least)
    require_place("unit", unit, *picture.shape)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(1, len(fields), figsize=(3.1 * len(fields), 3.9), squeeze=False)
        for ax, (name, field) in zip(axes.flat, fields.items(), strict=True):
            corner = [_patch_start(field, centre) for centre in unit]
            ax.imshow(picture.numpy())
            ax.add_patch(framed(corner[1], corner[0], field.size, field.size, ORANGE))
            ax.set_title(f"{name}\n{field.size}×{field.size}")
            ax.set(xlim=(-8.5, picture.shape[1] + 7.5), ylim=(picture.shape[0] + 7.5, -8.5))
            ax.set_facecolor("#BBBBBB")
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return finished(figure)


def _draw_maps(ax: Axes, maps: Tensor, unit: tuple[int, int] | None) -> None:
    """Draw feature maps ``[C, H, W]`` side by side as one picture: one axes for each would take ten times as long."""
    count, height, width = maps.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    gap = max(1, round(0.08 * width)) if count > 1 else 0
    step_down, step_right = height + gap, width + gap
    sheet = torch.full((rows * step_down - gap, columns * step_right - gap), math.nan)
    for number, feature_map in enumerate(maps):
        top, left = step_down * (number // columns), step_right * (number % columns)
        sheet[top : top + height, left : left + width] = feature_map
        if unit is not None:
            frame = framed(left + unit[1], top + unit[0], 1, 1, ORANGE)
            frame.set_linewidth(1.5)
            ax.add_patch(frame)
    ax.imshow(sheet.numpy())
    ax.axis("off")


def _plot_stack(stack: Tensor, name: str, cmap: str) -> Figure:
    stack = stack.detach().cpu()
    columns = min(8, len(stack))
    rows = math.ceil(len(stack) / columns)
    low, high = stack.min().item(), stack.max().item()
    if cmap != "gray":
        high = max(abs(low), abs(high))
        low = -high
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(
            rows, columns, figsize=(1.5 * columns, 1.8 * rows), squeeze=False
        )
        for ax in axes.flat:
            ax.axis("off")
        for number, (ax, picture) in enumerate(zip(axes.flat, stack, strict=False)):
            shown = ax.imshow(picture.numpy(), cmap=cmap, vmin=low, vmax=high)
            ax.set_title(f"{name} {number}" if number == 0 else f"{number}", fontsize=12)
        figure.colorbar(shown, ax=axes.ravel().tolist(), shrink=0.8)
    return finished(figure)


def _draw_cells(ax: Axes, size: int, inner: range) -> None:
    for row in range(size):
        for column in range(size):
            inside = row in inner and column in inner
            look = {"facecolor": "#E6E6E6"} if inside else {"facecolor": "white", "hatch": "///"}
            ax.add_patch(Rectangle((column, row), 1, 1, edgecolor="#888888", linewidth=1, **look))


def _patch_start(field: ReceptiveField, centre: int) -> int:
    nearest = round((centre - field.start - (field.size - 1) / 2) / field.jump)
    return field.start + nearest * field.jump
