"""What all figures share: the style, the colours, frames and checks."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
import torch
from torch import Tensor

from ..checks import described, require_tensor, require_type, require_whole

STYLE = "mnist_helpers.lessons"
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def write_values(
    ax: Axes, values: Tensor, text: str, left: int = 0, top: int = 0, middle: float = 0.0
) -> None:
    """Write each value of a matrix into its pixel, in black where it is brighter than `middle`, else in white."""
    for (row, column), value in _entries(values):
        shade = "black" if value > middle else "white"
        ax.text(
            left + column,
            top + row,
            text.format(value),
            ha="center",
            va="center",
            color=shade,
            fontsize=13,
        )


def _entries(matrix: Tensor) -> list[tuple[tuple[int, int], float]]:
    return [
        ((r, c), matrix[r, c].item())
        for r in range(matrix.shape[0])
        for c in range(matrix.shape[1])
    ]


def picture_of(image: Tensor, bright: bool = False) -> Tensor:
    """Return an image ``[H, W]`` or ``[1, H, W]`` as ``[H, W]``, on the CPU and without its gradient.

    Args:
        image: the image.
        bright: whether its values have to be in [0, 1], because it is drawn from black at 0 to white at 1.

    Raises:
        TypeError: it is no tensor, or one of complex numbers.
        ValueError: it has another shape, no pixel, NaN in it, or values out of range.
    """
    if not isinstance(image, Tensor) or image.is_complex():
        raise TypeError(
            f"An image is a tensor [H, W] or [1, H, W] of floats, and {described(image)} was given; ToTensor() makes "
            "one of a PIL image, torch.from_numpy of an array."
        )
    picture = image.detach().cpu()
    if picture.ndim == 3 and picture.shape[0] == 1:
        picture = picture[0]
    if picture.ndim != 2:
        raise ValueError(
            f"An image has shape [H, W] or [1, H, W], not {list(image.shape)}; take one image of a batch."
        )
    require_tensor("An image", picture, "[H, W]")
    if picture.dtype in (torch.bool, torch.bfloat16):
        picture = picture.float()  # NumPy has no bfloat16, and no brightness of True
    if bright:
        require_share("An image", picture, "bytes are divided by 255")
    return picture


def pictures_of(
    images: Sequence[Tensor] | Tensor, bright: bool = False, name: str = "images"
) -> list[Tensor]:
    """Return each image of a batch or list, which a message calls `name`, as `picture_of` does.

    Raises:
        TypeError: it is neither, or holds something else.
        ValueError: it holds nothing, or what is no image.
    """
    if isinstance(images, (str, bytes)) or not isinstance(images, (Tensor, Sequence)):
        raise TypeError(
            f"{name} is {described(images)}, and has to be a tensor [N, 1, H, W] or a list of images."
        )
    if isinstance(images, Tensor) and images.ndim == 0:
        raise ValueError(f"{name} is {described(images)}, and has to have the shape [N, 1, H, W].")
    if len(images) == 0:
        raise ValueError(f"{name} is {described(images)}: it holds nothing. Give at least one.")
    return [picture_of(image, bright) for image in images]


def require_share(name: str, values: Tensor, advice: str) -> None:
    """Raise ValueError where values are not in [0, 1]."""
    low, high = values.min().item(), values.max().item()
    # Where an image was rotated, rounding leads a little above 1.
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"{name} goes from {low:.4g} to {high:.4g}, and has to be in [0, 1]: {advice}."
        )


def of_rank(name: str, tensor: Tensor, rank: int, shape: str) -> Tensor:
    """Return a tensor that has to have `rank` axes; `shape` names them in the message, and `name` the tensor.

    Raises:
        TypeError: it is no tensor of floats.
        ValueError: it has other axes, or holds nothing, or NaN.
    """
    require_type(name, tensor, Tensor, f"a tensor {shape}")
    if tensor.ndim != rank:
        raise ValueError(
            f"A tensor {shape} is needed, and one of shape {list(tensor.shape)} was given."
        )
    return require_tensor(name, tensor, shape, kind="float")


def require_place(name: str, place: tuple[int, int], height: int, width: int) -> None:
    """Raise where something is no (row, column) of a picture.

    Raises:
        TypeError: it is no pair of whole numbers.
        ValueError: it is not two numbers, or they lie outside.
    """
    require_type(name, place, (tuple, list), "a pair (row, column)")
    if len(place) != 2:
        raise ValueError(f"{name} is {described(place)}, and has to be a pair (row, column).")
    for axis, value, size in zip(("row", "column"), place, (height, width), strict=True):
        require_whole(f"{name}'s {axis}", value, 0, size - 1)


def framed(
    left: float, top: float, width: float, height: float, colour: str, offset: float = -0.5
) -> Rectangle:
    """Return an empty frame around `width` × `height` pixels; a pixel's edge lies `offset` from its middle."""
    return Rectangle(
        (left + offset, top + offset), width, height, fill=False, edgecolor=colour, linewidth=3
    )


def finished(figure: Figure) -> Figure:
    """Return a figure that pyplot no longer holds."""
    # pyplot would show one that it still holds a second time at the end of a notebook's cell.
    plt.close(figure)
    return figure
