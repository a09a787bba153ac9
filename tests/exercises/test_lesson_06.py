"""Lesson 06's exercises: other right answers, and what a function judges."""

from mnist_helpers.exercises import judge
import numpy as np
import pytest
import torch
import torch.nn.functional as F


def lower_line(step, steps, peak):
    return min(peak / 10 + 0.9 * peak * step / (0.3 * steps), peak * (steps - step) / (0.7 * steps))


def targets_of_pytorch(labels, smoothing):
    """The gradient of PyTorch's own loss is probabilities − targets; all of the former are 0.1."""
    logits = torch.zeros(len(labels), 10, requires_grad=True)
    F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing).backward()
    return 0.1 - logits.grad


def splitting(pick, seeded=True):
    """Return a split that cuts what `pick` makes of a random order."""

    def split(count, validation, seed):
        generator = torch.Generator().manual_seed(seed if seeded is True else seeded)
        order = pick(torch.randperm(count, generator=generator), validation)
        return order[:-validation], order[-validation:]

    return split


def seeding_all(count, validation, seed):
    torch.manual_seed(seed)
    return torch.randperm(count).split([count - validation, validation])


def cut(count, validation, seed, train=slice(None), chosen=slice(None)):
    parts = splitting(lambda order, n: order)(count, validation, seed)
    return parts[0][train], parts[1][chosen]


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
    ("6.1", splitting(lambda order, n: order), "Right. "),
    ("6.1", lambda *case: [*splitting(lambda order, n: order.flip(0))(*case)], "Right. "),
    ("6.1", lambda *case: splitting(lambda order, n: order)(*case)[::-1], "first those to train"),
    ("6.1", lambda *case: cut(*case, chosen=slice(2)), "It has to be 15 and 5"),
    ("6.1", splitting(lambda order, n: order + 1), "one of yours is 20"),
    ("6.1", lambda n, v, seed: (torch.randperm(n - v), torch.arange(v)), "in both"),
    (
        "6.1",
        splitting(lambda order, n: torch.cat([order[:1], order[: -n - 1], order[-n:]])),
        "twice",
    ),
    ("6.1", splitting(lambda order, n: order.sort().values), "not drawn at random"),
    ("6.1", splitting(lambda order, n: order.float()), "not int64"),
    ("6.1", splitting(lambda order, n: torch.randperm(len(order))), "give two splits"),
    ("6.1", splitting(lambda order, n: order, seeded=0), "Every seed gives the same split"),
    ("6.1", seeding_all, "yours moves the random numbers"),
    ("6.1", seeding_all, "Right. Nothing in both"),
    ("6.2", lambda *case: torch.tensor(lower_line(*case)), "Right. "),
    ("6.3", lambda *case: targets_of_pytorch(*case).double(), "Right. "),
    ("6.4", rolled, "Right. "),
    ("6.5", with_torch, "Right. "),
    ("6.2", lambda *case: lower_line(*case) if case[0] != 0.3 * case[1] else 0, "at the turn"),
    ("6.3", lambda y, s: (1 - s) * F.one_hot(y) + s / 10, "whatever labels occur"),
    ("6.4", for_shifts_above_0, "Negative shifts move up and left"),
    ("6.4", with_minus_zero, "-0 is 0"),
    ("6.5", lambda first, second: (second - first, 0), "Lists cannot be subtracted"),
    ("6.5", lambda a, b: ((np.array(b) - np.array(a)).mean(), 0), "not have the same length"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
