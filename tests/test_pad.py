"""The drawing pad without a browser: events of a mouse or of fingers are sent."""

from concurrent.futures import ThreadPoolExecutor
import gc
import io
import time

import ipycanvas
import ipywidgets
from mnist_helpers import plots, widgets
from mnist_helpers.drawing import rasterize
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN
from mnist_helpers.widgets import screen
from moving import controls, found, move, parts, pictures
from PIL import Image
import pytest
import torch

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
        squares = (255 * image[0]).round().repeat_interleave(10, 0).repeat_interleave(10, 1)
        shown = Image.open(io.BytesIO(pictures(self.widget)[0]))
        assert list(shown.tobytes()) == squares.flatten().tolist()


@pytest.fixture
def pad(monkeypatch):
    def call(dispatcher, *arguments):
        for callback in dispatcher.callbacks:
            callback(*arguments)

    # ipywidgets writes what goes wrong in a handler of events into a log; here it is raised.
    monkeypatch.setattr(ipywidgets.CallbackDispatcher, "__call__", call)
    # All canvases share one widget, which closing all widgets closes: here it is opened again.
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
    kind, down, move, *ends = kind.split()
    others = [(5, 5)] * (kind == "touch")  # of several fingers the first one draws
    for event in (down, move, ends[0]) * (kind == "touch"):
        pad.send(f"touch_{event}")  # without a finger
    pad.shows()
    for end in ends:
        pad.send(f"{kind}_{move}", DOT[0])  # without a press
        pad.send(f"{kind}_{down}", BAR[0], *others)
        pad.send(f"{kind}_{move}", BAR[1], *others)
        pad.send(f"{kind}_{end}", (9, 9))
    pad.shows(BAR, BAR)
    dot = ("fill_circle", *BAR[0], pad.canvas.line_width / 2)
    assert pad.commands == [dot, ("stroke_line", *BAR[0], *BAR[1])] * 2


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
    shown = Image.open(io.BytesIO(pictures(pad.widget)[1]))
    tiles = torch.tensor(list(shown.tobytes())).reshape(shown.height, shown.width)[::3, ::3]
    assert (tiles[0] == 128).all()
    tiles = tiles[1:-1, :-1].unfold(1, 15, 15)[..., 1:].transpose(0, 1)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    expected = 255 * (maps - low) / (high - low).clamp(min=1e-9)
    assert (tiles - expected).abs().max() <= 0.51
    move(pad.widget, ("feature maps", "none"))
    assert len(found(pad.widget, "<img ")) == 1


def test_the_network_answers_while_it_is_drawn_as_often_as_it_is_time(pad, monkeypatch) -> None:
    now, stroke, shown = [100.0], [(60, 50)], []
    monkeypatch.setattr(screen, "perf_counter", lambda: now[0])
    pad.send("mouse_down", stroke[0])
    for step in range(1, 41):
        now[0] += 0.01
        stroke.append((60 + 4 * step, 50 + 2 * step))
        before = pictures(pad.widget)
        pad.send("mouse_move", stroke[-1])
        if pictures(pad.widget) != before:
            shown.append(step)
            pad.shows(stroke)
    assert shown == [1, 9, 17, 25, 33]
    pad.send("mouse_up", stroke[-1])
    pad.shows(stroke)


def test_one_thread_at_a_time_asks_the_network_and_no_stroke_is_lost(pad, monkeypatch) -> None:
    forward, asking = pad.model.forward, []

    def slowly(images):
        asking.append(images)
        time.sleep(0.01)
        assert asking.pop() is images
        return forward(images)

    monkeypatch.setattr(pad.model, "forward", slowly)
    with ThreadPoolExecutor(4) as threads:
        strokes = threads.map(pad.draw, [SEVEN, BAR, DOT, SEVEN] * 2)
        move(pad.widget, ("fit and centre, as in MNIST", False), ("feature maps", "block_1"))
        list(strokes)
    assert move(pad.widget).startswith("8 strokes: ")
    monkeypatch.setattr(pad.model, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pad.draw(BAR)
    assert gc.isenabled(), "after a failure, too"
