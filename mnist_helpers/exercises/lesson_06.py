"""The exercises of lesson 06: the work of a convolution, weights that are shared, permuted pixels, a block that halves
the picture, early stopping."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..checks import described
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    several,
    the_same,
    whole_number,
)


def _match_numbers(
    given: Sequence[int],
    cases: Sequence[tuple],
    mistakes: Mapping[str, Callable[..., int]],
) -> None:
    """Raise `NotYet` with the message of the first mistake that gives exactly these numbers for the cases."""
    for message, wrong in mistakes.items():
        if list(given) == [wrong(*case) for case in cases]:
            raise NotYet(message)


# Of in_channels, out_channels, kernel_size, height, width.
_WORK_MISTAKES: dict[str, Callable[[int, int, int, int, int], int]] = {
    "That is the number of weights. Each of them is used once at every place of the output: multiply by "
    "height × width.": lambda i, o, k, h, w: i * o * k**2,
    "That is the number of parameters. Leave the biases out; and each weight is used once at every place of the "
    "output: multiply by height × width.": lambda i, o, k, h, w: o * (i * k**2 + 1),
    "You added the biases, one for each output channel. They are not counted here.": (
        lambda i, o, k, h, w: i * o * k**2 * h * w + o
    ),
    "You added the bias for every number of the output. It is not counted here.": (
        lambda i, o, k, h, w: o * (i * k**2 + 1) * h * w
    ),
    "The kernel is square: kernel_size × kernel_size numbers for each input channel, not kernel_size.": (
        lambda i, o, k, h, w: i * o * k * h * w
    ),
    "Yours is twice as many: you counted multiplications and additions apart. A multiply-add is one of each, and "
    "counts once.": lambda i, o, k, h, w: 2 * i * o * k**2 * h * w,
    "The output channels are missing: there is such a sum for each of them.": (
        lambda i, o, k, h, w: i * k**2 * h * w
    ),
    "The input channels are missing: each kernel looks at all of them, and has in_channels × kernel_size² weights.": (
        lambda i, o, k, h, w: o * k**2 * h * w
    ),
    "That is for one input channel and one output channel. Multiply by both numbers.": (
        lambda i, o, k, h, w: k**2 * h * w
    ),
    "That is for a 1×1 kernel: multiply by kernel_size².": lambda i, o, k, h, w: i * o * h * w,
    "That is a Linear layer between pictures of this size, each number of the output from all those of the input. In a "
    "convolution each looks at kernel_size² places only.": lambda i, o, k, h, w: (
        i * o * (h * w) ** 2
    ),
    "`height` and `width` are those of the output already: take nothing away for the kernel.": (
        lambda i, o, k, h, w: i * o * k**2 * (h - k + 1) * (w - k + 1)
    ),
    "Yours multiplies by height twice, and by width not at all. A picture need not be square.": (
        lambda i, o, k, h, w: i * o * k**2 * h * h
    ),
}


def _multiply_adds(answer: object) -> str:
    multiply_adds = a_function(
        answer, "convolution_multiply_adds(in_channels, out_channels, kernel_size, height, width)"
    )
    cases = [(2, 3, 3, 4, 5), (1, 32, 3, 28, 28), (32, 64, 5, 14, 12), (5, 2, 1, 7, 9)]
    results = []
    for case in cases:
        shown = f"convolution_multiply_adds{case}"
        result = called(multiply_adds, *case, shown=shown)
        results.append(whole_number(result, f"What {shown} returns"))

    def right(i: int, o: int, k: int, h: int, w: int) -> int:
        return i * o * k**2 * h * w

    if results == [right(*case) for case in cases]:
        return (
            "Halve height and width and double both numbers of channels, and the count stays the same. Many networks "
            "do just that from stage to stage, so that each stage takes about as much work."
        )
    _match_numbers(results, cases, _WORK_MISTAKES)
    for (i, o, k, h, w), result in zip(cases, results, strict=True):
        if result != right(i, o, k, h, w):
            raise NotYet(
                f"convolution_multiply_adds({i}, {o}, {k}, {h}, {w}) is {result:,} with yours, and should be "
                f"{right(i, o, k, h, w):,}. The output holds {o} × {h} × {w} numbers, and each is a sum of "
                f"{i} × {k} × {k} products."
            )
    raise NotYet("The counts are off.")


_OUTPUTS = 16 * 28 * 28

_LINEAR_MISTAKES = {
    _OUTPUTS * 784
    + _OUTPUTS: "You counted the biases, one for each output. They are left out here.",
    _OUTPUTS: "16 × 28 × 28 is the number of outputs. A Linear layer has a weight for each pair of an input and an "
    "output, and there are 784 inputs.",
    784 * 16
    + 16: "784 × 16 + 16 are the parameters of a layer with 16 outputs. Here there are 16 × 28 × 28 of them.",
    784 * 784: "784 × 784 weights make one map of 28×28. There are to be 16.",
    784
    + _OUTPUTS: "Inputs and outputs are multiplied, not added: there is a weight for each pair.",
}
_CONVOLUTION_MISTAKES = {
    160: "You counted the biases, one for each map. They are left out here.",
    9: "9 is one kernel. Each of the 16 maps has its own.",
    10: "10 is one kernel with its bias. Each of the 16 maps has a kernel of its own, and biases are left out here.",
    16
    * 9
    * 784: "Those are the multiply-adds. The same weights are used at every place, so the size of the picture "
    "does not matter.",
    16 * 3: "A 3×3 kernel has 9 weights, not 3.",
    16 * 16 * 9: "That is for 16 input channels. The picture has one.",
    16: "16 is the number of kernels. Each has 3×3 weights.",
}


def _weights(answer: object) -> str:
    names = ("Linear layer", "convolution")
    linear, convolution = (
        whole_number(value, f"The number of the {name}'s weights")
        for value, name in zip(several(answer, names), names, strict=True)
    )
    right = (_OUTPUTS * 784, 16 * 9)
    if (convolution, linear) == right:
        raise NotYet("Both numbers are right, in the wrong order: the Linear layer comes first.")
    if linear != right[0]:
        said = _LINEAR_MISTAKES.get(
            linear, f"{linear:,} is not the number of inputs × the number of outputs."
        )
        raise NotYet(f"The Linear layer is not right yet. {said}")
    if convolution != right[1]:
        said = _CONVOLUTION_MISTAKES.get(
            convolution,
            f"{convolution:,} is not out_channels × in_channels × kernel height × kernel width.",
        )
        raise NotYet(f"The Linear layer is right, the convolution not yet. {said}")
    return (
        "About 68,000 times as many weights for maps of the same shape, and 87 times the multiply-adds. A convolution "
        "looks near each place only, and with the same weights everywhere."
    )


def _permuted(answer: object) -> str:
    permuted = a_function(answer, "reordered(images, order)")
    generator = torch.Generator().manual_seed(0)
    changed = False
    for count in (3, 1, 2):
        # No two pixels are alike, so that each tells where it came from.
        numbers = torch.randperm(count * 784, generator=generator)
        images = (numbers / len(numbers)).reshape(count, 1, 28, 28)
        order = torch.randperm(784, generator=generator)
        given = (images.clone(), order.clone())
        shown = f"reordered(images, order), with images {list(images.shape)},"
        result = called(
            permuted,
            *given,
            shown=shown,
            advice={
                "out of bounds": "The pixels lie on two axes, H and W, of 28 each. Make one axis of them first: "
                "images.flatten(start_dim=1) has 784 columns, and [:, order] puts those in order."
            },
        )
        result = a_tensor(result, f"What {shown} returns")
        changed |= not (torch.equal(given[0], images) and torch.equal(given[1], order))
        right = images.flatten(start_dim=1)[:, order].reshape(images.shape)
        _judge_permuted_shape(result, right, images)
        if torch.equal(result, right):
            continue
        if changed:
            raise NotYet(
                "You write into the images that you read from, and read pixels that are overwritten already. Start "
                "from images.clone(), or index: that makes a new tensor."
            )
        _judge_places(_places(result, numbers), order)
    if changed:
        raise NotYet(
            "What you return is right, but your function also changes what it is given: whoever uses the images again "
            "finds them permuted. Write into images.clone()."
        )
    return (
        "For an MLP nothing has changed: it never knew which pixels are neighbours. A convolution counts on it, and "
        "the same order for all images takes it away."
    )


def _judge_permuted_shape(result: Tensor, right: Tensor, images: Tensor) -> None:
    if result.shape != images.shape:
        given = f"The shape is {list(result.shape)}, and has to stay {list(images.shape)}. "
        if result.numel() == right.numel() and the_same(result.reshape(right.shape), right):
            raise NotYet(given + "The pixels are in the right order: now `.reshape(images.shape)`.")
        if result.numel() != right.numel() and result.shape[-1:] == (784,) and len(images) > 1:
            raise NotYet(
                given + "Only 784 pixels are left of all the images: flatten each by itself, "
                "images.flatten(start_dim=1), and take [:, order]."
            )
        raise NotYet(
            given + "Flatten each image, put its pixels in order, and reshape to images.shape."
        )
    if result.dtype != images.dtype:
        raise NotYet(
            f"The result is {described(result)}; the pixels have to stay what they are, float32."
        )


def _places(result: Tensor, numbers: Tensor) -> Tensor:
    """Return, [N, 784], from which place among all the pixels of the batch each pixel of the result came."""
    found = (result.double() * len(numbers)).round().flatten()
    if (
        not the_same(found / len(numbers), result.flatten())
        or not ((found >= 0) & (found < len(numbers))).all()
    ):
        raise NotYet(
            "Some pixels of your result have values that no pixel of the images has. Only the places change."
        )
    return numbers.argsort()[found.long()].reshape(-1, 784)


def _judge_places(places: Tensor, order: Tensor) -> None:
    """Raise `NotYet`, saying what is off, for pixels that came from the wrong places."""
    images, pixels = places // 784, places % 784
    index = torch.arange(784)
    if (images != torch.arange(len(places))[:, None]).any():
        raise NotYet(
            "In yours pixels move from one image to another. Each image keeps its own: flatten with start_dim=1 and "
            "index the second axis, [:, order]."
        )
    if (pixels.sort(dim=1).values != index).any():
        raise NotYet(
            "In yours some pixels of an image stand twice, and others not at all. Each has to stand once: all of "
            "images.flatten(start_dim=1)[:, order]."
        )
    if torch.equal(pixels[0], order) and (pixels[1:] == index).all() and len(pixels) > 1:
        raise NotYet(
            "Only the first image is permuted. All of them get the same order: [:, order]."
        )
    if (pixels != pixels[0]).any():
        raise NotYet(
            "Each image gets an order of its own in yours. All have to get the same, `order`: otherwise no pixel means "
            "the same thing twice, and not even an MLP could learn from them."
        )
    by_columns = index.reshape(28, 28).T.flatten()
    mistakes = {
        "Yours makes no difference: the pixels are where they were. Indexing changes nothing in place; return the new "
        "tensor that it makes.": index,
        "That is the inverse: yours puts pixel i at the place order[i]. It is the other way round, and at place i "
        "stands pixel order[i], as indexing has it: [:, order], with `order` on the right side of the `=`.": (
            order.argsort()
        ),
        "Yours applies the order twice. Index with it once.": order[order],
    }
    for message, wrong in mistakes.items():
        if torch.equal(pixels[0], wrong):
            raise NotYet(message)
    if any(
        torch.equal(pixels[0], wrong)
        for wrong in (by_columns[order][by_columns], by_columns[order], order[by_columns])
    ):
        raise NotYet(
            "Yours counts the pixels column by column. They are counted row by row, as flatten and reshape do it: "
            "leave the axes H and W in their order."
        )
    if torch.equal(pixels[0] // 28, index // 28):
        raise NotYet(
            "Yours moves pixels only within their rows. `order` is over all 784: make one axis of H and W first."
        )
    if torch.equal(pixels[0] % 28, index % 28):
        raise NotYet(
            "Yours moves pixels only within their columns. `order` is over all 784: make one axis of H and W first."
        )
    place = (pixels[0] != order).nonzero()[0].item()
    raise NotYet(
        f"Yours is another order than the one given: pixel {place} of a result is pixel {pixels[0, place].item()} of "
        f"the image, and has to be pixel order[{place}], which is {order[place].item()}."
    )


_POOLINGS = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.LPPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.FractionalMaxPool2d,
)


def _halving_block(answer: object) -> str:
    if isinstance(answer, nn.Module):
        raise NotYet(
            "Your answer is a module, what the function returns. Give the function itself: `halving_block`."
        )
    halving_block = a_function(answer, "halving_block(in_channels, out_channels)")
    generator = torch.Generator().manual_seed(0)
    for in_channels, out_channels, height, width in (
        (1, 8, 28, 28),
        (16, 32, 14, 14),
        (6, 4, 6, 10),
    ):
        shown = f"halving_block({in_channels}, {out_channels})"
        with torch.random.fork_rng(devices=[]):  # random weights change nothing for the learner
            module = called(
                halving_block,
                in_channels,
                out_channels,
                shown=shown,
                advice={
                    "padding='same'": "With a stride PyTorch wants the padding as a number. For a 3×3 kernel it is 1."
                },
            )
        convolution = _only_convolution(module, shown)
        images = torch.randn(2, in_channels, height, width, generator=generator)
        _judge_block(module, convolution, images, [2, out_channels, height // 2, width // 2], shown)
    return (
        "(H + 2 − 3) // 2 + 1 is H / 2 for every even H. And a convolution that moves by two takes a quarter of the "
        "multiply-adds of one that moves by one and leaves the halving to a pooling."
    )


def _only_convolution(module: object, shown: str) -> nn.Conv2d:
    """Return the one convolution of a module that has no pooling."""
    if isinstance(module, type) and issubclass(module, nn.Module):
        raise NotYet(f"{shown} returns {described(module)}. Make a module of it by calling it.")
    if isinstance(module, (list, tuple)) and any(isinstance(one, nn.Module) for one in module):
        raise NotYet(
            f"{shown} returns {described(module)}. `nn.Sequential(*layers)` makes one module of several."
        )
    if not isinstance(module, nn.Module):
        raise NotYet(
            f"{shown} returns {described(module)}; it has to be a module, such as an nn.Sequential."
        )
    layers = list(module.modules())
    if any(isinstance(layer, _POOLINGS) for layer in layers):
        raise NotYet(
            "There is a pooling in it. Leave it out: with stride=2 the convolution halves."
        )
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if not convolutions:
        raise NotYet(
            "There is no nn.Conv2d in it that PyTorch can find. Put it into an nn.Sequential, or make it in "
            "`__init__`, as an attribute of `self`."
        )
    if len(convolutions) > 1:
        raise NotYet(
            f"Yours has {len(convolutions)} convolutions; asked for is one, which does both: it moves by two "
            f"pixels, and makes out_channels of in_channels."
        )
    convolution = convolutions[0]
    if convolution.kernel_size != (3, 3):
        kernel = "×".join(map(str, convolution.kernel_size))
        raise NotYet(f"The kernel of your convolution is {kernel}. It has to be 3×3.")
    if convolution.stride != (2, 2):
        raise NotYet(
            f"Your convolution moves by {convolution.stride[0]} pixel{'s' * (convolution.stride[0] > 1)} down and "
            f"{convolution.stride[1]} to the right. It has to move by two: stride=2."
        )
    return convolution


def _judge_block(
    module: nn.Module, convolution: nn.Conv2d, images: Tensor, right: list[int], shown: str
) -> None:
    """Judge what a module with one 3×3 convolution that moves by two makes of images, some values of which are below
    0."""
    seen: list[tuple[Tensor, Tensor]] = []
    hook = convolution.register_forward_hook(
        lambda layer, given, output: seen.append(
            (given[0].detach().clone(), output.detach().clone())
        )
    )
    mode = module.training
    module.eval()
    device = convolution.weight.device
    try:
        output = called(
            module,
            images.to(device, copy=True),
            shown=f"{shown}, on torch.randn{tuple(images.shape)},",
            advice={
                "channels, but got": "The first number of nn.Conv2d is in_channels, the second out_channels. Hand both "
                "on as the function gets them."
            },
        )
    finally:
        hook.remove()
        module.train(mode)
    output = a_tensor(output, f"What the module of {shown} returns")
    if not seen:
        raise NotYet("Your convolution is never used: `forward` leaves it out.")
    given = f"With {shown}, {list(images.shape)} becomes {list(output.shape)}, and has to become {right}. "
    if list(output.shape) != right:
        height = images.shape[2]
        if output.shape[1:2] != (right[1],):
            raise NotYet(given + "The convolution's out_channels sets the number of channels.")
        if list(seen[0][1].shape) != list(output.shape):
            raise NotYet(
                given
                + "What comes after the convolution changes the size; only ReLU belongs there."
            )
        if seen[0][0].shape == images.shape and convolution.padding in ((0, 0), "valid"):
            raise NotYet(
                given
                + f"Without padding the kernel fits ({height} − 3) // 2 + 1 = {(height - 3) // 2 + 1} times. "
                f"With padding=1 it is ({height} + 2 − 3) // 2 + 1 = {height // 2}."
            )
        raise NotYet(
            given
            + f"The formula is (H + 2 × padding − 3) // 2 + 1. Which padding makes {height // 2} of {height}?"
        )
    before, after = seen[0]
    relu_before = before.min() >= 0
    if the_same(output, after.relu()):
        if relu_before:
            raise NotYet(
                "There is a ReLU before the convolution too, which loses all that comes in below 0. One after it is "
                "enough."
            )
        return
    if the_same(output, after):
        raise NotYet(
            "The ReLU comes before the convolution. It has to come after it: what your block gives is below 0 at many "
            "places."
            if relu_before
            else "The ReLU is missing: what your block gives is below 0 at many places. It comes after the convolution."
        )
    if output.min() < 0:
        raise NotYet(
            "What your block gives is below 0 at some places. Its last layer has to be ReLU."
        )
    raise NotYet(
        "The shape is right, but what your block gives is not the ReLU of what its convolution gives. Convolution, "
        "then ReLU, and no more."
    )


def _best(
    losses: Sequence[float], patience: int, tie_counts: bool = False, tie_is_kept: bool = False
) -> tuple[int, int]:
    """Return the epoch that is kept and the last epoch, both counted from 1."""
    kept, waited, lowest = 0, 0, float("inf")
    for epoch, loss in enumerate(losses, start=1):
        improved = loss < lowest
        waited = 0 if improved or (tie_counts and loss == lowest) else waited + 1
        if improved or (tie_is_kept and loss == lowest):
            kept, lowest = epoch, loss
        if waited >= patience:
            return kept, epoch
    return kept, len(losses)


def _never_reset(losses: Sequence[float], patience: int) -> int:
    worse = 0
    for epoch, loss in enumerate(losses):
        worse += epoch > 0 and loss >= min(losses[:epoch])
        if worse >= patience:
            return losses.index(min(losses[: epoch + 1])) + 1
    return losses.index(min(losses)) + 1


def _against_the_one_before(losses: Sequence[float], patience: int) -> int:
    waited = 0
    for epoch, loss in enumerate(losses):
        waited = waited + 1 if epoch and loss >= losses[epoch - 1] else 0
        if waited >= patience:
            return losses.index(min(losses[: epoch + 1])) + 1
    return losses.index(min(losses)) + 1


_TIE = "Yours takes a tie for an improvement. Only a loss below the lowest so far is a new lowest: `<`, not `<=`."

_STOP_MISTAKES: dict[str, Callable[[Sequence[float], int], int]] = {
    "": lambda losses, patience: _best(losses, patience)[0],
    "That is the epoch at which training stops. The network kept is that of the lowest loss, some epochs before.": (
        lambda losses, patience: _best(losses, patience)[1]
    ),
    "That is the lowest of the whole list. Training stops before it gets there: what comes after the stop is never "
    "seen.": lambda losses, patience: list(losses).index(min(losses)) + 1,
    "Yours is too patient by one: it stops once patience + 1 epochs brought nothing new. It is `>=`, not `>`.": (
        lambda losses, patience: _best(losses, patience + 1)[0]
    ),
    "Yours waits one epoch less than it should: it has to stop at the end of the last of `patience` epochs without a "
    "new lowest loss, not of the last but one.": lambda losses, patience: _best(
        losses, max(1, patience - 1)
    )[0],
    "Yours counts all epochs without a new lowest loss. Only those in a row count: at a new lowest begin again at 0.": (
        _never_reset
    ),
    "Yours compares each loss with that of the epoch before. An epoch counts as better only if its loss is below the "
    "lowest of all before it.": _against_the_one_before,
}
_TIES = (
    lambda losses, patience: _best(losses, patience, tie_counts=True, tie_is_kept=True)[0],
    lambda losses, patience: _best(losses, patience, tie_counts=True)[0],
    lambda losses, patience: _best(losses, patience, tie_is_kept=True)[0],
)


def _best_epoch(answer: object) -> str:
    best_epoch = a_function(answer, "best_epoch(validation_losses, patience)")
    cases = [
        ([0.9, 0.5, 0.6, 0.7, 0.4], 2),
        ([0.9, 0.6, 0.7, 0.5, 0.6, 0.55, 0.3], 2),
        ([0.9, 0.5, 0.6, 0.7, 0.8, 0.4], 2),
        ([0.8, 0.6, 0.7, 0.4, 0.9], 1),
        ([0.9, 0.8, 0.85, 0.7, 0.75, 0.6, 0.65], 2),
        ([0.7, 0.5, 0.6, 0.55, 0.4, 0.45, 0.5, 0.6, 0.3], 3),
        ([0.5, 0.5, 0.5, 0.2], 2),
        ([0.7, 0.4, 0.4, 0.6], 3),
        ([0.9, 0.7, 0.5], 3),
        ([0.3], 1),
    ]
    results, changed = [], False
    for losses, patience in cases:
        shown = f"best_epoch({losses}, {patience})"
        given = list(losses)
        result = called(
            lambda given=given, losses=losses, patience=patience, shown=shown: _something(
                best_epoch(given, patience), losses, patience, shown
            ),
            shown=shown,
        )
        if isinstance(result, float) and result in losses:
            raise NotYet(f"{shown} returns {result}, which is a loss. Asked for is its epoch.")
        results.append(whole_number(result, f"What {shown} returns"))
        changed |= given != losses
    rights = [_best(*case)[0] for case in cases]
    if results == rights:
        if changed:
            raise NotYet(
                "What you return is right, but your function also changes the list that it is given: whoever draws the "
                "losses afterwards finds others. Work on a copy, list(validation_losses)."
            )
        return (
            "Copy the parameters at each new lowest loss: at the stop it is too late. And since the epoch is chosen by "
            "its validation loss, that loss flatters it a little; the test set does not."
        )
    zero = "Count the epochs from 1; yours counts from 0."
    mistakes = [*_STOP_MISTAKES.items(), *((_TIE, tie) for tie in _TIES)]
    for off, counted in ((0, ""), (1, zero)):
        for message, wrong in mistakes:
            if (message or counted) and results == [wrong(*case) - off for case in cases]:
                raise NotYet(f"{message} {counted}".strip())
    for (losses, patience), result, right in zip(cases, results, rights, strict=True):
        if result != right:
            last = _best(losses, patience)[1]
            why = f"training stops after epoch {last}" if last < len(losses) else "nothing stops it"
            raise NotYet(
                f"best_epoch({losses}, {patience}) is {result} with yours, and should be {right}: {why}, and "
                f"{losses[right - 1]} in epoch {right} is the lowest loss up to then."
            )
    raise NotYet("The epochs are off.")


def _something(result: object, losses: Sequence[float], patience: int, shown: str) -> object:
    """Return a result, unless it is None where the losses end before the patience does."""
    if result is None and _best(losses, patience)[1] == len(losses):
        raise NotYet(
            f"{shown} returns None. There the losses come to their end before `patience` epochs in a row brought "
            f"nothing new: return the best epoch then too, after the loop."
        )
    return result


EXERCISES = {
    "6.1": Exercise(
        "count the numbers of the output, out_channels × height × width. Each is a sum of products: how many, with a "
        "square kernel that looks at all input channels?",
        _multiply_adds,
    ),
    "6.2": Exercise(
        "a Linear layer has a weight for each pair of an input and an output: 28 × 28 inputs, 16 × 28 × 28 outputs. "
        "A convolution has one kernel for each of the 16 maps, whatever the size of the picture. "
        "Your answer is a pair, (Linear, convolution).",
        _weights,
    ),
    "6.3": Exercise(
        "images.flatten(start_dim=1) makes 784 columns of the pixels. Which index puts columns into another order? "
        "`reshape` gives the shape back.",
        _permuted,
    ),
    "6.4": Exercise(
        "nn.Sequential of a Conv2d and a ReLU. The size becomes (H + 2 × padding − 3) // stride + 1: which stride and "
        "which padding make H / 2 of it?",
        _halving_block,
    ),
    "6.5": Exercise(
        "go through the losses with `enumerate(validation_losses, start=1)` and keep two things: the lowest loss so "
        "far, and its epoch. Leave the loop when the epoch is `patience` epochs after the best one; return the best "
        "after the loop.",
        _best_epoch,
    ),
}
