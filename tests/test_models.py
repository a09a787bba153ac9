import itertools

from mnist_helpers.models import (
    CNN,
    MLP,
    BatchNormCNN,
    SmallCNN,
    WideCNN,
    convolution_block,
    make_cnn,
)
import pytest
import torch
from torch import nn

NETWORKS = [CNN, WideCNN, MLP, BatchNormCNN, SmallCNN]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def leaves(model):
    return [module for module in model.modules() if not list(module.children())]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("digits", [1, 3])
def test_a_network_gives_ten_logits_for_each_digit(network, digits) -> None:
    # Batch norm has no statistics of a single digit, and needs none in evaluation mode.
    logits = network().eval()(torch.rand(digits, 1, 28, 28))
    assert (logits.shape, logits.dtype) == ((digits, 10), torch.float32)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_outputs_are_logits_and_not_probabilities(network) -> None:
    logits = network()(torch.rand(3, 1, 28, 28))
    assert logits.min() < 0
    assert not torch.allclose(logits.exp().sum(dim=1), torch.ones(3))


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (CNN, 103_162),
        (WideCNN, 352_074),
        (MLP, 102_594),
        (BatchNormCNN, 103_386),
        (SmallCNN, 212_986),
    ],
)
def test_a_network_has_the_parameters_that_its_docstring_counts(network, parameters) -> None:
    assert count(network()) == parameters
    assert f"{parameters:,} parameters" in " ".join(network.__doc__.split())


def test_the_mlp_is_within_one_per_cent_of_the_cnn() -> None:
    assert abs(count(MLP()) - count(CNN())) < 0.01 * count(CNN())


@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        (CNN, [(16, 14, 14), (32, 7, 7), (64, 7, 7)]),
        (WideCNN, [(16, 14, 14), (64, 7, 7), (64, 7, 7)]),
    ],
)
def test_each_block_gives_the_shape_that_the_comments_say(network, shapes) -> None:
    model = network()
    features = torch.rand(2, 1, 28, 28)
    for block, shape in zip((model.block_1, model.block_2, model.block_3), shapes, strict=True):
        features = block(features)
        assert features.shape == (2, *shape)


@pytest.mark.parametrize(("network", "convolutions"), [(CNN, 6), (WideCNN, 7)])
def test_every_convolution_is_followed_by_a_relu(network, convolutions) -> None:
    # Shapes and parameters would be the same without it.
    layers = leaves(network())
    after = [
        type(following)
        for layer, following in itertools.pairwise(layers)
        if isinstance(layer, nn.Conv2d)
    ]
    assert after == [nn.ReLU] * convolutions


@pytest.mark.parametrize(("network", "kernel"), [(CNN, (3, 3)), (WideCNN, (5, 5))])
def test_all_kernels_of_a_network_are_of_one_size_and_keep_the_picture(network, kernel) -> None:
    convolutions = [layer for layer in leaves(network()) if isinstance(layer, nn.Conv2d)]
    assert {layer.kernel_size for layer in convolutions} == {kernel}
    for layer in convolutions:
        assert layer(torch.rand(1, layer.in_channels, 9, 9)).shape[2:] == (9, 9)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_parameter_takes_part_in_the_answer(network) -> None:
    # In evaluation mode: in training, batch norm takes away again what a bias before it adds.
    model = network().eval()
    model(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ] == []


@pytest.mark.parametrize("hidden_sizes", [(), (7,), [30, 20, 11]])
def test_the_mlp_has_the_hidden_sizes_that_it_is_given(hidden_sizes) -> None:
    model = MLP(hidden_sizes)
    sizes = [784, *hidden_sizes, 10]
    linear = [layer for layer in leaves(model) if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [
        *itertools.pairwise(sizes)
    ]
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize(("hidden_sizes", "affine"), [((), True), ((50,), False)])
def test_the_mlp_is_affine_only_without_a_hidden_layer(hidden_sizes, affine) -> None:
    model = MLP(hidden_sizes).double()
    one, other = torch.rand(2, 1, 1, 28, 28, dtype=torch.float64)
    middle = model((one + other) / 2)
    assert torch.allclose(middle, (model(one) + model(other)) / 2, atol=1e-12) == affine


@pytest.mark.parametrize("network", NETWORKS)
def test_saved_weights_make_another_copy_answer_alike(network) -> None:
    model, copy = network(), network()
    images = torch.rand(2, 1, 28, 28)
    assert not torch.equal(model(images), copy(images))
    copy.load_state_dict(model.state_dict())
    assert torch.equal(model(images), copy(images))


def kinds(model):
    return [type(layer) for layer in leaves(model)]


@pytest.mark.parametrize("pool", [False, True])
def test_a_convolution_block_is_a_convolution_batch_norm_and_relu_and_pools_if_asked_to(
    pool,
) -> None:
    block = convolution_block(3, 5, pool=pool)
    convolution, norm = block[0], block[-2]
    pooling = [nn.MaxPool2d] if pool else []
    assert kinds(block) == [nn.Conv2d, *pooling, nn.BatchNorm2d, nn.ReLU]
    assert (convolution.in_channels, convolution.out_channels) == (3, 5)
    assert convolution.kernel_size == (3, 3)
    assert convolution.bias is None, "batch norm's own takes its place"
    assert norm.num_features == 5
    side = 4 if pool else 8
    assert block(torch.rand(2, 3, 8, 8)).shape == (2, 5, side, side)


def test_a_block_pools_only_if_asked_to() -> None:
    assert kinds(convolution_block(3, 5)) == kinds(convolution_block(3, 5, pool=False))


def test_a_trained_block_that_pools_early_answers_bit_for_bit_as_if_it_pooled_last() -> None:
    block = convolution_block(4, 16, pool=True)
    convolution, pooling, norm, relu = block
    for _ in range(3):  # so that the statistics are not those of a new network
        block(torch.randn(20, 4, 14, 14))
    block.eval()
    images = torch.randn(20, 4, 14, 14)
    late = pooling(relu(norm(convolution(images))))
    assert torch.equal(block(images), late)
    assert 0 < (late == 0).sum() < late.numel(), "the ReLU has something to do"


def convolutions(network):
    """What each convolution does, in order."""
    return [
        (layer.in_channels, layer.out_channels, layer.kernel_size, layer.padding, layer.stride)
        for layer in leaves(network())
        if isinstance(layer, nn.Conv2d)
    ]


def test_the_cnn_with_batch_norm_has_the_convolutions_of_the_cnn() -> None:
    assert convolutions(BatchNormCNN) == convolutions(CNN)
    assert len(convolutions(CNN)) == 6


def test_the_cnn_with_batch_norm_pools_after_the_same_convolutions_as_the_cnn() -> None:
    pools = []
    for network in (CNN, BatchNormCNN):
        order = [kind for kind in kinds(network()) if kind in (nn.Conv2d, nn.MaxPool2d)]
        pools.append(order)
    assert pools[0] == pools[1]


def test_the_cnn_with_batch_norm_has_two_numbers_a_channel_in_place_of_each_bias() -> None:
    channels = sum(out for _, out, *_ in convolutions(CNN))
    assert count(BatchNormCNN()) == count(CNN()) + channels
    assert [kind for kind in kinds(BatchNormCNN()) if kind in (nn.BatchNorm2d, nn.ReLU)] == [
        nn.BatchNorm2d,
        nn.ReLU,
    ] * 6


def test_the_small_cnn_has_the_shapes_that_its_comments_say() -> None:
    model = SmallCNN()
    seen = []
    for layer in leaves(model):
        if isinstance(layer, nn.MaxPool2d):
            layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))
    model(torch.rand(2, 1, 28, 28))
    assert seen == [(16, 12, 12), (32, 5, 5)]
    assert [padding for *_, padding, _ in convolutions(SmallCNN)] == [(0, 0), (0, 0)]


def test_the_small_cnn_has_batch_norm_and_relu_after_all_layers_but_the_last() -> None:
    assert kinds(SmallCNN()) == [
        *(nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU),
        *(nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU),
        *(nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear),
    ]


def test_the_network_of_the_experiments_has_the_parameters_that_its_docstring_counts() -> None:
    assert count(make_cnn()) == 160 + 4_640 + 15_690 == 20_490
    assert "20,490 parameters" in " ".join(make_cnn.__doc__.split())


POOLINGS = ["max", "average", "strided"]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_every_network_of_the_experiments_gives_ten_logits_for_each_digit(
    kernel_size, pooling
) -> None:
    images = torch.rand(2, 1, 28, 28)
    for channels, depth, activation in itertools.product(
        (1, 6), (1, 2, 3), ("ReLU", "GELU", "Tanh")
    ):
        model = make_cnn(kernel_size, channels, depth, pooling, activation)
        assert model(images).shape == (2, 10), (channels, depth, activation)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_network_of_the_experiments_is_built_of_what_was_asked_for(depth, pooling) -> None:
    model = make_cnn(kernel_size=5, channels=6, depth=depth, pooling=pooling, activation="Tanh")
    halves = {"max": nn.MaxPool2d, "average": nn.AvgPool2d, "strided": nn.Conv2d}[pooling]
    block = [nn.Conv2d, nn.Tanh] * depth + [halves]
    assert kinds(model) == [*block, *block, nn.Flatten, nn.Linear]
    wide = [layer for layer in model if getattr(layer, "padding", None) == (2, 2)]
    assert [(layer.in_channels, layer.out_channels) for layer in wide] == [
        *((1, 6), *[(6, 6)] * (depth - 1)),
        *((6, 12), *[(12, 12)] * (depth - 1)),
    ]
    assert {(layer.kernel_size, layer.stride) for layer in wide} == {((5, 5), (1, 1))}
    shapes, features = [], torch.rand(2, 1, 28, 28)
    for layer in model[:-2]:
        features = layer(features)
        shapes.append(tuple(features.shape[1:]))
    steps = 2 * depth
    assert shapes == [(6, 28, 28)] * steps + [(6, 14, 14)] + [(12, 14, 14)] * steps + [(12, 7, 7)]


def test_a_strided_convolution_keeps_the_channels_and_moves_by_two_pixels() -> None:
    pools = [
        layer for layer in make_cnn(pooling="strided") if layer.__dict__.get("stride") == (2, 2)
    ]
    assert [(p.in_channels, p.out_channels, p.kernel_size) for p in pools] == [
        (16, 16, (2, 2)),
        (32, 32, (2, 2)),
    ]


def test_the_defaults_of_the_experiments_network_are_the_baseline() -> None:
    assert str(make_cnn()) == str(make_cnn(3, 16, 1, "max", "ReLU"))
    assert kinds(make_cnn()) == [
        *(nn.Conv2d, nn.ReLU, nn.MaxPool2d) * 2,
        *(nn.Flatten, nn.Linear),
    ]


@pytest.mark.parametrize("pooling", ["mean", "Max", "", None])
def test_a_pooling_that_is_none_of_the_three_is_refused_with_those_there_are(pooling) -> None:
    with pytest.raises(
        ValueError, match=rf"^pooling is {pooling!r}; .*'max', 'average'.*'strided'"
    ):
        make_cnn(pooling=pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_parameter_of_an_experiments_network_takes_part_in_the_answer(pooling) -> None:
    model = make_cnn(channels=4, depth=2, pooling=pooling, activation="GELU")
    model(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_no_layer_of_an_experiments_network_stands_in_it_twice() -> None:
    model = make_cnn(depth=3)
    assert len({id(layer) for layer in model}) == len(model)
