"""What is looked at: every public function of `explore`, `insights`, `plots`, `widgets`, `benchmark` and `exercises`
with arguments that do not fit. Each says what was given and what is expected, and leaves nothing half done.

Of images on another device than a model there is no row: whatever takes a model here moves the images to its device.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
import importlib
import inspect
import math
from pathlib import Path
import pkgutil
import time
import traceback

import matplotlib.pyplot as plt
import mnist_helpers
from mnist_helpers import exercises, explore, insights, plots, widgets
from mnist_helpers.benchmark import __main__ as program
from mnist_helpers.benchmark import load, measure, recipes, results, strokes
from mnist_helpers.benchmark.measure import Loading, Training
from mnist_helpers.benchmark.recipes import Classic, OneCycle
from mnist_helpers.benchmark.results import Row
from mnist_helpers.benchmark.strokes import PenDigit
from mnist_helpers.checks import described
from mnist_helpers.explore import Pace, Patch, convolution_step, layer_views
from mnist_helpers.insights import ExcitingPatch, ReliabilityBin
from mnist_helpers.models import CNN
from mnist_helpers.shapes import ReceptiveField
from mnist_helpers.training import History
import numpy as np
import pytest
import torch
from torch import nn

PACKAGE = Path(mnist_helpers.__file__).parent


def randomly(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def with_one(tensor, value):
    changed = tensor.clone()
    changed.flatten()[-1] = value
    return changed


IMAGE, IMAGES = randomly(1, 28, 28), randomly(4, 1, 28, 28)
MAPS, KERNEL = randomly(3, 5, 6) - 0.5, randomly(3, 3) - 0.5
LABELS = torch.tensor([3, 8, 0, 9])
PROBABILITIES = (4 * randomly(4, 10)).softmax(dim=1)
BELIEFS = (4 * randomly(3, 4, 10)).softmax(dim=2)
MATRIX = torch.arange(9).reshape(3, 3)
BINS = [ReliabilityBin(0.0, 0.5, 0, math.nan, math.nan), ReliabilityBin(0.5, 1.0, 4, 0.75, 0.5)]
STEP = convolution_step(IMAGE[0], KERNEL, 30)
FIELD = ReceptiveField("Conv2d", size=3, jump=1, start=-1)
PATCHES = [ExcitingPatch(1, 0, 0, 0.5, Patch(-2, 3, 7, 7))]
HISTORY = History([[2.0, 1.0], [0.5, 0.25]], [0.5, 0.75], [0.9, 0.4], [0.6, 0.8])
TRAINING, LOADING = Training("fast", 0, 1.5, 0.98, 500), Loading(8.0, 0.2, 300)
ROW = Row("fast", 1, 1.0, 2.0, 0.1, 98.0, None, 500)
STROKES = [[(10.0, 10.0), (20.0, 40.0)]]


def network():
    torch.manual_seed(0)
    return CNN()


MODEL = network()
VIEW = layer_views(MODEL, IMAGE)[0]


class Digits:
    """Stands for MNIST: few digits, and no file."""

    def __init__(self, count=12, images=None, labels=None):
        self.data = torch.zeros(count, 28, 28, dtype=torch.uint8)
        self.targets = torch.arange(count) % 10 if labels is None else labels
        self.images = randomly(count, 1, 28, 28) if images is None else images

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.images[index], int(self.targets[index])


class Unlabelled(Digits):
    def __getitem__(self, index):
        return self.images[index]


# What beginners give in place of a tensor, a number and so on. None is not among them: it is often meant.
NO_TENSORS = [3, "digit", [[0.5]], np.zeros((28, 28)), nn.Identity(), CNN]
NO_WHOLES = ["3", 2.5, math.nan, True, [3], torch.tensor([3]), 1j]
NO_NUMBERS = ["3", math.nan, math.inf, True, [3.0], torch.tensor(3.0), 1j]
NO_TEXTS = [3, 2.5, b"text", ["text"], None]
NO_LISTS = [3, "text", None, {1: 2}, iter([])]
NO_FUNCTIONS = [3, "print", None, []]
NO_MODELS = [3, "CNN", None, CNN, [nn.Identity()], IMAGE]
NO_PATHS = [3, None, ["a"], b"a"]


def axes_off(tensor):
    """The tensor with an axis more, with one less, and with nothing in it."""
    return [tensor[None], tensor[0], tensor[:0]]


def not_finite(tensor):
    return [with_one(tensor, math.nan), with_one(tensor, math.inf)]


def floats_off(tensor):
    """What does not pass for this tensor of floats."""
    wrong = [tensor.to(torch.complex64), (9 * tensor).long()]
    return [*NO_TENSORS, None, *axes_off(tensor), *not_finite(tensor), *wrong]


def bright_off(image):
    """What does not pass for an image with values in [0, 1]."""
    return [*floats_off(image), 255 * image, -image]


def picture_off(image, bright=False):
    """What does not pass for an image ``[H, W]`` or ``[1, H, W]``."""
    wrong = [*NO_TENSORS[:-2], None, nn.Identity(), image[None], image[:, 0, 0], image[:, :0]]
    wrong = [one for one in wrong if not isinstance(one, np.ndarray)] + [image.numpy()]
    wrong += [*not_finite(image), image.to(torch.complex64), image.repeat(3, 1, 1)]
    return [*wrong, 255 * image, -image] if bright else wrong


def pictures_off(images, bright=False):
    """What does not pass for several images."""
    wrong = [3, "digits", None, images[:0], torch.tensor(3.0), images.repeat(1, 3, 1, 1)]
    wrong += [*not_finite(images), images.to(torch.complex64), images[:, 0, 0, 0]]
    return [*wrong, 255 * images] if bright else wrong


def labels_off(labels=LABELS):
    wrong = [labels.float(), labels.bool(), labels + 1, labels - 1, labels.to(torch.complex64)]
    return [*NO_TENSORS, None, *axes_off(labels), *wrong]


def probabilities_off(rows):
    wrong = [2 * rows, rows.log(), torch.zeros_like(rows), rows[..., :9]]
    return [*floats_off(rows), *wrong]


def wholes_off(least=None, most=None):
    ends = [] if least is None else [least - 1]
    ends += [] if most is None else [most + 1]
    return [*NO_WHOLES, None, *ends]


def numbers_off(least=None, above=None, most=None):
    ends = [] if least is None else [least - 0.5]
    ends += [] if above is None else [above]
    ends += [] if most is None else [most + 0.5]
    return [*NO_NUMBERS, None, *ends]


def pairs_off(*outside):
    return [3, "ab", None, (1,), (1, 2, 3), (1.5, 2), ("1", "2"), (True, 1), *outside]


def by_name_off(values, empty=True):
    """What does not pass for a dictionary of what `values` are not."""
    nothing = [{}] if empty else []
    return [3, "text", None, [1.0], {5: 1.0}, *nothing, *({"one": value} for value in values)]


def lists_off(*, finite=True, empty=False):
    """What does not pass for a list of numbers."""
    wrong = [3, "123", None, {1: 2}, ["1"], [None], [torch.tensor(1.0)], torch.ones(2, 2)]
    wrong += [[math.nan], [math.inf]] * finite
    return wrong if empty else [*wrong, [], torch.ones(0)]


@dataclass
class Case:
    """A function, arguments with which it can be called, and for each of them values with which it can not be."""

    call: Callable
    good: dict = field(default_factory=dict)
    bad: dict = field(default_factory=dict)
    # For an argument, how a message may call it: by what it holds, or in words of the subject.
    words: dict = field(default_factory=dict)
    # Not called here, because it takes long: its own tests do.
    long: bool = False


def conv_sizes(size):
    return {
        size: wholes_off(1),
        "kernel_size": [*wholes_off(1), 99],
        "stride": wholes_off(1),
        "padding": wholes_off(0),
    }


SIZES = {"kernel_size": 3, "stride": 1, "padding": 1}
COUNTS_OFF = [torch.zeros(3, 4), MATRIX.float(), MATRIX - 1, MATRIX.bool(), *axes_off(MATRIX)]
DATASETS_OFF = [3, "MNIST", None, [], nn.Identity()]
NO_BATCHES = [3, None, MODEL]

CASES = {
    "explore.kernels": Case(explore.kernels),
    "explore.indices_of": Case(
        explore.indices_of,
        {"labels": LABELS, "digit": 3},
        {"labels": labels_off(), "digit": [*NO_WHOLES, -1, 10]},
    ),
    "explore.crop_around": Case(
        explore.crop_around,
        {"size": 28, "place": 3, "width": 5},
        {"size": wholes_off(1), "place": wholes_off(0, 27), "width": wholes_off(1, 28)},
    ),
    "explore.described_pixel": Case(
        explore.described_pixel,
        {"image": IMAGE, "row": 3, "column": 4},
        {"image": bright_off(IMAGE), "row": wholes_off(0, 27), "column": wholes_off(0, 27)},
    ),
    "explore.convolution_step": Case(
        explore.convolution_step,
        {"image": IMAGE[0], "kernel": KERNEL, "place": 3, "stride": 1, "padding": 0},
        {
            "image": floats_off(IMAGE[0]),
            "kernel": [
                *floats_off(KERNEL), KERNEL[:2], KERNEL.double(), KERNEL.to("meta"), randomly(29, 29),
            ],
            "place": wholes_off(0, 26 * 26 - 1),
            "stride": wholes_off(1),
            "padding": wholes_off(0),
        },
    ),
    "explore.places": Case(
        explore.places,
        {"height": 5, "width": 6, **SIZES},
        {**conv_sizes("height"), "width": wholes_off(1)},
    ),
    "explore.written_sum": Case(explore.written_sum, {"step": STEP}, {"step": [3, None, KERNEL]}),
    "explore.written_output_size": Case(
        explore.written_output_size, {"size": 28, **SIZES}, conv_sizes("size")
    ),
    "explore.described_step": Case(
        explore.described_step, {"step": STEP}, {"step": [3, None, KERNEL]}
    ),
    "explore.layer_views": Case(
        explore.layer_views,
        {"model": MODEL, "image": IMAGE},
        {"model": [*NO_MODELS, nn.LSTM(28, 3)], "image": [*floats_off(IMAGE), randomly(1, 9, 9)]},
        words={"image": ["input of shape"]},
    ),
    "explore.seen_patch": Case(
        explore.seen_patch,
        {"view": VIEW, "image": IMAGE, "unit": (3, 4)},
        {
            "view": [3, None, IMAGE],
            "image": [*NO_TENSORS, *axes_off(IMAGE), with_one(IMAGE, math.nan)],
            "unit": pairs_off((-1, 0), (28, 0), (0, 28)),
        },
    ),
    "explore.described_layer": Case(
        explore.described_layer, {"view": VIEW}, {"view": [3, None, IMAGE]}
    ),
    "explore.described_belief": Case(
        explore.described_belief,
        {"epoch": 1, "labels": LABELS, "probabilities": PROBABILITIES},
        {
            "epoch": wholes_off(0),
            "labels": [*labels_off(), LABELS[:3]],
            "probabilities": [*probabilities_off(PROBABILITIES), PROBABILITIES[:3]],
        },
    ),
    "explore.described_losses": Case(
        explore.described_losses,
        {"losses": [2.0, 1.0], "batches": 10},
        {"losses": [3, "12", None, ["1"], [None]], "batches": wholes_off(1)},
    ),
    "explore.shifted": Case(
        explore.shifted,
        {"image": IMAGE, "right": 1, "down": -2},
        {
            "image": [*NO_TENSORS, None, *axes_off(IMAGE), *not_finite(IMAGE)],
            "right": wholes_off(),
            "down": wholes_off(),
        },
    ),
    "explore.described_shift": Case(
        explore.described_shift, {"right": 1, "down": 2}, dict.fromkeys(("right", "down"), wholes_off())
    ),
    "explore.described_answers": Case(
        explore.described_answers,
        {"probabilities": {"CNN": PROBABILITIES[0]}},
        {"probabilities": by_name_off(probabilities_off(PROBABILITIES[0]), empty=False)},
    ),
    "explore.described_change": Case(
        explore.described_change,
        {"degrees": 10, "scale": 0.1, "shift": 2},
        dict.fromkeys(("degrees", "scale", "shift"), numbers_off(0)),
    ),
    "explore.thinned": Case(
        explore.thinned,
        {"values": [1.0, math.nan], "points": 3},
        {"values": lists_off(finite=False, empty=True), "points": wholes_off(1)},
    ),
    "explore.described_drawing": Case(
        explore.described_drawing,
        {"probabilities": PROBABILITIES[0], "strokes": 2},
        {"probabilities": probabilities_off(PROBABILITIES[0]), "strokes": wholes_off(0)},
    ),
    "explore.enlarged": Case(
        explore.enlarged,
        {"image": IMAGE, "times": 2},
        {"image": bright_off(IMAGE), "times": wholes_off(1)},
    ),
    "explore.block_output": Case(
        explore.block_output,
        {"model": MODEL, "block": "block_1", "image": IMAGE},
        {"model": NO_MODELS, "block": [*NO_TEXTS, "block_9", ""], "image": floats_off(IMAGE)},
    ),
    "explore.tiled": Case(
        explore.tiled,
        {"maps": MAPS, "columns": 2, "times": 1},
        {"maps": floats_off(MAPS), "columns": wholes_off(1), "times": wholes_off(1)},
    ),
    "explore.described_maps": Case(
        explore.described_maps,
        {"block": "block_1", "maps": MAPS},
        {"block": NO_TEXTS, "maps": [*NO_TENSORS, *axes_off(MAPS), *not_finite(MAPS)]},
    ),
    "explore.Pace": Case(
        Pace,
        {"interval": 0.5, "share": 0.1, "clock": time.perf_counter},
        {"interval": numbers_off(0), "share": numbers_off(0, 0, 1), "clock": NO_FUNCTIONS},
    ),
    "explore.Pace.due": Case(lambda: Pace().due()),
    "explore.Pace.run": Case(
        lambda draw: Pace().run(draw), {"draw": lambda: None}, {"draw": NO_FUNCTIONS}
    ),
    "insights.confusion_matrix": Case(
        insights.confusion_matrix,
        {"labels": LABELS, "predictions": LABELS, "classes": 10},
        {
            # None at all makes a matrix of zeros.
            "labels": [one for one in labels_off() if not hasattr(one, "numel") or one.numel()],
            "predictions": [PROBABILITIES, LABELS.float(), LABELS.bool(), LABELS[:3], LABELS + 1],
            "classes": [*wholes_off(1), 9],
        },
    ),
    "insights.most_confused": Case(
        insights.most_confused,
        {"matrix": MATRIX, "count": 3},
        {"matrix": [*NO_TENSORS, None, *COUNTS_OFF], "count": wholes_off(1)},
    ),
    "insights.confident_mistakes": Case(
        insights.confident_mistakes,
        {"probabilities": PROBABILITIES, "labels": LABELS, "count": 3},
        {
            "probabilities": [*probabilities_off(PROBABILITIES), PROBABILITIES[:3]],
            "labels": [*labels_off(), LABELS[:3]],
            "count": wholes_off(1),
        },
    ),
    "insights.predict_all": Case(
        insights.predict_all,
        {"model": MODEL, "images": IMAGES, "batch_size": 2},
        {
            "model": NO_MODELS,
            "images": [*floats_off(IMAGES), IMAGES.repeat(1, 3, 1, 1)],
            "batch_size": wholes_off(1),
        },
    ),
    "insights.top_patches": Case(
        insights.top_patches,
        {"model": MODEL, "layer": "block_1.0", "channel": 0, "images": IMAGES, "count": 2},
        {
            "model": NO_MODELS,
            "layer": [*NO_TEXTS, "block_9", "output.0"],
            "channel": wholes_off(0, 15),
            "images": [*floats_off(IMAGES), randomly(2, 1, 9, 9)],
            "count": wholes_off(1),
        },
        words={"images": ["input of shape"]},
    ),
    "insights.occlusion_map": Case(
        insights.occlusion_map,
        {"model": nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "image": IMAGE, "label": 3, "size": 7},
        {
            "model": NO_MODELS,
            "image": floats_off(IMAGE),
            "label": wholes_off(0, 9),
            "size": [*wholes_off(1), 4],
        },
    ),
    "insights.pca": Case(
        insights.pca,
        {"features": randomly(9, 4), "components": 2},
        {
            "features": [
                *NO_TENSORS, *axes_off(randomly(9, 4)), *not_finite(randomly(9, 4)), torch.ones(9, 4),
                randomly(1, 4), randomly(9, 4).to(torch.complex64), randomly(9, 4) > 0.5, randomly(9, 0),
            ],
            "components": wholes_off(1, 4),
        },
    ),
    "insights.reliability": Case(
        insights.reliability,
        {"probabilities": PROBABILITIES, "labels": LABELS, "bins": 3},
        {
            "probabilities": [*probabilities_off(PROBABILITIES), PROBABILITIES[:3]],
            "labels": [*labels_off(), LABELS[:3]],
            "bins": wholes_off(1),
        },
    ),
    "insights.expected_calibration_error": Case(
        insights.expected_calibration_error,
        {"bins": BINS},
        {"bins": [*NO_LISTS, [], BINS[:1], [(0, 1, 4, 0.5, 0.5)], PROBABILITIES]},
    ),
    "plots.plot_sample_grid": Case(
        plots.plot_sample_grid,
        {"dataset": Digits(), "indices": range(9)},
        {
            "dataset": [3, "MNIST", None, iter([]), [], Unlabelled(), [("image", 3)] * 12],
            "indices": [*NO_LISTS, range(8), range(10), range(4, 13), [0.5] * 9, ["0"] * 9, [True] * 9],
        },
        words={"dataset": ["an image is"]},
    ),
    "plots.plot_images": Case(
        plots.plot_images,
        {"images": [IMAGE, IMAGE[0] > 0.5], "titles": ["one", "two"], "signed": False},
        {
            "images": [*pictures_off(IMAGES), [], [3], [IMAGE]],
            "titles": [*NO_LISTS, [], ["one"], ["one", 2]],
            "signed": [3, "yes", None, 0],
        },
    ),
    "plots.plot_pixels": Case(
        plots.plot_pixels,
        {"image": IMAGE, "rows": slice(3, 6), "columns": slice(5), "pixel": (3, 4)},
        {
            "image": picture_off(IMAGE, bright=True),
            "rows": [3, None, (3, 6), slice(3, 3), slice(0, 9, 2), slice(0, 9, 0), slice(0.5, 3)],
            "columns": [3, "3:6", slice(28, 30), slice("3", "6")],
            "pixel": [one for one in pairs_off((28, 0), (0, -1)) if one is not None],
        },
    ),
    "plots.plot_class_counts": Case(
        plots.plot_class_counts,
        {"labels": LABELS},
        {"labels": [*labels_off(), torch.tensor([10**12])]},
    ),
    "plots.plot_predictions": Case(
        plots.plot_predictions,
        {"images": IMAGES, "labels": LABELS, "probabilities": PROBABILITIES},
        {
            "images": [*pictures_off(IMAGES), IMAGES[:3]],
            "labels": [*labels_off(), LABELS[:3]],
            "probabilities": [*probabilities_off(PROBABILITIES), PROBABILITIES[:3]],
        },
    ),
    "plots.plot_beliefs": Case(
        plots.plot_beliefs,
        {"images": IMAGES, "labels": LABELS, "probabilities": BELIEFS},
        {
            "images": [*pictures_off(IMAGES), IMAGES[:3]],
            "labels": [*labels_off(), LABELS[:3]],
            "probabilities": [*probabilities_off(BELIEFS), BELIEFS[:, :3]],
        },
    ),
    "plots.plot_confusion": Case(
        plots.plot_confusion, {"matrix": MATRIX}, {"matrix": [*NO_TENSORS, None, *COUNTS_OFF]}
    ),
    "plots.plot_gallery": Case(
        plots.plot_gallery,
        {"images": IMAGES, "titles": [*"abcd"], "columns": 2},
        {
            "images": [*pictures_off(IMAGES), IMAGES[:3]],
            "titles": [*NO_LISTS, [], [*"abc"], [*"abc", 4]],
            "columns": wholes_off(1),
        },
    ),
    "plots.plot_patches": Case(
        plots.plot_patches,
        {"images": IMAGES, "patches": PATCHES},
        {
            "images": [*floats_off(IMAGES), IMAGES[:1], 255 * IMAGES],
            "patches": [
                *NO_LISTS, [], [Patch(0, 0, 3, 3)],
                *([PATCHES[0]._replace(index=index)] for index in (-1, 4, 0.5, "0")),
                [PATCHES[0]._replace(activation="high")], [PATCHES[0]._replace(patch=None)],
                *([PATCHES[0]._replace(patch=patch)] for patch in (
                    Patch(28, 0, 3, 3), Patch(-3, 0, 3, 3), Patch(0, 99, 3, 3), Patch(0, 0, 0, 3),
                    Patch(0.5, 0, 3, 3), (0, 0, 3, 3),
                )),
            ],
        },
        words={"patches": ["a patch"]},
    ),
    "plots.plot_occlusion": Case(
        plots.plot_occlusion,
        {"image": IMAGE, "probabilities": IMAGE[0]},
        {
            "image": picture_off(IMAGE, bright=True),
            "probabilities": [*floats_off(IMAGE[0]), IMAGE[0, 1:], 2 * IMAGE[0], -IMAGE[0]],
        },
    ),
    "plots.plot_projection": Case(
        plots.plot_projection,
        {"points": randomly(4, 2), "labels": LABELS, "shares": torch.tensor([0.3, 0.1])},
        {
            "points": [*floats_off(randomly(4, 2)), randomly(4, 3), randomly(3, 2)],
            "labels": [*labels_off(), LABELS[:3]],
            "shares": [*NO_TENSORS, randomly(3), torch.tensor([math.nan, 0.1]), torch.tensor([30.0, 1.0])],
        },
    ),
    "plots.plot_reliability": Case(
        plots.plot_reliability,
        {"bins": BINS},
        {"bins": [*NO_LISTS, [], BINS[:1], [(0, 1, 4, 0.5, 0.5)], PROBABILITIES]},
    ),
    "plots.plot_probabilities": Case(
        plots.plot_probabilities,
        {"images": IMAGES, "probabilities": PROBABILITIES, "titles": [*"abcd"]},
        {
            "images": [*pictures_off(IMAGES), IMAGES[:3]],
            "probabilities": [*probabilities_off(PROBABILITIES), PROBABILITIES[:3]],
            "titles": [*NO_LISTS, [], [*"abc"], [*"abc", 4]],
        },
    ),
    "plots.plot_windows": Case(
        plots.plot_windows, {"input_size": 5, **SIZES}, conv_sizes("input_size")
    ),
    "plots.plot_convolution_step": Case(
        plots.plot_convolution_step, {"step": STEP}, {"step": [3, None, KERNEL]}
    ),
    "plots.plot_kernels": Case(
        plots.plot_kernels,
        {"weight": randomly(4, 2, 3, 3)},
        {"weight": [*floats_off(randomly(4, 2, 3, 3)), randomly(4, 0, 3, 3), nn.Conv2d(1, 2, 3)]},
    ),
    "plots.plot_feature_maps": Case(
        plots.plot_feature_maps, {"feature_maps": MAPS}, {"feature_maps": floats_off(MAPS)}
    ),
    "plots.plot_layer": Case(
        plots.plot_layer,
        {"image": IMAGE, "output": MAPS, "patch": Patch(-1, 2, 3, 3), "unit": (1, 2)},
        {
            "image": picture_off(IMAGE),
            "output": floats_off(MAPS),
            "patch": [3, None, (0, 0, 3, 3), Patch(0.5, 0, 3, 3), Patch(0, 0, 0, 3), Patch(0, 0, 3, "3")],
            "unit": [one for one in pairs_off((5, 0), (0, 6), (-1, 0)) if one is not None],
        },
    ),
    "plots.plot_receptive_fields": Case(
        plots.plot_receptive_fields,
        {"image": IMAGE, "fields": {"first": FIELD}, "unit": (3, 4)},
        {
            "image": picture_off(IMAGE),
            "fields": by_name_off([3, None, FIELD._replace(jump=0), FIELD._replace(size=2.5)]),
            "unit": pairs_off((28, 0), (0, -1)),
        },
    ),
    "plots.plot_history": Case(
        plots.plot_history,
        {"history": HISTORY},
        {
            "history": [
                3, None, [[1.0, 0.5]], History(), History([[]]), History([[1.0]], []),
                History([[1.0]], [0.5], [0.5], []), History([[1.0]], [0.5], [0.5, 0.4], [0.5, 0.6]),
                History([[math.nan]], [0.5]), History([["1"]], [0.5]), History([1.0], [0.5]),
            ],
        },
    ),
    "plots.plot_losses": Case(
        plots.plot_losses,
        {"losses": {"one": [1.0, math.nan]}},
        {"losses": by_name_off(lists_off(finite=False, empty=True))},
    ),
    "plots.plot_live_losses": Case(
        plots.plot_live_losses,
        {"points": [(1, 2.0), (2, math.nan)], "batches": 10},
        {"points": [*NO_LISTS, [3], [(1,)], [("1", 2.0)], [(1, None)]], "batches": wholes_off(1)},
    ),
    "plots.plot_before_after": Case(
        plots.plot_before_after,
        {"before": {"one": 98.0}, "after": {"one": 99.0}, "names": ("before", "after")},
        {
            "before": [*by_name_off([*NO_NUMBERS[:3], None]), {"two": 98.0}],
            "after": [*by_name_off([*NO_NUMBERS[:3], None]), {"two": 98.0}],
            "names": [3, None, "ab", ("before",), ("before", 2), ("a", "b", "c")],
        },
        words={"before": ["network"], "after": ["network"]},
    ),
    "plots.plot_costs": Case(
        plots.plot_costs,
        {"costs": {"one": (1e5, 98.0)}},
        {"costs": by_name_off([3, (1e5,), (0, 98.0), (-1, 98.0), (math.nan, 98.0), ("a", "b"), "ab"])},
        words={"costs": ["network", "multiply-adds"]},
    ),
    "plots.plot_overfitting": Case(
        plots.plot_overfitting,
        {"curves": {"one": ([1.0, 0.5], [1.0, 0.75])}},
        {"curves": by_name_off([3, [1.0], (1.0, 0.5), ([1.0], []), ([], []), ([math.nan], [1.0])])},
        words={"curves": ["training"]},
    ),
    "plots.plot_shifted_digit": Case(
        plots.plot_shifted_digit,
        {"image": IMAGE, "probabilities": {"CNN": PROBABILITIES[0]}},
        {
            "image": picture_off(IMAGE, bright=True),
            "probabilities": by_name_off(probabilities_off(PROBABILITIES[0])),
        },
        words={"probabilities": ["network"]},
    ),
    "plots.plot_shifts": Case(
        plots.plot_shifts,
        {"shifts": [0, 1], "accuracies": {"one": [98.0, 50.0]}},
        {"shifts": [*lists_off(), [0, 1, 2]], "accuracies": by_name_off([*lists_off(), [98.0]])},
    ),
    "plots.plot_range_test": Case(
        plots.plot_range_test,
        {"rates": [0.1, 0.2], "losses": [1.0, math.nan], "chosen": 0.1},
        {
            "rates": [*lists_off(empty=True), [0.1], [0.0, 0.1], [-0.1, 0.1]],
            "losses": [*lists_off(finite=False, empty=True), [1.0]],
            "chosen": [*NO_NUMBERS, 0, -0.1],
        },
    ),
    "plots.plot_rates": Case(
        plots.plot_rates, {"rates": {"one": [0.1, 0.2]}}, {"rates": by_name_off(lists_off())}
    ),
    "plots.plot_spread": Case(
        plots.plot_spread,
        {"accuracies": {"one": [97.0, 98.0], "none yet": []}},
        {"accuracies": by_name_off([*lists_off(empty=True), [101.0], [-1.0]])},
        words={"accuracies": ["an accuracy"]},
    ),
    "plots.plot_time_shares": Case(
        plots.plot_time_shares,
        {"seconds": {"load": 1.0, "step": 3.0}},
        {"seconds": [*by_name_off([*NO_NUMBERS, None, -1.0, 0.0])]},
        words={"seconds": ["time"]},
    ),
    "plots.plot_variations": Case(
        plots.plot_variations,
        {"image": IMAGE, "changed": IMAGES},
        {"image": picture_off(IMAGE, bright=True), "changed": pictures_off(IMAGES, bright=True)},
        words={"changed": ["an image"]},
    ),
    "widgets.leaf_through": Case(
        widgets.leaf_through,
        {"dataset": Digits()},
        {
            "dataset": [
                *DATASETS_OFF, Unlabelled(), Digits(labels=[1, 2, 3]), Digits(labels=torch.tensor([10])),
                Digits(images=["image"]), Digits(images=randomly(3, 1, 9, 9)), Digits(images=IMAGES[:, 0]),
            ],
        },
        words={"dataset": ["a sample"]},
    ),
    "widgets.convolution_in_slow_motion": Case(
        widgets.convolution_in_slow_motion,
        {"images": {"digit": IMAGE[0]}},
        {"images": [*by_name_off(floats_off(IMAGE[0])), {"small": randomly(2, 9)}]},
    ),
    "widgets.layer_explorer": Case(
        widgets.layer_explorer,
        {"model": MODEL, "images": IMAGES, "labels": LABELS},
        {
            "model": NO_MODELS,
            "images": [*floats_off(IMAGES), randomly(4, 1, 9, 9)],
            "labels": [*labels_off(), LABELS[:3]],
        },
        words={"images": ["input of shape"]},
    ),
    "widgets.belief_by_epoch": Case(
        widgets.belief_by_epoch,
        {"images": IMAGES, "labels": LABELS, "probabilities": BELIEFS},
        {
            "images": floats_off(IMAGES),
            "labels": [*labels_off(), LABELS[:3]],
            "probabilities": [*probabilities_off(BELIEFS), BELIEFS[:, :3]],
        },
    ),
    "widgets.digit_changer": Case(
        widgets.digit_changer,
        {"images": IMAGES, "labels": LABELS},
        {"images": [*floats_off(IMAGES), 255 * IMAGES], "labels": [*labels_off(), LABELS[:3]]},
    ),
    "widgets.shifted_digit": Case(
        widgets.shifted_digit,
        {"models": {"CNN": MODEL}, "images": IMAGES, "labels": LABELS},
        {
            "models": by_name_off(NO_MODELS),
            "images": [*floats_off(IMAGES), 255 * IMAGES],
            "labels": [*labels_off(), LABELS[:3]],
        },
    ),
    "widgets.drawing_pad": Case(
        widgets.drawing_pad,
        {"model": MODEL, "size": 140},
        {"model": NO_MODELS, "size": wholes_off(28)},
    ),
    "widgets.LiveLoss": Case(widgets.LiveLoss, {"batches": 3}, {"batches": wholes_off(1)}),
    "widgets.LiveLoss.add": Case(
        lambda loss: widgets.LiveLoss(3).add(loss),
        {"loss": math.nan},  # a training that diverges is to be seen
        {"loss": ["1", None, True, [1.0], torch.tensor(1.0), 1j]},
    ),
    "exercises.check": Case(
        exercises.check,
        {"exercise": "1.1", "answer": ...},
        {"exercise": ["9.9", "", "1", 1.1, None, [], 10**400]},
    ),
    "exercises.judge": Case(
        exercises.judge,
        {"exercise": "1.1", "answer": ...},
        {"exercise": ["9.9", "", "1", 1.1, None, [], {}]},
    ),
    "exercises.exercise_numbers": Case(exercises.exercise_numbers),
    "benchmark.__main__.main": Case(program.main, long=True),
    "benchmark.__main__.compare_load": Case(program.compare_load, {}, {}, long=True),
    "benchmark.__main__.read_strokes": Case(
        program.read_strokes, {"file": Path("missing")}, {"file": NO_PATHS}
    ),
    "benchmark.__main__.compare_recipes": Case(
        program.compare_recipes,
        {"recipes": {"fast": OneCycle()}, "seeds": 1, "loading": False, "json_file": None},
        {
            "recipes": by_name_off([3, None, OneCycle, "fast"][:2], empty=False),
            "seeds": [*NO_WHOLES, 0],
            "loading": [3, "no", None],
            "json_file": ["rows.json", 3],
        },
        long=True,
    ),
    "benchmark.__main__.ten_epochs": Case(
        program.ten_epochs,
        {"classic": [TRAINING], "epochs": 1},
        {"classic": [*NO_LISTS, [3]], "epochs": numbers_off(above=0)},
    ),
    "benchmark.__main__.rows_of": Case(
        program.rows_of,
        {
            "recipes": {"fast": OneCycle()}, "trainings": {"fast": [TRAINING]}, "loadings": [LOADING],
            "classic_seconds": 10.0,
        },
        {
            "recipes": [3, None, {}, {3: OneCycle()}],
            "trainings": [3, None, {"slow": [TRAINING]}, {"fast": [3]}, {"fast": 3}],
            "loadings": [*NO_LISTS, [3]],
            "classic_seconds": [*NO_NUMBERS, 0],
        },
    ),
    "benchmark.__main__.compare_steps": Case(
        program.compare_steps,
        {"seeds": 1, "json_file": None},
        {"seeds": wholes_off(1), "json_file": ["steps.json", 3]},
        long=True,
    ),
    "benchmark.__main__.described": Case(
        program.described, {"training": TRAINING}, {"training": [3, None, ROW]}
    ),
    "benchmark.measure.measure_training": Case(
        measure.measure_training,
        {
            "name": "fast", "recipe": OneCycle(), "seed": 0, "train_set": Digits(), "test_set": Digits(),
            "bar": None,
        },
        {
            "name": NO_TEXTS,
            "recipe": [3, None, "fast", CNN],
            "seed": wholes_off(),
            "train_set": [*DATASETS_OFF, Digits(labels=LABELS), Digits(0)],
            "test_set": [*DATASETS_OFF, Digits(labels=LABELS), Digits(2, labels=torch.tensor([1, 10]))],
            "bar": [3, "bar", []],
        },
        long=True,
    ),
    "benchmark.measure.measure_loading": Case(
        measure.measure_loading,
        {"train_set": Digits()},
        {"train_set": [*DATASETS_OFF, Digits(labels=LABELS), Digits(0)]},
        long=True,
    ),
    "benchmark.measure.live_loss_ratios": Case(
        measure.live_loss_ratios,
        {"rounds": 1, "batches": 1},
        {"rounds": wholes_off(1), "batches": wholes_off(1)},
        long=True,
    ),
    "benchmark.load.side_by_side_ratio": Case(
        load.side_by_side_ratio,
        {"processes": 2, "steps": 1, "short_spin": True},
        {"processes": wholes_off(2), "steps": wholes_off(1), "short_spin": [None, 1, "yes"]},
        long=True,
    ),
    "benchmark.measure.require_digits": Case(
        measure.require_digits,
        {"name": "train_set", "dataset": Digits()},
        {"dataset": [*DATASETS_OFF, Digits(labels=LABELS), Digits(0)]},
        words={"dataset": ["train_set"]},
    ),
    "benchmark.measure.require_recipe": Case(
        measure.require_recipe,
        {"name": "recipe", "recipe": OneCycle()},
        {"recipe": [3, None, "fast", CNN]},
    ),
    "benchmark.measure.PeakMemory": Case(measure.PeakMemory),
    "benchmark.recipes.Classic": Case(
        Classic,
        {"epochs": 1, "learning_rate": 0.1, "shuffle": True, "seeds": 1},
        {
            "epochs": numbers_off(1),
            "learning_rate": numbers_off(above=0),
            "shuffle": [3, "yes", None],
            "seeds": wholes_off(1),
        },
    ),
    "benchmark.recipes.Classic.batches": Case(
        Classic().batches,
        {"train_set": Digits(), "seed": 0},
        {"train_set": [*DATASETS_OFF, Digits(labels=LABELS)], "seed": wholes_off()},
    ),
    "benchmark.recipes.Classic.build": Case(Classic().build),
    "benchmark.recipes.Classic.train": Case(
        Classic(epochs=1).train,
        {"model": MODEL, "batches": [(IMAGES, LABELS)], "seed": 0},
        {"model": NO_MODELS, "batches": NO_BATCHES, "seed": wholes_off()},
        long=True,
    ),
    "benchmark.recipes.OneCycle": Case(
        OneCycle,
        {
            "network": CNN, "epochs": 1, "batch_size": 8, "peak_rate": 0.1, "betas": (0.5, 0.5),
            "label_smoothing": 0.1, "augment": {"degrees": 3}, "average": False, "seeds": 1,
        },
        {
            "network": [3, "CNN", None],
            "epochs": numbers_off(above=0),
            "batch_size": wholes_off(1),
            "peak_rate": numbers_off(above=0),
            "betas": [3, None, (0.5,), (0.5, 1.5), (-0.5, 0.5), ("a", "b")],
            "label_smoothing": numbers_off(0, most=1),
            "augment": [3, None, {"angle": 3}, {"degrees": -1}, {"degrees": "3"}],
            "average": [3, "yes", None],
            "seeds": wholes_off(1),
        },
    ),
    "benchmark.recipes.OneCycle.batches": Case(
        OneCycle().batches,
        {"train_set": Digits(), "seed": 0},
        {"train_set": [*DATASETS_OFF, Digits(labels=LABELS)], "seed": wholes_off()},
    ),
    "benchmark.recipes.OneCycle.build": Case(OneCycle().build),
    "benchmark.recipes.OneCycle.train": Case(
        OneCycle().train,
        {"model": MODEL, "batches": [(IMAGES, LABELS)], "seed": 0},
        {"model": NO_MODELS, "batches": NO_BATCHES, "seed": wholes_off()},
        long=True,
    ),
    "benchmark.recipes.Normalised": Case(
        recipes.Normalised, {"network": nn.Identity()}, {"network": NO_MODELS}
    ),
    # PyTorch's own errors are what the lessons teach to read.
    "benchmark.recipes.Normalised.forward": Case(
        lambda images: recipes.Normalised(nn.Identity())(images), {"images": IMAGES}, {"images": []}
    ),
    "benchmark.recipes.steps": Case(recipes.steps),
    "benchmark.recipes.validation_split": Case(
        recipes.validation_split,
        {"train_set": Digits(10_001, images=IMAGES)},
        {"train_set": [*DATASETS_OFF, Digits(10_000, images=IMAGES), Digits(labels=LABELS)]},
        words={"train_set": ["samples"]},
    ),
    "benchmark.results.row_of_trainings": Case(
        results.row_of_trainings,
        {"trainings": [TRAINING], "epochs": 1, "classic_seconds": 10.0},
        {
            "trainings": [*NO_LISTS, [], [3]],
            "epochs": numbers_off(above=0),
            "classic_seconds": [*NO_NUMBERS, 0],
        },
    ),
    "benchmark.results.row_of_loadings": Case(
        results.row_of_loadings,
        {"loadings": [LOADING]},
        {"loadings": [*NO_LISTS, [], [3], [Loading(0.0, 1.0, 3)]]},
        words={"loadings": ["loader_seconds"]},
    ),
    "benchmark.results.table": Case(results.table, {"rows": [ROW]}, {"rows": [*NO_LISTS, [3]]}),
    "benchmark.results.fraction": Case(
        results.fraction, {"ratio": 0.5}, {"ratio": [*NO_NUMBERS, -0.5]}
    ),
    "benchmark.results.summary": Case(
        results.summary, {"trainings": [TRAINING]}, {"trainings": [*NO_LISTS, [3]]}
    ),
    "benchmark.results.write_json": Case(
        results.write_json,
        {"path": Path("rows.json"), "records": [ROW]},
        {
            "path": [*NO_PATHS, "rows.json"],
            "records": [*NO_LISTS, [3], [{"a": object()}], [{"a": math.nan}]],
        },
        long=True,
    ),
    "benchmark.results.load_results": Case(
        results.load_results, {"name": "recipes"}, {"name": [*NO_TEXTS, "magic", ""]}
    ),
    "benchmark.strokes.load_pen_digits": Case(
        strokes.load_pen_digits, {"path": __file__}, {"path": NO_PATHS}, long=True
    ),
    "benchmark.strokes.read_share": Case(
        strokes.read_share,
        {"model": MODEL, "digits": [PenDigit(3, "one", STROKES)]},
        {"model": NO_MODELS, "digits": [*NO_LISTS, [], [3]]},
    ),
}  # fmt: skip

# Each holds what it is given, and checks nothing: whatever takes one does.
RECORDS = {
    *("explore.ConvolutionStep", "explore.Patch", "explore.LayerView"),
    *("insights.Confusion", "insights.ExcitingPatch", "insights.Projection"),
    *("insights.ReliabilityBin", "exercises.Verdict"),
    *("benchmark.measure.Recipe", "benchmark.measure.Training", "benchmark.measure.Loading"),
    *("benchmark.results.Row", "benchmark.strokes.PenDigit"),
}
# Whatever is given as one of these, there is no error: an answer is judged, and a name is only for messages.
ANYTHING = {
    *(("exercises.check", "answer"), ("exercises.judge", "answer")),
    *(("benchmark.measure.require_digits", "name"), ("benchmark.measure.require_recipe", "name")),
    ("benchmark.recipes.Normalised.forward", "images"),
}


def public_names() -> dict[str, object]:
    """Return every public function and class that is looked at here, and every public method, by name."""
    parts = [program, load, measure, recipes, results, strokes]
    found = {f"plots.{name}": getattr(plots, name) for name in plots.__all__}
    found = {name: value for name, value in found.items() if callable(value)}
    for module in (explore, insights, widgets, exercises, *parts):
        short = module.__name__.removeprefix("mnist_helpers.")
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if name.startswith("_") or not own or not callable(value):
                continue
            found[f"{short}.{name}"] = value
            if inspect.isclass(value) and f"{short}.{name}" not in RECORDS:
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        found[f"{short}.{name}.{method}"] = function
    return found


def test_every_public_function_has_its_row() -> None:
    assert set(public_names()) == {*CASES, *RECORDS}
    assert not set(CASES) & RECORDS
    modules = {
        part.name
        for part in pkgutil.iter_modules(
            importlib.import_module("mnist_helpers.benchmark").__path__
        )
    }
    assert modules == {"__main__", "load", "measure", "recipes", "results", "strokes"}


@pytest.mark.parametrize("name", CASES)
def test_every_argument_has_values_that_do_not_fit(name) -> None:
    arguments = [one for one in inspect.signature(public_names()[name]).parameters if one != "self"]
    assert set(arguments) == set(CASES[name].good)
    for argument in arguments:
        assert CASES[name].bad.get(argument) or (name, argument) in ANYTHING, argument


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].long])
def test_what_fits_is_taken(name, capsys) -> None:
    CASES[name].call(**CASES[name].good)
    assert plt.get_fignums() == []


def complaint(name, argument, value):
    """What is wrong with the way in which a call is refused; None where all is well."""
    case = CASES[name]
    given = described(value)
    try:
        case.call(**{**case.good, argument: value})
    except (TypeError, ValueError) as error:
        place = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
        message = str(error)
        names = [argument, given, repr(value), *case.words.get(argument, [])]
        names += [str(list(value.shape))] if isinstance(value, torch.Tensor) else []
        names += [type(value).__name__] if isinstance(value, nn.Module) else []
        named = any(one.lower().removesuffix("s") in message.lower() for one in names)
        if not place.is_relative_to(PACKAGE):
            return f"{given}: {place.name} says {message}"
        if len(message) < 20 or not named:
            return f"{given}: not named in {message!r}"
        if plt.get_fignums():
            plt.close("all")
            return f"{given}: a figure stays open"
        return None
    except Exception as error:
        return f"{given}: {type(error).__name__}: {error}"
    finally:
        plt.close("all")
    return f"{given}: taken"


@pytest.mark.parametrize(
    ("name", "argument"), [(name, one) for name in CASES for one in CASES[name].bad]
)
def test_what_does_not_fit_is_refused_with_a_reason(name, argument) -> None:
    found = [complaint(name, argument, value) for value in CASES[name].bad[argument]]
    wrong = [one for one in found if one]
    assert not wrong, "\n".join(wrong)


class Untouchable:
    """An answer whose every method raises."""

    __hash__ = None

    def refuse(self, *_, **__):
        raise RuntimeError("leave me alone")

    __eq__ = __len__ = __iter__ = __getitem__ = __getattr__ = __call__ = refuse
    __float__ = __int__ = __bool__ = __repr__ = __str__ = refuse


class Liar:
    @property
    def __class__(self):
        raise ZeroDivisionError("not even what it is")


class Wordless(str):
    __slots__ = ()

    def __repr__(self):
        raise RuntimeError


def odd_answers() -> list[object]:
    ring = []
    ring.append(ring)
    values = [
        *(
            None,
            True,
            0,
            -1,
            10**400,
            math.nan,
            -math.inf,
            1j,
            "text",
            "\ud800",
            b"bytes",
            [],
            (),
            {},
        ),
        *(
            {1: 2, None: []},
            ring,
            [[[[]]]],
            {1, 2},
            range(5),
            int,
            CNN,
            ValueError("x"),
            math,
            print,
        ),
        *(
            np.zeros((3, 3)),
            np.array([None, {}]),
            np.float32("nan"),
            np.array("2020", "datetime64"),
        ),
        *(torch.tensor(1), torch.tensor(math.nan), torch.tensor(1j), torch.zeros(0), IMAGE, MODEL),
        *(
            torch.zeros(3, device="meta"),
            torch.zeros((), device="meta"),
            torch.zeros(3, 3).to_sparse(),
        ),
        *(nn.Identity(), nn.Sequential(), nn.LazyLinear(10), nn.Linear(3, 4, device="meta")),
        *(torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), FIELD, STEP, History()),
        *(Untouchable(), Liar(), Wordless("x"), (number for number in range(3))),
    ]
    several = [[value] * count for value in (None, math.nan, 10**400, "a") for count in (2, 3, 4)]
    returned = [lambda *_, value=value, **__: value for value in values]
    return [*values, *several, [Untouchable()] * 3, *returned, lambda *_: 1 / 0, lambda: 3]


@pytest.mark.filterwarnings("ignore")  # torch's, of tensors that are not yet all they will be
@pytest.mark.parametrize("exercise", exercises.exercise_numbers())
def test_no_answer_however_odd_makes_a_check_raise_or_is_right(exercise, capsys) -> None:
    for answer in odd_answers():
        right, message = exercises.judge(exercise, answer)
        assert not right, message
        assert message.startswith(("Not yet. ", "Hint: "))
        assert len(message) > 20


def test_a_number_larger_than_any_float_is_told_so() -> None:
    _, message = exercises.judge("4.1", (10**400, 10**400))
    assert message.endswith("is larger here than any float can be.")


def test_an_answer_that_cannot_be_looked_at_is_told_so_with_the_hint(capsys) -> None:
    exercises.check("1.1", Wordless("x"))
    said = capsys.readouterr().out
    assert said.startswith("Not yet. Your answer is of the type Wordless, and to look at it raises")
    assert said.splitlines()[-1] == exercises.judge("1.1", ...).message


def test_a_training_that_diverged_can_still_be_drawn() -> None:
    losses = [[2.0, 3.0, 1e9], [math.inf, math.nan, math.nan]]
    left, _ = plots.plot_history(History(losses, [0.1, 0.1])).axes
    assert left.get_ylim() == (0, 1)
    drawn = left.lines[0].get_ydata()
    assert list(drawn[:3]) == losses[0]
    left, _ = plots.plot_history(History([[0.25, 0.5, math.inf]], [0.1])).axes
    assert left.get_ylim() == (0, 0.5), "of the losses that can be drawn"
    [ax] = plots.plot_losses({"diverged": [*losses[0], *losses[1]]}).axes
    assert np.isfinite(ax.get_ylim()).all()
