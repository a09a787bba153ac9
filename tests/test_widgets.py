from functools import partial
import gc
import itertools
from statistics import fmean
import threading
import time

from by_hand import digits, generator
from ipywidgets import HTML, BoundedFloatText, Dropdown, IntSlider
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from mnist_helpers import plots, widgets
from mnist_helpers.batches import random_affine
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN
from mnist_helpers.shapes import kernels
from moving import controls, found, move, parts, pictures
import pytest
import torch
from torch import nn
import torch.nn.functional as F

DATASET = digits(1_213, start=2)
IMAGES, LABELS = DATASET.data[:3, None, 8:20, 8:20] / 255, torch.tensor([7, 0, 4])
PICTURES = {"wide": IMAGES[0, 0, :5, :8], "high": IMAGES[1, 0, :7, :4]}
BELIEFS = torch.full((5, 3, 10), 0.05)
BELIEFS[:, :, 0] = 0.55
BELIEFS[1, 0], BELIEFS[1, 0, 7] = 0.02, 0.82
NETWORK = nn.Sequential(
    *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(80, 10)),
)
READERS = {'<i>"one" & all</i>': NETWORK, "two": nn.Sequential(nn.Flatten(), nn.Linear(144, 10))}
GIVEN = {
    "leaf_through": (DATASET,),
    "convolution_in_slow_motion": (PICTURES,),
    "network_explorer": (NETWORK, IMAGES, LABELS),
    "belief_by_epoch": (IMAGES, LABELS, BELIEFS),
    "digit_changer": (IMAGES, LABELS),
    "shifted_digit": (READERS, IMAGES, LABELS),
    "processes_that_pay": (1_000_000,),
}
MAKERS = {name: partial(getattr(widgets, name), *given) for name, given in GIVEN.items()}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture
def drawn(monkeypatch):
    """The arguments with which figures are drawn; in their place stands a blank sheet."""
    calls = []

    def blank(*arguments, **named):
        calls.append((*arguments, *named.values()))
        return plots.style.Figure(figsize=(0.1, 0.1))

    for name in plots.__all__:
        monkeypatch.setattr(plots, name, blank)
    return calls


@each
def test_each_control_has_a_name_and_changes_the_figure_with_its_text(make, monkeypatch):
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda *a, **named: save(*a, **named | {"dpi": 25}))
    widget, other = make(), make()
    beginning = pictures(widget)
    assert pictures(other) == beginning
    # The first, which moves others, is the last to be changed.
    for name, part in reversed(controls(widget).items()):
        width = part.style.description_width
        # In most typefaces a character is narrower than half a height. None of 0 is cut in two.
        assert width == "0" or float(width.removesuffix("em")) >= 0.45 * len(name) > 0
        before = pictures(widget)
        if isinstance(part, Dropdown):
            part.index = (part.index + 1) % len(part.options)
        else:
            part.value += 1 if part.value < part.max else -1
        assert pictures(widget) != before, name
        assert found(widget, r'<img [^>]*alt="([^"]*)"') == [move(widget)]
    assert pictures(other) == beginning, "two widgets know nothing of each other"
    assert plt.get_fignums() == []


@each
def test_the_ends_of_every_slider_can_be_shown_and_each_move_draws_once(make, drawn):
    widget = make()
    assert len(drawn) == 1
    for index in (-1, 0):
        for part in parts(widget, Dropdown):
            part.index = range(len(part.options))[index]
        for part in parts(widget, IntSlider):
            assert (part.step, part.continuous_update) == (1, True), "follows the arrow keys"
            for end in (part.max, part.min, part.max):
                drawn.clear()
                moves = part.value != end
                part.value = end
                assert len(drawn) == moves, part.description


@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        (MAKERS["convolution_in_slow_motion"], "window's place", (5, 3)),
        (lambda: widgets.drawing_pad(CNN()), "feature maps", ("block_1", "block_2")),
    ],
)
def test_what_comes_while_a_figure_is_drawn_is_drawn_after_it(make, name, values):
    widget, seen = make(), []
    thread = threading.Thread(target=move, args=(widget, (name, values[1])))

    def look(_):
        if thread.ident is None:
            thread.start()
        seen.append((threading.get_ident(), gc.isenabled()))
        time.sleep(0.1)
        assert seen[-1] == (threading.get_ident(), False), "one after the other"

    for part in parts(widget, HTML):
        part.observe(look, "value")
    move(widget, (name, values[0]))
    thread.join()
    assert {one for one, _ in seen} == {threading.get_ident(), thread.ident}
    assert gc.isenabled(), "the garbage collector waits while something is drawn, and no longer"


def test_digits_of_a_class_are_leafed_through_and_a_pixel_is_told_and_framed(drawn):
    widget = MAKERS["leaf_through"]()
    value = DATASET.data[0, 8, 12].item()
    told = f"sample 0 is a 4; image[0, 8, 12] = {value / 255:.4f} = {value} / 255"
    assert move(widget) == told
    crops = {(8, 12): ((6, 11), (10, 15)), (0, 27): ((0, 5), (23, 28)), (26, 1): ((23, 28), (0, 5))}
    for pixel, ends in crops.items():
        move(widget, ("number", 5), ("row", pixel[0]), ("column", pixel[1]))
        assert torch.equal(drawn[-1][0], DATASET[5][0])
        assert drawn[-1][1:] == (*(slice(*end) for end in ends), pixel)
    number, labels = controls(widget)["number"], DATASET.targets
    for digit in [*map(str, range(10)), "all"]:
        indices = [n for n, label in enumerate(labels) if digit in (str(label.item()), "all")]
        move(widget, ("digit", digit))
        assert (number.value, number.max) == (0, len(indices) - 1)
        told = f"sample {indices[-1]:,} is a {labels[indices[-1]]};"
        assert move(widget, ("number", number.max)).startswith(told)


def test_slow_motion_tells_the_sum_and_the_sizes(drawn):
    image = torch.zeros(5, 6)
    image[:3, :3] = torch.tensor([[0.5, 1, 0.25], [1, 1, 1], [0, 1 / 255, 0]])
    widget = widgets.convolution_in_slow_motion({"image": image})
    typed = {"[0, 0]": 2.25444, "[0, 2]": -0.5, "[1, 0]": 12.25, "[2, 0]": -0.001}
    typed = {f"kernel{place}": value for place, value in typed.items()}
    move(widget, ("window's place", 0), ("kernel", "sharpen"))
    assert move(widget, *typed.items(), ("stride", 2)) == (
        "output[0, 0]:\n"
        "0.50 × 2.25 + 1.00 × (-1) + 0.25 × (-0.5)  =   0.00\n"
        "1.00 × 12.25 + 1.00 × 5 + 1.00 × (-1)      =  16.25\n"
        "0.00 × 0 + 0.00 × (-1) + 0.00 × 0          =   0.00\n"
        "                                      sum  =  16.25\n\n"
        "height: (5 + 2 · 0 − 3) // 2 + 1 = 2\n"
        "width:  (6 + 2 · 0 − 3) // 2 + 1 = 2"
    )
    assert {name: controls(widget)[name].value for name in typed} == typed


def test_the_window_starts_at_an_edge_and_stays_where_it_can(drawn):
    digit, small = torch.zeros(9, 12), torch.eye(4)
    digit[5:, :7] = 1
    widget = widgets.convolution_in_slow_motion({"digit": digit, "small": small})
    name, place = "window's place", controls(widget)["window's place"]
    for change, corner in [
        (("padding", 0), (5, 5)),  # as it begins: the first of the windows whose sum is -3
        *[((name, 24), (2, 4)), (("stride", 3), (3, 3)), (("padding", 2), (1, 4))],
        *[(("padding", 0), (3, 3)), (("stride", 1), (2, 4)), (("padding", 2), (2, 4))],
        *[((name, 142), (8, 0)), (("padding", 0), (6, 0)), (("padding", 2), (8, 0))],
        *[((name, 13), (-2, 11)), (("padding", 0), (0, 9)), (("stride", 2), (0, 8))],
        *[(("image", "small"), (0, 0)), (("image", "digit"), (6, 6))],
    ]:
        move(widget, change)
        [step] = drawn[-1]
        assert (step.top - step.padding, step.left - step.padding) == corner, change
        assert place.max == step.output.numel() - 1


def test_a_known_kernel_fills_the_boxes_and_a_typed_number_makes_it_your_own(drawn):
    widget = MAKERS["convolution_in_slow_motion"]()
    boxes, place = parts(widget, BoundedFloatText), ("window's place", 7)
    move(widget, place)
    for name, kernel in reversed(kernels().items()):
        drawn.clear()
        move(widget, ("kernel", name))
        assert len(drawn) == 1
        typed = [box.value for box in boxes]
        assert typed == pytest.approx(kernel.flatten().tolist(), abs=1e-4)
        # What is shown is the kernel itself, not the rounded numbers in the boxes.
        assert torch.equal(drawn[-1][0].kernel, kernel)
        move(widget, ("kernel[1, 2]", float("inf")), ("stride", 1), ("kernel", "your own"))
        assert controls(widget)["kernel"].value == "your own"
        # 99 is the largest number that a box takes.
        assert drawn[-1][0].kernel.flatten().tolist() == pytest.approx([*typed[:5], 99, *typed[6:]])
    assert controls(widget)[place[0]].value == 7


def test_a_unit_is_chosen_and_stays_where_it_was_on_the_digit(drawn):
    NETWORK.train()
    widget = MAKERS["network_explorer"]()
    part, unit = controls(widget), [("channel", 4), ("row", 2), ("column", 1), ("input channel", 3)]
    text = move(widget, ("digit", 2), ("layer", "3 Conv2d, ReLU"), *unit)
    assert text == "digit 2 of the batch, a 4\n", "and then the figure's own words"
    views, step, in_channel = drawn[-1]
    assert torch.equal(views[0].input, IMAGES[2])
    assert torch.equal(views[-1].output.flatten(), NETWORK(IMAGES[2:])[0])
    assert (step.layer, step.unit, in_channel) == (2, (4, 2, 1), 3)
    assert [part[name].max for name, _ in unit] == [4, 3, 3, 3]
    move(widget, ("layer", "2 MaxPool2d"), ("channel", 1))
    views, step, in_channel = drawn[-1]
    assert (step.layer, step.unit, in_channel) == (1, (1, 3, 1), 1), "pooling sees its own channel"
    assert part["input channel"].disabled
    move(widget, ("layer", "6 Linear"), ("channel", 9))
    assert drawn[-1][1].unit == (9, 0, 0)
    assert part["row"].disabled
    assert part["column"].disabled
    move(widget, ("layer", "0 Conv2d, ReLU"))
    assert drawn[-1][1].unit == (3, 6, 2)
    assert NETWORK.training


def test_the_beliefs_of_each_epoch_are_told_from_before_the_training_on(drawn):
    widget, live = MAKERS["belief_by_epoch"](), widgets.LiveLoss(1)
    told = ["before training: 1 of 3 right; probability of the right digit 0.22 on average"]
    told += ["after epoch 1: 2 of 3 right; probability of the right digit 0.47 on average"]
    for epoch, text in enumerate(told):
        assert move(widget, ("epoch", epoch)) == text
        live.show_beliefs(IMAGES, LABELS, BELIEFS[epoch])
        assert found(live.widget, r"<pre[^>]*>([^<]*)</pre>") == ["batch 0 of 1", text]
    for figure in (drawn[-1], drawn[-2]):
        assert all(map(torch.equal, figure, (IMAGES, LABELS, BELIEFS[1])))


def test_a_digit_is_changed_as_the_sliders_say(drawn, random_numbers_stay):
    widget = MAKERS["digit_changer"]()
    told = "digit 0 is a 7; rotated by up to 10°, stretched by up to 10%, moved by up to 2 pixels"
    assert move(widget) == told, "as the lesson trains it"
    names = ("digit", "rotation, degrees", "stretch, per cent", "shift, pixels", "draw")
    told = "digit 2 is a 4; rotated by up to 45°, stretched by up to 30%, moved by up to 5 pixels"
    assert move(widget, *zip(names, (2, 45, 30, 5, 7), strict=True)) == told
    expected = random_affine(IMAGES[[2] * 15], 45, 0.3, 5, generator=generator(7))
    assert all(map(torch.equal, drawn[-1], (IMAGES[2], expected)))


def test_a_digit_is_moved_and_the_networks_answers_are_told(drawn):
    widget = MAKERS["shifted_digit"]()
    assert move(widget).startswith("digit 0 is a 7; moved 0 to the right, 0 down\n")
    told = {(3, -4): "3 to the right, 4 up", (-10, 10): "10 to the left, 10 down"}
    for (right, down), words in told.items():
        text = move(widget, ("digit", 1), ("right, pixels", right), ("down, pixels", down))
        image, probabilities = drawn[-1]
        expected = F.pad(IMAGES[1], (10,) * 4)[:, 10 - down :, 10 - right :][:, :12, :12]
        assert torch.equal(image, expected), "what comes in is black"
        answers = []
        for (name, model), shares in zip(READERS.items(), probabilities.values(), strict=True):
            assert torch.equal(shares, predict_all(model, expected[None])[0])
            answers.append(f"{name} says {shares.argmax()} ({shares.max():.0%})")
        assert text == f"digit 1 is a 0; moved {words}\n{'; '.join(answers)}"


def test_the_price_of_several_processes_is_told(drawn):
    moves = [("a step, ms", 40), ("size, × this", 5), ("wire, Gbit/s", 4)]
    # 5 MB at 500 MB a second; two send all of it, eight 14 / 8, each.
    assert move(MAKERS["processes_that_pay"](), *moves) == (
        "5,000,000 bytes of gradients; two processes spend 10.0 ms a step on them\n"
        "two are 1.33 times as fast as one, eight 1.78 times"
    )
    [gains] = drawn[-1][0].values()
    assert gains == pytest.approx([40 / (40 / n + 20 * (n - 1) / n) for n in range(1, 9)])


@pytest.mark.parametrize(("cost", "pause"), [(0, 0.5), (0.2, 20)])
def test_a_live_curve_is_drawn_seldom_and_after_the_last_batch(cost, pause, monkeypatch):
    now, drawn = [100.0], []

    def slowly(*arguments):
        drawn.append((now[0], arguments))
        now[0] += cost
        return Figure(figsize=(0.1, 0.1))

    monkeypatch.setattr(widgets, "perf_counter", lambda: now[0])
    monkeypatch.setattr(plots, "plot_live_losses", slowly)
    live = widgets.LiveLoss(1_100)
    assert drawn.pop(0)[1] == ([], 1_100)
    losses = torch.rand(1_100).tolist()
    for loss in losses:
        now[0] += 0.05
        live.add(loss)
    mean = f"{fmean(losses[-100:]):.3f}"
    assert move(live.widget) == f"batch 1,100 of 1,100; mean loss of the last 100: {mean}"
    assert drawn[-1][1] == (losses, 1_100)
    pauses = [after[0] - before[0] - cost for before, after in itertools.pairwise(drawn[:-1])]
    assert pauses == pytest.approx([pause] * len(pauses), abs=0.06)
    assert len(pauses) >= 2
