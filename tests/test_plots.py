import inspect
import io
import math

import matplotlib
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from mnist_helpers import plots
from mnist_helpers.plots import BLUE, ORANGE
from mnist_helpers.shapes import ReceptiveField
from mnist_helpers.training import History
import numpy as np
import pytest
import torch


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


def shown(ax):
    [image] = ax.images
    return np.asarray(image.get_array())


def test_every_function_for_a_figure_is_tested_here() -> None:
    functions = [
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__ == plots.__name__ and not name.startswith("_")
    ]
    assert sorted(functions) == sorted(CALLS)


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
    ],
    ids=["plot_images", "plot_pixels", "plot_receptive_fields"],
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
    written = {text.get_position(): (text.get_text(), text.get_color()) for text in part.texts}
    assert len(part.texts) == 12
    for row in range(3):
        for column in range(4):
            value = crop[row, column].item()
            # Black on bright pixels and white on dark ones, or the number could not be read.
            expected = (f"{value:.2f}", "black" if value > 0.5 else "white")
            assert written[column, row] == expected
    assert {colour for _, colour in written.values()} == {"black", "white"}
    assert np.array_equal(shown(part), crop)


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


def test_predictions_stand_beside_their_probabilities() -> None:
    images = torch.stack([picture(number) for number in range(4)])
    probabilities = torch.softmax(torch.arange(40.0).reshape(4, 10).sin(), dim=1)
    labels = probabilities.argmax(dim=1)
    figure = plots.plot_predictions(images, labels, probabilities)
    assert len(figure.axes) == 12, "two rows of three digits, each with its bars"
    for number in range(4):
        left, right = figure.axes[2 * number : 2 * number + 2]
        assert np.array_equal(shown(left), images[number, 0])
        assert [bar.get_width() for bar in right.patches] == pytest.approx(
            probabilities[number].tolist()
        )
        assert right.get_xlim() == (0, 1)
        # Digit 0 stands above digit 9.
        assert right.get_ylim()[0] > right.get_ylim()[1]
    assert [bool(ax.images or ax.patches) for ax in figure.axes[8:]] == [False] * 4


def test_a_wrong_answer_is_named_and_coloured_otherwise_than_the_right_digit() -> None:
    images = torch.stack([picture(0), picture(1)])
    figure = plots.plot_predictions(images, torch.tensor([3, 8]), PROBABILITIES[:2])
    assert titles([figure.axes[0], figure.axes[2]]) == ["3", "8, read as 3"]
    right_answer, wrong_answer = figure.axes[1].patches, figure.axes[3].patches

    def colours(bars):
        return {number: to_hex(bar.get_facecolor()).upper() for number, bar in enumerate(bars)}

    others = {"#999999"}
    assert colours(right_answer).pop(3) == BLUE
    assert {colour for digit, colour in colours(right_answer).items() if digit != 3} == others
    assert colours(wrong_answer)[8] == BLUE
    assert colours(wrong_answer)[3] == ORANGE
    assert {
        colour for digit, colour in colours(wrong_answer).items() if digit not in (3, 8)
    } == others
    # Told apart without seeing colour.
    assert [number for number, bar in enumerate(wrong_answer) if bar.get_hatch()] == [3]
    assert [bar for bar in right_answer if bar.get_hatch()] == []


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
