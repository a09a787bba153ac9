"""Lesson 09's exercises: right answers in other forms, and what is told beside the data."""

from mnist_helpers.exercises import _EXERCISES, judge
import pytest
import torch
from torch import nn
import torch.nn.functional as F

RIGHT = {number: getattr(one, "right", None) for number, one in _EXERCISES.items()}


def by_autograd(function):
    """Return the backward that PyTorch finds for a function of its first argument."""

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


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("9.1", torch.tensor([8.0, 4, 2]), "Right. "),
        ("9.1", (4, 2, 8), "in the wrong order"),
        ("9.2", by_autograd(F.leaky_relu), "Right. "),
        ("9.2", lambda x, grad, slope: nn.LeakyReLU(slope)(x) / x * grad, "Right. "),
        ("9.3", layer_by_autograd, "Right. "),
        ("9.3", lambda x, w, out, grad: RIGHT["9.3"](x, w, x @ w.T, grad), "Right. "),
        ("9.3", lambda x, w, out, grad: (grad * (x > 0)) @ w, "What came out of ReLU"),
        ("9.4", pooled_by_autograd, "Right. "),
        ("9.4", lambda grad, size: F.interpolate(grad, scale_factor=size) / size**2, "Right. "),
        ("9.4", lambda grad, size: grad / size**2, "should have [1, 1, 4, 4]. Hint"),
        ("9.4", lambda grad, size: RIGHT["9.4"](grad, 2), "should have [2, 3, 6, 12]"),
        ("9.5", by_autograd(lambda logits: logits.log_softmax(dim=1)), "Right. "),
        ("9.5", lambda z, grad: grad - (z.exp().T / z.exp().sum(1) * grad.sum(1)).T, "Right. "),
        ("9.5", lambda z, grad: grad - z.softmax(1) * grad.sum(1), "keepdim=True"),
    ],
)
def test_an_answer_is_told_what_it_is(number, answer, said):
    assert said in judge(number, answer).message
