"""The exercises of lesson 07: which digits are taken for which, the surest mistakes, a covered square, the centre of
mass, and whether a network is right as often as it is sure."""

from collections.abc import Callable, Mapping
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..checks import described
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    match_mistake,
    real_number,
    several,
    the_same,
)


def _tried(
    function: Callable[..., object],
    *arguments: object,
    shown: str,
    advice: Mapping[str, str] | None = None,
) -> tuple[object, bool]:
    """Return what a learner's function makes of copies of the arguments, and whether it changed one of them."""
    given = [one.clone() if isinstance(one, Tensor) else one for one in arguments]
    result = called(function, *given, shown=shown, advice=advice)
    changed = any(
        isinstance(one, Tensor) and not torch.equal(one, copy)
        for one, copy in zip(arguments, given, strict=True)
    )
    return result, changed


_CHANGED = (
    "What you return is right, but your function also changes what it is given: whoever uses that again finds it "
    "changed. Work on a copy, {}.clone()."
)


def _matrix(labels: Tensor, predictions: Tensor) -> Tensor:
    return (10 * labels + predictions).bincount(minlength=100).reshape(10, 10)


_MATRIX_MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "Your matrix is transposed: the row is the label, and the column what the network says.": lambda counts: (
        counts.T
    ),
    "Each pair is counted once at most. An assignment to matrix[labels, predictions] happens once for each place, even "
    "if it is named several times; `index_put_` with accumulate=True adds up, a loop or `bincount` too.": (
        lambda counts: counts.clamp(max=1)
    ),
    "Only mistakes are counted: the diagonal is empty. Digits that are read rightly belong there.": lambda counts: (
        counts - counts.diag().diag()
    ),
    "Only the digits read rightly are counted. The mistakes belong beside the diagonal.": lambda counts: (
        counts.diag().diag()
    ),
    "Those are shares of each row. Give the counts.": lambda counts: (
        counts / counts.sum(dim=1, keepdim=True)
    ),
    "Those are shares of each column. Give the counts.": lambda counts: counts / counts.sum(dim=0),
    "Those are shares of all digits. Give the counts.": lambda counts: counts / counts.sum(),
}


def _confusion_matrix(answer: object) -> str:
    confusion_matrix = a_function(answer, "confusion_matrix(labels, predictions)")
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat([torch.arange(10), torch.randint(10, (290,), generator=generator)])
    wrong = torch.rand(300, generator=generator) < 0.6
    # Each digit is read rightly at least once, and no label is read as often as it occurs.
    wrong[:10] = False
    answers = torch.where(wrong, torch.randint(10, (300,), generator=generator), labels)
    cases = [
        (labels, answers),
        (torch.tensor([3, 3, 5, 3, 0]), torch.tensor([5, 3, 8, 5, 0])),
        (torch.tensor([9, 1, 1]), torch.tensor([9, 9, 1])),
    ]
    results, changed = [], False
    for case in cases:
        few = f"labels {case[0].tolist()} and predictions {case[1].tolist()}"
        shown = f"confusion_matrix(labels, predictions), with {few if len(case[0]) < 10 else '300 of each'},"
        result, changed_now = _tried(
            confusion_matrix,
            *case,
            shown=shown,
            advice={
                "is invalid for input of size": "`bincount` ends at the largest number that occurs. With "
                "minlength=100 it counts up to 99, whichever digits are there."
            },
        )
        result = a_tensor(result, f"What {shown} returns", rank=2, axes="labels, predictions")
        if list(result.shape) != [10, 10]:
            raise NotYet(
                f"{shown} has the shape {list(result.shape)}, and has to have [10, 10] whichever digits occur: start "
                f"from torch.zeros(10, 10), or count with minlength."
            )
        results.append(result)
        changed |= changed_now
    rights = [_matrix(*case) for case in cases]
    if not all(map(the_same, results, rights)):
        match_mistake(
            [result.nan_to_num() for result in results],
            {  # a share of no digits at all is 0 / 0, NaN
                message: lambda case, wrong=wrong: wrong(rights[case]).nan_to_num()
                for message, wrong in _MATRIX_MISTAKES.items()
            },
        )
        _name_a_wrong_count(results[0], rights[0])
        for result, right, case in zip(results, rights, cases, strict=True):
            if not the_same(result, right):
                raise NotYet(
                    f"Right for 300 digits, but not for the labels {case[0].tolist()} and the predictions "
                    f"{case[1].tolist()}, among which most digits are missing. What does not occur gets a 0."
                )
    if any(result.dtype != torch.int64 for result in results):
        raise NotYet(
            f"The numbers are right, but yours is {described(results[0])}. Counts are whole numbers: int64, "
            f"torch.zeros(10, 10, dtype=torch.int64)."
        )
    if changed:
        raise NotYet(_CHANGED.format("labels"))
    return (
        "A row sums to how many digits have the label, a column to how often the network says that digit, the diagonal "
        "to what is read rightly. The largest number off the diagonal names the pair that is confused most."
    )


def _name_a_wrong_count(result: Tensor, right: Tensor) -> None:
    for row in range(10):
        for column in range(10):
            if result[row, column] != right[row, column]:
                raise NotYet(
                    f"Among 300 digits {right[row, column].item()} have the label {row} and are read as {column}; "
                    f"yours has {result[row, column].item():g} in row {row} and column {column}."
                )


def _mistakes(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the indices of all mistakes, the surest first."""
    confidence, answers = probabilities.max(dim=1)
    wrong = (answers != labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True)]


def _by_label(probabilities: Tensor, labels: Tensor, descending: bool) -> Tensor:
    wrong = _mistakes(probabilities, labels)
    of_label = probabilities[torch.arange(len(labels)), labels]
    return wrong[of_label[wrong].argsort(descending=descending)]


def _right_ones(probabilities: Tensor, labels: Tensor) -> Tensor:
    confidence, answers = probabilities.max(dim=1)
    right = (answers == labels).nonzero().flatten()
    return right[confidence[right].argsort(descending=True)]


def _first_found(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    return (probabilities.argmax(dim=1) != labels).nonzero().flatten()[:count]


def _sorted_after_the_cut(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    first = _first_found(probabilities, labels, count)
    return first[probabilities[first].max(dim=1).values.argsort(descending=True)]


def _in_the_wrong_ones(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    wrong = _first_found(probabilities, labels, len(labels))
    return probabilities[wrong].max(dim=1).values.argsort(descending=True)[:count]


# Of probabilities, labels and count.
_SUREST_MISTAKES: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "Yours holds digits that are read rightly too: those it is surest of. Only those whose answer, "
    "probabilities.argmax(dim=1), is not the label are asked for.": lambda p, y, count: p.max(
        dim=1
    ).values.argsort(descending=True)[:count],
    "Those are read rightly. Asked for are those whose answer is not the label: `!=`, not `==`.": (
        lambda p, y, count: _right_ones(p, y)[:count]
    ),
    "Those are the mistakes of which the network is least sure. The surest comes first: descending=True.": (
        lambda p, y, count: _mistakes(p, y).flip(0)[:count]
    ),
    "The right digits, but the least sure of them first. The surest comes first: descending=True.": (
        lambda p, y, count: _mistakes(p, y)[:count].flip(0)
    ),
    "Your indices count among the mistakes only. Keep the indices of the mistakes among all digits, "
    "wrong = (answers != labels).nonzero().flatten(), and index those with yours.": _in_the_wrong_ones,
    "Yours sorts by the probability of the label. It is the answer that the network is sure of: the largest "
    "probability of each row.": lambda p, y, count: _by_label(p, y, descending=True)[:count],
    "Yours sorts by the probability of the label, the smallest first. That is close, but it is the answer that the "
    "network is sure of: the largest probability of each row.": lambda p, y, count: _by_label(
        p, y, descending=False
    )[:count],
    "Those are the first mistakes in the order of the digits, not the surest ones: sort by the largest probability of "
    "each row.": _first_found,
    "You take the first mistakes and sort them after. Sort all of them, then take `count`.": (
        _sorted_after_the_cut
    ),
    "Yours gives all mistakes. The first `count` of them are asked for.": (
        lambda p, y, count: _mistakes(p, y)
    ),
}


def _most_confident_mistakes(answer: object) -> str:
    function = a_function(answer, "most_confident_mistakes(probabilities, labels, count)")
    generator = torch.Generator().manual_seed(0)
    changed = False
    stages = [
        ([(40, 20, 5), (30, 12, 3), (50, 30, 8)], "{}"),
        (
            [(8, 2, 4), (5, 2, 9), (6, 0, 3)],
            "Right where there are at least `count` mistakes. Where there are fewer, give those that there are and no "
            "more. {}",
        ),
    ]
    for sizes, said in stages:
        cases = [
            (*_some_mistakes(digits, mistakes, generator), count)
            for digits, mistakes, count in sizes
        ]
        results = []
        for (digits, mistakes, _), case in zip(sizes, cases, strict=True):
            shown = (
                f"most_confident_mistakes(probabilities, labels, {case[2]}), with {digits} digits and {mistakes} "
                f"mistakes,"
            )
            result, changed_now = _tried(
                function,
                *case,
                shown=shown,
                advice={
                    "out of range": "`topk` gives as many as it is told to, and fails where there are fewer: take "
                    "min(count, len(wrong)), or sort and slice, [:count]."
                },
            )
            results.append(_indices(result, f"What {shown} returns", case[0]))
            changed |= changed_now
        rights = [_mistakes(*case[:2])[: case[2]] for case in cases]
        if all(map(torch.equal, results, rights)):
            continue
        if said == "{}":
            match_mistake(
                results,
                {
                    message: lambda case, wrong=wrong, cases=cases: wrong(*cases[case])
                    for message, wrong in _SUREST_MISTAKES.items()
                },
            )
        for size, case, result, right in zip(sizes, cases, results, rights, strict=True):
            if not torch.equal(result, right):
                raise NotYet(said.format(_what_is_off(size, case, result, right)))
    if changed:
        raise NotYet(_CHANGED.format("probabilities"))
    return (
        "Look at them one by one: some are labelled wrongly or could be either digit, others you read at once. A sure "
        "network is not always a right one."
    )


def _some_mistakes(digits: int, mistakes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return probabilities and labels of as many digits, of which as many are misread."""
    probabilities = (2 * torch.randn(digits, 10, generator=generator)).softmax(dim=1)
    labels = probabilities.argmax(dim=1)
    wrong = torch.randperm(digits, generator=generator)[:mistakes]
    labels[wrong] = (labels[wrong] + torch.randint(1, 10, (mistakes,), generator=generator)) % 10
    return probabilities, labels


def _indices(result: object, what: str, probabilities: Tensor) -> Tensor:
    if isinstance(result, tuple) and len(result) == 2:
        raise NotYet(
            f"{what} is a pair. `sort`, `topk` and `max` give values and indices; return the indices alone."
        )
    result = a_tensor(result, what)
    if result.is_floating_point():
        if result.numel() and torch.isin(result, probabilities).all():
            raise NotYet("Those are probabilities. Asked for are the digits' indices.")
        raise NotYet(f"{what} is {described(result)}. Indices are whole numbers: int64.")
    if result.dtype == torch.bool:
        raise NotYet(
            f"{what} is {described(result)}, a yes or no for each digit. `nonzero().flatten()` makes indices of it."
        )
    if result.ndim != 1:
        raise NotYet(
            f"{what} has the shape {list(result.shape)}, and has to have one axis. After `nonzero()`, which gives "
            f"[mistakes, 1], comes `flatten()`; `squeeze` also drops the axis of a single one."
        )
    if result.dtype != torch.int64:
        raise NotYet(f"{what} is {described(result)}; indices are int64 here.")
    return result


def _what_is_off(
    size: tuple[int, int, int], case: tuple[Tensor, Tensor, int], result: Tensor, right: Tensor
) -> str:
    digits, mistakes, count = size
    given = f"Of {digits} digits {mistakes} are misread; with a count of {count} "
    if len(result) != len(right):
        return f"{given}yours gives {len(result)} indices, and {len(right)} are asked for."
    if torch.equal(result.sort().values, right.sort().values):
        return f"{given}yours gives the right ones, but in another order: the surest has to come first."
    return (
        f"{given}yours gives {result.tolist()}, and {right.tolist()} are the surest, in this order."
    )


def _covered(
    images: Tensor, top: int, bottom: int, left: int, right: int, value: float = 0.0
) -> Tensor:
    """Return the images with the rows from top to bottom and the columns from left to right, cut off at the edges, set
    to a value."""
    covered = images.clone()
    covered[:, :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = value
    return covered


def _wrapped(images: Tensor, row: int, column: int, size: int) -> Tensor:
    height, width = images.shape[2:]
    rows = [(row + step) % height for step in range(size)]
    columns = [(column + step) % width for step in range(size)]
    covered = images.clone()
    for one in rows:
        covered[:, :, one, columns] = 0
    return covered


def _sliced(images: Tensor, row: int, column: int, size: int) -> Tensor:
    covered = images.clone()
    covered[:, :, row : row + size, column : column + size] = 0
    return covered


def _first_image_only(images: Tensor, row: int, column: int, size: int) -> Tensor:
    covered = images.clone()
    covered[:1] = _sliced(images[:1], row, column, size)
    return covered


# Of images, row, column and size, for squares that lie inside.
_SQUARE_MISTAKES: dict[str, Callable[[Tensor, int, int, int], Tensor]] = {
    "Rows and columns are exchanged: `row` goes with H, the axis before the last, and `column` with W, the last.": (
        lambda x, row, column, size: _sliced(x, column, row, size)
    ),
    "Your square is one pixel too large: a slice [row : row + size] has `size` pixels, its end is left out.": (
        lambda x, row, column, size: _sliced(x, row, column, size + 1)
    ),
    "[row, column] is the middle of your square. It has to be its top left corner.": lambda x, row, column, size: (
        _covered(
            x,
            row - size // 2,
            row - size // 2 + size,
            column - size // 2,
            column - size // 2 + size,
        )
    ),
    "Your slices end at `size`. They begin at `row` and have to end at row + size; columns likewise.": (
        lambda x, row, column, size: _covered(x, row, size, column, size)
    ),
    "Yours blackens whole rows. The columns need a slice as well: [:, :, row : row + size, column : column + size].": (
        lambda x, row, column, size: _covered(x, row, row + size, 0, x.shape[3])
    ),
    "Yours blackens whole columns. The rows need a slice as well: [:, :, row : row + size, column : column + size].": (
        lambda x, row, column, size: _covered(x, 0, x.shape[2], column, column + size)
    ),
    "Yours blackens all but the square. It is the square that has to be black.": lambda x, row, column, size: (
        x - _sliced(x, row, column, size)
    ),
    "Your square is white, 1. Black is 0.": lambda x, row, column, size: _covered(
        x, row, row + size, column, column + size, value=1.0
    ),
    "Only the first of the images gets its square. Leave the first axis whole: [:, :, …].": (
        _first_image_only
    ),
    "Nothing is covered: the images come back as they were.": lambda x, row, column, size: x,
}
_BEYOND_THE_EDGE: dict[str, Callable[[Tensor, int, int, int], Tensor]] = {
    "Your square wraps around: what goes out on one side is black on the other, because a negative index counts from "
    "the end. Cut it off: begin at max(row, 0), and end at row + size as before; columns likewise.": _wrapped,
    "A slice that begins at a negative number begins that far from the end: [-2:3] of 28 rows is [26:3], and empty. "
    "Begin at max(row, 0), and end at row + size as before; columns likewise.": _sliced,
    "You push the square back into the picture, so that it is as large as before. It has to be cut off: the end stays "
    "row + size, counted from the `row` that was given; only the beginning becomes max(row, 0).": (
        lambda x, row, column, size: _sliced(x, max(row, 0), max(column, 0), size)
    ),
    "You push the square back into the picture, so that it is as large as before. It has to be cut off at the edge.": (
        lambda x, row, column, size: _sliced(
            x,
            min(max(row, 0), x.shape[2] - size),
            min(max(column, 0), x.shape[3] - size),
            size,
        )
    ),
    "Nothing is covered where the square reaches over the edge. The part of it that lies inside has to be black.": (
        lambda x, row, column, size: x
    ),
}


def _occluded(answer: object) -> str:
    occluded = a_function(answer, "occluded(images, row, column, size)")
    generator = torch.Generator().manual_seed(0)
    # No pixel is black or white before, so that those that are come from the function.
    pictures = [
        0.1 + 0.8 * torch.rand(*shape, generator=generator)
        for shape in [(2, 1, 9, 12), (3, 1, 11, 8)]
    ]
    stages = [
        ("", [(2, 4, 3), (1, 3, 2), (3, 1, 4), (4, 2, 2)]),
        (
            "Right for squares inside the picture, but not for one that reaches over the edge at the bottom or on the "
            "right",
            [(6, 1, 7), (1, 6, 7), (7, 5, 6)],
        ),
        (
            "Right until the square reaches over the edge at the top or on the left",
            [(-2, 3, 4), (3, -1, 3), (-3, -2, 5), (0, -2, 4)],
        ),
    ]
    changed = False
    for passed, squares in stages:
        cases = [(images, *square) for images in pictures for square in squares]
        results = []
        for images, *square in cases:
            shown = f"occluded(images, {', '.join(map(str, square))})"
            result, changed_now = _tried(
                occluded,
                images,
                *square,
                shown=f"{shown}, with images {list(images.shape)},",
                advice={
                    "out of bounds": "There are no such pixels: go only from max(row, 0) to min(row + size, H), and "
                    "likewise for the columns. Slices end at the edge by themselves."
                },
            )
            changed |= changed_now
            results.append(_like(a_tensor(result, f"What {shown} returns"), images, shown))

        def right(images: Tensor, row: int, column: int, size: int) -> Tensor:
            return _covered(images, row, row + size, column, column + size)

        if all(the_same(one, right(*case)) for one, case in zip(results, cases, strict=True)):
            continue
        mistakes = _BEYOND_THE_EDGE if passed else _SQUARE_MISTAKES
        match_mistake(
            results,
            {
                f"{passed}. {message}" if passed else message: (
                    lambda case, wrong=wrong, cases=cases: wrong(*cases[case])
                )
                for message, wrong in mistakes.items()
            },
        )
        for (images, row, column, size), result in zip(cases, results, strict=True):
            if not the_same(result, right(images, row, column, size)):
                height, width = images.shape[2:]
                raise NotYet(
                    f"{passed + '. ' if passed else ''}With occluded(images, {row}, {column}, {size}) and pictures of "
                    f"{height}×{width} the rows {max(row, 0)} to {min(row + size, height) - 1} have to be black in the "
                    f"columns {max(column, 0)} to {min(column + size, width) - 1}, and everything else has to stay."
                )
    if changed:
        raise NotYet(_CHANGED.format("images"))
    return (
        "Move the square across a digit, and note at each place how far the probability of its label falls. That map "
        "shows which strokes the network's answer hangs on."
    )


def _like(result: Tensor, images: Tensor, shown: str) -> Tensor:
    if result.shape != images.shape:
        raise NotYet(
            f"{shown} has the shape {list(result.shape)}, and has to have that of the images, {list(images.shape)}: "
            f"return whole pictures in which the square is black."
        )
    if result.dtype != images.dtype:
        raise NotYet(
            f"{shown} is {described(result)}; the pixels have to stay what they are, float32."
        )
    return result


def _middle(places: Tensor) -> Tensor:
    """Return the middle between the first and the last of some rows, or columns, that are not black."""
    inked = places.nonzero().flatten()
    return (inked[0] + inked[-1]) / 2


# Of an image [H, W], its row numbers [H, 1] and its column numbers [1, W].
_CENTER_MISTAKES: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "Row and column are exchanged: the row comes first. It counts along H, from the top.": lambda x, r, c: (
        (x * c).sum() / x.sum(),
        (x * r).sum() / x.sum(),
    ),
    "You divide by the number of pixels. Divide by the sum of the weights, image.sum().": lambda x, r, c: (
        (x * r).mean(),
        (x * c).mean(),
    ),
    "You divide by the number of pixels that are not black. Divide by the sum of the weights, image.sum().": (
        lambda x, r, c: ((x * r).sum() / (x > 0).sum(), (x * c).sum() / (x > 0).sum())
    ),
    "The division is missing: divide by the sum of the weights, image.sum().": lambda x, r, c: (
        (x * r).sum(),
        (x * c).sum(),
    ),
    "That is the middle of the box around all that is not black. Take the mean of all pixels' places, each weighted by "
    "its value.": lambda x, r, c: (_middle(x.sum(dim=1)), _middle(x.sum(dim=0))),
    "All pixels that are not black count the same in yours. Weigh each by its value: a grey one counts less.": (
        lambda x, r, c: (
            ((x > 0) * r).sum() / (x > 0).sum(),
            ((x > 0) * c).sum() / (x > 0).sum(),
        )
    ),
    "That is the middle of the picture, whatever is on it: all pixels count the same. Weigh each by its value.": (
        lambda x, r, c: (r.float().mean(), c.float().mean())
    ),
    "Yours counts rows and columns from 1. They start at 0, as indices do.": lambda x, r, c: (
        (x * r).sum() / x.sum() + 1,
        (x * c).sum() / x.sum() + 1,
    ),
    "That is the place of the brightest pixel. Take the mean of all pixels' places, each weighted by its value.": (
        lambda x, r, c: tuple(torch.stack(torch.unravel_index(x.argmax(), x.shape)))
    ),
}


def _center_of_mass(answer: object) -> str:
    center_of_mass = a_function(answer, "center_of_mass(image)")
    generator = torch.Generator().manual_seed(0)
    images = []
    for height, width in ((6, 9), (28, 28), (7, 5)):
        image = torch.zeros(1, height, width)
        inked = torch.rand(height // 2, width // 2, generator=generator)
        image[0, 1 : 1 + height // 2, 2 : 2 + width // 2] = 0.05 + 0.95 * inked**2
        image[0, height - 2, 1] = 0.5
        images.append(image)
    results, changed = [], False
    for image in images:
        shown = f"center_of_mass(image), with an image {list(image.shape)},"
        result, changed_now = _tried(
            center_of_mass,
            image,
            shown=shown,
            advice={
                "must match the size": "The row numbers have to be a column, torch.arange(H)[:, None], and the column "
                "numbers a row, torch.arange(W): so each multiplies along its own axis.",
                "too many indices": "The image has three axes, [1, H, W]: image[0] has two.",
                "not enough values to unpack": "The image has three axes, [1, H, W]: image[0] has two.",
                "too many values to unpack": "The image has three axes, [1, H, W]: image[0] has two.",
            },
        )
        numbers = [
            real_number(value, f"The {name}, with an image {list(image.shape)},")
            for value, name in zip(
                several(result, ("row", "column")), ("row", "column"), strict=True
            )
        ]
        results.append(torch.tensor(numbers))
        changed |= changed_now

    def of(
        formula: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
    ) -> Callable[[int], Tensor]:
        def made(case: int) -> Tensor:
            image = images[case][0]
            rows, columns = (torch.arange(length) for length in image.shape)
            return torch.stack(
                [part.float() for part in formula(image, rows[:, None], columns[None])]
            )

        return made

    def weighted(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        return (x * rows).sum() / x.sum(), (x * columns).sum() / x.sum()

    rights = [of(weighted)(case) for case in range(len(images))]
    if all(map(the_same, results, rights)):
        if changed:
            raise NotYet(_CHANGED.format("image"))
        return (
            "The makers of MNIST moved every digit until this point lay in the middle of the 28×28 picture. A digit of "
            "your own has to be moved there too before the network reads it well."
        )
    match_mistake(results, {message: of(wrong) for message, wrong in _CENTER_MISTAKES.items()})
    if any(all(map(the_same, results, map(cut, rights))) for cut in (torch.round, torch.floor)):
        raise NotYet(
            "Yours is rounded or cut off to whole numbers. The centre may lie between pixels: keep the fraction."
        )
    for number, name in enumerate(("row", "column")):
        for image, result, right in zip(images, results, rights, strict=True):
            if not the_same(result[number], right[number]):
                raise NotYet(
                    f"The {name} of an image {list(image.shape)} is {right[number].item():.3f}; yours is "
                    f"{result[number].item():.3f}. A case to follow by hand: with a pixel of 1 in {name} 2 and one of "
                    f"0.5 in {name} 5 it is (1 × 2 + 0.5 × 5) / (1 + 0.5) = 3."
                )
    raise NotYet("The places are off.")


class _Part(NamedTuple):
    """One of the parts of [0, 1] in which digits lie."""

    low: float
    high: float
    count: int
    accuracy: float
    confidence: float

    @property
    def gap(self) -> float:
        return self.accuracy - self.confidence

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


class _Digits(NamedTuple):
    """What the function is given."""

    confidences: Tensor
    correct: Tensor
    bins: int

    def parts(self, numbers: Tensor | None = None) -> list[_Part]:
        """Return the parts that are not empty. `numbers` says in which part each digit lies, if it is another one."""
        if numbers is None:
            numbers = (self.confidences * self.bins).long().clamp(max=self.bins - 1)
        return [
            _Part(
                number / self.bins,
                (number + 1) / self.bins,
                (numbers == number).sum().item(),
                self.correct[numbers == number].double().mean().item(),
                self.confidences[numbers == number].double().mean().item(),
            )
            for number in sorted(set(numbers.tolist()))
        ]


def _weighted(parts: list[_Part]) -> float:
    return sum(part.count * abs(part.gap) for part in parts) / sum(part.count for part in parts)


def _signed(digits: _Digits) -> float:
    return (digits.correct.double().mean() - digits.confidences.double().mean()).item()


def _in_equal_counts(digits: _Digits) -> float:
    ranks = digits.confidences.argsort().argsort()
    return _weighted(digits.parts(ranks * digits.bins // len(ranks)))


def _from_lowest_to_highest(digits: _Digits) -> float:
    low, high = digits.confidences.min(), digits.confidences.max()
    numbers = ((digits.confidences - low) / (high - low) * digits.bins).long()
    return _weighted(digits.parts(numbers.clamp(max=digits.bins - 1)))


_CALIBRATION_MISTAKES: dict[str, Callable[[_Digits], float]] = {
    "Every part counts the same in yours, the empty ones too, as a difference of 0. Weigh each by its share of the "
    "digits.": lambda digits: sum(abs(part.gap) for part in digits.parts()) / digits.bins,
    "Every part that is not empty counts the same in yours. Weigh each by its share of the digits.": lambda digits: (
        sum(abs(part.gap) for part in digits.parts()) / len(digits.parts())
    ),
    "You weigh each part by its number of digits. Divide by the number of all digits, so that it is a mean.": (
        lambda digits: _weighted(digits.parts()) * len(digits.correct)
    ),
    "Your differences keep their signs, so that parts above cancel parts below: all that is left is the difference of "
    "the means over all digits. Take abs() in each part.": _signed,
    "Your differences keep their signs, so that parts above cancel parts below: all that is left is the difference of "
    "the means over all digits. Take abs() of accuracy − confidence in each part.": lambda digits: (
        -_signed(digits)
    ),
    "That is the difference of the means over all digits: what is too sure in one part cancels what is not sure enough "
    "in another. Take the absolute difference of each part, before the mean.": lambda digits: abs(
        _signed(digits)
    ),
    "That is the largest of the differences. The mean is asked for, each part weighted by its share of the digits.": (
        lambda digits: max(abs(part.gap) for part in digits.parts())
    ),
    "You took the square of each difference. Take its absolute value.": lambda digits: (
        sum(part.count * part.gap**2 for part in digits.parts()) / len(digits.correct)
    ),
    "You compare the accuracy with the middle of the part. Compare it with the mean confidence of the digits in it.": (
        lambda digits: (
            sum(part.count * abs(part.accuracy - part.middle) for part in digits.parts())
            / len(digits.correct)
        )
    ),
    "That is the absolute difference of each digit, which is right or not, 1 or 0. Take the mean of confidence and of "
    "accuracy over a part first, then the difference.": lambda digits: (
        (digits.correct.double() - digits.confidences.double()).abs().mean().item()
    ),
    "You took the share of the wrong ones. Accuracy is the share of the right ones, correct.float().mean().": (
        lambda digits: _weighted(digits._replace(correct=~digits.correct).parts())
    ),
    "That is in per cent. Accuracy and confidence are between 0 and 1 here.": lambda digits: (
        100 * _weighted(digits.parts())
    ),
    "Your parts hold equally many digits. They are to have equal width: from 0 to 1 / bins, from there to 2 / bins, "
    "and so on.": _in_equal_counts,
    "Your parts go from the lowest confidence to the highest. They are to share the whole of [0, 1].": (
        _from_lowest_to_highest
    ),
}

_EMPTY = (
    "A part without digits has no accuracy and no mean confidence: that is 0 / 0. Its share of the digits is 0; leave "
    "it out of the sum."
)


def _expected_calibration_error(answer: object) -> str:
    function = a_function(answer, "expected_calibration_error(confidences, correct, bins)")
    generator = torch.Generator().manual_seed(0)
    cases = [
        _Digits(torch.tensor([0.95, 0.3, 0.6, 0.7]), torch.tensor([True, True, False, True]), 2),
        # The lowest parts are empty, and none of the confidences lies near a border.
        *(
            _some_digits(count, bins, lowest, generator)
            for count, bins, lowest in ((60, 10, 4), (40, 4, 0), (70, 7, 1))
        ),
    ]
    # A border on which no floats decide: there is no part above.
    certain = _Digits(
        torch.tensor([1.0, 1.0, 0.9, 0.6]), torch.tensor([True, False, False, True]), 4
    )
    changed = False
    results = []
    for case in [*cases, certain]:
        shown = f"expected_calibration_error(confidences, correct, {case.bins}), with {len(case.correct)} digits,"
        result, changed_now = _tried(
            function,
            *case,
            shown=shown,
            advice={
                "division by zero": _EMPTY,
                "at least one data point": _EMPTY,
                "mean()": "Yes and no have no mean: correct.float() makes 1 and 0 of them.",
                "out of ": "A confidence of 1 belongs to the last part, whose number is bins − 1."
                if case is certain
                else "There are `bins` parts, numbered from 0 to bins − 1.",
            },
        )
        if isinstance(result, (Tensor, np.generic)) and math.prod(result.shape) == 1:
            result = result.item()
        if isinstance(result, float) and math.isnan(result):
            raise NotYet(f"{shown} is nan. {_EMPTY}")
        results.append(torch.tensor(real_number(result, f"What {shown} returns")))
        changed |= changed_now
    rights = [torch.tensor(_weighted(case.parts())) for case in [*cases, certain]]
    if not all(map(the_same, results[:-1], rights)):
        match_mistake(
            results[:-1],
            {
                message: lambda case, wrong=wrong: torch.tensor(wrong(cases[case]))
                for message, wrong in _CALIBRATION_MISTAKES.items()
            },
        )
        for case, result, right in zip(cases, results, rights, strict=False):
            if not the_same(result, right):
                _work_it_out(case, result.item(), right.item())
    if not the_same(results[-1], rights[-1]):
        raise NotYet(
            f"Right so far, but not for the confidences {[round(one, 2) for one in certain.confidences.tolist()]}, in "
            f"{certain.bins} parts: a confidence of exactly 1 belongs to the last. (confidences * bins).long() puts it "
            f"into one that there is not, and clamp(max=bins - 1) brings it back; with `<=` at the upper border it is "
            f"in."
        )
    if changed:
        raise NotYet(_CHANGED.format("confidences"))
    return (
        "0 means: of the digits that it reads with a confidence of about 90 %, about nine in ten are right, and so in "
        "every part. With few digits in a part chance alone makes a difference."
    )


def _some_digits(count: int, bins: int, lowest: int, generator: torch.Generator) -> _Digits:
    """Return digits in the parts from number `lowest` on, whose network is too sure in some and not sure enough in
    others."""
    part = torch.randint(lowest, bins, (count,), generator=generator)
    place = 0.1 + 0.8 * torch.rand(count, generator=generator)
    right = torch.rand(count, generator=generator) < torch.where(part % 2 == 0, 0.9, 0.3)
    return _Digits((part + place) / bins, right, bins)


def _work_it_out(digits: _Digits, given: float, right: float) -> None:
    """Raise `NotYet` with the way to the right number: all of it for a few digits, its last part for many."""
    whole, parts = len(digits.correct), digits.parts()
    which = f"{whole} digits"
    if whole < 10:
        confidences = [round(one, 2) for one in digits.confidences.tolist()]
        which = f"the confidences {confidences} with `correct` {digits.correct.tolist()}"
    else:
        parts = parts[-1:]
    worked = " ".join(
        f"From {part.low:.2g} to {part.high:.2g} lie {part.count} of {whole}: accuracy {part.accuracy:.3f}, mean "
        f"confidence {part.confidence:.3f}; so {part.count} / {whole} × {abs(part.gap):.3f}."
        for part in parts
    )
    raise NotYet(
        f"For {which}, in {digits.bins} parts, it is {right:.4f}; yours is {given:.4f}. {worked}"
    )


EXERCISES = {
    "7.1": Exercise(
        "start from torch.zeros(10, 10, dtype=torch.int64) and go through zip(labels, predictions); or give each of "
        "the 100 pairs a number, 10 * label + prediction, and count those with `bincount(minlength=100)`.",
        _confusion_matrix,
    ),
    "7.2": Exercise(
        "probabilities.max(dim=1) gives the confidence and the answer of each digit. Find the indices of the mistakes "
        "with `nonzero().flatten()`, sort these by their confidence, and take the first `count`: a slice may reach "
        "beyond the end.",
        _most_confident_mistakes,
    ),
    "7.3": Exercise(
        "a slice that ends beyond the edge stops at the edge, but one that begins at -2 begins at the last row but "
        "one. What does max(row, 0) do? And start from images.clone().",
        _occluded,
    ),
    "7.4": Exercise(
        "a weighted mean is the sum of value × weight, divided by the sum of the weights. The pixels are the weights, "
        "the row numbers, torch.arange(H)[:, None], the values; then the column numbers.",
        _center_of_mass,
    ),
    "7.5": Exercise(
        "go through the parts, from part / bins to (part + 1) / bins, and find the digits inside with two comparisons "
        "and `&`. What has to happen when there are none?",
        _expected_calibration_error,
    ),
}
