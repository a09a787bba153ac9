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

POOL, NORM = "MaxPool2d", "BatchNorm2d"
NETWORKS = {  # parameters, layers as `written` writes them
    CNN: (
        103_162,
        f"1>16k3p1 ReLU {POOL} 16>16k3p1 ReLU 16>32k3p1 ReLU 32>32k3p1 ReLU {POOL} "
        "32>64k3p1 ReLU 64>64k3p1 ReLU Flatten 3136>10",
    ),
    WideCNN: (
        352_074,
        f"1>16k5p2 ReLU {POOL} 16>32k5p2 ReLU 32>32k5p2 ReLU 32>32k5p2 ReLU 32>64k5p2 ReLU "
        f"64>64k5p2 ReLU {POOL} 64>64k5p2 ReLU Flatten 3136>10",
    ),
    MLP: (102_594, "Flatten 784>120 ReLU 120>64 ReLU 64>10"),
    BatchNormCNN: (
        103_386,
        f"1>16k3p1 {POOL} {NORM} ReLU 16>16k3p1 {NORM} ReLU 16>32k3p1 {NORM} ReLU "
        f"32>32k3p1 {POOL} {NORM} ReLU 32>64k3p1 {NORM} ReLU 64>64k3p1 {NORM} ReLU Flatten 3136>10",
    ),
    SmallCNN: (
        212_986,
        f"1>16k5p0 {POOL} {NORM} ReLU 16>32k3p0 {POOL} {NORM} ReLU "
        "Flatten 800>256 BatchNorm1d ReLU 256>10",
    ),
    make_cnn: (20_490, f"1>16k3p1 ReLU {POOL} 16>32k3p1 ReLU {POOL} Flatten 1568>10"),
}
each_network = pytest.mark.parametrize("network", NETWORKS)


def leaves(model):
    return [module for module in model.modules() if not list(module.children())]


def written(model):
    """A model's layers: of a convolution its channels, kernel, padding and, above 1, its stride."""
    words = []
    for layer in leaves(model):
        word = type(layer).__name__
        if isinstance(layer, nn.Linear):
            word = f"{layer.in_features}>{layer.out_features}"
        if isinstance(layer, nn.Conv2d):
            word = f"{layer.in_channels}>{layer.out_channels}k{layer.kernel_size[0]}"
            word += f"p{layer.padding[0]}" + (f"s{layer.stride[0]}" if layer.stride[0] > 1 else "")
        words.append(word)
    return " ".join(words)


@each_network
def test_a_network_has_the_layers_and_the_parameters_that_it_says(network) -> None:
    parameters, layers = NETWORKS[network]
    assert written(network()) == layers
    assert sum(parameter.numel() for parameter in network().parameters()) == parameters
    assert f"{parameters:,} parameters" in " ".join(network.__doc__.split())


@each_network
def test_a_network_is_its_layers_one_after_the_other_and_nothing_else(network) -> None:
    # So its outputs are logits: no softmax, and no tanh.
    model, images = network().eval(), torch.rand(3, 1, 28, 28)
    logits = model(images)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, nn.Sequential(*leaves(model))(images))


def test_weights_are_named_and_drawn_as_ever() -> None:
    # Else no checkpoint would load any more, and a seed would stand for another network.
    layers = [
        "block_1.0",
        *(f"block_2.{n}" for n in (0, 2, 4)),
        "block_3.0",
        "block_3.2",
        "output.1",
    ]
    names = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert list(CNN().state_dict()) == names
    assert set(WideCNN().state_dict()) > {*names[:10], *names[-2:]}
    last = []
    for network in NETWORKS:
        torch.manual_seed(0)
        last.append(list(network().parameters())[-1][0].item())
    expected = [0.002986, -0.007273, 0.076305, -0.015364, 0.044945, 0.012866]
    assert last == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("hidden_sizes", [(), (7,), [30, 20, 11]])
def test_the_mlp_has_the_hidden_sizes_that_it_is_given(hidden_sizes) -> None:
    linear = [f"{before}>{after}" for before, after in itertools.pairwise([784, *hidden_sizes, 10])]
    assert written(MLP(hidden_sizes)) == "Flatten " + " ReLU ".join(linear)


def test_a_trained_block_that_pools_early_answers_bit_for_bit_as_if_it_pooled_last() -> None:
    block = convolution_block(4, 16, pool=True)
    convolution, pooling, norm, relu = block
    block(torch.randn(20, 4, 14, 14))  # so that the statistics are not those of a new network
    images = torch.randn(20, 4, 14, 14)
    late = pooling(relu(norm.eval()(convolution(images))))
    assert torch.equal(block(images), late)
    assert 0 < (late == 0).sum() < late.numel(), "the ReLU has something to do"


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(
    ("pooling", "halves"),
    [
        ("max", ["MaxPool2d"] * 2),
        ("average", ["AvgPool2d"] * 2),
        ("strided", ["6>6k2p0s2", "12>12k2p0s2"]),
    ],
)
def test_a_network_of_the_experiments_is_what_was_asked_for(depth, pooling, halves) -> None:
    model = make_cnn(5, 6, depth, pooling, "Tanh")
    first = "1>6k5p2 Tanh" + " 6>6k5p2 Tanh" * (depth - 1)
    second = "6>12k5p2 Tanh" + " 12>12k5p2 Tanh" * (depth - 1)
    assert written(model) == f"{first} {halves[0]} {second} {halves[1]} Flatten 588>10"
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("pooling", ["mean", "Max"])
def test_a_pooling_that_is_none_of_the_three_is_refused_with_those_there_are(pooling) -> None:
    with pytest.raises(
        ValueError, match=rf"^pooling is '{pooling}'; .*'max', 'average'.*'strided'"
    ):
        make_cnn(pooling=pooling)
