import math

from mnist_helpers import insights
import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def pixels_as_logits(*places, size=(8, 8)):
    """A network: the logit of class k is 10 times the pixel at the k-th place, the others are 0."""
    linear = nn.Linear(size[0] * size[1], 10, bias=False)
    nn.init.zeros_(linear.weight)
    for digit, (row, column) in enumerate(places):
        linear.weight.data[digit, row * size[1] + column] = 10
    return nn.Sequential(nn.Flatten(), linear)


def rows_of(confidences, answers, dtype=torch.float32):
    """Rows of probabilities: the answer has the confidence, the nine others share the rest."""
    answers, confidences = torch.tensor(answers), torch.tensor(confidences, dtype=dtype)
    rows = ((1 - confidences) / 9)[:, None].repeat(1, 10)
    return rows.scatter(1, answers[:, None], confidences[:, None])


def test_the_matrix_counts_labels_in_rows_and_predictions_in_columns():
    # uint8 holds 255 at most: a place in a large matrix may not be computed in it.
    labels = torch.tensor([0, 0, 0, 2, 2, 1, 19], dtype=torch.uint8)
    matrix = insights.confusion_matrix(labels, torch.tensor([0, 1, 1, 2, 0, 1, 18]), classes=20)
    assert matrix[:3, :3].tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert (matrix[19, 18], matrix.sum()) == (1, 7)


@pytest.mark.parametrize("wrong", [10, -1])
@pytest.mark.parametrize("name", ["labels", "predictions"])
def test_a_class_that_there_is_not_is_named(name, wrong):
    given = dict.fromkeys(["labels", "predictions"], torch.tensor([1, 2, 3]))
    given[name] = torch.tensor([4, wrong, 4])
    with pytest.raises(ValueError, match=rf"^{name} holds .*{wrong}.* 0 to 9: give more classes"):
        insights.confusion_matrix(**given)


def test_the_commonest_mistakes_come_first_and_equal_ones_in_order():
    matrix = torch.tensor([[90, 1, 5, 0], [5, 80, 0, 7], [0, 0, 70, 0], [5, 1, 0, 60]])
    mistakes = [(1, 3, 7), (0, 2, 5), (1, 0, 5), (3, 0, 5), (0, 1, 1), (3, 1, 1)]
    assert insights.most_confused(matrix) == mistakes[:5]
    assert insights.most_confused(matrix, 9) == mistakes


def test_the_surest_mistakes_come_first_and_equal_ones_in_order():
    probabilities = rows_of([0.5, 0.99, 0.6, 0.9, 0.6, 0.9], answers=[3, 4, 5, 6, 7, 8])
    labels = torch.tensor([0, 4, 0, 0, 0, 0])  # the surest of all is right
    for count in (1, 4, 100):
        found = insights.confident_mistakes(probabilities, labels, count)
        assert found.tolist() == [3, 5, 2, 4, 0][:count]


@pytest.mark.parametrize("function", [insights.confident_mistakes, insights.reliability])
@pytest.mark.parametrize("row", [[1.0, 1.0], [math.nan, math.nan], [1.5, -0.5]])
def test_what_are_no_probabilities_is_refused(function, row):
    with pytest.raises(ValueError, match=r"has to sum to 1: apply softmax\(dim=-1\)"):
        function(torch.tensor([[0.5, 0.5], row]), torch.tensor([0, 1]), 2)


def test_all_images_get_their_probabilities_in_order_in_evaluation_mode():
    images, sizes = torch.rand(600, 1, 8, 8), []
    model = nn.Sequential(nn.Dropout(0.9), pixels_as_logits((0, 0), (3, 4)))
    model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    model.register_forward_hook(lambda _, given, output: output.double())
    found = insights.predict_all(model.train(), images)
    assert (found.dtype, found.requires_grad, model[0].training) == (torch.float32, False, False)
    assert sizes == [250, 250, 100]
    logits = torch.zeros(600, 10)
    logits[:, :2] = 10 * images[:, 0, [0, 3], [0, 4]]
    assert torch.allclose(found, logits.softmax(dim=1), atol=1e-6)


def brightness_finder(padding=0):
    convolution = nn.Conv2d(1, 2, kernel_size=3, padding=padding, bias=False)
    convolution.weight.data = torch.tensor([1.0, -1.0]).repeat_interleave(9).reshape(2, 1, 3, 3)
    return convolution


def test_the_strongest_place_of_each_image_is_found_the_strongest_first():
    images, sizes = torch.zeros(1_203, 1, 9, 9), []
    # One pixel is under up to nine places: the first in reading order counts.
    dots = {0: (2, 3), 499: (4, 4), 500: (6, 8), 999: (5, 0), 1_201: (4, 4), 1_202: (4, 4)}
    for (index, place), brightness in zip(dots.items(), (2, 8, 4, 6, 1, 1), strict=True):
        images[index, 0][place] = brightness
    model = nn.Sequential(brightness_finder(), nn.ReLU(), nn.Dropout(0.9))
    model.register_forward_hook(lambda _, given, output: sizes.append(len(given[0])))
    found = insights.top_patches(model.train(), "2", 0, images)
    assert [tuple(place[:4]) for place in found[:6]] == [
        *((499, 2, 2, 8), (999, 3, 0, 6), (500, 4, 6, 4)),
        *((0, 0, 1, 2), (1_201, 2, 2, 1), (1_202, 2, 2, 1)),
    ]
    assert [tuple(place.patch) for place in found] == [(*place[1:3], 3, 3) for place in found]
    assert len(found) == 9
    assert sizes[-3:] == [500, 500, 203]
    assert model[2].training
    assert [place.index for place in insights.top_patches(model, "0", 1, images, count=2)] == [0, 1]


def test_a_patch_may_reach_over_the_edge_and_a_feature_sees_the_whole_image():
    images = torch.zeros(2, 1, 8, 8)
    images[0, 0, 0, 7], images[1, 0, 0, 7] = 0.5, 1
    model = nn.Sequential(brightness_finder(padding=1), nn.MaxPool2d(2))
    [place] = insights.top_patches(model, "1", 0, images, count=1)
    assert place == (1, 0, 3, 1.0, (-1, 5, 4, 4))
    found = insights.top_patches(pixels_as_logits((0, 0), (0, 7)), "1", 1, images)
    assert found == [(1, 0, 0, 10.0, (0, 0, 8, 8)), (0, 0, 0, 5.0, (0, 0, 8, 8))]


@pytest.mark.parametrize("size", [1, 4, 7])
def test_the_probability_falls_where_the_square_covers_what_the_label_needs(size):
    # Class 1 needs the pixel at (2, 5); without it all ten classes are as probable.
    model, image = pixels_as_logits((7, 6), (2, 5), size=(8, 9)), torch.zeros(1, 8, 9)
    image[0, 2, 5] = 0.3
    before = image.clone()
    expected = torch.full((8, 9), math.exp(3) / (math.exp(3) + 9))
    first, past = size // 2 - size + 1, size // 2 + 1  # of the middles whose square reaches it
    expected[max(0, 2 + first) : 2 + past, 5 + first : 5 + past] = 0.1
    assert torch.allclose(insights.occlusion_map(model, image, 1, size), expected, rtol=1e-5)
    assert torch.equal(image, before)


@pytest.mark.parametrize(("samples", "size"), [(200, 40), (40, 200), (10, 3)])
@pytest.mark.parametrize("components", [2, 3])
def test_the_components_are_those_of_the_full_decomposition(samples, size, components):
    scales = torch.logspace(1, -1, size)  # variances that fall off, in mixed directions
    mixing = torch.linalg.qr(torch.rand(size, size)).Q
    features = (torch.rand(samples, size) - 0.5) * scales @ mixing + 7
    before = torch.get_rng_state()
    found = insights.pca(features.requires_grad_(), components)
    assert torch.equal(torch.get_rng_state(), before)
    centred = features.detach().double() - features.detach().double().mean(dim=0)
    _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    points = (centred @ (directions * largest.sign()).T)[:, :components]
    shares = (lengths**2 / (lengths**2).sum())[:components]
    assert torch.allclose(found.points.double(), points, atol=2e-3)
    assert torch.allclose(found.shares.double(), shares, atol=1e-5)
    torch.manual_seed(1)
    assert torch.equal(insights.pca(features, components).points, found.points)


def test_each_digit_is_in_the_bin_of_its_confidence():
    probabilities = rows_of([0.15, 0.52, 0.58, 0.55, 0.95, 1.0], answers=[1] * 6)
    labels = torch.tensor([0, 1, 1, 2, 1, 1])
    bins = insights.reliability(probabilities, labels)
    assert [part[:2] for part in bins] == [(n / 10, (n + 1) / 10) for n in range(10)]
    assert [part.count for part in bins] == [0, 1, 0, 0, 0, 3, 0, 0, 0, 2]
    means = [0.15, 0, 0.55, 2 / 3, 0.975, 1]
    assert [mean for n in (1, 5, 9) for mean in bins[n][3:]] == pytest.approx(means)
    assert all(math.isnan(mean) for n in (0, 2, 3, 4, 6, 7, 8) for mean in bins[n][3:])
    halves = insights.reliability(probabilities, labels, bins=2)
    assert [part[:3] for part in halves] == [(0, 0.5, 1), (0.5, 1, 5)]
    error = (0.15 + 3 * (2 / 3 - 0.55) + 2 * (1 - 0.975)) / 6
    assert insights.expected_calibration_error(bins) == pytest.approx(error)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(dtype):
    rows = rows_of([tenths / 10 for tenths in range(2, 11)], answers=[3] * 9, dtype=dtype)
    bins = insights.reliability(rows, torch.zeros(9).long())
    assert [part.count for part in bins] == [0, *[1] * 9]
