"""Figures that are rows of pictures: digits, kernels, feature maps, what units see."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from jaxtyping import Float, Real
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from torch import Tensor
import torch.nn.functional as F
from torch.utils.data import Dataset

from .style import ORANGE, STYLE, Image, Images, _figure, _frame, _show


def plot_sample_grid(dataset: Dataset | Sequence, indices: Sequence[int]) -> Figure:
    """Draw nine samples of a dataset as a 3×3 grid, the label as title."""
    figure, axes = plt.subplots(3, 3, figsize=(6, 6.6))
    for ax, index in zip(axes.flat, indices, strict=True):
        image, label = dataset[index]
        ax.imshow(image.squeeze(), cmap="gray")
        ax.set_title(label)
        ax.axis("off")
    plt.close(figure)
    return figure


def _grid(
    images: Images, titles: Sequence[str], columns: int, size: Sequence[float], **look
) -> Figure:
    """Draw images in rows, each under its title; `size` is that of one, in inches."""
    rows = math.ceil(len(images) / columns)
    figure, axes = _figure(rows, columns, figsize=(columns * size[0], rows * size[1]))
    for ax in axes:
        ax.axis("off")
    for ax, image, title in zip(axes[: len(images)], images, titles, strict=True):
        _show(ax, image, title, **look)
    return figure


def _signed(images: Images) -> dict:
    """Return one scale for all: blue is negative, white zero, red positive."""
    limit = max(image.abs().max().item() for image in images) or 1
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


@plt.style.context(STYLE)
def plot_images(images: Images, titles: Sequence[str], signed: bool = False) -> Figure:
    """Draw images in a row, each from its darkest to its brightest pixel; `signed` on one scale from
    blue (negative) over white (zero) to red."""
    aspect = max(image.shape[-1] / image.shape[-2] for image in images) ** 0.5
    look = _signed(images) if signed else {}
    figure = _grid(images, titles, len(images), (3.6 * aspect, 3.6 / aspect + 0.4), **look)
    if signed:
        figure.colorbar(figure.axes[0].images[0], ax=figure.axes, shrink=0.7)
    return figure


@plt.style.context(STYLE)
def plot_gallery(
    images: Real[Tensor, "N 1 H W"], titles: Sequence[str], columns: int = 6
) -> Figure:
    """Draw images in rows, on one grey scale."""
    lines = max(title.count("\n") + 1 for title in titles)
    size = (2.1, 2.2 * images.shape[2] / images.shape[3] + 0.32 * lines)
    return _grid(images, titles, columns, size, vmin=images.min(), vmax=images.max())


@plt.style.context(STYLE)
def plot_kernels(weight: Float[Tensor, "out_channels in_channels kH kW"]) -> Figure:
    """Draw each kernel for the first input channel: blue is negative, white zero, red positive."""
    return _stack(weight[:, 0], "kernel", **_signed(weight[:, 0]))


@plt.style.context(STYLE)
def plot_feature_maps(feature_maps: Float[Tensor, "C H W"]) -> Figure:
    """Draw the channels of feature maps, on one grey scale."""
    low, high = feature_maps.min().item(), feature_maps.max().item()
    return _stack(feature_maps, "channel", vmin=low, vmax=high)


def _stack(stack: Float[Tensor, "C H W"], name: str, **look) -> Figure:
    titles = [f"{name} 0", *map(str, range(1, len(stack)))]
    figure = _grid(stack, titles, min(8, len(stack)), (1.5, 1.8), **look)
    for ax in figure.axes:
        ax.title.set_fontsize(12)
    figure.colorbar(figure.axes[0].images[0], ax=figure.axes, shrink=0.8)
    return figure


@plt.style.context(STYLE)
def plot_variations(image: Image, changed: Real[Tensor, "N 1 H W"]) -> Figure:
    """Draw a digit, framed, and after it the same digit changed; values are in [0, 1]."""
    rows = math.ceil((1 + len(changed)) / 8)
    margins = (0.01, 0.02, 0.99, 0.98, 0.06, 0.06)
    figure, axes = _figure(rows, 8, margins, figsize=(13, 1.65 * rows + 0.1))
    for ax in axes:
        ax.axis("off")
    for ax, picture in zip(axes, [image, *changed], strict=False):
        _show(ax, picture, vmin=0, vmax=1, edge=ORANGE if ax is axes[0] else None)
    axes[0].spines[:].set_linewidth(4)
    return figure


@plt.style.context(STYLE)
def plot_receptive_fields(image: Image, fields: Mapping[str, Any], unit: tuple[int, int]) -> Figure:
    """Draw on a digit the patch that one unit of each layer sees, the unit centred next to the pixel
    `unit` (row, column). `fields` are rows of `shapes.receptive_field`."""
    titles = [f"{name}\n{field.size}×{field.size}" for name, field in fields.items()]
    figure = _grid([image] * len(fields), titles, len(fields), (3.1, 3.9), edge="none")
    height, width = image.shape[-2:]
    for ax, field in zip(figure.axes, fields.values(), strict=True):
        top, left = (_patch_start(field, centre) for centre in unit)
        _frame(ax, left, top, field.size, field.size)
        ax.set(xlim=(-8.5, width + 7.5), ylim=(height + 7.5, -8.5))
    return figure


def _patch_start(field: Any, centre: int) -> int:
    nearest = round((centre - field.start - (field.size - 1) / 2) / field.jump)
    return field.start + nearest * field.jump


@plt.style.context(STYLE)
def plot_patches(images: Real[Tensor, "N 1 H W"], patches: Sequence[Any]) -> Figure:
    """Draw what `insights.top_patches` finds, nine a row, each under its activation."""
    crops = [_crop(images[place.index, 0], *place.patch) for place in patches]
    titles = [f"{place.activation:.2f}" for place in patches]
    return _grid(crops, titles, 9, (14 / 9, 1.95), edge="#888888", vmin=0, vmax=1)


def _crop(image: Real[Tensor, "H W"], top: int, left: int, height: int, width: int) -> Tensor:
    """Return a patch of an image, NaN where it reaches beyond."""
    below, right = top + height - image.shape[0], left + width - image.shape[1]
    # A padding below 0 cuts off.
    return F.pad(image, (-left, right, -top, below), value=math.nan)
