"""The exercises of lesson 07."""

import copy
import math

import torch
from torch import Tensor, nn

from .engine import Code, Free, Given, Values, _random, refuse, same

EXERCISES = {}

EXERCISES["7.1"] = Code(
    call="convolution_multiply_adds(in_channels, out_channels, kernel_size, height, width)",
    hint="count the numbers of the output, out_channels × height × width. Each is a sum of "
    "products: how many, with a square kernel that looks at all input channels?",
    praise="Halve height and width and double both numbers of channels: the count stays the same.",
    cases=[(2, 3, 3, 4, 5), (32, 64, 5, 14, 12), (5, 2, 1, 7, 9)],
    right=lambda i, o, k, h, w: i * o * k**2 * h * w,
    mistakes={
        "Each weight is used at height × width places.": lambda i, o, k, h, w: i * o * k**2,
        "The biases are not counted.": lambda i, o, k, h, w: o * (i * k**2 + 1) * h * w,
        "A square kernel has kernel_size² numbers.": lambda i, o, k, h, w: i * o * k * h * w,
        "A multiply-add counts once.": lambda i, o, k, h, w: 2 * i * o * k**2 * h * w,
        "The output channels are missing.": lambda i, o, k, h, w: i * k**2 * h * w,
        "The input channels are missing.": lambda i, o, k, h, w: o * k**2 * h * w,
    },
)

EXERCISES["7.2"] = Values(
    hint="a Linear layer has a weight for each pair of 28 × 28 inputs and 16 × 28 × 28 outputs. A "
    "convolution has one kernel for each of the 16 maps.",
    praise="68,000 times as many weights, and 87 times the multiply-adds. A convolution looks near "
    "each place only, with the same weights everywhere.",
    right={"count for Linear": 784 * 16 * 784, "count for the convolution": 16 * 9},
    mistakes=[
        {
            "You counted the biases.": 785 * 16 * 784,
            "That is for one map. There are 16.": 784 * 784,
            "That is the number of outputs. Each has a weight for each of 784 inputs.": 16 * 784,
            "{} is not the number of inputs × the number of outputs.": ...,
        },
        {
            "You counted the biases.": 16 * 9 + 16,
            "Those are the multiply-adds. The same weights serve at every place.": 16 * 9 * 784,
            "{} is not out_channels × in_channels × kernel height × kernel width.": ...,
        },
    ],
)


def _reordered(images: Tensor, order: Tensor) -> Tensor:
    return images.flatten(start_dim=1)[:, order].reshape(images.shape)


EXERCISES["7.3"] = Code(
    call="reordered(images, order)",
    hint="images.flatten(start_dim=1) makes 784 columns of the pixels. Which index puts columns "
    "into another order? `reshape` gives the shape back.",
    praise="For an MLP nothing has changed: it never knew which pixels are neighbours. A "
    "convolution counts on it.",
    cases=[(_random(count, 1, 28, 28), _random(784).argsort()) for count in (3, 1, 2)],
    right=_reordered,
    mistakes={
        "Yours makes no difference. Return the tensor that indexing makes.": lambda x, order: x,
        "That is the inverse: index right of `=`.": lambda x, order: _reordered(x, order.argsort()),
        "The axes are missing: `.reshape(images.shape)`.": lambda x, order: x.flatten(1)[:, order],
        "The channels are missing: `.reshape(images.shape)`.": lambda x, i: _reordered(x, i)[:, 0],
        "Flatten each image by itself: start_dim=1.": lambda images, order: images.flatten()[order],
        "Permute all images: [:, order].": lambda x, i: torch.cat([_reordered(x[:1], i), x[1:]]),
    },
    advice={"out of bounds": "H and W are two axes. images.flatten(start_dim=1) has 784 columns."},
)


def _judge_halving(answer: object) -> str:
    refuse({"That is a module. Give the function itself.": isinstance(answer, nn.Module)})
    make = (lambda *both: answer(*both)) if isinstance(answer, type) else answer  # a class does too
    for channels, side in (((1, 8), 28), ((6, 4), 10)):
        shown = f"halving_block{channels}"
        with torch.random.fork_rng(devices=[]):  # random weights change nothing for the learner
            block = Given(make, shown).call(*channels).module()
        images = torch.randn(2, channels[0], side, side, generator=torch.Generator())
        size = [2, channels[1], side // 2, side // 2]
        _judge_block(copy.deepcopy(block).eval(), images, size, shown)
    return "It takes a quarter of the multiply-adds of a convolution with a pooling after it."


def _judge_block(block: nn.Module, images: Tensor, size: list[int], shown: str) -> None:
    pooled = any("Pool" in type(layer).__name__ for layer in block.modules())
    found = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]
    wanted = f"PyTorch finds {len(found)} convolutions in it. Give it one, not in a plain list."
    halves = "Leave the pooling out: with stride=2 the convolution halves."
    refuse({halves: pooled, wanted: len(found) != 1})
    kernel_size, stride, seen = found[0].kernel_size, found[0].stride, []
    found[0].register_forward_hook(
        lambda layer, given, output: seen.append((given[0], output.detach().clone()))
    )
    advice = {"channels, but got": "in_channels comes first, then out_channels. Hand both on."}
    output = Given(block, f"the module of {shown}", advice).call(images).tensor()
    given, convolved = seen[0] if seen else (images, output)
    other = (kernel_size, stride) != ((3, 3), (2, 2))
    refuse(
        {
            "Your convolution is never used.": not seen,
            f"The kernel is {kernel_size}, the stride {stride}. Make it 3×3, stride=2.": other,
            f"With {shown}, {list(images.shape)} becomes {list(output.shape)}, and has to become "
            f"{size}. Which padding makes 14 of 28?": list(output.shape) != size,
            "There is a ReLU before the convolution. It belongs after it.": given.min() >= 0,
            "The ReLU is missing.": same(output, convolved),
            "Its output is not the convolution's ReLU.": not same(output, convolved.relu()),
        }
    )


EXERCISES["7.4"] = Free(
    hint="nn.Sequential of a Conv2d and a ReLU. The size becomes (H + 2 × padding − 3) // 2 + 1: "
    "which padding makes H / 2 of it?",
    judge=_judge_halving,
)


def _best(losses: list, patience: int, wrongly: str = "") -> int:
    """Return the best epoch, or what comes of a mistake."""
    best, lowest, waited = 0, math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        waited += 1
        if loss < lowest or (wrongly == "ties" and loss == lowest):
            best, lowest, waited = epoch, loss, waited - 1 if wrongly == "in all" else 0
        lowest = loss if wrongly == "before" else lowest
        if waited >= patience:
            break
    return epoch if wrongly == "end" else best


EXERCISES["7.5"] = Code(
    call="best_epoch(validation_losses, patience)",
    hint="go through `enumerate(validation_losses, start=1)` and keep the lowest so far and its "
    "epoch. Leave the loop when that is `patience` epochs ago.",
    praise="Copy the parameters at each new lowest loss: at the stop it is too late.",
    cases=[
        ([0.9, 0.5, 0.6, 0.7, 0.8, 0.4], 2),
        ([0.9, 0.6, 0.7, 0.5, 0.6, 0.55, 0.3], 2),
        ([0.6, 0.7, 0.4, 0.9], 1),
        ([0.9, 0.8, 0.85, 0.7, 0.75, 0.6, 0.65], 2),
        ([0.7, 0.5, 0.6, 0.4, 0.45, 0.5, 0.6, 0.3], 3),
        ([0.5, 0.5, 0.5, 0.2], 2),
        ([0.9, 0.7, 0.5], 3),
    ],
    right=_best,
    mistakes={
        "Training stops there. Give the best epoch.": lambda *case: _best(*case, "end"),
        "That is the lowest of all. End at the stop.": lambda x, _: x.index(min(x)) + 1,
        "Yours is too patient by one: `>=`, not `>`.": lambda losses, n: _best(losses, n + 1),
        "Yours waits one epoch less than it should.": lambda losses, n: _best(losses, n - 1),
        "A tie is no improvement: `<`, not `<=`.": lambda *case: _best(*case, "ties"),
        "Compare with the lowest so far, not the last.": lambda *case: _best(*case, "before"),
        "You count in all, not in a row. Begin anew.": lambda *case: _best(*case, "in all"),
        "Yours counts the epochs from 0. Count from 1.": lambda *case: _best(*case) - 1,
    },
    advice={"None": "Return the best epoch after the loop, too."},
)
