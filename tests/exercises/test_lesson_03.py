"""Lesson 03's exercises: other right answers, and the networks that a function judges."""

from mnist_helpers.exercises import judge
from mnist_helpers.models import CNN, MLP
import pytest
import torch
from torch import nn


def network(*end, flatten=None):
    start = [nn.Conv2d(1, 8, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(4)]
    return nn.Sequential(*start, flatten or nn.Flatten(), nn.Linear(8 * 49, 10), *end)


def halving(pooling=4, channels=8, **settings):
    settings = {"kernel_size": 3, "padding": 1, **settings}
    return nn.Sequential(nn.Conv2d(1, channels, **settings), nn.MaxPool2d(pooling))


class Around(nn.Module):
    """A network whose forward is what a function makes of its layers."""

    def __init__(self, forward, layers=None):
        super().__init__()
        self.layers, self.last = layers or network(), nn.Linear(10, 10)
        self.function = forward

    def forward(self, images):
        return self.function(self, images)


def mixing(module, images):
    return module.last(module.layers(images) - module.layers(images).mean(dim=0))


def made_anew(module, images):
    return nn.Linear(10, 10)(module.last(module.layers(images)))


def one_after_another(module, images):
    for layer in module.layers:
        images = layer(images)
    return module.last(images)


def surest_with_tensors(logits):
    best = logits.softmax(dim=1).max(dim=1)
    return torch.stack([best.values.argmax(), best.indices[best.values.argmax()]])


FLAT = nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), nn.Flatten(), nn.Linear(162, 10))
WRONG_INPUT = nn.Sequential(nn.Conv2d(8, 8, 3), nn.MaxPool2d(4))
ANSWERS = [
    ("3.2", halving(), "Right. "),
    ("3.2", nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 8, 2, stride=2)), "Right. "),
    ("3.4", surest_with_tensors, "Right. "),
    ("3.5", network(nn.BatchNorm1d(10), nn.Dropout()), "Right. "),
    ("3.5", Around(one_after_another), "Right. "),
    ("3.1", 1, "1 is not out_channels"),
    ("3.2", halving(2), "halved once"),
    ("3.2", halving(padding=0), "Without padding"),
    ("3.2", halving(channels=16), "out_channels sets"),
    ("3.2", halving(1), "not made smaller"),
    ("3.2", halving(3), "becomes [2, 8, 9, 9], and has to become [2, 8, 7, 7]. Work"),
    ("3.2", halving().append(nn.Flatten()), "leave flatten out"),
    ("3.2", nn.Conv2d(1, 8, 4, stride=4), "1 convolutions and 0 poolings"),
    ("3.2", WRONG_INPUT, "raises RuntimeError: Given groups"),
    ("3.2", CNN, "Call it: CNN()"),
    ("3.2", torch.zeros(2, 8, 7, 7), "has to be a module"),
    ("3.4", lambda logits: (0, 0), "is (0, 0) with yours, and should be (1, 2)."),
    ("3.5", CNN(), "103,162 parameters, and fewer than 10,000 are allowed. Most are in Conv2d(64"),
    ("3.5", MLP(), "no convolution"),
    ("3.5", network(nn.Softmax(dim=1)), "a softmax at the end"),
    ("3.5", network(nn.LogSoftmax(dim=1)), "a softmax at the end"),
    ("3.5", network(nn.ReLU()), "at the very end"),
    ("3.5", network(flatten=nn.Flatten(start_dim=0)), "cannot be multiplied"),
    ("3.5", network()[:-1], "has to become [2, 10]: N, classes"),
    ("3.5", FLAT, "no bend"),
    ("3.5", Around(lambda module, images: module.layers(images)), "last.weight, last.bias"),
    ("3.5", Around(mixing), "other digits of the batch"),
    ("3.5", Around(one_after_another, list(network())), "plain Python list"),
    ("3.5", Around(made_anew), "Make all layers in `__init__`"),
    ("3.5", Around(lambda module, images: images.tolist()), "returns has to be a tensor"),
    ("3.5", Around(lambda module, images: ...), "Exercise 3.5 waits"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("end", [nn.BatchNorm1d(10), nn.Softmax(dim=1)])
def test_a_learners_network_is_left_as_it_was(training, end) -> None:
    module = network(end).train(training)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    judge("3.5", module)
    assert module.training == training
    assert all(weight.grad is None for weight in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
