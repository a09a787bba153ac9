"""The exercises of lesson 09."""

from collections.abc import Callable

import torch
from torch import Tensor
import torch.nn.functional as F

from .engine import Code, Values, _random

EXERCISES = {}

EXERCISES["9.1"] = Values(
    right={"gradient of a": 8.0, "gradient of b": 4.0, "gradient of c": 2.0},
    hint="write the numbers into the graph: 6, 2, 2 and 4. Then go back from 1: × hands on the "
    "gradient times the other factor, + and an open ReLU hand it on as it is.",
    praise="a is used twice, so two gradients arrive: 2 from the last × and 6 from the first.",
    mistakes=[
        {
            "That comes by the last × alone. Add what comes by a × b.": 2,
            "That comes by a × b alone. The last × uses a, too.": 6,
            "The gradient that arrives at a × b is 2, not 1.": 5,
        },
        {
            "The gradient that arrives at a × b is 2, not 1.": 2,
            "The other factor of b is a.": 6,
        },
        {
            "The last × hands a to ReLU, and that comes through to c.": 1,
            "c is below 0, but ReLU looks at the sum, which is 2.": 0,
        },
    ],
)


def _whole(*shape: int) -> Tensor:
    """Return whole numbers from -4 to 4 but for 0."""
    numbers = _random(*shape) - 0.5
    return (8 * numbers).trunc() + numbers.sign()


def _leaky(of_negative: Callable) -> Callable:
    """Return a backward that multiplies the gradient by something where the input is below 0."""
    return lambda x, grad, slope: torch.where(x > 0, grad, grad * of_negative(slope))


EXERCISES["9.2"] = Code(
    call="leaky_relu_backward(x, grad, slope)",
    hint="where x is above 0 the output changes as x does, elsewhere `slope` times as much. "
    "torch.where(condition, a, b) takes from `a` where that holds, else from `b`.",
    praise="Some gradient gets through even below 0, and so such a unit cannot die.",
    cases=[(_whole(3, 4), _whole(4, 3).T, 0.25), (_whole(2, 3, 5), _whole(2, 5, 3).mT, 0.5)],
    right=_leaky(lambda slope: slope),
    mistakes={
        "That is ReLU's. Below 0 multiply by slope.": _leaky(lambda slope: 0),
        "Below 0 it comes through as it is. Multiply by slope.": _leaky(lambda slope: 1),
        "Ask where x is above 0, not grad.": lambda x, grad, slope: F.leaky_relu(grad, slope),
        "Multiply by the gradient.": lambda x, grad, slope: torch.where(x > 0, 1.0, slope),
        "That is the way forward.": lambda x, grad, slope: F.leaky_relu(x, slope),
        "The two sides are exchanged.": lambda x, grad, s: torch.where(x > 0, s * grad, grad),
    },
)


def _mended(early: bool = False, open_relu: bool = False, axes: int = 0) -> Callable:
    """Return a backward in which, `early`, x gets its gradient before that went through ReLU."""

    def back(x, weight, output, grad):
        through = grad if open_relu else grad * (output > 0)
        return (grad if early else through) @ weight, through.T @ x, through.sum(dim=axes)

    return back


def _layer(samples: int, inputs: int, outputs: int) -> tuple:
    x, weight = _whole(samples, inputs), _whole(outputs, inputs)
    return x, weight, (x @ weight.T).clamp(min=0), _whole(samples, outputs)


EXERCISES["9.3"] = Code(
    call="mended(x, weight, output, grad)",
    hint="ReLU came last, so on the way back it is first. And the bias is added to each row of the "
    "batch: over which axis is its gradient added?",
    praise="With such faults a network may learn all the same, only worse. A nudge finds them.",
    cases=[_layer(*sizes) for sizes in ((3, 4, 2), (5, 2, 3), (4, 4, 4))],
    right=_mended(),
    mistakes={
        "The gradient of x, too, comes through ReLU first.": _mended(early=True),
        "The bias is added to each row, so sum over the rows.": _mended(axes=1),
        "Both faults are still in it.": _mended(early=True, axes=1),
        "ReLU is missing on the way back: grad * (output > 0).": _mended(open_relu=True),
        "The order is x, weight, bias.": lambda *case: _mended()(*case)[::-1],
    },
    advice={"must match": "`x > 0` has the shape of x. What came out of ReLU is `output`."},
)


def _in_windows(grad: Tensor, size: int, pixels: int | None = None) -> Tensor:
    """Repeat each number in a window of size × size, or in the first `pixels` of it."""
    window = torch.arange(size**2) < (pixels or size**2)
    return torch.kron(grad, window.reshape(size, size).float())


EXERCISES["9.4"] = Code(
    call="average_pool_backward(grad, size)",
    hint="if one of size × size pixels rises, by what share of it does their mean rise?",
    praise="Max pooling hands all to one of the four, average pooling a quarter to each.",
    cases=[(_whole(1, 1, 2, 2), 2), (_whole(2, 3, 2, 4), 3), (_whole(1, 2, 3, 1), 4)],
    right=lambda grad, size: _in_windows(grad, size) / size**2,
    mistakes={
        "Divide by the number of pixels.": _in_windows,
        "A window has size × size pixels, not `size`.": lambda g, size: _in_windows(g, size) / size,
        "`repeat` tiles. Take `repeat_interleave`.": lambda g, n: g.repeat(1, 1, n, n) / n**2,
        "Repeat the columns too, with dim=3.": lambda g, n: g.repeat_interleave(n, dim=2) / n**2,
        "Without `dim` all become one row.": lambda g, n: g.repeat_interleave(n**2) / n**2,
        "Each gets a share, not the first alone.": lambda g, n: _in_windows(g, n, 1) / n**2,
    },
)


def _rows(formula: Callable) -> Callable:
    """`formula` takes the probabilities, the gradient, and the gradient's sum of each row."""
    return lambda z, grad: formula(z.softmax(dim=1), grad, grad.sum(dim=1, keepdim=True))


EXERCISES["9.5"] = Code(
    call="log_softmax_backward(logits, grad)",
    hint="logit j is in output j with slope 1, and in every output of its row with slope −p_j. So "
    "its gradient is grad_j, minus p_j times the sum of the row's `grad`.",
    praise="With −1 / N at the right labels for `grad` it is section 4's, (p − one-hot) / N.",
    cases=[(_whole(n, k) / 2, _whole(k, n).T + 0.25) for n, k in ((1, 3), (4, 3), (5, 10))],
    right=_rows(lambda p, grad, sums: grad - p * sums),
    mistakes={
        "Sum over the classes of each digit, dim=1.": _rows(lambda p, g, _: g - p * g.sum(dim=0)),
        "Each row has a sum of its own: dim=1.": _rows(lambda p, grad, _: grad - p * grad.sum()),
        "What comes from −ln Σ eᶻ is subtracted.": _rows(lambda p, grad, sums: grad + p * sums),
        "A logit is in all outputs: sum over the row.": _rows(lambda p, grad, _: grad - p * grad),
        "Multiply p by the sum of the row's `grad`.": _rows(lambda p, grad, _: grad - p),
        "That is softmax's. Here a logarithm follows.": (
            _rows(lambda p, grad, _: p * (grad - (grad * p).sum(dim=1, keepdim=True)))
        ),
    },
    advice={"must match": "Keep the axis of the sum: keepdim=True."},
)
