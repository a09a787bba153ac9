"""A figure for each thing worth seeing; ``figure.savefig("name.png")`` keeps it."""

# ruff: noqa: F403
from .answers import *
from .curves import *
from .layers import *
from .pictures import *
from .style import BLUE  # noqa: F401

__all__ = [name for name in dir() if name.startswith("plot_")]
