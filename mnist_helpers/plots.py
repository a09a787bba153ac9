"""A figure for each thing worth seeing. Every function returns its `Figure`, and neither trains nor loads anything.

In a notebook a figure that a cell returns is shown; elsewhere ``figure.savefig("name.png")`` keeps it.
"""

from collections.abc import Mapping, Sequence
import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from torch import Tensor
from torch.utils.data import Dataset

from .shapes import ReceptiveField, conv_output_size
from .training import History

STYLE = "mnist_helpers.lessons"
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def plot_sample_grid(dataset: Dataset, indices: Sequence[int]) -> Figure:
    """Show the digits at nine `indices` of a dataset as a 3×3 grid, the label as title."""
    figure, axes = plt.subplots(3, 3, figsize=(6, 6.6))
    for ax, index in zip(axes.flat, indices, strict=True):
        image, label = dataset[index]
        ax.imshow(image.squeeze(), cmap="gray")
        ax.set_title(label)
        ax.axis("off")
    plt.close(figure)
    return figure


def plot_images(images: Sequence[Tensor], titles: Sequence[str], signed: bool = False) -> Figure:
    """Show images ``[H, W]`` or ``[1, H, W]`` in a row, each under its title.

    Each image has its own grey scale, from its smallest value (black) to its largest (white). With `signed`, all share
    one scale from blue (negative) over white (zero) to red (positive), with a bar that names the values.
    """
    pictures = [_picture(image) for image in images]
    if len(pictures) != len(titles):
        raise ValueError(
            f"{len(pictures)} images and {len(titles)} titles were given; give one title an image."
        )
    with plt.style.context(STYLE):
        aspect = max(picture.shape[1] / picture.shape[0] for picture in pictures)
        size = (3.6 * len(pictures) * aspect**0.5, 3.6 / aspect**0.5 + 0.4)
        figure, axes = plt.subplots(1, len(pictures), figsize=size, squeeze=False)
        limit = max(picture.abs().max().item() for picture in pictures) or 1
        scale = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if signed else {"cmap": "gray"}
        for ax, picture, title in zip(axes.flat, pictures, titles, strict=True):
            shown = ax.imshow(picture.numpy(), **scale)
            ax.set_title(title)
            ax.axis("off")
        if signed:
            figure.colorbar(shown, ax=axes.ravel().tolist(), shrink=0.7)
    return _finished(figure)


def plot_pixels(image: Tensor, rows: slice, columns: slice) -> Figure:
    """Show a digit with a frame around a crop, and beside it the crop, its values in [0, 1] written into the pixels.

    Args:
        image: ``[1, H, W]`` or ``[H, W]``.
        rows, columns: the crop, as in ``image[rows, columns]``.
    """
    picture = _picture(image)
    crop = picture[rows, columns]
    if crop.numel() == 0 or {rows.step, columns.step} - {None, 1}:
        raise ValueError(
            f"The crop {rows}, {columns} of an image {list(picture.shape)} holds no pixel, or leaves some out; "
            f"give two slices without a step, such as slice(5, 11)."
        )
    top, left = rows.indices(picture.shape[0])[0], columns.indices(picture.shape[1])[0]
    height, width = crop.shape
    with plt.style.context(STYLE):
        figure, (whole, part) = plt.subplots(1, 2, figsize=(13, 6), width_ratios=[1, 1.25])
        whole.imshow(picture.numpy(), vmin=0, vmax=1)
        whole.add_patch(_frame(left, top, width, height, ORANGE))
        whole.set_title(f"all {picture.shape[0]}×{picture.shape[1]} pixels")
        part.imshow(crop.numpy(), vmin=0, vmax=1)
        for (row, column), value in _entries(crop):
            shade = "black" if value > 0.5 else "white"
            part.text(
                column, row, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=13
            )
        part.set_title(f"rows {top} to {top + height - 1}, columns {left} to {left + width - 1}")
        for ax in (whole, part):
            ax.grid(False)
        part.set_xticks(range(width), range(left, left + width))
        part.set_yticks(range(height), range(top, top + height))
    return _finished(figure)


def plot_class_counts(labels: Tensor) -> Figure:
    """Show how many of each digit there are in int labels ``[N]`` from 0 to 9; a dashed line is at a tenth of N."""
    counts = labels.bincount(minlength=10)
    if len(counts) != 10:
        raise ValueError(f"The largest label is {len(counts) - 1}; labels are digits from 0 to 9.")
    with plt.style.context(STYLE):
        figure, ax = plt.subplots()
        ax.bar(range(10), counts.tolist(), color=BLUE)
        ax.axhline(len(labels) / 10, color="black", linestyle="--", linewidth=1.5)
        for digit, count in enumerate(counts.tolist()):
            inside = count > len(labels) / 50
            look = {"color": "white"} if inside else {"color": "black", "va": "bottom"}
            ax.text(
                digit,
                count / 2 if inside else count,
                f"{count:,}",
                ha="center",
                fontsize=12,
                **look,
            )
        ax.set(xticks=range(10), xlabel="digit", ylabel="how many")
        ax.grid(axis="x", visible=False)
    return _finished(figure)


def plot_windows(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Figure:
    """Show where a square kernel stops on a square input, and the output that has one pixel for each stop.

    Left, the input with its padding (hatched), the first stop framed, the next one dashed, and a dot at the middle of
    every stop. Right, the output, with the pixels that those two stops fill.
    """
    output_size = conv_output_size(input_size, kernel_size, stride, padding)
    with plt.style.context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 5))
        padded = input_size + 2 * padding
        _draw_cells(left, padded, inner=range(padding, padding + input_size))
        _draw_cells(right, output_size, inner=range(output_size))
        for stop, style in ((0, "-"), (1, "--")):
            if stop < output_size:
                frame = _frame(
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
    return _finished(figure)


def plot_kernels(weight: Tensor) -> Figure:
    """Show the kernels of a convolution's weight ``[out_channels, in_channels, kH, kW]``, one picture for each output
    channel, of its first input channel: blue is negative, white zero, red positive, on one scale."""
    return _plot_stack(
        _of_rank(weight, 4, "[out_channels, in_channels, kH, kW]")[:, 0], "kernel", "RdBu_r"
    )


def plot_feature_maps(feature_maps: Tensor) -> Figure:
    """Show the channels of feature maps ``[C, H, W]``, one picture each, on one grey scale from the smallest value of
    all (black) to the largest (white)."""
    return _plot_stack(_of_rank(feature_maps, 3, "[C, H, W]"), "channel", "gray")


def plot_receptive_fields(
    image: Tensor, fields: Mapping[str, ReceptiveField], unit: tuple[int, int]
) -> Figure:
    """Draw on a digit ``[1, H, W]`` the patch that one unit of each layer sees, one picture a layer.

    Args:
        fields: what to call each layer, and its row of `shapes.receptive_field`.
        unit: row and column of the input pixel at or next to which each unit is centred.
    """
    picture = _picture(image)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(1, len(fields), figsize=(3.1 * len(fields), 3.9), squeeze=False)
        for ax, (name, field) in zip(axes.flat, fields.items(), strict=True):
            corner = [_patch_start(field, centre) for centre in unit]
            ax.imshow(picture.numpy())
            ax.add_patch(_frame(corner[1], corner[0], field.size, field.size, ORANGE))
            ax.set_title(f"{name}\n{field.size}×{field.size}")
            ax.set(xlim=(-8.5, picture.shape[1] + 7.5), ylim=(picture.shape[0] + 7.5, -8.5))
            ax.set_facecolor("#BBBBBB")
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return _finished(figure)


def plot_history(history: History) -> Figure:
    """Show the curves of a training: left the loss, right the accuracy, over epochs.

    The pale line is the loss of every batch, the strong one its mean over 100 batches. Losses over 1 are cut off,
    unless that is where the training ends.
    Validation curves, where the history has them, are drawn as dots at the end of each epoch.
    """
    losses = [loss for epoch in history.losses for loss in epoch]
    if not losses:
        raise ValueError("The history is empty: train with fit first.")
    epochs = range(1, len(history.losses) + 1)
    progress = [(batch + 1) / len(losses) * len(epochs) for batch in range(len(losses))]
    with plt.style.context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5))
        left.plot(progress, losses, color=BLUE, alpha=0.25, linewidth=0.8)
        means = _running_mean(losses, 100)
        left.plot(progress, means, color=BLUE, label="training")
        top = max(losses) if means[-1] > 1 else min(1, max(losses))
        left.set(xlabel="epoch", ylabel="loss", ylim=(0, top))
        right.plot(
            epochs,
            [100 * value for value in history.train_accuracy],
            "o-",
            color=BLUE,
            label="training",
        )
        right.set(xlabel="epoch", ylabel="accuracy, %", xticks=epochs)
        if history.validation_loss:
            left.plot(epochs, history.validation_loss, "s--", color=ORANGE, label="validation")
            values = [100 * value for value in history.validation_accuracy]
            right.plot(epochs, values, "s--", color=ORANGE, label="validation")
        left.legend()
        right.legend()
    return _finished(figure)


def plot_losses(losses: Mapping[str, Sequence[float]]) -> Figure:
    """Show the loss of every batch of several trainings in one picture, and a dotted line at ln 10, which is the loss
    of a network that gives each of the ten digits the same probability."""
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 5))
        styles = ("-", "--", "-.", (0, (1, 1)))
        for number, (name, values) in enumerate(losses.items()):
            ax.plot(_running_mean(values, 10), label=name, linestyle=styles[number % len(styles)])
        ax.axhline(math.log(10), color="black", linestyle=":", linewidth=1.5, label="ln 10")
        ax.set(xlabel="batch", ylabel="loss (mean of 10 batches)", ylim=(0, None))
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _finished(figure)


def plot_predictions(images: Tensor, labels: Tensor, probabilities: Tensor) -> Figure:
    """Show digits in a grid, three a row, each beside the ten probabilities that a network gives it.

    The bar of the right digit is blue; where the most probable digit is a wrong one, its bar is orange and hatched.

    Args:
        images: ``[N, 1, H, W]``.
        labels: the right digits, int ``[N]``.
        probabilities: ``[N, 10]``, each row from 0 to 1 and summing to 1.
    """
    if not len(images) == len(labels) == len(probabilities):
        raise ValueError(
            f"{len(images)} images, {len(labels)} labels and {len(probabilities)} rows of probabilities were given; "
            f"give as many of each."
        )
    if probabilities.min() < 0 or (probabilities.sum(dim=1) - 1).abs().max() > 1e-3:
        raise ValueError(
            "Each row of probabilities has to sum to 1: apply softmax(dim=1) to the logits first."
        )
    rows = math.ceil(len(images) / 3)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(
            rows, 6, figsize=(14, 2.9 * rows), width_ratios=[1, 1.35] * 3, squeeze=False
        )
        for ax in axes.flat:
            ax.axis("off")
        for number, (image, label, row) in enumerate(
            zip(images, labels.tolist(), probabilities, strict=True)
        ):
            left, right = axes[number // 3, 2 * (number % 3) : 2 * (number % 3) + 2]
            left.imshow(_picture(image).numpy())
            answer = row.argmax().item()
            left.set_title(f"{label}" if answer == label else f"{label}, read as {answer}")
            _draw_probabilities(right, row, label)
    return _finished(figure)


def _draw_probabilities(ax: Axes, probabilities: Tensor, label: int) -> None:
    bars = ax.barh(range(10), probabilities.tolist(), color="#999999")
    answer = probabilities.argmax().item()
    if answer != label:
        bars[answer].set(facecolor=ORANGE, hatch="//", edgecolor="white")
    bars[label].set_color(BLUE)
    ax.axis("on")
    ax.set(xlim=(0, 1), xticks=[0, 1], yticks=range(10), ylim=(9.6, -0.6))
    ax.tick_params(labelsize=11)
    ax.grid(axis="y", visible=False)


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
    return _finished(figure)


def _draw_cells(ax: Axes, size: int, inner: range) -> None:
    for row in range(size):
        for column in range(size):
            inside = row in inner and column in inner
            look = {"facecolor": "#E6E6E6"} if inside else {"facecolor": "white", "hatch": "///"}
            ax.add_patch(Rectangle((column, row), 1, 1, edgecolor="#888888", linewidth=1, **look))


def _frame(
    left: float, top: float, width: float, height: float, colour: str, offset: float = -0.5
) -> Rectangle:
    return Rectangle(
        (left + offset, top + offset), width, height, fill=False, edgecolor=colour, linewidth=3
    )


def _patch_start(field: ReceptiveField, centre: int) -> int:
    nearest = round((centre - field.start - (field.size - 1) / 2) / field.jump)
    return field.start + nearest * field.jump


def _entries(matrix: Tensor) -> list[tuple[tuple[int, int], float]]:
    return [
        ((r, c), matrix[r, c].item())
        for r in range(matrix.shape[0])
        for c in range(matrix.shape[1])
    ]


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    starts = [max(0, end - window) for end in range(1, len(sums))]
    return [(sums[end] - sums[start]) / (end - start) for end, start in enumerate(starts, 1)]


def _picture(image: Tensor) -> Tensor:
    picture = image.detach().cpu()
    if picture.ndim == 3 and picture.shape[0] == 1:
        picture = picture[0]
    if picture.ndim != 2:
        raise ValueError(
            f"An image has shape [H, W] or [1, H, W], not {list(image.shape)}; take one image of a batch."
        )
    return picture


def _of_rank(tensor: Tensor, rank: int, shape: str) -> Tensor:
    if tensor.ndim != rank:
        raise ValueError(
            f"A tensor {shape} is needed, and one of shape {list(tensor.shape)} was given."
        )
    return tensor


def _finished(figure: Figure) -> Figure:
    # pyplot would show a figure that it still holds a second time at the end of a notebook's cell.
    plt.close(figure)
    return figure
