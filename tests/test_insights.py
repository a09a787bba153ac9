import contextlib
import itertools
import math
import time

from mnist_helpers.insights import (
    Confusion,
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
from mnist_helpers.models import CNN, MLP
import pytest
import torch
from torch import nn


def randomly(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def modes(model):
    return [module.training for module in model.modules()]


def pixels_as_logits(*places, bias=0.0):
    """A network on 8×8 images: the logit of class k is 10 times the pixel at the k-th place, plus the bias."""
    linear = nn.Linear(64, 10)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(bias)
        for digit, (row, column) in enumerate(places):
            linear.weight[digit, 8 * row + column] = 10
    return nn.Sequential(nn.Flatten(), linear)


def rows_of(*confidences, answers):
    """Rows of probabilities: the answer has the confidence, the nine others share the rest."""
    rows = torch.tensor([[(1 - confidence) / 9] * 10 for confidence in confidences])
    for row, confidence, answer in zip(rows, confidences, answers, strict=True):
        row[answer] = confidence
    return rows


@contextlib.contextmanager
def nothing_global_changes():
    def state():
        return torch.get_rng_state().tolist(), torch.is_grad_enabled(), torch.get_num_threads()

    before = state()
    yield
    assert state() == before


# --- confusion_matrix, most_confused, confident_mistakes


def test_the_matrix_counts_labels_in_rows_and_predictions_in_columns() -> None:
    labels = torch.tensor([0, 0, 0, 2, 2, 1])
    predictions = torch.tensor([0, 1, 1, 2, 0, 1])
    matrix = confusion_matrix(labels, predictions, classes=3)
    assert matrix.dtype == torch.int64
    assert matrix.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]


def test_the_matrix_is_that_of_counting_one_by_one() -> None:
    labels, predictions = (
        (10 * randomly(500, seed=seed)).to(dtype)
        for seed, dtype in ((1, torch.uint8), (2, torch.int32))
    )
    expected = torch.zeros(10, 10, dtype=torch.int64)
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        expected[label, prediction] += 1
    assert torch.equal(confusion_matrix(labels, predictions), expected)


def test_labels_of_a_small_type_are_counted_in_a_large_matrix_too() -> None:
    # uint8 holds 255 at most: a place in the matrix may not be computed in it.
    matrix = confusion_matrix(*torch.tensor([[19], [18]], dtype=torch.uint8), classes=20)
    assert matrix.nonzero().tolist() == [[19, 18]]


def test_no_digit_makes_a_matrix_of_zeros() -> None:
    none = torch.tensor([], dtype=torch.int64)
    assert confusion_matrix(none, none).tolist() == [[0] * 10] * 10


DIGITS = torch.tensor([1, 2, 3])


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        (DIGITS, torch.rand(3, 10), r"predictions is float32 of shape \[3, 10\].*argmax"),
        (DIGITS, DIGITS.float(), r"predictions is float32 of shape \[3\]"),
        (DIGITS[:, None], DIGITS, r"labels is int64 of shape \[3, 1\]"),
        (DIGITS, DIGITS[:2], "3 labels and 2 predictions were given; give as many"),
        (torch.tensor([1, 2, 10]), DIGITS, "labels holds classes from 1 to 10.*0 to 9"),
        (DIGITS, torch.tensor([-1, 2, 3]), "predictions holds classes from -1 to 3"),
    ],
)
def test_what_is_no_label_or_prediction_is_refused(labels, predictions, message) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(labels, predictions)


MATRIX = torch.tensor([[90, 1, 5, 0], [5, 80, 0, 7], [0, 0, 70, 0], [5, 1, 0, 60]])
CONFUSIONS = [
    *(Confusion(1, 3, 7), Confusion(0, 2, 5), Confusion(1, 0, 5), Confusion(3, 0, 5)),
    *(Confusion(0, 1, 1), Confusion(3, 1, 1)),
]


@pytest.mark.parametrize("count", range(1, 9))
def test_the_commonest_mistakes_come_first_and_equal_ones_in_order(count) -> None:
    assert most_confused(MATRIX, count) == CONFUSIONS[:count]


def test_five_mistakes_are_named_where_nothing_is_said() -> None:
    assert most_confused(MATRIX) == CONFUSIONS[:5]


def test_a_network_without_mistakes_confuses_nothing() -> None:
    assert most_confused(100 * torch.eye(10, dtype=torch.int64)) == []


@pytest.mark.parametrize(
    ("matrix", "count", "message"),
    [
        (torch.zeros(3, 4), 5, r"\[classes, classes\], and \[3, 4\]"),
        (torch.zeros(9), 5, r"\[9\] was given"),
        (MATRIX, 0, "count is 0, and has to be at least 1"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(matrix, count, message) -> None:
    with pytest.raises(ValueError, match=message):
        most_confused(matrix, count)


def test_the_surest_mistakes_come_first_and_equal_ones_in_order() -> None:
    answers = [3, 4, 5, 6, 7, 8]
    probabilities = rows_of(0.5, 0.99, 0.6, 0.9, 0.6, 0.9, answers=answers)
    labels = torch.tensor([0, 4, 0, 0, 0, 0])  # the surest of all is right
    for count in (1, 2, 3, 4, 5, 6, 100):
        found = confident_mistakes(probabilities, labels, count)
        assert found.dtype == torch.int64
        assert found.tolist() == [3, 5, 2, 4, 0][:count]
    assert confident_mistakes(probabilities, torch.tensor(answers), 3).tolist() == []


@pytest.mark.parametrize("function", [confident_mistakes, reliability])
@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (torch.randn(3, 10) + 5, DIGITS, r"softmax\(dim=1\)"),
        (torch.full((3, 10), 0.1), DIGITS[:2], "3 probabilities and 2 labels"),
        (torch.full((10,), 0.1), DIGITS, r"\[10\] and \[3\] were given"),
        (torch.full((3, 10), 0.1), torch.zeros(3, 10), r"\[3, 10\] and \[3, 10\] were given"),
        (torch.full((3, 10), math.nan), DIGITS, "has to sum to 1"),
        (torch.tensor([[1.5, -0.5]] * 3), DIGITS, "has to sum to 1"),
    ],
    ids=["logits", "lengths", "one row", "one-hot", "nan", "negative"],
)
def test_what_are_no_probabilities_with_labels_is_refused(
    function, probabilities, labels, message
) -> None:
    with pytest.raises(ValueError, match=message):
        function(probabilities, labels, 2)


def test_no_mistake_is_asked_for() -> None:
    with pytest.raises(ValueError, match="count is 0"):
        confident_mistakes(rows_of(0.5, answers=[1]), torch.tensor([0]), 0)


# --- predict_all


@pytest.mark.parametrize("batch_size", [1, 3, 7, 8, 1000])
def test_all_images_get_their_probabilities_in_order_whatever_the_batches(batch_size) -> None:
    images = randomly(7, 1, 8, 8)
    model = pixels_as_logits((0, 0), (3, 4), (7, 7))
    found = predict_all(model, images, batch_size)
    assert (found.dtype, found.shape, found.requires_grad) == (torch.float32, (7, 10), False)
    logits = torch.zeros(7, 10)
    for digit, (row, column) in enumerate([(0, 0), (3, 4), (7, 7)]):
        logits[:, digit] = 10 * images[:, 0, row, column]
    assert torch.allclose(found, logits.softmax(dim=1), atol=1e-6)


def test_no_batch_is_larger_than_asked_and_250_where_nothing_is_said() -> None:
    sizes = []
    model = pixels_as_logits((0, 0))
    model.register_forward_hook(lambda _model, given, _output: sizes.append(len(given[0])))
    predict_all(model, torch.zeros(600, 1, 8, 8))
    predict_all(model, torch.zeros(5, 1, 8, 8), batch_size=2)
    assert sizes == [250, 250, 100, 2, 2, 1]


def test_a_model_predicts_in_evaluation_mode_and_is_left_there() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.9), pixels_as_logits((1, 1))).train()
    images = randomly(6, 1, 8, 8)
    with nothing_global_changes():
        first = predict_all(model, images)
    assert not any(modes(model))
    assert model[0].running_mean.item() == 0
    assert torch.equal(first, predict_all(model, images))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_probabilities_are_float32_for_a_model_of_another_precision_too() -> None:
    model = pixels_as_logits((0, 0)).double()
    found = predict_all(model, randomly(3, 1, 8, 8).double())
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("images", "given"),
    [
        (torch.rand(1, 28, 28), "float32 of shape [1, 28, 28]"),
        (torch.zeros(5, 1, 28, 28, dtype=torch.uint8), "uint8 of shape [5, 1, 28, 28]"),
        (torch.zeros(0, 1, 28, 28), "float32 of shape [0, 1, 28, 28]"),
    ],
)
@pytest.mark.parametrize(
    "call", [predict_all, lambda model, images: top_patches(model, "block_1.0", 0, images)]
)
def test_what_is_no_batch_of_images_is_refused(call, images, given) -> None:
    with pytest.raises(ValueError, match=r"Images have to be \[N, 1, H, W\]") as caught:
        call(CNN(), images)
    assert given in str(caught.value)


def test_a_batch_holds_at_least_one_image() -> None:
    with pytest.raises(ValueError, match="batch_size is 0"):
        predict_all(CNN(), torch.rand(2, 1, 28, 28), batch_size=0)


# --- top_patches


def brightness_finder(padding=0):
    """Two channels that answer to the brightness of a 3×3 window: 9 times its mean, and -1 times that."""
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
    model = nn.Sequential(brightness_finder(), nn.ReLU())
    images = dots((2, 3, 0.25), (4, 4, 1.0), (6, 8, 0.5), (5, 0, 0.75))
    # One pixel is under up to nine places: the first of them in reading order.
    found = top_patches(model, "1", 0, images, count=3)
    assert [tuple(place[:3]) for place in found] == [(1, 2, 2), (3, 3, 0), (2, 4, 6)]
    assert [place.activation for place in found] == [1.0, 0.75, 0.5]
    assert [tuple(place.patch) for place in found] == [(2, 2, 3, 3), (3, 0, 3, 3), (4, 6, 3, 3)]


def test_another_channel_answers_to_something_else() -> None:
    images = dots((2, 3, 0.25), (4, 4, 1.0))
    images[0] += 0.5
    assert [place.index for place in top_patches(brightness_finder(), "", 0, images)] == [0, 1]
    assert [place.index for place in top_patches(brightness_finder(), "", 1, images)] == [1, 0]


def test_a_patch_may_reach_over_the_edge() -> None:
    model = nn.Sequential(brightness_finder(padding=1), nn.MaxPool2d(2))
    [place] = top_patches(model, "1", 0, dots((0, 7, 1.0)))
    assert tuple(place[:4]) == (0, 0, 3, 1.0)
    assert tuple(place.patch) == (-1, 5, 4, 4)


def test_no_image_appears_twice_and_there_are_no_more_places_than_images() -> None:
    images = dots(*[(4, 4, 1.0)] * 5)
    images[:, 0, 0, 0] = 1  # a second place, as strong
    found = top_patches(brightness_finder(), "", 0, images, count=9)
    assert [tuple(place[:3]) for place in found] == [(index, 0, 0) for index in range(5)]


def test_nine_places_are_found_where_nothing_is_said() -> None:
    assert len(top_patches(brightness_finder(), "", 0, randomly(12, 1, 9, 9))) == 9


def test_every_batch_is_searched_and_the_batches_are_of_five_hundred() -> None:
    images = torch.zeros(1_203, 1, 9, 9)
    strongest = [(1_202, 3.0), (999, 2.5), (500, 2.0), (499, 1.5), (0, 1.0)]
    for index, brightness in strongest:
        images[index, 0, 4, 5] = brightness
    sizes = []
    model = brightness_finder()
    model.register_forward_hook(lambda _model, given, _output: sizes.append(len(given[0])))
    found = top_patches(model, "", 0, images, count=5)
    assert [(place.index, place.activation) for place in found] == strongest
    assert {(place.row, place.column) for place in found} == {(2, 3)}
    assert sizes[-3:] == [500, 500, 203]
    assert max(sizes) <= 500


@pytest.mark.parametrize("layer", ["block_1.1", "block_1.2", "block_2.5", "block_2.6", "block_3.0"])
def test_what_lies_outside_the_patch_changes_no_activation(layer) -> None:
    model, images = CNN(), randomly(4, 1, 28, 28)
    for place in top_patches(model, layer, 2, images):
        top, left, height, width = place.patch
        alone = torch.zeros(1, 1, 28, 28)
        rows = slice(max(0, top), max(0, top + height))
        columns = slice(max(0, left), max(0, left + width))
        alone[0, 0, rows, columns] = images[place.index, 0, rows, columns]
        outputs = {}
        hook = model.get_submodule(layer).register_forward_hook(
            lambda _layer, _given, output, outputs=outputs: outputs.update(found=output)
        )
        model(alone)
        hook.remove()
        value = outputs["found"][0, 2, place.row, place.column].item()
        assert value == pytest.approx(place.activation, abs=1e-5)


def test_a_feature_that_sees_all_has_the_whole_image() -> None:
    model = pixels_as_logits((0, 0), (3, 4))
    images = dots((3, 4, 0.5), (0, 0, 1.0), (3, 4, 1.0), size=8)
    found = top_patches(model, "1", 1, images, count=2)
    assert [tuple(place[:4]) for place in found] == [(2, 0, 0, 10.0), (0, 0, 0, 5.0)]
    assert all(tuple(place.patch) == (0, 0, 8, 8) for place in found)


def test_a_search_leaves_the_model_in_its_mode_and_without_hooks() -> None:
    model = nn.Sequential(brightness_finder(), nn.BatchNorm2d(2), nn.Dropout(0.9)).train()
    model[1].eval()
    before = modes(model)
    with nothing_global_changes():
        first = top_patches(model, "2", 0, randomly(3, 1, 9, 9))
    assert modes(model) == before
    assert model[1].running_mean.tolist() == [0, 0]
    # In evaluation mode, where nothing is dropped.
    assert first == top_patches(model, "2", 0, randomly(3, 1, 9, 9))
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("layer", "channel", "count", "message"),
    [
        ("block_9.0", 0, 9, r"no layer 'block_9.0'.*there are block_1.0, block_1.1"),
        ("block_1", 0, 9, "no layer 'block_1'"),
        ("output.0", 0, 9, "no layer 'output.0'"),
        ("block_1.0", 16, 9, "Channel 16 of block_1.0: it has the channels 0 to 15"),
        ("block_1.0", -1, 9, "Channel -1"),
        ("block_1.0", 0, 0, "count is 0"),
    ],
)
def test_a_layer_a_channel_or_a_count_that_is_not_there_is_refused(
    layer, channel, count, message
) -> None:
    with pytest.raises(ValueError, match=message):
        top_patches(CNN(), layer, channel, torch.rand(2, 1, 28, 28), count)


# --- occlusion_map


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_probability_falls_where_the_square_covers_what_the_label_needs(size) -> None:
    # Class 0 needs the pixel at (2, 5); without it all ten classes are as probable.
    model, image = pixels_as_logits((2, 5)), torch.full((1, 8, 8), 0.3)
    found = occlusion_map(model, image, 0, size)
    assert found.shape == (8, 8)
    whole = math.exp(3) / (math.exp(3) + 9)
    for row, column in itertools.product(range(8), range(8)):
        covered = max(abs(row - 2), abs(column - 5)) <= size // 2
        assert found[row, column].item() == pytest.approx(0.1 if covered else whole, rel=1e-5)


def test_the_map_is_of_the_label_and_rows_are_rows() -> None:
    model = pixels_as_logits((0, 0), (1, 6))
    image = torch.zeros(1, 8, 8)
    image[0, 1, 6] = 1
    found = occlusion_map(model, image, 1, size=1)
    assert found.argmin().item() == 8 * 1 + 6
    # Where class 1 loses, the others win.
    assert occlusion_map(model, image, 0, size=1).argmax().item() == 8 * 1 + 6


def test_an_image_need_not_be_square() -> None:
    linear = nn.Linear(15, 10)
    with torch.no_grad():
        linear.weight.zero_()[4, 5 * 2 + 1] = 10
        linear.bias.zero_()
    found = occlusion_map(nn.Sequential(nn.Flatten(), linear), torch.ones(1, 3, 5), 4, size=1)
    assert (found.shape, found.argmin().item()) == ((3, 5), 5 * 2 + 1)


def test_a_square_of_seven_where_nothing_is_said_and_the_image_stays() -> None:
    model, image = pixels_as_logits((4, 4)), randomly(1, 8, 8)
    before = image.clone()
    found = occlusion_map(model, image, 0)
    assert torch.equal(found, occlusion_map(model, image, 0, size=7))
    assert not torch.equal(found, occlusion_map(model, image, 0, size=5))
    assert torch.equal(image, before)


def test_a_map_is_made_in_evaluation_mode_without_gradients() -> None:
    model = nn.Sequential(nn.Dropout(0.9), pixels_as_logits((4, 4))).train()
    with nothing_global_changes():
        found = occlusion_map(model, randomly(1, 8, 8).requires_grad_(), 0)
    assert not any(modes(model))
    assert not found.requires_grad
    assert torch.equal(found, occlusion_map(model, randomly(1, 8, 8), 0))


@pytest.mark.parametrize(
    ("shape", "label", "size", "message"),
    [
        ((1, 1, 8, 8), 0, 7, r"float32 of shape \[1, 1, 8, 8\] was given; take one image"),
        ((8, 8), 0, 7, r"An image \[1, H, W\] is needed"),
        ((1, 8, 8), 0, 4, "size is 4, and has to be an odd number"),
        ((1, 8, 8), 0, -1, "size is -1"),
        ((1, 8, 8), 10, 7, "The label is 10, and the model knows the classes 0 to 9"),
        ((1, 8, 8), -1, 7, "The label is -1"),
    ],
)
def test_what_cannot_be_covered_is_refused(shape, label, size, message) -> None:
    with pytest.raises(ValueError, match=message):
        occlusion_map(pixels_as_logits((0, 0)), torch.rand(shape), label, size)


# --- pca


def exactly(features, components):
    """The points and shares that a full singular value decomposition in float64 gives."""
    centred = features.double() - features.double().mean(dim=0)
    _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
    axes = directions[:components]
    signs = torch.stack([axis[axis.abs().argmax()].sign() for axis in axes])
    points = centred @ (axes * signs[:, None]).T
    return points, lengths[:components].square() / lengths.square().sum()


@pytest.mark.parametrize(
    ("samples", "size", "components"), [(200, 40, 2), (40, 200, 3), (300, 150, 5), (10, 3, 3)]
)
def test_the_components_are_those_of_the_full_decomposition(samples, size, components) -> None:
    scales = torch.logspace(1, -1, size)  # variances that fall off, in mixed directions
    mixing = torch.linalg.qr(randomly(size, size, seed=1)).Q
    features = (randomly(samples, size) - 0.5) * scales @ mixing + 7
    found = pca(features, components)
    points, shares = exactly(features, components)
    assert found.points.shape == (samples, components)
    assert torch.allclose(found.points.double(), points, atol=2e-3)
    assert torch.allclose(found.shares.double(), shares, atol=1e-5)


def test_a_line_in_space_has_one_component_with_all_variance() -> None:
    # 3 along the first axis for each 4 along the second: 5 along the line.
    steps = torch.tensor([-2.0, -1, 0, 1, 2])
    features = torch.stack([3 * steps + 1, 4 * steps - 5, torch.zeros(5)], dim=1)
    found = pca(features, 2)
    assert found.points[:, 0].tolist() == pytest.approx((5 * steps).tolist(), abs=1e-5)
    assert found.points[:, 1].tolist() == pytest.approx([0] * 5, abs=1e-5)
    assert found.shares.tolist() == pytest.approx([1, 0], abs=1e-6)
    # The largest entry of the direction is made positive, whichever way the data run.
    assert torch.allclose(pca(-features, 1).points[:, 0], -5 * steps, atol=1e-5)


def test_the_shares_of_all_components_make_a_whole() -> None:
    shares = pca(randomly(30, 6), 6).shares
    assert shares.sum().item() == pytest.approx(1, abs=1e-5)
    assert shares.tolist() == sorted(shares.tolist(), reverse=True)


def test_the_same_features_give_the_same_points_and_chance_is_left_alone() -> None:
    features = randomly(60, 80).requires_grad_()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = pca(features)
        torch.manual_seed(2)
        second = pca(features)
    assert torch.equal(first.points, second.points)
    assert torch.equal(first.shares, second.shares)
    assert not first.points.requires_grad
    assert first.points.shape == (60, 2), "two components where nothing is said"
    with nothing_global_changes():
        pca(features)


def test_thousands_of_features_take_less_time_than_a_full_decomposition() -> None:
    features = randomly(3_000, 3_136)
    start = time.process_time()
    pca(features)
    # Time of the processor, all threads together: it hardly grows where others use the machine too.
    assert time.process_time() - start < 4 * torch.get_num_threads()


@pytest.mark.parametrize(
    ("features", "components", "message"),
    [
        (torch.rand(5, 2, 3, 3), 2, r"\[5, 2, 3, 3\] was given; flatten\(1\)"),
        (torch.rand(1, 9), 1, "N of at least 2"),
        (torch.rand(5, 3), 4, r"4 components of features \[5, 3\].*1 to 3"),
        (torch.rand(5, 3), 0, "0 components"),
        (torch.ones(5, 3), 2, "do not vary"),
        (torch.tensor([[1.0, 2], [math.nan, 3]]), 1, "not finite"),
        (torch.tensor([[1.0, 2], [math.inf, 3]]), 1, "not finite"),
    ],
)
def test_features_without_components_are_refused(features, components, message) -> None:
    with pytest.raises(ValueError, match=message):
        pca(features, components)


# --- reliability, expected_calibration_error


def test_each_digit_is_in_the_bin_of_its_confidence() -> None:
    confidences = [0.15, 0.52, 0.58, 0.55, 0.95, 1.0]
    probabilities = rows_of(*confidences, answers=[1] * 6)
    bins = reliability(probabilities, torch.tensor([0, 1, 1, 2, 1, 1]))
    assert [(part.low, part.high) for part in bins] == [
        (number / 10, (number + 1) / 10) for number in range(10)
    ]
    assert [part.count for part in bins] == [0, 1, 0, 0, 0, 3, 0, 0, 0, 2]
    assert bins[1].confidence == pytest.approx(0.15)
    assert bins[1].accuracy == 0
    assert bins[5].confidence == pytest.approx(0.55)
    assert bins[5].accuracy == pytest.approx(2 / 3)
    assert bins[9].confidence == pytest.approx(0.975)
    assert bins[9].accuracy == 1
    for number in (0, 2, 3, 4, 6, 7, 8):
        assert math.isnan(bins[number].confidence)
        assert math.isnan(bins[number].accuracy)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_confidence_on_an_edge_belongs_to_the_bin_below(dtype) -> None:
    def bin_of(confidence):
        probabilities = torch.full((1, 10), (1 - confidence) / 9, dtype=dtype)
        probabilities[0, 3] = confidence
        return [part.count for part in reliability(probabilities, torch.tensor([3]))].index(1)

    for tenths in range(2, 10):
        assert bin_of(tenths / 10) == tenths - 1
        assert bin_of(tenths / 10 + 1e-4) == tenths
    assert bin_of(1.0) == 9


@pytest.mark.parametrize("count", [1, 4, 15])
def test_every_digit_is_in_one_of_the_bins(count) -> None:
    probabilities = torch.randn(200, 10, generator=torch.Generator().manual_seed(0)).mul(2)
    bins = reliability(probabilities.softmax(dim=1), torch.arange(200) % 10, count)
    assert len(bins) == count
    assert sum(part.count for part in bins) == 200
    for part in bins:
        assert part.count == 0 or part.low < part.confidence <= part.high


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    bins = [
        ReliabilityBin(0.0, 0.5, 0, math.nan, math.nan),
        ReliabilityBin(0.5, 0.9, 1, 0.6, 1.0),
        ReliabilityBin(0.9, 1.0, 3, 0.95, 0.75),
    ]
    assert expected_calibration_error(bins) == pytest.approx((0.4 + 3 * 0.2) / 4)


def test_a_network_as_sure_as_right_has_no_calibration_error() -> None:
    probabilities = rows_of(*[0.75] * 4, answers=[5] * 4)
    bins = reliability(probabilities, torch.tensor([5, 5, 5, 0]))
    assert expected_calibration_error(bins) == pytest.approx(0, abs=1e-6)
    always_wrong = reliability(rows_of(1.0, answers=[5]), torch.tensor([4]))
    assert expected_calibration_error(always_wrong) == 1


@pytest.mark.parametrize("bins", [[], [ReliabilityBin(0.0, 1.0, 0, math.nan, math.nan)]])
def test_empty_bins_have_no_calibration_error(bins) -> None:
    with pytest.raises(ValueError, match="hold no digit"):
        expected_calibration_error(bins)


def test_there_is_at_least_one_bin() -> None:
    with pytest.raises(ValueError, match="bins is 0"):
        reliability(rows_of(0.5, answers=[1]), torch.tensor([1]), 0)


def test_the_lessons_networks_can_be_looked_into() -> None:
    images, labels = randomly(6, 1, 28, 28), torch.tensor([0, 1, 2, 3, 4, 5])
    for model, layer in ((CNN(), "block_3.3"), (MLP((5, 4)), "layers.4")):
        probabilities = predict_all(model, images)
        matrix = confusion_matrix(labels, probabilities.argmax(dim=1))
        assert matrix.sum() == 6
        assert len(confident_mistakes(probabilities, labels, 6)) == 6 - matrix.trace()
        assert len(top_patches(model, layer, 3, images)) == 6
        assert occlusion_map(model, images[0], 3).shape == (28, 28)
