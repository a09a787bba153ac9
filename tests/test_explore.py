from collections import OrderedDict
import itertools
import math
import re

from mnist_helpers import plots
from mnist_helpers.explore import (
    LayerView,
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
    indices_of,
    kernels,
    layer_views,
    places,
    seen_patch,
    shifted,
    thinned,
    tiled,
    written_output_size,
    written_sum,
)
from mnist_helpers.models import CNN, MLP
from mnist_helpers.shapes import ReceptiveField, conv_output_size, receptive_field
import pytest
import torch
from torch import nn


def randomly(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_the_kernels_are_three_by_three_and_do_what_they_are_called() -> None:
    assert list(kernels()) == ["vertical edges", "horizontal edges", "blur", "sharpen"]
    stripes = torch.tensor([0.0, 0, 1, 1, 0]).repeat(5, 1)

    def applied(name, image):
        assert kernels()[name].shape == (3, 3)
        return torch.conv2d(image[None, None], kernels()[name][None, None])[0, 0]

    # Bright to the right is positive, bright to the left negative, and an edge along the kernel's is not seen.
    assert applied("vertical edges", stripes).tolist() == [[3, 3, -3]] * 3
    assert applied("horizontal edges", stripes.T).tolist() == [[3] * 3, [3] * 3, [-3] * 3]
    assert applied("vertical edges", stripes.T).tolist() == [[0] * 3] * 3
    assert applied("horizontal edges", stripes).tolist() == [[0] * 3] * 3
    assert torch.allclose(applied("blur", stripes)[0], torch.tensor([1 / 3, 2 / 3, 2 / 3]))
    # Sharpening makes the difference between neighbours larger, and leaves even ground as it is.
    assert applied("sharpen", stripes).tolist() == [[-1, 2, 2]] * 3
    assert applied("sharpen", torch.ones(3, 3)).tolist() == [[1]]


def test_a_kernel_that_was_changed_is_as_before_the_next_time() -> None:
    kernels()["blur"].zero_()
    assert kernels()["blur"].sum().item() == pytest.approx(1)


@pytest.mark.parametrize(
    ("digit", "expected"),
    [(3, [0, 2, 5]), (0, [1]), (7, []), (None, [0, 1, 2, 3, 4, 5])],
)
def test_the_indices_of_a_digit_are_where_its_labels_stand(digit, expected) -> None:
    assert indices_of(torch.tensor([3, 0, 3, 1, 9, 3]), digit) == expected


@pytest.mark.parametrize("width", [5, 4, 1, 28])
@pytest.mark.parametrize("place", range(28))
def test_a_crop_is_as_wide_as_asked_holds_the_place_and_stays_inside(place, width) -> None:
    crop = crop_around(28, place, width)
    assert crop.stop - crop.start == width
    assert 0 <= crop.start <= place < crop.stop <= 28
    if width // 2 <= place <= 28 - (width + 1) // 2:
        assert crop.start == place - width // 2, "the place is in the middle"


def test_a_crop_is_five_pixels_wide_where_nothing_is_said() -> None:
    assert [crop_around(28, place) for place in (0, 10, 27)] == [
        slice(0, 5),
        slice(8, 13),
        slice(23, 28),
    ]


def test_a_pixel_is_told_with_its_place_and_its_byte() -> None:
    image = torch.zeros(1, 28, 28)
    image[0, 3, 12] = 128 / 255
    assert described_pixel(image, 3, 12) == "image[0, 3, 12] = 0.5020 = 128 / 255"
    assert described_pixel(image, 12, 3) == "image[0, 12, 3] = 0.0000 = 0 / 255"


def test_every_byte_is_read_back_from_its_pixel() -> None:
    image = (torch.arange(256) / 255).reshape(1, 16, 16)
    told = [described_pixel(image, byte // 16, byte % 16) for byte in range(256)]
    assert [text.split(" = ")[-1] for text in told] == [f"{byte} / 255" for byte in range(256)]


def test_a_convolution_by_hand() -> None:
    image = torch.arange(9.0).reshape(3, 3)
    step = convolution_step(image, torch.tensor([[1.0, 0], [0, -1]]), place=2)
    assert step.window.tolist() == [[3, 4], [6, 7]]
    assert step.products.tolist() == [[3, 0], [0, -7]]
    assert (step.row, step.column, step.top, step.left) == (1, 0, 1, 0)
    assert step.total == -4
    assert step.output[0].tolist() == [-4, -4]
    assert step.output[1, 0].item() == -4
    assert math.isnan(step.output[1, 1].item())
    assert step.scale == 4


@pytest.mark.parametrize(
    ("kernel_size", "stride", "padding"),
    list(itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2))),
)
def test_each_place_is_what_torch_computes_there(kernel_size, stride, padding) -> None:
    image, kernel = randomly(6, 7), randomly(kernel_size, kernel_size, seed=1) - 0.7
    expected = nn.functional.conv2d(
        image[None, None], kernel[None, None], stride=stride, padding=padding
    )[0, 0]
    padded = torch.zeros(6 + 2 * padding, 7 + 2 * padding)
    padded[padding : padding + 6, padding : padding + 7] = image
    count = expected.numel()
    assert places(6, 7, kernel_size, stride, padding) == count
    for place in {0, 1 % count, count // 2, count - 1}:
        step = convolution_step(image, kernel, place, stride, padding)
        row, column = place // expected.shape[1], place % expected.shape[1]
        assert (step.row, step.column) == (row, column)
        assert (step.top, step.left) == (row * stride, column * stride)
        assert torch.equal(step.image, padded)
        assert torch.equal(step.kernel, kernel)
        window = padded[
            row * stride : row * stride + kernel_size,
            column * stride : column * stride + kernel_size,
        ]
        assert torch.equal(step.window, window)
        assert torch.equal(step.products, window * kernel)
        assert step.total == pytest.approx(expected[row, column].item(), abs=1e-5)
        assert step.scale == pytest.approx(expected.abs().max().item())
        assert (step.stride, step.padding) == (stride, padding)
        # Filled up to this place, and no further.
        assert step.output.shape == expected.shape
        filled = step.output.flatten()
        assert torch.allclose(filled[: place + 1], expected.flatten()[: place + 1], atol=1e-5)
        assert filled[place + 1 :].isnan().all()


def test_stride_one_and_no_padding_are_the_defaults_and_the_image_stays_as_it_was() -> None:
    image, kernel = randomly(5, 5), randomly(3, 3)
    before = image.clone(), kernel.clone()
    step = convolution_step(image, kernel, 0)
    assert (step.stride, step.padding, step.output.shape) == (1, 0, (3, 3))
    assert torch.equal(image, before[0])
    assert torch.equal(kernel, before[1])


@pytest.mark.parametrize("place", [-1, 6, 100])
def test_a_place_that_is_not_on_the_output_is_refused_with_those_there_are(place) -> None:
    with pytest.raises(ValueError, match=f"the places 0 to 5, and {place} is none of them"):
        convolution_step(randomly(4, 5), randomly(3, 3), place)


def test_a_kernel_larger_than_the_padded_image_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        convolution_step(randomly(9, 2), randomly(5, 5), 0, padding=1)
    with pytest.raises(ValueError, match="does not fit"):
        places(9, 2, 5, 1, 1)


TERM = re.compile(r"(-?\d+\.\d\d) × (\(-\d+(?:\.\d+)?\)|\d+(?:\.\d+)?)")


def read_sum(text):
    """Each row's terms as (pixel, weight) with what is said to be its sum, and the sum of all."""
    *rows, last = text.splitlines()
    read = []
    for line in rows:
        left, right = line.split(" = ")
        terms = [TERM.fullmatch(term.strip()).groups() for term in left.split(" + ")]
        read.append(
            ([(float(pixel), float(weight.strip("()"))) for pixel, weight in terms], float(right))
        )
    name, total = last.split(" = ")
    assert name.strip() == "sum"
    return read, float(total)


@pytest.mark.parametrize("place", [0, 4, 11])
@pytest.mark.parametrize("name", ["vertical edges", "horizontal edges", "sharpen", "halves"])
def test_each_line_of_the_written_sum_is_true(name, place) -> None:
    # Of quarters and halves every sum has few enough decimals to be written in full.
    halves = torch.tensor([[2.5, -0.5, 0.0], [10.0, -100.0, 0.5], [1.0, 1.5, -12.0]])
    image = torch.randint(5, (5, 6), generator=torch.Generator().manual_seed(place)) / 2
    step = convolution_step(image, {**kernels(), "halves": halves}[name], place)
    rows, total = read_sum(written_sum(step))
    assert [[pixel for pixel, _ in terms] for terms, _ in rows] == step.window.tolist()
    assert [[weight for _, weight in terms] for terms, _ in rows] == step.kernel.tolist()
    for terms, said in rows:
        assert sum(pixel * weight for pixel, weight in terms) == said
    assert sum(said for _, said in rows) == total


def test_a_written_sum_is_true_but_for_rounding() -> None:
    step = convolution_step(randomly(5, 5), kernels()["blur"] - 0.2, 3, padding=1)
    rows, total = read_sum(written_sum(step))
    for (terms, said), pixels, weights in zip(rows, step.window, step.kernel, strict=True):
        assert [pixel for pixel, _ in terms] == pytest.approx(pixels.tolist(), abs=0.00501)
        assert [weight for _, weight in terms] == pytest.approx(weights.tolist(), abs=0.00501)
        assert said == pytest.approx((pixels * weights).sum().item(), abs=0.00501)
    assert total == pytest.approx(step.total, abs=0.00501)


def test_the_lines_of_a_written_sum_stand_below_each_other() -> None:
    text = written_sum(convolution_step(randomly(5, 5), kernels()["sharpen"], 0))
    assert len(text.splitlines()) == 4
    assert len({line.index(" = ") for line in text.splitlines()}) == 1
    assert len({len(line) for line in text.splitlines()}) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((28, 3, 1, 0), "(28 + 2 · 0 − 3) / 1 = 25, plus 1 is 26"),
        ((28, 3, 1, 1), "(28 + 2 · 1 − 3) / 1 = 27, plus 1 is 28"),
        ((28, 3, 2, 0), "(28 + 2 · 0 − 3) / 2 = 12.5, without the fraction 12, plus 1 is 13"),
        ((28, 2, 3, 2), "(28 + 2 · 2 − 2) / 3 = 10, plus 1 is 11"),
        ((5, 5, 3, 0), "(5 + 2 · 0 − 5) / 3 = 0, plus 1 is 1"),
    ],
)
def test_the_formula_of_the_output_size_is_written_with_its_numbers(arguments, expected) -> None:
    assert written_output_size(*arguments) == expected


def test_the_written_formula_is_true_wherever_a_kernel_fits() -> None:
    number = r"(\d+(?:\.\d+)?)"
    formula = re.compile(
        rf"\({number} \+ 2 · {number} − {number}\) / {number} = {number}"
        rf"(?:, without the fraction {number})?, plus 1 is {number}"
    )
    for size, kernel, stride, padding in itertools.product(
        (3, 6, 28), (1, 2, 3), (1, 2, 3), (0, 1, 2)
    ):
        text = written_output_size(size, kernel, stride, padding)
        *said, quotient, whole, result = formula.fullmatch(text).groups()
        assert [int(part) for part in said] == [size, padding, kernel, stride]
        exact = (size + 2 * padding - kernel) / stride
        assert float(quotient) == pytest.approx(exact, rel=1e-3)
        assert (whole is None) == exact.is_integer()
        assert int(whole or quotient) == math.floor(exact)
        assert int(result) == conv_output_size(size, kernel, stride, padding)


def test_a_step_is_told_with_its_sum_and_with_the_height_and_the_width_of_the_output() -> None:
    step = convolution_step(randomly(6, 9), randomly(3, 3, seed=1), 1, stride=2, padding=1)
    total, sizes = described_step(step).split("\n\n")
    assert total == f"output[0, 1]:\n{written_sum(step)}"
    assert sizes.splitlines() == [
        f"output height: {written_output_size(6, 3, 2, 1)}",
        f"output width:  {written_output_size(9, 3, 2, 1)}",
    ]


CNN_VIEWS = [
    ("block_1.0 Conv2d", (16, 28, 28), 160, 3),
    ("block_1.1 ReLU", (16, 28, 28), 0, 3),
    ("block_1.2 MaxPool2d", (16, 14, 14), 0, 4),
    ("block_2.0 Conv2d", (16, 14, 14), 2_320, 8),
    ("block_2.1 ReLU", (16, 14, 14), 0, 8),
    ("block_2.2 Conv2d", (32, 14, 14), 4_640, 12),
    ("block_2.3 ReLU", (32, 14, 14), 0, 12),
    ("block_2.4 Conv2d", (32, 14, 14), 9_248, 16),
    ("block_2.5 ReLU", (32, 14, 14), 0, 16),
    ("block_2.6 MaxPool2d", (32, 7, 7), 0, 18),
    ("block_3.0 Conv2d", (64, 7, 7), 18_496, 26),
    ("block_3.1 ReLU", (64, 7, 7), 0, 26),
    ("block_3.2 Conv2d", (64, 7, 7), 36_928, 34),
    ("block_3.3 ReLU", (64, 7, 7), 0, 34),
    ("output.1 Linear", (10,), 31_370, None),
]


def test_the_layers_of_the_cnn_are_viewed_in_order_but_for_its_flatten() -> None:
    model, image = CNN(), randomly(1, 28, 28)
    views = layer_views(model, image)
    assert [
        (view.title, tuple(view.output.shape), view.parameters, view.field and view.field.size)
        for view in views
    ] == CNN_VIEWS
    assert sum(view.parameters for view in views) == 103_162
    assert [view.field for view in views] == [*receptive_field(model), None]


def test_each_view_holds_what_its_layer_makes_of_the_digit() -> None:
    model, image = CNN(), randomly(1, 28, 28)
    layers = [layer for layer in model.modules() if not list(layer.children())]
    with torch.no_grad():
        for view in layer_views(model, image)[:-1]:
            depth = [row[0] for row in CNN_VIEWS].index(view.title) + 1
            expected = nn.Sequential(*layers[:depth])(image[None])[0]
            assert torch.allclose(view.output, expected, atol=1e-6)
        logits = layer_views(model, image)[-1].output
        assert torch.allclose(logits, model(image[None])[0], atol=1e-6)
    assert not logits.requires_grad


def test_a_unit_of_a_network_without_convolutions_sees_all() -> None:
    model = MLP((5, 4))
    views = layer_views(model, randomly(1, 28, 28))
    assert [(view.title, tuple(view.output.shape), view.parameters) for view in views] == [
        ("layers.1 Linear", (5,), 3_925),
        ("layers.2 ReLU", (5,), 0),
        ("layers.3 Linear", (4,), 24),
        ("layers.4 ReLU", (4,), 0),
        ("layers.5 Linear", (10,), 50),
    ]
    assert [view.field for view in views] == [None] * 5


def test_viewing_a_model_leaves_it_in_its_mode() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()).train()
    first, _, dropped = layer_views(model, randomly(1, 5, 5))
    assert all(module.training for module in model.modules())
    assert model[1].running_mean.tolist() == [0, 0]
    # In evaluation mode, where nothing is dropped and nothing depends on chance.
    assert torch.allclose(dropped.output, first.output, atol=1e-4)


def units(view):
    last = [size - 1 for size in view.output.shape[1:]]
    return itertools.product(*({0, end // 2, end} for end in last))


def reached(layers, unit):
    """Rows and columns of the input that the first channel's unit of the last layer depends on."""
    picture = (randomly(1, 1, 28, 28, seed=3).double() + 0.1).requires_grad_()
    nn.Sequential(*layers)(picture)[(0, 0, *unit)].backward()
    touched = picture.grad[0, 0] != 0
    return [touched.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0)]


@pytest.mark.parametrize("depth", range(1, 15))
def test_the_gradient_reaches_exactly_the_patch_that_is_seen(depth) -> None:
    # Averages let each pixel through, where a maximum has a gradient for one alone.
    model = CNN()
    model.block_1[2], model.block_2[6] = nn.AvgPool2d(2), nn.AvgPool2d(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.5, 1.5)
    image = randomly(1, 28, 28)
    view = layer_views(model, image)[depth - 1]
    layers = [layer for layer in model.double().modules() if not list(layer.children())][:depth]
    for unit in units(view):
        patch = seen_patch(view, image, unit)
        assert (patch.height, patch.width) == (view.field.size,) * 2
        rows = range(max(0, patch.top), min(28, patch.top + patch.height))
        columns = range(max(0, patch.left), min(28, patch.left + patch.width))
        assert reached(layers, unit) == [list(rows), list(columns)]


@pytest.mark.parametrize("depth", [3, 10, 14])
def test_with_maxima_too_no_gradient_leaves_the_patch(depth) -> None:
    torch.manual_seed(0)
    model, image = CNN(), randomly(1, 28, 28)
    view = layer_views(model, image)[depth - 1]
    layers = [layer for layer in model.double().modules() if not list(layer.children())][:depth]
    for unit in units(view):
        patch = seen_patch(view, image, unit)
        rows, columns = reached(layers, unit)
        assert set(rows) <= set(range(patch.top, patch.top + patch.height))
        assert set(columns) <= set(range(patch.left, patch.left + patch.width))


def test_a_unit_that_sees_all_has_the_whole_image_for_its_patch() -> None:
    view = LayerView("output.1 Linear", torch.zeros(10), 50, None)
    assert seen_patch(view, randomly(1, 12, 9), (4, 5)) == (0, 0, 12, 9)


def test_a_patch_lies_where_its_unit_is_in_rows_and_columns() -> None:
    field = ReceptiveField("MaxPool2d", size=4, jump=2, start=-1)
    view = LayerView("block_1.2 MaxPool2d", torch.zeros(16, 14, 14), 0, field)
    assert seen_patch(view, randomly(1, 28, 28), (0, 5)) == (-1, 9, 4, 4)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            LayerView(
                "block_2.0 Conv2d",
                torch.zeros(16, 14, 12),
                2_320,
                ReceptiveField("Conv2d", size=8, jump=2, start=-3),
            ),
            "block_2.0 Conv2d: output [16, 14, 12]  C, H, W; 2,320 parameters; one unit sees 8×8 pixels",
        ),
        (
            LayerView("output.1 Linear", torch.zeros(10), 31_370, None),
            "output.1 Linear: output [10]  features; 31,370 parameters; one unit sees all pixels",
        ),
    ],
)
def test_a_layer_is_told_with_shape_parameters_and_what_a_unit_sees(view, expected) -> None:
    assert described_layer(view) == expected


def test_a_belief_is_told_with_the_right_digits_and_their_mean_probability() -> None:
    probabilities = torch.full((3, 10), 0.05)
    labels = torch.tensor([3, 8, 0])
    probabilities[0, 3] = 0.55
    probabilities[1, 8] = 0.55
    probabilities[2, 9] = 0.55  # for a 0
    told = "2 of 3 right; probability of the right digit 0.38 on average"
    assert described_belief(0, labels, probabilities) == f"before training: {told}"
    assert described_belief(1, labels, probabilities) == f"after epoch 1: {told}"
    assert described_belief(12, labels, probabilities) == f"after epoch 12: {told}"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], "batch 0 of 9,380"),
        ([2.0], "batch 1 of 9,380; mean loss of the last 1: 2.000"),
        ([2.0, 1.0, 0.25], "batch 3 of 9,380; mean loss of the last 3: 1.083"),
        (
            [9.0] * 1_000 + [0.5] * 60 + [1.0] * 40,
            "batch 1,100 of 9,380; mean loss of the last 100: 0.700",
        ),
    ],
    ids=["none", "one", "three", "many"],
)
def test_losses_are_told_with_the_batch_and_the_mean_of_the_last_hundred(losses, expected) -> None:
    assert described_losses(losses, 9_380) == expected


@pytest.mark.parametrize("count", [0, 1, 2, 299, 300, 301, 599, 600, 601, 1_000, 9_380])
@pytest.mark.parametrize("points", [1, 7, 300])
def test_thinned_values_are_the_means_of_equal_stretches_with_their_ends(count, points) -> None:
    values = randomly(count).tolist()
    kept = thinned(values, points)
    assert len(kept) <= points
    ends = [0, *(end for end, _ in kept)]
    assert ends[-1] == count, "the last stretch ends with the last value"
    lengths = [after - before for before, after in itertools.pairwise(ends)]
    assert all(length > 0 for length in lengths)
    assert len(set(lengths[:-1])) <= 1, "equal stretches"
    assert all(length <= lengths[0] for length in lengths)
    for (before, after), (_, mean) in zip(itertools.pairwise(ends), kept, strict=True):
        assert mean == pytest.approx(sum(values[before:after]) / (after - before))
    total = sum(length * mean for length, (_, mean) in zip(lengths, kept, strict=True))
    assert total == pytest.approx(sum(values))
    # No thinner than needed: with stretches one shorter there would be too many.
    if lengths and lengths[0] > 1:
        assert -(-count // (lengths[0] - 1)) > points


def test_up_to_three_hundred_values_are_kept_as_they_are() -> None:
    values = randomly(300).tolist()
    assert thinned(values) == list(enumerate(values, start=1))
    assert len(thinned([*values, 0.5])) == 151


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


def simulated(pace, clock, cost, batch, batches):
    """Start and end of each drawing of a training whose batches take `batch` seconds, and a drawing `cost`."""
    drawings = []
    for _ in range(batches):
        if pace.due():
            start = clock.now
            pace.run(lambda: clock.advance(cost))
            drawings.append((start, clock.now))
        clock.advance(batch)
    return drawings


@pytest.mark.parametrize("cost", [0, 0.001, 0.009, 0.05, 0.4, 7])
@pytest.mark.parametrize("batch", [0.002, 0.03, 0.7])
def test_drawing_is_at_once_then_seldom_enough_and_no_seldomer(cost, batch) -> None:
    clock = Clock(1_000.0)
    drawings = simulated(Pace(clock=clock), clock, cost, batch, 20_000)
    assert drawings[0][0] == 1_000
    pauses = [after[0] - before[1] for before, after in itertools.pairwise(drawings)]
    assert min(pauses, default=math.inf) >= 0.5 - 1e-6, "twice a second at most"
    assert max(pauses, default=0) <= max(0.5, cost / 0.01) + batch + 1e-6
    # The last drawing's time is not over yet.
    spent = sum(end - start for start, end in drawings[:-1])
    assert spent <= 0.01 * (drawings[-1][0] - drawings[0][0])
    assert len(drawings) > 1 or 20_000 * batch <= max(0.5, cost / 0.01) + 1e-6


def test_the_pace_may_be_set() -> None:
    clock = Clock(0.0)
    pace = Pace(interval=3, share=0.5, clock=clock)
    starts = [start for start, _ in simulated(pace, clock, 0, 1, 10)]
    assert starts == [0, 3, 6, 9]
    clock = Clock(0.0)
    pace = Pace(interval=3, share=0.5, clock=clock)
    assert simulated(pace, clock, 8, 1, 40) == [(0, 8), (24, 32), (48, 56)]


def test_each_drawing_is_judged_by_its_own_time() -> None:
    clock = Clock(0.0)
    pace = Pace(clock=clock)
    pace.run(lambda: clock.advance(1))
    clock.advance(99)
    assert not pace.due()
    clock.advance(1)
    assert pace.due()
    pace.run(lambda: None)
    assert not pace.due()
    clock.advance(0.5)
    assert pace.due()
    # To ask changes nothing.
    assert pace.due()


def test_a_pace_draws_what_it_is_given_once() -> None:
    drawn = []
    pace = Pace()
    assert pace.due()
    pace.run(lambda: drawn.append("curve"))
    assert drawn == ["curve"]


def test_a_sum_that_rounds_to_zero_has_no_sign() -> None:
    image = torch.zeros(3, 3)
    image[0, 0] = 1 / 255
    step = convolution_step(image, kernels()["vertical edges"], 0)
    assert "-0.00" not in written_sum(step)
    assert "-0.00" not in plots.plot_convolution_step(step).axes[3].get_title()


def test_the_title_of_a_lone_layer_is_its_kind() -> None:
    [view] = layer_views(nn.Conv2d(1, 2, 3), torch.rand(1, 5, 5))
    assert view.title == "Conv2d"


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ((10, 0.1, 2), "rotated by up to 10°, stretched by up to 10%, moved by up to 2 pixels"),
        ((0, 0, 0.5), "rotated by up to 0°, stretched by up to 0%, moved by up to 0.5 pixels"),
    ],
)
def test_a_change_is_told_in_words(amounts, words) -> None:
    assert described_change(*amounts) == words


@pytest.mark.parametrize("right", [0, 1, -1, 3, -6, 7, -7])
@pytest.mark.parametrize("down", [0, 2, -1, -5, 5])
def test_each_pixel_is_moved_and_what_comes_in_is_black(right, down) -> None:
    image = 0.1 + randomly(2, 5, 7)
    before = image.clone()
    moved = shifted(image, right, down)
    assert (moved.shape, moved.dtype) == (image.shape, image.dtype)
    for row, column in itertools.product(range(5), range(7)):
        inside = 0 <= row - down < 5 and 0 <= column - right < 7
        expected = image[:, row - down, column - right] if inside else torch.zeros(2)
        assert torch.equal(moved[:, row, column], expected)
    assert torch.equal(image, before)


def test_a_digit_moved_there_and_back_is_as_it_was_where_nothing_was_lost() -> None:
    image = torch.zeros(1, 28, 28)
    image[:, 8:20, 8:20] = randomly(1, 12, 12)
    for right, down in ((8, -8), (-8, 8), (0, 0)):
        assert torch.equal(shifted(shifted(image, right, down), -right, -down), image)


@pytest.mark.parametrize("amounts", [(8, 0), (-8, 0), (0, 6), (0, -30)])
def test_an_image_moved_by_more_than_its_size_is_black(amounts) -> None:
    moved = shifted(randomly(1, 5, 7), *amounts)
    assert moved.shape == (1, 5, 7)
    assert not moved.any()


@pytest.mark.parametrize(
    ("amounts", "words"),
    [
        ((3, 2), "moved 3 to the right, 2 down"),
        ((-3, 2), "moved 3 to the left, 2 down"),
        ((10, -1), "moved 10 to the right, 1 up"),
        ((-1, -10), "moved 1 to the left, 10 up"),
        ((0, 0), "moved 0 to the right, 0 down"),
    ],
)
def test_a_shift_is_told_in_words(amounts, words) -> None:
    assert described_shift(*amounts) == words


def certain(**shares):
    """Ten probabilities, of which some are given: certain(_3=0.8)."""
    values = torch.full((10,), (1 - sum(shares.values())) / (10 - len(shares)))
    for digit, share in shares.items():
        values[int(digit[1:])] = share
    return values


def test_the_answers_of_networks_are_told_with_how_sure_they_are() -> None:
    answers = {"CNN": certain(_3=0.876), "MLP": certain(_8=0.5, _3=0.4)}
    assert described_answers(answers) == "CNN says 3 (88%); MLP says 8 (50%)"
    assert described_answers({"CNN": certain(_0=1.0)}) == "CNN says 0 (100%)"
    assert described_answers({}) == ""


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        (0, "draw a digit"),
        (1, "1 stroke: the network says 8 (60%), then 3 (25%)"),
        (2, "2 strokes: the network says 8 (60%), then 3 (25%)"),
        (11, "11 strokes: the network says 8 (60%), then 3 (25%)"),
    ],
)
def test_a_drawing_is_told_with_its_strokes_and_the_two_surest_answers(strokes, words) -> None:
    assert described_drawing(certain(_3=0.25, _8=0.6), strokes) == words


def test_an_enlarged_image_is_made_of_squares_of_bytes() -> None:
    image = torch.tensor([[[0.0, 1.0, 0.5], [3 / 255, 0.999, 0.4 / 255]]])
    large = enlarged(image, times=4)
    assert (large.dtype, tuple(large.shape)) == (torch.uint8, (8, 12))
    for row, column in itertools.product(range(8), range(12)):
        expected = [[0, 255, 128], [3, 255, 0]][row // 4][column // 4]
        assert large[row, column].item() == expected
    assert enlarged(randomly(1, 28, 28)).shape == (280, 280)


def test_every_byte_of_a_digit_is_the_same_when_it_is_enlarged() -> None:
    image = (torch.arange(256) / 255).reshape(1, 16, 16)
    assert enlarged(image, times=1).flatten().tolist() == list(range(256))


@pytest.mark.parametrize("training", [True, False])
def test_the_output_of_a_block_is_what_the_model_computes_in_evaluation_mode(training) -> None:
    torch.manual_seed(0)
    model = CNN().train(training)
    model.block_1.append(nn.Dropout())
    model.train(training)
    image = randomly(1, 28, 28)
    maps = block_output(model, "block_2", image)
    assert not any(module.training for module in model.modules())
    assert (maps.shape, maps.dtype, maps.requires_grad) == ((32, 7, 7), torch.float32, False)
    with torch.no_grad():
        assert torch.equal(maps, model.block_2(model.block_1(image[None]))[0])
    assert block_output(model, "output", image).shape == (10,)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_block_is_one_of_the_models_own_modules() -> None:
    message = r"^The model has no 'block_9'; it has block_1, block_2, block_3, output\.$"  # as one may type
    model = CNN()
    with pytest.raises(ValueError, match=message):
        block_output(model, "block_9", randomly(1, 28, 28))
    for name in ("block_1.0", "", "none"):
        with pytest.raises(ValueError, match=rf"^The model has no '{re.escape(name)}'; "):
            block_output(model, name, randomly(1, 28, 28))


def test_a_model_that_does_not_take_the_image_keeps_no_hook() -> None:
    model = CNN()
    with pytest.raises(RuntimeError):
        block_output(model, "block_1", randomly(1, 32, 32))
    assert not any(module._forward_hooks for module in model.modules())
    assert block_output(model, "block_1", randomly(1, 28, 28)).shape == (16, 14, 14)


def test_a_hook_of_ones_own_outlives_the_look_at_a_block() -> None:
    model, calls = CNN(), []
    model.block_1.register_forward_hook(lambda *_: calls.append(1))
    block_output(model, "block_1", randomly(1, 28, 28))
    assert len(model.block_1._forward_hooks) == len(calls) == 1


def test_a_layer_that_writes_into_a_blocks_output_does_not_change_what_is_told_of_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(OrderedDict(block_1=nn.Conv2d(1, 4, 3), activation=nn.ReLU(inplace=True)))
    image = randomly(1, 6, 6)
    maps = block_output(model, "block_1", image)
    with torch.no_grad():
        assert torch.equal(maps, model.block_1(image[None])[0])
    assert maps.min() < 0


def test_a_block_of_a_model_without_parameters_has_an_output() -> None:
    model = nn.Sequential(OrderedDict(block_1=nn.MaxPool2d(2)))
    image = randomly(1, 6, 6)
    assert torch.equal(block_output(model, "block_1", image), nn.MaxPool2d(2)(image))


def test_tiles_by_hand() -> None:
    maps = torch.tensor(
        [[[0.0, 2.0], [1.0, 0.5]], [[-3.0, -1.0], [-1.0, -2.0]], [[7.0, 7], [7, 7]]]
    )
    g = 128
    assert tiled(maps, columns=2, times=1).tolist() == [
        [g, g, g, g, g, g, g, g],
        [g, 0, 255, g, g, 0, 255, g],
        [g, 128, 64, g, g, 255, 128, g],
        [g, g, g, g, g, g, g, g],
        [g, g, g, g, g, g, g, g],
        [g, 0, 0, g, g, g, g, g],
        [g, 0, 0, g, g, g, g, g],
        [g, g, g, g, g, g, g, g],
    ]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 64])
@pytest.mark.parametrize(("columns", "times"), [(16, 3), (5, 1), (1, 2)])
def test_each_map_stands_in_its_tile_from_black_to_white(count, columns, times) -> None:
    maps = 20 * randomly(count, 4, 6) - 10
    picture = tiled(maps, columns, times)
    height, width = 4 * times + 2, 6 * times + 2
    rows = -(-count // columns)
    assert picture.dtype == torch.uint8
    assert picture.shape == (rows * height, columns * width)
    tiles = picture.reshape(rows, height, columns, width).transpose(1, 2).flatten(0, 1)
    assert (tiles[count:] == 128).all()
    for tile, values in zip(tiles[:count], maps, strict=True):
        inner = tile[1:-1, 1:-1]
        frame = torch.ones_like(tile, dtype=torch.bool)
        frame[1:-1, 1:-1] = False
        assert (tile[frame] == 128).all()
        small = inner[::times, ::times]
        assert torch.equal(small.repeat_interleave(times, 0).repeat_interleave(times, 1), inner)
        assert (small.min(), small.max()) == (0, 255)
        share = (values - values.min()) / (values.max() - values.min())
        assert (small - 255 * share).abs().max() <= 0.501


def test_sixteen_maps_stand_in_a_row_and_a_pixel_is_three_wide_where_nothing_is_said() -> None:
    maps = randomly(20, 4, 6)
    assert torch.equal(tiled(maps), tiled(maps, columns=16, times=3))


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e20, 1e-30])
def test_a_constant_map_is_black(value) -> None:
    picture = tiled(torch.full((1, 3, 3), value), columns=1, times=1)
    assert not picture[1:-1, 1:-1].any()


def test_tiling_leaves_the_maps_as_they_were() -> None:
    maps = randomly(3, 4, 4)
    tiled(maps)
    assert torch.equal(maps, randomly(3, 4, 4))


def test_feature_maps_are_told_with_their_number_size_and_the_silent_ones() -> None:
    maps = randomly(5, 3, 7)
    words = "block_2: 5 feature maps of 3×7; {} of them are zero all over"
    assert described_maps("block_2", maps) == words.format(0)
    maps[1] = maps[4] = 0
    assert described_maps("block_2", maps) == words.format(2)
    maps[4, 2, 6] = 1e-9
    assert described_maps("block_2", maps) == words.format(1)


def test_a_map_of_negative_values_is_not_zero_all_over() -> None:
    # As a block that ends with Tanh, or with a convolution, puts out.
    assert described_maps("block_1", -1 - randomly(2, 3, 3)).endswith(
        "; 0 of them are zero all over"
    )
