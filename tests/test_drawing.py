"""From pen strokes to a picture as MNIST's makers made it, digits drawn at random, and the recorder of a pad."""

import hashlib
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from mnist_helpers.data import load_datasets
from mnist_helpers.drawing import (
    StrokeRecorder,
    drawn_digits,
    forms,
    predict,
    random_strokes,
    rasterize,
)
import numpy as np
import pytest
import torch
from torch import nn

tried = settings(max_examples=80, deadline=None, derandomize=True)

# A two, and a dot to its right: no symmetry, and a centre of mass that is nowhere near half a pixel, where a trifle
# would decide which way it is rounded.
TWO = [[(10, 25), (30, 5), (65, 4), (85, 25), (70, 50), (8, 90), (92, 97)], [(99, 40)]]

places = st.integers(0, 100)
stroke_lists = st.lists(
    st.lists(st.tuples(places, places), min_size=1, max_size=5), min_size=1, max_size=4
)
pen_widths = st.floats(0.1, 20)
finite = st.floats(allow_nan=False, allow_infinity=False)


def length(picture, axis):
    inked = picture.any(dim=axis).nonzero().flatten()
    return (inked[-1] - inked[0] + 1).item()


def centres(images):
    """The row and the column of the centre of mass of each of ``[N, 28, 28]``."""
    images, index = images.double(), torch.arange(28)
    mass = images.sum(dim=(1, 2))
    return torch.stack([(images.sum(dim=dim) * index).sum(dim=1) / mass for dim in (2, 1)], dim=1)


@tried
@given(
    st.lists(st.lists(st.tuples(finite, finite), max_size=4), max_size=3),
    pen_widths,
    st.none() | st.tuples(*[st.floats(0.1, 1e6)] * 2),
)
def test_any_points_make_a_picture(strokes, pen_width, canvas_size) -> None:
    picture = rasterize(strokes, pen_width, canvas_size)
    assert (picture.shape, picture.dtype) == ((1, 28, 28), torch.float32)
    assert 0 <= picture.min() <= picture.max() <= 1
    if canvas_size is None:
        assert picture.any() == any(strokes)


@tried
@given(stroke_lists, pen_widths, st.integers(-8, 8), st.integers(-500, 500), st.integers(-500, 500))
def test_where_and_how_large_it_is_drawn_makes_no_difference(
    strokes, pen_width, power, right, down
) -> None:
    # Powers of two and whole numbers, with which a computer makes no error, so that nothing is rounded another way.
    elsewhere = [[(2**power * (x + right), 2**power * (y + down)) for x, y in s] for s in strokes]
    assert torch.equal(rasterize(elsewhere, pen_width), rasterize(strokes, pen_width))


@tried
@given(stroke_lists, st.randoms(use_true_random=False))
def test_order_speed_and_empty_strokes_make_no_difference(strokes, order) -> None:
    halting = [[point for point in stroke for _ in range(2)] for stroke in strokes]
    shuffled = order.sample([*halting, []], len(strokes) + 1)
    assert torch.equal(rasterize(shuffled), rasterize(strokes))


@tried
@given(stroke_lists, pen_widths)
def test_the_ink_fits_into_20_by_20_pixels_and_is_20_long(strokes, pen_width) -> None:
    picture = rasterize(strokes, pen_width)[0]
    longest = max(length(picture, 0), length(picture, 1))
    if len({point for stroke in strokes for point in stroke}) > 1:
        assert longest == 20
    else:
        assert longest <= math.ceil(pen_width) + 1


inner = st.integers(8, 20)


@tried
@given(
    st.lists(st.lists(st.tuples(inner, inner), min_size=1, max_size=5), min_size=1, max_size=4),
    st.integers(-5, 5),
    st.integers(-5, 5),
)
def test_on_a_canvas_strokes_stay_where_and_as_small_as_they_are(strokes, right, down) -> None:
    moved = [[(x + right, y + down) for x, y in stroke] for stroke in strokes]
    expected = rasterize(strokes, canvas_size=(28, 28)).roll((down, right), dims=(1, 2))
    assert torch.equal(rasterize(moved, canvas_size=(28, 28)), expected)


def test_a_canvas_is_shown_whole_and_undistorted_and_what_lies_outside_is_not() -> None:
    wide = rasterize([[(50, 25)]], pen_width=4, canvas_size=(100, 50))
    assert centres(wide)[0].tolist() == pytest.approx([6.5, 13.5], abs=0.1)
    assert length(wide[0], 0) == length(wide[0], 1)
    assert rasterize([[(500, 25)]], canvas_size=(100, 50)).sum() == 0


def test_y_goes_downwards_x_to_the_right_and_strokes_are_not_joined() -> None:
    # An L, and an upright beside it.
    picture = rasterize([[(0, 0), (0, 10), (5, 10)], [(10, 0), (10, 10)]])[0]
    rows, columns = picture.sum(dim=1), picture.sum(dim=0)
    assert rows.argmax() >= 21
    assert columns.argmax() in (5, 6, 22, 23)
    assert picture[8:18, 10:20].sum() == 0, "between them it is black"


@pytest.mark.parametrize("pen_width", [1, 2.4, 4, 10, 20])
def test_the_pen_is_round_and_as_wide_as_it_says(pen_width) -> None:
    dot = rasterize([[(3, 3)]], pen_width).sum().item()
    # A pen is drawn up to a sixteenth of a pixel too wide.
    radius = pen_width / 2
    assert math.pi * radius**2 * 0.97 <= dot <= math.pi * (radius + 1 / 16) ** 2
    line = rasterize([[(0, 0), (0, 10)]], pen_width)[0]
    assert line[14].sum().item() == pytest.approx(pen_width, abs=1 / 16)
    area = pen_width * (20 - pen_width) + math.pi * radius**2
    assert line.sum().item() == pytest.approx(area, rel=0.05)


def test_ink_is_white_inside_and_grey_at_the_edges() -> None:
    picture = rasterize(TWO)
    assert picture.max() == 1
    assert ((picture > 0) & (picture < 1)).sum() > 0.3 * (picture > 0).sum()
    assert len(picture.unique()) > 40, "more steps than a picture four times as large would give"


def test_pictures_keep_mnists_conventions() -> None:
    images = load_datasets()[0].data[:2000]
    drawn = torch.stack([rasterize(random_strokes(n % 10, generator(n)))[0] for n in range(60)])
    for pictures, share in ((images, 0.97), (drawn, 1)):
        # The centre of mass is the middle, pixel [14, 14], to half a pixel.
        assert ((centres(pictures) - 14).abs() <= 0.52).all(dim=1).float().mean() >= share
    assert drawn.mean() == pytest.approx((images / 255.0).mean(), rel=0.25)


@pytest.mark.parametrize(
    "convert", [tuple, np.array, torch.tensor, lambda s: np.array(s[::-1])[::-1]]
)
def test_what_the_points_are_kept_in_makes_no_difference(convert) -> None:
    assert torch.equal(rasterize([convert(stroke) for stroke in TWO]), rasterize(TWO))


@pytest.mark.parametrize(
    ("strokes", "error", "message"),
    [
        ([(120, 150), (170, 60)], TypeError, r"Stroke 0 has the shape \[2\].*list of points"),
        ([TWO[0], [(1, 2, 3)]], TypeError, r"Stroke 1 has the shape \[1, 3\]"),
        ([["ab"]], TypeError, r"Stroke 0 is \['ab'\].*both numbers"),
        ([[(1, math.nan)]], ValueError, "Stroke 0 has a point that is not finite"),
    ],
    ids=["one stroke", "three coordinates", "text", "NaN"],
)
def test_what_is_no_list_of_strokes_is_named(strokes, error, message) -> None:
    with pytest.raises(error, match=message):
        rasterize(strokes)


def test_a_prediction_is_the_softmax_of_the_logits_of_the_picture() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(784, 10))
    probabilities = predict(model, TWO, 3.0, (120, 100))
    assert not model.training
    picture = rasterize(TWO, 3.0, (120, 100))[None]
    assert torch.allclose(probabilities, model(picture)[0].softmax(dim=0))
    assert not probabilities.requires_grad


# Digits drawn at random


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_seeded_digits_are_those_that_the_lessons_networks_saw() -> None:
    images, labels = drawn_digits(40, seed=3)
    digest = hashlib.sha256(images.numpy().tobytes()).hexdigest()
    assert digest.startswith("8c42869dc15de9bb")
    assert labels.tolist() == [number % 10 for number in range(40)]
    assert torch.equal(drawn_digits(20, seed=3)[0], images[:20])
    assert not torch.equal(drawn_digits(20, seed=4)[0], images[:20])


@pytest.mark.parametrize("digit", range(10))
def test_every_form_of_a_digit_is_drawn_with_its_corners_and_about_100_high(digit) -> None:
    going_on, sizes = generator(), set()
    for _ in range(60):
        strokes = [torch.tensor(stroke) for stroke in random_strokes(digit, going_on)]
        sizes.add(tuple(len(stroke) for stroke in strokes))
        assert 60 < torch.cat(strokes)[:, 1].max() - torch.cat(strokes)[:, 1].min() < 150
        # Smooth: eight steps from point to point, and none of them long.
        assert max(stroke.diff(dim=0).norm(dim=1).max() for stroke in strokes) < 20
    named = [form.split(" / ") for form in forms._FORMS[digit]]
    assert sizes == {tuple(8 * stroke.count(",") + 1 for stroke in form) for form in named}


def test_strokes_that_meet_in_a_corner_still_meet() -> None:
    for seed in range(20):
        above, below, *_ = random_strokes(2, generator(seed))
        assert above[-1] == pytest.approx(below[0], abs=1e-4)


# The recorder


def test_strokes_are_kept_as_they_were_drawn_and_pieces_of_line_returned() -> None:
    recorder = StrokeRecorder()
    assert recorder.move(1, 2) is None, "a move without a press is passed over"
    recorder.press(1, 2)
    assert recorder.strokes == [[(1, 2)]]
    assert recorder.move(3, 4.5) == ((1, 2), (3, 4.5))
    recorder.press(5, 6)
    assert recorder.move(7, 8) == ((5, 6), (7, 8)), "no line joins the two"
    recorder.release()
    assert not recorder.is_down
    assert recorder.move(9, 9) is None
    given = recorder.strokes
    given[0].append((0, 0))
    assert recorder.strokes == [[(1, 2), (3, 4.5)], [(5, 6), (7, 8)]], "what is given is a copy"


@pytest.mark.parametrize(("forget", "left"), [("undo", 1), ("clear", 0)])
def test_what_is_forgotten_while_it_is_drawn_is_not_gone_on_with(forget, left) -> None:
    recorder = StrokeRecorder()
    getattr(recorder, forget)()
    recorder.press(1, 2)
    recorder.press(3, 4)
    getattr(recorder, forget)()
    # The mouse is still pressed on the pad, and goes on.
    assert recorder.move(5, 6) is None
    assert recorder.strokes == [[(1, 2)]][:left]
