"""Pen strokes: to a digit as MNIST's were made, to ten probabilities, and drawn at random.

A stroke is what a pen draws between touching down and lifting up: points ``(x, y)``, y downwards.
"""

from collections.abc import Sequence
import functools
import math
from pathlib import Path

from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torchvision.transforms.functional import to_tensor

# A stroke may also be an array or a tensor [points, 2].
Strokes = Sequence | Tensor

# As in MNIST: a digit fits into 20×20 pixels, in a picture of 28×28.
_SIZE, BOX = 28, 20
_LARGER = 16  # times: the black and white picture, whose mean the grey one is


def rasterize(
    strokes: Strokes, pen_width: float = 2.4, canvas_size: tuple[float, float] | None = None
) -> Float[Tensor, "1 28 28"]:
    """Return the picture, from 0 (black) to 1, that MNIST's makers would have made of some strokes:
    fitted into 20×20 pixels, and moved by whole pixels until their centre of mass is nearest to the
    middle of 28×28, which in MNIST's files is pixel [14, 14].

    `pen_width` counts in pixels of the result; nine in ten of MNIST's strokes are 1.6 to 3.6 wide.
    With `canvas_size`, the width and height of what was drawn on, the picture shows all of that.
    One stroke alone is a TypeError, a point that is not finite a ValueError.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, III.A.
    """
    pens = _as_tensors(strokes)
    if not pens:
        return torch.zeros(1, _SIZE, _SIZE)
    if canvas_size is not None:
        return _drawn([pen / max(canvas_size) * _SIZE for pen in pens], pen_width, _SIZE)
    return _centered(_drawn(_fitted(pens, pen_width), pen_width, BOX))


def predict(model: nn.Module, strokes: Strokes) -> Float[Tensor, "10"]:
    """Return on the CPU what a network, left in evaluation mode, makes of some strokes."""
    images = rasterize(strokes)[None]
    model.eval()
    with torch.no_grad():
        logits = model(images.to(next(model.parameters()).device))
    return logits[0].float().softmax(dim=0).cpu()


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


def _as_tensors(strokes: Strokes) -> list[Float[Tensor, "points 2"]]:
    pens = []
    for number, stroke in enumerate(strokes):
        # As plain numbers: PyTorch refuses reversed arrays.
        plain = stroke.tolist() if hasattr(stroke, "tolist") else stroke
        pen = torch.as_tensor(plain, dtype=torch.float64)
        if pen.numel() == 0:
            continue
        if pen.shape[1:] != (2,):
            raise TypeError(
                f"Stroke {number} has the shape {list(pen.shape)}, and has to be [points, 2]: a "
                "list of points (x, y), as in strokes = [[(10, 20), (30, 40)], [(50, 60)]]."
            )
        if not pen.isfinite().all():
            raise ValueError(f"Stroke {number} has a point that is not finite. Leave it out.")
        pens.append(pen)
    return pens


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


def _fitted(pens: list[Tensor], pen_width: float) -> list[Tensor]:
    """Return the strokes as large as the box holds them with a pen that wide, in its middle."""
    points = torch.cat(pens)
    # Halved, so that no difference is too large for a float.
    least, most = points.amin(dim=0) / 2, points.amax(dim=0) / 2
    extent = (most - least).max().item() or 1.0
    middle = (least + most) / 2
    return [(pen / 2 - middle) / extent * (BOX - pen_width) + BOX / 2 for pen in pens]


def _drawn(pens: list[Tensor], pen_width: float, size: int) -> Float[Tensor, "1 {size} {size}"]:
    picture = Image.new("L", (size * _LARGER, size * _LARGER))
    draw = ImageDraw.Draw(picture)
    radius = pen_width * _LARGER / 2
    for pen in pens:
        # What lies further off cannot be seen, and Pillow counts in 32 bits.
        points = [tuple(point) for point in (pen * _LARGER).clamp(-1e6, 1e6).tolist()]
        draw.line(points, fill=255, width=max(1, round(2 * radius)))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return to_tensor(picture.reduce(_LARGER))


def _centered(picture: Float[Tensor, "1 20 20"]) -> Float[Tensor, "1 28 28"]:
    places, room = torch.arange(BOX), _SIZE - BOX
    centre = [(picture.sum(dim=(0, dim)) * places).sum() / picture.sum() for dim in (2, 1)]
    top, left = (min(max(round(_SIZE / 2 - place.item()), 0), room) for place in centre)
    return F.pad(picture, (left, room - left, top, room - top))
