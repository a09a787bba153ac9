"""The widgets without a browser: values of sliders are set, events of the mouse are sent."""

import base64
from concurrent.futures import ThreadPoolExecutor
import gc
import html
import io
import itertools
import re
from statistics import fmean
import threading
import time

import ipycanvas
import ipywidgets
from ipywidgets import BoundedFloatText, Checkbox, Dropdown, IntSlider
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from mnist_helpers import plots, widgets
from mnist_helpers.batches import random_affine
from mnist_helpers.drawing import rasterize
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN
from mnist_helpers.shapes import kernels, layer_views, seen_patch
from PIL import Image
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torchvision.datasets import MNIST


class Digits(MNIST):
    """Stands for MNIST: few labels, images by their index, and no file."""

    def __init__(self, labels):
        self.targets = torch.tensor(labels)

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.rand(1, 28, 28, generator=generator), self.targets[index].item()


class Says(nn.Module):
    """Gives the same probabilities whatever it sees, and notes how many ask it at once."""

    def __init__(self, shares):
        super().__init__()
        rest = (1 - sum(shares.values())) / (10 - len(shares))
        self.logits = nn.Parameter(torch.tensor([shares.get(d, rest) for d in range(10)]).log())
        self.seconds, self.asking, self.most = 0.0, 0, 0

    def forward(self, images):
        self.asking += 1
        self.most = max(self.most, self.asking)
        time.sleep(self.seconds)
        self.asking -= 1
        return self.logits.expand(len(images), 10)


DATASET = Digits([3, 1, 3, 0, 4, 5, 6, 7, 8, 9, 2, 3] + [0] * 1_200 + [9])
IMAGES = torch.stack([DATASET[number][0] for number in range(3)])[..., :12, :12]
LABELS = torch.tensor([7, 0, 4])
PICTURES = {"wide": IMAGES[0, 0, :5, :8], "high": IMAGES[1, 0, :7, :4]}
BELIEFS = torch.full((5, 3, 10), 0.05)
BELIEFS[:, :, 0] = 0.55
BELIEFS[1, 0], BELIEFS[1, 0, 7] = 0.02, 0.82
NETWORK = nn.Sequential(
    *(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3)),
    *(nn.Flatten(), nn.Linear(80, 10)),
)
READERS = {'<i>"one" & all</i>': Says({3: 0.876}), "two": Says({8: 0.5, 3: 0.4})}
MAKERS = {
    "leaf_through": lambda: widgets.leaf_through(DATASET),
    "convolution_in_slow_motion": lambda: widgets.convolution_in_slow_motion(PICTURES),
    "layer_explorer": lambda: widgets.layer_explorer(NETWORK, IMAGES, LABELS),
    "belief_by_epoch": lambda: widgets.belief_by_epoch(IMAGES, LABELS, BELIEFS),
    "digit_changer": lambda: widgets.digit_changer(IMAGES, LABELS),
    "shifted_digit": lambda: widgets.shifted_digit(READERS, IMAGES, LABELS),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def parts(widget, kind):
    inside = [part for child in getattr(widget, "children", ()) for part in parts(child, kind)]
    return [widget, *inside] if isinstance(widget, kind) else inside


def controls(widget):
    kinds = (IntSlider, Dropdown, BoundedFloatText, Checkbox)
    return {part.description: part for part in parts(widget, kinds)}


def move(widget, *moves):
    """Move controls, each given by name and value; return the text that stands there then."""
    for name, value in moves:
        part = controls(widget)[name]
        setattr(part, "label" if isinstance(part, Dropdown) else "value", value)
    return found(widget, r"<pre[^>]*>([^<]*)</pre>")[0]


def found(widget, pattern):
    page = "".join(part.value for part in parts(widget, ipywidgets.HTML))
    return [html.unescape(text) for text in re.findall(pattern, page)]


def picture(widget, number=0):
    data = found(widget, r'<img [^>]*src="data:image/png;base64,([^"]*)"')
    return base64.b64decode(data[number])


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda *a, **named: save(*a, dpi=25, **named))


@pytest.fixture(autouse=True)
def no_error_in_silence(monkeypatch):
    """ipywidgets writes what goes wrong in a handler of events into a log; here it is raised."""

    def call(dispatcher, *arguments):
        for callback in dispatcher.callbacks:
            callback(*arguments)

    monkeypatch.setattr(ipywidgets.CallbackDispatcher, "__call__", call)


@pytest.fixture
def drawn(monkeypatch):
    """The arguments with which figures are drawn; in their place stands a blank sheet."""
    calls = []

    def blank(*arguments, **named):
        calls.append((*arguments, *named.values()))
        return Figure(figsize=(0.1, 0.1))

    for name in dir(plots):
        if name.startswith("plot_"):
            monkeypatch.setattr(plots, name, blank)
    return calls


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [100.0]
    monkeypatch.setattr(widgets, "perf_counter", lambda: now[0])
    return now


@each
def test_each_control_has_a_name_and_changes_the_figure_with_its_text(make) -> None:
    widget, other = make(), make()
    beginning = picture(widget)
    assert picture(other) == beginning
    # The first, which moves others, is the last to be changed.
    for name, part in reversed(controls(widget).items()):
        # In most typefaces a character is narrower than half a height.
        assert float(part.style.description_width.removesuffix("em")) >= 0.45 * len(name) > 0
        before = picture(widget)
        if isinstance(part, Dropdown):
            part.index = (part.index + 1) % len(part.options)
        else:
            part.value += 1 if part.value < part.max else -1
        assert picture(widget) != before, name
        assert found(widget, r'<img [^>]*alt="([^"]*)"') == [move(widget)], "read in its place"
    assert picture(other) == beginning, "two widgets know nothing of each other"
    assert plt.get_fignums() == []


@each
def test_the_ends_of_every_slider_can_be_shown_and_each_move_draws_once(make, drawn) -> None:
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


def test_sliders_moved_at_once_from_two_threads_both_count(monkeypatch) -> None:
    # As in JupyterLab, where the second message arrives while the first is still being drawn.
    widget = MAKERS["convolution_in_slow_motion"]()
    started, seen = threading.Event(), []

    def slowly(_):
        seen.append(gc.isenabled())
        started.set()
        time.sleep(0.1)
        seen.append("drawn")
        return Figure(figsize=(0.1, 0.1))

    monkeypatch.setattr(plots, "plot_convolution_step", slowly)
    first = threading.Thread(target=move, args=(widget, ("padding", 1)))
    first.start()
    started.wait()
    move(widget, ("window's place", 3))
    first.join()
    assert re.search(r"^output\[0, 3\]:[^z]*height: \(5 \+ 2 · 1", move(widget))
    assert seen == [False, "drawn"] * 2, "one after the other, and without the garbage collector"
    assert gc.isenabled()


def test_digits_of_a_class_are_leafed_through_and_a_pixel_is_told_and_framed(drawn) -> None:
    widget = widgets.leaf_through(DATASET)
    byte = 255 * DATASET[0][0][0, 8, 12].item()
    told = f"sample 0 is a 3; image[0, 8, 12] = {byte / 255:.4f} = {byte:.0f} / 255"
    assert move(widget) == told
    crops = {(8, 12): ((6, 11), (10, 15)), (0, 27): ((0, 5), (23, 28)), (26, 1): ((23, 28), (0, 5))}
    for pixel, ends in crops.items():
        move(widget, ("number", 5), ("row", pixel[0]), ("column", pixel[1]))
        assert torch.equal(drawn[-1][0], DATASET[5][0])
        assert drawn[-1][1:] == (*(slice(*end) for end in ends), pixel)
    number = controls(widget)["number"]
    for digit, indices in {"3": [0, 2, 11], "9": [9, 1_212], "all": range(1_213)}.items():
        move(widget, ("digit", digit))
        assert (number.value, number.max) == (0, len(indices) - 1)
        told = move(widget, ("number", number.max), ("row", 3))
        assert told.startswith(f"sample {indices[-1]:,} is a {DATASET.targets[indices[-1]]};")


def test_slow_motion_tells_the_sum_and_the_sizes(drawn) -> None:
    image = torch.zeros(5, 6)
    image[0, :3], image[1, :3] = torch.tensor([0.5, 1, 0.25]), 1.0
    image[2, 1] = 1 / 255
    widget = widgets.convolution_in_slow_motion({"image": image})
    moves = ("kernel", "sharpen"), ("[0, 0]", 2.25444), ("stride", 2)
    assert move(widget, *moves) == (
        "output[0, 0]:\n"
        "0.50 × 2.25 + 1.00 × (-1) + 0.25 × 0  =   0.13\n"
        "1.00 × (-1) + 1.00 × 5 + 1.00 × (-1)  =   3.00\n"
        "0.00 × 0 + 0.00 × (-1) + 0.00 × 0     =   0.00\n"
        "                                 sum  =   3.12\n\n"
        "output height: (5 + 2 · 0 − 3) / 2 = 1, plus 1 is 2\n"
        "output width:  (6 + 2 · 0 − 3) / 2 = 1.5, without the fraction 1, plus 1 is 2"
    )
    assert controls(widget)["[0, 0]"].value == 2.25444


def test_the_window_walks_over_each_place_and_begins_again_where_these_change(drawn) -> None:
    widget = MAKERS["convolution_in_slow_motion"]()
    place = controls(widget)["window's place"]
    for change in (("padding", 2), ("stride", 3), ("image", "high"), ("padding", 0), ("stride", 1)):
        place.value = place.max
        move(widget, change)
        assert place.value == 0
        [step] = drawn[-1]
        assert place.max == step.output.numel() - 1
    assert torch.equal(step.image, PICTURES["high"])
    assert move(widget, ("window's place", 3)).startswith("output[1, 1]:")


def test_a_known_kernel_fills_the_boxes_and_a_typed_number_makes_it_your_own(drawn) -> None:
    widget = MAKERS["convolution_in_slow_motion"]()
    boxes, place = parts(widget, BoundedFloatText), ("window's place", 7)
    move(widget, place)
    for name, kernel in reversed(kernels().items()):
        move(widget, ("kernel", name))
        typed = [box.value for box in boxes]
        assert typed == pytest.approx(kernel.flatten().tolist(), abs=1e-4)
        # What is shown is the kernel itself, not the rounded numbers in the boxes.
        assert torch.equal(drawn[-1][0].kernel, kernel)
        move(widget, ("[1, 2]", float("inf")), ("stride", 1), ("kernel", "your own"))
        assert controls(widget)["kernel"].value == "your own"
        # The largest number that the box takes.
        assert drawn[-1][0].kernel.flatten().tolist() == pytest.approx([*typed[:5], 99, *typed[6:]])
    assert controls(widget)[place[0]].value == 7


def test_the_explorer_tells_each_layer_and_frames_the_unit_with_what_it_sees(drawn) -> None:
    widget = widgets.layer_explorer(NETWORK.train(), IMAGES, LABELS)
    told = {
        "0 Conv2d": "output [4, 12, 12]  C, H, W; 40 parameters; one unit sees 3×3 pixels",
        "1 MaxPool2d": "output [4, 6, 6]  C, H, W; 0 parameters; one unit sees 4×4 pixels",
        "2 Conv2d": "output [5, 4, 4]  C, H, W; 185 parameters; one unit sees 8×8 pixels",
        "4 Linear": "output [10]  features; 810 parameters; one unit sees all pixels",
    }
    row, column = (controls(widget)[f"unit's {name}"] for name in ("row", "column"))
    for (name, words), view in zip(told.items(), layer_views(NETWORK, IMAGES[2]), strict=True):
        is_map = name != "4 Linear"
        text = move(widget, ("digit", 2), ("layer", name))
        assert text == f"digit 2 of the batch, a 4\n{name}: {words}"
        assert row.disabled == column.disabled == (not is_map)
        if is_map:
            assert (row.max + 1, column.max + 1) == view.output.shape[1:]
        row.value, column.value = 2, 1
        image, output, patch, unit = drawn[-1]
        assert torch.equal(image, IMAGES[2])
        assert torch.equal(output, view.output)
        assert (patch, unit) == (seen_patch(view, image, (2, 1)), (2, 1) if is_map else None)
    assert NETWORK.training


def test_the_beliefs_of_each_epoch_are_told_from_before_the_training_on(drawn) -> None:
    widget = MAKERS["belief_by_epoch"]()
    told = "1 of 3 right; probability of the right digit 0.22 on average"
    assert move(widget) == f"before training: {told}"
    told = "2 of 3 right; probability of the right digit 0.47 on average"
    assert move(widget, ("epoch", 1)) == f"after epoch 1: {told}"
    assert all(map(torch.equal, drawn[-1], (IMAGES, LABELS, BELIEFS[1])))


def test_a_digit_is_changed_as_the_sliders_say(drawn) -> None:
    before = torch.get_rng_state()
    widget = MAKERS["digit_changer"]()
    told = "digit 0 is a 7; rotated by up to 10°, stretched by up to 10%, moved by up to 2 pixels"
    assert move(widget) == told, "as the lesson trains it"
    names = ("digit", "rotation, degrees", "stretch, per cent", "shift, pixels", "draw")
    told = "digit 2 is a 4; rotated by up to 45°, stretched by up to 30%, moved by up to 5 pixels"
    assert move(widget, *zip(names, (2, 45, 30, 5, 7), strict=True)) == told
    generator = torch.Generator().manual_seed(7)
    expected = random_affine(IMAGES[[2] * 15], 45, 0.3, 5, generator=generator)
    assert all(map(torch.equal, drawn[-1], (IMAGES[2], expected)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_digit_is_moved_and_the_networks_answers_are_told(drawn) -> None:
    widget = MAKERS["shifted_digit"]()
    answers = '<i>"one" & all</i> says 3 (88%); two says 8 (50%)'
    assert move(widget) == f"digit 0 is a 7; moved 0 to the right, 0 down\n{answers}"
    told = {(3, -4): "3 to the right, 4 up", (-10, 10): "10 to the left, 10 down"}
    for (right, down), words in told.items():
        text = move(widget, ("digit", 1), ("right, pixels", right), ("down, pixels", down))
        assert text == f"digit 1 is a 0; moved {words}\n{answers}"
        image, probabilities = drawn[-1]
        expected = F.pad(IMAGES[1], (10,) * 4)[:, 10 - down :, 10 - right :][:, :12, :12]
        assert torch.equal(image, expected), "what comes in is black"
        assert list(probabilities) == list(READERS)


@pytest.mark.parametrize(("cost", "pause"), [(0, 0.5), (0.2, 20)])
def test_a_live_curve_is_drawn_seldom_and_after_the_last_batch(cost, pause, clock, monkeypatch):
    drawn = []

    def slowly(*arguments):
        drawn.append((clock[0], arguments))
        clock[0] += cost
        return Figure(figsize=(0.1, 0.1))

    monkeypatch.setattr(plots, "plot_live_losses", slowly)
    live = widgets.LiveLoss(1_100)
    assert drawn.pop(0)[1] == ([], 1_100)
    assert move(live.widget) == "batch 0 of 1,100"
    losses = torch.rand(1_100).tolist()
    for loss in losses:
        clock[0] += 0.05
        live.add(loss)
    assert live.losses == losses
    mean = f"{fmean(losses[-100:]):.3f}"
    assert move(live.widget) == f"batch 1,100 of 1,100; mean loss of the last 100: {mean}"
    # Not more than 300 points: each the mean of four losses, at the last of them.
    ends, means = zip(*drawn[-1][1][0], strict=True)
    assert ends == tuple(range(4, 1_101, 4))
    assert means == pytest.approx([fmean(losses[end - 4 : end]) for end in ends])
    times = [time for time, _ in drawn[:-1]]
    pauses = [after - before - cost for before, after in itertools.pairwise(times)]
    assert pauses == pytest.approx([pause] * len(pauses), abs=0.06)
    assert len(pauses) >= 2


SEVEN = [(60, 50), (150, 52.5), (220, 50), (180, 140), (140, 230)]
BAR = [(120, 140), (200, 140)]
DOT = [(30, 250)]


class Pad:
    """A drawing pad, and who draws on it."""

    def __init__(self, model):
        self.model, self.widget = model, widgets.drawing_pad(model)
        [self.canvas] = parts(self.widget, ipycanvas.Canvas)
        self.buttons = {b.description: b for b in parts(self.widget, ipywidgets.Button)}

    def send(self, event, *points):
        touches = [{"x": x, "y": y} for x, y in points]
        content = touches[0] if event.startswith("mouse") else {"touches": touches}
        self.canvas._handle_frontend_event(None, {"event": event, **content}, [])

    def draw(self, *strokes):
        for stroke in strokes:
            self.send("mouse_down", stroke[0])
            for point in stroke[1:]:
                self.send("mouse_move", point)
            self.send("mouse_up", stroke[-1])

    def shows(self, *strokes, canvas_size=None):
        """Compare picture, text and bars with those of these strokes."""
        image = rasterize(list(strokes), canvas_size=canvas_size)
        shares = predict_all(self.model, image[None])[0]
        (first, second), count = shares.topk(2).indices.tolist(), len(strokes)
        said = f"{first} ({shares[first]:.0%}), then {second} ({shares[second]:.0%})"
        said = f"{count} stroke{'s' * (count > 1)}: the network says {said}"
        assert move(self.widget) == (said if strokes else "draw a digit")
        bars = found(self.widget, r"background: (?:\S+); width: ([\d.]+)%")
        assert [float(bar) for bar in bars] == pytest.approx((100 * shares).tolist(), abs=0.06)
        blue = found(self.widget, f"<b>(.)</b><div style=.background: {plots.BLUE}")
        assert blue == [str(first)]
        shown = Image.open(io.BytesIO(picture(self.widget)))
        squares = (255 * image[0]).round().repeat_interleave(10, 0).repeat_interleave(10, 1)
        assert list(shown.tobytes()) == squares.flatten().tolist()


@pytest.fixture
def pad(monkeypatch):
    """All canvases share one widget, which closing all widgets closes: here it is opened again."""
    manager = ipycanvas.canvas._CANVAS_MANAGER
    if manager.comm is None:
        manager.open()
    pad = Pad(CNN())
    pad.commands = []
    for name in ("fill_circle", "stroke_line", "stroke_lines"):
        monkeypatch.setattr(pad.canvas, name, lambda *a, n=name: pad.commands.append((n, *a)))
    return pad


@pytest.mark.parametrize("kind", ["mouse down move up out", "touch start move end cancel"])
def test_strokes_of_mouse_or_finger_are_drawn_and_read(kind, pad) -> None:
    pad.shows()
    kind, down, move, *ends = kind.split()
    others = [(5, 5)] * (kind == "touch")  # of several fingers the first one draws
    for end in ends:
        pad.send(f"{kind}_{move}", DOT[0])  # without a press
        pad.send(f"{kind}_{down}", BAR[0], *others)
        pad.send(f"{kind}_{move}", BAR[1], *others)
        pad.send(f"{kind}_{end}", (9, 9))
    pad.shows(BAR, BAR)
    dot = ("fill_circle", *BAR[0], pad.canvas.line_width / 2)
    assert pad.commands == [dot, ("stroke_line", *BAR[0], *BAR[1])] * 2


def test_a_touch_without_a_finger_draws_nothing(pad) -> None:
    for event in ("touch_start", "touch_move", "touch_end"):
        pad.send(event)
    pad.shows()


def test_what_is_forgotten_is_gone_and_a_page_that_is_opened_again_shows_the_rest(pad) -> None:
    pad.draw(SEVEN, DOT, BAR)
    pad.send("mouse_down", DOT[0])
    pad.buttons["undo"].click()
    pad.send("mouse_move", BAR[0])
    pad.shows(SEVEN, DOT, BAR)
    pad.buttons["undo"].click()
    pad.shows(SEVEN, DOT)
    pad.commands.clear()
    pad.send("client_ready")
    lines = [arguments for name, *arguments in pad.commands if name == "stroke_lines"]
    assert lines == [[SEVEN], [DOT]]
    pad.buttons["clear"].click()
    pad.shows()


def test_the_box_shows_the_pad_as_it_is_and_feature_maps_follow_each_stroke(pad) -> None:
    assert controls(pad.widget)["feature maps"].options == ("none", "block_1", "block_2", "block_3")
    move(pad.widget, ("feature maps", "block_1"))
    pad.draw(SEVEN)
    pad.shows(SEVEN)
    move(pad.widget, ("fit and centre, as in MNIST", False))
    pad.shows(SEVEN, canvas_size=(280, 280))
    with torch.no_grad():
        maps = pad.model.block_1(rasterize([SEVEN], canvas_size=(280, 280))[None])[0]
    silent = (maps.amax(dim=(1, 2)) == 0).sum()
    told = f"block_1: 16 feature maps of 14×14; {silent} of them are zero all over"
    assert found(pad.widget, r"<pre>([^<]*)</pre>") == [told]
    shown = Image.open(io.BytesIO(picture(pad.widget, 1)))
    tiles = torch.tensor(list(shown.tobytes())).reshape(shown.height, shown.width)[::3, ::3]
    assert (tiles[0] == 128).all()
    tiles = tiles[1:-1, :-1].unfold(1, 15, 15)[..., 1:].transpose(0, 1)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    expected = 255 * (maps - low) / (high - low).clamp(min=1e-9)
    assert (tiles - expected).abs().max() <= 0.51
    move(pad.widget, ("feature maps", "none"))
    assert len(found(pad.widget, "<img ")) == 1


def test_the_network_answers_while_it_is_drawn_as_often_as_it_is_time(pad, clock) -> None:
    stroke, shown = [(60, 50)], []
    pad.send("mouse_down", stroke[0])
    for step in range(1, 41):
        clock[0] += 0.01
        stroke.append((60 + 4 * step, 50 + 2 * step))
        before = picture(pad.widget)
        pad.send("mouse_move", stroke[-1])
        if picture(pad.widget) != before:
            shown.append(step)
            pad.shows(stroke)
    assert shown == [1, 9, 17, 25, 33]
    pad.send("mouse_up", stroke[-1])
    pad.shows(stroke)


def test_one_thread_at_a_time_asks_the_network_and_no_stroke_is_lost(pad, monkeypatch) -> None:
    pad = Pad(Says({5: 0.6, 3: 0.12}))
    monkeypatch.setattr(pad.model, "seconds", 0.01)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(pad.draw, [SEVEN, BAR, DOT, SEVEN] * 2))
    assert pad.model.most == 1
    assert move(pad.widget) == "8 strokes: the network says 5 (60%), then 3 (12%)"
    monkeypatch.setattr(pad.model, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pad.draw(BAR)
    assert gc.isenabled(), "after a failure, too"
