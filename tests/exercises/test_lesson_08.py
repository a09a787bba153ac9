"""Lesson 08's exercises: other right answers, and mistakes that its data do not hold."""

import math

from mnist_helpers.exercises import judge
import pytest
import torch


def matrix_by_a_loop(labels, predictions):
    matrix = torch.zeros(10, 10, dtype=torch.int64)
    for label, prediction in zip(labels, predictions, strict=True):
        matrix[label, prediction] += 1
    return matrix


def mistakes_by_topk(probabilities, labels, count, filled_up=False):
    confidence, answers = probabilities.max(dim=1)
    confidence = confidence.masked_fill(answers == labels, -1)
    mistakes = len(labels) if filled_up else (answers != labels).sum().item()
    return confidence.topk(min(count, mistakes)).indices


def topk_of_the_mistakes(probabilities, labels, count):
    wrong = (probabilities.argmax(dim=1) != labels).nonzero().flatten()
    return wrong[probabilities[wrong].amax(dim=1).topk(count).indices]


def occluded_by_loops(images, row, column, size, inside=lambda place, length: 0 <= place < length):
    result = images.clone()
    for i in range(row, row + size):
        for j in range(column, column + size):
            if inside(i, images.shape[2]) and inside(j, images.shape[3]):
                result[:, 0, i, j] = 0
    return result


def center_by_meshgrid(image):
    places = torch.meshgrid(*map(torch.arange, image.shape[1:]), indexing="ij")
    return [(image[0] * place).sum() / image.sum() for place in places]


def error_by_bincount(confidences, correct, bins):
    numbers = (confidences * bins).long().clamp(max=bins - 1)
    gaps = (correct.float() - confidences).double()
    return numbers.bincount(gaps, minlength=bins).abs().sum() / len(correct)


def error_by_lists(confidences, correct, bins, mean=lambda part: sum(part) / max(1, len(part))):
    parts = {part: [] for part in range(1, bins + 1)}
    for confidence, right in zip(confidences.tolist(), correct.tolist(), strict=True):
        parts[math.ceil(confidence * bins)].append(right - confidence)
    return sum(len(part) * abs(mean(part)) for part in parts.values()) / len(correct)


def error_without_one(confidences, correct, bins):
    below = confidences < 1
    return error_by_lists(confidences[below], correct[below], bins) * below.float().mean()


ANSWERS = [
    ("8.1", matrix_by_a_loop, "Right. "),
    ("8.2", mistakes_by_topk, "Right. "),
    ("8.3", occluded_by_loops, "Right. "),
    ("8.4", lambda image: torch.stack(center_by_meshgrid(image)), "Right. "),
    ("8.5", error_by_bincount, "Right. "),
    ("8.5", error_by_lists, "Right. "),
    ("8.1", lambda y, answers: (10 * y + answers).bincount().reshape(10, 10), "minlength=100"),
    ("8.1", lambda y, answers: matrix_by_a_loop(y, answers)[: y.max() + 1], "ten rows"),
    ("8.1", lambda y, answers: matrix_by_a_loop(y, answers).float(), "int64"),
    ("8.2", topk_of_the_mistakes, "min(count, len(wrong))"),
    ("8.2", lambda *case: mistakes_by_topk(*case, filled_up=True), "there are and no more"),
    ("8.2", lambda p, y, n: mistakes_by_topk(p, y, n)[:, None], "[5, 1] with yours"),
    ("8.3", lambda *case: occluded_by_loops(*case, lambda *_: True), "Go from max(row, 0)"),
    ("8.3", lambda *case: occluded_by_loops(*case, lambda i, n: i < n), "A negative index"),
    ("8.3", lambda x, r, c, n: occluded_by_loops(x, min(r, 9 - n), c, n), "cut off there"),
    ("8.3", lambda *case: occluded_by_loops(*case).double(), "Right. "),
    ("8.4", lambda image: image[0] * torch.arange(image.shape[1]), "its own axis"),
    ("8.4", lambda image: image[0, 0, 0, 0], "image[0] has two"),
    ("8.4", lambda image: center_by_meshgrid(image)[0], "(row, column)"),
    ("8.5", lambda *case: torch.tensor(math.nan), "leave it out"),
    ("8.5", lambda *case: error_by_lists(*case, lambda p: sum(p) / len(p)), "leave it out"),
    ("8.5", error_without_one, "exactly 1 belongs to the last part"),
    ("8.5", lambda c, right, n: error_by_lists(c, right, 2), "correct [70], 7) is"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
