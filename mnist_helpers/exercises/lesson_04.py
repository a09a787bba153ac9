"""The exercises of lesson 04: the loss, its mean, a step of training, an evaluation."""

from collections.abc import Callable
import math

import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.optim import Optimizer

from ..checks import described
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    match_mistake,
    real_number,
    require_close,
    several,
    the_same,
)


def _losses(answer: object) -> str:
    names = ("loss at 0.5", "loss at 0.01")
    losses = [
        real_number(loss, f"The {name}")
        for loss, name in zip(several(answer, names), names, strict=True)
    ]
    if abs(losses[0] + math.log(0.01)) < 0.01 and abs(losses[1] + math.log(0.5)) < 0.01:
        raise NotYet("Both losses are right, in the wrong order: the one at 0.5 comes first.")
    for value, name, probability in zip(losses, names, (0.5, 0.01), strict=True):
        right = -math.log(probability)
        require_close(
            value,
            right,
            0.006,
            {
                f"The {name}: the sign is missing. A logarithm of a number below 1 is negative, a loss is not.": -right,
                f"The {name}: that is the logarithm to the base 10. The loss takes the natural one, ln.": (
                    -math.log10(probability)
                ),
                f"The {name}: that is the logarithm to the base 2. The loss takes the natural one, ln.": (
                    -math.log2(probability)
                ),
                f"The {name}: 1 − p is a way to measure how wrong it is, but not cross-entropy.": 1
                - probability,
            },
            f"The {name} is not {value:.3f}. It is minus the natural logarithm of the probability, to two decimals.",
        )
    return "A hesitant answer costs little, a confident wrong one much: nearly seven times as much here."


def _mean_loss(answer: object) -> str:
    mean_loss = a_function(answer, "mean_loss(batch_losses, batch_sizes)")
    cases = [
        ([2.0, 5.0], [2, 1]),
        ([1.0, 2.0, 6.0], [64, 64, 32]),
        ([0.5], [7]),
        ([3.0, 1.0, 4.0, 1.5], [5, 1, 2, 9]),
    ]
    results = []
    for losses, sizes in cases:
        shown = f"mean_loss({losses}, {sizes})"
        result = called(mean_loss, list(losses), list(sizes), shown=shown)
        results.append(torch.tensor(real_number(result, f"What {shown} returns")))

    def of(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[int], Tensor]:
        return lambda case: formula(
            torch.tensor(cases[case][0]), torch.tensor(cases[case][1]).float()
        )

    right = of(lambda losses, sizes: (losses * sizes).sum() / sizes.sum())
    if all(the_same(result, right(case)) for case, result in enumerate(results)):
        return "Each digit counts once. In the test loop of section 5 the last 16 would otherwise count four times."
    match_mistake(
        results,
        {
            "That is the plain mean of the batches. A digit in a small batch then counts more than others: "
            "weigh each loss by its batch's size.": of(lambda losses, sizes: losses.mean()),
            "You added up loss × size. Divide by the number of digits.": of(
                lambda losses, sizes: (losses * sizes).sum()
            ),
            "You divided by the number of batches. Divide by the number of digits, the sum of the sizes.": of(
                lambda losses, sizes: (losses * sizes).mean()
            ),
            "You added the losses up and divided by the number of digits. Each loss is already a mean over its batch: "
            "multiply it by the size first.": of(lambda losses, sizes: losses.sum() / sizes.sum()),
        },
    )
    for (losses, sizes), result, case in zip(cases, results, range(len(cases)), strict=True):
        if not the_same(result, right(case)):
            raise NotYet(
                f"mean_loss({losses}, {sizes}) is {result.item():.3f} with yours, and should be "
                f"{right(case).item():.3f}: multiply each loss by its size, add up, and divide by the number of digits."
            )
    raise NotYet("The means are off.")


def _cross_entropy(answer: object) -> str:
    by_hand = a_function(answer, "cross_entropy_by_hand(logits, labels)")
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 10), (1, 3), (5, 4), (6, 2)]
    cases = [
        (2 * torch.randn(n, c, generator=generator), torch.randint(c, (n,), generator=generator))
        for n, c in shapes
    ]
    results = []
    for logits, labels in cases:
        sizes = f"logits {list(logits.shape)} and labels {list(labels.shape)}"
        shown = f"cross_entropy_by_hand(logits, labels), with {sizes},"
        result = called(by_hand, logits.clone(), labels.clone(), shown=shown)
        if isinstance(result, Tensor) and result.ndim > 0 and result.numel() == len(labels) > 1:
            raise NotYet("You return a loss for each digit. The loss of a batch is their mean.")
        results.append(torch.tensor(real_number(result, f"What {shown} returns")))

    def picked(scores: Tensor, labels: Tensor) -> Tensor:
        return scores[torch.arange(len(labels)), labels]

    def of(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[int], Tensor]:
        return lambda case: formula(*cases[case])

    right = of(F.cross_entropy)
    if all(the_same(result, right(case)) for case, result in enumerate(results)):
        return "It agrees with PyTorch's." + _remark_on_large_logits(by_hand)
    match_mistake(
        results,
        {
            "The sign is missing: the loss is minus the logarithm.": of(
                lambda x, y: -F.cross_entropy(x, y)
            ),
            "You added the digits' losses up. The loss of a batch is their mean.": of(
                lambda x, y: F.cross_entropy(x, y, reduction="sum")
            ),
            "Your softmax runs over the batch, dim=0. It has to run over the classes, each row by itself.": of(
                lambda x, y: -picked(x.softmax(dim=0).log(), y).mean()
            ),
            "Your softmax divides by the sum of the whole batch. Each row has a sum of its own: "
            "sum(dim=1, keepdim=True).": of(
                lambda x, y: -picked((x.exp() / x.exp().sum()).log(), y).mean()
            ),
            "You took the mean of the probabilities; the logarithm is missing.": of(
                lambda x, y: -picked(x.softmax(dim=1), y).mean()
            ),
            "That is the mean of the probabilities themselves: take minus the logarithm of each first.": of(
                lambda x, y: picked(x.softmax(dim=1), y).mean()
            ),
            "You took the logarithm of the mean. It is the mean of the logarithms.": of(
                lambda x, y: -picked(x.softmax(dim=1), y).mean().log()
            ),
            "You averaged over all classes. Only the probability of the right class counts.": of(
                lambda x, y: -x.log_softmax(dim=1).mean()
            ),
            "You applied softmax twice.": of(lambda x, y: F.cross_entropy(x.softmax(dim=1), y)),
            "That is the logarithm to the base 10. The loss takes the natural one.": of(
                lambda x, y: F.cross_entropy(x, y) / math.log(10)
            ),
            "You picked the columns `labels` from every row, which pairs each digit with the labels of all others. "
            "From row i only column labels[i] is wanted.": of(
                lambda x, y: -x.softmax(dim=1)[:, y].log().mean()
            ),
            "You picked all probabilities from the first row. From row i column labels[i] is wanted.": of(
                lambda x, y: -x.softmax(dim=1)[0, y].log().mean()
            ),
            "You took the logits for probabilities: softmax comes first.": of(
                lambda x, y: -picked(x, y).mean()
            ),
        },
    )
    case = next(case for case in (1, 3, 2, 0) if not the_same(results[case], right(case)))
    logits, labels = cases[case]
    rows = [[round(value, 2) for value in row] for row in logits.tolist()]
    raise NotYet(
        f"For the logits {rows} and the labels {labels.tolist()} yours gives {results[case].item():.3f}, and PyTorch's "
        f"{right(case).item():.3f}. Follow section 1 step by step on this case."
    )


def _remark_on_large_logits(by_hand: Callable[..., object]) -> str:
    try:
        loss = float(by_hand(torch.tensor([[1000.0, 0.0]]), torch.tensor([0])))
    except Exception:  # only a remark depends on it; the answer is right already
        return ""
    if math.isfinite(loss):
        return " And it stays finite for logits of 1,000, as PyTorch's does."
    return (
        " One thing more: for a logit of 1,000 yours gives no number, because e¹⁰⁰⁰ is too large to store. "
        "PyTorch subtracts the largest logit of each row first, which changes no probability."
    )


Step = Callable[[nn.Module, Tensor, Tensor, nn.Module, Optimizer], object]

_OPTIMIZERS = ((torch.optim.SGD, 0.5), (torch.optim.Adam, 0.05))


def _training_step(answer: object) -> str:
    step = a_function(answer, "training_step(model, images, labels, loss_function, optimizer)")

    def tried(*arguments: object) -> float:
        result = called(
            step, *arguments, shown="training_step(model, images, labels, loss_function, optimizer)"
        )
        if isinstance(result, Tensor):
            raise NotYet(
                f"It returns {described(result)}. Return a plain number, loss.item(): whoever keeps the tensor keeps "
                f"the whole computation alive."
            )
        return real_number(result, "What it returns")

    results, returned = zip(
        *(_three_steps(tried, *optimizer) for optimizer in _OPTIMIZERS), strict=True
    )
    rights, right_returned = zip(
        *(_three_steps(_step, *optimizer) for optimizer in _OPTIMIZERS), strict=True
    )
    if not all(map(the_same, results, rights)):
        match_mistake(
            results,
            {
                message: lambda case, wrong=wrong: _three_steps(wrong, *_OPTIMIZERS[case])[0]
                for message, wrong in _STEP_MISTAKES.items()
            },
        )
        raise NotYet(
            "After three of your steps the parameters are not where the loop of section 4 takes them. The order is: "
            "logits, loss, zero_grad, backward, step, each once."
        )
    if not all(map(the_same, returned, right_returned)):
        raise NotYet(
            "The model is trained rightly, but what you return is not the loss of this batch before the step."
        )
    return "Forward, zero_grad, backward, step. Put it into a loop over a loader, and you have train_one_epoch."


def _three_steps(
    step: Step, optimizer_class: type[Optimizer], learning_rate: float
) -> tuple[Tensor, Tensor]:
    """Return all parameters after three steps on three batches, and what the steps returned."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    model[1].weight.data = torch.randn(3, 4, generator=generator)
    model[1].bias.data = torch.zeros(3)
    optimizer = optimizer_class(model.parameters(), lr=learning_rate)
    returned = []
    for batch_size in (5, 5, 2):
        images = torch.randn(batch_size, 1, 2, 2, generator=generator)
        labels = torch.randint(3, (batch_size,), generator=generator)
        returned.append(step(model, images, labels, nn.CrossEntropyLoss(), optimizer))
    weights = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    return weights, torch.tensor(returned)


def _step(
    model: nn.Module, images: Tensor, labels: Tensor, loss_function: nn.Module, optimizer: Optimizer
) -> float:
    loss = loss_function(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _step_without_zero_grad(model, images, labels, loss_function, optimizer) -> float:
    loss = loss_function(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def _step_that_moves_nothing(model, images, labels, loss_function, optimizer) -> float:
    return loss_function(model(images), labels).item()


def _step_before_backward(model, images, labels, loss_function, optimizer) -> float:
    loss = loss_function(model(images), labels)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _step_uphill(model, images, labels, loss_function, optimizer) -> float:
    loss = loss_function(model(images), labels)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


_STEP_MISTAKES = {
    "Nothing moves: the parameters of `model` are the same after your step. It takes `backward` and then `step`, of "
    "the function's own arguments, with no `zero_grad` between them, which would undo it.": _step_that_moves_nothing,
    "Gradients pile up from step to step: `zero_grad` is missing, or has no brackets.": _step_without_zero_grad,
    "The optimizer steps before `backward`, and so follows the gradient of the batch before.": _step_before_backward,
    "Your steps go uphill: the sign of the loss is turned round.": _step_uphill,
}


class _FixedAnswers(nn.Module):
    """Gives fixed answers to images that hold nothing but their number, and other ones while in training mode."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = answers
        self.scale = nn.Parameter(torch.ones(1))
        self.recorded_gradients = False

    def forward(self, images: Tensor) -> Tensor:
        self.recorded_gradients |= torch.is_grad_enabled()
        answers = self.answers[images.flatten().long()]
        if self.training:
            answers = (answers + 1) % 10
        return self.scale * F.one_hot(answers, num_classes=10)


def _accuracy_of_each_digit(answer: object) -> str:
    by_digit = a_function(answer, "accuracy_of_each_digit(model, loader)")
    cases = [_labels_and_answers(seed) for seed in range(3)]
    models = [_FixedAnswers(answers) for _, answers in cases]
    results = []
    for model, (labels, _), batch_size in zip(models, cases, (7, 20, 64), strict=True):
        numbers = torch.arange(len(labels)).reshape(-1, 1, 1, 1).float()
        loader = list(zip(numbers.split(batch_size), labels.split(batch_size), strict=True))
        result = called(by_digit, model, loader, shown="accuracy_of_each_digit(model, loader)")
        results.append(_ten_numbers(result))

    def of(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[int], Tensor]:
        return lambda case: torch.stack(
            [formula(*(part == digit for part in cases[case])) for digit in range(10)]
        )

    def shares(labels: Tensor, answers: Tensor) -> Tensor:
        return (labels & answers).sum() / labels.sum()

    if all(the_same(result, of(shares)(case)) for case, result in enumerate(results)):
        if any(model.recorded_gradients for model in models):
            raise NotYet(
                "The numbers are right, but the computation is recorded for gradients that nobody wants. "
                "Put the loop under torch.no_grad()."
            )
        return "Run it on quick_model and test_loader. Which digit does it read worst? Can you guess why?"
    cases_in_training = [(labels, (answers + 1) % 10) for labels, answers in cases]
    match_mistake(
        results,
        {
            "Your model is still in training mode, where this one gives other answers: call model.eval() first.": (
                lambda case: torch.stack(
                    [
                        shares(*(part == digit for part in cases_in_training[case]))
                        for digit in range(10)
                    ]
                )
            ),
            "You divide by the number of all digits. The accuracy of the digit 3 is among the threes: divide by how "
            "many there are of them.": of(
                lambda labels, answers: (labels & answers).sum() / len(labels)
            ),
            "You divide by how often the model answered with the digit. Divide by how often it is the label.": of(
                lambda labels, answers: (labels & answers).sum() / answers.sum()
            ),
            "You count how often the digit is answered, right or wrong. Count the samples that have the label and "
            "got it as the answer.": of(lambda labels, answers: answers.sum() / labels.sum()),
            "All ten are the accuracy over all digits. Count each label by itself.": (
                lambda case: (cases[case][0] == cases[case][1]).float().mean().expand(10)
            ),
            "Those are counts. Divide by how many there are of each digit.": of(
                lambda labels, answers: (labels & answers).sum().float()
            ),
            "Those are per cent. An accuracy is between 0 and 1 here.": of(
                lambda labels, answers: 100 * shares(labels, answers)
            ),
        },
    )
    raise NotYet(
        "For a model whose answers are known, your ten numbers are not right. For each digit: among the samples with "
        "this label, over all batches together, the share that was answered with it."
    )


def _ten_numbers(result: object) -> Tensor:
    if isinstance(result, (int, float)) or (isinstance(result, Tensor) and result.ndim == 0):
        raise NotYet("It returns one number. Ten are asked for, one for each digit.")
    if isinstance(result, dict) and sorted(map(str, result)) == sorted(map(str, range(10))):
        result = [result[key] for key in sorted(result, key=str)]
    if isinstance(result, (list, tuple)):
        if len(result) != 10:
            raise NotYet(f"It returns {len(result)} numbers. There are ten digits.")
        result = torch.tensor(
            [real_number(value, "Each of the ten accuracies") for value in result]
        )
    result = a_tensor(result, "What it returns", rank=1, axes="the ten digits")
    if len(result) != 10:
        raise NotYet(f"It returns {len(result)} numbers. There are ten digits.")
    if not result.isfinite().all():
        raise NotYet(
            "One of the ten is no number: somewhere you divide by 0, perhaps in a batch without that digit."
        )
    return result.float()


def _labels_and_answers(seed: int) -> tuple[Tensor, Tensor]:
    """Return 60 labels and 60 answers, every digit at least once among each, about six of ten answers right."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(10), torch.randint(10, (50,), generator=generator)])
    wrong = torch.rand(60, generator=generator) < 0.4
    answers = torch.where(wrong, torch.randint(10, (60,), generator=generator), labels)
    answers[:10] = torch.arange(10).roll(1)
    order = torch.randperm(60, generator=generator)
    return labels[order], answers[order]


EXERCISES = {
    "4.1": Exercise(
        "minus the natural logarithm of the probability; `math.log` or `torch.log` is the natural one. "
        "Your answer is a pair, (loss at 0.5, loss at 0.01).",
        _losses,
    ),
    "4.2": Exercise(
        "each loss is a mean over its batch. How do you get back the sum over the batch's digits, and by how many "
        "digits do you divide in the end?",
        _mean_loss,
    ),
    "4.3": Exercise(
        "section 1 does it for one digit. In a batch each row is divided by its own sum: sum(dim=1, keepdim=True). "
        "Then from row i the number in column labels[i] is wanted: index with two tensors, the numbers of the rows, "
        "torch.arange(len(labels)), and the columns.",
        _cross_entropy,
    ),
    "4.4": Exercise(
        "section 4 has these lines in its loop: logits, loss, zero_grad, backward, step. Return the loss as a number.",
        _training_step,
    ),
    "4.5": Exercise(
        "start from `evaluate`. Keep two tensors of ten counts instead of one number each; "
        "`labels[right].bincount(minlength=10)` counts the right ones digit by digit, if `right` is the comparison.",
        _accuracy_of_each_digit,
    ),
}
