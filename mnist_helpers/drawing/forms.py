"""Digits drawn at random, in forms that people use and that MNIST has few of."""

import functools
import math
from pathlib import Path

from jaxtyping import Float, Int, UInt8
import torch
from torch import Tensor

from .strokes import rasterize


@functools.cache
def _lines() -> list[str]:
    return Path(__file__).with_name("forms.txt").read_text("utf-8").splitlines()


def random_strokes(
    digit: int, generator: torch.Generator | None = None
) -> list[list[tuple[float, float]]]:
    """Return the strokes, about 100 high, of one of a digit's forms, at random moved, stretched,
    slanted and turned."""
    forms = [line[3:] for line in _lines() if line.startswith(f"{digit}:")]
    form = forms[torch.randint(len(forms), (1,), generator=generator).item()]
    pens = [stroke.split(", ") for stroke in form.split(" / ")]
    strokes = [[tuple(map(float, point.split())) for point in pen] for pen in pens]
    # Points in one place, a corner, move together.
    places = sorted({point for stroke in strokes for point in stroke})
    moves = 3.5 * torch.randn(len(places), 2, generator=generator)
    moved = dict(zip(places, torch.tensor(places) + moves, strict=True))

    draws = torch.rand(3, generator=generator).tolist()
    width = 0.45 + 0.5 * draws[0]
    slant = 0.9 * (draws[1] - 0.45)
    angle = math.radians(20) * (draws[2] - 0.5)
    cos, sin = math.cos(angle), math.sin(angle)
    change = torch.tensor([[width, 0.0], [-slant, 1.0]]) @ torch.tensor([[cos, sin], [-sin, cos]])
    curves = [_smooth(torch.stack([moved[point] for point in stroke])) for stroke in strokes]
    return [[tuple(point) for point in (curve @ change).tolist()] for curve in curves]


def drawn_digits(
    count: int, seed: int = 0
) -> tuple[UInt8[Tensor, "{count} 28 28"], Int[Tensor, " {count}"]]:
    """Return pictures of the digits 0 to 9 in turn, drawn at random as MNIST keeps them, and their
    labels. A thousand take about a second."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for number, digit in enumerate(labels.tolist()):
        strokes = random_strokes(digit, generator)
        pen_width = 1.5 + 2.2 * torch.rand(1, generator=generator).item()
        images[number] = (255 * rasterize(strokes, pen_width)[0]).round()
    return images, labels


def _smooth(points: Float[Tensor, "N 2"]) -> Float[Tensor, "M 2"]:
    """Return a smooth curve through `points`, eight steps from each to the next.
    Source: E. Catmull, R. Rom, "A class of local interpolating splines", 1974."""
    ends = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    knots = torch.cat([ends[0], points, ends[1]])
    a, b, c, d = (knots[first : first + len(points) - 1, None] for first in range(4))
    share = torch.linspace(0, 1, 9)[:-1, None]
    curve = b + share / 2 * (c - a)
    curve += share**2 / 2 * (2 * a - 5 * b + 4 * c - d)
    curve += share**3 / 2 * (3 * b - a - 3 * c + d)
    return torch.cat([curve.flatten(0, 1), points[-1:]])
