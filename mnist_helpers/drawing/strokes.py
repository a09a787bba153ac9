"""Pen strokes to a 28×28 digit, the way in which the digits of MNIST were made, and to ten probabilities.

A stroke is what a pen draws from touching down to lifting up: a list of points ``(x, y)`` with y downwards. Neither the
size of what it was drawn on nor how fast the pen moved makes a difference.
"""

from collections.abc import Sequence
import itertools
import numbers

from PIL import Image, ImageDraw
import torch
from torch import Tensor, nn

from ..checks import described, require_model

Strokes = Sequence[Sequence[Sequence[float]]]

# In pixels of the result. Half of MNIST's strokes are thinner.
PEN_WIDTH = 2.4

# As in MNIST: a digit fits into 20×20 pixels, in a picture of 28×28.
_SIZE, _BOX = 28, 20
# How many times as large the black and white picture is of which the grey one is the mean.
_LARGER = 16


def rasterize(
    strokes: Strokes, pen_width: float = PEN_WIDTH, canvas_size: tuple[float, float] | None = None
) -> Tensor:
    """Return the picture that the makers of MNIST would have made of some strokes.

    They are drawn with a round pen, black and white and sixteen times too large; fitted into 20×20 pixels, each the
    mean of what it covers, with their proportions kept; and moved by whole pixels to where their centre of mass is
    nearest to the middle of 28×28 pixels.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section III.A. In MNIST's
    files the middle is pixel [14, 14].

    Args:
        strokes: a list of strokes, each a list of points ``(x, y)``, in any unit, y downwards. A stroke of one point is
            a dot; one without points is passed over.
        pen_width: in pixels of the result, at least 0.1 and at most 20. Nine in ten of MNIST's are 1.6 to 3.6 wide.
        canvas_size: where given, the width and height of what was drawn on, in the points' unit. The picture then shows
            all of it, and the digit stays where it is, and as small as it is. Points more than two thousand times as
            far off as the canvas is wide are moved nearer.

    Returns:
        float32 ``[1, 28, 28]`` with values in [0, 1], black being 0. Without a point it is black all over.

    Raises:
        TypeError: `strokes` is not a list of lists of pairs of numbers, `pen_width` no number, or `canvas_size` no pair
            of numbers.
        ValueError: a coordinate is not finite, or `pen_width` or `canvas_size` is out of range.
    """
    if isinstance(pen_width, bool) or not isinstance(pen_width, numbers.Real):
        raise TypeError(
            f"pen_width is {described(pen_width)}, and has to be a number from 0.1 to {_BOX}, in pixels."
        )
    if not 0.1 <= pen_width <= _BOX:
        raise ValueError(
            f"pen_width is {pen_width}, and has to be from 0.1 to {_BOX} pixels of the 28×28 picture."
        )
    side = None if canvas_size is None else _longer_side(canvas_size)
    pens = _as_tensors(strokes)
    if not pens:
        return torch.zeros(1, _SIZE, _SIZE)
    if side is not None:
        return _drawn([pen / side * _SIZE for pen in pens], pen_width, _SIZE)
    return _centered(_drawn(_fitted(pens, pen_width), pen_width, _BOX))


def predict(
    model: nn.Module,
    strokes: Strokes,
    pen_width: float = PEN_WIDTH,
    canvas_size: tuple[float, float] | None = None,
) -> Tensor:
    """Return what a network makes of some strokes: ten probabilities, float32 ``[10]`` on the CPU, that sum to 1.

    Args:
        model: takes images ``[N, 1, 28, 28]`` with values in [0, 1] and returns logits ``[N, 10]``, on any device. It
            is put into evaluation mode and left there.
        strokes, pen_width, canvas_size: as in `rasterize`, whose errors it raises.

    Raises:
        TypeError: `model` is no network.
        ValueError: `model` has no parameters, does not take such images, or returns something else.
    """
    require_model("model", model)
    images = rasterize(strokes, pen_width, canvas_size)[None]  # [1, 1, 28, 28]
    model.eval()
    with torch.no_grad():
        try:
            logits = model(images.to(next(model.parameters()).device))
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(
                f"model, a {type(model).__name__}, does not take images [1, 1, 28, 28] of float32. {error}"
            ) from error
    if not isinstance(logits, Tensor) or logits.shape != (1, 10):
        raise ValueError(
            f"model, a {type(model).__name__}, made {described(logits)} of one image, and has to make logits [1, 10]: "
            "one for each digit."
        )
    return logits[0].float().softmax(dim=0).cpu()


def _as_tensors(strokes: Strokes) -> list[Tensor]:
    """Return each stroke that has points as float64 ``[points, 2]``."""
    example = "[[(10, 20), (30, 40)], [(50, 60)]]"
    if isinstance(strokes, (str, bytes, dict)) or not hasattr(strokes, "__iter__"):
        raise TypeError(
            f"strokes is {strokes!r:.60}, and has to be a list of strokes, such as {example}."
        )
    pens = []
    for number, stroke in enumerate(strokes):
        # As plain numbers: PyTorch refuses reversed arrays, and would take the real part of complex ones.
        plain = stroke.tolist() if hasattr(stroke, "tolist") else stroke
        try:
            if "complex" in str(getattr(stroke, "dtype", "")):
                raise TypeError("a point is complex")
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
        wrong = (~pen.isfinite().all(dim=1)).nonzero()
        if len(wrong):
            place = wrong[0].item()
            raise ValueError(
                f"Point {place} of stroke {number} is {tuple(pen[place].tolist())}: coordinates have to be finite "
                "numbers. Leave it out."
            )
        pens.append(pen)
    return pens


def _longer_side(canvas_size: tuple[float, float]) -> float:
    advice = "give its width and height, both above 0"
    plain = canvas_size.tolist() if hasattr(canvas_size, "tolist") else canvas_size
    if isinstance(plain, (str, bytes, dict)) or not hasattr(plain, "__iter__"):
        raise TypeError(f"canvas_size is {described(canvas_size)}: {advice}.")
    sides = list(plain)
    for side in sides:
        if isinstance(side, bool) or not isinstance(side, numbers.Real):
            raise TypeError(f"canvas_size holds {described(side)}: {advice}, as two numbers.")
    if len(sides) != 2:
        raise ValueError(f"canvas_size is {described(canvas_size)}: {advice}, as two numbers.")
    width, height = sides
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise ValueError(f"canvas_size is {canvas_size}: {advice}.")
    return max(width, height)


def _fitted(pens: list[Tensor], pen_width: float) -> list[Tensor]:
    """Return the strokes as large as the box holds them with a pen that wide, and in its middle."""
    points = torch.cat(pens)
    # Halved, so that no difference is too large for a float.
    least, most = points.amin(dim=0) / 2, points.amax(dim=0) / 2
    extent = (most - least).max().item() or 1.0
    middle = least + most
    return [(pen / 2 - middle / 2) / extent * (_BOX - pen_width) + _BOX / 2 for pen in pens]


def _drawn(pens: list[Tensor], pen_width: float, size: int) -> Tensor:
    """Return strokes in pixels of the result, drawn in white on black: ``[1, size, size]``."""
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


def _centered(picture: Tensor) -> Tensor:
    """Return a picture ``[1, 20, 20]`` in the middle of ``[1, 28, 28]``, by its centre of mass."""
    places = torch.arange(_BOX)
    row = (picture.sum(dim=(0, 2)) * places).sum() / picture.sum()
    column = (picture.sum(dim=(0, 1)) * places).sum() / picture.sum()
    top, left = (
        min(max(round(_SIZE / 2 - place.item()), 0), _SIZE - _BOX) for place in (row, column)
    )
    whole = torch.zeros(1, _SIZE, _SIZE)
    whole[:, top : top + _BOX, left : left + _BOX] = picture
    return whole
