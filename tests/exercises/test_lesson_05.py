"""Lesson 05's exercises: other right answers, and mistakes that its data do not hold."""

from mnist_helpers.exercises import judge
import pytest
import torch


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


def timed(run, clock, repeats, now=None):
    run()
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append((now or clock)() - start)
    return torch.tensor(times, dtype=torch.float64).quantile(0.5)


ANSWERS = [
    ("5.1", torch.tensor([1.18, 1.25]), "Right. "),
    ("5.1", (20 / 17, 5 / 4), "Right. "),
    ("5.1", (1.18, 1.2), "Your gain at four times is right. 1.2 adds what is saved"),
    ("5.1", (1.3, 1.25), "is not 1.3"),
    ("5.1", (1.25, 1.18), "in the wrong order"),
    (
        "5.3",
        lambda *sizes: torch.empty(sizes).to(memory_format=torch.channels_last).stride(),
        "Right. ",
    ),
    ("5.3", lambda n, c, h, w: [c * h * w, 1, c * w, c], "Right. "),
    ("5.3", lambda *sizes: torch.empty(sizes).stride(), "the usual layout"),
    ("5.3", lambda n, c, h, w: (h * w, 1, w * c, c), "Hint: in memory"),
    ("5.4", torch.tensor([1.003, 5.1, 999]).bfloat16(), "Right. "),
    ("5.4", (1, 5.09375, 1000), "Right. "),
    ("5.4", (1, 5.09375, 999.5), "Your 999 is not 999.5"),
    ("5.4", (1, 5.09, 1000), "5.09 is nearly right, but rounded"),
    ("5.5", timed, "Right. "),
    ("5.5", lambda run, clock, repeats: timed(run, clock, repeats, lambda: 0), "`clock()` only"),
    ("5.2", yielded, "Right. "),
    ("5.2", lambda *case: [*yielded(*case)], "Right. "),
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
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
