"""Pen strokes: to a 28×28 digit in the way in which MNIST's were made, to ten probabilities, and drawn at random."""

from .forms import drawn_digits, random_strokes
from .recorder import Point, StrokeRecorder
from .strokes import Strokes, predict, rasterize

__all__ = [
    "Point",
    "StrokeRecorder",
    "Strokes",
    "drawn_digits",
    "predict",
    "random_strokes",
    "rasterize",
]
