"""What holds for every drawing, tried on many that hypothesis makes up."""

import math
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from mnist_helpers.drawing import drawn_digits, predict, random_strokes, rasterize
import pytest
import torch
from torch import nn

# The same examples in every run, and no folder left beside the tests.
set_hypothesis_home_dir(tempfile.gettempdir())


def tried(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


places = st.integers(0, 100)
stroke_lists = st.lists(
    st.lists(st.tuples(places, places), min_size=1, max_size=5), min_size=1, max_size=4
)
pen_widths = st.floats(0.1, 20)
finite = st.floats(allow_nan=False, allow_infinity=False)
canvas_sizes = st.none() | st.tuples(*[st.floats(0.1, 1e6)] * 2)


@tried(400)
@given(
    st.lists(st.lists(st.tuples(finite, finite), max_size=4), max_size=3), pen_widths, canvas_sizes
)
def test_any_points_make_a_picture(strokes, pen_width, canvas_size) -> None:
    picture = rasterize(strokes, pen_width, canvas_size)
    assert (picture.shape, picture.dtype) == ((1, 28, 28), torch.float32)
    assert picture.min() >= 0
    assert picture.max() <= 1
    if canvas_size is None:
        assert picture.any() == any(strokes)


@tried(240)
@given(stroke_lists, pen_widths, st.integers(-8, 8), st.integers(-500, 500), st.integers(-500, 500))
def test_where_and_how_large_it_is_drawn_makes_no_difference(
    strokes, pen_width, power, right, down
) -> None:
    # Powers of two and whole numbers, with which a computer makes no error, so that nothing is rounded another way.
    elsewhere = [[(2**power * (x + right), 2**power * (y + down)) for x, y in s] for s in strokes]
    assert torch.equal(rasterize(elsewhere, pen_width), rasterize(strokes, pen_width))


@tried(240)
@given(stroke_lists, pen_widths)
def test_the_ink_fits_into_20_by_20_pixels_and_is_20_long(strokes, pen_width) -> None:
    picture = rasterize(strokes, pen_width)[0]
    lengths = []
    for axis in (0, 1):
        inked = picture.any(dim=axis).nonzero().flatten()
        lengths.append((inked[-1] - inked[0] + 1).item())
    top, left = (picture.any(dim=axis).nonzero()[0].item() for axis in (1, 0))
    assert picture.any()
    picture[top : top + 20, left : left + 20] = 0
    assert not picture.any(), "all of it lies within 20×20 pixels"
    if len({point for stroke in strokes for point in stroke}) > 1:
        assert max(lengths) == 20
    else:
        assert max(lengths) <= math.ceil(pen_width) + 1


@tried(240)
@given(stroke_lists, pen_widths, canvas_sizes, st.randoms(use_true_random=False))
def test_the_order_of_the_strokes_makes_no_difference(
    strokes, pen_width, canvas_size, order
) -> None:
    shuffled = order.sample(strokes, len(strokes))
    expected = rasterize(strokes, pen_width, canvas_size)
    assert torch.equal(rasterize(shuffled, pen_width, canvas_size), expected)


@tried(240)
@given(stroke_lists, pen_widths, canvas_sizes, st.data())
def test_a_point_or_a_stroke_twice_makes_no_difference(
    strokes, pen_width, canvas_size, data
) -> None:
    halting = [
        [point for point in stroke for _ in range(data.draw(st.integers(1, 3)))]
        for stroke in strokes
    ]
    halting += [data.draw(st.sampled_from(strokes)), []]
    expected = rasterize(strokes, pen_width, canvas_size)
    assert torch.equal(rasterize(halting, pen_width, canvas_size), expected)


inner = st.integers(8, 20)


@tried(240)
@given(
    st.lists(st.lists(st.tuples(inner, inner), min_size=1, max_size=5), min_size=1, max_size=4),
    st.floats(0.1, 5),
    st.integers(-5, 5),
    st.integers(-5, 5),
)
def test_on_a_canvas_strokes_that_move_by_whole_pixels_move_the_picture(
    strokes, pen_width, right, down
) -> None:
    moved = [[(x + right, y + down) for x, y in stroke] for stroke in strokes]
    picture = rasterize(strokes, pen_width, canvas_size=(28, 28))
    expected = picture.roll((down, right), dims=(1, 2))
    assert torch.equal(rasterize(moved, pen_width, canvas_size=(28, 28)), expected)


seeds = st.integers(-(2**63), 2**64 - 1)


@tried(240)
@given(st.integers(0, 9), seeds)
def test_any_seed_draws_a_digit(digit, seed) -> None:
    strokes = random_strokes(digit, torch.Generator().manual_seed(seed))
    assert all(math.isfinite(number) for stroke in strokes for x_y in stroke for number in x_y)
    assert min(len(stroke) for stroke in strokes) >= 2
    picture = rasterize(strokes)
    assert picture.sum() > 20
    assert picture.max() <= 1


@tried(40)
@given(st.integers(0, 12), seeds)
def test_any_seed_draws_pictures_with_their_labels(count, seed) -> None:
    images, labels = drawn_digits(count, seed)
    assert (images.shape, images.dtype) == ((count, 28, 28), torch.uint8)
    assert labels.tolist() == [number % 10 for number in range(count)]
    assert (images.flatten(1).amax(dim=1) > 100).all()


@tried(160)
@given(
    st.lists(st.lists(st.tuples(places, places), max_size=5), max_size=4),
    st.floats(0.01, 1e4),
    st.integers(0, 1000),
)
def test_ten_probabilities_sum_to_one_however_sure_the_network_is(strokes, sure, seed) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=sure, generator=generator)
    probabilities = predict(model, strokes)
    assert (probabilities.shape, probabilities.dtype) == ((10,), torch.float32)
    assert probabilities.min() >= 0
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)
    # The likeliest digit is that of the largest logit.
    with torch.no_grad():
        logits = model(rasterize(strokes)[None])[0]
    assert probabilities[logits.argmax()] == probabilities.max()
