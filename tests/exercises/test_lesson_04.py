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


def with_sgd_alone(model, images, labels, loss_function, optimizer):
    loss = step_of("zero_grad", "backward")(model, images, labels, loss_function, optimizer)
    for weight in model.parameters():
        weight.data -= 0.5 * weight.grad
    return loss


def by_digit(returned=lambda shares: shares, evaluating=True, grad=False):
    def accuracy_of_each_digit(model, loader):
        if evaluating:
            model.eval()
        right, total = torch.zeros(10), torch.zeros(10)
        with torch.set_grad_enabled(grad):
            for images, labels in loader:
                answers = model(images).argmax(dim=1)
                right += labels[answers == labels].bincount(minlength=10)
                total += labels.bincount(minlength=10)
        return returned(right / total)

    return accuracy_of_each_digit


def through_the_data_set(model, loader):
    model.eval()
    answers = torch.cat([model(images).argmax(dim=1) for images, _ in loader])
    labels = loader.dataset.targets
    return labels[answers == labels].bincount(minlength=10) / labels.bincount(minlength=10)


def without_keepdim(logits, labels):
    return (logits.exp() / logits.exp().sum(dim=1)).log().mean()


ANSWERS = [
    ("4.1", -torch.tensor([0.5, 0.01]).log(), "Right. "),
    ("4.2", lambda x, n: torch.tensor(x) @ torch.tensor(n).float() / sum(n), "Right. "),
    ("4.3", through_softmax, "Right. It agrees with PyTorch's. One thing more"),
    ("4.3", through_lists, "Right. It agrees with PyTorch's."),
    ("4.3", F.cross_entropy, "Right. It agrees with PyTorch's. And it stays finite"),
    ("4.4", steps, "Right. "),
    ("4.4", step_of("backward", "step", "zero_grad"), "Right. "),
    ("4.5", by_digit(), "Right. "),
    ("4.5", by_digit(torch.Tensor.tolist), "Right. "),
    ("4.5", by_digit(torch.Tensor.numpy), "Right. "),
    ("4.5", through_the_data_set, "Right. "),
    ("4.5", by_digit(grad=True), "Right. Run it on classic_model"),
    ("4.5", by_digit(lambda shares: dict(enumerate(shares.tolist()))), "Right. "),
    ("4.1", (0.69, 5.0), "loss at 0.01 is not 5"),
    ("4.3", lambda x, y: F.cross_entropy(x, y, reduction="none"), "for each digit"),
    ("4.4", step_of("backward", "step"), "pile up"),
    ("4.4", step_of("backward", "zero_grad", "step"), "Nothing moves"),
    ("4.4", step_of("step", "zero_grad", "backward"), "steps before `backward`"),
    ("4.4", step_of("zero_grad", "backward", "step", "step"), "each once"),
    ("4.4", step_of("zero_grad", "backward", "step", returned=lambda loss: loss), "item()"),
    ("4.4", lambda m, x, y, loss, o: steps(m, x, y, lambda *z: -loss(*z), o), "go uphill"),
    ("4.4", step_of("zero_grad", "backward", "step", returned=torch.detach), "loss.item()."),
    ("4.4", lambda m, x, y, loss, o: steps(m, x, y, F.cross_entropy, o), "whatever `loss_fun"),
    ("4.3", without_keepdim, "keepdim=True"),
    ("4.4", loss_after_the_step, "not the loss of this batch before the step"),
    ("4.4", with_sgd_alone, "each once"),
    ("4.5", by_digit(evaluating=False), "model.eval()"),
    ("4.5", by_digit(grad=True), "torch.no_grad()"),
    ("4.5", lambda model, loader: torch.zeros(10), "accuracy_of_each_digit(model, loader) has"),
    ("4.5", by_digit(lambda shares: shares[:9]), "has the shape [9]"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
