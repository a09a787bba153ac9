"""Lesson 07's exercises: other right answers, and mistakes that its data do not hold."""

from mnist_helpers.exercises import judge
import pytest
import torch
from torch import nn


def reordered_by_gather(images, order):
    return images.view(-1, 784).gather(1, order.expand(len(images), 784)).view(-1, 1, 28, 28)


class Unused(nn.Sequential):
    def forward(self, images):
        return images.relu()


def padded_on_two_sides(in_channels, out_channels):
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride=2, bias=False)
    return nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), convolution, nn.ReLU(inplace=True))


def block_of(*after, before=(), **settings):
    settings = {"kernel_size": 3, "stride": 2, "padding": 1} | settings
    return lambda i, o: nn.Sequential(*before, nn.Conv2d(i, o, **settings), *after)


halving_block = block_of(nn.ReLU())


def best_if_it_stops(losses, patience):
    waited = 0
    for epoch in range(len(losses)):
        waited = waited + 1 if epoch and losses[epoch] >= min(losses[:epoch]) else 0
        if waited == patience:
            return losses.index(min(losses[:epoch])) + 1
    return None


ANSWERS = [
    ("7.3", reordered_by_gather, "Right. "),
    ("7.4", halving_block, "Right. "),
    ("7.4", padded_on_two_sides, "Right. "),
    ("7.4", lambda i, o: block_of(nn.BatchNorm2d(o), nn.ReLU())(i, o), "Right. "),
    ("7.5", lambda losses, n: best_if_it_stops([*losses, *[9.0] * n], n), "Right. "),
    ("7.3", lambda images, order: images[..., order], "has 784 columns"),
    ("7.3", lambda images, order: reordered_by_gather(images, order).double(), "Right. "),
    ("7.4", halving_block(1, 8), "the function itself"),
    ("7.4", lambda i, o: [*halving_block(i, o)], "has to be a module"),
    ("7.4", block_of(nn.ReLU(), nn.MaxPool2d(2), stride=1), "Leave the pooling out"),
    ("7.4", lambda i, o: nn.ReLU(), "finds 0 convolutions"),
    ("7.4", lambda i, o: halving_block(i, o).append(nn.Conv2d(o, o, 1)), "finds 2"),
    ("7.4", lambda i, o: Unused(*halving_block(i, o)), "never used"),
    ("7.4", block_of(nn.ReLU(), kernel_size=2, padding=0), "(2, 2). It has to be 3×3"),
    ("7.4", block_of(nn.ReLU(), stride=1), "stride=2"),
    ("7.4", block_of(nn.ReLU(), padding="same"), "1 for a 3×3"),
    ("7.4", block_of(nn.ReLU(), padding=0), "Which padding makes 14 of 28"),
    ("7.4", lambda i, o: halving_block(o, i), "Hand both on"),
    ("7.4", lambda i, o: halving_block(i, 8), "becomes [2, 8, 5, 5], and has to become [2, 4"),
    ("7.4", block_of(), "ReLU is missing"),
    ("7.4", block_of(nn.ReLU(), before=[nn.ReLU()]), "before the convolution"),
    ("7.4", block_of(nn.LeakyReLU()), "is not the ReLU of"),
    ("7.5", best_if_it_stops, "after the loop"),
    ("7.5", lambda losses, patience: 1, "is 1 with yours, and should be 2. Hint: go through"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message


def test_a_learners_block_and_random_numbers_stay_as_they_were() -> None:
    block, state = halving_block(1, 8), torch.get_rng_state()
    judge("7.4", lambda i, o: block if i == 1 else halving_block(i, o))
    assert torch.equal(torch.get_rng_state(), state)
    assert block.training
    assert not block[0]._forward_hooks
