"""The exercises of lesson 02."""

from collections.abc import Callable
import contextlib
from dataclasses import dataclass
import dis

import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F

from ..plots import plot_images
from .engine import Code, Values, _random, refuse, same

EXERCISES = {}


def _wrong_shapes(code: str, right: list[int]) -> dict:
    given = f"The shape of {code} is not {{}}."
    return {
        f"{given} A number as index drops its axis.": lambda shape: len(shape) > len(right),
        f"{given} Only a number drops its axis.": lambda shape: len(shape) < len(right),
    }


_SHAPES = {
    "x[5]": [1, 28, 28],
    "x[5, 0]": [28, 28],
    "x[:, 0]": [64, 28, 28],
    "x[5:6]": [1, 1, 28, 28],
}

EXERCISES["2.1"] = Values(
    hint="take the axes of [64, 1, 28, 28] one by one: a number drops its axis, a colon or a slice "
    "keeps it.",
    praise="Each number took its axis away, the colon and the slice kept theirs.",
    right=_SHAPES,
    mistakes=[_wrong_shapes(code, shape) for code, shape in _SHAPES.items()],
)


def _batch_of_one(photo: Tensor) -> Tensor:
    return photo.permute(2, 0, 1).unsqueeze(0)


EXERCISES["2.2"] = Code(
    call="to_batch(photo)",
    hint="two steps: bring the axes into the order C, H, W, taking the pixels along; then add the "
    "axis N in front.",
    praise="`permute` carried the pixels along with their axes, and `unsqueeze` made a batch of "
    "one.",
    cases=[(_random(4, 6, 3),), (_random(5, 5, 3),), (_random(2, 7, 3),)],
    right=_batch_of_one,
    mistakes={
        "You divided by 255; the numbers are to stay.": lambda photo: _batch_of_one(photo) / 255,
        "The shape is right, the picture is scrambled: `reshape` counts the numbers off anew. Use "
        "`permute`.": lambda photo: photo.reshape(1, 3, *photo.shape[:2]),
        "H and W are swapped. The order you want is C, H, W.": lambda x: _batch_of_one(x).mT,
        "The batch axis is missing. `unsqueeze(0)` adds it in front.": lambda x: x.permute(2, 0, 1),
        "You added the batch axis, but the channels still come last.": lambda x: x.unsqueeze(0),
    },
    advice={"invalid for input": "Photographs differ in height and width. And take `permute`."},
)

EXERCISES["2.3"] = Values(
    hint="put the numbers into the formula of section 8. For the second question the output has "
    "to be 28 again.",
    praise="At stride 1 an odd kernel keeps the size with a padding of (kernel size − 1) / 2: 1 "
    "for 3, 2 for 5.",
    right={"output size": 14, "padding": 3},
    mistakes=[
        {
            "You added the padding once. It is on both sides: 2 · padding.": 12,
            "You left the padding out: it adds 4 pixels on each side.": 10,
            "Nearly: the formula ends with + 1, for the first stop.": 13,
            "You rounded up. A half step does not count: drop the fraction, then add 1.": 15,
            "That is with stride 1. The window moves by 2 here.": 28,
        },
        {"The picture loses 6 pixels in all; the padding is on both sides, half on each.": 6},
    ],
)

_IDENTITY = F.one_hot(torch.tensor(4), 9).reshape(3, 3).float()
_BLUR = torch.full((3, 3), 1 / 9)

EXERCISES["2.4"] = Values(
    hint="at each place each pixel counts as much as its number in the kernel. How much should it?",
    praise="Each sums to 1, but for rounding, so neither makes the picture brighter or darker. So "
    "does 2 · identity − blur, to sharpen.",
    right={"identity": _IDENTITY, "blur": _BLUR},
    tolerance=5e-5,
    tidy=lambda x: torch.as_tensor(x).float() if isinstance(x, (Tensor, np.ndarray)) else x,
    mistakes=[
        {
            "`torch.eye` is 1 along a diagonal. You want the middle one only.": torch.eye(3),
            "All ones add up nine pixels. You want the middle one only.": torch.ones(3, 3),
        },
        {
            "Your blur adds nine pixels up. The mean needs a division.": torch.ones(3, 3),
            "All are 0: as a whole number 1/9 is cut off to 0.": torch.zeros(3, 3),
            "You left the pixel itself out: it is one of the nine.": (1 - _IDENTITY) / 8,
            "It is nearly right, but rounded. Let Python divide, `1 / 9`.": lambda blur: same(
                blur, _BLUR, 0.01
            ),
        },
    ],
)


def _conv2d(image: Tensor, kernel: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(image[None], kernel[None, None], None, stride, padding)[0]


EXERCISES["2.5"] = Code(
    call="convolve_by_hand(image, kernel, stride, padding)",
    hint="start from `convolve`, and pad first. The window of output pixel [row, column] starts at "
    "row · stride, column · stride; the output's size follows the formula.",
    praise="It agrees with F.conv2d on five settings. You have written the heart of a "
    "convolutional network.",
    cases=[
        # Numbers on both sides of 0; kernels higher than wide, and wider than high.
        (_random(*size) - 0.5, _random(*kernel) - 0.5, stride, padding)
        for size, kernel, stride, padding in [
            ((5, 6), (3, 3), 1, 0),
            ((6, 5), (3, 3), 2, 1),
            ((7, 9), (2, 2), 3, 0),
            ((4, 8), (2, 4), 1, 2),
            ((9, 7), (5, 3), 2, 2),
        ]
    ],
    right=_conv2d,
    mistakes={
        "Stride and padding make no difference yet.": lambda x, kernel, *_: _conv2d(x, kernel),
        "The padding makes no difference yet: `F.pad(image, (padding,) * 4)` adds the "
        "zeros.": lambda x, kernel, stride, _: _conv2d(x, kernel, stride),
        "The stride makes no difference yet.": lambda x, k, _, padding: _conv2d(x, k, 1, padding),
        "You flipped the kernel. Use it as it is.": lambda x, k, *s: _conv2d(x, k.flip(0, 1), *s),
        "Only the first row is filled: does `return` stand inside the outer loop?": (
            lambda *case: F.pad(_conv2d(*case)[:1], (0, 0, 0, len(_conv2d(*case)) - 1))
        ),
    },
    tidy=lambda x: x.view(x.shape[-2:]) if isinstance(x, Tensor) and {*x.shape[:-2]} <= {1} else x,
    advice={
        "zeros()": "A size has to be a whole number: divide with `//`.",
        "must match": "A window is cut off. Is the size that of the formula? Each axis has a "
        "length of its own.",
    },
)


_READY_MADE = ("view", "reshape", "outer", "one_hot", "flip", "fliplr", "roll", "cdist")


@dataclass(frozen=True, kw_only=True)
class _Puzzle(Code):
    """Asks for a function of one expression, after Sasha Rush's Tensor Puzzles (2022)."""

    clue: str = "Compare the two pictures."
    tidy: Callable = lambda result: result.float() if isinstance(result, Tensor) else result

    def judge(self, answer: object) -> str:
        steps = [*dis.get_instructions(answer)] if hasattr(answer, "__code__") else []
        used = [step.argval for step in steps] or [getattr(answer, "__name__", "")]
        refuse({f"The rule: not `{name}`.": name in used for name in _READY_MADE})
        more = any(step.opname.startswith(("STORE_", "MAKE_FUNCTION")) for step in steps)
        refuse({"The rule: one expression after `return`, no loop and no other line.": more})
        return super().judge(answer)

    def draw(self, answer: object) -> None:
        """Show what is wanted beside what the answer makes, of the first case that differs."""
        with contextlib.suppress(Exception):  # which `judge` has told
            pairs = [(self.right(*x), torch.as_tensor(answer(*x)).float()) for x in self.cases]
            wanted, yours = next((pair for pair in pairs if not same(*pair)), pairs[0])
            if yours.ndim <= 2:
                pair = [wanted, torch.atleast_2d(yours)]
                plot_images(pair, ["wanted", "yours"], signed=True).show()


_FLAG = torch.tensor([[1.0, 2, 2, 2], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]])
PUZZLES = {
    "2.A": _Puzzle(
        call="table(rows, columns)",
        cases=[(torch.arange(-2, 4.0), torch.arange(1, 9.0)), (torch.ones(2), torch.ones(1))],
        right=lambda rows, columns: rows[:, None] * columns,
        hint="`rows` as a column, [n, 1], times `columns`, [m], is [n, m].",
        praise="[n, 1] times [m] is [n, m]: each with each, without a loop.",
    ),
    "2.B": _Puzzle(
        call="one_hot(labels)",
        cases=[(torch.tensor([5, 0, 4, 1, 9, 2]),), (torch.tensor([3, 1]),)],
        right=lambda labels: (labels[:, None] == torch.arange(10)).float(),
        hint="compare a column of labels, [n, 1], with the numbers 0 to 9, [10].",
        praise="A comparison broadcasts too. Such rows are called *one-hot*.",
    ),
    "2.C": _Puzzle(
        call="mirror(image)",
        cases=[(_FLAG,), (_FLAG[:, :3],)],
        right=lambda image: image[:, -1 - torch.arange(image.shape[1])],
        hint="an index may be a tensor. Which one picks the columns −1, −2, −3, and so on?",
        praise="An index may be a tensor: it says which columns, and in which order.",
    ),
    "2.D": _Puzzle(
        call="shift(image, steps)",
        cases=[(_FLAG, 1), (_FLAG[:, :3], 2), (_FLAG, 9), (_FLAG, -1)],
        right=lambda x, steps: x[:, (torch.arange(x.shape[1]) - steps) % x.shape[1]],
        hint="to column j comes column j − steps. `%` by the width brings that back to 0, 1, 2, …",
        praise="`%` closes each row to a ring, as `torch.roll` does.",
    ),
    "2.E": _Puzzle(
        call="distances(points, others)",
        cases=[(_FLAG[:, :2], _FLAG[:3, 1:3]), (_FLAG[:1, :2], _FLAG[:, :2])],
        right=lambda points, others: ((points[:, None] - others) ** 2).sum(-1),
        hint="[n, 1, 2] − [m, 2] is [n, m, 2]. Square that, and sum over the last axis.",
        praise="Each with each again. So a program finds the digits that are nearest to a digit.",
    ),
}
