"""Pen strokes: to a digit as MNIST's were made, to ten probabilities, and drawn at random."""

# ruff: noqa: F401
from .forms import drawn_digits, random_strokes
from .paper import read_photo
from .strokes import predict, rasterize
