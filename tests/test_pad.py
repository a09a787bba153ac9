import gc

from mnist_helpers import plots, widgets
from mnist_helpers.drawing import rasterize
from mnist_helpers.insights import predict_all
from mnist_helpers.models import CNN
from mnist_helpers.widgets.pad import Pad
from moving import controls, found, move, parts, pictures
from net import picture
import pytest
import torch

SEVEN = [[60, 50], [150, 52.5], [220, 50], [180, 140], [140, 230]]
BAR = [[120, 140], [200, 140]]


class Drawing:
    def __init__(self, model):
        self.model, self.widget = model, widgets.drawing_pad(model)
        [self.pad] = parts(self.widget, Pad)

    def draw(self, *strokes):
        for stroke in strokes:
            self.pad.strokes = [*self.pad.strokes, stroke]

    def shows(self, *strokes, canvas_size=None):
        image = rasterize(list(strokes), canvas_size=canvas_size)
        shares = predict_all(self.model, image[None])[0]
        (first, second), count = shares.topk(2).indices.tolist(), len(strokes)
        said = f"{first} ({shares[first]:.0%}), then {second} ({shares[second]:.0%})"
        said = f"{count} stroke{'s' * (count > 1)}: the network says {said}"
        assert move(self.widget) == (said if strokes else "draw a digit")
        bars = found(self.widget, r"background: \S+; width: ([\d.]+)%; height")
        expected = (100 * shares).tolist() if strokes else [0.0] * 10
        assert [float(bar) for bar in bars] == pytest.approx(expected, abs=0.06)
        assert len(found(self.widget, f"background: {plots.BLUE}")) == bool(strokes)
        assert found(self.widget, r"sans-serif; [^>]*>(\d?)<") == [str(first) * bool(strokes)]
        assert len(found(self.widget, r"<span>\d+%</span>")) == 10 * bool(strokes)
        shown = picture(pictures(self.widget)[0])
        assert list(shown.tobytes()) == (255 * image[0]).round().flatten().tolist()


@pytest.fixture
def drawing():
    return Drawing(CNN())


def test_each_change_of_the_strokes_is_read(drawing):
    for strokes in ([], [SEVEN[:2]], [SEVEN], [SEVEN, BAR], [SEVEN], []):
        drawing.pad.strokes = strokes
        drawing.shows(*strokes)


def test_the_box_shows_the_pad_as_it_is_and_feature_maps_follow_each_stroke(drawing):
    names = controls(drawing.widget)["feature maps"].options
    assert names == ("none", "block_1", "block_2", "block_3")
    move(drawing.widget, ("feature maps", "block_2"))
    drawing.draw(SEVEN)
    drawing.shows(SEVEN)
    move(drawing.widget, ("fit and centre, as in MNIST", False))
    drawing.shows(SEVEN, canvas_size=(280, 280))
    image, model = rasterize([SEVEN], canvas_size=(280, 280)), drawing.model
    with torch.no_grad():
        maps = model.block_2(model.block_1(image[None]))[0]
    silent = (maps.amax(dim=(1, 2)) == 0).sum()
    told = f"block_2: 32 feature maps of 7×7; {silent} of them are zero all over; the first 16"
    assert found(drawing.widget, r"<pre[^>]*>(block[^<]*)</pre>") == [told]
    shown = picture(pictures(drawing.widget)[1])
    # Two rows of eight, each map 84 pixels wide, with 4 of grey around.
    assert (shown.size, shown.getpixel((0, 0))) == ((8 * 88 + 4, 2 * 88 + 4), 128)
    tiles = torch.tensor(list(shown.tobytes())).reshape(shown.height, shown.width)
    for number in (0, 9, 15):
        row, column = (4 + 88 * place for place in divmod(number, 8))
        tile = tiles[row : row + 84 : 12, column : column + 84 : 12]
        low, high = maps[number].min(), maps[number].max()
        expected = 255 * (maps[number] - low) / (high - low).clamp(min=1e-5)
        assert (tile - expected).abs().max() <= 0.6
    move(drawing.widget, ("feature maps", "none"))
    assert len(found(drawing.widget, "<img ")) == 1


def test_after_a_failure_the_garbage_collector_works_again(drawing, monkeypatch):
    monkeypatch.setattr(drawing.model, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drawing.draw(BAR)
    assert gc.isenabled()
