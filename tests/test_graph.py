from matplotlib.colors import same_color
from matplotlib.patches import Rectangle
import matplotlib.pyplot as plt
from mnist_helpers import plots, widgets
from mnist_helpers.plots.style import ORANGE
from moving import move
import pytest


class Value:
    def __init__(self, data, name, parents=(), backward=None, grad=0.0):
        self.data, self.name, self.parents, self.backward = data, name, parents, backward
        self.grad = grad


w, x, b = Value(2.0, "w", grad=12.0), Value(3.0, "x", grad=8.0), Value(-4.0, "b", grad=4.0)
product = Value(6.0, "×", (w, x), lambda grad: (3 * grad, 2 * grad), 4.0)
unit = Value(2.0, "+", (product, b), lambda grad: (grad, grad), 4.0)
loss = Value(4.0, "×", (unit, unit), lambda grad: (2 * grad, 2 * grad), 1.0)
ORDER = [w, x, product, b, unit, loss]


@pytest.fixture
def drawn(monkeypatch):
    calls, draw = [], plots.plot_graph

    def note(last, data, gradients):
        calls.append((dict(data), dict(gradients), draw(last, data, gradients)))
        return calls[-1][-1]

    monkeypatch.setattr(plots, "plot_graph", note)
    return calls


def boxes(figure):
    return [one for one in figure.axes[0].patches if isinstance(one, Rectangle)]


def framed(figure):
    return [n for n, box in enumerate(boxes(figure)) if same_color(box.get_edgecolor(), ORANGE)]


def test_each_value_stands_in_its_box_and_arrows_lead_on_from_what_it_was_made_from():
    assert plots.in_order(loss, []) == ORDER
    figure = plots.plot_graph(loss)
    plt.close(figure)
    told = "w 2 gradient 12; x 3 gradient 8; × 6 gradient 4; b -4 gradient 4; + 2 gradient 4; × 4 "
    assert figure.alt == f"A graph of values: {told}gradient 1"
    box = dict(zip(ORDER, boxes(figure), strict=True))
    texts = [one for one in figure.axes[0].texts if one.get_text()]
    for text, (value, place) in zip(texts, box.items(), strict=True):
        assert text.get_text() == f"{value.name}\n{value.data:g}\ngradient {value.grad:g}"
        assert place.get_bbox().contains(*text.get_position())
    arrows = [one for one in figure.axes[0].texts if not one.get_text()]
    pairs = [(parent, one) for one in ORDER for parent in one.parents]
    for arrow, (parent, one) in zip(arrows, pairs, strict=True):
        assert tuple(arrow.xyann) == tuple(box[parent].get_center())
        assert tuple(arrow.xy) == tuple(box[one].get_center())
    assert all(box[one].get_x() - box[parent].get_x() > 2 for parent, one in pairs)
    assert box[b].get_x() == box[product].get_x(), "right before it is used"
    assert len({box.get_xy() for box in boxes(figure)}) == 6
    bends = [one.arrow_patch.get_connectionstyle().rad for one in arrows]
    assert bends == [0, 0, 0, 0, 0.5, -0.5], "both of two arrows can be seen"
    assert framed(figure) == []


def test_the_steps_fill_in_a_number_and_then_a_gradient_at_a_time(drawn):
    widget = widgets.step_through_graph(loss)
    told = [move(widget, ("step", step)).splitlines() for step in range(8)]
    assert [line for line, _ in told] == [f"step {step} of 7" for step in range(8)]
    assert [line.split(": ")[-1] for _, line in told] == [
        "given",
        "× of 2, 3 is 6",
        "+ of 6, -4 is 2",
        "× of 2, 2 is 4",
        "the gradient of the end is 1",
        "× has 1, and hands on 2 to +, 2 to +",
        "+ has 4, and hands on 4 to ×, 4 to b",
        "× has 4, and hands on 12 to w, 8 to x",
    ]
    known = [[w, x, b, product, unit, loss][:count] for count in range(3, 7)]
    for step, (data, gradients, figure) in enumerate(drawn):
        assert set(data) == set(known[min(step, 3)])
        assert data == {one: one.data for one in data}
        assert len(gradients) == [0, 0, 0, 0, 1, 2, 4, 6][step]
        assert gradients == {one: one.grad for one in gradients}
        assert framed(figure) == [3, 2, 4, 5, 5, 4, 3, 1][step : step + 1]
        assert figure.alt.count("gradient") == len(gradients)
    assert move(widget, ("step", 1)).endswith("is 6")
    assert plt.get_fignums() == []
    assert [one.grad for one in ORDER] == [12, 8, 4, 4, 4, 1]
