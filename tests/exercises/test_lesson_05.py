"""Lesson 05's exercises: other right answers, and what a function judges."""

from mnist_helpers.exercises import judge
import numpy as np
import pytest
import torch
import torch.nn.functional as F


def lower_line(step, steps, peak):
    return min(peak / 10 + 0.9 * peak * step / (0.3 * steps), peak * (steps - step) / (0.7 * steps))


def batches_of(pixels=lambda x: x.unsqueeze(1) / 255, numbers=lambda y: y):
    def batches(images, labels, size):
        for some, their_labels in zip(images.split(size), labels.split(size), strict=True):
            yield pixels(some), numbers(their_labels)

    return batches


yielded = batches_of()


def endless(*arguments):
    while True:
        yield from yielded(*arguments)


def failing_later(*arguments):
    yield next(yielded(*arguments))
    raise KeyError("later")


def spoiling(images, labels, size):
    images //= 2
    return yielded(images, labels, size)


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
    return rolled(images, max(down, 0), max(right, 0))


def with_minus_zero(images, down, right):
    padded = F.pad(images, (right, 0, down, 0))
    return rolled(images, down, right) if min(down, right) < 0 else padded[:, :, :-down, :-right]


def with_torch(first, second):
    first, second = torch.tensor(first), torch.tensor(second)
    error = (first.var() / len(first) + second.var() / len(second)).sqrt()
    return [second.mean() - first.mean(), error]


ANSWERS = [
    ("5.1", lambda *case: torch.tensor(lower_line(*case)), "Right. "),
    ("5.2", yielded, "Right. "),
    ("5.2", lambda *case: [*yielded(*case)], "Right. "),
    ("5.3", lambda *case: targets_of_pytorch(*case).double(), "Right. "),
    ("5.4", rolled, "Right. "),
    ("5.5", with_torch, "Right. "),
    ("5.1", lambda *case: lower_line(*case) if case[0] != 0.3 * case[1] else 0, "at the turn"),
    ("5.2", lambda x, y, size: x / 255, "has to be a list of pairs (images, labels)"),
    ("5.2", lambda *case: next(yielded(*case)), "It returns one pair"),
    ("5.2", lambda *case: [x for x, _ in yielded(*case)], "where a batch should be"),
    ("5.2", lambda *case: [next(yielded(*case))], "Is the `return` inside the loop?"),
    ("5.2", lambda *case: [*yielded(*case)][:2], "The last, smaller one is missing"),
    ("5.2", endless, "yours are [4, 4, 2, 4"),
    ("5.2", lambda x, y, size: [(x[:, None] / 255, y)] * 3, "slice images and labels as well"),
    ("5.2", batches_of(lambda x: x / 255), "add the channel axis"),
    ("5.2", batches_of(lambda x: (x.unsqueeze(1) / 255).numpy()), "of the type ndarray"),
    ("5.2", batches_of(lambda x: x.unsqueeze(1)), "from 0 to 255"),
    ("5.2", batches_of(lambda x: x.unsqueeze(1) // 255), "cut off"),
    ("5.2", batches_of(lambda x: x.unsqueeze(1).double() / 255), "float64"),
    ("5.2", batches_of(lambda x: (x.unsqueeze(1) / 255).mT), "each as it was"),
    ("5.2", batches_of(lambda x: x.unsqueeze(1) * (1 / 255)), "last bit"),
    ("5.2", spoiling, "each as it was"),
    ("5.2", batches_of(numbers=lambda y: y.flip(0)), "those of other digits"),
    ("5.2", batches_of(numbers=lambda y: y.float()), "Leave them int64"),
    ("5.2", failing_later, "raises KeyError: 'later'"),
    ("5.2", still_dots, "Exercise 5.2 waits"),
    ("5.3", lambda y, s: (1 - s) * F.one_hot(y) + s / 10, "whatever labels occur"),
    ("5.4", for_shifts_above_0, "Negative shifts move up and left"),
    ("5.4", with_minus_zero, "-0 is 0"),
    ("5.5", lambda first, second: (second - first, 0), "Lists cannot be subtracted"),
    ("5.5", lambda a, b: ((np.array(b) - np.array(a)).mean(), 0), "not have the same length"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
