"""Pen strokes: to a digit as MNIST's were made, to ten probabilities, and drawn at random."""

# ruff: noqa: F401
from .paper import read_photo
from .strokes import drawn_digits, predict, random_strokes, rasterize
