import copy
import itertools
import math

from mnist_helpers.data import load_datasets
from mnist_helpers.drawing import (
    PEN_WIDTH,
    drawn_digits,
    forms,
    predict,
    random_strokes,
    rasterize,
)
from mnist_helpers.models import BatchNormCNN
import numpy as np
import pytest
import torch
from torch import nn

NAN, INF = math.nan, math.inf

# A two, and a dot to its right: no symmetry, and a centre of mass that is nowhere near half a pixel, where a trifle
# would decide which way it is rounded.
TWO = [[(10, 25), (30, 5), (65, 4), (85, 25), (70, 50), (8, 90), (92, 97)], [(99, 40)]]


def moved(strokes, scale=1.0, x=0.0, y=0.0):
    return [[(scale * px + x, scale * py + y) for px, py in stroke] for stroke in strokes]


def extents(images):
    """How many rows, and columns, lie from the first to the last that is not black, for each of ``[N, 28, 28]``."""
    inked = [images.amax(dim=dim) > 0 for dim in (2, 1)]
    return [
        lines.shape[1] - lines.int().argmax(dim=1) - lines.flip(1).int().argmax(dim=1)
        for lines in inked
    ]


def extent(picture):
    return tuple(one.item() for one in extents(picture))


def centres(images):
    """The row and the column of the centre of mass of each of ``[N, 28, 28]``."""
    images = images.double()
    mass, places = images.sum(dim=(1, 2)), torch.arange(images.shape[1])
    return torch.stack([(images.sum(dim=dim) * places).sum(dim=1) / mass for dim in (2, 1)], dim=1)


def assert_nearly_equal(picture, other, most=0.2, mean=0.01):
    difference = (picture - other).abs()
    assert difference.max() <= most
    assert difference.mean() <= mean


# What a picture looks like


@pytest.mark.parametrize(
    "strokes",
    [TWO, [], [[]], [[(5, 5)]], [[(0, 0), (1, 3)]]],
    ids=lambda strokes: f"{strokes!r:.20}",
)
@pytest.mark.parametrize("canvas_size", [None, (100, 100)])
def test_a_picture_is_float32_with_one_channel_and_values_from_0_to_1(strokes, canvas_size) -> None:
    picture = rasterize(strokes, canvas_size=canvas_size)
    assert (picture.shape, picture.dtype) == ((1, 28, 28), torch.float32)
    assert picture.min() == 0
    assert picture.max() <= 1
    assert not picture.requires_grad


@pytest.mark.parametrize("strokes", [[], (), [[]], [[], []], [(), []], np.zeros((0, 5, 2))])
def test_without_a_point_the_picture_is_black(strokes) -> None:
    assert rasterize(strokes).sum() == 0


def test_a_stroke_without_points_among_others_is_passed_over() -> None:
    assert torch.equal(rasterize([[], TWO[0], [], TWO[1], []]), rasterize(TWO))


def test_every_stroke_is_drawn() -> None:
    whole = rasterize(TWO)
    for missing in range(len(TWO)):
        part = [stroke for number, stroke in enumerate(TWO) if number != missing]
        assert not torch.equal(rasterize(part), whole)


def test_strokes_are_not_joined() -> None:
    # Two uprights: between them it is black.
    picture = rasterize([[(0, 0), (0, 10)], [(10, 0), (10, 10)]])[0]
    assert picture[:, 10:18].sum() == 0
    assert picture[:, :10].sum() > 20
    assert picture[:, 18:].sum() > 20


def test_y_goes_downwards_and_x_to_the_right() -> None:
    # An L: its foot is at the bottom and points to the right.
    picture = rasterize([[(0, 0), (0, 10), (10, 10)]])[0]
    rows, columns = picture.sum(dim=1), picture.sum(dim=0)
    inked = rows.nonzero().flatten()
    assert rows.argmax() >= inked.max() - 2
    assert columns.argmax() <= columns.nonzero().min() + 2


def test_ink_is_white_inside_and_grey_at_the_edges() -> None:
    picture = rasterize(TWO)
    assert picture.max() == 1
    grey = ((picture > 0) & (picture < 1)).sum()
    assert grey > 0.3 * (picture > 0).sum()
    assert len(picture.unique()) > 40, "more steps than a picture four times as large would give"


@pytest.mark.parametrize("pen_width", [1, 2.4, 4, 10, 20])
def test_a_dot_has_the_area_of_a_circle(pen_width) -> None:
    area = rasterize([[(3, 3)]], pen_width).sum().item()
    # A pen is drawn up to a sixteenth of a pixel too wide.
    assert math.pi * (pen_width / 2) ** 2 * 0.97 <= area <= math.pi * (pen_width / 2 + 1 / 16) ** 2


@pytest.mark.parametrize("pen_width", [1, 2.4, 4, 10, 20])
@pytest.mark.parametrize("end", [(10, 0), (0, 10), (7, 7)])
def test_a_line_has_the_area_of_a_bar_with_round_ends(pen_width, end) -> None:
    area = rasterize([[(0, 0), end]], pen_width).sum().item()
    length = math.hypot(*end) / max(end) * (20 - pen_width)
    expected = pen_width * length + math.pi * (pen_width / 2) ** 2
    assert area == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("pen_width", [0.5, 1, 1.6, 2.4, 3.6, 5, 10])
@pytest.mark.parametrize("upright", [False, True])
def test_a_straight_line_is_as_thick_as_the_pen_is_wide(pen_width, upright) -> None:
    picture = rasterize([[(0, 0), (0, 10) if upright else (10, 0)]], pen_width)[0]
    across = picture[14] if upright else picture[:, 14]
    assert across.sum().item() == pytest.approx(pen_width, abs=1 / 16)


def test_a_pen_that_is_not_named_is_as_wide_as_the_constant_says() -> None:
    assert torch.equal(rasterize(TWO), rasterize(TWO, PEN_WIDTH))
    assert not torch.equal(rasterize(TWO), rasterize(TWO, PEN_WIDTH + 0.5))


def test_a_wider_pen_leaves_more_ink_and_the_digit_its_size() -> None:
    pictures = [rasterize(TWO, pen_width) for pen_width in (0.5, 1, 1.6, 2.4, 3.6, 5)]
    ink = [picture.sum().item() for picture in pictures]
    assert ink == sorted(ink)
    assert {max(extent(picture)) for picture in pictures} == {20}


@pytest.mark.parametrize("pen_width", [0.1, 20])
def test_the_narrowest_and_the_widest_pen_still_draw(pen_width) -> None:
    picture = rasterize(TWO, pen_width)
    assert picture.sum() > 1
    assert max(extent(picture)) == 20


def test_corners_are_round() -> None:
    # In the outer corner of a wide pen's L there is a quarter of a circle, and not a square.
    picture = rasterize([[(0, 0), (0, 10), (10, 10)]], 8)[0]
    rows, columns = (picture.sum(dim=dim).nonzero().flatten() for dim in (1, 0))
    bottom, left = rows.max(), columns.min()
    assert picture[bottom, left] == 0
    assert picture[bottom - 3, left + 3] == 1


def coverage(strokes, pen_width, size=28, larger=16):
    """What a round pen of that width covers of each pixel, from the distance of each place to each line."""
    places = (torch.arange(size * larger) + 0.5) / larger
    places = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1)
    covered = torch.zeros(len(places), len(places), dtype=torch.bool)
    for stroke in strokes:
        points = torch.tensor(stroke, dtype=torch.float32)
        for start, end in itertools.pairwise([*points, points[-1]]):
            along = end - start
            share = ((places - start) @ along / (along @ along).clamp(min=1e-9)).clamp(0, 1)
            nearest = start + share[..., None] * along
            covered |= (places - nearest).norm(dim=-1) <= pen_width / 2
    return covered.float().reshape(1, size, larger, size, larger).mean(dim=(2, 4))


@pytest.mark.parametrize("pen_width", [1, 2.4, 5])
def test_each_pixel_is_as_bright_as_the_part_of_it_that_the_pen_covers(pen_width) -> None:
    strokes = moved(TWO, 0.2, x=3.3, y=4.1)
    picture = rasterize(strokes, pen_width, canvas_size=(28, 28))
    assert_nearly_equal(picture, coverage(strokes, pen_width))


# What makes no difference


@pytest.mark.parametrize("scale", [0.001, 7, 1e6, 1e-200, 1e200])
def test_the_size_of_the_canvas_makes_no_difference(scale) -> None:
    assert_nearly_equal(rasterize(moved(TWO, scale)), rasterize(TWO))


@pytest.mark.parametrize(("x", "y"), [(1000, 0), (0, -1000), (-1e6, 1e6), (0.37, 12.9)])
def test_the_place_on_the_canvas_makes_no_difference(x, y) -> None:
    assert_nearly_equal(rasterize(moved(TWO, x=x, y=y)), rasterize(TWO))


@pytest.mark.parametrize("pieces", [2, 7, 100])
def test_the_speed_of_the_pen_makes_no_difference(pieces) -> None:
    slow = [
        [
            (x0 + step / pieces * (x1 - x0), y0 + step / pieces * (y1 - y0))
            for (x0, y0), (x1, y1) in itertools.pairwise(stroke)
            for step in range(pieces + 1)
        ]
        for stroke in TWO[:1]
    ]
    assert_nearly_equal(rasterize(slow), rasterize(TWO[:1]))


def test_a_pen_that_stands_still_makes_no_difference() -> None:
    halting = [[point for point in stroke for _ in range(5)] for stroke in TWO]
    assert torch.equal(rasterize(halting), rasterize(TWO))


def test_the_direction_of_the_pen_and_the_order_of_the_strokes_make_no_difference() -> None:
    turned = [stroke[::-1] for stroke in TWO[::-1]]
    assert_nearly_equal(rasterize(turned), rasterize(TWO))


@pytest.mark.parametrize(
    "convert",
    [
        lambda strokes: [[[float(x), float(y)] for x, y in stroke] for stroke in strokes],
        lambda strokes: tuple(tuple(stroke) for stroke in strokes),
        lambda strokes: [np.array(stroke) for stroke in strokes],
        lambda strokes: [np.array(stroke, dtype=np.float32) for stroke in strokes],
        lambda strokes: [np.array(stroke, dtype=np.uint8) for stroke in strokes],
        lambda strokes: [torch.tensor(stroke) for stroke in strokes],
        lambda strokes: [torch.tensor(stroke, dtype=torch.float32) for stroke in strokes],
        lambda strokes: [torch.tensor(stroke).float().requires_grad_() for stroke in strokes],
        lambda strokes: [[(np.float64(x), np.int64(y)) for x, y in stroke] for stroke in strokes],
        lambda strokes: iter(strokes),
    ],
    ids=[
        *("floats", "tuples", "arrays", "float32 arrays", "uint8 arrays", "tensors"),
        *("float32 tensors", "tensors with a gradient", "NumPy's numbers", "an iterator"),
    ],
)
def test_what_the_points_are_kept_in_makes_no_difference(convert) -> None:
    assert torch.equal(rasterize(convert(TWO)), rasterize(TWO))


def test_an_array_of_strokes_is_taken_too() -> None:
    strokes = np.array([[(0, 0), (5, 9)], [(9, 0), (9, 9)]])
    assert torch.equal(rasterize(strokes), rasterize(strokes.tolist()))
    assert torch.equal(rasterize(torch.tensor(strokes)), rasterize(strokes.tolist()))


def test_an_array_that_is_a_view_in_reverse_is_taken_too() -> None:
    reverse = [np.array(stroke)[::-1] for stroke in TWO]
    assert torch.equal(rasterize(reverse), rasterize([stroke[::-1] for stroke in TWO]))


@pytest.mark.parametrize("canvas_size", [None, (100, 100)])
def test_the_strokes_are_left_as_they_are(canvas_size) -> None:
    strokes = [[[1.0, 2.0], [3.0, 1e200]], [], [[5.0, 5.0]]]
    arrays = [np.array([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 7.0]], dtype=torch.float64)]
    before = copy.deepcopy(strokes), [array.tolist() for array in arrays]
    rasterize(strokes, canvas_size=canvas_size)
    rasterize(arrays, canvas_size=canvas_size)
    assert (strokes, [array.tolist() for array in arrays]) == before


def test_the_same_strokes_give_the_same_picture_and_one_of_its_own() -> None:
    first = rasterize(TWO)
    expected = first.clone()
    second = rasterize(TWO)
    first.zero_()
    assert torch.equal(second, expected)


# As MNIST's digits are made


def a_bar(x, y):
    return [[(0, 0), (x, 0), (x, y), (0, y), (0, 0)]]


@pytest.mark.parametrize("pen_width", [1, 2.4, 3.6, 10])
@pytest.mark.parametrize(
    "strokes", [TWO, a_bar(10, 10), a_bar(10, 3), a_bar(1, 10), [[(0, 0), (9, 10)]]]
)
def test_the_ink_is_20_pixels_long_in_the_longer_direction(strokes, pen_width) -> None:
    assert max(extent(rasterize(strokes, pen_width))) == 20


@pytest.mark.parametrize("width", [1, 0.5, 0.2, 0])
def test_proportions_are_kept(width) -> None:
    pen_width = 2.4
    expected = width * (20 - pen_width) + pen_width
    tall = extent(rasterize(a_bar(50 * width, 50), pen_width))
    wide = extent(rasterize(a_bar(50, 50 * width), pen_width))
    for longer, shorter in (tall, wide[::-1]):
        assert longer == 20
        # It may begin and end within a pixel.
        assert expected - 0.1 <= shorter <= expected + 2


def test_a_dot_is_as_large_as_the_pen_and_in_the_middle() -> None:
    for strokes in ([[(300, 7)]], [[(300, 7), (300, 7)]], [[(300, 7)], [(300, 7)]]):
        picture = rasterize(strokes)
        assert max(extent(picture)) <= 4
        assert (centres(picture)[0] - 14).abs().max() <= 0.5
        assert torch.equal(picture, rasterize([[(0, 0)]]))


@pytest.mark.parametrize("digit", range(10))
def test_the_centre_of_mass_is_the_middle_to_half_a_pixel(digit) -> None:
    generator = torch.Generator().manual_seed(digit)
    pictures = torch.cat([rasterize(random_strokes(digit, generator)) for _ in range(20)])
    assert (centres(pictures) - 14).abs().max() <= 0.501


@pytest.mark.parametrize("turn", range(4))
def test_a_digit_whose_mass_is_far_off_its_middle_goes_to_the_edge_and_not_beyond(turn) -> None:
    # A line, and at one of its ends so much ink that its centre of mass is there.
    scribble = [(x, y) for x in range(0, 17, 2) for y in (-30, 30, -30)]
    strokes = torch.tensor([(0, 0), (100, 0)]), torch.tensor(scribble)
    for _ in range(turn):
        strokes = [stroke @ torch.tensor([[0, 1], [-1, 0]]) for stroke in strokes]
    picture = rasterize(strokes, 1)
    centre = centres(picture)[0]
    assert extent(picture)[1 - turn % 2] == 20, "nothing of it is lost"
    edges = picture[0, :, 27], picture[0, 27], picture[0, :, 0], picture[0, 0]
    assert edges[turn].sum() > 0, "it touches the edge that the line points to"
    assert (centre - 14).abs().max() > 0.5, "the centre of mass could not be had in the middle"


def test_mnist_keeps_the_conventions_that_these_pictures_keep() -> None:
    images = load_datasets()[0].data[:5000]
    ours, _ = drawn_digits(100)
    for pictures in (images, ours):
        at_most_half = (centres(pictures) - 14).abs().amax(dim=1) <= 0.501
        assert at_most_half.double().mean() > 0.999
        longer = torch.maximum(*extents(pictures))
        assert (longer == 20).double().mean() > 0.99
        assert longer.min() >= 19


def test_the_pictures_have_about_as_much_ink_as_mnists() -> None:
    images = load_datasets()[0].data[:5000] / 255
    ours = drawn_digits(100)[0] / 255
    for measure in (
        lambda pictures: pictures.mean(),
        lambda pictures: (pictures > 0).float().mean(),
    ):
        assert measure(ours) == pytest.approx(measure(images), rel=0.25)


# Numbers at the limits, and what is no number


@pytest.mark.parametrize("huge", [1e300, 1e308, 1.7e308])
def test_huge_coordinates_of_both_signs_are_drawn_as_small_ones_are(huge) -> None:
    strokes = [[(-1, -1), (1, 1)], [(1, -1), (0, 0.5)]]
    assert_nearly_equal(rasterize(moved(strokes, huge)), rasterize(strokes))


@pytest.mark.parametrize("tiny", [1e-300, 1e-305])
def test_tiny_extents_are_drawn_as_large_ones_are(tiny) -> None:
    assert_nearly_equal(rasterize(moved(TWO, tiny)), rasterize(TWO))


@pytest.mark.parametrize("tiny", [1e-308, 1e-310, 5e-324])
def test_an_extent_too_small_to_compute_with_leaves_a_line_or_a_dot(tiny) -> None:
    picture = rasterize([[(0, 0), (tiny, 0)]])
    assert picture.isfinite().all()
    assert 0 < picture.sum() < 50


def test_a_far_off_point_makes_the_rest_small_and_loses_nothing() -> None:
    picture = rasterize([[(0, 0), (1, 1)], [(1e300, 1e300)]])
    assert max(extent(picture)) == 20
    assert picture.sum() == pytest.approx(2 * rasterize([[(0, 0)]]).sum().item(), rel=0.1)


@pytest.mark.parametrize("strange", [NAN, INF, -INF])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_coordinate_that_is_not_finite_is_refused_with_its_stroke_and_point(
    strange, axis
) -> None:
    point = [5.0, 5.0]
    point[axis] = strange
    with pytest.raises(ValueError, match=r"^Point 2 of stroke 1 is \(.*finite") as caught:
        rasterize([[(1, 2)], [(0, 0), (1, 1), point]])
    assert str(strange) in str(caught.value)


@pytest.mark.parametrize("strokes", [None, 3, 2.5, "1, 2", b"12", {0: [(1, 2)]}, len])
def test_what_is_no_list_is_refused(strokes) -> None:
    with pytest.raises(
        TypeError, match=r"^strokes is .* has to be a list of strokes, such as \[\["
    ):
        rasterize(strokes)


@pytest.mark.parametrize(
    "wrong",
    [
        *(None, 3, "ab", {"x": 1}, [1, 2, 3], [(1, 2, 3)], [(1,)], [[(1, 2)]], [[[(1, 2)]]]),
        *([(1, 2), (3,)], [(1, 2), (3, 4, 5)], [(1, 2), 3], [("1", "2")], [(None, 1)], [(1j, 2)]),
        *([{"x": 1, "y": 2}], (4, 5), np.array([["1", "2"]]), np.zeros((2, 2, 2)), torch.zeros(4)),
        *(np.zeros((3, 1)), [None], len),
    ],
    ids=lambda wrong: f"{wrong!r:.30}",
)
def test_a_stroke_that_is_no_list_of_pairs_of_numbers_is_refused_with_its_number(wrong) -> None:
    with pytest.raises(TypeError, match=r"^Stroke 1 .* has to be .*list of points \(x, y\)"):
        rasterize([[(1, 2)], wrong])


@pytest.mark.parametrize(
    "wrong",
    [np.ones((2, 2), dtype=complex), torch.ones(2, 2, dtype=torch.complex64)],
    ids=["array", "tensor"],
)
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_complex_numbers_in_an_array_or_a_tensor_are_refused_as_those_in_a_list_are(wrong) -> None:
    with pytest.raises(TypeError, match=r"^Stroke 1 .* has to be .*list of points \(x, y\)"):
        rasterize([[(1, 2)], wrong])


def test_a_whole_number_too_large_for_a_float_is_refused_with_its_stroke() -> None:
    with pytest.raises((TypeError, ValueError), match="troke 1"):
        rasterize([[(1, 2)], [(10**400, 1)]])


@pytest.mark.parametrize("strokes", [[(1, 2), (3, 4)], torch.zeros(3, 2), np.zeros(3)])
def test_one_stroke_where_a_list_of_strokes_is_asked_for_is_refused(strokes) -> None:
    with pytest.raises(TypeError, match=r"^Stroke 0 has the shape"):
        rasterize(strokes)


def test_a_long_input_is_not_repeated_in_the_message() -> None:
    with pytest.raises(TypeError) as caught:
        rasterize("a" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("pen_width", [0, -1, 0.0999, 20.001, NAN, INF, -INF])
@pytest.mark.parametrize("strokes", [TWO, []])
def test_a_pen_width_out_of_range_is_refused(pen_width, strokes) -> None:
    with pytest.raises(ValueError, match=rf"^pen_width is {pen_width}, .* from 0.1 to 20 pixels"):
        rasterize(strokes, pen_width)


@pytest.mark.parametrize("pen_width", ["2", None, [2], 1j])
def test_a_pen_width_that_is_no_number_is_refused(pen_width) -> None:
    with pytest.raises(TypeError):
        rasterize(TWO, pen_width)


# On a canvas of a given size


@pytest.mark.parametrize("size", [1, 100, 1e6])
@pytest.mark.parametrize(("column", "row"), [(5, 5), (22, 5), (5, 22), (22, 22), (14, 14), (3, 17)])
def test_on_a_canvas_a_dot_stays_where_it_is(size, column, row) -> None:
    dot = [[(size * column / 28, size * row / 28)]]
    picture = rasterize(dot, canvas_size=(size, size))
    # A place is measured from the canvas's corner, and the first pixel's middle is half a pixel from there.
    expected = torch.tensor([[row, column]]) - 0.5
    assert (centres(picture) - expected).abs().max() < 0.1


def test_on_a_canvas_a_small_digit_stays_small_and_a_pen_as_wide_as_it_is() -> None:
    picture = rasterize([[(20, 20), (20, 40)]], pen_width=2, canvas_size=(112, 112))
    assert extent(picture)[0] in (7, 8)
    assert picture[0, 7].sum().item() == pytest.approx(2, abs=1 / 16)


@pytest.mark.parametrize("canvas_size", [(200, 100), (100, 200), [100, 200], np.array([100, 200])])
def test_a_canvas_that_is_not_square_is_shown_whole_and_undistorted(canvas_size) -> None:
    width, height = canvas_size
    picture = rasterize([[(width, height)]], canvas_size=canvas_size)
    corner = rasterize([[(28 * width / 200, 28 * height / 200)]], canvas_size=(28, 28))
    assert torch.equal(picture, corner)
    assert picture.sum() > 0


@pytest.mark.parametrize("far", [100, 1e5, 1e9, 1e90, 1e300])
@pytest.mark.parametrize(("x", "y"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)])
def test_what_lies_outside_the_canvas_is_not_drawn(far, x, y) -> None:
    there = [(50 + x * far, 50 + y * far)]
    assert rasterize([there], canvas_size=(100, 100)).sum() == 0
    assert rasterize([[*there, (there[0][0] + 1, there[0][1])]], canvas_size=(100, 100)).sum() == 0


@pytest.mark.parametrize(
    "far",
    [
        1e3,
        1e7,
        1e90,
        1e101,
        1e300,
    ],
)
def test_a_line_that_leaves_the_canvas_is_cut_and_the_rest_stays_where_it_is(far) -> None:
    strokes = [[(-far, 50), (far, 50)], [(20, 20)]]
    picture = rasterize(strokes, canvas_size=(100, 100))
    assert_nearly_equal(
        picture, rasterize([[(-100, 50), (200, 50)], [(20, 20)]], canvas_size=(100, 100))
    )


def test_a_huge_canvas_is_drawn_as_a_small_one() -> None:
    size = 1e300
    picture = rasterize(moved(TWO, size / 100), canvas_size=(size, size))
    assert_nearly_equal(picture, rasterize(TWO, canvas_size=(100, 100)))


@pytest.mark.parametrize(
    "canvas_size", [(0, 5), (5, 0), (-5, 5), (5, -5), (NAN, 5), (5, NAN), (INF, 5), (5, INF)]
)
def test_a_canvas_size_out_of_range_is_refused(canvas_size) -> None:
    with pytest.raises(ValueError, match=r"^canvas_size is \(.*both above 0"):
        rasterize(TWO, canvas_size=canvas_size)


@pytest.mark.parametrize("canvas_size", [(0, 5), (NAN, 5)])
def test_a_canvas_size_out_of_range_is_refused_without_strokes_too(canvas_size) -> None:
    with pytest.raises(ValueError, match=r"^canvas_size is \(.*both above 0"):
        rasterize([], canvas_size=canvas_size)


@pytest.mark.parametrize("canvas_size", [100, (100,), (1, 2, 3), "55", (None, 5)])
def test_a_canvas_size_that_is_no_pair_of_numbers_is_refused(canvas_size) -> None:
    with pytest.raises((TypeError, ValueError)):
        rasterize(TWO, canvas_size=canvas_size)


# What a network makes of it


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = BatchNormCNN()
    # Batch norm's running means off their start, and so evaluation unlike training.
    network(torch.rand(8, 1, 28, 28))
    return network


def test_a_prediction_is_ten_probabilities_on_the_cpu_without_a_gradient(model) -> None:
    probabilities = predict(model, TWO)
    assert (probabilities.shape, probabilities.dtype) == ((10,), torch.float32)
    assert probabilities.device.type == "cpu"
    assert not probabilities.requires_grad
    assert probabilities.min() >= 0
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "arguments", [{}, {"pen_width": 4}, {"canvas_size": (200, 200)}], ids=["plain", "pen", "canvas"]
)
def test_a_prediction_is_the_softmax_of_the_logits_of_the_picture(model, arguments) -> None:
    probabilities = predict(model.train(), TWO, **arguments)
    with torch.no_grad():
        logits = model.eval()(rasterize(TWO, **arguments)[None])
    assert torch.allclose(probabilities, logits.softmax(dim=1)[0])


def test_a_prediction_leaves_the_model_in_evaluation_mode_and_its_weights_alone(model) -> None:
    before = copy.deepcopy(model.state_dict())
    predict(model.train(), TWO)
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_prediction_can_be_had_of_nothing_and_of_large_logits(model) -> None:
    assert predict(model, []).sum().item() == pytest.approx(1, abs=1e-6)
    with torch.no_grad():
        model.output[1].bias[3] = 1e6
    probabilities = predict(model, TWO)
    assert probabilities.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_prediction_raises_what_the_picture_raises(model) -> None:
    with pytest.raises(ValueError, match=r"^pen_width"):
        predict(model, TWO, pen_width=50)
    with pytest.raises(ValueError, match=r"^canvas_size"):
        predict(model, TWO, canvas_size=(0, 0))
    with pytest.raises(TypeError, match=r"^Stroke 0"):
        predict(model, [None])


def test_a_network_is_given_one_picture_of_one_channel() -> None:
    shapes = []

    class Spy(nn.Linear):
        def forward(self, images):
            shapes.append(list(images.shape))
            return super().forward(images.flatten(1))

    predict(Spy(28 * 28, 10), TWO)
    assert shapes == [[1, 1, 28, 28]]


# Digits drawn at random


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def knots(strokes):
    """The points that the forms name: the curves have eight steps from each to the next."""
    return [torch.tensor(stroke)[::8] for stroke in strokes]


def form_of(digit, strokes):
    """The number of the form that, slanted, turned and stretched, comes nearest to what was drawn."""
    drawn = knots(strokes)
    misses = []
    for form in forms._FORMS[digit]:
        if [len(stroke) for stroke in form] != [len(stroke) for stroke in drawn]:
            misses.append(math.inf)
            continue
        named = torch.tensor([(x, y, 1.0) for stroke in form for x, y in stroke])
        fitted = named @ torch.linalg.pinv(named) @ torch.cat(drawn)
        misses.append((fitted - torch.cat(drawn)).norm().item())
    assert min(misses) < math.inf, "no form of this digit"
    return misses.index(min(misses))


@pytest.mark.parametrize("digit", range(10))
def test_every_form_of_a_digit_is_drawn_about_as_often(digit) -> None:
    going_on = generator()
    drawn = [form_of(digit, random_strokes(digit, going_on)) for _ in range(80)]
    count = len(forms._FORMS[digit])
    for number in range(count):
        assert drawn.count(number) > 80 / count / 3


@pytest.mark.parametrize("digit", range(10))
def test_strokes_are_smooth_and_about_100_high(digit) -> None:
    going_on = generator()
    for _ in range(30):
        strokes = random_strokes(digit, going_on)
        curves = [torch.tensor(stroke) for stroke in strokes]
        for curve in curves:
            steps = curve.diff(dim=0)
            assert steps.norm(dim=1).max() < 20
            # From step to step the pen turns a little, but where it barely moves.
            along, before = steps[1:], steps[:-1]
            sharp = (along * before).sum(dim=1) < 0
            assert (along[sharp].norm(dim=1) < 5).all()
        height = torch.cat(curves)[:, 1].max() - torch.cat(curves)[:, 1].min()
        assert 60 < height < 150


@pytest.mark.parametrize("digit", range(10))
def test_strokes_that_meet_in_a_corner_still_meet(digit) -> None:
    going_on = generator()
    for _ in range(20):
        strokes = random_strokes(digit, going_on)
        form = forms._FORMS[digit][form_of(digit, strokes)]
        places = {}
        for named, drawn in zip(form, knots(strokes), strict=True):
            for place, point in zip(named, drawn, strict=True):
                assert torch.allclose(places.setdefault(place, point), point, atol=1e-4)


def test_strokes_are_plain_numbers_that_rasterize_takes() -> None:
    strokes = random_strokes(3, generator())
    assert all(type(number) is float for stroke in strokes for x_y in stroke for number in x_y)
    assert all(len(x_y) == 2 for stroke in strokes for x_y in stroke)
    assert rasterize(strokes).sum() > 20


def test_a_digit_is_drawn_narrower_and_wider_slanted_and_turned() -> None:
    # An eight has so many points that moving each of them hides little of what was done to the whole.
    going_on, changes = generator(), []
    for _ in range(150):
        strokes = random_strokes(8, going_on)
        form = forms._FORMS[8][form_of(8, strokes)]
        named = torch.tensor([(x, y, 1.0) for stroke in form for x, y in stroke])
        changes.append((torch.linalg.pinv(named) @ torch.cat(knots(strokes)))[:2])
    right, down = torch.stack(changes).unbind(dim=1)
    widths = right.norm(dim=1)
    assert 0.35 < widths.min() < 0.55
    assert 0.85 < widths.max() < 1.1
    turned = torch.atan2(right[:, 1], right[:, 0])
    assert 4.5 < torch.rad2deg(turned).std() < 8
    slanted = torch.atan2(-down[:, 0], down[:, 1]) - turned
    assert 0.2 < torch.tan(slanted).std() < 0.35


@pytest.mark.parametrize("digit", range(10))
def test_a_curve_goes_on_smoothly_through_the_points_of_its_form(digit) -> None:
    going_on = generator()
    for _ in range(30):
        for stroke in random_strokes(digit, going_on):
            steps = torch.tensor(stroke).diff(dim=0)
            # At the points themselves a step is much like the one before.
            before, after = steps[7:-1:8], steps[8::8]
            assert ((after - before).norm(dim=1) < 5).all()


@pytest.mark.parametrize("digit", [-1, 10, 2.5, "3", None, NAN])
def test_a_digit_that_there_is_not_is_refused(digit) -> None:
    with pytest.raises(ValueError, match=r"^digit is .* a whole number from 0 to 9"):
        random_strokes(digit)


def test_a_digit_that_is_a_float_is_refused_in_the_same_way() -> None:
    with pytest.raises(ValueError, match=r"^digit is 3\.0"):
        random_strokes(3.0)


def test_a_generator_makes_strokes_repeatable_goes_on_and_spares_the_global_one() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    going_on = generator(5)
    first, second = (random_strokes(4, going_on) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert random_strokes(4, generator(5)) == first
    assert second != first
    assert random_strokes(4, generator(6)) != first


def test_without_a_generator_strokes_follow_the_global_one() -> None:
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(random_strokes(4))
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


@pytest.mark.parametrize("count", [0, 1, 25])
def test_drawn_digits_are_as_mnist_keeps_them_with_labels_in_turn(count) -> None:
    images, labels = drawn_digits(count)
    assert (images.shape, images.dtype) == ((count, 28, 28), torch.uint8)
    assert (labels.shape, labels.dtype) == ((count,), torch.int64)
    assert labels.tolist() == [number % 10 for number in range(count)]


def test_drawn_digits_reach_from_black_to_white_and_are_all_different() -> None:
    images, _ = drawn_digits(50)
    assert (images.flatten(1).min(dim=1).values == 0).all()
    assert (images.flatten(1).max(dim=1).values == 255).double().mean() > 0.8
    assert torch.pdist(images.flatten(1).double()).min() > 100


def test_the_same_seed_gives_the_same_drawn_digits_and_another_seed_others() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = drawn_digits(20, seed=3)[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(drawn_digits(20, seed=3)[0], first)
    other = drawn_digits(20, seed=4)[0]
    assert not any(torch.equal(*pair) for pair in zip(first, other, strict=True))
    assert torch.equal(drawn_digits(20)[0], drawn_digits(20, seed=0)[0])


def test_more_drawn_digits_begin_with_the_same_ones() -> None:
    assert torch.equal(drawn_digits(25)[0][:10], drawn_digits(10)[0])


def test_drawn_digits_are_drawn_with_pens_of_several_widths() -> None:
    # The ones alone, whose ink grows with the pen's width and little else.
    images, labels = drawn_digits(200)
    ink = images[labels == 1].double().sum(dim=(1, 2)) / 255
    assert ink.max() > 1.8 * ink.min()


def test_the_labels_say_which_digit_was_drawn() -> None:
    # MNIST's mean digits, moved about as little as these are: few agree by chance, most do if the labels fit.
    train_set = load_datasets()[0]
    means = torch.stack(
        [train_set.data[train_set.targets == digit].float().mean(dim=0) for digit in range(10)]
    ).flatten(1)
    images, labels = drawn_digits(200)
    guesses = nn.functional.cosine_similarity(
        images.flatten(1).float()[:, None], means[None], dim=2
    ).argmax(dim=1)
    assert (guesses == labels).double().mean() > 0.5
