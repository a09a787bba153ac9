"""Digits drawn at random, in forms that people use and that MNIST has few of."""

import math

from jaxtyping import Float, Int, UInt8
import torch
from torch import Tensor

from .strokes import rasterize

# The forms of each digit, one a line. A slash parts strokes, each the points that a smooth curve
# goes through, in a square of 100 by 100 with y downwards. Where a stroke has a corner, another
# one begins in the same point.
_FORMS = """
# closed; open at the top, a little and more; begun on the left; overlapping; begun at the bottom
0: 55 2, 20 15, 8 50, 20 88, 50 98, 82 85, 92 50, 80 15, 50 2
0: 60 5, 25 15, 8 50, 20 88, 50 98, 82 85, 92 50, 85 25, 72 12
0: 45 4, 18 20, 8 50, 20 88, 50 98, 82 85, 93 50, 88 22
0: 30 10, 10 40, 15 80, 45 98, 80 85, 92 50, 80 12, 50 2, 45 12
0: 75 12, 45 2, 15 20, 8 55, 25 90, 60 97, 88 75, 92 40, 70 8, 40 14
0: 50 97, 15 82, 8 45, 25 10, 55 2, 85 20, 92 55, 78 88, 60 96
# slashed: past the oval, and steeply; within it; in one stroke; from the left
0: 52 12, 20 22, 10 50, 22 80, 50 90, 78 78, 90 50, 80 22, 52 12 / 97 2, 5 99
0: 58 12, 24 22, 10 52, 24 84, 50 92, 76 80, 90 50, 78 20, 52 12 / 72 -4, 28 104
0: 50 2, 20 15, 8 50, 20 88, 50 98, 82 85, 92 50, 80 15, 50 2 / 76 20, 26 80
0: 62 8, 25 15, 8 50, 20 85, 50 94, 80 80, 90 50, 86 10 / 86 10, 10 95
0: 50 6, 18 18, 8 50, 20 82, 50 94, 82 80, 92 50, 80 18, 50 6 / 8 6, 92 96
# three long upstrokes; two longer and a flatter one; with a tail; with a foot, in one stroke; apart
1: 10 42, 30 25, 50 2 / 50 2, 50 50, 50 98
1: 0 55, 28 30, 55 2 / 55 2, 52 50, 48 98
1: 0 48, 35 28, 72 2 / 72 2, 66 50, 52 98
1: 2 68, 32 38, 56 2 / 56 2, 52 50, 50 98
1: 0 84, 34 46, 60 2 / 60 2, 58 50, 60 98
1: -8 46, 35 27, 80 2 / 80 2, 74 50, 70 98
1: 0 52, 40 28, 78 2 / 78 2, 68 45, 52 82, 57 98, 74 92
1: 0 55, 28 32, 55 2 / 55 2, 55 60, 49 92, 22 97 / 22 97, 92 94
1: 2 66, 30 35, 52 2 / 52 2, 52 98 / 15 98, 92 98
# flag and foot; foot alone; short flag
1: 25 22, 50 2 / 50 2, 50 98 / 20 98, 80 98
1: 15 40, 50 2 / 50 2, 50 98 / 15 98, 50 97, 85 98
1: 50 2, 50 98 / 25 98, 75 98
1: 30 25, 50 2 / 50 2, 50 98
# with a corner below; like a Z
2: 10 25, 30 5, 65 4, 85 25, 70 50, 35 78, 8 97 / 8 97, 50 95, 92 97
2: 10 12, 50 6, 85 10 / 85 10, 50 50, 10 95 / 10 95, 90 95
# round; with a flat top
3: 12 12, 50 2, 82 18, 70 42, 40 48 / 40 48, 78 55, 88 78, 55 98, 10 90
3: 12 6, 85 5 / 85 5, 45 42 / 45 42, 80 50, 88 75, 55 98, 10 90
# open, round and square; closed, with a short and a long stem; in one stroke, closed, round and
# narrow, and with a low peak
4: 25 5, 15 35, 10 58, 30 62, 90 58 / 68 30, 62 60, 60 98
4: 20 5, 15 55 / 15 55, 88 52 / 75 5, 72 50, 70 98
4: 60 2, 8 65 / 8 65, 95 65 / 65 35, 63 98
4: 60 2, 8 65 / 8 65, 95 65 / 62 2, 62 98
4: 45 2, 10 55 / 10 55, 75 50 / 75 50, 62 98
4: 22 4, 12 40, 22 62, 52 50, 72 10 / 72 10, 66 50, 60 98
4: 32 2, 26 42, 35 62, 51 48, 60 10 / 60 10, 57 55, 54 98
4: 36 2, 10 55, 18 64, 50 60, 80 48, 80 28 / 80 28, 70 65, 64 98
# the hat last; in one stroke; the hat apart
5: 25 5, 18 45 / 18 45, 55 38, 88 62, 70 92, 35 98, 8 88 / 25 5, 85 4
5: 88 4, 28 5 / 28 5, 22 42 / 22 42, 60 38, 88 65, 65 94, 10 93
5: 25 10, 18 45 / 18 45, 55 38, 85 62, 68 92, 35 98, 8 88 / 38 2, 92 0
# a small loop; a straight back
6: 75 4, 40 20, 12 60, 25 93, 60 97, 85 75, 65 55, 30 60, 15 75
6: 55 2, 25 35, 10 70, 30 96, 65 96, 85 75, 65 52, 30 58, 14 75
# with a bar; with a bar and a serif; plain; with a serif
7: 8 8, 90 5 / 90 5, 60 50, 40 98 / 25 50, 82 48
7: 8 22, 12 6, 90 6 / 90 6, 62 45, 45 98 / 30 52, 85 50
7: 8 8, 90 5 / 90 5, 55 50, 40 98
7: 8 20, 10 6, 90 6 / 90 6, 60 45, 45 98
# in one stroke, not quite closed; two circles
8: 75 12, 40 2, 20 22, 45 45, 80 68, 75 92, 40 98, 15 80, 35 55, 75 30, 78 12
8: 50 2, 22 12, 25 38, 50 47, 78 35, 78 12, 50 2 / 50 47, 15 62, 15 88, 50 98, 85 88, 85 62, 50 47
# with a straight stem; with a tail; not quite closed
9: 82 15, 50 2, 18 20, 20 45, 50 55, 82 35, 84 12 / 84 12, 82 55, 75 98
9: 82 20, 50 2, 15 20, 20 48, 55 52, 82 30 / 84 10, 84 60, 70 92, 30 95
9: 75 10, 45 3, 18 20, 22 42, 50 48, 80 30 / 88 8, 78 55, 62 98
"""


def random_strokes(
    digit: int, generator: torch.Generator | None = None
) -> list[list[tuple[float, float]]]:
    """Return the strokes of a digit, about 100 high, in one of its forms drawn at random: its
    points are moved, and the whole is made narrower or wider, slanted and turned."""
    forms = [line[3:] for line in _FORMS.splitlines() if line.startswith(f"{digit}:")]
    form = forms[torch.randint(len(forms), (1,), generator=generator).item()]
    pens = [stroke.split(", ") for stroke in form.split(" / ")]
    strokes = [[tuple(map(float, point.split())) for point in pen] for pen in pens]
    # Points that stand in one place, where a corner is, move together.
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
    """Return pictures of the digits 0 to 9 in turn, drawn at random with pens of several widths, as
    MNIST keeps them, and their labels. A thousand take about a second."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for number, digit in enumerate(labels.tolist()):
        strokes = random_strokes(digit, generator)
        pen_width = 1.5 + 2.2 * torch.rand(1, generator=generator).item()
        images[number] = (255 * rasterize(strokes, pen_width)[0]).round()
    return images, labels


def _smooth(points: Float[Tensor, "N 2"]) -> Float[Tensor, "M 2"]:
    """Return points of a smooth curve through `points`, eight steps from each to the next.
    Source: E. Catmull, R. Rom, "A class of local interpolating splines", 1974."""
    # One more at each end, straight on.
    ends = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    knots = torch.cat([ends[0], points, ends[1]])
    a, b, c, d = (knots[first : first + len(points) - 1, None] for first in range(4))
    share = torch.linspace(0, 1, 9)[:-1, None]
    curve = b + share / 2 * (c - a)
    curve += share**2 / 2 * (2 * a - 5 * b + 4 * c - d)
    curve += share**3 / 2 * (3 * b - a - 3 * c + d)
    return torch.cat([curve.flatten(0, 1), points[-1:]])
