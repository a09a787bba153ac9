"""Figures of what a trained network does and why: its mistakes, how sure it is, where it looks, how features lie."""

from collections.abc import Sequence
import math

from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
import matplotlib.pyplot as plt
import torch
from torch import Tensor
import torch.nn.functional as F

from ..checks import (
    described,
    require_number,
    require_sequence,
    require_tensor,
    require_type,
    require_whole,
)
from ..explore import Patch
from ..insights import ExcitingPatch, ReliabilityBin
from .digits import plot_predictions
from .style import BLUE, STYLE, finished, of_rank, picture_of, pictures_of, require_share

# Paul Tol's muted scheme, told apart with any colour vision ("Colour schemes", 2021), with a dark grey for the tenth.
_TEN_COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#555555"),
)


def plot_confusion(matrix: Tensor) -> Figure:
    """Show how often each label is read as each digit: a row for each label, a column for each answer.

    The mistakes are coloured by their number, palest where there is none. What is read rightly, the diagonal, is grey:
    its numbers are so much larger that nothing else would be seen.

    Args:
        matrix: int ``[classes, classes]``, as `insights.confusion_matrix` returns it.

    Raises:
        TypeError: the matrix is no tensor of ints.
        ValueError: it is not square, or holds nothing, or a number below 0.
    """
    require_type("matrix", matrix, Tensor, "what insights.confusion_matrix returns")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"A confusion matrix is [classes, classes], and {list(matrix.shape)} was given."
        )
    require_tensor("matrix", matrix, "[classes, classes]", kind="int")
    if matrix.min() < 0:
        raise ValueError(
            f"matrix holds {matrix.min()}, and counts are at least 0: give what insights.confusion_matrix returns."
        )
    counts = matrix.detach().cpu()
    classes = len(counts)
    diagonal = torch.eye(classes, dtype=torch.bool)
    mistakes = counts.double().masked_fill(diagonal, math.nan)
    most = counts.masked_fill(diagonal, 0).max().item() or 1
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(9, 8.4))
        ax.imshow(mistakes.numpy(), cmap="Oranges", vmin=0, vmax=most)
        ax.set_facecolor("#BBBBBB")
        for label, row in enumerate(counts.tolist()):
            for prediction, times in enumerate(row):
                look = {"color": "white" if times > 0.75 * most else "black", "fontsize": 15}
                if label == prediction:
                    look = {"color": "#333333", "fontsize": 11}
                elif times == 0:
                    look = {"color": "#888888", "fontsize": 12}
                ax.text(prediction, label, f"{times:,}", ha="center", va="center", **look)
        ax.set(
            xticks=range(classes),
            yticks=range(classes),
            xlabel="the network says",
            ylabel="label",
        )
        ax.grid(False)
    return finished(figure)


def plot_gallery(images: Tensor, titles: Sequence[str], columns: int = 6) -> Figure:
    """Show images in rows, each under its title, on one grey scale from the smallest value of all (black) to the
    largest (white).

    Args:
        images: ``[N, 1, H, W]``.
        titles: one for each image.
        columns: how many images a row holds.

    Raises:
        TypeError: an image is no tensor, a title no text, or `columns` no whole number.
        ValueError: what is given as an image is none, there are not as many titles as images, or none; `columns` is
            less than 1.
    """
    _require_as_many(images, titles)
    require_whole("columns", columns, at_least=1)
    pictures = pictures_of(images)
    rows = math.ceil(len(pictures) / columns)
    low = min(picture.min().item() for picture in pictures)
    high = max(picture.max().item() for picture in pictures)
    height, width = pictures[0].shape
    lines = max(title.count("\n") + 1 for title in titles)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(2.1 * columns, (2.2 * height / width + 0.32 * lines) * rows),
            squeeze=False,
        )
        for ax in axes.flat:
            ax.axis("off")
        for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
            ax.imshow(picture.numpy(), vmin=low, vmax=high)
            ax.set_title(title)
    return finished(figure)


def plot_patches(images: Tensor, patches: Sequence[ExcitingPatch]) -> Figure:
    """Show what units see where they answer most strongly, in rows of nine, each under its activation. What lies
    outside the picture is grey.

    Args:
        images: ``[N, 1, H, W]`` with values in [0, 1], those in which `insights.top_patches` looked.
        patches: what it found; several lists of nine, put together, make a row each.

    Raises:
        TypeError: `patches` is no list of such places, or `images` no tensor of floats.
        ValueError: there is no patch, one of an image that is not there, or one that lies outside its image; `images`
            is no such batch.
    """
    require_sequence("patches", patches, ExcitingPatch, "what top_patches finds", empty=True)
    if not patches:
        raise ValueError("There is no patch to draw: give what insights.top_patches returns.")
    of_rank("images", images, 4, "[N, 1, H, W]")
    for place in patches:
        require_whole("A patch's index", place.index, at_least=0)
        require_number("A patch's activation", place.activation)
    last = max(place.index for place in patches)
    if last >= len(images):
        raise ValueError(
            f"A patch is of image {last}, and {len(images)} images were given; give those that were searched."
        )
    crops = [_crop(picture_of(images[place.index], bright=True), place.patch) for place in patches]
    rows = math.ceil(len(patches) / 9)
    with plt.style.context(STYLE):
        figure, axes = plt.subplots(rows, 9, figsize=(14, 1.95 * rows), squeeze=False)
        for ax in axes.flat:
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(visible=True, color="#888888")  # a patch may be white all over
        for ax, crop, place in zip(axes.flat, crops, patches, strict=False):
            ax.imshow(crop.numpy(), vmin=0, vmax=1)
            ax.set_facecolor("#BBBBBB")
            ax.set_title(f"{place.activation:.2f}")
        for ax in axes.flat[len(patches) :]:
            ax.axis("off")
    return finished(figure)


def plot_occlusion(image: Tensor, probabilities: Tensor) -> Figure:
    """Show a digit, how probable its label is with a part of it covered, and that map with the digit's outline on it.

    Args:
        image: ``[1, H, W]`` with values in [0, 1].
        probabilities: ``[H, W]`` from 0 to 1, as `insights.occlusion_map` returns them.

    Raises:
        TypeError: one of the two is no tensor of floats.
        ValueError: the two differ in height or width, or hold what is not in [0, 1].
    """
    picture = picture_of(image, bright=True)
    require_tensor("probabilities", probabilities, "[H, W]", kind="float")
    require_share("probabilities", probabilities, "give what insights.occlusion_map returns")
    values = probabilities.detach().cpu()
    if picture.shape != values.shape:
        raise ValueError(
            f"The image is {list(picture.shape)}, the probabilities are {list(values.shape)}; "
            f"give one probability for each pixel."
        )
    with plt.style.context(STYLE):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.6))
        left.imshow(picture.numpy(), vmin=0, vmax=1)
        left.set_title("the digit")
        shown = middle.imshow(values.numpy(), cmap="viridis", vmin=0, vmax=1)
        middle.set_title("a black square around each pixel")
        bar = figure.colorbar(shown, ax=middle, shrink=0.85)
        bar.set_label("probability of the label")
        right.imshow(values.numpy(), cmap="viridis", vmin=0, vmax=1)
        middle_grey = (picture.min().item() + picture.max().item()) / 2
        # A picture of one grey has no outline.
        looks = (("black", 5), ("white", 2)) if picture.min() < middle_grey else ()
        for colour, width in looks:
            right.contour(picture.numpy(), levels=[middle_grey], colors=colour, linewidths=width)
        right.set_title("both")
        for ax in (left, middle, right):
            ax.axis("off")
    return finished(figure)


def plot_projection(points: Tensor, labels: Tensor, shares: Tensor | None = None) -> Figure:
    """Show samples as dots on two axes, coloured by their digit. The digit is also written where the middle of its dots
    is, the median along each axis.

    Args:
        points: ``[N, 2]``, such as the points of `insights.pca`.
        labels: int ``[N]`` from 0 to 9.
        shares: ``[2]`` in [0, 1], the share of the variance that lies along each axis; written there where given.

    Raises:
        TypeError: points or shares are no tensor of floats, or labels none of ints.
        ValueError: the shapes do not fit, there is no point, or a label is not from 0 to 9.
    """
    require_type("points", points, Tensor, "a tensor [N, 2]")
    require_type("labels", labels, Tensor, "a tensor of ints [N]")
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(
            f"Points [N, 2] and labels [N] are needed, and {list(points.shape)} and {list(labels.shape)} were given."
        )
    require_tensor("points", points, "[N, 2]", kind="float")
    require_tensor("labels", labels, "[N]", kind="int")
    if shares is not None:
        require_type("shares", shares, Tensor, "a tensor [2]")
        if shares.shape != (2,):
            raise ValueError(f"The shares are {list(shares.shape)}; give one for each axis, [2].")
        require_tensor("shares", shares, "[2]", kind="float")
        require_share("shares", shares, "each is a share of the whole variance")
    places, digits = points.detach().cpu(), labels.cpu()
    if not 0 <= digits.min() <= digits.max() <= 9:
        raise ValueError(
            f"The labels go from {digits.min()} to {digits.max()}; labels are digits from 0 to 9."
        )
    with plt.style.context(STYLE):
        figure, ax = plt.subplots(figsize=(10, 8))
        colours = [_TEN_COLOURS[digit] for digit in digits.tolist()]
        # All at once, in the order given: digit after digit, the last one would hide the others.
        ax.scatter(*places.T.numpy(), s=14, c=colours, alpha=0.7, linewidths=0)
        # Yellow would not be read on white, nor black lines on dark dots.
        outlines = [
            Stroke(linewidth=8, foreground="white"),
            Stroke(linewidth=4, foreground="black"),
            Normal(),
        ]
        for digit in digits.unique().tolist():
            x, y = places[digits == digit].median(dim=0).values.tolist()
            ax.text(
                x, y, f"{digit}", ha="center", va="center", fontsize=30, fontweight="bold",
                color=_TEN_COLOURS[digit], path_effects=outlines,
            )  # fmt: skip
        ax.set(xlabel="first component", ylabel="second component")
        if shares is not None:
            first, second = shares.tolist()
            ax.set_xlabel(f"first component: {first:.0%} of the variance")
            ax.set_ylabel(f"second component: {second:.0%} of the variance")
    return finished(figure)


def plot_reliability(bins: Sequence[ReliabilityBin]) -> Figure:
    """Show whether a network is right as often as it is sure: above, the accuracy over the confidence, a dot for each
    bin in which there is a digit, and over it both means of all digits; below, how many digits are in each bin.

    On the dashed diagonal a network is exactly as sure as it is right; below it, it is too sure.

    Args:
        bins: what `insights.reliability` returns.

    Raises:
        TypeError: `bins` is not a list of bins.
        ValueError: the bins are empty.
    """
    require_sequence(
        "bins", bins, ReliabilityBin, "bins, those that insights.reliability returns", empty=True
    )
    filled = [part for part in bins if part.count]
    if not filled:
        raise ValueError("The bins hold no digit: give those that insights.reliability returns.")
    digits = sum(part.count for part in filled)
    confidence, accuracy = (
        sum(part.count * getattr(part, of) for part in filled) / digits
        for of in ("confidence", "accuracy")
    )
    with plt.style.context(STYLE):
        figure, (above, below) = plt.subplots(
            2, 1, figsize=(9, 8), sharex=True, height_ratios=[2.2, 1]
        )
        above.plot([0, 1], [0, 1], "--", color="black", linewidth=1.5, label="as sure as right")
        above.plot(
            [part.confidence for part in filled],
            [part.accuracy for part in filled],
            "o-",
            color=BLUE,
            label="this network",
        )
        above.set(ylabel="accuracy", ylim=(-0.03, 1.03))
        above.set_title(f"of all digits: mean confidence {confidence:.1%}, accuracy {accuracy:.1%}")
        above.legend(loc="upper left")
        below.bar(
            [part.low for part in bins],
            [part.count for part in bins],
            width=[part.high - part.low for part in bins],
            align="edge",
            color=BLUE,
            edgecolor="white",
        )
        for part in bins:
            middle = (part.low + part.high) / 2
            below.text(middle, part.count, f"{part.count:,}", ha="center", va="bottom", fontsize=12)
        below.margins(y=0.2)
        below.set(xlabel="confidence", ylabel="how many digits", xlim=(0, 1))
        below.grid(axis="x", visible=False)
    return finished(figure)


def plot_probabilities(images: Tensor, probabilities: Tensor, titles: Sequence[str]) -> Figure:
    """Show digits in a grid, three a row, each under its title and beside the ten probabilities that a network gives
    it. The bar of the most probable digit is blue.

    Args:
        images: ``[N, 1, H, W]``.
        probabilities: ``[N, 10]``, each row from 0 to 1 and summing to 1.
        titles: a line for each image, of up to 35 letters.

    Raises:
        TypeError: images or probabilities are no tensors of floats, or a title no text.
        ValueError: there are not as many of each, or none; the rows are no probabilities.
    """
    _require_as_many(images, titles)
    require_tensor("probabilities", probabilities, "[N, 10]", kind="float")
    figure = plot_predictions(images, probabilities.argmax(dim=1), probabilities)
    # A title of plot_predictions stands in the middle above its picture, where a long one would be cut off.
    written = [text for text in figure.axes[0].texts if text.get_ha() == "center"]
    for text, title in zip(written, titles, strict=True):
        text.set(text=title, ha="left", x=text.get_position()[0] - 5)
    return figure


def _crop(picture: Tensor, patch: Patch) -> Tensor:
    """Return the pixels of a patch of a picture ``[H, W]``, NaN for those outside.

    Raises:
        TypeError: it is no `Patch` of whole numbers.
        ValueError: it holds no pixel of the picture.
    """
    require_type("A patch", patch, Patch, "a Patch of whole numbers")
    for name, value in zip(patch._fields, patch, strict=True):
        require_whole(f"A patch's {name}", value)
    height, width = picture.shape
    if not (-patch.height < patch.top < height and -patch.width < patch.left < width):
        raise ValueError(
            f"{patch} holds no pixel of an image {[height, width]}: give what top_patches found on these images."
        )
    bottom, right = patch.top + patch.height, patch.left + patch.width
    around = (-patch.left, right - width, -patch.top, bottom - height)
    # A padding below 0 cuts off.
    return F.pad(picture, around, value=math.nan)


def _require_as_many(images: Tensor, titles: Sequence[str]) -> None:
    require_type("images", images, (Tensor, list, tuple), "a tensor [N, 1, H, W]")
    require_sequence("titles", titles, str, "titles, which are text", empty=True)
    if isinstance(images, Tensor) and images.ndim == 0:
        raise ValueError(f"images is {described(images)}, and has to have the shape [N, 1, H, W].")
    if len(images) != len(titles) or len(images) == 0:
        raise ValueError(
            f"{len(images)} images and {len(titles)} titles were given; give one title an image, and at least one."
        )
