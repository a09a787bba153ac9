"""Moved to `shapes`."""

from .shapes import (  # noqa: F401
    ConvolutionStep,
    LayerView,
    Patch,
    convolution_step,
    layer_views,
    seen_patch,
)
