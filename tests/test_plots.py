import importlib
import inspect
import io
import itertools
import math
import pkgutil

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from matplotlib.text import Text
from mnist_helpers import plots
from mnist_helpers.explore import Patch, convolution_step, layer_views, seen_patch
from mnist_helpers.insights import ExcitingPatch, ReliabilityBin
from mnist_helpers.models import CNN
from mnist_helpers.plots import BLUE, GREEN, ORANGE
from mnist_helpers.shapes import ReceptiveField
from mnist_helpers.training import History
import numpy as np
import pytest
import torch
from torch import nn


def picture(seed=0, size=28):
    return torch.rand(1, size, size, generator=torch.Generator().manual_seed(seed))


DATASET = [(picture(number), number % 10) for number in range(12)]
HISTORY = History(
    losses=[[3.0, 1.0], [0.5, 0.25]],
    train_accuracy=[0.5, 0.75],
    validation_loss=[0.9, 0.4],
    validation_accuracy=[0.6, 0.8],
)
FIELDS = {
    "first": ReceptiveField("Conv2d", size=3, jump=1, start=-1),
    "pooled": ReceptiveField("MaxPool2d", size=4, jump=2, start=-1),
    "last": ReceptiveField("ReLU", size=34, jump=4, start=-15),
}
# As a network holds them: with a gradient to come.
IMAGE = picture().requires_grad_()
WEIGHT = torch.linspace(-1, 3, 10 * 2 * 9).reshape(10, 2, 3, 3).requires_grad_()
PROBABILITIES = torch.tensor([[0.05] * 3 + [0.55] + [0.05] * 6] * 4)
# The kernel's sums are negative at some places, and the largest of all is one of those.
KERNEL = torch.tensor([[0.5, -1.0, 0.0], [0.25, -3.0, 1.0], [0.0, -0.125, 0.5]])


# As many mistakes of one kind as there are of another are not told apart: each number is there once.
CONFUSIONS = torch.arange(100).reshape(10, 10) + 900 * torch.eye(10, dtype=torch.int64)
CONFUSIONS[4, 5] = 0
PATCHES = [
    ExcitingPatch(number % 4, 0, 0, number / 8, Patch(-2, 20, 12, 12)) for number in range(11)
]
BINS = [
    ReliabilityBin(0.0, 0.25, 0, math.nan, math.nan),
    ReliabilityBin(0.25, 0.5, 4, 0.375, 0.75),
    ReliabilityBin(0.5, 0.75, 0, math.nan, math.nan),
    ReliabilityBin(0.75, 1.0, 1_996, 0.96875, 0.9375),
]
COSTS = {"small": (1e5, 98.0), "middle": (3e6, 99.0), "large": (2e7, 99.25)}
CURVES = {
    "few digits": ([2.0, 0.5, 0.1], [1.5, 0.75, 0.875]),
    "many": ([3.0, 0.5, 0.25, 0.2], [2.5, 0.5, 0.375, 0.25]),
}


def step_at(place, **others):
    return convolution_step(picture(size=9)[0, :8], KERNEL, place, **others)


CALLS = {
    "plot_sample_grid": lambda: plots.plot_sample_grid(DATASET, range(9)),
    "plot_images": lambda: plots.plot_images([IMAGE, IMAGE[0]], ["one", "two"]),
    "plot_pixels": lambda: plots.plot_pixels(IMAGE, slice(3, 6), slice(10, 14)),
    "plot_class_counts": lambda: plots.plot_class_counts(torch.tensor([0, 1, 1, 9])),
    "plot_windows": lambda: plots.plot_windows(5, 3, stride=2, padding=1),
    "plot_kernels": lambda: plots.plot_kernels(WEIGHT),
    "plot_feature_maps": lambda: plots.plot_feature_maps(WEIGHT[:, 0]),
    "plot_receptive_fields": lambda: plots.plot_receptive_fields(IMAGE, FIELDS, (14, 14)),
    "plot_history": lambda: plots.plot_history(HISTORY),
    "plot_losses": lambda: plots.plot_losses({"one": [1.0, 0.5], "two": [2.0, 1.5]}),
    "plot_predictions": lambda: plots.plot_predictions(
        torch.stack([IMAGE] * 4),
        torch.tensor([3, 8, 3, 3]),
        PROBABILITIES.clone().requires_grad_(),
    ),
    "plot_convolution_step": lambda: plots.plot_convolution_step(step_at(5)),
    "plot_layer": lambda: plots.plot_layer(IMAGE, WEIGHT[0], Patch(-3, 2, 7, 7), (0, 1)),
    "plot_live_losses": lambda: plots.plot_live_losses([(10, 1.5), (20, 0.5)], 100),
    "plot_beliefs": lambda: plots.plot_beliefs(
        torch.stack([IMAGE] * 4), torch.tensor([3, 8, 3, 3]), PROBABILITIES.repeat(5, 1, 1)
    ),
    "plot_time_shares": lambda: plots.plot_time_shares({"load": 1.0, "forward": 3.0}),
    "plot_range_test": lambda: plots.plot_range_test([1e-5, 1e-3, 1e-1], [2.3, 0.5, 9.0], 1e-3),
    "plot_rates": lambda: plots.plot_rates({"one": [0.1, 0.3], "two": [0.2, 0.2]}),
    "plot_variations": lambda: plots.plot_variations(IMAGE, torch.stack([IMAGE] * 3)),
    "plot_spread": lambda: plots.plot_spread({"one": [97.0, 98.0], "two": [99.0]}),
    "plot_confusion": lambda: plots.plot_confusion(CONFUSIONS),
    "plot_gallery": lambda: plots.plot_gallery(torch.stack([IMAGE] * 8), [*"abcdefgh"]),
    "plot_patches": lambda: plots.plot_patches(torch.stack([IMAGE] * 4), PATCHES),
    "plot_occlusion": lambda: plots.plot_occlusion(IMAGE, IMAGE[0] ** 2),
    "plot_projection": lambda: plots.plot_projection(
        WEIGHT.reshape(-1, 2), torch.arange(90) // 9 % 10
    ),
    "plot_reliability": lambda: plots.plot_reliability(BINS),
    "plot_probabilities": lambda: plots.plot_probabilities(
        torch.stack([IMAGE] * 4), PROBABILITIES.clone().requires_grad_(), [*"abcd"]
    ),
    "plot_costs": lambda: plots.plot_costs(COSTS),
    "plot_shifts": lambda: plots.plot_shifts([0, 2], {"one": [98.0, 50.0], "two": [99.0, 60.0]}),
    "plot_before_after": lambda: plots.plot_before_after(
        {"one": 98.0}, {"one": 99.0}, ("before", "after")
    ),
    "plot_overfitting": lambda: plots.plot_overfitting(CURVES),
    "plot_shifted_digit": lambda: plots.plot_shifted_digit(
        IMAGE, {"one": PROBABILITIES[0].clone().requires_grad_(), "two": PROBABILITIES[1]}
    ),
}


@pytest.fixture(autouse=True)
def no_figure_from_another_test():
    plt.close("all")


def titles(axes):
    """The title of each, wherever above the picture it stands."""
    return ["".join(ax.get_title(loc=side) for side in ("left", "center", "right")) for ax in axes]


def frames(ax):
    """Unfilled rectangles as (left, top, width, height), in pixels."""
    found = [p for p in ax.patches if isinstance(p, Rectangle) and not p.get_fill()]
    return [(*p.get_xy(), p.get_width(), p.get_height()) for p in found]


def written(ax):
    """What is written at each (row, column), and in which colour."""
    return {
        text.get_position()[::-1]: (text.get_text(), text.get_color())
        for text in ax.texts
        if text.get_text()
    }


def from_blue_over_white_to_red(image):
    low, middle, high = image.get_cmap()([0.0, 0.5, 1.0])
    return low[2] > low[0] and min(middle[:3]) > 0.95 and high[0] > high[2]


def shown(ax):
    [image] = ax.images
    return np.asarray(image.get_array())


def test_every_function_for_a_figure_is_tested_here() -> None:
    parts = [
        importlib.import_module(f"{plots.__name__}.{part.name}")
        for part in pkgutil.iter_modules(plots.__path__)
    ]
    assert parts
    functions = {
        name
        for module in (plots, *parts)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("plot_")
    }
    assert functions == set(CALLS)
    # What stands in a part only could not be called as plots.plot_...
    assert functions <= set(plots.__all__) <= set(dir(plots))


@pytest.fixture(scope="module", params=CALLS)
def drawn(request):
    """A call's figure, and what there was before and after it to be changed."""

    def state():
        return {
            "settings": matplotlib.rcParams.copy(),
            "held by pyplot": plt.get_fignums(),
            "random numbers": torch.get_rng_state().tolist(),
        }

    with matplotlib.rc_context({"font.size": 7.25, "image.cmap": "viridis"}):
        before = state()
        figure = CALLS[request.param]()
        return figure, before, state()


def test_a_figure_is_returned_that_can_be_saved(drawn) -> None:
    figure = drawn[0]
    assert isinstance(figure, Figure)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=20)
    assert file.getvalue().startswith(b"\x89PNG")


# A figure between two cells of a lesson must not change what the later one gives or shows.
@pytest.mark.parametrize("what", ["settings", "held by pyplot", "random numbers"])
def test_drawing_changes_nothing_outside_the_figure(drawn, what) -> None:
    _, before, after = drawn
    assert after[what] == before[what]


def test_the_grid_shows_nine_digits_in_grey_under_their_labels() -> None:
    indices = [11, 0, 3, 5, 7, 2, 9, 10, 1]
    figure = plots.plot_sample_grid(DATASET, indices)
    assert titles(figure.axes) == ["1", "0", "3", "5", "7", "2", "9", "0", "1"]
    for ax, index in zip(figure.axes, indices, strict=True):
        assert np.array_equal(shown(ax), DATASET[index][0][0])
        assert ax.images[0].get_cmap().name == "gray"


@pytest.mark.parametrize("count", [8, 10])
def test_a_grid_of_other_than_nine_digits_is_refused(count) -> None:
    with pytest.raises(ValueError, match="argument"):
        plots.plot_sample_grid(DATASET, range(count))


def test_images_stand_under_their_titles_each_on_its_own_grey_scale() -> None:
    images = [picture(0), 5 * picture(1)[0] - 2]
    figure = plots.plot_images(images, ["one", "two"])
    assert titles(figure.axes) == ["one", "two"]
    for ax, image in zip(figure.axes, images, strict=True):
        assert np.array_equal(shown(ax), image.reshape(28, 28))
        assert ax.images[0].get_cmap().name == "gray"
        assert ax.images[0].get_clim() == (image.min(), image.max())


def test_signed_images_share_one_scale_around_zero_with_a_bar() -> None:
    images = [picture(0), -3 * torch.ones(28, 28)]
    figure = plots.plot_images(images, ["one", "two"], signed=True)
    first, second, _bar = figure.axes
    for ax in (first, second):
        assert ax.images[0].get_clim() == (-3, 3)
        # Blue below, white in the middle, red above.
        low, middle, high = ax.images[0].get_cmap()([0.0, 0.5, 1.0])
        assert low[2] > low[0]
        assert min(middle[:3]) > 0.95
        assert high[0] > high[2]


def test_signed_images_of_nothing_but_zero_can_be_shown() -> None:
    figure = plots.plot_images([torch.zeros(4, 4)], ["zero"], signed=True)
    assert figure.axes[0].images[0].get_clim() == (-1, 1)


def test_as_many_titles_as_images_are_needed() -> None:
    with pytest.raises(ValueError, match="2 images and 1 titles"):
        plots.plot_images([picture(0), picture(1)], ["one"])


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 1, 28, 28), (28,)])
@pytest.mark.parametrize(
    "call",
    [
        lambda image: plots.plot_images([image], ["one"]),
        lambda image: plots.plot_pixels(image, slice(3), slice(3)),
        lambda image: plots.plot_receptive_fields(image, FIELDS, (2, 2)),
        lambda image: plots.plot_layer(image, torch.rand(2, 3, 3), Patch(0, 0, 3, 3), (0, 0)),
        lambda image: plots.plot_gallery(image[None], ["one"]),
        lambda image: plots.plot_occlusion(image, torch.rand(28, 28)),
        lambda image: plots.plot_shifted_digit(image, {"one": PROBABILITIES[0]}),
    ],
    ids=[
        *("plot_images", "plot_pixels", "plot_receptive_fields", "plot_layer"),
        *("plot_gallery", "plot_occlusion", "plot_shifted_digit"),
    ],
)
def test_what_is_not_one_image_is_refused_with_its_shape(call, shape) -> None:
    with pytest.raises(ValueError, match=r"^An image has shape \[H, W\]") as caught:
        call(torch.rand(shape))
    assert str(list(shape)) in str(caught.value)
    assert plt.get_fignums() == []


def test_each_pixel_of_the_crop_has_its_value_written_into_it() -> None:
    image = picture()
    crop = image[0, 3:6, 10:14]
    _, part = plots.plot_pixels(image, slice(3, 6), slice(10, 14)).axes
    values = written(part)
    assert len(part.texts) == len(values) == 12
    for row in range(3, 6):
        for column in range(10, 14):
            value = image[0, row, column].item()
            # Black on bright pixels and white on dark ones, or the number could not be read.
            expected = (f"{value:.2f}", "black" if value > 0.5 else "white")
            assert values[row, column] == expected
    assert {colour for _, colour in values.values()} == {"black", "white"}
    assert np.array_equal(shown(part), crop)
    # The crop's pixels lie where they lie in the whole.
    assert tuple(part.images[0].get_extent()) == (9.5, 13.5, 5.5, 2.5)


def test_a_pixel_is_framed_in_the_whole_and_in_the_crop_otherwise_than_the_crop() -> None:
    whole, part = plots.plot_pixels(picture(), slice(3, 6), slice(10, 14), pixel=(4, 11)).axes
    assert frames(whole) == [(9.5, 2.5, 4, 3), (10.5, 3.5, 1, 1)]
    assert frames(part) == [(10.5, 3.5, 1, 1)]
    colours = [to_hex(p.get_edgecolor()).upper() for p in (*whole.patches, *part.patches)]
    assert colours == [ORANGE, GREEN, GREEN]


def test_without_a_pixel_nothing_is_framed_in_the_crop() -> None:
    _, part = plots.plot_pixels(picture(), slice(3, 6), slice(10, 14)).axes
    assert frames(part) == []


@pytest.mark.parametrize(
    ("rows", "columns", "corner", "size", "title"),
    [
        (slice(3, 6), slice(10, 14), (10, 3), (4, 3), "rows 3 to 5, columns 10 to 13"),
        (slice(2), slice(-2, None), (26, 0), (2, 2), "rows 0 to 1, columns 26 to 27"),
        (slice(26, 40), slice(0, 1), (0, 26), (1, 2), "rows 26 to 27, columns 0 to 0"),
    ],
)
def test_the_crop_is_framed_in_the_whole_and_named(rows, columns, corner, size, title) -> None:
    whole, part = plots.plot_pixels(picture()[0], rows, columns).axes
    # A pixel's middle is at its whole number, its edge half a pixel before.
    assert frames(whole) == [(corner[0] - 0.5, corner[1] - 0.5, *size)]
    assert titles([whole, part]) == ["all 28×28 pixels", title]
    assert shown(part).shape == (size[1], size[0])
    labels = [
        [label.get_text() for label in axis.get_ticklabels()] for axis in (part.xaxis, part.yaxis)
    ]
    assert labels == [
        [str(start + step) for step in range(length)]
        for start, length in zip(corner, size, strict=True)
    ]
    for ax in (whole, part):
        assert ax.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("rows", [slice(5, 5), slice(0, 10, 2)])
def test_a_crop_that_is_empty_or_leaves_pixels_out_is_refused(rows) -> None:
    with pytest.raises(ValueError, match="holds no pixel, or leaves some out"):
        plots.plot_pixels(picture(), rows, slice(3))
    assert plt.get_fignums() == []


def test_the_class_counts_are_bars_with_numbers_and_a_line_at_a_tenth() -> None:
    counts = [1_500, 3, 0, 4, 5, 6, 7, 8, 9, 0]
    labels = torch.arange(10).repeat_interleave(torch.tensor(counts))
    [ax] = plots.plot_class_counts(labels).axes
    assert [bar.get_height() for bar in ax.patches] == counts
    assert [bar.get_x() + bar.get_width() / 2 for bar in ax.patches] == pytest.approx(range(10))
    assert [text.get_text() for text in ax.texts] == ["1,500", "3", "0", *"45678", "9", "0"]
    for digit, text in enumerate(ax.texts):
        x, y = text.get_position()
        assert x == digit
        # White is read on a tall bar, black above a low one.
        assert (y, text.get_color()) == ((750, "white") if digit == 0 else (counts[digit], "black"))
    [line] = ax.lines
    assert set(line.get_ydata()) == {sum(counts) / 10}
    assert line.get_linestyle() == "--"


def test_a_label_above_nine_is_refused() -> None:
    with pytest.raises(ValueError, match="The largest label is 10"):
        plots.plot_class_counts(torch.tensor([0, 10]))
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("input_size", "kernel", "stride", "padding", "output"),
    [(6, 3, 1, 0, 4), (5, 3, 2, 1, 3), (4, 4, 1, 0, 1), (7, 2, 3, 0, 2)],
)
def test_the_windows_show_every_stop_of_the_kernel_and_the_output_it_fills(
    input_size, kernel, stride, padding, output
) -> None:
    figure = plots.plot_windows(input_size, kernel, stride, padding)
    left, right = figure.axes
    left_title, right_title = titles([left, right])
    words = f"{left_title}\n{figure.get_suptitle()}"
    assert f"input {input_size}×{input_size}, kernel {kernel}×{kernel}" in words
    assert f"stride {stride}, padding {padding}" in words
    assert right_title == f"output {output}×{output}"

    cells = [p for p in left.patches if p.get_fill()]
    hatched = [p for p in cells if p.get_hatch()]
    padded = input_size + 2 * padding
    assert {p.get_xy() for p in cells} == {(x, y) for x in range(padded) for y in range(padded)}
    inner = range(padding, padding + input_size)
    assert {p.get_xy() for p in cells} - {p.get_xy() for p in hatched} == {
        (x, y) for x in inner for y in inner
    }

    stops = [stop * stride for stop in range(min(2, output))]
    assert frames(left) == [(stop, 0, kernel, kernel) for stop in stops]
    styles = [p.get_linestyle() for p in left.patches if not p.get_fill()]
    assert styles == ["-", "--"][: len(stops)]

    [dots] = left.collections
    middles = [stop * stride + kernel / 2 for stop in range(output)]
    assert {tuple(point) for point in dots.get_offsets().tolist()} == {
        (x, y) for x in middles for y in middles
    }

    drawn = [
        p for p in right.patches if to_hex(p.get_facecolor()) in (BLUE.lower(), ORANGE.lower())
    ]
    assert [(p.get_xy(), to_hex(p.get_facecolor()).upper()) for p in drawn] == [
        ((0, 0), ORANGE),
        ((1, 0), BLUE),
    ][: len(stops)]
    assert len(right.patches) - len(drawn) == output**2


def test_windows_of_a_kernel_that_does_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        plots.plot_windows(4, 5)
    assert plt.get_fignums() == []


def stack_of(figure):
    """The axes with a picture, and the rest, the colour bar's among them."""
    pictures = [ax for ax in figure.axes if ax.images]
    return pictures, [ax for ax in figure.axes if not ax.images]


def test_kernels_show_the_first_input_channel_on_one_scale_around_zero() -> None:
    weight = torch.linspace(-1, 3, 10 * 2 * 9).reshape(10, 2, 3, 3)
    pictures, others = stack_of(plots.plot_kernels(weight))
    assert titles(pictures) == ["kernel 0", *map(str, range(1, 10))]
    for number, ax in enumerate(pictures):
        assert np.array_equal(shown(ax), weight[number, 0])
        limit = weight[:, 0].max().item()
        assert ax.images[0].get_clim() == (-limit, limit)
        low, high = ax.images[0].get_cmap()([0.0, 1.0])
        assert low[2] > low[0]
        assert high[0] > high[2]
    assert len(others) == 6 + 1, "two rows of eight, and the bar"


def test_feature_maps_show_every_channel_on_one_grey_scale() -> None:
    maps = torch.linspace(-2, 5, 3 * 49).reshape(3, 7, 7)
    pictures, others = stack_of(plots.plot_feature_maps(maps))
    assert titles(pictures) == ["channel 0", "1", "2"]
    for number, ax in enumerate(pictures):
        assert np.array_equal(shown(ax), maps[number])
        assert ax.images[0].get_clim() == (-2, 5)
        assert ax.images[0].get_cmap().name == "gray"
    assert len(others) == 1


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (plots.plot_kernels, (3, 3, 3)),
        (plots.plot_kernels, (3, 3)),
        (plots.plot_feature_maps, (1, 4, 7, 7)),
        (plots.plot_feature_maps, (7, 7)),
    ],
)
def test_a_stack_of_the_wrong_rank_is_refused_with_its_shape(function, shape) -> None:
    with pytest.raises(ValueError, match="is needed") as caught:
        function(torch.rand(shape))
    assert str(list(shape)) in str(caught.value)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("unit", [(14, 14), (0, 27), (5, 20), (13, 3)])
def test_a_receptive_field_is_framed_where_a_unit_next_to_the_pixel_sees(unit) -> None:
    figure = plots.plot_receptive_fields(picture(), FIELDS, unit)
    assert titles(figure.axes) == ["first\n3×3", "pooled\n4×4", "last\n34×34"]
    for ax, field in zip(figure.axes, FIELDS.values(), strict=True):
        assert np.array_equal(shown(ax), picture()[0])
        [(left, top, width, height)] = frames(ax)
        assert (width, height) == (field.size, field.size)
        for corner, centre in ((top, unit[0]), (left, unit[1])):
            first = corner + 0.5
            assert (first - field.start) % field.jump == 0, "no unit begins there"
            assert abs(first + (field.size - 1) / 2 - centre) <= field.jump / 2


def curves(ax):
    return {line.get_label(): line for line in ax.lines}


def test_a_history_shows_each_batchs_loss_the_mean_of_a_hundred_and_the_accuracies() -> None:
    torch.manual_seed(0)
    losses = torch.rand(250).tolist()
    history = History([losses[:125], losses[125:]], [0.5, 0.75], [0.9, 0.4], [0.6, 0.8])
    left, right = plots.plot_history(history).axes
    pale, strong = left.lines[:2]
    assert pale.get_ydata() == pytest.approx(losses)
    assert pale.get_alpha() < 0.5
    # The last batch of an epoch lies at the epoch's whole number.
    assert pale.get_xdata() == pytest.approx([(batch + 1) / 125 for batch in range(250)])
    means = [np.mean(losses[max(0, end - 100) : end]) for end in range(1, 251)]
    assert strong.get_ydata() == pytest.approx(means)
    assert strong.get_xdata() == pytest.approx(pale.get_xdata())
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy, %")
    assert list(curves(left)["validation"].get_ydata()) == [0.9, 0.4]
    assert list(curves(right)["training"].get_ydata()) == [50, 75]
    assert list(curves(right)["validation"].get_ydata()) == [60, 80]
    for line in (
        curves(left)["validation"],
        curves(right)["validation"],
        curves(right)["training"],
    ):
        assert list(line.get_xdata()) == [1, 2]
        assert line.get_marker() != "None"


@pytest.mark.parametrize("validation", [False, True])
def test_validation_curves_are_there_only_where_the_history_has_them(validation) -> None:
    history = HISTORY if validation else History(HISTORY.losses, HISTORY.train_accuracy)
    names = ["training", "validation"] if validation else ["training"]
    for ax in plots.plot_history(history).axes:
        assert [text.get_text() for text in ax.get_legend().get_texts()] == names
        assert ("validation" in curves(ax)) == validation


@pytest.mark.parametrize(("largest", "top"), [(0.8, 0.8), (70.0, 1.0)])
def test_the_scale_of_the_loss_is_not_stretched_by_a_spike(largest, top) -> None:
    left, _ = plots.plot_history(History([[largest, *[0.1] * 200]], [0.5])).axes
    assert left.get_ylim() == (0, top)


def test_the_loss_of_a_stuck_training_stays_in_the_frame() -> None:
    left, _ = plots.plot_history(History([[2.31, *[2.3] * 200]], [0.1])).axes
    assert left.get_ylim() == (0, 2.31)


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(ValueError, match="The history is empty"):
        plots.plot_history(History())
    assert plt.get_fignums() == []


def test_several_losses_are_smoothed_lines_of_different_kinds_beside_ln_10() -> None:
    losses = {f"run {number}": torch.rand(30).tolist() for number in range(4)}
    [ax] = plots.plot_losses(losses).axes
    for name, values in losses.items():
        means = [np.mean(values[max(0, end - 10) : end]) for end in range(1, 31)]
        assert curves(ax)[name].get_ydata() == pytest.approx(means)
    # Told apart without seeing colour.
    assert len({str(curves(ax)[name]._dash_pattern) for name in losses}) == 4
    assert list(curves(ax)["ln 10"].get_ydata()) == pytest.approx([math.log(10)] * 2)
    assert curves(ax)["ln 10"].get_linestyle() == ":"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*losses, "ln 10"]
    assert ax.get_ylim()[0] == 0


def renderer_of(figure):
    """Draw, so that everything has its place."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def predictions(figure):
    """For each picture: the picture, its title, and by the digit written beside it each bar as (length, look)."""
    [ax] = figure.axes
    renderer = renderer_of(figure)
    found = []
    for image in ax.images:
        left, right, _, top = image.get_extent()
        above = [
            text
            for text in ax.texts
            if text.get_position()[1] <= top and left <= text.get_position()[0] <= right
        ]
        # The nearest above, where there are pictures above this one.
        title = max(above, key=lambda text: text.get_position()[1])
        assert not title.get_window_extent(renderer).overlaps(image.get_window_extent(renderer))
        found.append((image, title.get_text(), {}))
    for bar in ax.patches:
        middle = bar.get_y() + bar.get_height() / 2
        beside = [
            entry
            for entry in found
            if entry[0].get_extent()[1] <= bar.get_x()
            and entry[0].get_extent()[3] < middle < entry[0].get_extent()[2]
        ]
        # The nearest to the left, and so for the digit that names the bar.
        _, _, bars = max(beside, key=lambda entry: entry[0].get_extent()[1])
        names = [
            text
            for text in ax.texts
            if text.get_position()[0] < bar.get_x()
            and text.get_position()[1] == pytest.approx(middle)
        ]
        name = max(names, key=lambda text: text.get_position()[0])
        bars.setdefault(int(name.get_text()), []).append(bar)
    for number, (image, title, bars) in enumerate(found):
        lengths = {}
        for digit, (whole, part) in bars.items():
            assert part.get_xy() == whole.get_xy()
            assert part.get_height() == whole.get_height()
            lengths[digit] = (part.get_width() / whole.get_width(), part)
        found[number] = (image, title, lengths)
    return found


@pytest.mark.parametrize("count", [1, 3, 7])
def test_predictions_stand_beside_their_probabilities(count) -> None:
    images = torch.stack([picture(number) for number in range(count)])
    probabilities = torch.softmax(torch.arange(10.0 * count).reshape(count, 10).sin(), dim=1)
    labels = probabilities.argmax(dim=1)
    found = predictions(plots.plot_predictions(images, labels, probabilities))
    assert len(found) == count
    for number, (image, title, bars) in enumerate(found):
        assert np.array_equal(image.get_array(), images[number, 0])
        assert image.get_clim() == (images[number].min(), images[number].max())
        assert image.get_cmap().name == "gray"
        assert title == str(labels[number].item())
        assert sorted(bars) == list(range(10))
        assert [bars[digit][0] for digit in range(10)] == pytest.approx(
            probabilities[number].tolist()
        )
        # Digit 0 stands above digit 9, and the bars do not touch.
        tops = [bars[digit][1].get_y() for digit in range(10)]
        heights = [bars[digit][1].get_height() for digit in range(10)]
        assert all(
            top + height < below
            for top, height, below in zip(tops, heights, tops[1:], strict=False)
        )


def test_digits_stand_upright_and_square_three_a_row() -> None:
    images = torch.stack([picture(number) for number in range(7)])
    [ax] = plots.plot_predictions(images, torch.full((7,), 3), PROBABILITIES[:1].repeat(7, 1)).axes
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "y grows downwards"
    assert ax.get_aspect() == 1
    corners = []
    for image in ax.images:
        left, right, bottom, top = image.get_extent()
        assert right - left == bottom - top > 0
        assert image.origin == "upper"
        corners.append((left, top))
    columns, rows = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert corners == [(x, y) for y in sorted(rows) for x in sorted(columns)][:7]
    assert (len(columns), len(rows)) == (3, 3)


@pytest.mark.parametrize("count", [1, 4])
def test_no_bar_and_no_number_of_the_predictions_covers_a_picture_or_is_cut_off(count) -> None:
    wide = torch.zeros(count, 10)
    wide[:, 9] = 1
    figure = plots.plot_predictions(
        torch.stack([IMAGE] * count), torch.zeros(count, dtype=torch.int64), wide
    )
    [ax] = figure.axes
    renderer = renderer_of(figure)
    pictures = [image.get_window_extent(renderer) for image in ax.images]
    others = [*ax.patches, *ax.texts]
    boxes = [other.get_window_extent(renderer) for other in others]
    assert len(others) == count * (20 + 11)
    for box in (*boxes, *pictures):
        assert box.x0 >= figure.bbox.x0
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= figure.bbox.y0
        assert box.y1 <= figure.bbox.y1
    assert not any(box.overlaps(picture) for box in boxes for picture in pictures)
    numbers = [text.get_window_extent(renderer) for text in ax.texts if text.get_ha() == "right"]
    bars = [patch.get_window_extent(renderer) for patch in ax.patches if patch.get_width()]
    assert len(numbers) == 10 * count
    assert not any(number.overlaps(bar) for number in numbers for bar in bars)


def test_a_wrong_answer_is_named_and_coloured_otherwise_than_the_right_digit() -> None:
    images = torch.stack([picture(0), picture(1)])
    figure = plots.plot_predictions(images, torch.tensor([3, 8]), PROBABILITIES[:2])
    (_, right_title, right_bars), (_, wrong_title, wrong_bars) = predictions(figure)
    assert [right_title, wrong_title] == ["3", "8, read as 3"]

    def colours(bars):
        return {digit: to_hex(bar.get_facecolor()).upper() for digit, (_, bar) in bars.items()}

    others = {"#999999"}
    assert colours(right_bars)[3] == BLUE
    assert {colour for digit, colour in colours(right_bars).items() if digit != 3} == others
    assert colours(wrong_bars)[8] == BLUE
    assert colours(wrong_bars)[3] == ORANGE
    assert {
        colour for digit, colour in colours(wrong_bars).items() if digit not in (3, 8)
    } == others
    # Told apart without seeing colour.
    assert [digit for digit, (_, bar) in wrong_bars.items() if bar.get_hatch()] == [3]
    assert [digit for digit, (_, bar) in right_bars.items() if bar.get_hatch()] == []


@pytest.mark.parametrize(("images", "labels", "rows"), [(3, 2, 2), (2, 3, 2), (2, 2, 3)])
def test_as_many_images_labels_and_probabilities_are_needed(images, labels, rows) -> None:
    message = f"{images} images, {labels} labels and {rows} rows"
    with pytest.raises(ValueError, match=message):
        plots.plot_predictions(
            torch.rand(images, 1, 28, 28),
            torch.zeros(labels, dtype=torch.int64),
            torch.full((rows, 10), 0.1),
        )
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "row",
    [[2.0] * 10, [-0.1, 0.3] + [0.1] * 8, [0.0] * 10],
    ids=["too large", "negative", "zero"],
)
def test_logits_are_not_taken_for_probabilities(row) -> None:
    with pytest.raises(ValueError, match="softmax"):
        plots.plot_predictions(torch.rand(1, 1, 28, 28), torch.tensor([0]), torch.tensor([row]))
    assert plt.get_fignums() == []


PLACES = [
    # place, stride, padding, and by hand: row and column of the output; top and left of the window
    (0, 1, 0, (0, 0), (0, 0)),
    (5, 1, 0, (0, 5), (0, 5)),
    (41, 1, 0, (5, 6), (5, 6)),
    (7, 2, 1, (1, 2), (2, 4)),
    (19, 2, 1, (3, 4), (6, 8)),
]


@pytest.mark.parametrize(("place", "stride", "padding", "pixel", "corner"), PLACES)
def test_the_window_is_framed_where_the_convolution_is(
    place, stride, padding, pixel, corner
) -> None:
    figure = plots.plot_convolution_step(step_at(place, stride=stride, padding=padding))
    image, window, _, output = figure.axes
    padded = np.pad(picture(size=9)[0, :8], padding)
    assert np.array_equal(shown(image), padded)
    top, left = corner
    assert frames(image) == [(left - 0.5, top - 0.5, 3, 3)]
    under = padded[top : top + 3, left : left + 3]
    assert np.array_equal(shown(window), under)
    assert frames(output) == [(pixel[1] - 0.5, pixel[0] - 0.5, 1, 1)]
    total = (under * KERNEL.numpy()).sum()
    words = [f"image, padding {padding}" if padding else "image", "under the window", "× kernel"]
    assert titles(figure.axes) == [*words, f"sum {total:.2f}, at [{pixel[0]}, {pixel[1]}]"]


@pytest.mark.parametrize(("place", "stride", "padding", "pixel", "corner"), PLACES)
def test_the_output_is_filled_up_to_the_place_and_not_beyond(
    place, stride, padding, pixel, corner
) -> None:
    step = step_at(place, stride=stride, padding=padding)
    output = plots.plot_convolution_step(step).axes[3]
    image = picture(size=9)[:, :8]
    whole = torch.conv2d(image[None], KERNEL[None, None], stride=stride, padding=padding)[0, 0]
    numbers = np.arange(whole.numel()).reshape(whole.shape)
    filled = np.ma.filled(np.ma.asarray(shown(output)), np.nan)
    assert np.array_equal(~np.isnan(filled), numbers <= place)
    assert filled[numbers <= place] == pytest.approx(whole.numpy()[numbers <= place], abs=1e-5)
    # One scale around zero for all places, or a pixel would change its colour when the window moves on.
    limit = whole.abs().max().item()
    assert output.images[0].get_clim() == pytest.approx((-limit, limit))
    assert whole.min().item() == pytest.approx(-limit)
    assert from_blue_over_white_to_red(output.images[0])


def test_the_numbers_written_are_those_under_the_window_and_those_of_the_kernel() -> None:
    padded = np.pad(picture(size=9)[0, :8], 1)
    _, window, kernel, _ = plots.plot_convolution_step(step_at(7, stride=2, padding=1)).axes
    brightness = (padded.min(), padded.max())
    # A pixel is as bright under the window as on the image.
    assert window.images[0].get_clim() == pytest.approx(brightness)
    values, weights = written(window), written(kernel)
    assert sorted(values) == sorted(weights) == [(r, c) for r in range(3) for c in range(3)]
    for (row, column), (text, colour) in values.items():
        value = padded[2 + row, 4 + column]
        assert text == f"{value:.2f}"
        assert colour == ("black" if value > sum(brightness) / 2 else "white")
    assert {colour for _, colour in values.values()} == {"black", "white"}
    # Weights are small beside what would darken their field.
    assert {place: float(text) for place, (text, _) in weights.items()} == {
        (r, c): KERNEL[r, c].item() for r in range(3) for c in range(3)
    }
    assert {colour for _, colour in weights.values()} == {"black"}
    field = kernel.images[0]
    assert field.get_cmap()(field.norm(shown(kernel)))[..., :3].min() > 0.9


def test_a_convolution_of_nothing_but_zero_can_be_shown() -> None:
    step = convolution_step(torch.zeros(5, 5), KERNEL, 4)
    assert plots.plot_convolution_step(step).axes[3].images[0].get_clim() == (-1, 1)


def places_of(maps, sheet):
    """Top and left of each map on the sheet, found by its values."""
    corners = []
    for feature_map in maps:
        [(top, left)] = np.argwhere(sheet == feature_map[0, 0]).tolist()
        height, width = feature_map.shape
        assert np.array_equal(sheet[top : top + height, left : left + width], feature_map)
        corners.append((top, left))
    return corners


@pytest.mark.parametrize(
    ("count", "height", "width", "columns"),
    [(1, 5, 4, 1), (2, 3, 3, 2), (3, 4, 6, 2), (16, 28, 28, 4), (7, 1, 1, 3), (5, 14, 14, 3)],
)
def test_each_feature_map_lies_in_the_sheet_with_the_unit_framed_in_it(
    count, height, width, columns
) -> None:
    maps = torch.randn(
        count, height, width, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    unit = (height - 1, width // 2)
    left, right = plots.plot_layer(IMAGE, maps, Patch(1, 2, 3, 3), unit).axes
    values = maps.detach().numpy()
    sheet = np.ma.filled(np.ma.asarray(shown(right)), np.nan)
    corners = places_of(values, sheet)
    assert np.count_nonzero(~np.isnan(sheet)) == values.size, "nothing else, and nothing covered"
    # In reading order, in a sheet about as many maps wide as high, with a gap between any two.
    tops, lefts = (sorted({corner[axis] for corner in corners}) for axis in (0, 1))
    assert corners == [(top, left) for top in tops for left in lefts][:count]
    assert len(lefts) == columns
    assert all(
        after - before > size
        for starts, size in ((tops, height), (lefts, width))
        for before, after in itertools.pairwise(starts)
    )
    assert frames(right) == [
        (left + unit[1] - 0.5, top + unit[0] - 0.5, 1, 1) for top, left in corners
    ]
    # One grey scale for all, and no value cut off.
    assert right.images[0].get_clim() == pytest.approx((values.min(), values.max()))
    assert right.images[0].get_cmap().name == "gray"
    assert titles([left, right]) == [
        "what the framed unit sees",
        f"{count} feature maps, {height}×{width}",
    ]


def within_view(ax, frame):
    left, top, width, height = frame
    x, y = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    return x[0] <= left and left + width <= x[1] and y[0] <= top and top + height <= y[1]


@pytest.mark.parametrize("number", range(15))
def test_the_patch_is_framed_on_the_digit_and_in_view_though_it_reaches_over_the_edge(
    number,
) -> None:
    view = layer_views(CNN(), IMAGE.detach())[number]
    last = [size - 1 for size in view.output.shape[1:]]
    units = [None] if view.field is None else [(0, 0), (0, last[1]), tuple(last)]
    for unit in units:
        patch = seen_patch(view, IMAGE, unit or (0, 0))
        left, _ = plots.plot_layer(IMAGE, view.output[:10], patch, unit).axes
        assert np.array_equal(shown(left), IMAGE[0].detach())
        frame = (patch.left - 0.5, patch.top - 0.5, patch.width, patch.height)
        assert frames(left) == [frame]
        assert within_view(left, frame)
        assert within_view(left, (-0.5, -0.5, 28, 28)), "the digit itself"
        assert left.get_ylim()[0] > left.get_ylim()[1], "upright"


def test_the_patch_of_a_layer_that_sees_all_is_the_whole_digit_and_the_view_no_larger() -> None:
    left, _ = plots.plot_layer(IMAGE, torch.randn(10), Patch(0, 0, 28, 28)).axes
    assert frames(left) == [(-0.5, -0.5, 28, 28)]
    assert (left.get_xlim(), left.get_ylim()) == ((-0.5, 27.5), (27.5, -0.5))
    assert titles([left]) == ["what each unit sees"]


def test_ten_numbers_are_bars_one_for_each_digit() -> None:
    logits = torch.linspace(-2, 3, 10).requires_grad_()
    _, right = plots.plot_layer(IMAGE, logits, Patch(0, 0, 28, 28)).axes
    assert [bar.get_height() for bar in right.patches] == pytest.approx(logits.tolist())
    assert [bar.get_x() + bar.get_width() / 2 for bar in right.patches] == pytest.approx(range(10))
    assert list(right.get_xticks()) == list(range(10))
    assert titles([right]) == ["10 logits"]
    [zero] = right.lines
    assert set(zero.get_ydata()) == {0}
    assert not right.images


@pytest.mark.parametrize(("count", "columns"), [(64, 8), (120, 10), (90, 9), (1, 1)])
def test_other_numbers_are_pixels_in_reading_order(count, columns) -> None:
    numbers = torch.randn(count, generator=torch.Generator().manual_seed(0))
    _, right = plots.plot_layer(IMAGE, numbers, Patch(0, 0, 28, 28)).axes
    assert np.array_equal(shown(right), numbers.reshape(-1, columns))
    assert frames(right) == []
    assert titles([right]) == [f"{count} numbers, {columns} in each row"]


POINTS = [(100, 2.25), (200, 1.0), (230, 0.5)]


@pytest.mark.parametrize("points", [[], POINTS[:1], POINTS])
def test_live_losses_lie_on_an_axis_as_long_as_the_training_with_no_point_yet_too(points) -> None:
    [ax] = plots.plot_live_losses(points, 938).axes
    dotted, curve = ax.lines
    assert list(zip(curve.get_xdata(), curve.get_ydata(), strict=True)) == points
    assert ax.get_xlim() == (0, 938)
    # The same height at each drawing, or the curve would seem not to move.
    assert ax.get_ylim() == (0, 2.5)
    assert list(dotted.get_ydata()) == pytest.approx([math.log(10)] * 2)
    assert dotted.get_linestyle() == ":"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("batch", "loss")


@pytest.mark.parametrize(("count", "epochs"), [(1, 1), (4, 7)])
def test_the_beliefs_in_a_digit_are_a_field_of_classes_and_epochs_beside_it(count, epochs) -> None:
    images = torch.stack([picture(number) for number in range(count)])
    labels = torch.tensor([3, 8, 0, 9])[:count]
    logits = torch.randn(epochs, count, 10, generator=torch.Generator().manual_seed(0))
    probabilities = logits.softmax(dim=2)
    figure = plots.plot_beliefs(images, labels, probabilities)
    assert len(figure.axes) == 6 * math.ceil(count / 3)
    for number in range(count):
        left, right = figure.axes[2 * number : 2 * number + 2]
        label = labels[number].item()
        assert np.array_equal(shown(left), images[number, 0])
        assert titles([left]) == [str(label)]
        assert shown(right).shape == (10, epochs)
        for digit in range(10):
            for epoch in range(epochs):
                assert shown(right)[digit, epoch] == probabilities[epoch, number, digit]
        assert right.images[0].get_clim() == (0, 1)
        white, dark = right.images[0].get_cmap()([0.0, 1.0])
        assert min(white[:3]) > 0.95
        assert max(dark[:2]) < 0.25
        assert dark[2] > 0.4
        assert frames(right) == [(-0.5, label - 0.5, epochs, 1)]
        # Class 0 on top, and the ticks are read.
        assert right.get_ylim()[0] > right.get_ylim()[1]
        assert list(right.get_yticks()) == list(range(10))
        assert list(right.get_xticks()) == list(range(0, epochs, 2))
        assert right.get_xlabel() == "epoch"
        assert right.axison
        assert not left.axison
    for ax in figure.axes[2 * count :]:
        assert not any((ax.axison, ax.images, ax.patches))


@pytest.mark.parametrize(
    ("images", "labels", "shape"),
    [
        (2, 2, (2, 10)),
        (2, 2, (2, 5, 10)),
        (2, 3, (5, 2, 10)),
        (3, 2, (5, 2, 10)),
        (2, 2, (1, 5, 2, 10)),
        (2, 2, (5, 2)),
        (2, 2, (5, 2, 10, 1)),
    ],
)
def test_beliefs_that_are_not_of_each_epoch_and_digit_are_refused(images, labels, shape) -> None:
    message = f"{images} images, {labels} labels and probabilities"
    with pytest.raises(ValueError, match=message) as caught:
        plots.plot_beliefs(
            torch.rand(images, 1, 28, 28),
            torch.zeros(labels, dtype=torch.int64),
            torch.full(shape, 0.1),
        )
    assert f"{list(shape)} were given" in str(caught.value)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [2, 3, 7, 50])
def test_no_number_of_a_layer_is_left_out(count) -> None:
    numbers = torch.randn(count, generator=torch.Generator().manual_seed(0))
    _, right = plots.plot_layer(torch.rand(1, 28, 28), numbers, Patch(0, 0, 28, 28)).axes
    sheet = np.ma.filled(np.ma.asarray(right.images[0].get_array()), np.nan)
    assert sheet[~np.isnan(sheet)].tolist() == numbers.tolist()


@pytest.mark.parametrize("name", ["plot_predictions", "plot_beliefs"])
def test_an_image_of_three_channels_leaves_no_figure_behind(name) -> None:
    plt.close("all")
    shape = (1, 10) if name == "plot_predictions" else (2, 1, 10)
    with pytest.raises(ValueError, match="An image has shape"):
        getattr(plots, name)(torch.rand(1, 3, 28, 28), torch.tensor([0]), torch.full(shape, 0.1))
    assert plt.get_fignums() == []


def test_beliefs_in_other_than_ten_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="10"):
        plots.plot_beliefs(torch.rand(1, 1, 28, 28), torch.tensor([0]), torch.full((3, 1, 7), 0.1))


def test_what_still_has_a_gradient_to_come_can_be_drawn() -> None:
    weight = nn.Conv2d(1, 1, 3).weight[0, 0]
    assert isinstance(
        plots.plot_convolution_step(convolution_step(torch.rand(5, 5), weight, 0)), Figure
    )
    beliefs = torch.full((3, 1, 10), 0.1, requires_grad=True)
    assert isinstance(
        plots.plot_beliefs(torch.rand(1, 1, 28, 28), torch.tensor([0]), beliefs), Figure
    )


def test_each_part_of_a_job_has_a_bar_as_long_as_its_share() -> None:
    [ax] = plots.plot_time_shares({"load": 0.5, "forward": 1.5, "step": 0.0}).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["load", "forward", "step"]
    assert [bar.get_width() for bar in ax.patches] == [25, 75, 0]
    assert [text.get_text() for text in ax.texts] == ["25 %", "75 %", "0 %"]
    assert ax.yaxis_inverted(), "the first on top"


@pytest.mark.parametrize("seconds", [{}, {"load": 0.0}])
def test_shares_of_no_time_are_refused(seconds) -> None:
    with pytest.raises(ValueError, match="measure something first"):
        plots.plot_time_shares(seconds)


def test_a_range_test_shows_losses_over_a_logarithmic_rate_and_marks_the_chosen_one() -> None:
    rates, losses = [1e-5, 1e-4, 1e-3, 1e-2], [2.0, 2.0, 1.0, 50.0]
    [ax] = plots.plot_range_test(rates, losses, chosen=0.001).axes
    assert ax.get_xscale() == "log"
    raw, smooth, dotted, mark = ax.lines
    assert list(raw.get_xdata()) == list(smooth.get_xdata()) == rates
    assert list(raw.get_ydata()) == losses
    assert list(smooth.get_ydata()) == pytest.approx([2, 2, 1.85, 9.0725])
    assert list(dotted.get_ydata()) == pytest.approx([math.log(10)] * 2)
    assert list(mark.get_xdata()) == [0.001, 0.001]
    assert ax.get_legend().get_texts()[0].get_text() == "chosen: 0.001"
    assert ax.get_ylim() == (0, 4), "a loss that explodes does not flatten the rest"
    assert len(plots.plot_range_test(rates, losses).axes[0].lines) == 3


def test_a_range_test_of_nothing_is_an_empty_frame() -> None:
    [ax] = plots.plot_range_test([], []).axes
    assert all(len(line.get_xdata()) in (0, 2) for line in ax.lines)


def test_a_range_test_needs_a_loss_for_each_rate() -> None:
    with pytest.raises(ValueError, match="2 rates and 1 losses"):
        plots.plot_range_test([0.1, 0.2], [1.0])


def test_rates_are_told_apart_by_name_colour_and_line() -> None:
    rates = {"one": [0.1, 0.3, 0.2], "two": [0.2] * 3, "three": [0.3] * 3}
    [ax] = plots.plot_rates(rates).axes
    assert [list(line.get_ydata()) for line in ax.lines] == list(rates.values())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(rates)
    for look in ("get_color", "get_linestyle"):
        assert len({getattr(line, look)() for line in ax.lines}) == 3
    assert ax.get_ylim()[0] == 0


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (7, 1), (8, 2), (15, 2), (16, 3)])
def test_a_digit_is_shown_framed_and_then_its_variations_in_rows_of_eight(count, rows) -> None:
    changed = torch.stack([picture(number) for number in range(1, count + 1)])
    figure = plots.plot_variations(picture(0), changed)
    assert len(figure.axes) == 8 * rows
    pictures = [picture(0), *changed]
    for ax, expected in zip(figure.axes, pictures, strict=False):
        assert np.array_equal(shown(ax), expected[0])
        assert ax.images[0].get_clim() == (0, 1), "one scale for all"
    assert not any(ax.images for ax in figure.axes[count + 1 :])
    assert [ax.axison for ax in figure.axes] == [True] + [False] * (8 * rows - 1)
    assert all(spine.get_visible() for spine in figure.axes[0].spines.values())


def test_each_seed_of_a_setting_is_a_dot_and_the_mean_a_bar_with_its_spread() -> None:
    accuracies = {"one": [97.0, 98.0, 99.0], "two": [99.5]}
    [ax] = plots.plot_spread(accuracies).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [(list(line.get_xdata()), set(line.get_ydata())) for line in dots] == [
        ([97, 98, 99], {0}),
        ([99.5], {1}),
    ]
    bars = {
        bar.lines[0].get_xdata()[0]: bar.lines[2][0].get_segments()[0][:, 0].tolist()
        for bar in ax.containers
    }
    assert bars == {98: [97, 99], 99.5: [99.5, 99.5]}
    assert ax.yaxis_inverted(), "the first on top"
    assert not ax.texts


def test_networks_that_learned_nothing_are_counted_and_not_averaged() -> None:
    [ax] = plots.plot_spread(
        {"some": [11.35, 98.0, 97.0, 9.8], "all": [11.35], "none": [98.0]}
    ).axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [[98, 97], [], [98]]
    assert [(text.get_text(), text.xy[1]) for text in ax.texts] == [
        ("2 below 20 %", 0),
        ("1 below 20 %", 1),
    ]
    assert ax.get_xlim()[0] > 90


def words(texts):
    return [text.get_text() for text in texts]


def cut_off(figure):
    """What is written and not wholly on the paper."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    paper = figure.bbox
    found = []
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and text.axes is not None:
            box = text.get_window_extent()
            if not (paper.x0 <= box.x0 and box.x1 <= paper.x1 + 1 and box.y1 <= paper.y1 + 1):
                found.append(text.get_text())
    return found


@pytest.mark.parametrize(
    "name",
    [
        *("plot_confusion", "plot_gallery", "plot_patches", "plot_occlusion", "plot_projection"),
        *("plot_reliability", "plot_probabilities", "plot_costs", "plot_shifts"),
        *("plot_before_after", "plot_overfitting", "plot_shifted_digit"),
    ],
)
def test_nothing_written_is_cut_off_or_small(name) -> None:
    figure = CALLS[name]()
    assert cut_off(figure) == []
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 11


def test_every_count_is_written_in_the_row_of_its_label_and_coloured_unless_it_is_right() -> None:
    [ax] = plots.plot_confusion(CONFUSIONS).axes
    # At (row, column), which are label and prediction.
    values = written(ax)
    assert {place: text for place, (text, _) in values.items()} == {
        (label, prediction): f"{CONFUSIONS[label, prediction]:,}"
        for label in range(10)
        for prediction in range(10)
    }
    [image] = ax.images
    field = np.ma.filled(np.ma.asarray(image.get_array()), np.nan)
    assert np.isnan(field.diagonal()).all()
    off = ~np.eye(10, dtype=bool)
    assert np.array_equal(field[off], CONFUSIONS.numpy()[off])
    assert image.get_clim() == (0, 98), "the largest mistake, not the largest count"
    # The ground of the diagonal is grey.
    assert len(set(ax.get_facecolor()[:3])) == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("the network says", "label")
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == list(range(10))
    assert ax.yaxis_inverted(), "label 0 on top"


def contrast(one, other):
    """The contrast ratio of two colours as WCAG 2 defines it, from 1 to 21; large letters need 3."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    dark, bright = sorted([luminance(one), luminance(other)])
    return (bright + 0.05) / (dark + 0.05)


def test_counts_can_be_read_on_their_colour_and_the_right_ones_are_small() -> None:
    [ax] = plots.plot_confusion(CONFUSIONS).axes
    [image] = ax.images
    sizes = {text.get_position()[::-1]: text.get_fontsize() for text in ax.texts}
    for (label, prediction), (_, colour) in written(ax).items():
        if label == prediction:
            assert sizes[label, prediction] < sizes[0, 1]
        elif CONFUSIONS[label, prediction] > 0:
            ground = image.get_cmap()(image.norm(CONFUSIONS[label, prediction].item()))
            assert contrast(ground, to_rgb(colour)) > 4
        else:
            assert colour not in ("black", "white"), "nothing happened"


def test_a_network_without_mistakes_has_a_confusion_matrix_too() -> None:
    [ax] = plots.plot_confusion(7 * torch.eye(10, dtype=torch.int64)).axes
    assert ax.images[0].get_clim() == (0, 1)


@pytest.mark.parametrize("shape", [(10, 9), (100,)])
def test_a_confusion_matrix_is_square(shape) -> None:
    with pytest.raises(ValueError, match="A confusion matrix is") as caught:
        plots.plot_confusion(torch.zeros(shape))
    assert str(list(shape)) in str(caught.value)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 6, 1), (6, 6, 1), (7, 6, 2), (5, 2, 3)])
def test_a_gallery_holds_every_image_under_its_title_in_rows_on_one_scale(
    count, columns, rows
) -> None:
    images = torch.stack([picture(number) for number in range(count)])
    images[0] -= 1
    names = [f"digit {number}\nof {count}" for number in range(count)]
    figure = plots.plot_gallery(images, names, columns)
    assert len(figure.axes) == rows * columns
    assert titles(figure.axes) == names + [""] * (rows * columns - count)
    for ax, image in zip(figure.axes, images, strict=False):
        assert np.array_equal(shown(ax), image[0])
        assert ax.images[0].get_clim() == (images.min(), images.max())
        assert ax.images[0].get_cmap().name == "gray"
    assert not any(ax.axison for ax in figure.axes)
    assert cut_off(figure) == []


def test_a_gallery_has_six_columns_where_nothing_is_said() -> None:
    assert len(plots.plot_gallery(torch.rand(3, 1, 5, 5), [*"abc"]).axes) == 6


@pytest.mark.parametrize(
    ("count", "names", "columns", "message"),
    [
        (2, ["one"], 6, "2 images and 1 titles"),
        (0, [], 6, "0 images and 0 titles"),
        (1, ["one"], 0, "columns is 0"),
    ],
)
def test_a_gallery_of_other_things_is_refused(count, names, columns, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_gallery(torch.rand(count, 1, 5, 5), names, columns)
    assert plt.get_fignums() == []


CUTS = [
    # patch: top, left, height, width; rows and columns of the image that are in it, and where they lie in the crop
    (Patch(2, 3, 4, 5), (slice(2, 6), slice(3, 8)), (slice(4), slice(5))),
    (Patch(-2, 3, 4, 4), (slice(0, 2), slice(3, 7)), (slice(2, 4), slice(4))),
    (Patch(25, -1, 5, 3), (slice(25, 28), slice(0, 2)), (slice(3), slice(1, 3))),
    (Patch(-3, -4, 34, 35), (slice(28), slice(28)), (slice(3, 31), slice(4, 32))),
]


@pytest.mark.parametrize(("patch", "inside", "place"), CUTS)
def test_a_patch_is_cut_out_of_its_image_and_is_empty_where_there_is_none(
    patch, inside, place
) -> None:
    images = torch.stack([picture(number) for number in range(3)])
    figure = plots.plot_patches(images, [ExcitingPatch(2, 0, 0, 1.25, patch)])
    ax = figure.axes[0]
    found = np.ma.filled(np.ma.asarray(shown(ax)), np.nan)
    expected = np.full((patch.height, patch.width), np.nan, dtype=np.float32)
    expected[place] = images[2, 0][inside]
    assert np.array_equal(found, expected, equal_nan=True)
    assert ax.images[0].get_clim() == (0, 1), "one scale for all patches"
    # The ground shows where the crop is empty, and it is drawn.
    assert ax.axison
    assert 0.5 < ax.get_facecolor()[0] == ax.get_facecolor()[1] == ax.get_facecolor()[2] < 0.9
    assert titles([ax]) == ["1.25"]


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (9, 1), (10, 2), (27, 3)])
def test_patches_stand_in_rows_of_nine_under_their_activations(count, rows) -> None:
    images = torch.stack([picture(number) for number in range(4)])
    patches = [
        ExcitingPatch(number % 4, 0, 0, number / 4, Patch(1, 2, 3, 4)) for number in range(count)
    ]
    axes = plots.plot_patches(images, patches).axes
    assert len(axes) == 9 * rows
    assert titles(axes) == [f"{number / 4:.2f}" for number in range(count)] + [""] * (
        9 * rows - count
    )
    for number, ax in enumerate(axes[:count]):
        assert np.array_equal(shown(ax), images[number % 4, 0, 1:4, 2:6])
    assert not any(ax.axison or ax.images for ax in axes[count:])


def test_patches_of_images_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="A patch is of image 3, and 3 images were given"):
        plots.plot_patches(torch.rand(3, 1, 28, 28), PATCHES)
    with pytest.raises(ValueError, match="no patch to draw"):
        plots.plot_patches(torch.rand(3, 1, 28, 28), [])
    with pytest.raises(ValueError, match=r"\[N, 1, H, W\] is needed"):
        plots.plot_patches(torch.rand(1, 28, 28), PATCHES)
    assert plt.get_fignums() == []


def test_an_occlusion_map_stands_beside_the_digit_with_a_bar_and_under_its_outline() -> None:
    image, values = picture(0), picture(1)[0]
    figure = plots.plot_occlusion(image, values)
    left, middle, right, bar = figure.axes
    assert np.array_equal(shown(left), image[0])
    assert left.images[0].get_cmap().name == "gray"
    for ax in (middle, right):
        assert np.array_equal(shown(ax), values)
        assert ax.images[0].get_clim() == (0, 1), (
            "what is drawn for one digit compares with another"
        )
        assert ax.images[0].get_cmap().name == "viridis"
    assert bar.get_ylabel() == "probability of the label"
    assert titles([left, middle, right]) == [
        "the digit",
        "a black square around each pixel",
        "both",
    ]


def test_the_outline_goes_around_the_digit() -> None:
    image = torch.zeros(1, 28, 28)
    image[0, 5:11, 20:23] = 1
    _, _, right, _ = plots.plot_occlusion(image, picture()[0]).axes
    assert len(right.collections) == 2, "white on black: seen on every colour"
    for outline in right.collections:
        points = np.concatenate([path.vertices for path in outline.get_paths()])
        assert points.min(axis=0).tolist() == [19.5, 4.5]
        assert points.max(axis=0).tolist() == [22.5, 10.5]


@pytest.mark.filterwarnings("error")
def test_an_image_without_a_digit_has_no_outline() -> None:
    _, _, right, _ = plots.plot_occlusion(torch.zeros(1, 28, 28), picture()[0]).axes
    assert not right.collections


def test_an_occlusion_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[28, 28\], the probabilities are \[28, 27\]"):
        plots.plot_occlusion(picture(), torch.rand(28, 27))
    assert plt.get_fignums() == []


def test_dots_have_the_colour_of_their_digit_and_the_digit_stands_at_their_median() -> None:
    labels = torch.tensor([3, 8, 3, 0, 8, 3, 9, 3, 3])
    points = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    [ax] = plots.plot_projection(points, labels).axes
    [dots] = ax.collections
    assert np.array_equal(dots.get_offsets(), points)
    colours = [to_hex(colour) for colour in dots.get_facecolors()]
    places = {text.get_text(): text for text in ax.texts}
    assert sorted(places) == ["0", "3", "8", "9"]
    for digit in (0, 3, 8, 9):
        text = places[str(digit)]
        assert text.get_fontsize() >= 25
        own = {
            colour for colour, label in zip(colours, labels.tolist(), strict=True) if label == digit
        }
        assert own == {to_hex(text.get_color())}
    assert places["3"].get_position() == pytest.approx(np.median(points[labels == 3], axis=0))
    assert places["9"].get_position() == pytest.approx(points[6].tolist())


def test_the_axes_of_dots_say_how_much_lies_along_them_where_that_is_given() -> None:
    points, labels = torch.rand(10, 2), torch.arange(10)
    [ax] = plots.plot_projection(points, labels).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("first component", "second component")
    [ax] = plots.plot_projection(points, labels, torch.tensor([0.114, 0.087])).axes
    assert ax.get_xlabel() == "first component: 11% of the variance"
    assert ax.get_ylabel() == "second component: 9% of the variance"
    plt.close("all")
    with pytest.raises(ValueError, match=r"shares are \[3\]; give one for each axis"):
        plots.plot_projection(points, labels, torch.tensor([0.1, 0.1, 0.1]))
    assert plt.get_fignums() == []


def test_ten_digits_have_ten_colours_that_are_far_apart() -> None:
    [ax] = plots.plot_projection(torch.rand(10, 2), torch.arange(10)).axes
    colours = np.array([colour[:3] for colour in ax.collections[0].get_facecolors()])
    distances = [abs(a - b).max() for a, b in itertools.combinations(colours, 2)]
    assert min(distances) > 0.1


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ((9, 3), [0] * 9, r"\[9, 3\] and \[9\] were given"),
        ((9, 2), [0] * 8, r"\[9, 2\] and \[8\] were given"),
        ((2, 2), [0, 10], "The labels go from 0 to 10"),
        ((2, 2), [-1, 3], "The labels go from -1 to 3"),
    ],
)
def test_points_without_fitting_labels_are_refused(points, labels, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_projection(torch.rand(points), torch.tensor(labels))
    assert plt.get_fignums() == []


def test_accuracy_stands_over_confidence_beside_a_named_diagonal_and_counts_below() -> None:
    above, below = plots.plot_reliability(BINS).axes
    diagonal, curve = above.lines
    assert (list(diagonal.get_xdata()), list(diagonal.get_ydata())) == ([0, 1], [0, 1])
    assert diagonal.get_linestyle() == "--"
    # Empty bins have no dot.
    assert list(curve.get_xdata()) == [0.375, 0.96875]
    assert list(curve.get_ydata()) == [0.75, 0.9375]
    assert curve.get_marker() == "o"
    assert words(above.get_legend().get_texts()) == ["as sure as right", "this network"]
    assert (above.get_ylabel(), below.get_xlabel()) == ("accuracy", "confidence")
    # Of all digits, not of all bins: (4 · 0.375 + 1996 · 0.96875) / 2000, and the same with 0.75 and 0.9375.
    assert above.get_title() == "of all digits: mean confidence 96.8%, accuracy 93.7%"
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in below.patches] == [
        (part.low, 0.25, part.count) for part in BINS
    ]
    assert [(text.get_position()[0], text.get_text()) for text in below.texts] == [
        *((0.125, "0"), (0.375, "4"), (0.625, "0"), (0.875, "1,996")),
    ]
    # What is below each other belongs together.
    assert above.get_xlim() == below.get_xlim() == (0, 1)


@pytest.mark.parametrize("bins", [[], BINS[:1]])
def test_the_reliability_of_nothing_is_refused(bins) -> None:
    with pytest.raises(ValueError, match="hold no digit"):
        plots.plot_reliability(bins)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [1, 2, 5])
def test_probabilities_stand_beside_pictures_under_free_titles(count) -> None:
    images = torch.stack([picture(number) for number in range(count)])
    probabilities = torch.randn(count, 10, generator=torch.Generator().manual_seed(0)).softmax(1)
    names = [f"digit {number}, moved by ten pixels" for number in range(count)]
    figure = plots.plot_probabilities(images, probabilities, names)
    [ax] = figure.axes
    for number, image in enumerate(ax.images):
        assert np.array_equal(image.get_array(), images[number, 0])
    assert len(ax.images) == count
    bars = ax.findobj(Rectangle)
    for row in probabilities:
        blue = [b for b in bars if to_hex(b.get_facecolor()).upper() == BLUE]
        assert any(b.get_width() == pytest.approx(10 * row.max().item()) for b in blue)
        for value in row.tolist():
            assert any(b.get_width() == pytest.approx(10 * value) for b in bars)
    assert not [b for b in bars if to_hex(b.get_facecolor()).upper() == ORANGE]
    # Each begins above the left edge of its picture, and has room up to the next.
    places = {text.get_text(): text for text in ax.texts if text.get_text() in names}
    for name, image in zip(names, ax.images, strict=True):
        left, _, _, top = image.get_extent()
        assert places[name].get_position()[0] == left
        assert top - 1 < places[name].get_position()[1] <= top
    assert len(ax.texts) == 11 * count, "nothing else but the ten digits at the bars"
    assert cut_off(figure) == []


def test_as_many_titles_as_probabilities_are_needed() -> None:
    with pytest.raises(ValueError, match="3 images and 2 titles"):
        plots.plot_probabilities(torch.rand(3, 1, 28, 28), PROBABILITIES[:3], ["one", "two"])
    with pytest.raises(ValueError, match="2 images, 4 labels and 4 rows"):
        plots.plot_probabilities(torch.rand(2, 1, 28, 28), PROBABILITIES, ["one", "two"])
    with pytest.raises(ValueError, match="softmax"):
        plots.plot_probabilities(torch.rand(1, 1, 28, 28), torch.randn(1, 10), ["one"])
    assert plt.get_fignums() == []


def test_each_network_is_a_dot_with_its_name_over_a_logarithmic_cost() -> None:
    [ax] = plots.plot_costs(COSTS).axes
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    [dots] = ax.collections
    assert np.allclose(dots.get_offsets(), list(COSTS.values()))
    assert {text.get_text(): text.xy for text in ax.texts} == COSTS
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("multiply-adds for one digit", "accuracy, %")


def test_the_names_of_networks_that_are_much_alike_cover_no_dot_and_no_other_name() -> None:
    costs = {
        "MLP": (102_400, 97.9),
        "CNN": (4.0e6, 99.0),
        "BatchNormCNN": (4.1e6, 99.05),
        "CNN with dropout": (3.9e6, 99.02),
        "WideCNN": (25e6, 99.1),
    }
    figure = plots.plot_costs(costs)
    FigureCanvasAgg(figure).draw()
    [ax] = figure.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    dots = [ax.transData.transform(point) for point in costs.values()]
    assert not any(box.contains(*dot) for box in boxes for dot in dots)
    assert cut_off(figure) == []


def test_a_lone_network_has_its_cost_shown_too() -> None:
    [ax] = plots.plot_costs({"one": (1e6, 99.0)}).axes
    assert words(ax.texts) == ["one"]


@pytest.mark.parametrize(
    ("costs", "message"),
    [({}, "at least one network"), ({"one": (0, 99.0)}, r"more than 0, and are \[0\]")],
)
def test_networks_without_a_cost_are_refused(costs, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_costs(costs)
    assert plt.get_fignums() == []


def test_accuracies_over_shifts_are_told_apart_by_line_marker_and_colour_above_guessing() -> None:
    shifts = [0, 2, 6]
    accuracies = {name: [99.0 - n, 50.0 + n, 12.0] for n, name in enumerate("abcde")}
    [ax] = plots.plot_shifts(shifts, accuracies).axes
    *curves, guessing = ax.lines
    assert [list(line.get_xdata()) for line in curves] == [shifts] * 5
    assert [list(line.get_ydata()) for line in curves] == list(accuracies.values())
    assert words(ax.get_legend().get_texts()) == [*"abcde", "guessing"]
    for look in ("get_color", "get_marker"):
        assert len({getattr(line, look)() for line in curves}) == 5
    # Dashes that matplotlib calls by the same name may differ.
    assert len({str(line._unscaled_dash_pattern) for line in curves}) == 5
    assert "None" not in {line.get_marker() for line in curves}
    assert set(guessing.get_ydata()) == {10}
    assert guessing.get_linestyle() == ":"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("shift to the right, pixels", "accuracy, %")
    assert list(ax.get_xticks()) == shifts
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] >= 100


def test_each_shift_needs_an_accuracy() -> None:
    with pytest.raises(ValueError, match="two has 1 accuracies for 2 shifts"):
        plots.plot_shifts([0, 1], {"one": [1.0, 2.0], "two": [1.0]})
    assert plt.get_fignums() == []


def test_the_two_bars_of_a_network_stand_side_by_side_with_their_values() -> None:
    before = {"one": 98.04, "two": 50.0}
    after = {"two": 75.26, "one": 99.0}  # another order
    [ax] = plots.plot_before_after(before, after, ("as they are", "moved")).axes
    first, second = ax.containers
    assert [bar.get_height() for bar in first] == [98.04, 50]
    assert [bar.get_height() for bar in second] == [99, 75.26]
    assert words(ax.texts) == ["98.0", "50.0", "99.0", "75.3"]
    assert words(ax.get_xticklabels()) == ["one", "two"]
    assert words(ax.get_legend().get_texts()) == ["as they are", "moved"]
    for number, (left, right) in enumerate(zip(first, second, strict=True)):
        assert left.get_x() + left.get_width() < right.get_x(), "neither covers the other"
        middle = (left.get_x() + right.get_x() + right.get_width()) / 2
        assert middle == pytest.approx(number), "above the name"
        assert (left.get_hatch(), right.get_hatch()) == (None, "//")
        assert to_hex(left.get_facecolor()) != to_hex(right.get_facecolor())
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 100
    assert ax.get_ylabel() == "accuracy, %"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [({"one": 1.0}, {"two": 1.0}, "networks one, the other two"), ({}, {}, "at least one network")],
)
def test_bars_of_different_networks_are_refused(before, after, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_before_after(before, after, ("a", "b"))
    assert plt.get_fignums() == []


def test_losses_of_trainings_stand_side_by_side_with_the_lowest_validation_loss_marked() -> None:
    axes = plots.plot_overfitting(CURVES).axes
    assert titles(axes) == list(CURVES)
    marks = [(2, 0.75), (4, 0.25)]
    for ax, (training, validation), mark in zip(axes, CURVES.values(), marks, strict=True):
        first, second, dot = ax.lines
        epochs = list(range(1, len(training) + 1))
        assert (list(first.get_xdata()), list(first.get_ydata())) == (epochs, training)
        assert (list(second.get_xdata()), list(second.get_ydata())) == (epochs, validation)
        assert (*dot.get_xdata(), *dot.get_ydata()) == mark
        assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
        assert words(ax.get_legend().get_texts()) == [
            *("training", "validation", f"lowest: {mark[1]:.3f}, epoch {mark[0]}"),
        ]
        assert ax.get_xlabel() == "epoch"
    assert axes[0].get_ylabel() == "loss"
    # The same axis for all, with room for the highest loss of all.
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[0].get_ylim()[0] == 0
    assert axes[0].get_ylim()[1] >= 3


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "at least one training"),
        ({"one": ([1.0], [])}, "one has 1 training losses and 0 validation losses"),
        ({"one": ([], [])}, "one has 0 training losses"),
    ],
)
def test_trainings_without_losses_are_refused(curves, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_overfitting(curves)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [1, 3])
def test_a_shifted_digit_stands_beside_ten_bars_for_each_network(count) -> None:
    logits = torch.randn(count, 10, generator=torch.Generator().manual_seed(0))
    probabilities = {f"net {n}": row.softmax(0) for n, row in enumerate(logits)}
    figure = plots.plot_shifted_digit(picture(), probabilities)
    left, *others = figure.axes
    assert np.array_equal(shown(left), picture()[0])
    assert left.images[0].get_clim() == (0, 1)
    answers = [row.argmax().item() for row in logits]
    assert titles(others) == [f"net {n}: {answer}" for n, answer in enumerate(answers)]
    for ax, row, answer in zip(others, probabilities.values(), answers, strict=True):
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(row.tolist())
        middles = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
        assert middles == pytest.approx(range(10))
        colours = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
        assert [place for place, colour in enumerate(colours) if colour == BLUE] == [answer]
        # The same lengths mean the same at each position of the slider.
        assert ax.get_xlim() == (0, 1)
        assert ax.get_ylim()[0] > ax.get_ylim()[1], "0 on top"
        assert list(ax.get_yticks()) == list(range(10))
    # A layout engine would take most of the time.
    assert figure.get_layout_engine() is None
    assert cut_off(figure) == []


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ({}, "at least one network"),
        ({"one": torch.rand(1, 10)}, r"one has probabilities \[1, 10\], and \[10\] are needed"),
        ({"one": torch.rand(9)}, r"\[9\]"),
    ],
)
def test_a_shifted_digit_needs_ten_probabilities_of_each_network(probabilities, message) -> None:
    with pytest.raises(ValueError, match=message):
        plots.plot_shifted_digit(picture(), probabilities)
    assert plt.get_fignums() == []
