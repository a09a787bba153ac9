import math

from hypothesis import given, settings
from hypothesis import strategies as st
from mnist_helpers.data import load_datasets
from mnist_helpers.drawing import drawn_digits, predict, rasterize
import pytest
import torch
from torch import nn

tried = settings(max_examples=80)
finite = st.floats(allow_nan=False, allow_infinity=False)
pen_widths, shifts = st.floats(0.1, 20), st.integers(-500, 500)

TWO = [[(10, 25), (30, 5), (65, 4), (85, 25), (70, 50), (8, 90), (92, 97)], [(99, 40)]]


def strokes_between(least, most):
    point = st.tuples(st.integers(least, most), st.integers(least, most))
    return st.lists(st.lists(point, min_size=1, max_size=5), min_size=1, max_size=4)


def centres(images):
    """The row and the column of the centre of mass of each of ``[N, 28, 28]``."""
    sums = torch.stack([images.double().sum(dim=dim) for dim in (2, 1)], dim=1)
    return (sums * torch.arange(28)).sum(dim=2) / sums.sum(dim=2)


@tried
@given(
    st.lists(st.lists(st.tuples(finite, finite), max_size=4), max_size=3),
    pen_widths,
    st.none() | st.tuples(*[st.floats(0.1, 1e6)] * 2),
)
def test_any_points_make_a_picture(strokes, pen_width, canvas_size):
    picture = rasterize(strokes, pen_width, canvas_size)
    assert (picture.shape, picture.dtype) == ((1, 28, 28), torch.float32)
    assert 0 <= picture.min() <= picture.max() <= 1
    if canvas_size is None:
        assert picture.any() == any(strokes)


@tried
@given(strokes_between(0, 100), pen_widths, st.integers(-8, 8), shifts, shifts, st.randoms())
def test_place_size_order_speed_and_empty_strokes_make_no_difference(
    strokes, pen_width, power, right, down, order
):
    # Powers of two and whole numbers, with which nothing is rounded another way.
    elsewhere = [[(2**power * (x + right), 2**power * (y + down)) for x, y in s] for s in strokes]
    halting = [[point for point in stroke for _ in range(2)] for stroke in elsewhere]
    shuffled = order.sample([*halting, []], len(strokes) + 1)
    assert torch.equal(rasterize(shuffled, pen_width), rasterize(strokes, pen_width))


@tried
@given(strokes_between(0, 100), pen_widths)
def test_the_ink_fits_into_20_by_20_pixels_and_is_20_long(strokes, pen_width):
    inked = rasterize(strokes, pen_width)[0].nonzero()
    longest = (inked.amax(dim=0) - inked.amin(dim=0)).max() + 1
    if len({point for stroke in strokes for point in stroke}) > 1:
        assert longest == 20
    else:
        assert longest <= math.ceil(pen_width) + 1


@tried
@given(strokes_between(8, 20), st.integers(-5, 5), st.integers(-5, 5))
def test_on_a_canvas_strokes_stay_where_and_as_small_as_they_are(strokes, right, down):
    moved = [[(x + right, y + down) for x, y in stroke] for stroke in strokes]
    expected = rasterize(strokes, canvas_size=(28, 28)).roll((down, right), dims=(1, 2))
    assert torch.equal(rasterize(moved, canvas_size=(28, 28)), expected)
    wide = rasterize([[(50, 25)]], canvas_size=(100, 50))
    assert centres(wide)[0].tolist() == pytest.approx([6.5, 13.5], abs=0.1)
    far, near = (rasterize([[(50, 50), (x, 50)]], canvas_size=(100, 100)) for x in (1e12, 1e3))
    assert torch.equal(far, near)


@pytest.mark.parametrize("pen_width", [1, 2.4, 4, 10, 20])
def test_the_pen_is_round_and_as_wide_as_it_says(pen_width):
    # A pen is drawn up to a sixteenth of a pixel too wide.
    radius = pen_width / 2
    dot = rasterize([[(3, 3)]], pen_width).sum().item()
    assert math.pi * radius**2 * 0.97 <= dot <= math.pi * (radius + 1 / 16) ** 2
    line = rasterize([[(0, 0), (0, 10)]], pen_width)[0]
    assert line[14].sum().item() == pytest.approx(pen_width, abs=1 / 16)
    area = pen_width * (20 - pen_width) + math.pi * radius**2
    assert line.sum().item() == pytest.approx(area, rel=0.05)


def test_the_centre_of_mass_is_the_middle_as_in_mnist():
    drawn, _ = drawn_digits(60)
    for pictures, share in ((load_datasets()[0].data[:2000], 0.97), (drawn, 1)):
        assert ((centres(pictures) - 14).abs() <= 0.52).all(dim=1).float().mean() >= share


def test_what_is_no_list_of_strokes_is_named():
    with pytest.raises(TypeError, match=r"Stroke 0 has the shape \[2\].*list of points"):
        rasterize([(120, 150), (170, 60)])
    with pytest.raises(TypeError, match=r"Stroke 1 has the shape \[1, 3\]"):
        rasterize([TWO[0], [(1, 2, 3)]])
    with pytest.raises(ValueError, match="Stroke 0 has a point that is not finite"):
        rasterize([[(1, math.nan)]])


def test_a_prediction_is_the_softmax_of_the_logits_of_the_picture():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(784, 10))
    probabilities = predict(model, TWO)
    assert not model.training
    assert not probabilities.requires_grad
    assert torch.allclose(probabilities, model(rasterize(TWO)[None])[0].softmax(dim=0))


def test_seeded_digits_are_those_that_the_lessons_networks_saw():
    # So many that every form is among them.
    images, labels = drawn_digits(400, seed=3)
    # Of each digit, not to the bit: processors round differently.
    ink = images.reshape(40, 10, 784).float().mean(dim=(0, 2))
    saw = [45.34, 25.63, 34.01, 36.86, 33.14, 33.88, 38.2, 31.23, 47.73, 37.16]
    assert ink.tolist() == pytest.approx(saw, abs=0.05)
    assert labels.tolist() == [number % 10 for number in range(400)]
