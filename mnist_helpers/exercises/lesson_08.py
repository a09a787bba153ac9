"""The exercises of lesson 08."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..insights import confident_mistakes, confusion_matrix
from .engine import Code, _random

EXERCISES = {}


_LABELS = torch.arange(300) % 10
_ANSWERS = torch.where(_random(300) < 0.5, (10 * _random(301)[:300]).long(), _LABELS)


def _counts(change: Callable) -> Callable:
    return lambda labels, predictions: change(confusion_matrix(labels, predictions))


EXERCISES["8.1"] = Code(
    call="my_confusion_matrix(labels, predictions)",
    hint="go through zip(labels, predictions); or give each of the 100 pairs a number, 10 * label "
    "+ prediction, and count those with `bincount(minlength=100)`.",
    praise="A row sums to how many digits have the label, a column to how often the network says "
    "that digit.",
    cases=[(_LABELS, _ANSWERS), (torch.tensor([3, 3, 5, 3, 0]), torch.tensor([5, 3, 8, 5, 0]))],
    right=confusion_matrix,
    mistakes={
        "The row is the label, the column what the network says.": _counts(lambda matrix: matrix.T),
        "`m[labels, predictions] += 1` counts each pair once.": _counts(lambda x: x.clamp(max=1)),
        "`m[labels][predictions]` is a copy. Index once, `m[i, j]`.": _counts(torch.zeros_like),
        "Right answers go on the diagonal.": _counts(lambda matrix: matrix - matrix.diag().diag()),
        "The mistakes belong beside the diagonal.": _counts(lambda matrix: matrix.diag().diag()),
        "Give counts, not shares.": _counts(lambda matrix: matrix / matrix.sum()),
    },
    advice={"invalid for input": "`bincount` ends at the largest; with minlength=100 at 99."},
)


def _misread(digits: int, mistakes: int) -> tuple[Tensor, Tensor]:
    """Return probabilities and labels of some digits, the last of which are misread."""
    probabilities = (9 * _random(digits, 10)).softmax(dim=1)
    labels = probabilities.argmax(dim=1)
    labels[digits - mistakes :] += (1 + 9 * _random(mistakes)).long()
    return probabilities, labels % 10


def _wrong(probabilities: Tensor, labels: Tensor) -> Tensor:
    return (probabilities.argmax(dim=1) != labels).nonzero().flatten()


def _surest(probabilities: Tensor) -> Tensor:
    return probabilities.amax(dim=1).argsort(descending=True)


EXERCISES["8.2"] = Code(
    call="most_confident_mistakes(probabilities, labels, count)",
    hint="probabilities.max(dim=1) gives confidence and answer of each digit. Find the mistakes "
    "with `nonzero().flatten()`, and sort them by confidence. A slice may reach beyond the end.",
    praise="Look at them: some are labelled wrongly or could be either digit, others you read at "
    "once.",
    cases=[(*_misread(40, 20), 5), (*_misread(30, 12), 3), (*_misread(50, 30), 8)],
    later={
        "Right where there are `count` mistakes. Where there are fewer, give them and no more.": (
            [(*_misread(8, 2), 4), (*_misread(5, 2), 9), (*_misread(6, 0), 3)]
        )
    },
    right=confident_mistakes,
    mistakes={
        "Yours holds digits that are read rightly too.": lambda p, _, count: _surest(p)[:count],
        "The surest comes first.": lambda p, y, n: confident_mistakes(p, y, 99).flip(0)[:n],
        "Index the mistakes with these places.": lambda p, y, n: _surest(p[_wrong(p, y)])[:n],
        "Sort by the probability of the answer, not of the label.": (
            lambda p, y, n: torch.tensor(sorted(_wrong(p, y), key=lambda i: p[i, y[i]]))[:n]
        ),
        "Sort the mistakes by confidence.": lambda p, labels, count: _wrong(p, labels)[:count],
        "Give `count` of them at most.": lambda p, y, count: confident_mistakes(p, y, len(p)),
    },
    advice={"out of range": "`topk` fails where there are fewer: take min(count, len(wrong))."},
)


def _occluded(images: Tensor, row: int, column: int, size: int) -> Tensor:
    covered = images.clone()
    rows, columns = (slice(max(first, 0), max(first + size, 0)) for first in (row, column))
    covered[:, :, rows, columns] = 0
    return covered


def _squares(*squares: tuple[int, int, int]) -> list:
    """Return cases of grey pixels: black and white ones come from the learner's function."""
    return [(0.1 + 0.8 * _random(2, 1, 9, 12), *square) for square in squares]


EXERCISES["8.3"] = Code(
    call="occluded(images, row, column, size)",
    hint="a slice that ends beyond the edge stops at the edge, but one that begins at -2 begins at "
    "the last row but one. What does max(row, 0) do?",
    praise="Move the square, and note how far the probability of the label falls: that map shows "
    "which strokes the answer hangs on.",
    cases=_squares((2, 4, 3), (1, 3, 2), (3, 1, 4), (4, 2, 2)),
    later={
        "Right inside the picture. At the bottom and on the right the edge cuts a square off.": (
            _squares((6, 1, 7), (1, 6, 7), (7, 5, 6))
        ),
        "Right but at the top and on the left. A negative index counts from the end.": (
            _squares((-2, 3, 4), (3, -1, 3), (-3, -2, 5), (0, -2, 4))
        ),
    },
    right=_occluded,
    mistakes={
        "Rows and columns are exchanged.": lambda x, row, column, n: _occluded(x, column, row, n),
        "Too large by 1: [i : i + size] is enough.": lambda x, i, j, n: _occluded(x, i, j, n + 1),
        "[row, column] is the corner.": lambda x, i, j, n: _occluded(x, i - n // 2, j - n // 2, n),
        "Your square is white.": lambda x, *square: x.masked_fill(_occluded(x, *square) == 0, 1),
        "Nothing is covered.": lambda images, *_: images,
    },
    advice={"out of bounds": "Go from max(row, 0) to min(row + size, H); columns likewise."},
)


def _center_of(formula: Callable) -> Callable:
    """`formula` takes the pixels and their row, or column, numbers."""
    return lambda image: (
        formula(image[0], torch.arange(image.shape[1])[:, None]).item(),
        formula(image[0], torch.arange(image.shape[2])).item(),
    )


_center_of_mass = _center_of(lambda pixels, places: (pixels * places).sum() / pixels.sum())

EXERCISES["8.4"] = Code(
    call="center_of_mass(image)",
    hint="divide the sum of value × weight by the sum of the weights: the pixels are the weights, "
    "the row numbers, torch.arange(H)[:, None], the values.",
    praise="MNIST's makers moved every digit until this point lay in the middle. One of your own "
    "has to be moved there, too.",
    cases=[((_random(1, *size) - 0.5).clamp(min=0),) for size in ((6, 9), (28, 28), (7, 5))],
    right=_center_of_mass,
    mistakes={
        "The row comes first, which counts along H.": lambda image: _center_of_mass(image)[::-1],
        "Divide by the pixels' sum, not their number.": _center_of(lambda x, n: (x * n).mean()),
        "Divide by image.sum().": _center_of(lambda pixels, places: (pixels * places).sum()),
        "Weigh each pixel by its value.": lambda image: _center_of_mass((image > 0).float()),
        "Do not round: keep the fraction.": lambda image: tuple(map(round, _center_of_mass(image))),
    },
    advice={
        "must match": "Rows lie along their own axis: torch.arange(H)[:, None].",
        "too many": "The image has three axes: image[0] has two.",
    },
)


# In parts 1 to 6 of 7, away from the borders; right with a chance of 0.3 and of 0.9 in turn.
_PART = 1 + torch.arange(70) % 6
_CONFIDENCES = (_PART + 0.1 + 0.8 * _random(7, 10).flatten()) / 7
_CORRECT = _random(70) < torch.where(_PART % 2 == 0, 0.9, 0.3)


def _of_parts(formula: Callable) -> Callable:
    """`formula` takes the filled parts' shares of the digits, and accuracy − confidence in each."""

    def error(confidences, correct, bins):
        numbers = (confidences * bins).ceil()
        parts = [numbers == number for number in numbers.unique()]
        shares = torch.stack([part.double().mean() for part in parts])
        gaps = torch.stack([(correct.double() - confidences)[part].mean() for part in parts])
        return formula(shares, gaps).item()

    return error


_calibration_error = _of_parts(lambda shares, gaps: (shares * gaps.abs()).sum())

EXERCISES["8.5"] = Code(
    call="calibration_error(confidences, correct, bins)",
    hint="go through the parts, from part / bins to (part + 1) / bins, and find the digits inside "
    "with two comparisons and `&`. What has to happen when there are none?",
    praise="0 means: of the digits read with a confidence of 90 %, nine in ten are right, and so "
    "in every part.",
    cases=[
        (torch.tensor([0.95, 0.3, 0.6, 0.7]), torch.tensor([True, True, False, True]), 2),
        (_CONFIDENCES, _CORRECT, 7),
    ],
    later={
        "Right so far, but a confidence of exactly 1 belongs to the last part.": [
            (torch.tensor([1.0, 1.0, 0.9, 0.6]), torch.tensor([True, False, True, True]), 4)
        ],
        "Right but on a border, which belongs to the part below it: `>` there, and `<=`.": [
            (torch.tensor([0.5, 0.6, 0.9, 0.3]), torch.tensor([True, False, True, False]), 2)
        ],
    },
    right=_calibration_error,
    mistakes={
        "Weigh each part by its share.": _of_parts(lambda shares, gaps: gaps.abs().mean()),
        "Weigh the differences that you add up.": _of_parts(lambda shares, gaps: gaps.abs().sum()),
        "Differences cancel: abs() in each part.": _of_parts(lambda s, gaps: (s * gaps).sum()),
        "That is the largest. Take the mean.": _of_parts(lambda shares, gaps: gaps.abs().max()),
        "First take the means over a part.": lambda x, y, _: (y.float() - x).abs().mean(),
        "Accuracy is the share of the right ones.": lambda x, y, n: _calibration_error(x, ~y, n),
    },
    advice={
        "division by zero": "Leave out a part without digits.",
        "out of ": "A confidence of 1 belongs to the last part, bins − 1.",
    },
)
