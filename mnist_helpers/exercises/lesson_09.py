"""The exercises of lesson 09: gradients with a pencil, and the way back through four layers."""

from collections.abc import Callable

import torch
from torch import Tensor
import torch.nn.functional as F

from .engine import Code, Values

EXERCISES = {}

EXERCISES["9.1"] = Values(
    right={"gradient of a": 8, "gradient of b": 4, "gradient of c": 2},
    hint="write the numbers into the graph first: a × b is 6, the sum is 2, ReLU leaves 2, times a "
    "is 4. Then go back from 1. Each × hands on the gradient times the other factor, + hands it on "
    "as it is, ReLU too where its input is above 0. Where a value has two arrows, add.",
    praise="a is used twice, so two gradients arrive: 2 from the last × and 6 from the first.",
    mistakes=[
        {
            "That is what comes by the last × alone. a is used in a × b, too: add what comes "
            "there.": 2,
            "That is what comes by a × b alone. The last × uses a, too: add what comes there.": 6,
            "Going back through a × b you multiply by b, 3, and by the gradient of the product, "
            "which is not 1.": 5,
            "You multiplied the two ways. They are added.": 12,
            "At the first × the other factor of a is b, 3.": 6 - 2,
            "{} is not the sum of the two ways, 2 by the last × and 2 · 3 by the first.": ...,
        },
        {
            "The gradient that arrives at a × b is 2, not 1: the last × hands on a.": 2,
            "That is the gradient with b for the other factor. It is a, 2.": 6,
            "{} is not the gradient of the product, 2, times a, 2.": ...,
        },
        {
            "The last × multiplies by its other factor, a: the sum gets 2, and hands it to c.": 1,
            "c is below 0, but ReLU looks at the sum, which is 2.": 0,
            "{} is not the gradient of the sum, which + hands on as it is.": ...,
        },
    ],
)


def _whole(*shape: int) -> Tensor:
    """Return whole numbers from -4 to 4, none of them 0, the same for each shape."""
    generator = torch.Generator().manual_seed(sum(shape))
    signs = torch.randint(2, shape, generator=generator) * 2 - 1
    return (signs * torch.randint(1, 5, shape, generator=generator)).float()


def _leaky(of_negative: Callable[[float], float]) -> Callable:
    """Return a backward that multiplies the gradient by something where the input is below 0."""
    return lambda x, grad, slope: torch.where(x > 0, grad, grad * of_negative(slope))


EXERCISES["9.2"] = Code(
    call="leaky_relu_backward(x, grad, slope)",
    hint="where x is above 0 the output changes as x does, elsewhere by `slope` times as much. "
    "torch.where(condition, a, b) takes from `a` where the condition holds, and else from `b`.",
    praise="Some gradient gets through even below 0, and so such a unit cannot die.",
    cases=[(_whole(3, 4), _whole(4, 3).T, 0.25), (_whole(2, 3, 5), _whole(2, 3, 5) + 2, 0.5)],
    right=_leaky(lambda slope: slope),
    mistakes={
        "That is the backward of ReLU: below 0 it is 0. Here it is slope times the gradient.": (
            _leaky(lambda slope: 0.0)
        ),
        "Below 0 you return the gradient as it is. Multiply it by slope there.": (
            _leaky(lambda slope: 1.0)
        ),
        "Below 0 you divide by slope. Multiply.": _leaky(lambda slope: 1 / slope),
        "Below 0 the sign is turned. The slope there is above 0.": _leaky(lambda slope: -slope),
        "You ask where the gradient is above 0. Ask where x is.": (
            lambda x, grad, slope: torch.where(grad > 0, grad, grad * slope)
        ),
        "Above and below 0 are exchanged.": (
            lambda x, grad, slope: torch.where(x > 0, grad * slope, grad)
        ),
        "Those are the slopes alone. Multiply by the gradient that arrives.": (
            lambda x, grad, slope: torch.where(x > 0, 1.0, slope)
        ),
        "That is the way forward. On the way back the gradient is multiplied, and not x.": (
            lambda x, grad, slope: F.leaky_relu(x, slope)
        ),
        "You multiply by the output. The slope is 1 above 0, and `slope` below.": (
            lambda x, grad, slope: grad * F.leaky_relu(x, slope)
        ),
    },
)


def _mended(before: bool = False, masked: bool = True, summed: int | None = 0) -> Callable:
    """Return the backward of a linear layer with ReLU: `before`, x gets what arrives at ReLU."""

    def back(x: Tensor, weight: Tensor, output: Tensor, grad: Tensor) -> tuple:
        through = grad * (output > 0) if masked else grad
        bias = through.sum() if summed is None else through.sum(dim=summed)
        return (grad if before else through) @ weight, through.T @ x, bias

    return back


def _through_linear_and_relu(samples: int, inputs: int, outputs: int) -> tuple:
    x, weight = _whole(samples, inputs), _whole(outputs, inputs)
    return x, weight, (x @ weight.T).clamp(min=0), _whole(samples, outputs)


EXERCISES["9.3"] = Code(
    call="mended(x, weight, output, grad)",
    hint="go back in the order in which it went forward, from its end: ReLU came last, so it is "
    "first. And the bias is added to each row of the batch: over which axis is its gradient added?",
    praise="The first fault raises no error, and the network learns all the same, only worse. A "
    "nudge finds it.",
    cases=[_through_linear_and_relu(*sizes) for sizes in ((3, 4, 2), (5, 2, 3), (4, 4, 4))],
    right=_mended(),
    mistakes={
        "The gradients of the weight and of the bias are right. That of x has to go through ReLU "
        "first, as well.": _mended(before=True),
        "One fault is found: all three go through ReLU. The bias is added to each row, so its "
        "gradient is the sum over the rows, dim=0.": _mended(summed=1),
        "That is the function as it stood. Its two faults: something is used before it went "
        "through ReLU, and a sum runs over the wrong axis.": _mended(before=True, summed=1),
        "ReLU is missing on the way back: grad * (output > 0).": _mended(masked=False),
        "The bias has one number for each output: sum over dim=0 alone.": _mended(summed=None),
        "The order is x, weight, bias.": lambda *case: _mended()(*case)[::-1],
        "The gradient of the weight has its shape, [outputs, inputs]: turn yours.": (
            lambda *case: (_mended()(*case)[0], _mended()(*case)[1].T, _mended()(*case)[2])
        ),
    },
    advice={"must match": "`x > 0` has the shape of x. ReLU's input lies beside its output."},
)


def _spread(change: Callable[[Tensor, int], Tensor]) -> Callable:
    """Return a backward that changes a gradient spread over windows of size × size."""

    def back(grad: Tensor, size: int) -> Tensor:
        wide = grad.repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)
        return change(wide, size)

    return back


def _corner(wide: Tensor, size: int) -> Tensor:
    alone = torch.zeros_like(wide)
    alone[..., ::size, ::size] = wide[..., ::size, ::size]
    return alone


EXERCISES["9.4"] = Code(
    call="average_pool_backward(grad, size)",
    hint="forwards the mean of size × size pixels is taken. Raise one of them by a little: by how "
    "much does the mean change? `repeat_interleave(size, dim=2)` repeats each row `size` times.",
    praise="Max pooling hands all to one of the four, average pooling a quarter to each.",
    cases=[(_whole(1, 1, 2, 2), 2), (_whole(2, 3, 2, 4), 3), (_whole(1, 2, 3, 1), 4)],
    right=_spread(lambda wide, size: wide / size**2),
    mistakes={
        "Each pixel is one of size × size that make the mean: divide by their number.": (
            _spread(lambda wide, size: wide)
        ),
        "A window has size × size pixels. You divided by size alone.": (
            _spread(lambda wide, size: wide / size)
        ),
        "You multiplied. Divide by the number of pixels in a window.": (
            _spread(lambda wide, size: wide * size**2)
        ),
        "`repeat` sets the whole gradient side by side. Each number has to be repeated by itself: "
        "`repeat_interleave`.": lambda grad, size: grad.repeat(1, 1, size, size) / size**2,
        "You gave it all to the top left pixel of each window. All of them share it.": (
            _spread(_corner)
        ),
        "You gave a share to the top left pixel of each window alone.": (
            _spread(lambda wide, size: _corner(wide, size) / size**2)
        ),
        "The gradient is divided over all windows. Each window has one of its own.": (
            _spread(lambda wide, size: wide / wide.shape[2] / wide.shape[3])
        ),
    },
    clue="Its height and width are `size` times those of `grad`.",
)


def _log_softmax(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    return lambda logits, grad: formula(logits.softmax(dim=1), grad)


EXERCISES["9.5"] = Code(
    call="log_softmax_backward(logits, grad)",
    hint="output k is z_k − ln Σ e^z. Its own logit takes part twice, every other once: so the "
    "gradient of logit j is grad_j, minus p_j times the sum of all of the row's `grad`.",
    praise="Put −1/N at the right labels into `grad`, and what comes out is section 4's: "
    "probabilities minus one-hot, divided by N.",
    cases=[(_whole(n, k) / 2, _whole(k, n).T + 0.25) for n, k in ((1, 3), (4, 3), (5, 10))],
    right=_log_softmax(lambda p, grad: grad - p * grad.sum(dim=1, keepdim=True)),
    mistakes={
        "The sum runs over the classes of each digit, dim=1, and not over the batch.": (
            _log_softmax(lambda p, grad: grad - p * grad.sum(dim=0, keepdim=True))
        ),
        "You take the sum of the whole batch. Each digit has its own: sum(dim=1, keepdim=True).": (
            _log_softmax(lambda p, grad: grad - p * grad.sum())
        ),
        "The second part comes from −ln Σ e^z: it is subtracted.": (
            _log_softmax(lambda p, grad: grad + p * grad.sum(dim=1, keepdim=True))
        ),
        "Each logit takes part in all outputs of its row, by the sum. Take the row's sum of grad.": (
            _log_softmax(lambda p, grad: grad - p * grad)
        ),
        "That is the backward of softmax. The logarithm came after it.": (
            _log_softmax(lambda p, grad: p * (grad - (grad * p).sum(dim=1, keepdim=True)))
        ),
        "The first part is missing: each output has its own logit in it, too.": (
            _log_softmax(lambda p, grad: -p * grad.sum(dim=1, keepdim=True))
        ),
        "Yours is right where grad sums to 1. Multiply p by the sum of the row's grad.": (
            _log_softmax(lambda p, grad: grad - p)
        ),
        "Take the sum over the row, not the mean.": (
            _log_softmax(lambda p, grad: grad - p * grad.mean(dim=1, keepdim=True))
        ),
        "p are the probabilities, softmax(dim=1), and not their logarithms.": (
            _log_softmax(lambda p, grad: grad - p.log() * grad.sum(dim=1, keepdim=True))
        ),
    },
    advice={"must match": "The sum needs its axis to be divided over a row: keepdim=True."},
)
