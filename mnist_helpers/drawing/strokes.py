"""Pen strokes to a 28×28 digit, the way in which the digits of MNIST were made, and to ten probabilities.

A stroke is what a pen draws from touching down to lifting up: a list of points ``(x, y)`` with y downwards. Neither the
size of what it was drawn on nor how fast the pen moved makes a difference.
"""

from collections.abc import Sequence
import itertools

from jaxtyping import Float
from PIL import Image, ImageDraw
import torch
from torch import Tensor, nn

# A stroke may also be an array or a tensor [points, 2].
Strokes = Sequence | Tensor

# In pixels of the result. Half of MNIST's strokes are thinner.
PEN_WIDTH = 2.4

# As in MNIST: a digit fits into 20×20 pixels, in a picture of 28×28.
_SIZE, _BOX = 28, 20
# How many times as large the black and white picture is of which the grey one is the mean.
_LARGER = 16


def rasterize(
    strokes: Strokes, pen_width: float = PEN_WIDTH, canvas_size: tuple[float, float] | None = None
) -> Float[Tensor, "1 28 28"]:
    """Return the picture, from 0 (black) to 1, that the makers of MNIST would have made of some strokes.

    They are drawn with a round pen, black and white and sixteen times too large; fitted into 20×20 pixels, each the
    mean of what it covers, with their proportions kept; and moved by whole pixels to where their centre of mass is
    nearest to the middle of 28×28 pixels. A stroke of one point is a dot; one without points is passed over.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section III.A. In MNIST's
    files the middle is pixel [14, 14].

    Args:
        pen_width: in pixels of the result, at most 20. Nine in ten of MNIST's are 1.6 to 3.6 wide.
        canvas_size: where given, the width and height of what was drawn on, in the points' unit. The picture then shows
            all of it, and the digit stays where it is, and as small as it is. Points more than two thousand times as
            far off as the canvas is wide are moved nearer.

    Raises:
        TypeError: `strokes` is not a list of lists of points; one stroke alone, for example.
        ValueError: a coordinate is not finite.
    """
    pens = _as_tensors(strokes)
    if not pens:
        return torch.zeros(1, _SIZE, _SIZE)
    if canvas_size is not None:
        return _drawn([pen / max(canvas_size) * _SIZE for pen in pens], pen_width, _SIZE)
    return _centered(_drawn(_fitted(pens, pen_width), pen_width, _BOX))


def predict(
    model: nn.Module,
    strokes: Strokes,
    pen_width: float = PEN_WIDTH,
    canvas_size: tuple[float, float] | None = None,
) -> Float[Tensor, "10"]:
    """Return the probabilities, on the CPU, that a network gives some strokes. It is left in evaluation mode."""
    images = rasterize(strokes, pen_width, canvas_size)[None]
    model.eval()
    with torch.no_grad():
        logits = model(images.to(next(model.parameters()).device))
    return logits[0].float().softmax(dim=0).cpu()


def _as_tensors(strokes: Strokes) -> list[Float[Tensor, "points 2"]]:
    """Return each stroke that has points as float64."""
    example = "[[(10, 20), (30, 40)], [(50, 60)]]"
    pens = []
    for number, stroke in enumerate(strokes):
        # As plain numbers: PyTorch refuses reversed arrays.
        plain = stroke.tolist() if hasattr(stroke, "tolist") else stroke
        try:
            pen = torch.as_tensor(plain, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise TypeError(
                f"Stroke {number} is {plain!r:.60}, and has to be a list of points (x, y), both numbers, "
                f"as in strokes = {example}."
            ) from error
        if pen.numel() == 0:
            continue
        if pen.ndim != 2 or pen.shape[1] != 2:
            raise TypeError(
                f"Stroke {number} has the shape {list(pen.shape)}, and has to be [points, 2]: a list of points (x, y), "
                f"as in strokes = {example}."
            )
        if not pen.isfinite().all():
            raise ValueError(f"Stroke {number} has a point that is not finite. Leave it out.")
        pens.append(pen)
    return pens


def _fitted(pens: list[Tensor], pen_width: float) -> list[Tensor]:
    """Return the strokes as large as the box holds them with a pen that wide, and in its middle."""
    points = torch.cat(pens)
    # Halved, so that no difference is too large for a float.
    least, most = points.amin(dim=0) / 2, points.amax(dim=0) / 2
    extent = (most - least).max().item() or 1.0
    middle = least + most
    return [(pen / 2 - middle / 2) / extent * (_BOX - pen_width) + _BOX / 2 for pen in pens]


def _drawn(pens: list[Tensor], pen_width: float, size: int) -> Float[Tensor, "1 {size} {size}"]:
    """Return strokes in pixels of the result, drawn in white on black."""
    picture = Image.new("L", (size * _LARGER, size * _LARGER))
    draw = ImageDraw.Draw(picture)
    radius = pen_width * _LARGER / 2
    for pen in pens:
        # What lies further off cannot be seen, and Pillow counts in 32 bits.
        places = [tuple(point) for point in (pen * _LARGER).clamp(-1e6, 1e6).tolist()]
        # From a place to itself Pillow would draw a line of one pixel, beside a dot that is thinner than that.
        points = [place for place, _ in itertools.groupby(places)]
        draw.line(points, fill=255, width=max(1, round(2 * radius)))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    small = picture.reduce(_LARGER)
    return torch.tensor(list(small.tobytes()), dtype=torch.float32).reshape(1, size, size) / 255


def _centered(picture: Float[Tensor, "1 20 20"]) -> Float[Tensor, "1 28 28"]:
    """Move a picture to the middle, by its centre of mass."""
    places = torch.arange(_BOX)
    row = (picture.sum(dim=(0, 2)) * places).sum() / picture.sum()
    column = (picture.sum(dim=(0, 1)) * places).sum() / picture.sum()
    top, left = (
        min(max(round(_SIZE / 2 - place.item()), 0), _SIZE - _BOX) for place in (row, column)
    )
    whole = torch.zeros(1, _SIZE, _SIZE)
    whole[:, top : top + _BOX, left : left + _BOX] = picture
    return whole
