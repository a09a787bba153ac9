import functools
import math
import pickle
from types import SimpleNamespace

from by_hand import generator
from matplotlib.colors import same_color
import matplotlib.pyplot as plt
from matplotlib.text import Text
from mnist_helpers import insights, plots, shapes
from mnist_helpers.plots import shown
from mnist_helpers.training import History
import numpy as np
import pytest
from test_graph import Value
import torch
from torch import nn


def seeded(*shape):
    return torch.rand(shape, generator=generator(sum(shape)))


IMAGES = seeded(5, 1, 28, 28)
IMAGE = IMAGES[0]
LABELS = torch.tensor([4, 0, 9, 4, 7])  # two are right
PROBABILITIES = (5 * seeded(5, 10)).softmax(dim=1)
DECAY = [2.3 * 0.99**step + 0.1 for step in range(300)]
STEP = shapes.convolution_step(IMAGE[0], seeded(3, 3) - 0.5, place=40, stride=2, padding=1)
FIELDS = shapes.receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)])
BINS = insights.reliability(PROBABILITIES, LABELS)
torch.manual_seed(0)
NETWORK = nn.Sequential(
    *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 33, 3), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(33 * 12 * 12, 10)),
)
VIEWS = shapes.network_views(NETWORK, IMAGE)

GIVEN = [Value(-0.123456, name, grad=-1e-6) for name in ("logit 10", "b")]
GRAPH = Value(1e6, "ReLU", [GIVEN[0], *GIVEN], grad=1.0)

# What each function is given, by its name after `plot_`; one without a row here fails a test.
FIGURES = {
    "images": (IMAGES[:3], ["a", "b", "c"]),
    "images signed": ([IMAGE - 0.5], ["edges"], True),
    "gallery": (IMAGES, [f"{number} read as 9,\n98 %" for number in range(5)]),
    "kernels": (seeded(16, 2, 3, 3) - 0.5,),
    "variations": (IMAGE, seeded(15, 1, 28, 28)),
    "receptive_fields": (IMAGE, {"conv 1": FIELDS[0], "pool": FIELDS[1]}, (14, 14)),
    "patches": (IMAGES, [SimpleNamespace(index=1, activation=0.5, patch=(-3, 20, 10, 12))]),
    "pixels": (IMAGE, slice(5, 11), slice(15, 25), (7, 20)),
    "windows": (6, 3, 2, 1),
    "convolution_step": (STEP,),
    "network": (VIEWS, shapes.unit_step(VIEWS, 0, (1, 0, 27))),
    "network conv": (VIEWS, shapes.unit_step(VIEWS, 2, (20, 3, 4)), 2),
    "network pool": (VIEWS, shapes.unit_step(VIEWS, 1, (3, 5, 6)), 3),
    "network logit": (VIEWS, shapes.unit_step(VIEWS, 3, (7, 0, 0)), 32),
    "occlusion": (IMAGE, seeded(28, 28)),
    "predictions": (IMAGES, LABELS, PROBABILITIES),
    "probabilities": (IMAGES, PROBABILITIES, list("vwxyz")),
    "watched": (IMAGES, LABELS, PROBABILITIES),
    "beliefs": (IMAGES, LABELS, PROBABILITIES.expand(4, 5, 10)),
    "shifted_digit": (IMAGE, {"MLP": PROBABILITIES[0], "CNN": PROBABILITIES[1]}),
    "confusion": (torch.arange(100).reshape(10, 10),),
    "reliability": (BINS,),
    "projection": (seeded(5, 2), LABELS, torch.tensor([0.25, 0.125])),
    "graph": (GRAPH,),
    "numbers": ({"one": 9 * seeded(4, 4), "the other": seeded(2, 3) - 0.5},),
    "losses": ({"seed 1": DECAY, "seed 2": DECAY[::-1]},),
    "rates": ({"one cycle": DECAY, "constant": [1.0] * 300},),
    "speed_up": ({"this": [1, 1.6, 2.1], "larger": [1, 0.1, 0.1]},),
    "shifts": ([0, 2, 4], {"MLP": [96, 50, 20], "CNN": [99, 98, 60]}),
    "live_losses": (DECAY * 3, 1_000),
    "range_test": ([1e-4, 1e-3, 1e-2], [2.3, 1.5, 0.9], 5e-3),
    "history": (History([DECAY[:150], DECAY[150:]], [0.8, 0.93], [0.5, 0.4], [0.85, 0.9]),),
    "overfitting": ({"as it is": ([2.0, 0.5, 0.1], [2.1, 0.8, 1.2])},),
    "before_after": ({"MLP": 96.0, "CNN": 99.0}, {"CNN": 91.0, "MLP": 95.5}, ("in order", "not")),
    "spread": ({"baseline": [95.0, 96.0, 94.0], "SGD": [11.35, 93.0], "stuck": [9.8]},),
}
each_figure = pytest.mark.parametrize("name", FIGURES)


@functools.cache
def drawn(name):
    figure = getattr(plots, f"plot_{name.split()[0]}")(*FIGURES[name])
    plt.close(figure)
    return figure


def test_every_function_that_draws_has_a_row():
    functions = {name for name in dir(plots) if name.startswith("plot_")}
    assert {f"plot_{name.split()[0]}" for name in FIGURES} == functions


@each_figure
def test_a_figure_is_whole_and_readable_and_leaves_no_trace(name):
    settings, given = dict(plt.rcParams), pickle.dumps(FIGURES[name])
    figure = drawn(name)
    figure.draw_without_rendering()
    corners = figure.get_tightbbox().get_points()
    on_the_paper = (corners > -0.01) & (corners < figure.get_size_inches() + 0.01)
    assert on_the_paper.all()
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(sizes, default=10) >= 10
    assert len(figure.alt) > 12
    assert (dict(plt.rcParams), pickle.dumps(FIGURES[name])) == (settings, given)


@each_figure
def test_curves_of_one_axes_differ_in_more_than_colour(name):
    for ax in drawn(name).axes:
        looks = [
            (str(line._dash_pattern), line.get_marker(), line.get_linewidth(), line.get_alpha())
            for line in ax.lines
            if len(line.get_xdata()) > 1 and not line.get_label().startswith("_")
        ]
        assert len(set(looks)) == len(looks)


# The title and the labels that are seen on each axes, in their order.
SAYS = {
    "kernels": ["kernel 0", "1", "2"],
    "receptive_fields": ["conv 1\n3×3", "pool\n4×4"],
    "patches": ["0.50"],
    "pixels": ["all 28×28 pixels", "rows 5 to 10, columns 15 to 24"],
    "windows": ["input 6×6, kernel 3×3\nstride 2, padding 1", "output 3×3"],
    "convolution_step": [
        *("image, padding 1", "under the window", "× kernel"),
        f"sum {STEP.total:z.2f}, at [2, 12]",
    ],
    "occlusion": ["the digit", "a black square around each pixel", "both"],
    "beliefs": ["4", "epoch", "0", "epoch", "9", "epoch", "4", "epoch", "7", "epoch"],
    "shifted_digit": ["", "MLP: 4", "CNN: 8"],
    "confusion": ["the network says; label"],
    "reliability": [
        "of all digits: mean confidence 38.0%, accuracy 40.0%; accuracy",
        "confidence; how many digits",
    ],
    "projection": ["first component: 25% of the variance; second component: 12% of the variance"],
    "numbers": ["one", "the other"],
    "losses": ["batch; loss (mean of 10 batches)"],
    "rates": ["step; learning rate"],
    "shifts": ["shift to the right, pixels; accuracy, %"],
    "live_losses": ["batch; loss"],
    "range_test": ["learning rate; loss"],
    "history": ["epoch; loss", "epoch; accuracy, %"],
    "overfitting": ["as it is; epoch; loss"],
    "before_after": ["accuracy, %"],
    "spread": ["accuracy, %"],
}


@pytest.mark.parametrize("name", SAYS)
def test_axes_say_what_they_show(name):
    said = []
    for ax in drawn(name).axes[: len(SAYS[name])]:
        labels = [axis.label for axis in (ax.xaxis, ax.yaxis) if ax.axison and axis.get_visible()]
        texts = [ax.get_title(), ax.get_title("left"), *(label.get_text() for label in labels)]
        said.append("; ".join(filter(None, texts)))
    assert said == SAYS[name]


DIGITS = [str(digit) for digit in range(10)]


@pytest.mark.parametrize(
    ("name", "number", "across", "along"),
    [
        ("confusion", 0, DIGITS, DIGITS),
        ("beliefs", 1, ["0", "2"], DIGITS),
        ("shifted_digit", 1, [], DIGITS),
        ("before_after", 0, ["MLP", "CNN"], None),
        ("spread", 0, None, ["baseline", "SGD", "stuck"]),
        ("pixels", 1, [str(column) for column in range(15, 25)], [*list("56789"), "10"]),
    ],
)
def test_ticks_name_what_stands_there(name, number, across, along):
    ax = drawn(name).axes[number]
    for axis, names in ((ax.xaxis, across), (ax.yaxis, along)):
        assert ax.axison
        assert names in (None, [text.get_text() for text in axis.get_ticklabels()])


@pytest.mark.parametrize("name", ["images", "gallery"])
def test_each_image_stands_under_its_title(name):
    for ax, image, title in zip(drawn(name).axes, *FIGURES[name], strict=False):
        assert np.allclose(ax.images[0].get_array(), image[0])
        assert ax.get_title() == title


def test_curves_are_the_numbers_given():
    def lines(name, number=0):
        curves = drawn(name).axes[number].lines
        return {line.get_label(): tuple(map(list, line.get_data())) for line in curves}

    assert lines("shifts")["CNN"] == ([0, 2, 4], [99, 98, 60])
    assert lines("rates")["one cycle"] == (list(range(300)), DECAY)
    assert lines("losses")["seed 1"][1][20] == pytest.approx(np.mean(DECAY[11:21]))
    assert lines("losses")["ln 10"][1][0] == pytest.approx(math.log(10))
    ends, means = lines("live_losses")["_child1"]
    assert ends == [*range(1, 101), *range(104, 901, 4)]
    assert means[:100] == DECAY[:100]
    assert means[100] == pytest.approx(np.mean(DECAY[100:104]))
    left, right = lines("history"), lines("history", 1)
    assert (left["training"][0][-1], left["_child0"][1]) == (2, DECAY)
    assert left["training"][1][-1] == pytest.approx(np.mean(DECAY[-100:]))
    assert left["validation"] == ([1, 2], [0.5, 0.4])
    assert (right["training"], right["validation"]) == (([1, 2], [80, 93]), ([1, 2], [85, 90]))
    assert lines("overfitting")["validation"] == ([1, 2, 3], [2.1, 0.8, 1.2])
    assert lines("overfitting")["lowest: 0.800, epoch 2"] == ([2], [0.8])
    assert lines("range_test")["chosen: 0.005"][0] == [5e-3, 5e-3]
    assert lines("range_test")["_child1"][1] == pytest.approx([2.3, 2.18, 1.988])
    assert lines("spread")["_child0"] == ([95, 96, 94], [0, 0, 0])


def test_bars_and_fields_are_as_long_and_bright_as_their_numbers():
    def bars(name, number, size):
        return [getattr(bar, f"get_{size}")() for bar in drawn(name).axes[number].patches]

    assert bars("before_after", 0, "height") == [96, 99, 95.5, 91]
    before, after = drawn("before_after").axes[0].containers
    assert (before.get_label(), after.get_label()) == ("in order", "not")
    assert before[0].get_x() < after[0].get_x() < before[1].get_x()
    assert bars("shifted_digit", 2, "width") == pytest.approx(PROBABILITIES[1].tolist())
    assert bars("reliability", 1, "height") == [part.count for part in BINS]
    field = drawn("beliefs").axes[1].images[0].get_array()
    assert np.allclose(field, PROBABILITIES[0][:, None].expand(10, 4))


@pytest.mark.parametrize(
    ("name", "length", "first", "step"),  # the first bar's place, from the picture's corner
    [
        ("watched", lambda bar: -bar.get_height(), (-0.92, 19), (1, 0)),
        ("predictions", lambda bar: bar.get_width(), (12, 0.08), (0, 1)),
    ],
)
def test_each_digit_stands_beside_its_own_probabilities(name, length, first, step):
    [ax] = drawn(name).axes
    bars = [bar for bar in ax.patches if not same_color(bar.get_facecolor(), "#EEEEEE")]
    for image, label, row, picture, mine in zip(
        IMAGES, LABELS, PROBABILITIES, ax.images, np.reshape(bars, (5, 10)), strict=True
    ):
        assert np.allclose(picture.get_array(), image[0])
        left, *_, top = picture.get_extent()
        places = np.add([left, top], first) + np.outer(range(10), step)
        assert np.allclose([bar.get_xy() for bar in mine], places)
        assert [length(bar) / 10 for bar in mine] == pytest.approx(row.tolist())
        assert same_color(mine[label].get_facecolor(), plots.BLUE)
        hatched = [digit for digit, bar in enumerate(mine) if bar.get_hatch()]
        assert hatched == list({row.argmax().item()} - {label.item()})


def test_numbers_stand_where_they_belong():
    def places(name, number=0):
        texts = drawn(name).axes[number].texts
        return {text.get_text(): getattr(text, "xy", text.get_position()) for text in texts}

    assert places("confusion")["73"] == (3, 7)
    assert places("pixels", 1)[f"{IMAGE[0, 7, 20]:.2f}"] == (20, 7)
    assert places("numbers", 1)[f"{seeded(2, 3)[0, 2] - 0.5:.3g}"] == (2, 0)
    assert places("spread")["1 below 20 %"] == (1.01, 2)
    assert places("projection")["9"] == pytest.approx(seeded(5, 2)[2].tolist())


def test_frames_stand_around_what_they_name():
    def frame(name, number):
        patch = drawn(name).axes[number].patches[0]
        return (*patch.get_xy(), patch.get_width(), patch.get_height())

    assert frame("pixels", 0) == (14.5, 4.5, 10, 6)
    # A pixel of the digit is four wide there, the first is at 0, 64; outside it nothing is framed.
    assert frame("network", 0) == (4 * 26 - 0.5, 64 - 0.5, 4 * 2, 4 * 2)
    assert frame("network conv", 0) == (4 * 7 - 0.5, 64 + 4 * 5 - 0.5, 4 * 8, 4 * 8)
    assert frame("convolution_step", 0) == (STEP.left - 0.5, STEP.top - 0.5, 3, 3)
    assert frame("receptive_fields", 0) == (12.5, 12.5, 3, 3)
    assert frame("beliefs", 1) == (-0.5, 3.5, 4, 1)
    crop = drawn("patches").axes[0].images[0].get_array()
    assert np.allclose(crop[3:, :8], IMAGES[1, 0, :7, 20:])
    assert crop.mask[:3].all(), "what lies outside the image is empty"


@pytest.mark.parametrize(
    ("name", "linear", "window"),
    [("network conv", NETWORK[3], np.s_[:, 3:6, 4:7]), ("network logit", NETWORK[6], np.s_[:])],
)
def test_a_unit_is_opened_up_and_marked_with_all_that_it_sums_up(name, linear, window):
    [ax] = drawn(name).axes
    _, step, in_channel = FIGURES[name]
    view, (channel, *_) = VIEWS[step.layer], step.unit
    seen = view.input[window]
    kernel = linear.weight[channel].detach().reshape(seen.shape)
    parts = [values[in_channel] for values in (view.input, seen, kernel, seen * kernel)]
    for panel, values in zip(ax.images[1:], parts, strict=True):
        assert np.allclose(panel.get_array(), values)
    sums = (seen * kernel).sum(dim=(1, 2))
    frame = next(patch for patch in ax.patches[3:] if patch.get_linewidth() == 3)
    corner = (4, 3) if name == "network conv" else (0, 0)
    assert (*np.add(frame.get_xy(), 0.5), frame.get_height()) == (*corner, len(parts[1]))
    titles = ["window", "× kernel", f"= products, sum {sums[in_channel]:z.3f}"]
    texts = [f"channel {in_channel}"]
    for title, values in zip(titles, parts[1:], strict=True):
        numbers = values.flatten() if name == "network conv" else []
        texts += [title, *(f"{number:z.3f}" for number in numbers)]
    written = [text.get_text() for text in ax.texts]
    assert written[-1 - len(texts) : -1] == texts
    windows, bars = ax.collections
    assert [bar[1][1] for bar in bars.get_segments()] == pytest.approx(sums.tolist())
    assert same_color(bars.get_color()[in_channel], plots.BLUE)
    # What is told is what the layer puts out.
    total = sums.sum() + linear.bias[channel]
    told = f"{sums.sum():z.3f}\n+ bias {linear.bias[channel]:z.3f} = {total:z.3f}"
    told += f", ReLU {total.relu():z.3f}" if name == "network conv" else ""
    put_out = total.relu() if "ReLU" in told else total
    assert view.output[step.unit] == pytest.approx(put_out.item())
    assert written[-1] == f"sums of all {len(sums)} channels: {told}"
    at = (seen * kernel).abs().argmax()
    largest = f"{seen.flatten()[at]:z.3f} × {kernel.flatten()[at]:z.3f}"
    told = f"{seen.numel():,} products, the largest {largest}, sum {told}"
    first = f"{seen[in_channel, 0, 0]:z.3f} × {kernel[in_channel, 0, 0]:z.3f} + …"
    told = f"{first} = {sums[in_channel]:z.3f}\nall {len(sums)}: {told}"
    assert drawn(name).alt.endswith(f"\ninput channel {in_channel}: {told}")
    # In the maps above, the frames stand around these very numbers.
    sheets = ax.images[0].get_array()[..., 0] / 255
    low, high = view.input.min(), view.input.max()
    for box, values in zip(windows.get_paths(), seen, strict=True):
        (left, top), (right, below) = (box.vertices[[0, 2]] + 0.5).round().astype(int)
        framed = sheets[top:below, left:right]
        scale = len(framed) // len(values[0])
        shades = ((values - low) / (high - low) / 0.7).clamp(max=1)
        assert np.allclose(framed[::scale, ::scale], shades, atol=0.005)
    [x], [y] = ax.lines[-1].get_data()
    softmax = VIEWS[-1].output.softmax(dim=0)
    shade = view.output / view.output.max() / 0.7 if "ReLU" in view.title else softmax
    assert sheets[y, x] == pytest.approx(shade[step.unit].clamp(max=1).item(), abs=0.005)
    logits = zip(VIEWS[-1].output.flatten(), softmax.flatten(), strict=True)
    told = [f"{digit}: {logit:z.2f}, {share:.0%}" for digit, (logit, share) in enumerate(logits)]
    assert written[-11 - len(texts) : -1 - len(texts)] == told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kernels", "Kernels, blue below 0, white 0, red above: kernel 0; 1; 2; 3;"),
        ("network pool", f"= {VIEWS[1].output[3, 5, 6]:z.3f}, the largest of 4"),
        ("rates", "step across, learning rate up, one cycle from 2.4 to 0.214, constant at 1"),
        ("before_after", "Bars for MLP, CNN: in order, then not: accuracy, % up, 96 99, 95.5 91"),
        ("predictions", "Digits and their probabilities: 4 read as 4 with 44%, 0 read as 8"),
        ("confusion", "most often, 98 times, a 9 is read as 8: the network says across, label up"),
        ("spread", "Means of those that learned: baseline 95.00, SGD 93.00"),
    ],
)
def test_a_figure_says_in_words_what_it_shows(name, words):
    assert words in shown._in_words(drawn(name))


def test_a_figure_that_a_lesson_draws_itself_has_words_too():
    figure, axes = plt.subplots(1, 2)
    for ax, title in zip(axes, "47", strict=True):
        ax.imshow(IMAGE[0])
        ax.set_title(title)
    plt.close(figure)
    assert shown._in_words(figure) == "2 pictures: 4; 7"


@pytest.mark.parametrize("name", ["predictions", "watched", "beliefs", "shifted_digit"])
def test_logits_are_not_taken_for_probabilities(name):
    *given, rows = FIGURES[name]
    logits = {"CNN": rows["CNN"].log()} if isinstance(rows, dict) else rows.log()
    with pytest.raises(ValueError, match="apply softmax"):
        getattr(plots, f"plot_{name}")(*given, logits)
