import math

from mnist_helpers.insights import (
    ReliabilityBin,
    confident_mistakes,
    confusion_matrix,
    expected_calibration_error,
    most_confused,
    occlusion_map,
    pca,
    predict_all,
    reliability,
    top_patches,
)
from mnist_helpers.models import CNN
import pytest
import torch
from torch import nn


def randomly(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def pixels_as_logits(*places, side=8):
    """A network: the logit of class k is 10 times the pixel at the k-th place, the others are 0."""
    linear = nn.Linear(side * side, 10)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()
        for digit, (row, column) in enumerate(places):
            linear.weight[digit, side * row + column] = 10
    return nn.Sequential(nn.Flatten(), linear)


def rows_of(*confidences, answers):
    """Rows of probabilities: the answer has the confidence, the nine others share the rest."""
    rows = torch.tensor([[(1 - confidence) / 9] * 10 for confidence in confidences])
    for row, confidence, answer in zip(rows, confidences, answers, strict=True):
        row[answer] = confidence
    return rows


def test_the_matrix_counts_labels_in_rows_and_predictions_in_columns() -> None:
    # uint8 holds 255 at most: a place in a large matrix may not be computed in it.
    labels = torch.tensor([0, 0, 0, 2, 2, 1, 19], dtype=torch.uint8)
    predictions = torch.tensor([0, 1, 1, 2, 0, 1, 18])
    matrix = confusion_matrix(labels, predictions, classes=20)
    assert matrix.dtype == torch.int64
    assert matrix[:3, :3].tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert (matrix[19, 18], matrix.sum()) == (1, 7)


@pytest.mark.parametrize("wrong", [10, -1])
@pytest.mark.parametrize("name", ["labels", "predictions"])
def test_a_class_that_there_is_not_is_named(name, wrong) -> None:
    right = torch.tensor([1, 2, 3])
    given = {"labels": right, "predictions": right} | {name: torch.tensor([4, wrong, 4])}
    with pytest.raises(
        ValueError, match=rf"^{name} holds .*{wrong}.*may hold 0 to 9: give more classes"
    ):
        confusion_matrix(**given)


def test_the_commonest_mistakes_come_first_and_equal_ones_in_order() -> None:
    matrix = torch.tensor([[90, 1, 5, 0], [5, 80, 0, 7], [0, 0, 70, 0], [5, 1, 0, 60]])
    mistakes = [(1, 3, 7), (0, 2, 5), (1, 0, 5), (3, 0, 5), (0, 1, 1), (3, 1, 1)]
    assert most_confused(matrix) == mistakes[:5]
    assert most_confused(matrix, 2) == mistakes[:2]
    assert most_confused(matrix, 9) == mistakes


def test_the_surest_mistakes_come_first_and_equal_ones_in_order() -> None:
    answers = [3, 4, 5, 6, 7, 8]
    probabilities = rows_of(0.5, 0.99, 0.6, 0.9, 0.6, 0.9, answers=answers)
    labels = torch.tensor([0, 4, 0, 0, 0, 0])  # the surest of all is right
    for count in (1, 4, 100):
        assert confident_mistakes(probabilities, labels, count).tolist() == [3, 5, 2, 4, 0][:count]
    assert confident_mistakes(probabilities, torch.tensor(answers), 3).tolist() == []


@pytest.mark.parametrize("function", [confident_mistakes, reliability])
@pytest.mark.parametrize(
    "rows",
    [torch.ones(3, 10), torch.full((3, 10), math.nan), torch.tensor([[1.5, -0.5]] * 3)],
    ids=["logits", "nan", "negative"],
)
def test_what_are_no_probabilities_would_be_ranked_wrongly_and_is_refused(function, rows) -> None:
    with pytest.raises(ValueError, match=r"has to sum to 1: apply softmax\(dim=1\)"):
        function(rows, torch.tensor([0, 1, 1]), 2)


@pytest.mark.parametrize(
    ("given", "sizes"), [({}, [250, 250, 100]), ({"batch_size": 599}, [599, 1])]
)
def test_all_images_get_their_probabilities_in_order_whatever_the_batches(given, sizes) -> None:
    images, places, seen = randomly(600, 1, 8, 8), [(0, 0), (3, 4), (7, 7)], []
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.9), pixels_as_logits(*places).double())
    model[0].register_forward_hook(lambda _, __, output: output.double())
    model.register_forward_hook(lambda _model, batch, _output: seen.append(len(batch[0])))
    found = predict_all(model.train(), images, **given)
    assert seen == sizes
    assert (found.dtype, found.requires_grad, model[1].training) == (torch.float32, False, False)
    logits = torch.zeros(600, 10)
    for digit, (row, column) in enumerate(places):
        logits[:, digit] = 10 * images[:, 0, row, column]
    assert torch.allclose(found, logits.softmax(dim=1), atol=1e-4), "in evaluation mode"


def brightness_finder(padding=0):
    """Two channels that answer to the brightness of a 3×3 window: 9 times its mean, and its
    negative."""
    convolution = nn.Conv2d(1, 2, kernel_size=3, padding=padding)
    with torch.no_grad():
        convolution.weight[0] = 1
        convolution.weight[1] = -1
        convolution.bias.zero_()
    return convolution


def dots(*places, size=9):
    """An image for each place, dark but for one pixel: (row, column, brightness)."""
    images = torch.zeros(len(places), 1, size, size)
    for image, (row, column, brightness) in zip(images, places, strict=True):
        image[0, row, column] = brightness
    return images


def test_the_strongest_place_of_each_image_is_found_the_strongest_first() -> None:
    # One pixel is under up to nine places: the first in reading order. Images 4 and 5 are equal.
    places = [(2, 3, 0.25), (4, 4, 1.0), (6, 8, 0.5), (5, 0, 0.75), (4, 4, 0.1), (4, 4, 0.1)]
    model = nn.Sequential(brightness_finder(), nn.ReLU(), nn.Dropout(0.9))
    found = top_patches(model.train(), "2", 0, dots(*places))
    assert [tuple(place[:3]) for place in found] == [
        *((1, 2, 2), (3, 3, 0), (2, 4, 6), (0, 0, 1), (4, 2, 2), (5, 2, 2))
    ]
    assert [place.activation for place in found[:3]] == [1.0, 0.75, 0.5]
    assert [tuple(place.patch) for place in found[:3]] == [(2, 2, 3, 3), (3, 0, 3, 3), (4, 6, 3, 3)]
    assert model[2].training, "the model is left in its mode"
    assert [place.index for place in top_patches(model, "0", 1, dots(*places), count=2)] == [0, 1]
    assert len(top_patches(model, "2", 0, randomly(12, 1, 9, 9))) == 9


def test_a_patch_may_reach_over_the_edge_and_a_feature_sees_the_whole_image() -> None:
    model = nn.Sequential(brightness_finder(padding=1), nn.MaxPool2d(2))
    [place] = top_patches(model, "1", 0, dots((0, 7, 1.0)))
    assert tuple(place) == (0, 0, 3, 1.0, (-1, 5, 4, 4))
    images = dots((3, 4, 0.5), (0, 0, 1.0), (3, 4, 1.0), size=8)
    found = top_patches(pixels_as_logits((0, 0), (3, 4)), "1", 1, images, count=2)
    assert found == [(2, 0, 0, 10.0, (0, 0, 8, 8)), (0, 0, 0, 5.0, (0, 0, 8, 8))]


def test_every_batch_is_searched_and_the_batches_are_of_five_hundred() -> None:
    images, sizes, model = torch.zeros(1_203, 1, 9, 9), [], brightness_finder()
    strongest = [(1_202, 3.0), (999, 2.5), (500, 2.0), (499, 1.5), (0, 1.0)]
    for index, brightness in strongest:
        images[index, 0, 4, 5] = brightness
    model.register_forward_hook(lambda _model, given, _output: sizes.append(len(given[0])))
    found = top_patches(model, "", 0, images, count=5)
    assert [(place.index, place.activation) for place in found] == strongest
    assert sizes[-3:] == [500, 500, 203]


@pytest.mark.parametrize("layer", ["block_1.2", "block_2.5", "block_3.0"])
def test_what_lies_outside_the_patch_changes_no_activation(layer) -> None:
    model, images = CNN(), randomly(4, 1, 28, 28)
    for place in top_patches(model, layer, 2, images):
        top, left, height, width = place.patch
        seen = torch.zeros(28, 28)
        seen[max(0, top) : top + height, max(0, left) : left + width] = 1
        [alone] = top_patches(model, layer, 2, images[place.index, None] * seen)
        assert alone.activation >= place.activation - 1e-5


@pytest.mark.parametrize("size", [1, 3, 4, 7])
def test_the_probability_falls_where_the_square_covers_what_the_label_needs(size) -> None:
    # Class 1 needs the pixel at (2, 5); without it all ten classes are as probable.
    model, image = pixels_as_logits((7, 7), (2, 5)), torch.zeros(1, 8, 8)
    image[0, 2, 5] = 0.3
    before = image.clone()
    found = occlusion_map(model, image, 1, size)
    expected = torch.full((8, 8), math.exp(3) / (math.exp(3) + 9))
    first, past = size // 2 - size + 1, size // 2 + 1  # of the middles whose square reaches it
    expected[max(0, 2 + first) : 2 + past, 5 + first : 5 + past] = 0.1
    assert torch.allclose(found, expected, rtol=1e-5)
    assert torch.equal(image, before)
    assert torch.equal(occlusion_map(model, image, 1), occlusion_map(model, image, 1, 7))


def test_an_image_need_not_be_square() -> None:
    linear = nn.Linear(15, 10)
    with torch.no_grad():
        linear.weight.zero_()[4, 5 * 2 + 1] = 10
    found = occlusion_map(nn.Sequential(nn.Flatten(), linear), torch.ones(1, 3, 5), 4, size=1)
    assert (found.shape, found.argmin().item()) == ((3, 5), 5 * 2 + 1)


@pytest.mark.parametrize(
    ("samples", "size", "components"), [(200, 40, 2), (40, 200, 3), (10, 3, 3)]
)
def test_the_components_are_those_of_the_full_decomposition(samples, size, components) -> None:
    scales = torch.logspace(1, -1, size)  # variances that fall off, in mixed directions
    mixing = torch.linalg.qr(randomly(size, size, seed=1)).Q
    features = (randomly(samples, size) - 0.5) * scales @ mixing + 7
    before = torch.get_rng_state()
    found = pca(features, components)
    assert torch.equal(torch.get_rng_state(), before)
    centred = features.double() - features.double().mean(dim=0)
    _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    points = (centred @ (directions * largest.sign()).T)[:, :components]
    shares = (lengths**2 / (lengths**2).sum())[:components]
    assert torch.allclose(found.points.double(), points, atol=2e-3)
    assert torch.allclose(found.shares.double(), shares, atol=1e-5)


def test_the_same_features_give_the_same_two_components_whatever_the_seed() -> None:
    features, found = randomly(60, 80).requires_grad_(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(pca(features).points)
    assert torch.equal(*found)
    assert (found[0].shape, found[0].requires_grad) == ((60, 2), False)


def test_each_digit_is_in_the_bin_of_its_confidence() -> None:
    probabilities = rows_of(0.15, 0.52, 0.58, 0.55, 0.95, 1.0, answers=[1] * 6)
    bins = reliability(probabilities, torch.tensor([0, 1, 1, 2, 1, 1]))
    assert [part[:2] for part in bins] == [(n / 10, (n + 1) / 10) for n in range(10)]
    assert [part.count for part in bins] == [0, 1, 0, 0, 0, 3, 0, 0, 0, 2]
    means = [0.15, 0, 0.55, 2 / 3, 0.975, 1]
    assert [mean for n in (1, 5, 9) for mean in bins[n][3:]] == pytest.approx(means)
    assert all(math.isnan(mean) for n in (0, 2, 3, 4, 6, 7, 8) for mean in bins[n][3:])
    assert [part.count for part in reliability(probabilities, torch.ones(6).long(), 2)] == [1, 5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(dtype) -> None:
    for tenths in range(2, 11):
        rows = torch.full((1, 10), (1 - tenths / 10) / 9, dtype=dtype)
        rows[0, 3] = tenths / 10
        assert [part.count for part in reliability(rows, torch.tensor([3]))].index(1) == tenths - 1


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    bins = [
        ReliabilityBin(0.0, 0.5, 0, math.nan, math.nan),
        ReliabilityBin(0.5, 0.9, 1, 0.6, 1.0),
        ReliabilityBin(0.9, 1.0, 3, 0.95, 0.75),
    ]
    assert expected_calibration_error(bins) == pytest.approx((0.4 + 3 * 0.2) / 4)
