"""What all figures share: their style and colours, and how pictures and frames are drawn."""

from collections.abc import Sequence

from IPython.display import display
from jaxtyping import Real
from matplotlib.axes import Axes
import matplotlib.figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from torch import Tensor

from .shown import _figure_html

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#888888"

Image = Real[Tensor, "1 H W"] | Real[Tensor, "H W"]
_AnySize = Real[Tensor, "1 _ _"] | Real[Tensor, "_ _"]
Images = Sequence[_AnySize] | Real[Tensor, "N 1 H W"] | Real[Tensor, "N H W"]

_styled = plt.style.context("mnist_helpers.lessons")


class Figure(matplotlib.figure.Figure):
    """A figure with words for those who do not see it. pyplot shows it wherever the call stands;
    what a notebook shows is closed, and so shown once."""

    alt = ""
    _repr_html_ = _figure_html

    def show(self, warn: bool = True) -> None:
        display(self)


def _figure(
    alt: str, rows: int = 1, columns: int = 1, margins: Sequence[float] = (), **options
) -> tuple[Figure, list[Axes]]:
    """Return a figure, which shows what `alt` says, and its axes. With `margins` (left, bottom,
    right, top, between) it has no layout engine, and is drawn more quickly."""
    options["layout"] = "none" if margins else None
    figure, _ = plt.subplots(rows, columns, FigureClass=Figure, **options)
    figure.alt = alt
    if margins:
        figure.subplots_adjust(*margins)
    return figure, figure.axes


def _show(ax: Axes, image: Image, title: str = "", edge: str | None = None, **look) -> AxesImage:
    """Draw an image under its title; `edge` is a colour."""
    ax.set(title=title, facecolor="#BBBBBB")
    ax.grid(False)
    ax.axis("on" if edge else "off")
    if edge:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=edge)
    return ax.imshow(image.detach().cpu().float().reshape(image.shape[-2:]).numpy(), **look)


def _frame(ax: Axes, left: float, top: float, width: int, height: int, **look) -> None:
    look = {"fill": False, "edgecolor": ORANGE, "linewidth": 3, **look}
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, **look))
