"""Every figure: nothing cut off, readable, told apart without colour, and the data where its labels say."""

from collections.abc import Callable
import io
import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from mnist_helpers import insights, plots, shapes
from mnist_helpers.training import History
import numpy as np
from PIL import Image
import pytest
import torch
from torch import nn


def seeded(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


IMAGES = seeded(5, 1, 28, 28)
LABELS = torch.tensor([3, 0, 9, 1, 7])
PROBABILITIES = (5 * seeded(5, 10)).softmax(dim=1)
DECAY = [2.3 * 0.99**step + 0.1 for step in range(300)]
HISTORY = History([DECAY[:150], DECAY[150:]], [0.81, 0.93], [0.5, 0.4], [0.85, 0.9])
STEP = shapes.convolution_step(IMAGES[0, 0], seeded(3, 3) - 0.5, place=40, stride=2, padding=1)
FIELDS = {
    "conv 1": shapes.receptive_field([nn.Conv2d(1, 1, 3)])[-1],
    "pool": shapes.receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)])[-1],
}
PATCHES = [SimpleNamespace(index=n, activation=n + 0.5, patch=(-3, 20, 10, 12)) for n in range(3)]
MATRIX = torch.arange(100).reshape(10, 10)
BINS = insights.reliability(PROBABILITIES, LABELS)
COSTS = {"MLP": (1e5, 96.0), "CNN": (6e6, 99.0)}
RUNS = {"baseline": [95.0, 96.0, 94.0], "SGD": [11.35, 93.0], "stuck": [9.8]}
SHARES = torch.tensor([0.25, 0.125])

# How each figure is drawn; a function without a row here fails a test.
FIGURES: dict[str, Callable] = {
    "sample_grid": lambda: plots.plot_sample_grid(
        list(zip(IMAGES, LABELS, strict=True)) * 2, range(9)
    ),
    "images": lambda: plots.plot_images(IMAGES[:3], ["a", "b", "c"]),
    "images signed": lambda: plots.plot_images([IMAGES[0] - 0.5], ["edges"], signed=True),
    "gallery": lambda: plots.plot_gallery(IMAGES, [f"{n} read as 9,\n98 %" for n in range(5)]),
    "kernels": lambda: plots.plot_kernels(seeded(16, 2, 3, 3) - 0.5),
    "feature_maps": lambda: plots.plot_feature_maps(seeded(12, 14, 14)),
    "variations": lambda: plots.plot_variations(IMAGES[0], seeded(15, 1, 28, 28)),
    "receptive_fields": lambda: plots.plot_receptive_fields(IMAGES[0], FIELDS, (14, 14)),
    "patches": lambda: plots.plot_patches(IMAGES, PATCHES),
    "pixels": lambda: plots.plot_pixels(IMAGES[0], slice(5, 11), slice(15, 25), (7, 20)),
    "windows": lambda: plots.plot_windows(6, 3, stride=2, padding=1),
    "convolution_step": lambda: plots.plot_convolution_step(STEP),
    "layer": lambda: plots.plot_layer(IMAGES[0], seeded(16, 14, 14), (4, 5, 3, 3), (2, 3)),
    "layer logits": lambda: plots.plot_layer(IMAGES[0], seeded(10) - 0.5, (0, 0, 28, 28)),
    "layer features": lambda: plots.plot_layer(IMAGES[0], seeded(50), (0, 0, 28, 28)),
    "occlusion": lambda: plots.plot_occlusion(IMAGES[0], seeded(28, 28)),
    "predictions": lambda: plots.plot_predictions(IMAGES, LABELS, PROBABILITIES),
    "probabilities": lambda: plots.plot_probabilities(IMAGES, PROBABILITIES, list("vwxyz")),
    "beliefs": lambda: plots.plot_beliefs(IMAGES, LABELS, PROBABILITIES.expand(4, 5, 10)),
    "shifted_digit": lambda: plots.plot_shifted_digit(
        IMAGES[0], {"MLP": PROBABILITIES[0], "CNN": PROBABILITIES[1]}
    ),
    "confusion": lambda: plots.plot_confusion(MATRIX),
    "reliability": lambda: plots.plot_reliability(BINS),
    "projection": lambda: plots.plot_projection(seeded(5, 2), LABELS, SHARES),
    "losses": lambda: plots.plot_losses({"seed 1": DECAY, "seed 2": DECAY[::-1]}),
    "rates": lambda: plots.plot_rates({"one cycle": DECAY, "constant": [1.0] * 300}),
    "shifts": lambda: plots.plot_shifts([0, 2, 4], {"MLP": [96, 50, 20], "CNN": [99, 98, 60]}),
    "live_losses": lambda: plots.plot_live_losses([(1, 2.3), (50, 0.7)], 100),
    "range_test": lambda: plots.plot_range_test([1e-4, 1e-3, 1e-2], [2.3, 1.5, 0.9], 5e-3),
    "history": lambda: plots.plot_history(HISTORY),
    "overfitting": lambda: plots.plot_overfitting({"as it is": ([2.0, 0.5, 0.1], [2.1, 0.8, 1.2])}),
    "class_counts": lambda: plots.plot_class_counts(torch.arange(105) % 10),
    "time_shares": lambda: plots.plot_time_shares({"load": 1.0, "forward": 3.0}),
    "before_after": lambda: plots.plot_before_after(
        {"MLP": 96.0, "CNN": 99.0}, {"MLP": 95.5, "CNN": 91.0}, ("in order", "permuted")
    ),
    "costs": lambda: plots.plot_costs(COSTS),
    "spread": lambda: plots.plot_spread(RUNS),
}

each_figure = pytest.mark.parametrize("name", FIGURES)


def drawn(name: str):
    figure = FIGURES[name]()
    figure.canvas.draw()
    return figure


def words(ax) -> str:
    return " ".join(one.get_text() for one in ax.findobj(Text))


def test_every_function_that_draws_has_a_row() -> None:
    functions = {name for name in dir(plots) if name.startswith("plot_")}
    assert {f"plot_{name.split()[0]}" for name in FIGURES} == functions


@each_figure
def test_nothing_is_cut_off_or_too_small_to_read(name) -> None:
    figure = drawn(name)
    width, height = figure.get_size_inches()
    around, stream = Bbox.from_extents(-1, -1, width + 1, height + 1), io.BytesIO()
    figure.savefig(stream, bbox_inches=around, dpi=40)
    greys = np.asarray(Image.open(stream).convert("L")).copy()
    greys[40:-40, 40:-40] = 255
    assert greys.min() > 200, "something is drawn beyond the paper"
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()}
    assert min(sizes, default=10) >= 10


@each_figure
def test_curves_of_one_axes_differ_in_more_than_colour(name) -> None:
    for ax in drawn(name).axes:
        looks = [
            (str(line._dash_pattern), line.get_marker(), line.get_linewidth(), line.get_alpha())
            for line in ax.lines
            if len(line.get_xdata()) > 1 and not line.get_label().startswith("_")
        ]
        assert len(set(looks)) == len(looks)


@each_figure
def test_a_figure_leaves_no_trace(name) -> None:
    before, inputs = dict(plt.rcParams), [IMAGES.clone(), PROBABILITIES.clone(), MATRIX.clone()]
    drawn(name)
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == [], "pyplot would show it a second time"
    assert all(map(torch.equal, inputs, [IMAGES, PROBABILITIES, MATRIX]))


# What each axes has to say: in its title, its labels, its ticks or its texts, in the order of the axes.
SAYS = {
    "sample_grid": ["3", "0", "9", "1", "7", "3", "0", "9", "1"],
    "images": ["a", "b", "c"],
    "gallery": [f"{n} read as 9" for n in range(5)],
    "kernels": ["kernel 0", "1", "2"],
    "feature_maps": ["channel 0", "1"],
    "receptive_fields": ["conv 1\n3×3", "pool\n4×4"],
    "patches": ["0.50", "1.50", "2.50"],
    "pixels": ["all 28×28 pixels", "rows 5 to 10, columns 15 to 24"],
    "windows": ["input 6×6, kernel 3×3\nstride 2, padding 1", "output 3×3"],
    "convolution_step": ["image, padding 1", "under the window", "× kernel", f"{STEP.total:z.2f}"],
    "layer": ["what the framed unit sees", "16 feature maps, 14×14"],
    "layer logits": ["what each unit sees", "10 logits"],
    "layer features": ["what each unit sees", "50 numbers, 7 in each row"],
    "occlusion": ["the digit", "a black square around each pixel", "both"],
    "shifted_digit": ["", f"MLP: {PROBABILITIES[0].argmax()}", f"CNN: {PROBABILITIES[1].argmax()}"],
    "reliability": ["of all digits: mean confidence"],
    "overfitting": ["lowest: 0.800, epoch 2"],
    "spread": ["baseline"],
}


@pytest.mark.parametrize("name", SAYS)
def test_axes_say_what_they_show_in_their_order(name) -> None:
    figure = drawn(name)
    for ax, said in zip(figure.axes, SAYS[name], strict=False):
        assert said in words(ax)
    assert len(figure.axes) >= len(SAYS[name])


LABELLED = {
    "losses": [("batch", "loss (mean of 10 batches)")],
    "rates": [("step", "learning rate")],
    "shifts": [("shift to the right, pixels", "accuracy, %")],
    "live_losses": [("batch", "loss")],
    "range_test": [("learning rate", "loss")],
    "history": [("epoch", "loss"), ("epoch", "accuracy, %")],
    "overfitting": [("epoch", "loss")],
    "class_counts": [("digit", "how many")],
    "time_shares": [("share of the time, %", "")],
    "before_after": [("", "accuracy, %")],
    "costs": [("multiply-adds for one digit", "accuracy, %")],
    "spread": [("accuracy, %", "")],
    "confusion": [("the network says", "label")],
    "reliability": [("", "accuracy"), ("confidence", "how many digits")],
    "projection": [
        ("first component: 25% of the variance", "second component: 12% of the variance")
    ],
}


@pytest.mark.parametrize("name", LABELLED)
def test_axes_are_labelled_and_seen(name) -> None:
    axes = drawn(name).axes
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes[: len(LABELLED[name])]] == LABELLED[
        name
    ]
    assert all(ax.axison and ax.xaxis.get_visible() and ax.yaxis.get_visible() for ax in axes)


# That the data lie where the labels say


@pytest.mark.parametrize("name", ["images", "gallery", "sample_grid"])
def test_each_image_stands_under_its_title(name) -> None:
    axes = drawn(name).axes
    for ax, image in zip(axes, IMAGES, strict=False):
        assert np.allclose(ax.images[0].get_array(), image[0])


def lines_of(name: str, axes: int = 0) -> dict[str, tuple[list, list]]:
    lines = drawn(name).axes[axes].lines
    return {one.get_label(): (list(one.get_xdata()), list(one.get_ydata())) for one in lines}


def test_curves_are_the_numbers_given() -> None:
    assert lines_of("shifts")["CNN"] == ([0, 2, 4], [99, 98, 60])
    assert lines_of("rates")["one cycle"] == (list(range(300)), DECAY)
    assert lines_of("losses")["seed 1"][1][20] == pytest.approx(np.mean(DECAY[11:21]))
    assert lines_of("losses")["ln 10"][1][0] == pytest.approx(math.log(10))
    assert lines_of("history")["training"][0][-1] == 2
    assert lines_of("history")["validation"][1] == [0.5, 0.4]
    assert lines_of("history", 1)["validation"][1] == pytest.approx([85, 90])
    assert lines_of("overfitting")["validation"] == ([1, 2, 3], [2.1, 0.8, 1.2])
    assert lines_of("range_test")["chosen: 0.005"][0] == [5e-3, 5e-3]
    [(_, live)] = [
        pair for pair in lines_of("live_losses").values() if len(pair[0]) == 2 and pair[0][1] == 50
    ]
    assert live == [2.3, 0.7]


def test_bars_are_as_long_as_their_numbers() -> None:
    counts = [bar.get_height() for bar in drawn("class_counts").axes[0].patches]
    assert counts == [11] * 5 + [10] * 5
    assert [bar.get_width() for bar in drawn("time_shares").axes[0].patches] == [25, 75]
    before, after = drawn("before_after").axes[0].containers
    assert [bar.get_height() for bar in (*before, *after)] == [96, 99, 95.5, 91]
    assert (before.get_label(), after.get_label()) == ("in order", "permuted")
    assert before[0].get_x() < after[0].get_x() < before[1].get_x()
    logits = [bar.get_height() for bar in drawn("layer logits").axes[1].patches]
    assert logits == pytest.approx((seeded(10) - 0.5).tolist())
    bars = drawn("shifted_digit").axes[2].patches
    assert [bar.get_width() for bar in bars] == pytest.approx(PROBABILITIES[1].tolist())
    counted = [bar.get_height() for bar in drawn("reliability").axes[1].patches]
    assert counted == [part.count for part in BINS]


def test_each_digit_stands_beside_its_own_probabilities() -> None:
    [ax] = drawn("predictions").axes
    wide = [patch for patch in ax.patches if patch.get_facecolor()[:3] != (0xEE / 255,) * 3]
    for number, picture in enumerate(ax.images):
        assert np.allclose(picture.get_array(), IMAGES[number, 0])
        left, _, bottom, top = picture.get_extent()
        bars = [
            bar
            for bar in wide
            if bar.get_x() == left + 12 and min(top, bottom) <= bar.get_y() < max(top, bottom)
        ]
        lengths = [bar.get_width() / 10 for bar in sorted(bars, key=lambda bar: bar.get_y())]
        assert lengths == pytest.approx(PROBABILITIES[number].tolist())
        hatched = [
            n for n, bar in enumerate(sorted(bars, key=lambda bar: bar.get_y())) if bar.get_hatch()
        ]
        answer = PROBABILITIES[number].argmax().item()
        assert hatched == ([] if answer == LABELS[number] else [answer])
    field = drawn("beliefs").axes[1].images[0].get_array()
    assert np.allclose(field, PROBABILITIES[0][:, None].expand(10, 4))


def test_numbers_stand_where_they_belong() -> None:
    cells = {text.get_position(): text.get_text() for text in drawn("confusion").axes[0].texts}
    assert cells[(3, 7)] == "73", "row 7, column 3"
    pixels = {text.get_position(): text.get_text() for text in drawn("pixels").axes[1].texts}
    assert pixels[(20, 7)] == f"{IMAGES[0, 0, 7, 20]:.2f}"
    learned = drawn("spread").axes[0]
    assert "1 below 20 %" in words(learned)
    assert list(learned.lines[0].get_xdata()) == RUNS["baseline"]
    dots = drawn("costs").axes[0].collections[0].get_offsets()
    assert dots.tolist() == [list(point) for point in COSTS.values()]
    placed = {text.get_text(): text.xy for text in drawn("costs").axes[0].texts}
    assert placed == COSTS
    middles = {text.get_text(): text.get_position() for text in drawn("projection").axes[0].texts}
    assert middles["9"] == pytest.approx(seeded(5, 2)[2].tolist())


def test_frames_stand_around_what_they_name() -> None:
    def frame(name: str, axes: int) -> tuple:
        patch = drawn(name).axes[axes].patches[0]
        return (*patch.get_xy(), patch.get_width(), patch.get_height())

    assert frame("pixels", 0) == (14.5, 4.5, 10, 6)
    assert frame("layer", 0) == (4.5, 3.5, 3, 3)
    assert frame("layer", 1) == (2.5, 1.5, 1, 1)
    assert frame("convolution_step", 0) == (STEP.left - 0.5, STEP.top - 0.5, 3, 3)
    assert frame("receptive_fields", 0) == (12.5, 12.5, 3, 3)
    assert frame("beliefs", 1) == (-0.5, 2.5, 4, 1)
    crop = drawn("patches").axes[1].images[0].get_array()
    assert np.allclose(crop[3:, :8], IMAGES[1, 0, :7, 20:])
    assert crop.mask[:3].all(), "what lies outside the image is empty"


@pytest.mark.parametrize(
    "draw",
    [
        lambda rows: plots.plot_predictions(IMAGES, LABELS, rows),
        lambda rows: plots.plot_probabilities(IMAGES, rows, list("vwxyz")),
        lambda rows: plots.plot_beliefs(IMAGES, LABELS, rows[None]),
        lambda rows: plots.plot_shifted_digit(IMAGES[0], {"CNN": rows[0]}),
    ],
)
def test_logits_are_not_taken_for_probabilities(draw) -> None:
    with pytest.raises(ValueError, match="apply softmax"):
        draw(PROBABILITIES.log())
