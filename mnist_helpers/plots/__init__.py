"""A figure for each thing worth seeing. Every function returns its `Figure`, and neither trains nor loads anything.

In a notebook a figure that a cell returns is shown; elsewhere ``figure.savefig("name.png")`` keeps it.
"""

from .digits import (
    plot_beliefs,
    plot_class_counts,
    plot_images,
    plot_pixels,
    plot_predictions,
    plot_sample_grid,
)
from .insides import (
    plot_confusion,
    plot_gallery,
    plot_occlusion,
    plot_patches,
    plot_probabilities,
    plot_projection,
    plot_reliability,
)
from .layers import (
    plot_convolution_step,
    plot_feature_maps,
    plot_kernels,
    plot_layer,
    plot_receptive_fields,
    plot_windows,
)
from .losses import (
    plot_history,
    plot_live_losses,
    plot_losses,
)
from .networks import (
    plot_before_after,
    plot_costs,
    plot_overfitting,
    plot_shifted_digit,
    plot_shifts,
)
from .recipes import (
    plot_range_test,
    plot_rates,
    plot_spread,
    plot_time_shares,
    plot_variations,
)
from .style import BLUE, GREEN, ORANGE, STYLE

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "STYLE",
    "plot_before_after",
    "plot_beliefs",
    "plot_class_counts",
    "plot_confusion",
    "plot_convolution_step",
    "plot_costs",
    "plot_feature_maps",
    "plot_gallery",
    "plot_history",
    "plot_images",
    "plot_kernels",
    "plot_layer",
    "plot_live_losses",
    "plot_losses",
    "plot_occlusion",
    "plot_overfitting",
    "plot_patches",
    "plot_pixels",
    "plot_predictions",
    "plot_probabilities",
    "plot_projection",
    "plot_range_test",
    "plot_rates",
    "plot_receptive_fields",
    "plot_reliability",
    "plot_sample_grid",
    "plot_shifted_digit",
    "plot_shifts",
    "plot_spread",
    "plot_time_shares",
    "plot_variations",
    "plot_windows",
]
