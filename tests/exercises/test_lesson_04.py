"""Lesson 04's exercises: other right answers, and what a function judges."""

import math
from statistics import fmean

from mnist_helpers.exercises import judge
import pytest
import torch
import torch.nn.functional as F


def through_softmax(logits, labels):
    powers = logits.exp()
    probabilities = powers / powers.sum(dim=1, keepdim=True)
    return -probabilities[torch.arange(len(labels)), labels].log().mean()


def through_lists(logits, labels):
    """`math.exp` raises where torch's gives infinity."""
    powers = [[math.exp(logit) for logit in row] for row in logits.tolist()]
    return fmean(-math.log(row[y] / sum(row)) for row, y in zip(powers, labels, strict=True))


def step_of(*order, returned=lambda loss: loss.item()):
    def training_step(model, images, labels, loss_function, optimizer):
        loss = loss_function(model(images), labels)
        for part in order:
            loss.backward() if part == "backward" else getattr(optimizer, part)()
        return returned(loss)

    return training_step


steps = step_of("zero_grad", "backward", "step")


def loss_after_the_step(model, images, labels, loss_function, optimizer):
    steps(model, images, labels, loss_function, optimizer)
    return loss_function(model(images), labels).item()


def by_digit(returned=lambda shares: shares, training=False, grad=False):
    def accuracy_of_each_digit(model, loader):
        model.train(training)
        right, total = torch.zeros(10), torch.zeros(10)
        with torch.set_grad_enabled(grad):
            for images, labels in loader:
                answers = model(images).argmax(dim=1)
                right += labels[answers == labels].bincount(minlength=10)
                total += labels.bincount(minlength=10)
        return returned(right / total)

    return accuracy_of_each_digit


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("4.1", (0.69, 4.61)),
        ("4.1", -torch.tensor([0.5, 0.01]).log()),
        (
            "4.2",
            lambda losses, sizes: torch.tensor(losses) @ torch.tensor(sizes).float() / sum(sizes),
        ),
        ("4.3", through_softmax),
        ("4.3", through_lists),
        ("4.3", lambda x, y: (x.logsumexp(dim=1) - x.gather(1, y[:, None])[:, 0]).mean().item()),
        ("4.4", steps),
        ("4.4", step_of("backward", "step", "zero_grad")),
        ("4.5", by_digit()),
        ("4.5", by_digit(torch.Tensor.tolist)),
        ("4.5", by_digit(lambda shares: dict(enumerate(shares.tolist())))),
    ],
)
def test_other_code_that_is_as_good_is_right(exercise, answer) -> None:
    assert judge(exercise, answer).message.startswith("Right. ")


@pytest.mark.parametrize(
    ("exercise", "answer", "reason"),
    [
        ("4.1", (0.69, 5.0), "loss at 0.01 is not 5"),
        ("4.3", lambda x, y: F.cross_entropy(x, y, reduction="none"), "for each digit"),
        ("4.4", step_of("backward", "step"), "pile up"),
        ("4.4", step_of(), "Nothing moves"),
        ("4.4", step_of("zero_grad", "backward"), "Nothing moves"),
        ("4.4", step_of("backward", "zero_grad", "step"), "Nothing moves"),
        ("4.4", step_of("step", "zero_grad", "backward"), "steps before `backward`"),
        ("4.4", step_of("zero_grad", "backward", "step", "step"), "each once"),
        ("4.4", step_of("zero_grad", "backward", "step", returned=lambda loss: loss), "item()"),
        ("4.4", lambda m, x, y, loss, o: steps(m, x, y, lambda *z: -loss(*z), o), "go uphill"),
        ("4.4", loss_after_the_step, "not the loss of this batch before the step"),
        ("4.4", lambda model, images, labels: 0.0, "raises TypeError"),
        ("4.5", by_digit(grad=True), "torch.no_grad()"),
        ("4.5", by_digit(lambda shares: shares[:9]), "has the shape [9]"),
    ],
)
def test_a_mistake_is_told_by_its_sentence(exercise, answer, reason) -> None:
    right, message = judge(exercise, answer)
    assert not right
    assert reason in message


def test_a_learners_step_is_taken_with_adam_too() -> None:
    def by_hand(model, images, labels, loss_function, optimizer):
        loss = loss_function(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        for weight in model.parameters():
            weight.data -= 0.5 * weight.grad
        return loss.item()

    assert "each once" in judge("4.4", by_hand).message


def test_each_answer_finds_the_model_in_training_mode() -> None:
    for _ in range(2):
        assert judge("4.5", by_digit()).right
        assert "model.eval()" in judge("4.5", by_digit(training=True)).message


def test_a_cross_entropy_that_overflows_is_right_with_a_remark() -> None:
    assert "too large to store" in judge("4.3", through_softmax).message
    assert "stays finite" in judge("4.3", F.cross_entropy).message
