"""Figures of digits, of their pixels and labels, and of what a network answers to them."""

from collections.abc import Sequence
import math
from numbers import Integral

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from ..checks import (
    checked,
    described,
    require_bool,
    require_labels,
    require_probabilities,
    require_sequence,
    require_tensor,
    require_type,
    require_whole,
)
from .style import (
    BLUE,
    GREEN,
    ORANGE,
    STYLE,
    finished,
    framed,
    picture_of,
    pictures_of,
    require_place,
    write_values,
)


def plot_sample_grid(dataset: Dataset, indices: Sequence[int]) -> Figure:
    """Show the digits at nine `indices` of a dataset as a 3×3 grid, the label as title.

    Raises:
        TypeError: `dataset` cannot be indexed, or its samples are no image with a label; `indices` are no ints.
        ValueError: there are not nine indices, or one is not in the dataset.
    """
    figure, axes = plt.subplots(3, 3, figsize=(6, 6.6))
    for ax, index in zip(axes.flat, indices, strict=True):
        image, label = dataset[index]
        ax.imshow(image.squeeze(), cmap="gray")
        ax.set_title(label)
        ax.axis("off")
    plt.close(figure)
    return figure


def _require_grid(dataset: Dataset, indices: Sequence[int]) -> None:
    is_indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if isinstance(dataset, (str, bytes)) or not is_indexed:
        raise TypeError(
            f"dataset is {described(dataset)}, and has to be a data set, such as the MNIST that load_datasets returns."
        )
    if isinstance(indices, (Tensor, np.ndarray)):
        indices = indices.tolist()
    indices = [
        one.item() if isinstance(one, Tensor) and one.ndim == 0 else one
        for one in require_sequence("indices", indices, (Integral, Tensor), "indices", empty=True)
    ]
    if len(indices) != 9:
        raise ValueError(
            f"The argument indices holds {len(indices)}, and a grid of 3×3 needs nine of them."
        )
    if len(dataset) == 0:
        raise ValueError("dataset holds no sample: give one that does.")
    for index in indices:
        require_whole("Each of indices", index, -len(dataset), len(dataset) - 1)
    sample = dataset[indices[0]]
    if not isinstance(sample, (tuple, list)) or len(sample) != 2:
        raise TypeError(
            f"A sample of dataset is {described(sample)}, and has to be a pair: an image and its label."
        )
    picture_of(sample[0])


# A lesson shows this function, and shows no checks.
plot_sample_grid = checked(_require_grid)(plot_sample_grid)


def plot_images(images: Sequence[Tensor], titles: Sequence[str], signed: bool = False) -> Figure:
    """Show images ``[H, W]`` or ``[1, H, W]`` in a row, each under its title.

    Each image has its own grey scale, from its smallest value (black) to its largest (white). With `signed`, all share
    one scale from blue (negative) over white (zero) to red (positive), with a bar that names the values.

    Raises:
        TypeError: an image is no tensor, a title no text, or `signed` neither True nor False.
        ValueError: what is given as an image is none, there is none, or not one title for each.
    """
    pictures = pictures_of(images)
    require_sequence("titles", titles, str, "titles, which are text", empty=True)
    require_bool("signed", signed)
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
    return finished(figure)


def plot_pixels(
    image: Tensor, rows: slice, columns: slice, pixel: tuple[int, int] | None = None
) -> Figure:
    """Show a digit with a frame around a crop, and beside it the crop, its values in [0, 1] written into the pixels.

    Args:
        image: ``[1, H, W]`` or ``[H, W]``.
        rows, columns: the crop, as in ``image[rows, columns]``.
        pixel: row and column of a pixel to be framed too, in both pictures.

    Raises:
        TypeError: `image` is no tensor, `rows` or `columns` no slice of ints, or `pixel` no pair of ints.
        ValueError: `image` is no image in [0, 1], the crop is empty or has a step, or there is no such pixel.
    """
    picture = picture_of(image, bright=True)
    for name, part in (("rows", rows), ("columns", columns)):
        require_type(name, part, slice, "a slice, such as slice(5, 11)")
        for end in (part.start, part.stop, part.step):
            if end is not None:
                require_whole(f"{name}, {part},", end)
    if pixel is not None:
        require_place("pixel", pixel, *picture.shape)
    if 0 in (rows.step, columns.step):
        raise ValueError(
            f"The crop {rows}, {columns} has a step of 0; give two slices without a step."
        )
    crop = picture[rows, columns]
    if crop.numel() == 0 or {rows.step, columns.step} - {None, 1}:
        raise ValueError(
            f"The crop {rows}, {columns} of an image {list(picture.shape)} holds no pixel, or leaves some out; "
            f"give two slices without a step, such as slice(5, 11)."
        )
    top, left = rows.indices(picture.shape[0])[0], columns.indices(picture.shape[1])[0]
    height, width = crop.shape
    with plt.style.context(STYLE):
        # No layout engine: a slider redraws this figure while it moves.
        figure, (whole, part) = plt.subplots(
            1, 2, figsize=(13, 5.6), width_ratios=[1, 1.25], layout="none"
        )
        figure.subplots_adjust(0.04, 0.06, 0.99, 0.92, wspace=0.1)
        whole.imshow(picture.numpy(), vmin=0, vmax=1)
        whole.add_patch(framed(left, top, width, height, ORANGE))
        whole.set_title(f"all {picture.shape[0]}×{picture.shape[1]} pixels")
        part.imshow(
            crop.numpy(),
            vmin=0,
            vmax=1,
            extent=(left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5),
        )
        write_values(part, crop, "{:.2f}", left, top, middle=0.5)
        part.set_title(f"rows {top} to {top + height - 1}, columns {left} to {left + width - 1}")
        for ax in (whole, part):
            ax.grid(False)
            if pixel is not None:
                ax.add_patch(framed(pixel[1], pixel[0], 1, 1, GREEN))
        part.set_xticks(range(left, left + width))
        part.set_yticks(range(top, top + height))
    return finished(figure)


def plot_class_counts(labels: Tensor) -> Figure:
    """Show how many of each digit there are in int labels ``[N]`` from 0 to 9; a dashed line is at a tenth of N.

    Raises:
        TypeError: the labels are no tensor of ints.
        ValueError: there is none, or one is not from 0 to 9.
    """
    require_tensor("labels", labels, "[N]", kind="int")
    # Before they are counted: a single label of a billion would ask for as many counts.
    if labels.max() > 9:
        raise ValueError(f"The largest label is {labels.max()}; labels are digits from 0 to 9.")
    require_labels("labels", labels)
    counts = labels.bincount(minlength=10)
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
    return finished(figure)


def plot_predictions(images: Tensor, labels: Tensor, probabilities: Tensor) -> Figure:
    """Show digits in a grid, three a row, each beside the ten probabilities that a network gives it.

    The bar of the right digit is blue; where the most probable digit is a wrong one, its bar is orange and hatched.

    Args:
        images: ``[N, 1, H, W]``.
        labels: the right digits, int ``[N]``.
        probabilities: ``[N, 10]``, each row from 0 to 1 and summing to 1.

    Raises:
        TypeError: images or probabilities are no tensors of floats, or labels none of ints.
        ValueError: there are not as many of each, or none; an image, a label or a row is not what it has to be.
    """
    pictures = pictures_of(images)
    require_tensor("labels", labels, "[N]", kind="int")
    require_tensor("probabilities", probabilities, "[N, 10]", kind="float")
    if not len(images) == len(labels) == len(probabilities):
        raise ValueError(
            f"{len(images)} images, {len(labels)} labels and {len(probabilities)} rows of probabilities were given; "
            f"give as many of each."
        )
    require_labels("labels", labels)
    require_probabilities("probabilities", probabilities, "[N, 10]")
    rows = math.ceil(len(images) / 3)
    with plt.style.context(STYLE):
        # One pair of axes for all, and no layout engine: a slider redraws this figure while it moves.
        width, height = 73, 13 * rows + 1
        figure = plt.figure(figsize=(12.5, round(12.5 * height / width, 1)), layout="none")
        ax = figure.add_axes((0, 0, 1, 1))
        for number, (picture, label, row) in enumerate(
            zip(pictures, labels.tolist(), probabilities.tolist(), strict=True)
        ):
            _draw_prediction(
                ax, picture, label, row, left=25 * (number % 3), top=13 * (number // 3)
            )
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 2, -2), aspect="equal")
        ax.axis("off")
    return finished(figure)


def _draw_prediction(
    ax: Axes, picture: Tensor, label: int, probabilities: Sequence[float], left: float, top: float
) -> None:
    """Draw a digit, ten units wide, and to the right of it ten bars, each up to ten units long."""
    answer = probabilities.index(max(probabilities))
    title = f"{label}" if answer == label else f"{label}, read as {answer}"
    ax.text(left + 5, top - 0.3, title, ha="center", va="bottom")
    ax.imshow(picture.numpy(), extent=(left, left + 10, top + 10, top))
    start, middles = left + 12, [top + digit + 0.5 for digit in range(10)]
    for digit, probability in enumerate(probabilities):
        look = {"facecolor": "#999999"}
        if digit == label:
            look = {"facecolor": BLUE}
        elif digit == answer:
            look = {"facecolor": ORANGE, "hatch": "//", "edgecolor": "white"}
        place = (start, middles[digit] - 0.42)
        ax.add_artist(Rectangle(place, 10, 0.84, facecolor="#EEEEEE"))
        ax.add_artist(Rectangle(place, 10 * probability, 0.84, **look))
        ax.text(start - 0.4, middles[digit], f"{digit}", ha="right", va="center", fontsize=11)


def plot_beliefs(images: Tensor, labels: Tensor, probabilities: Tensor) -> Figure:
    """Show how the probabilities of digits change over epochs: each digit, and beside it a field with a row for each of
    the ten classes and a column for each epoch, white for the probability 0 and dark blue for 1. The row of the right
    class is marked.

    Args:
        images: ``[N, 1, H, W]``.
        labels: the right digits, int ``[N]``.
        probabilities: ``[epochs, N, 10]``, each row from 0 to 1 and summing to 1.

    Raises:
        TypeError: images or probabilities are no tensors of floats, or labels none of ints.
        ValueError: there are not as many of each, or none; an image, a label or a row is not what it has to be.
    """
    pictures = pictures_of(images)
    require_tensor("labels", labels, "[N]", kind="int")
    require_type("probabilities", probabilities, Tensor, "a tensor [epochs, N, 10]")
    if not len(images) == len(labels) or list(probabilities.shape[1:]) != [len(images), 10]:
        raise ValueError(
            f"{len(images)} images, {len(labels)} labels and probabilities {list(probabilities.shape)} were given; "
            f"the probabilities have to be [epochs, {len(images)}, 10]."
        )
    require_labels("labels", labels)
    require_probabilities("probabilities", probabilities, "[epochs, N, 10]")
    rows, epochs = math.ceil(len(images) / 3), len(probabilities)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(
            rows, 6, figsize=(14, 3.1 * rows), width_ratios=[1, 1.5] * 3, squeeze=False
        )
        for ax in axes.flat:
            ax.axis("off")
        for number, (picture, label) in enumerate(zip(pictures, labels.tolist(), strict=True)):
            left, right = axes[number // 3, 2 * (number % 3) : 2 * (number % 3) + 2]
            left.imshow(picture.numpy())
            left.set_title(f"{label}")
            field = probabilities[:, number].T.detach().cpu().numpy()
            right.imshow(field, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            right.axis("on")
            right.grid(False)
            right.set(yticks=range(10), xticks=range(0, epochs, 2), xlabel="epoch")
            right.tick_params(labelsize=11)
            right.add_patch(framed(0, label, epochs, 1, ORANGE))
    return finished(figure)
