"""What all figures share: the style, the colours, frames and checks."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from torch import Tensor

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


def picture_of(image: Tensor) -> Tensor:
    """Return an image ``[H, W]`` or ``[1, H, W]`` as ``[H, W]``, on the CPU and without its gradient.

    Raises:
        ValueError: it has another shape.
    """
    picture = image.detach().cpu()
    if picture.ndim == 3 and picture.shape[0] == 1:
        picture = picture[0]
    if picture.ndim != 2:
        raise ValueError(
            f"An image has shape [H, W] or [1, H, W], not {list(image.shape)}; take one image of a batch."
        )
    return picture


def of_rank(tensor: Tensor, rank: int, shape: str) -> Tensor:
    """Return a tensor that has to have `rank` axes, or raise ValueError; `shape` names them in the message."""
    if tensor.ndim != rank:
        raise ValueError(
            f"A tensor {shape} is needed, and one of shape {list(tensor.shape)} was given."
        )
    return tensor


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
