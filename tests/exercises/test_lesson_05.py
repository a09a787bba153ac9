"""Lesson 05's exercises: other right answers, and what a function judges."""

import math

from mnist_helpers.exercises import judge
import numpy as np
import pytest
import torch
import torch.nn.functional as F


def lower_line(step, steps, peak):
    return min(peak / 10 + 0.9 * peak * step / (0.3 * steps), peak * (steps - step) / (0.7 * steps))


def yielded(images, labels, batch_size):
    floats = images.float().div(255)[:, None]
    yield from zip(floats.split(batch_size), labels.split(batch_size), strict=True)


def batches_of(pixels=lambda x: x.unsqueeze(1) / 255, numbers=lambda y: y):
    return lambda x, y, size: [
        (pixels(one), numbers(two)) for one, two in zip(x.split(size), y.split(size), strict=True)
    ]


def endless(*arguments):
    while True:
        yield from yielded(*arguments)


def failing_later(*arguments):
    yield next(yielded(*arguments))
    raise KeyError("later")


def still_dots(*arguments):
    yield ..., ...


def targets_of_pytorch(labels, smoothing):
    """The gradient of PyTorch's own loss is probabilities − targets; all of the former are 0.1."""
    logits = torch.zeros(len(labels), 10, requires_grad=True)
    F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing).backward()
    return 0.1 - logits.grad


def rolled(images, down, right):
    images = images.roll((down, right), dims=(2, 3))
    images[:, :, slice(down) if down > 0 else slice(images.shape[2] + down, None)] = 0
    images[:, :, :, slice(right) if right > 0 else slice(images.shape[3] + right, None)] = 0
    return images


def for_shifts_above_0(images, down, right):
    _, _, height, width = images.shape
    result = torch.zeros_like(images)
    result[:, :, down:, right:] = images[:, :, : height - down, : width - right]
    return result


def with_minus_zero(images, down, right):
    padded = F.pad(images, (right, 0, down, 0))
    return rolled(images, down, right) if min(down, right) < 0 else padded[:, :, :-down, :-right]


def in_place(images, down, right):
    images[:] = rolled(images, down, right)
    return images


def with_numpy(first, second):
    error = math.hypot(*(np.std(one, ddof=1) / len(one) ** 0.5 for one in (first, second)))
    return [np.mean(second) - np.mean(first), error]


def with_torch(first, second):
    first, second = torch.tensor(first), torch.tensor(second)
    error = (first.var() / len(first) + second.var() / len(second)).sqrt()
    return second.mean() - first.mean(), error


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("5.1", lower_line),
        ("5.1", lambda *case: torch.tensor(lower_line(*case))),
        ("5.2", yielded),
        ("5.2", batches_of()),
        ("5.3", targets_of_pytorch),
        ("5.3", lambda y, s: ((1 - s) * F.one_hot(y, 10) + s / 10).double()),
        ("5.4", rolled),
        ("5.4", lambda x, down, right: F.pad(x, (right, -right, down, -down))),
        ("5.5", with_numpy),
        ("5.5", with_torch),
    ],
)
def test_other_code_that_is_as_good_is_right(exercise, answer) -> None:
    assert judge(exercise, answer).message.startswith("Right. ")


@pytest.mark.parametrize(
    ("exercise", "answer", "reason"),
    [
        ("5.1", lambda *case: lower_line(*case) if case[0] != 0.3 * case[1] else 0, "at the turn"),
        ("5.2", lambda x, y, size: x / 255, "Asked for is a list of pairs"),
        ("5.2", lambda *case: next(yielded(*case)), "It returns one pair"),
        ("5.2", lambda *case: [x for x, _ in yielded(*case)], "where a batch should be"),
        ("5.2", lambda *case: [next(yielded(*case))], "Is the `return` inside the loop?"),
        ("5.2", lambda *case: list(yielded(*case))[:2], "The last, smaller one is missing"),
        ("5.2", endless, "yours are [4, 4, 2, 4"),
        ("5.2", lambda x, y, size: [(x[:, None] / 255, y)] * 3, "slice images and labels as well"),
        ("5.2", batches_of(lambda x: x / 255), "add the channel axis"),
        ("5.2", batches_of(lambda x: (x.unsqueeze(1) / 255).numpy()), "is a NumPy array"),
        ("5.2", batches_of(lambda x: x.unsqueeze(1)), "from 0 to 255"),
        ("5.2", batches_of(lambda x: x.unsqueeze(1) // 255), "cut off"),
        ("5.2", batches_of(lambda x: x.unsqueeze(1) / 256), "by 256"),
        ("5.2", batches_of(lambda x: x.unsqueeze(1).double() / 255), "float64"),
        ("5.2", batches_of(lambda x: (x.unsqueeze(1) / 255).mT), "each as it was"),
        ("5.2", batches_of(lambda x: x.unsqueeze(1) * (1 / 255)), "last bit"),
        ("5.2", batches_of(numbers=lambda y: y.flip(0)), "those of other digits"),
        ("5.2", batches_of(numbers=lambda y: y.float()), "Leave them int64"),
        ("5.2", failing_later, "raises KeyError: 'later'"),
        ("5.2", lambda x, y, size: None, "Does it end with `return`?"),
        ("5.2", still_dots, "Hint: let `start` run"),
        ("5.3", lambda y, s: (1 - s) * F.one_hot(y) + s / 10, "whatever labels occur"),
        ("5.4", for_shifts_above_0, "Negative shifts move up and left"),
        ("5.4", with_minus_zero, "-0 is 0"),
        ("5.4", in_place, "your function changes"),
        ("5.5", lambda first, second: (second - first, 0), "Lists cannot be subtracted"),
        ("5.5", lambda a, b: ((np.array(b) - np.array(a)).mean(), 0), "not have the same length"),
    ],
)
def test_a_mistake_is_told_by_its_sentence(exercise, answer, reason) -> None:
    right, message = judge(exercise, answer)
    assert not right
    assert reason in message
