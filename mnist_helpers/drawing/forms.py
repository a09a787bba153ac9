"""Digits drawn at random, in the forms that people use and that MNIST has few of: to train a network on, with MNIST."""

import math

from jaxtyping import Float, Int, UInt8
import torch
from torch import Tensor

from .strokes import rasterize

# For each digit its forms, one a line. A slash parts strokes, each the points that a smooth curve goes through, in a
# square of 100 by 100 with y downwards. Where a stroke has a corner, another one begins in the same point.
_FORMS = (
    # 0: closed; open at the top, a little and more; begun on the left; overlapping; begun at the bottom
    (
        "55 2, 20 15, 8 50, 20 88, 50 98, 82 85, 92 50, 80 15, 50 2",
        "60 5, 25 15, 8 50, 20 88, 50 98, 82 85, 92 50, 85 25, 72 12",
        "45 4, 18 20, 8 50, 20 88, 50 98, 82 85, 93 50, 88 22",
        "30 10, 10 40, 15 80, 45 98, 80 85, 92 50, 80 12, 50 2, 45 12",
        "75 12, 45 2, 15 20, 8 55, 25 90, 60 97, 88 75, 92 40, 70 8, 40 14",
        "50 97, 15 82, 8 45, 25 10, 55 2, 85 20, 92 55, 78 88, 60 96",
    ),
    # 1: three long upstrokes; flag and foot; foot alone; short flag
    (
        "10 42, 30 25, 50 2 / 50 2, 50 50, 50 98",
        "0 55, 28 30, 55 2 / 55 2, 52 50, 48 98",
        "0 48, 35 28, 72 2 / 72 2, 66 50, 52 98",
        "25 22, 50 2 / 50 2, 50 98 / 20 98, 80 98",
        "15 40, 50 2 / 50 2, 50 98 / 15 98, 50 97, 85 98",
        "50 2, 50 98 / 25 98, 75 98",
        "30 25, 50 2 / 50 2, 50 98",
    ),
    # 2: with a corner below; like a Z
    (
        "10 25, 30 5, 65 4, 85 25, 70 50, 35 78, 8 97 / 8 97, 50 95, 92 97",
        "10 12, 50 6, 85 10 / 85 10, 50 50, 10 95 / 10 95, 90 95",
    ),
    # 3: round; with a flat top
    (
        "12 12, 50 2, 82 18, 70 42, 40 48 / 40 48, 78 55, 88 78, 55 98, 10 90",
        "12 6, 85 5 / 85 5, 45 42 / 45 42, 80 50, 88 75, 55 98, 10 90",
    ),
    # 4: open, round and square; closed, with a short and a long stem; in one stroke
    (
        "25 5, 15 35, 10 58, 30 62, 90 58 / 68 30, 62 60, 60 98",
        "20 5, 15 55 / 15 55, 88 52 / 75 5, 72 50, 70 98",
        "60 2, 8 65 / 8 65, 95 65 / 65 35, 63 98",
        "60 2, 8 65 / 8 65, 95 65 / 62 2, 62 98",
        "45 2, 10 55 / 10 55, 75 50 / 75 50, 62 98",
    ),
    # 5: the hat last; in one stroke; the hat apart
    (
        "25 5, 18 45 / 18 45, 55 38, 88 62, 70 92, 35 98, 8 88 / 25 5, 85 4",
        "88 4, 28 5 / 28 5, 22 42 / 22 42, 60 38, 88 65, 65 94, 10 93",
        "25 10, 18 45 / 18 45, 55 38, 85 62, 68 92, 35 98, 8 88 / 38 2, 92 0",
    ),
    # 6: a small loop; a straight back
    (
        "75 4, 40 20, 12 60, 25 93, 60 97, 85 75, 65 55, 30 60, 15 75",
        "55 2, 25 35, 10 70, 30 96, 65 96, 85 75, 65 52, 30 58, 14 75",
    ),
    # 7: with a bar; with a bar and a serif; plain; with a serif
    (
        "8 8, 90 5 / 90 5, 60 50, 40 98 / 25 50, 82 48",
        "8 22, 12 6, 90 6 / 90 6, 62 45, 45 98 / 30 52, 85 50",
        "8 8, 90 5 / 90 5, 55 50, 40 98",
        "8 20, 10 6, 90 6 / 90 6, 60 45, 45 98",
    ),
    # 8: in one stroke, not quite closed; two circles
    (
        "75 12, 40 2, 20 22, 45 45, 80 68, 75 92, 40 98, 15 80, 35 55, 75 30, 78 12",
        "50 2, 22 12, 25 38, 50 47, 78 35, 78 12, 50 2 / "
        "50 47, 15 62, 15 88, 50 98, 85 88, 85 62, 50 47",
    ),
    # 9: with a straight stem; with a tail; not quite closed
    (
        "82 15, 50 2, 18 20, 20 45, 50 55, 82 35, 84 12 / 84 12, 82 55, 75 98",
        "82 20, 50 2, 15 20, 20 48, 55 52, 82 30 / 84 10, 84 60, 70 92, 30 95",
        "75 10, 45 3, 18 20, 22 42, 50 48, 80 30 / 88 8, 78 55, 62 98",
    ),
)


def random_strokes(
    digit: int, generator: torch.Generator | None = None
) -> list[list[tuple[float, float]]]:
    """Return the strokes of a digit, about 100 high, drawn at random in one of several forms: its points are moved, the
    whole is made narrower or wider, slanted and turned."""
    number = torch.randint(len(_FORMS[digit]), (1,), generator=generator).item()
    form = _form(digit, number)
    # Points that stand in one place, where a corner is, move together.
    places = sorted({point for stroke in form for point in stroke})
    moves = 3.5 * torch.randn(len(places), 2, generator=generator)
    moved = dict(zip(places, torch.tensor(places) + moves, strict=True))

    draws = torch.rand(3, generator=generator).tolist()
    width = 0.45 + 0.5 * draws[0]
    slant = 0.9 * (draws[1] - 0.45)
    angle = math.radians(20) * (draws[2] - 0.5)
    change = torch.tensor([[width, 0.0], [-slant, 1.0]]) @ torch.tensor(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    )
    strokes = [_smooth(torch.stack([moved[point] for point in stroke])) for stroke in form]
    return [[tuple(point) for point in (stroke @ change).tolist()] for stroke in strokes]


def drawn_digits(
    count: int, seed: int = 0
) -> tuple[UInt8[Tensor, "{count} 28 28"], Int[Tensor, " {count}"]]:
    """Return pictures of the digits 0 to 9 in turn, drawn at random with pens of several widths, as MNIST keeps them,
    and their labels. A thousand take about a second."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for number, digit in enumerate(labels.tolist()):
        strokes = random_strokes(digit, generator)
        pen_width = 1.5 + 2.2 * torch.rand(1, generator=generator).item()
        images[number] = (255 * rasterize(strokes, pen_width)[0]).round()
    return images, labels


def _form(digit: int, number: int) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (point.split() for point in stroke.split(", "))]
        for stroke in _FORMS[digit][number].split(" / ")
    ]


def _smooth(points: Float[Tensor, "N 2"], steps: int = 8) -> Float[Tensor, "M 2"]:
    """Return points of a smooth curve that goes through all of `points`; through two, of a straight line.

    Source: E. Catmull, R. Rom, "A class of local interpolating splines", 1974.
    """
    share = torch.linspace(0, 1, steps + 1)[:-1, None]
    # One more at each end, straight on.
    ends = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    knots = torch.stack([ends[0], *points, ends[1]])
    curves = [
        b
        + share / 2 * (c - a)
        + share**2 / 2 * (2 * a - 5 * b + 4 * c - d)
        + share**3 / 2 * (3 * b - a - 3 * c + d)
        for a, b, c, d in zip(knots[:-3], knots[1:-2], knots[2:-1], knots[3:], strict=True)
    ]
    return torch.cat([*curves, points[-1:]])
