import itertools

from mnist_helpers.models import CNN, MLP, BatchNormCNN, SmallCNN, WideCNN, make_cnn
import pytest
import torch
from torch import nn

POOL, NORM = "MaxPool2d", "BatchNorm2d"
LAYERS = {  # of a convolution: channels, kernel, padding and, above 1, its stride
    CNN: f"1>16k3p1 ReLU {POOL} 16>16k3p1 ReLU 16>32k3p1 ReLU 32>32k3p1 ReLU {POOL} "
    "32>64k3p1 ReLU 64>64k3p1 ReLU Flatten 3136>10",
    WideCNN: f"1>16k5p2 ReLU {POOL} 16>32k5p2 ReLU 32>32k5p2 ReLU 32>32k5p2 ReLU 32>64k5p2 ReLU "
    f"64>64k5p2 ReLU {POOL} 64>64k5p2 ReLU Flatten 3136>10",
    MLP: "Flatten 784>120 ReLU 120>64 ReLU 64>10",
    BatchNormCNN: f"1>16k3p1 {POOL} {NORM} ReLU 16>16k3p1 {NORM} ReLU 16>32k3p1 {NORM} ReLU "
    f"32>32k3p1 {POOL} {NORM} ReLU 32>64k3p1 {NORM} ReLU 64>64k3p1 {NORM} ReLU Flatten 3136>10",
    SmallCNN: f"ZeroPad2d 1>16k5p0 {POOL} {NORM} ReLU 16>32k3p0 {POOL} {NORM} ReLU "
    "Flatten 512>256 BatchNorm1d ReLU 256>10",
    make_cnn: f"1>16k3p1 ReLU {POOL} 16>32k3p1 ReLU {POOL} Flatten 1568>10",
}
LAST_BIASES = [0.002986, -0.007273, 0.076305, -0.015364, -0.01561, 0.012866]


def leaves(model):
    return [module for module in model.modules() if not list(module.children())]


def written(model):
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


@pytest.mark.parametrize(("network", "last"), [*zip(LAYERS, LAST_BIASES, strict=True)])
def test_a_network_is_the_layers_that_it_says_and_nothing_else(network, last):
    torch.manual_seed(0)
    model, images = network().eval(), torch.rand(3, 1, 28, 28)
    assert written(model) == LAYERS[network]
    parameters = list(model.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    assert f"{count:,} parameters" in network.__doc__
    # The seed's network is the same as ever.
    assert parameters[-1][0].item() == pytest.approx(last, abs=1e-6)
    # The outputs are logits: no softmax, and no tanh.
    assert torch.equal(model(images), nn.Sequential(*leaves(model))(images))


@pytest.mark.parametrize("hidden_sizes", [(), (7,), [30, 20, 11]])
def test_the_mlp_has_the_hidden_sizes_that_it_is_given(hidden_sizes):
    linear = [f"{before}>{after}" for before, after in itertools.pairwise([784, *hidden_sizes, 10])]
    assert written(MLP(hidden_sizes)) == "Flatten " + " ReLU ".join(linear)


@pytest.mark.parametrize(
    ("pooling", "half"),
    [("max", "MaxPool2d"), ("average", "AvgPool2d"), ("strided", "{0}>{0}k2p0s2")],
)
def test_a_network_of_the_experiments_is_what_was_asked_for(pooling, half):
    assert written(make_cnn(5, 6, 2, pooling, "Tanh")) == (
        f"1>6k5p2 Tanh 6>6k5p2 Tanh {half.format(6)} "
        f"6>12k5p2 Tanh 12>12k5p2 Tanh {half.format(12)} Flatten 588>10"
    )


def test_a_pooling_that_is_none_of_the_three_is_refused():
    with pytest.raises(ValueError, match=r"^pooling is 'Max'; .*'max', 'average'.*'strided'"):
        make_cnn(pooling="Max")
