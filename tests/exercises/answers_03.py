from by_hand import Around, small_cnn
from mnist_helpers.models import CNN, MLP
import numpy as np
import torch
from torch import nn


def halving(size=4, channels=8, pooling=nn.MaxPool2d, **settings):
    settings = {"kernel_size": 3, "padding": 1, **settings}
    return nn.Sequential(nn.Conv2d(1, channels, **settings), pooling(size))


def made_anew(module, images):
    return nn.Linear(10, 10)(module.last(module.layers(images)))


def one_after_another(module, images):
    for layer in module.layers:
        images = layer(images)
    return module.last(images)


def compared(module, images):
    logits = one_after_another(module, images)
    return logits - logits.mean(dim=0)


def dropping(module, images):
    return nn.functional.dropout(module.last(module.layers(images)))


def surest_by(measure):
    def surest(logits):
        index = measure(logits).argmax().item()
        return index, logits[index].argmax().item()

    return surest


def gap(scores):
    best = scores.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


OTHER_MEASURES = [
    gap,
    lambda logits: gap(logits.softmax(dim=1)),
    lambda logits: -torch.distributions.Categorical(logits=logits).entropy(),
    lambda logits: logits.softmax(dim=1).square().sum(dim=1),
    lambda logits: logits.std(dim=1),
    lambda logits: logits.amax(dim=1) - logits.amin(dim=1),
    lambda logits: logits.amax(dim=1) - logits.mean(dim=1),
    lambda logits: logits.amax(dim=1) / logits.abs().sum(dim=1),
]


def surest_with_numpy(logits):
    powers = logits.exp().numpy()
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return np.unravel_index(probabilities.argmax(), probabilities.shape)


STRIDED = nn.Conv2d(1, 2, 3, stride=3)
RELU_FIRST = nn.Sequential(nn.ReLU(), STRIDED, nn.Flatten(), nn.Linear(162, 10))
AVERAGED = [nn.Conv2d(1, 9, 3), nn.ReLU(), nn.Conv2d(9, 10, 3), nn.AdaptiveAvgPool2d(1)]
WRONG_INPUT = nn.Sequential(nn.Conv2d(8, 8, 3), nn.MaxPool2d(4))
ANSWERS = [
    ("3.2", nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 8, 2, stride=2)), "Right. "),
    ("3.2", nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(7)), "Right. "),
    ("3.2", halving(stride=4, pooling=lambda _: nn.AvgPool2d(3, 1, 1)), "Right. "),
    ("3.4", surest_with_numpy, "Right. "),
    ("3.5", small_cnn(nn.BatchNorm1d(10), nn.Dropout()), "Right. "),
    ("3.5", small_cnn(flatten=nn.Sequential(nn.Flatten(), nn.BatchNorm1d(392))), "Right. "),
    ("3.5", nn.Sequential(*AVERAGED, nn.Flatten()), "Right. "),
    ("3.5", Around(one_after_another), "Right. "),
    ("3.2", halving(2), "halved twice"),
    ("3.2", halving(padding=0), "at the edge"),
    ("3.2", halving(channels=16), "out_channels sets"),
    ("3.2", halving().append(nn.Flatten()), "All four axes have to stay"),
    ("3.2", halving((4, 2)), "becomes [2, 8, 7, 14], and has to become [2, 8, 7, 7]. Work"),
    ("3.2", nn.Conv2d(1, 8, 4, stride=4), "Of convolutions yours has 1, of poolings 0."),
    ("3.2", halving(1, stride=4), "over 1×1 pixel"),
    ("3.2", halving(7, stride=4, pooling=nn.AdaptiveAvgPool2d), "over 1×1 pixel"),
    ("3.2", WRONG_INPUT, "A digit has one"),
    ("3.2", CNN, "Call it: CNN()"),
    ("3.2", torch.zeros(2, 8, 7, 7), "has to be an nn.Module"),
    *[("3.4", surest_by(measure), "and should be") for measure in OTHER_MEASURES],
    ("3.4", lambda logits: (0, 0), "is (0, 0) with yours, and should be (1, 2)."),
    ("3.5", CNN(), "103,162 parameters, and fewer than 10,000 are allowed. Most are in Conv2d(64"),
    ("3.5", MLP(), "no convolution"),
    ("3.5", small_cnn(nn.LogSoftmax(dim=1)), "behind the last layer"),
    ("3.5", small_cnn(nn.Sigmoid()), "behind the last layer"),
    ("3.5", small_cnn(nn.LayerNorm(10), nn.Softmax(dim=1)), "behind the last layer"),
    ("3.5", small_cnn(nn.ReLU()), "behind the last layer"),
    ("3.5", small_cnn(flatten=nn.Flatten(start_dim=0)), "takes [N, in_features]"),
    ("3.5", small_cnn()[:-1], "has to become [2, 10]: N, classes"),
    ("3.5", Around(lambda module, images: module.layers(images).squeeze()), "becomes [10], and"),
    ("3.5", Around(compared), "depend on the others in its batch"),
    ("3.5", Around(lambda net, x: one_after_another(net, x / x.max())), "depend on"),
    ("3.5", RELU_FIRST, "no bend"),
    ("3.5", Around(torch.no_grad()(one_after_another)), "does not require grad"),
    ("3.5", Around(dropping), "`training=self.training`"),
    ("3.5", Around(lambda module, images: module.layers(images)), "last.weight, last.bias"),
    ("3.5", Around(one_after_another, list(small_cnn())), "plain Python list"),
    ("3.5", Around(made_anew), "Make it in `__init__`"),
    ("3.5", Around(lambda module, images: images.tolist()), "returns has to be a tensor"),
    ("3.5", Around(lambda module, images: ...), "Exercise 3.5 waits"),
]
