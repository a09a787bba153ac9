import base64
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
import gc
from html.parser import HTMLParser
import io
import itertools
import re
import threading
import time

import ipycanvas
import ipywidgets
from matplotlib.figure import Figure
from mnist_helpers import plots, widgets
from mnist_helpers.batches import random_affine
from mnist_helpers.drawing import StrokeRecorder, rasterize
from mnist_helpers.explore import (
    Pace,
    block_output,
    convolution_step,
    crop_around,
    described_answers,
    described_belief,
    described_change,
    described_drawing,
    described_layer,
    described_losses,
    described_maps,
    described_pixel,
    described_shift,
    described_step,
    enlarged,
    kernels,
    layer_views,
    seen_patch,
    shifted,
    thinned,
    tiled,
)
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN, MLP
from mnist_helpers.training import fit
from PIL import Image
import pytest
import torch
from torch import nn


def randomly(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class Digits:
    """Stands for MNIST: the same labels and images wherever one looks, but few, and no file."""

    def __init__(self, labels):
        self.targets = torch.tensor(labels)

    def __getitem__(self, index):
        return randomly(1, 28, 28, seed=index), self.targets[index].item()


LABELS = [3, 1, 3, 0, 4, 5, 6, 7, 8, 9, 2, 3]
PICTURES = {"wide": randomly(5, 8), "high": randomly(7, 4, seed=1), "least": randomly(3, 3)}
IMAGES, IMAGE_LABELS = randomly(3, 1, 12, 12), torch.tensor([7, 0, 4])
BELIEFS = (6 * randomly(5, 3, 10)).softmax(dim=2)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3),
        nn.Flatten(),
        nn.Linear(80, 10),
    )


MAKERS = {
    "leaf_through": lambda: widgets.leaf_through(Digits(LABELS)),
    "convolution_in_slow_motion": lambda: widgets.convolution_in_slow_motion(PICTURES),
    "layer_explorer": lambda: widgets.layer_explorer(network(), IMAGES, IMAGE_LABELS),
    "belief_by_epoch": lambda: widgets.belief_by_epoch(IMAGES, IMAGE_LABELS, BELIEFS),
    "digit_changer": lambda: widgets.digit_changer(IMAGES, IMAGE_LABELS),
    "shifted_digit": lambda: widgets.shifted_digit(readers(), IMAGES, IMAGE_LABELS),
}


def readers():
    """Two networks by name, which answer differently."""
    torch.manual_seed(1)
    return {
        "one": network(),
        "the other": nn.Sequential(nn.Flatten(), nn.Linear(144, 10)),
    }


def everything(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def controls(widget):
    return [
        part
        for part in everything(widget)
        if hasattr(part, "value") and not isinstance(part, ipywidgets.HTML)
    ]


def control(widget, name):
    """The one that a learner finds under this name."""
    [found] = [part for part in controls(widget) if name in (part.description, part.tooltip)]
    return found


def boxes(widget):
    """The nine numbers of the kernel, in reading order."""
    names = [f"[{row}, {column}]" for row in range(3) for column in range(3)]
    return [control(widget, name) for name in names]


class Page(HTMLParser):
    """What a browser makes of a widget's HTML: its tags, the picture's attributes, and the text."""

    def __init__(self, widget):
        super().__init__()
        self.tags, self.image, self.text = [], {}, ""
        for part in everything(widget):
            if isinstance(part, ipywidgets.HTML):
                self.feed(part.value)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.image = dict(attrs)

    def handle_data(self, data):
        self.text += data


def text(widget):
    return Page(widget).text


def picture(widget):
    kind, data = Page(widget).image["src"].split(",")
    assert kind == "data:image/png;base64"
    return base64.b64decode(data)


def saved(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    """The pictures that are saved here, by the widgets and to compare with them, are small, to be fast."""
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, *arguments, **named: save(figure, *arguments, dpi=30, **named),
    )


@pytest.fixture
def drawn(monkeypatch):
    """The calls of functions that draw, as (name, arguments); what they return is a blank sheet, to be fast."""
    calls = []

    def counted(name):
        def blank(*arguments, **named):
            calls.append((name, arguments, *([named] if named else [])))
            return Figure(figsize=(0.1, 0.1))

        return blank

    for name in plots.__all__:
        if name.startswith("plot_"):
            monkeypatch.setattr(widgets.plots, name, counted(name))
    return calls


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def another_value(part):
    if isinstance(part, ipywidgets.IntSlider):
        return part.min if part.value > part.min else part.max
    if isinstance(part, ipywidgets.Dropdown):
        values = [option[1] if isinstance(option, tuple) else option for option in part.options]
        return values[(values.index(part.value) + 1) % len(values)]
    return part.value + 0.5


def test_every_control_says_what_it_is_for(make) -> None:
    parts = controls(make())
    assert parts
    names = [part.description or part.tooltip for part in parts]
    assert all(names)
    assert len(set(names)) == len(names)


def test_a_name_is_not_cut_off(make) -> None:
    for part in controls(make()):
        if part.description:
            # In most typefaces a character is narrower than half a height, and commas much so.
            width = float(part.style.description_width.removesuffix("em"))
            assert width >= 0.45 * len(part.description)


def test_the_picture_is_described_by_the_text_above_it(make) -> None:
    widget = make()
    for _ in range(2):
        page = Page(widget)
        assert page.text.strip()
        assert page.image["alt"] == page.text
        assert page.tags == ["pre", "img"]
        assert "max-width" in page.image["style"]
        assert picture(widget).startswith(b"\x89PNG")
        controls(widget)[-1].value = another_value(controls(widget)[-1])


def test_each_change_draws_once(make, drawn) -> None:
    widget = make()
    assert len(drawn) == 1
    for part in controls(widget):
        # To the first other value, and on, and to where it was: sliders may move with it.
        for value in (another_value(part), part.value):
            drawn.clear()
            before = part.value
            part.value = value
            assert len(drawn) == (part.value != before), part.description or part.tooltip


def test_every_control_of_the_picture_changes_it(make) -> None:
    widget = make()
    # The first, which moves others, is the last to be changed.
    for part in reversed(controls(widget)):
        before = picture(widget)
        part.value = another_value(part)
        assert picture(widget) != before, part.description or part.tooltip


def test_two_widgets_know_nothing_of_each_other(make) -> None:
    first, second = make(), make()
    beginning = text(first), picture(first), [part.value for part in controls(first)]
    for part in controls(second):
        part.value = another_value(part)
    assert (text(second), picture(second)) != beginning[:2]
    assert (text(first), picture(first), [part.value for part in controls(first)]) == beginning
    after = text(second), picture(second)
    last = controls(first)[-1]
    last.value = another_value(last)
    assert picture(first) != beginning[1]
    assert (text(second), picture(second)) == after


def test_making_one_again_gives_the_same(make) -> None:
    assert picture(make()) == picture(make())


def test_the_ends_of_every_slider_can_be_shown(make) -> None:
    widget = make()
    lists = [part for part in controls(widget) if isinstance(part, ipywidgets.Dropdown)]
    sliders = [part for part in controls(widget) if isinstance(part, ipywidgets.IntSlider)]

    def go_to(end):
        for slider in sliders:
            slider.value = getattr(slider, end)
            assert slider.min <= slider.value <= slider.max
        assert Page(widget).image["alt"] == text(widget) != ""

    go_to("max")
    for part in lists:
        # From the last entry, which has the fewest pixels, with all sliders at their ends.
        part.index = len(part.options) - 1
        go_to("max")
        part.index = 0
        go_to("min")


def test_sliders_follow_the_arrow_keys_by_one_and_draw_while_they_move(make) -> None:
    for part in controls(make()):
        if isinstance(part, ipywidgets.IntSlider):
            assert part.step == 1
            assert part.continuous_update


def sample_told(dataset, index, row, column):
    image, label = dataset[index]
    return f"sample {index:,} is a {label}; {described_pixel(image, row, column)}"


def test_leafing_begins_with_the_first_digit_and_shows_the_pixel_under_the_sliders() -> None:
    dataset = Digits(LABELS)
    widget = widgets.leaf_through(dataset)
    assert [part.description for part in controls(widget)] == ["digit", "number", "row", "column"]
    assert text(widget) == sample_told(dataset, 0, 8, 12)
    control(widget, "number").value = 5
    control(widget, "row").value = 27
    control(widget, "column").value = 1
    assert text(widget) == sample_told(dataset, 5, 27, 1)
    expected = plots.plot_pixels(dataset[5][0], slice(23, 28), slice(0, 5), pixel=(27, 1))
    assert picture(widget) == saved(expected)


@pytest.mark.parametrize("place", [(8, 12), (0, 27), (13, 2)])
def test_the_crop_of_a_digit_lies_around_its_pixel(place, drawn) -> None:
    dataset = Digits(LABELS)
    widget = widgets.leaf_through(dataset)
    control(widget, "row").value, control(widget, "column").value = place
    name, (image, rows, columns), named = drawn[-1]
    assert name == "plot_pixels"
    assert torch.equal(image, dataset[0][0])
    assert (rows, columns) == tuple(crop_around(28, where) for where in place)
    assert named == {"pixel": place}


@pytest.mark.parametrize(
    ("choice", "indices"), [("3", [0, 2, 11]), ("1", [1]), ("0", [3]), ("all", range(12))]
)
def test_a_class_can_be_leafed_through_from_its_first_digit_to_its_last(
    choice, indices, drawn
) -> None:
    dataset = Digits(LABELS)
    widget = widgets.leaf_through(dataset)
    kind, number = control(widget, "digit"), control(widget, "number")
    assert list(kind.options) == ["all", *map(str, range(10))]
    assert kind.label == "all"
    # From another class, and not from its first.
    kind.label = "3"
    number.value = 2
    kind.label = "9" if choice == "3" else choice
    kind.label = choice
    assert kind.label == choice, "what is chosen stays chosen"
    assert (number.value, number.min, number.max) == (0, 0, len(indices) - 1)
    for position, index in enumerate(indices):
        number.value = position
        assert text(widget) == sample_told(dataset, index, 8, 12)
    # The pixel's sliders leave the digit where it is.
    control(widget, "row").value = 3
    assert number.value == len(indices) - 1
    assert text(widget) == sample_told(dataset, indices[-1], 3, 12)


def test_large_numbers_of_samples_are_written_with_a_comma(drawn) -> None:
    dataset = Digits([0] * 1_200 + [5])
    widget = widgets.leaf_through(dataset)
    control(widget, "digit").label = "5"
    assert text(widget).startswith("sample 1,200 is a 5; ")


def step_told(image, kernel, place, stride=1, padding=0):
    return described_step(convolution_step(image, kernel, place, stride, padding))


def test_slow_motion_begins_with_the_first_image_and_kernel_at_the_first_place() -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    assert [part.description for part in controls(widget)][:5] == [
        "image",
        "kernel",
        "stride",
        "padding",
        "window's place",
    ]
    assert control(widget, "image").options == tuple(PICTURES)
    assert control(widget, "kernel").options == (*kernels(), "your own")
    kernel = kernels()["vertical edges"]
    assert text(widget) == step_told(PICTURES["wide"], kernel, 0)
    control(widget, "window's place").value = 7
    assert text(widget) == step_told(PICTURES["wide"], kernel, 7)
    step = convolution_step(PICTURES["wide"], kernel, 7)
    assert picture(widget) == saved(plots.plot_convolution_step(step))


@pytest.mark.parametrize("name", PICTURES)
def test_the_window_can_be_moved_to_each_place_there_is(name, drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    place = control(widget, "window's place")
    control(widget, "image").value = "high"
    control(widget, "image").value = name
    assert (control(widget, "stride").min, control(widget, "stride").max) == (1, 3)
    assert (control(widget, "padding").min, control(widget, "padding").max) == (0, 2)
    kernel = kernels()["vertical edges"]
    for stride, padding in itertools.product((2, 3, 1), (1, 2, 0)):
        # Each change of what there is to walk over begins from the top left.
        for part, value in (("stride", stride), ("padding", padding)):
            place.value = place.max
            changes = control(widget, part).value != value
            control(widget, part).value = value
            assert (place.value == 0) == (changes or place.max == 0)
        output = torch.conv2d(
            PICTURES[name][None, None], kernel[None, None], stride=stride, padding=padding
        )
        assert (place.min, place.max) == (0, output.numel() - 1)
        place.value = place.max
        assert text(widget) == step_told(PICTURES[name], kernel, place.max, stride, padding)


def test_another_image_begins_from_the_top_left(drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    control(widget, "window's place").value = 11
    control(widget, "image").value = "high"
    assert control(widget, "window's place").value == 0
    assert text(widget) == step_told(PICTURES["high"], kernels()["vertical edges"], 0)


@pytest.mark.parametrize("name", kernels())
def test_a_known_kernel_fills_the_nine_boxes_and_leaves_the_window_where_it_is(name, drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    place = control(widget, "window's place")
    place.value = 7
    control(widget, "kernel").value = "your own"
    control(widget, "kernel").value = name
    kernel = kernels()[name]
    assert [box.value for box in boxes(widget)] == pytest.approx(
        kernel.flatten().tolist(), abs=1e-4
    )
    assert all(len(str(box.value)) <= 7 for box in boxes(widget)), "it fits into its box"
    assert control(widget, "kernel").value == name
    assert place.value == 7
    assert text(widget) == step_told(PICTURES["wide"], kernel, 7)
    # What is shown is the kernel itself, not the rounded numbers in the boxes.
    assert torch.equal(drawn[-1][1][0].kernel, kernel)


@pytest.mark.parametrize("number", range(9))
def test_a_number_typed_into_a_box_makes_the_kernel_your_own(number, drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    control(widget, "kernel").value = "sharpen"
    control(widget, "window's place").value = 7
    boxes(widget)[number].value = -2.5
    assert control(widget, "kernel").value == "your own"
    kernel = kernels()["sharpen"].flatten()
    kernel[number] = -2.5
    assert [box.value for box in boxes(widget)] == kernel.tolist()
    assert torch.equal(drawn[-1][1][0].kernel, kernel.reshape(3, 3))
    assert control(widget, "window's place").value == 7
    assert text(widget) == step_told(PICTURES["wide"], kernel.reshape(3, 3), 7)


def test_a_kernel_of_your_own_stays_while_the_rest_changes(drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    for number, box in enumerate(boxes(widget)):
        box.value = number / 2
    kernel = torch.arange(9.0).reshape(3, 3) / 2
    control(widget, "image").value = "high"
    control(widget, "padding").value = 1
    control(widget, "window's place").value = 5
    assert control(widget, "kernel").value == "your own"
    assert text(widget) == step_told(PICTURES["high"], kernel, 5, padding=1)


def test_to_choose_your_own_begins_with_the_numbers_that_stand_there(drawn) -> None:
    widget = widgets.convolution_in_slow_motion(PICTURES)
    before = text(widget)
    control(widget, "kernel").value = "your own"
    assert text(widget) == before
    assert [box.value for box in boxes(widget)] == kernels()["vertical edges"].flatten().tolist()


def layer_told(model, digit, layer):
    view = layer_views(model, IMAGES[digit])[layer]
    return f"digit {digit} of the batch, a {IMAGE_LABELS[digit]}\n{described_layer(view)}"


def test_the_explorer_shows_the_layer_and_the_digit_that_are_chosen() -> None:
    model = network()
    widget = widgets.layer_explorer(model, IMAGES, IMAGE_LABELS)
    titles = [view.title for view in layer_views(model, IMAGES[0])]
    assert len(titles) == 5, "all but Flatten"
    layer, digit = control(widget, "layer"), control(widget, "digit")
    assert [label for label, _ in layer.options] == titles
    assert (digit.min, digit.max) == (0, 2)
    assert text(widget) == layer_told(model, 0, 0)
    digit.value = 2
    for number, title in enumerate(titles):
        layer.label = title
        assert text(widget) == layer_told(model, 2, number)
    assert picture(widget) == saved(
        plots.plot_layer(
            IMAGES[2],
            layer_views(model, IMAGES[2])[4].output,
            seen_patch(layer_views(model, IMAGES[2])[4], IMAGES[2], (0, 0)),
        )
    )


def test_the_units_rows_and_columns_are_those_of_the_layer(drawn) -> None:
    images = randomly(2, 1, 12, 10)
    model = network()[:4]
    widget = widgets.layer_explorer(model, images, IMAGE_LABELS)
    row, column, layer = (control(widget, n) for n in ("unit's row", "unit's column", "layer"))
    ends = [(11, 9), (11, 9), (5, 4), (3, 2)]
    for number in (0, 3, 1, 2):
        layer.value = number
        assert (row.min, row.max, column.min, column.max) == (
            0,
            ends[number][0],
            0,
            ends[number][1],
        )
        assert not row.disabled
        assert not column.disabled
        row.value, column.value = row.max, column.max


@pytest.mark.parametrize(("row", "column"), [(0, 3), (2, 1), (3, 0)])
def test_the_unit_under_the_sliders_is_framed_with_the_patch_it_sees(row, column) -> None:
    model = network()
    widget = widgets.layer_explorer(model, IMAGES, IMAGE_LABELS)
    control(widget, "layer").value = 3
    control(widget, "unit's row").value, control(widget, "unit's column").value = row, column
    view = layer_views(model, IMAGES[0])[3]
    patch = seen_patch(view, IMAGES[0], (row, column))
    assert picture(widget) == saved(plots.plot_layer(IMAGES[0], view.output, patch, (row, column)))


def test_where_a_layer_has_no_map_there_is_no_unit_to_choose(drawn) -> None:
    widget = widgets.layer_explorer(network(), IMAGES, IMAGE_LABELS)
    row, column = control(widget, "unit's row"), control(widget, "unit's column")
    control(widget, "layer").value = 4
    assert row.disabled
    assert column.disabled
    _, (_, output, patch, unit) = drawn[-1]
    assert (tuple(output.shape), tuple(patch), unit) == ((10,), (0, 0, 12, 12), None)
    control(widget, "layer").value = 0
    assert not row.disabled
    assert not column.disabled


def test_the_names_of_layers_are_shown_as_they_are_and_not_taken_for_html() -> None:
    name = "<b>one & \"two\" 'three'</b>"
    model = nn.Sequential(OrderedDict([(name, nn.Conv2d(1, 2, 3))]))
    widget = widgets.layer_explorer(model, IMAGES, IMAGE_LABELS)
    page = Page(widget)
    assert page.tags == ["pre", "img"]
    assert name in page.text
    assert page.image["alt"] == page.text
    assert set(page.image) == {"style", "alt", "src"}


def test_the_model_that_is_explored_stays_in_its_mode(drawn) -> None:
    model = network().train()
    widget = widgets.layer_explorer(model, IMAGES, IMAGE_LABELS)
    control(widget, "digit").value = 1
    assert all(module.training for module in model.modules())


def test_the_beliefs_of_each_epoch_can_be_shown_from_before_the_training_on() -> None:
    widget = widgets.belief_by_epoch(IMAGES, IMAGE_LABELS, BELIEFS)
    epoch = control(widget, "epoch")
    assert (epoch.value, epoch.min, epoch.max) == (0, 0, 4)
    for number in (0, 3, 4):
        epoch.value = number
        assert text(widget) == described_belief(number, IMAGE_LABELS, BELIEFS[number])
    expected = plots.plot_predictions(IMAGES, IMAGE_LABELS, BELIEFS[4])
    assert picture(widget) == saved(expected)


def changed(digit, degrees, scale, shift, seed):
    return random_affine(
        torch.stack([IMAGES[digit]] * 15),
        degrees,
        scale,
        shift,
        torch.Generator().manual_seed(seed),
    )


def test_a_digit_is_changed_as_the_sliders_say_and_begins_as_the_lesson_trains_it() -> None:
    widget = widgets.digit_changer(IMAGES, IMAGE_LABELS)
    names = ("digit", "rotation, degrees", "stretch, per cent", "shift, pixels", "draw")
    assert [control(widget, name).value for name in names] == [0, 10, 10, 2, 0]
    assert [control(widget, name).min for name in names] == [0] * 5
    assert control(widget, "digit").max == 2
    assert picture(widget) == saved(
        plots.plot_variations(IMAGES[0], changed(0, degrees=10, scale=0.1, shift=2, seed=0))
    )
    for name, value in zip(names, (2, 45, 30, 5, 7), strict=True):
        control(widget, name).value = value
    assert picture(widget) == saved(
        plots.plot_variations(IMAGES[2], changed(2, degrees=45, scale=0.3, shift=5, seed=7))
    )
    assert text(widget) == f"digit 2 is a 4; {described_change(45, 0.3, 5)}"


def test_changing_a_digit_draws_no_number_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    control(widgets.digit_changer(IMAGES, IMAGE_LABELS), "draw").value = 3
    assert torch.equal(torch.get_rng_state(), before)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """The time that a live curve goes by."""
    clock = Clock()
    monkeypatch.setattr(widgets.explore, "Pace", lambda: Pace(clock=clock))
    return clock


def test_a_live_curve_is_shown_before_the_first_batch(drawn) -> None:
    live = widgets.LiveLoss(938)
    assert live.losses == []
    assert drawn == [("plot_live_losses", ([], 938))]
    assert text(live.widget) == described_losses([], 938)
    assert Page(live.widget).image["alt"] == text(live.widget)
    assert picture(live.widget) == saved(plots.plot_live_losses([], 938))


def test_a_live_curve_is_drawn_seldom_and_after_the_last_batch(clock, drawn) -> None:
    live = widgets.LiveLoss(400)
    losses = randomly(400).tolist()
    when = []
    for loss in losses:
        drawn.clear()
        live.add(loss)
        if drawn:
            when.append(clock.now)
        clock.advance(0.01)
    # At the first batch, then each half second, and at the last batch, which is due to nothing else.
    assert when == pytest.approx([100, 100.5, 101, 101.5, 102, 102.5, 103, 103.5, 103.99], abs=0.02)
    assert live.losses == losses
    assert drawn == [("plot_live_losses", (thinned(losses), 400))]
    assert text(live.widget) == described_losses(losses, 400)
    assert text(live.widget).startswith("batch 400 of 400")


def test_the_last_batch_is_drawn_though_no_time_has_passed(clock) -> None:
    live = widgets.LiveLoss(3)
    for loss in (2.0, 1.0, 0.5):
        live.add(loss)
    assert text(live.widget) == described_losses([2.0, 1.0, 0.5], 3)
    assert picture(live.widget) == saved(plots.plot_live_losses([(1, 2), (2, 1), (3, 0.5)], 3))
    assert Page(live.widget).image["alt"] == text(live.widget)


def test_more_batches_than_announced_are_taken_and_drawn_when_it_is_time(clock) -> None:
    live = widgets.LiveLoss(2)
    for _ in range(5):
        live.add(1.0)
    assert text(live.widget) == described_losses([1.0] * 2, 2)
    clock.advance(1)
    live.add(1.0)
    assert len(live.losses) == 6
    assert text(live.widget) == described_losses([1.0] * 6, 2)


def test_where_drawing_is_slow_the_curve_is_drawn_the_seldomer(clock, drawn, monkeypatch) -> None:
    quick = widgets.plots.plot_live_losses

    def slow(*arguments):
        clock.advance(1)
        return quick(*arguments)

    monkeypatch.setattr(widgets.plots, "plot_live_losses", slow)
    live = widgets.LiveLoss(100_000)
    start, drawn[:] = clock.now, []
    for _ in range(2_000):
        live.add(1.0)
        clock.advance(0.1)
    # A second each, and so one in fifty at most.
    assert 2 <= len(drawn) <= (clock.now - start) / 50 + 1


def test_two_live_curves_share_no_loss(clock) -> None:
    first, second = widgets.LiveLoss(10), widgets.LiveLoss(10)
    first.add(1.0)
    assert second.losses == []
    assert text(second.widget) == described_losses([], 10)
    assert text(first.widget) == described_losses([1.0], 10)


def test_a_live_curve_is_fed_by_a_training() -> None:
    images, labels = randomly(20, 4), torch.arange(20) % 3
    model = nn.Linear(4, 3)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, labels), batch_size=8
    )
    live = widgets.LiveLoss(2 * len(loader))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, loader, optimizer, 2, progress=False, on_batch=live.add)
    assert live.losses == [loss for epoch in history.losses for loss in epoch]
    assert text(live.widget) == described_losses(live.losses, 6)


def test_a_widget_can_be_made_after_all_others_were_closed() -> None:
    arguments = torch.rand(1, 1, 28, 28), torch.tensor([0]), torch.full((2, 1, 10), 0.1)
    widgets.belief_by_epoch(*arguments)
    ipywidgets.Widget.close_all()
    widgets.belief_by_epoch(*arguments)


@pytest.mark.parametrize("value", [float("inf"), 1e39])
@pytest.mark.filterwarnings("error")
def test_a_number_too_large_for_a_pixel_is_shown_without_a_warning(value) -> None:
    widget = widgets.convolution_in_slow_motion({"image": torch.rand(5, 5)})
    first = widget.children[0].children[1].children[0]
    first.value = value
    assert first.value == 99, "the largest number that the box takes"


def test_sliders_moved_at_once_from_two_threads_both_count(monkeypatch) -> None:
    # As in JupyterLab, where the second message arrives while the first is still being drawn.
    image = torch.rand(5, 5)
    widget = widgets.convolution_in_slow_motion({"image": image})
    started, draw = threading.Event(), plots.plot_convolution_step

    def slowly(step):
        started.set()
        time.sleep(0.2)
        return draw(step)

    monkeypatch.setattr(widgets.plots, "plot_convolution_step", slowly)
    first = threading.Thread(target=setattr, args=(control(widget, "padding"), "value", 1))
    first.start()
    started.wait()
    control(widget, "window's place").value = 3
    first.join()
    step = convolution_step(image, kernels()["vertical edges"], place=3, padding=1)
    assert text(widget) == described_step(step)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_waits_while_a_figure_is_drawn_and_is_left_as_it_was(
    enabled, monkeypatch
) -> None:
    widget = widgets.convolution_in_slow_motion({"image": torch.rand(5, 5)})
    draw, seen = plots.plot_convolution_step, []
    monkeypatch.setattr(
        widgets.plots,
        "plot_convolution_step",
        lambda step: (seen.append(gc.isenabled()), draw(step))[1],
    )
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        control(widget, "window's place").value = 2
        assert (seen, gc.isenabled()) == ([False], enabled)
    finally:
        (gc.enable if before else gc.disable)()


def shift_told(digit, right, down):
    image = shifted(IMAGES[digit], right, down)
    probabilities = {name: predict_all(model, image[None])[0] for name, model in readers().items()}
    label = IMAGE_LABELS[digit].item()
    words = f"digit {digit} is a {label}; {described_shift(right, down)}\n{described_answers(probabilities)}"
    return words, plots.plot_shifted_digit(image, probabilities)


def test_a_digit_is_moved_as_the_sliders_say_and_begins_where_it_is() -> None:
    widget = widgets.shifted_digit(readers(), IMAGES, IMAGE_LABELS)
    digit, right, down = parts = controls(widget)
    names = ["digit", "right, pixels", "down, pixels"]
    assert [part.description for part in parts] == names
    assert [(part.min, part.value, part.max) for part in parts] == [
        (0, 0, 2),
        (-10, 0, 10),
        (-10, 0, 10),
    ]
    for values in ((0, 0, 0), (2, 0, 0), (2, 3, 0), (2, 3, -4), (1, -10, 10)):
        digit.value, right.value, down.value = values
        words, figure = shift_told(*values)
        assert text(widget) == words
        assert picture(widget) == saved(figure)


def test_the_networks_are_shown_in_their_order_and_in_evaluation_mode(drawn) -> None:
    models = {"b": network().append(nn.Dropout(0.9)), "a": network()}
    widget = widgets.shifted_digit(models, IMAGES, IMAGE_LABELS)
    name, (image, probabilities) = drawn[-1]
    assert (name, list(probabilities)) == ("plot_shifted_digit", ["b", "a"])
    assert torch.equal(image, IMAGES[0])
    before = text(widget)
    control(widget, "digit").value = 1
    control(widget, "digit").value = 0
    assert text(widget) == before, "no drop-out"


def test_the_names_of_networks_are_not_taken_for_html() -> None:
    widget = widgets.shifted_digit({"<i>a & b</i>": network()}, IMAGES, IMAGE_LABELS)
    assert Page(widget).tags == ["pre", "img"]
    assert "<i>a & b</i> says " in text(widget)


class PadPage(Page):
    """What a browser makes of a drawing pad: of each kind of text, each picture and each bar a list."""

    def __init__(self, widget):
        self.images, self.texts, self.bars, self.inside = [], {}, [], []
        super().__init__(widget)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        if tag == "img":
            self.images.append(dict(attrs))
            return
        self.inside.append(tag)
        if tag == "div" and "background" in dict(attrs)["style"]:
            self.bars.append(dict(attrs)["style"])

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag, "each is closed"

    def handle_data(self, data):
        self.texts.setdefault(self.inside[-1], []).append(data)


class Pad:
    """A drawing pad, and who draws on it."""

    def __init__(self, model=None, **named):
        torch.manual_seed(0)
        self.model = CNN() if model is None else model
        self.widget = widgets.drawing_pad(self.model, **named)
        [self.canvas] = self.all(ipycanvas.Canvas)

    def all(self, kind):
        return [part for part in everything(self.widget) if isinstance(part, kind)]

    def send(self, event, **content):
        self.canvas._handle_frontend_event(None, {"event": event, **content}, [])

    def mouse(self, event, x, y):
        self.send(f"mouse_{event}", x=x, y=y)

    def touch(self, event, *points):
        self.send(f"touch_{event}", touches=[{"x": x, "y": y} for x, y in points])

    def draw(self, stroke):
        self.mouse("down", *stroke[0])
        for point in stroke[1:]:
            self.mouse("move", *point)
        self.mouse("up", *stroke[-1])

    def click(self, name):
        [button] = [b for b in self.all(ipywidgets.Button) if b.description == name]
        button.click()

    def choose(self, name, value):
        [part] = [part for part in controls(self.widget) if part.description == name]
        part.value = value

    @property
    def page(self):
        return PadPage(self.widget)

    @property
    def text(self):
        return self.page.texts["pre"][0]

    def picture(self, number=0):
        kind, data = self.page.images[number]["src"].split(",")
        assert kind == "data:image/png;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.mode == "L"
        return torch.tensor(list(image.tobytes()), dtype=torch.uint8).reshape(
            image.height, image.width
        )

    def shows(self, strokes, canvas_size=None):
        """Whether picture, text and bars are those of these strokes."""
        image = rasterize(strokes, canvas_size=canvas_size)
        probabilities = predict_all(self.model, image[None])[0]
        return (
            torch.equal(self.picture(), enlarged(image))
            and self.text == described_drawing(probabilities, len(strokes))
            and self.widths() == pytest.approx((100 * probabilities).tolist(), abs=0.051)
        )

    def widths(self):
        return [float(re.search(r" width: ([\d.]+)%", style)[1]) for style in self.page.bars]


SEVEN = [(60, 50), (150, 52.5), (220, 50), (180, 140), (140, 230)]
BAR = [(120, 140), (200, 140)]
DOT = [(30, 250)]


@pytest.fixture(autouse=True)
def no_error_in_silence(monkeypatch):
    """ipywidgets writes what goes wrong in a handler of events into a log; here it is raised."""

    def call(dispatcher, *arguments, **named):
        for callback in dispatcher.callbacks:
            callback(*arguments, **named)

    monkeypatch.setattr(ipywidgets.CallbackDispatcher, "__call__", call)


@pytest.fixture(autouse=True)
def open_manager():
    """All canvases share one widget, which closing all widgets closes for good: here it is opened again."""
    manager = ipycanvas.canvas._CANVAS_MANAGER
    if manager.comm is None:
        manager.open()


@pytest.fixture
def pad_clock(monkeypatch):
    """The time that a drawing pad goes by."""
    clock = Clock()
    monkeypatch.setattr(
        widgets.explore, "Pace", lambda interval, share: Pace(interval, share, clock=clock)
    )
    return clock


@pytest.fixture
def commands(monkeypatch):
    """What is drawn on canvases, as (name, arguments)."""
    calls = []

    def counted(name):
        method = getattr(ipycanvas.Canvas, name)

        def draw(canvas, *arguments):
            calls.append((name, *arguments))
            return method(canvas, *arguments)

        return draw

    for name in ("fill_rect", "fill_circle", "stroke_line", "stroke_lines"):
        monkeypatch.setattr(ipycanvas.Canvas, name, counted(name))
    return calls


@pytest.fixture
def recorders(monkeypatch):
    """The recorders of the pads that are made."""
    made = []

    def make_recorder():
        made.append(StrokeRecorder())
        return made[-1]

    monkeypatch.setattr(widgets, "StrokeRecorder", make_recorder)
    return made


def test_a_pad_begins_black_and_asks_for_a_digit() -> None:
    pad = Pad()
    assert pad.text == "draw a digit"
    assert pad.shows([])
    assert not pad.picture().any()
    assert (pad.canvas.width, pad.canvas.height) == (280, 280)
    assert pad.page.tags.count("img") == 1
    names = [part.description for part in controls(pad.widget)]
    assert names == ["fit and centre, as in MNIST", "feature maps"]
    assert [button.description for button in pad.all(ipywidgets.Button)] == ["undo", "clear"]


def test_a_pad_shows_the_picture_that_the_network_gets_and_what_it_says() -> None:
    pad = Pad()
    for number, stroke in enumerate((SEVEN, BAR, DOT), start=1):
        pad.draw(stroke)
        assert pad.shows([SEVEN, BAR, DOT][:number])
    assert pad.text.startswith("3 strokes: the network says ")
    assert pad.picture().shape == (280, 280)
    assert pad.picture().any()


def test_the_picture_of_a_pad_is_described_by_the_text_above_it() -> None:
    pad = Pad()
    for _ in range(2):
        assert pad.page.images[0]["alt"] == pad.text
        pad.draw(SEVEN)


class Fixed(nn.Module):
    """Says the same whatever it sees."""

    def __init__(self, probabilities):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probabilities).log())

    def forward(self, images):
        return self.logits.expand(len(images), 10)


def test_the_bars_are_as_wide_as_the_probabilities_and_the_answers_is_blue() -> None:
    shares = [0.02, 0.03, 0.0, 0.12, 0.006, 0.6, 0.1, 0.05, 0.01, 0.064]
    pad = Pad(Fixed(shares))
    pad.draw(DOT)
    assert pad.widths() == [2, 3, 0, 12, 0.6, 60, 10, 5, 1, 6.4]
    assert pad.page.texts["b"] == [*map(str, range(10))]
    assert pad.page.texts["span"] == [f"{share:.0%}" for share in shares]
    assert [plots.BLUE in style for style in pad.page.bars] == [digit == 5 for digit in range(10)]
    assert pad.text == "1 stroke: the network says 5 (60%), then 3 (12%)"


def test_hovering_without_a_press_draws_nothing(commands) -> None:
    pad = Pad()
    commands.clear()
    for point in SEVEN:
        pad.mouse("move", *point)
    pad.mouse("up", 10, 10)
    pad.mouse("out", 300, 10)
    assert commands == []
    assert pad.shows([])
    pad.draw(SEVEN)
    drawn = list(commands)
    pad.mouse("move", 10, 10)
    assert pad.shows([SEVEN])
    assert commands == drawn


def test_leaving_the_pad_ends_the_stroke(commands) -> None:
    pad = Pad()
    pad.mouse("down", *BAR[0])
    pad.mouse("move", *BAR[1])
    pad.mouse("out", 281, 140)
    assert pad.shows([BAR])
    commands.clear()
    # It comes back, without a press or with the button let go outside.
    pad.mouse("move", 100, 100)
    pad.mouse("up", 100, 100)
    assert commands == []
    assert pad.shows([BAR])
    pad.draw(SEVEN)
    assert pad.shows([BAR, SEVEN])


def test_a_click_makes_a_dot() -> None:
    pad = Pad()
    pad.draw(DOT)
    assert pad.text.startswith("1 stroke: ")
    assert pad.shows([DOT])
    assert pad.picture().any()


def test_undo_takes_the_last_stroke_and_clear_all() -> None:
    pad = Pad()
    for stroke in (SEVEN, BAR, DOT):
        pad.draw(stroke)
    pad.click("undo")
    assert pad.shows([SEVEN, BAR])
    pad.click("undo")
    assert pad.shows([SEVEN])
    pad.draw(DOT)
    assert pad.shows([SEVEN, DOT])
    pad.click("clear")
    assert pad.shows([])
    for name in ("clear", "undo"):
        pad.click(name)
        assert pad.shows([])
    pad.draw(BAR)
    assert pad.shows([BAR])


@pytest.mark.parametrize(("name", "left"), [("undo", [SEVEN]), ("clear", [])])
def test_what_is_forgotten_while_it_is_drawn_on_a_pad_is_gone(name, left) -> None:
    pad = Pad()
    pad.draw(SEVEN)
    pad.mouse("down", *BAR[0])
    pad.click(name)
    pad.mouse("move", *BAR[1])
    pad.mouse("up", *BAR[1])
    assert pad.shows(left)


def drawn_on_canvas(strokes, width):
    circles = [("fill_circle", *stroke[0], width / 2) for stroke in strokes]
    lines = [("stroke_lines", stroke) for stroke in strokes]
    together = itertools.chain.from_iterable(zip(circles, lines, strict=True))
    return [("fill_rect", 0, 0, 280, 280), *together]


def test_the_canvas_shows_what_is_drawn_while_it_is_drawn(commands) -> None:
    pad = Pad()
    assert commands == [("fill_rect", 0, 0, 280, 280)]
    assert (pad.canvas.fill_style, pad.canvas.stroke_style) == ("white", "white")
    assert (pad.canvas.line_cap, pad.canvas.line_join) == ("round", "round")
    commands.clear()
    pad.draw(SEVEN)
    assert commands == [
        ("fill_circle", *SEVEN[0], pad.canvas.line_width / 2),
        *(("stroke_line", *start, *end) for start, end in itertools.pairwise(SEVEN)),
    ]


def test_the_canvas_is_drawn_again_without_what_is_forgotten_and_for_a_page_that_is_opened_again(
    commands,
) -> None:
    pad = Pad()
    for stroke in (SEVEN, DOT, BAR):
        pad.draw(stroke)
    width = pad.canvas.line_width
    for act, left in (
        (lambda: pad.click("undo"), [SEVEN, DOT]),
        (lambda: pad.send("client_ready"), [SEVEN, DOT]),
        (lambda: pad.click("clear"), []),
    ):
        commands.clear()
        act()
        assert commands == drawn_on_canvas(left, width)
        assert pad.shows(left)
    assert (pad.canvas.fill_style, pad.canvas.stroke_style) == ("white", "white")


def test_the_box_changes_the_picture_to_the_pad_as_it_is() -> None:
    pad = Pad()
    pad.draw(BAR)
    assert pad.shows([BAR])
    pad.choose("fit and centre, as in MNIST", False)
    assert pad.shows([BAR], canvas_size=(280, 280))
    assert not pad.shows([BAR])
    pad.draw(DOT)
    assert pad.shows([BAR, DOT], canvas_size=(280, 280))
    pad.choose("fit and centre, as in MNIST", True)
    assert pad.shows([BAR, DOT])


def test_a_pad_may_be_of_another_size() -> None:
    pad = Pad(size=140)
    assert (pad.canvas.width, pad.canvas.height) == (140, 140)
    half = [(x / 2, y / 2) for x, y in SEVEN]
    pad.draw(half)
    assert pad.shows([half])
    pad.choose("fit and centre, as in MNIST", False)
    assert pad.shows([half], canvas_size=(140, 140))
    assert pad.shows([SEVEN], canvas_size=(280, 280)), "half the size, and so the same picture"


def test_the_feature_maps_of_each_block_can_be_shown_below() -> None:
    pad = Pad()
    blocks = ["block_1", "block_2", "block_3"]
    [layer] = pad.all(ipywidgets.Dropdown)
    assert (layer.options, layer.value) == (("none", *blocks), "none")
    pad.draw(SEVEN)
    for strokes in ([SEVEN], [SEVEN, BAR]):
        for block in blocks:
            pad.choose("feature maps", block)
            maps = block_output(pad.model, block, rasterize(strokes))
            words = described_maps(block, maps)
            assert pad.page.texts["pre"][1:] == [words]
            assert len(pad.page.images) == 2
            assert pad.page.images[1]["alt"] == words
            assert torch.equal(pad.picture(1), tiled(maps))
            assert pad.shows(strokes)
        pad.choose("feature maps", "none")
        assert len(pad.page.images) == len(pad.page.texts["pre"]) == 1
        pad.draw(BAR)


def test_the_feature_maps_follow_the_drawing_at_the_end_of_each_stroke() -> None:
    pad = Pad()
    pad.choose("feature maps", "block_1")
    strokes = []
    for stroke in (SEVEN, DOT, BAR):
        pad.draw(stroke)
        strokes.append(stroke)
        maps = block_output(pad.model, "block_1", rasterize(strokes))
        assert torch.equal(pad.picture(1), tiled(maps))
    pad.choose("fit and centre, as in MNIST", False)
    image = rasterize(strokes, canvas_size=(280, 280))
    assert torch.equal(pad.picture(1), tiled(block_output(pad.model, "block_1", image)))
    pad.click("clear")
    maps = block_output(pad.model, "block_1", torch.zeros(1, 28, 28))
    assert torch.equal(pad.picture(1), tiled(maps))


def test_a_network_without_blocks_has_no_feature_maps_to_choose() -> None:
    pad = Pad(MLP())
    [layer] = pad.all(ipywidgets.Dropdown)
    assert layer.options == ("none",)
    pad.draw(SEVEN)
    assert pad.shows([SEVEN])


def test_the_name_of_a_block_is_not_taken_for_html() -> None:
    name = 'block_<b>"1" & 2</b>'
    pad = Pad(
        nn.Sequential(
            OrderedDict(
                [(name, nn.Conv2d(1, 2, 3)), ("f", nn.Flatten()), ("o", nn.Linear(1352, 10))]
            )
        )
    )
    tags = pad.page.tags
    pad.choose("feature maps", name)
    assert pad.page.tags == [*tags, "pre", "img"]
    assert pad.page.texts["pre"][1].startswith(f"{name}: 2 feature maps of 26×26; ")


def test_the_network_of_a_pad_answers_in_evaluation_mode() -> None:
    model = CNN()
    model.block_1.append(nn.Dropout(0.9))
    pad = Pad(model.train())
    pad.draw(SEVEN)
    first = pad.page.images[0]["src"], pad.text, pad.widths()
    pad.send("client_ready")
    assert (pad.page.images[0]["src"], pad.text, pad.widths()) == first


def test_a_finger_draws_as_the_mouse_does(commands) -> None:
    pad, other = Pad(), Pad()
    commands.clear()
    pad.draw(SEVEN)
    by_mouse = list(commands)
    commands.clear()
    other.touch("start", SEVEN[0])
    for point in SEVEN[1:]:
        other.touch("move", point)
    other.touch("end")
    assert commands == by_mouse
    assert other.shows([SEVEN])
    assert other.text == pad.text
    other.touch("move", (5, 5))
    assert other.shows([SEVEN])


@pytest.mark.parametrize("end", ["end", "cancel"])
def test_of_several_fingers_on_a_pad_the_first_draws(end) -> None:
    pad = Pad()
    pad.touch("start", BAR[0], (5, 5))
    pad.touch("move", BAR[1], (9, 9))
    pad.touch("move")
    pad.touch(end, (9, 9))
    pad.touch("move", (9, 9))
    assert pad.shows([BAR])
    pad.touch("start", DOT[0])
    pad.touch(end)
    assert pad.shows([BAR, DOT])


def test_a_touch_without_a_finger_draws_nothing() -> None:
    pad = Pad()
    pad.touch("start")
    pad.touch("move")
    pad.touch("end")
    assert pad.shows([])


@pytest.mark.filterwarnings("error")
def test_a_pad_uses_nothing_that_is_deprecated() -> None:
    Pad().draw(SEVEN)


def test_a_point_beside_the_pad_does_no_harm() -> None:
    pad = Pad()
    stroke = [(-20.5, 10), (300, 1e4), (140, -5)]
    pad.draw(stroke)
    assert pad.shows([stroke])
    pad.choose("fit and centre, as in MNIST", False)
    assert pad.shows([stroke], canvas_size=(280, 280))


def test_the_network_answers_while_it_is_drawn_as_often_as_it_is_time(pad_clock) -> None:
    pad = Pad()
    pad.choose("feature maps", "block_1")
    shown, stroke = [], [(60, 50)]
    pad.mouse("down", 60, 50)
    for step in range(1, 41):
        pad_clock.advance(0.01)
        stroke.append((60 + 4 * step, 50 + 2 * step))
        before = pad.page.images
        pad.mouse("move", *stroke[-1])
        if pad.page.images != before:
            shown.append(step)
            assert pad.shows([stroke])
            assert pad.page.images[1] == before[1], "the maps wait for the end of the stroke"
    assert shown == [1, 9, 17, 25, 33]
    pad.mouse("up", *stroke[-1])
    assert pad.shows([stroke]), "the end of a stroke waits for nothing"
    maps = block_output(pad.model, "block_1", rasterize([stroke]))
    assert torch.equal(pad.picture(1), tiled(maps))


def test_where_the_network_is_slow_it_answers_the_seldomer(pad_clock, monkeypatch) -> None:
    pad = Pad()
    answers = []

    def slowly(model, images):
        answers.append(pad_clock.now)
        pad_clock.advance(1)
        return predict_all(model, images)

    monkeypatch.setattr(widgets.insights, "predict_all", slowly)
    pad.mouse("down", 0, 0)
    for step in range(100):
        pad_clock.advance(0.1)
        pad.mouse("move", step, step)
    assert 2 <= len(answers) <= (pad_clock.now - 100) / 3 + 1
    pad.mouse("up", 99, 99)
    assert pad.shows([[(0, 0), *((step, step) for step in range(100))]])


def test_two_pads_know_nothing_of_each_other() -> None:
    model = CNN()
    first, second = Pad(model), Pad(model)
    first.mouse("down", *SEVEN[0])
    second.mouse("move", *BAR[1])
    first.mouse("up", *SEVEN[0])
    assert second.shows([])
    second.draw(BAR)
    second.choose("fit and centre, as in MNIST", False)
    assert first.shows([SEVEN[:1]])


def test_events_from_several_threads_lose_no_stroke_and_no_point(recorders, commands) -> None:
    pad = Pad()
    [recorder] = recorders
    commands.clear()

    def draw(number):
        for stroke in range(20):
            pad.mouse("down", number, stroke)
            for step in range(1, 5):
                pad.mouse("move", number + step / 10, stroke + step / 10)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(draw, range(8)))
    pad.mouse("up", 0, 0)
    points = [point for stroke in recorder.strokes for point in stroke]
    assert sorted(points) == sorted(
        (number + step / 10, stroke + step / 10)
        for number in range(8)
        for stroke in range(20)
        for step in range(5)
    )
    assert len(recorder.strokes) == 160
    assert pad.shows(recorder.strokes)
    # On the canvas stands what was recorded: each stroke's beginning, and each piece from point to point.
    assert [command[1:3] for command in commands if command[0] == "fill_circle"] == [
        stroke[0] for stroke in recorder.strokes
    ]
    pieces = [p for stroke in recorder.strokes for p in itertools.pairwise(stroke)]
    lines = [command[1:] for command in commands if command[0] == "stroke_line"]
    assert sorted(lines) == sorted((*start, *end) for start, end in pieces)


class Slow(nn.Module):
    """Takes its time, and notes how many ask it at once."""

    def __init__(self, seconds):
        super().__init__()
        torch.manual_seed(0)
        self.seconds = 0.0
        self.once_drawn_on = seconds
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        self.asked = threading.Event()
        self.asking = self.most = 0

    def forward(self, images):
        self.asking += 1
        self.most = max(self.most, self.asking)
        self.asked.set()
        time.sleep(self.seconds)
        self.asking -= 1
        return self.reader(images)


def slow_pad(seconds):
    model = Slow(seconds)
    pad = Pad(model)
    model.seconds = model.once_drawn_on
    model.asked.clear()
    return pad, model


def test_the_network_is_asked_by_one_thread_at_a_time() -> None:
    pad, model = slow_pad(0.01)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pad.draw, [SEVEN, BAR, DOT, SEVEN]))
    assert model.most == 1
    assert pad.text.startswith("4 strokes: ")


def test_the_network_is_not_asked_where_nothing_is_drawn() -> None:
    pad, model = slow_pad(0)
    for event in ("move", "up", "out"):
        pad.mouse(event, 10, 10)
    pad.touch("move", (10, 10))
    for event in ("end", "cancel"):
        pad.touch(event)
    assert not model.asked.is_set()


def test_what_is_drawn_while_the_network_computes_is_not_lost() -> None:
    pad, model = slow_pad(0.2)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pad.draw, BAR)
        assert model.asked.wait(10)
        first.result()
        model.asked.clear()
        again = threads.submit(pad.click, "undo")
        assert model.asked.wait(10)
        pad.draw(SEVEN)
        pad.draw(DOT)
        again.result()
    model.seconds = 0.0
    assert pad.shows([SEVEN, DOT])


def test_events_that_wait_for_the_network_are_taken_in_turn(recorders) -> None:
    pad, model = slow_pad(0.2)
    [recorder] = recorders
    with ThreadPoolExecutor(5) as threads:
        ended = threads.submit(pad.draw, DOT)
        assert model.asked.wait(10)
        waiting = [
            threads.submit(pad.mouse, "down", 10 * number, 20 * number) for number in range(1, 5)
        ]
        for event in (ended, *waiting):
            event.result()
    model.seconds = 0.0
    pad.mouse("up", 0, 0)
    assert sorted(recorder.strokes) == sorted([DOT, *([(10 * n, 20 * n)] for n in range(1, 5))])
    assert pad.shows(recorder.strokes)


def test_the_collector_waits_while_the_network_answers_and_is_left_as_it_was(monkeypatch) -> None:
    pad, seen = Pad(), []
    monkeypatch.setattr(
        widgets.insights,
        "predict_all",
        lambda *arguments: (seen.append(gc.isenabled()), predict_all(*arguments))[1],
    )
    before = gc.isenabled()
    gc.enable()
    try:
        pad.draw(DOT)
        assert (seen, gc.isenabled()) == ([False], True)
    finally:
        (gc.enable if before else gc.disable)()


def test_a_pad_works_after_a_network_has_failed_once(monkeypatch) -> None:
    pad = Pad()
    with monkeypatch.context() as broken:
        broken.setattr(widgets.insights, "predict_all", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pad.draw(BAR)
    assert gc.isenabled()
    pad.draw(SEVEN)
    assert "2 strokes: " in pad.text
