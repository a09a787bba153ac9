"""The exercises of lesson 04."""

from collections.abc import Callable
import contextlib
import math
from statistics import fmean

import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from ..insights import confusion_matrix
from .engine import Code, Free, Given, Values, _in_tensor, _random, refuse, same

EXERCISES = {}


def _wrong_losses(p: float) -> dict:
    return {
        "The sign is missing: ln p is negative where p is below 1.": math.log(p),
        "That is the logarithm to base 10. Take ln.": -math.log10(p),
        "That is the logarithm to base 2. Take ln.": -math.log2(p),
        "p is a share, not per cent.": -math.log(100 * p),
        "The loss is neither p nor 1 − p, but −ln p.": lambda x: same(min(x, 1 - x), min(p, 1 - p)),
        "Nearly. Give two decimals.": lambda loss: abs(loss + math.log(p)) < 0.06,
    }


EXERCISES["4.1"] = Values(
    right={f"loss at {p}": -math.log(p) for p in (0.5, 0.01)},
    tolerance=0.006,
    hint="minus the natural logarithm of the probability, `-math.log(0.5)`.",
    praise="A hesitant answer costs little, a confident wrong one nearly seven times as much.",
    mistakes=[_wrong_losses(0.5), _wrong_losses(0.01)],
)

EXERCISES["4.2"] = Code(
    call="mean_loss(batch_losses, batch_sizes)",
    hint="each loss is a mean over its batch. How do you get back the sum over its digits, and by "
    "how many do you divide in the end?",
    praise="In the test loop of section 7 the last 16 digits would otherwise count four times.",
    cases=[([2.0, 5.0], [2, 1]), ([1.0, 2.0, 6.0], [64, 64, 32]), ([0.5], [7])],
    right=lambda losses, sizes: fmean(losses, sizes),
    mistakes={
        "Weigh each loss by the size of its batch.": lambda losses, _: fmean(losses),
        "Divide by the number of digits, not of batches.": lambda x, n: fmean(x, n) * fmean(n),
        "Batches differ in size. Divide by the sum.": lambda x, n: fmean(x, n) * fmean(n) / n[0],
        "That is the sum. Divide by the number of digits.": lambda x, n: fmean(x, n) * sum(n),
        "Multiply each loss by its batch's size.": lambda x, n: sum(x) / sum(n),
        "Is the `return` inside the loop? It belongs after it.": lambda x, n: x[0] * n[0] / sum(n),
    },
)


def _remark_on_large_logits(by_hand: Callable) -> str:
    with contextlib.suppress(Exception):  # math.exp raises where torch's gives infinity
        if math.isfinite(by_hand(torch.tensor([[1000.0, 0.0]]), torch.tensor([0]))):
            return " And it stays finite for logits of 1,000, as PyTorch's does."
    why = "for a logit of 1,000 yours gives no number"
    return f" One thing more: {why}. PyTorch subtracts the largest logit of each row first."


EXERCISES["4.3"] = Code(
    call="cross_entropy_by_hand(logits, labels)",
    hint="section 1 does it for one digit. Divide each row of exp() by its own sum, and take from "
    "row i the number in column labels[i]. Then the logarithm, the mean, and the sign.",
    praise="It agrees with PyTorch's.",
    remark=_remark_on_large_logits,
    advice={"must match": "Each row is divided by its own sum: sum(dim=1, keepdim=True)."},
    cases=[
        (6 * _random(n, classes) - 3, (classes * _random(n)).long())
        for n, classes in ((1, 3), (6, 2), (5, 4), (4, 10))
    ],
    right=lambda x, y: F.cross_entropy(x, y).item(),
    mistakes={
        "Take the mean of the digits' losses.": (
            lambda *xy: F.cross_entropy(*xy, reduction="none").squeeze()
        ),
        "The loss is minus the logarithm.": lambda x, y: -F.cross_entropy(x, y),
        "Take the mean, not the sum.": lambda x, y: F.cross_entropy(x, y, reduction="sum"),
        "Divide a row by its own sum: dim=1.": lambda x, y: F.nll_loss(x - x.logsumexp((0, 1)), y),
        "The logarithm is missing.": lambda x, y: F.nll_loss(x.softmax(dim=1), y),
        "From row i take labels[i] alone.": lambda x, y: -x.log_softmax(dim=1)[:, y].mean(),
    },
)


def _step_of(*order: str) -> Callable:
    """Return a step that computes the loss and then does the rest in this order."""

    def step(model, images, labels, loss_function, optimizer):
        loss = loss_function(model(images), labels)
        for part in order:
            getattr(loss if part == "backward" else optimizer, part)()
        return loss.item()

    return step


_RIGHT_STEP = _step_of("zero_grad", "backward", "step")
_WRONG_STEPS = {
    "Nothing moves. First `zero_grad`, then `backward`, then `step`.": _step_of(),
    "Gradients pile up: `zero_grad` is missing, or has no brackets.": _step_of("backward", "step"),
    "The optimizer steps before `backward`.": _step_of("step", "zero_grad", "backward"),
}


def _trained(step: Callable) -> tuple:
    """Return the losses of three steps, and the weights at their end."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False))
    nn.init.eye_(model[1].weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.3)
    losses = []
    for count in (5, 4, 2):
        images, labels = 4 * _random(count, 1, 2, 2) - 2, torch.arange(count) % 3
        losses.append(step(model, images, labels, loss_function, optimizer))
    return losses, model[1].weight


def _judge_training_step(answer: object) -> str:
    training_step = Given(answer, "training_step(model, images, labels, loss_function, optimizer)")

    def step(*arguments: object) -> float:
        loss = training_step.call(*arguments)
        plain = "Return a number, loss.item(): a tensor keeps the whole computation alive."
        refuse({plain: isinstance(loss.value, Tensor)})
        return loss.number()

    losses, end = _trained(step)
    right_losses, right_end = _trained(_RIGHT_STEP)
    refuse(
        {
            **{text: same(end, _trained(wrong)[1]) for text, wrong in _WRONG_STEPS.items()},
            "Yours ends elsewhere than section 4's lines: loss, zero_grad, backward, step, each "
            "once, with the loss_function and optimizer given.": not same(end, right_end),
            "The model is trained rightly, but you do not return the loss of this batch before the "
            "step.": not same(losses, right_losses),
        }
    )
    return "Put it into a loop over a loader, and you have train_one_epoch."


EXERCISES["4.4"] = Free(
    hint="section 4 has these lines: loss, zero_grad, backward, step. Return the loss as a number.",
    judge=_judge_training_step,
)


class _Loader(list):
    dataset: TensorDataset  # as a `DataLoader` has it


def _model_and_loader(count: int, batch_size: int) -> tuple:
    """Return a model that answers with an image's largest pixel, in training mode always with 0."""
    labels = (10 * _random(count)).long()
    images = (_random(count, 10) + 0.5 * F.one_hot(labels, 10)).reshape(count, 1, 2, 5)
    loader = _Loader(zip(images.split(batch_size), labels.split(batch_size), strict=True))
    loader.dataset = dataset = TensorDataset(images, labels)
    dataset.data, dataset.targets = images, labels
    return nn.Sequential(nn.Flatten(), nn.LayerNorm(10), nn.Dropout(1.0)), loader


def _of_counts(formula: Callable, training: bool = False) -> Callable:
    """`formula` takes how often each label (row) was answered with each digit (column)."""

    @torch.no_grad()
    def by_digit(model, loader):
        answers = model.train(training)(loader.dataset.data).argmax(dim=1)
        return formula(confusion_matrix(loader.dataset.targets, answers).float())

    return by_digit


def _accuracies(counts: Tensor) -> Tensor:
    return counts.diag() / counts.sum(dim=1)


def _remark_on_recorded_gradients(by_digit: Callable) -> str:
    model, loader = _model_and_loader(60, 20)
    recorded = []
    model.register_forward_hook(lambda *parts: recorded.append(parts[-1].requires_grad))
    by_digit(model, loader)
    better = " One thing more: under torch.no_grad() it takes less time and memory."
    return better if any(recorded) else ""


EXERCISES["4.5"] = Code(
    call="accuracy_of_each_digit(model, loader)",
    hint="start from `evaluate`, with two tensors of ten counts instead of its two numbers: "
    "`labels[right].bincount(minlength=10)` counts, if `right` is the comparison.",
    praise="Which digit does classic_model read worst? Can you guess why?",
    remark=_remark_on_recorded_gradients,
    advice={"must match": "In a batch without a 9 `bincount` is shorter: minlength=10."},
    cases=[_model_and_loader(count, size) for count, size in ((60, 7), (61, 20), (62, 64))],
    tidy=_in_tensor,
    right=_of_counts(_accuracies),
    mistakes={
        "Still in training mode: call model.eval() first.": _of_counts(_accuracies, training=True),
        "You divide by the number of all.": _of_counts(lambda n: n.diag() / n.sum()),
        "Divide by counts of labels, not of answers.": _of_counts(lambda n: n.diag() / n.sum(0)),
        "Each is over all digits, not one.": _of_counts(lambda n: n.trace() / n.sum() + 0 * n[0]),
        "Those are counts. Divide by how many there are of each.": _of_counts(Tensor.diag),
        "Those are per cent, not shares.": _of_counts(lambda n: 100 * _accuracies(n)),
    },
)
