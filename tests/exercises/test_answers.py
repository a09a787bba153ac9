"""Right answers in other forms, and what is told beside the mistakes of the data."""

import copy
import math
from statistics import fmean

from by_hand import Around, small_cnn
from exercises import answers_01, answers_02, answers_03, answers_10
import matplotlib.pyplot as plt
from mnist_helpers.data import load_datasets
from mnist_helpers.exercises import _EXERCISES, check, judge, lesson_04
from mnist_helpers.plots.style import Figure
import numpy as np
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.testing import assert_close

# The lessons' own solutions show that these are right.
RIGHT = {number: getattr(exercise, "right", None) for number, exercise in _EXERCISES.items()}
ANSWERS = [*answers_01.ANSWERS, *answers_02.ANSWERS, *answers_03.ANSWERS, *answers_10.ANSWERS]


def through_softmax(logits, labels):
    powers = logits.exp()
    probabilities = powers / powers.sum(dim=1, keepdim=True)
    return -probabilities[torch.arange(len(labels)), labels].log().mean()


def through_lists(logits, labels):
    """`math.exp` raises where torch's gives infinity."""
    powers = [[math.exp(logit) for logit in row] for row in logits.tolist()]
    return fmean(-math.log(row[y] / sum(row)) for row, y in zip(powers, labels, strict=True))


steps, step_of = lesson_04._RIGHT_STEP, lesson_04._step_of


def sample_by_sample(model, loader):
    right = [[] for _ in range(10)]
    for image, label in loader.dataset:
        right[label].append(float(model.eval()(image[None]).argmax() == label))
    return [*map(fmean, right)]


def with_sgd_alone(model, images, labels, loss_function, optimizer):
    loss = step_of("zero_grad", "backward")(model, images, labels, loss_function, optimizer)
    for weight in model.parameters():
        weight.data -= 0.5 * weight.grad
    return loss


def recording_gradients(model, loader):
    model(next(iter(loader))[0])
    return RIGHT["4.5"](model, loader)


ANSWERS += [
    ("4.3", through_softmax, "Right. It agrees with PyTorch's. One thing more"),
    ("4.3", through_lists, "Right. It agrees with PyTorch's."),
    ("4.3", F.cross_entropy, "Right. It agrees with PyTorch's. And it stays finite"),
    ("4.4", step_of("backward", "step", "zero_grad"), "Right. "),
    ("4.5", lambda *case: dict([*enumerate(RIGHT["4.5"](*case))][::-1]), "Right. "),
    ("4.1", (0.7, 4.61), "Nearly. Give two decimals"),
    *[("4.1", (0.693, wrong), "neither p nor 1 − p") for wrong in (0.01, 0.99)],
    ("4.3", lambda x, y: F.cross_entropy(x, y, reduction="none"), "the mean of the digits"),
    *[("4.4", wrong, said) for said, wrong in lesson_04._WRONG_STEPS.items()],
    ("4.4", step_of("backward", "zero_grad", "step"), "Nothing moves"),
    ("4.4", step_of("zero_grad", "backward", "step", "step"), "each once"),
    ("4.4", lambda *case: torch.tensor(steps(*case)), "item()"),
    ("4.4", lambda *c: steps(*c) and c[3](c[0](c[1]), c[2]).item(), "this batch before the step"),
    ("4.4", with_sgd_alone, "with the loss_function and optimizer given"),
    ("4.3", lambda x, y: (x.exp() / x.exp().sum(dim=1)).log().mean(), "keepdim=True"),
    ("4.5", sample_by_sample, "Right. "),
    ("4.5", recording_gradients, "you guess why? One thing more: under torch.no_grad()"),
    ("4.5", lambda model, loader: torch.zeros(10), "accuracy_of_each_digit(model, loader) has"),
]


def times_of(run, clock, repeats, now=None):
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append((now or clock)() - start)
    return times


def timed(run, *more):
    run()
    return torch.tensor(times_of(run, *more), dtype=torch.float64).quantile(0.5)


ANSWERS += [
    ("5.1", (0.18, 0.25), "0.18 is what you gain"),
    ("5.4", torch.tensor([1.003, 5.1, 999]).bfloat16(), "Right. "),
    ("5.4", (1, 5.09375, 999.5), "bfloat16 has no 999.5"),
    ("5.4", (1, 5.102, 1000), "bfloat16 has no 5.102"),
    ("5.4", (1, 5.09, 1000), "5.09 is nearly right. Give all digits"),
    ("5.4", (1, 5.125, 1000), "bfloat16 has 5.125, but another"),
    ("5.4", (1, 163 / 32, 996), "bfloat16 has 996, but another"),
    ("5.5", timed, "Right. "),
    ("5.5", lambda *case: timed(*case, lambda: 0), "the difference to clock() now"),
]


def yielded(images, labels, size):
    for some, their_labels in zip(images.split(size), labels.split(size), strict=True):
        yield some.unsqueeze(1) / 255, their_labels


def splitting(pick, seeded=True):
    def split(count, validation, seed):
        generator = torch.Generator().manual_seed(seed if seeded is True else seeded)
        order = pick(torch.randperm(count, generator=generator), validation)
        return order[:-validation], order[-validation:]

    return split


def seeding_all(count, validation, seed):
    torch.manual_seed(seed)
    return torch.randperm(count).split([count - validation, validation])


ANSWERS += [
    ("6.1", lambda *case: [*splitting(lambda order, n: order.flip(0))(*case)], "Right. "),
    ("6.1", lambda *case: splitting(lambda order, n: order)(*case)[::-1], "First come the 15 to"),
    ("6.1", lambda n, v, seed: (torch.randperm(n - v), torch.arange(v)), "in both"),
    ("6.1", splitting(lambda order, n: order + 1), "each once"),
    ("6.1", splitting(lambda order, n: order.sort().values), "takes the numbers in order"),
    ("6.1", splitting(lambda order, n: order.float()), "Make it torch.int64"),
    ("6.1", splitting(lambda order, n: torch.randperm(len(order))), "give two splits"),
    ("6.1", splitting(lambda order, n: order, seeded=0), "Every seed gives the same split"),
    ("6.1", seeding_all, "can be compared. One thing more: yours moves the random numbers"),
]


def with_minus_zero(images, down, right):
    if min(down, right) < 0:
        return RIGHT["6.4"](images, down, right)
    return F.pad(images, (right, 0, down, 0))[:, :, :-down, :-right]


ANSWERS += [
    ("5.2", yielded, "Right. "),
    ("6.2", lambda *case: RIGHT["6.2"](*case) * (case[0] != 0.3 * case[1]), "at the turn"),
    ("5.2", lambda *case: [(x, case[1]) for x, _ in yielded(*case)], "[0][1] has the shape [10]"),
    ("5.2", lambda x, *more: yielded(x.floor_divide_(2), *more), "changes what it is given"),
    ("5.2", lambda *case: [(x, y.flip(0)) for x, y in yielded(*case)], "[10], 4)[0][1] has 6 at"),
    ("6.3", lambda y, s: (1 - s) * F.one_hot(y) + s / 10, "F.one_hot(labels, 10)"),
    ("6.4", lambda x, *by: RIGHT["6.4"](x, *[max(0, one) for one in by]), "Negative shifts move"),
    ("6.4", with_minus_zero, "-0 is 0"),
    ("6.5", lambda first, second: (second - first, 0), "Take the mean of each list"),
    ("6.5", lambda a, b: ((np.array(b) - np.array(a)).mean(), 0), "may differ in length"),
]


def block_of(*after, before=(), **settings):
    settings = {"kernel_size": 3, "stride": 2, "padding": 1} | settings
    return lambda i, o: nn.Sequential(*before, nn.Conv2d(i, o, **settings), *after)


halving_block = block_of(nn.ReLU())


class HalvingBlock(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(*halving_block(i, o))


def best_if_it_stops(losses, patience):
    best = RIGHT["7.5"](losses, patience)
    return best if best + patience <= len(losses) else None


ANSWERS += [
    ("7.4", HalvingBlock, "Right. "),
    ("7.4", block_of(nn.ReLU(), before=[nn.ZeroPad2d((0, 1, 0, 1))], padding=0), "Right. "),
    ("7.4", lambda i, o: block_of(nn.BatchNorm2d(o), nn.ReLU())(i, o), "Right. "),
    ("7.3", lambda images, order: images[..., order], "has 784 columns"),
    ("7.4", halving_block(1, 8), "the function itself"),
    ("7.4", block_of(nn.ReLU(), nn.MaxPool2d(2), stride=1), "Leave the pooling out"),
    ("7.4", lambda i, o: nn.ReLU(), "finds 0 convolutions"),
    ("7.4", lambda i, o: halving_block(i, o).append(nn.Conv2d(o, o, 1)), "finds 2"),
    ("7.4", lambda i, o: Around(lambda m, x: x.relu(), halving_block(i, o)), "never used"),
    ("7.4", block_of(nn.ReLU(), kernel_size=2, padding=0), "The kernel is (2, 2)"),
    ("7.4", block_of(nn.ReLU(), stride=1), "the stride (1, 1)"),
    ("7.4", block_of(nn.ReLU(), padding=0), "Which padding makes 14 of 28"),
    ("7.4", lambda i, o: halving_block(o, i), "Hand both on"),
    ("7.4", lambda i, o: halving_block(i, 8), "becomes [2, 8, 5, 5], and has to become [2, 4"),
    ("7.4", block_of(), "ReLU is missing"),
    ("7.4", block_of(nn.ReLU(), before=[nn.ReLU()]), "before the convolution"),
    ("7.4", block_of(nn.LeakyReLU()), "not the convolution's ReLU"),
    ("7.5", best_if_it_stops, "after the loop"),
]


def filled_up(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    return confidence.masked_fill(answers == labels, -1).topk(min(count, len(labels))).indices


def topk_of_the_mistakes(probabilities, labels, count):
    wrong = (probabilities.argmax(dim=1) != labels).nonzero().flatten()
    return wrong[probabilities[wrong].amax(dim=1).topk(count).indices]


def occluded_by_loops(images, row, column, size, inside):
    result = images.clone()
    for i in range(row, row + size):
        for j in range(column, column + size):
            if inside(i, images.shape[2]) and inside(j, images.shape[3]):
                result[:, 0, i, j] = 0
    return result


def error_of(inside):
    return lambda c, correct, bins: sum(
        (correct.float() - c)[inside(bins * c, part)].sum().abs() / len(c) for part in range(bins)
    )


ANSWERS += [
    ("8.1", lambda y, answers: (10 * y + answers).bincount().reshape(10, 10), "minlength=100"),
    ("8.2", topk_of_the_mistakes, "min(count, len(wrong))"),
    ("8.2", filled_up, "and no more"),
    ("8.3", lambda *case: occluded_by_loops(*case, lambda *_: True), "Go from max(row, 0)"),
    ("8.3", lambda *case: occluded_by_loops(*case, lambda i, n: i < n), "A negative index"),
    ("8.3", lambda x, r, c, n: RIGHT["8.3"](x, min(r, 9 - n), c, n), "cuts a square off"),
    ("8.4", lambda image: image[0] * torch.arange(image.shape[1]), "their own axis"),
    ("8.4", lambda image: image[0, 0, 0, 0], "image[0] has two"),
    ("8.5", lambda *case: 1 / 0, "Leave out"),
    ("8.5", error_of(lambda c, part: c.floor() == part), "exactly 1 belongs to the last part"),
    ("8.5", error_of(lambda c, part: c.ceil() == part + 1), "Right. "),
    ("8.5", error_of(lambda c, part: (c >= part) & (c <= part + 1)), "but on a border"),
    ("8.5", error_of(lambda c, part: (c - 1e-4 * (c > 1.99)).long() == part), "but on a border"),
]


def by_autograd(function):
    def backward(x, grad, *more):
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(function(leaf, *more), leaf, grad)[0]

    return backward


def pooled_by_autograd(grad, size):
    leaf = torch.zeros(*grad.shape[:2], grad.shape[2] * size, grad.shape[3] * size)
    return by_autograd(F.avg_pool2d)(leaf, grad, size)


def layer_by_autograd(x, weight, output, grad):
    leaves = [one.clone().requires_grad_() for one in (x, weight, torch.zeros(len(weight)))]
    return list(torch.autograd.grad(F.linear(*leaves).relu(), leaves, grad))


ANSWERS += [
    ("9.2", by_autograd(F.leaky_relu), "Right. "),
    ("9.2", lambda x, grad, slope: nn.LeakyReLU(slope)(x) / x * grad, "Right. "),
    ("9.3", layer_by_autograd, "Right. "),
    ("9.3", lambda x, w, out, grad: (grad * (x > 0)) @ w, "What came out of ReLU"),
    ("9.4", pooled_by_autograd, "Right. "),
    ("9.4", lambda grad, size: grad / size**2, "should have [1, 1, 4, 4]. Hint"),
    ("9.4", lambda grad, size: RIGHT["9.4"](grad, 2), "should have [2, 3, 6, 12]"),
    ("9.5", by_autograd(lambda logits: logits.log_softmax(dim=1)), "Right. "),
    ("9.5", lambda z, grad: grad - z.softmax(1) * grad.sum(1), "keepdim=True"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said):
    right, message = judge(exercise, answer)
    assert said in message
    assert right == message.startswith("Right. ")


def test_an_answer_made_of_the_digits_is_told_what_it_is():
    train_set, test_set = load_datasets()
    pixels, labels = train_set.data / 255, train_set.targets
    fives, threes = (test_set.targets == 5).nonzero(), pixels[labels == 3]
    for exercise, answer, said in [
        ("1.2", fives[0], "Right. "),
        ("1.3", [pixels[digit == labels].mean() for digit in (1, 0)], "Right. "),
        ("1.4", threes.double().mean(dim=0).numpy(), "Right. "),
        ("1.2", fives, "Take the first one, with [0]"),
        ("1.2", test_set.targets == 5, "whether it is a 5"),
        ("1.3", (0.076, (labels == 0).float().mean()), "how frequent the digit 0 is"),
        ("1.3", (pixels.mean(), 0.173), "the mean over all digits"),
        ("1.3", (pixels[labels == 1].mean() / 255, 0.173), "divided by 255 twice"),
        ("1.4", threes.mean(dim=0).round(decimals=2), "Right. "),
        ("1.4", threes.mean(dim=0) / 255, "divided by 255 once?"),
        ("1.4", (test_set.data[test_set.targets == 3] / 255).mean(dim=0), "of all threes?"),
        ("1.4", threes.mean(dim=0, keepdim=True), "The shape is [1, 28, 28]"),
        ("1.4", 255 * threes.mean(dim=0), "divide by 255"),
        ("1.4", pixels.mean(dim=0), "the mean of all digits"),
        ("1.4", pixels[labels == 8].mean(dim=0), "the mean picture of the digit 8"),
    ]:
        assert said in judge(exercise, answer).message


def test_a_puzzle_is_drawn_beside_what_is_wanted(monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "show", lambda figure: drawn.append(figure.axes))
    for answer in (
        lambda labels: labels == 5,
        lambda labels: labels[:, None] == torch.arange(10),
        lambda labels: torch.zeros(1, 2, 2),
        lambda labels: labels.no_such_name,
        ...,
    ):
        check("2.B", answer)
    check("2.3", (14, 3))
    shown = [[ax.get_images()[0].get_array() for ax in axes[:2]] for axes in drawn]
    wanted = torch.eye(10)[[5, 0, 4, 1, 9, 2]].tolist()
    assert [one.tolist() for one in shown[0]] == [wanted, [[1, 0, 0, 0, 0, 0]]]
    assert [one.tolist() for one in shown[1]] == [wanted, wanted]
    assert len(shown) == 2
    check("2.D", lambda image, steps: torch.cat([image[:, -steps:], image[:, :-steps]], 1))
    wanted, yours = (ax.get_images()[0].get_array().tolist() for ax in drawn[2][:2])
    assert wanted != yours
    plt.close("all")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("exercise", "module"),
    [
        ("3.2", nn.Sequential(nn.Conv2d(1, 8, 4, stride=4), nn.AvgPool2d(1))),
        ("3.5", small_cnn(nn.BatchNorm1d(10))),
        ("3.5", small_cnn(nn.Softmax(dim=1))),
        ("7.4", halving_block(1, 8)),
    ],
)
def test_a_learners_module_stays_as_it_was(exercise, module, training, random_numbers_stay):
    module.train(training)
    before = copy.deepcopy(module.state_dict())

    def block(*channels):
        return module if channels == (1, 8) else halving_block(*channels)

    judge(exercise, block if exercise == "7.4" else module)
    assert {part.training for part in module.modules()} == {training}
    assert not any(part._forward_hooks for part in module.modules())
    assert all(weight.grad is None for weight in module.parameters())
    assert_close(module.state_dict(), before, rtol=0, atol=0)
