"""The engine, on small exercises of its own; and what holds for every exercise, from its data."""

import math
import re

from mnist_helpers import exercises
from mnist_helpers.data import DataError
from mnist_helpers.exercises import check, hint, judge, lesson_01
from mnist_helpers.exercises.engine import Code, Free, Values, Verdict, refuse
import numpy as np
import pytest
import torch
from torch import nn

EXERCISES = exercises._EXERCISES
each_exercise = pytest.mark.parametrize("number", EXERCISES)


def mistakes():
    """Each mistake in the data: the exercise, its sentence, and an answer that makes it."""
    for number, exercise in EXERCISES.items():
        if isinstance(exercise, Code):
            for sentence, wrong in exercise.mistakes.items():
                yield number, sentence, wrong
        elif isinstance(exercise, Values):
            for name, wrongs in zip(exercise.right, exercise.mistakes, strict=True):
                for sentence, wrong in wrongs.items():
                    if wrong is not ... and not callable(wrong):
                        yield number, sentence, {**exercise.right, name: wrong}


class Hostile:
    def fails(self, *arguments):
        raise RuntimeError("a long text\nin two lines")

    __getattr__ = __call__ = __iter__ = __eq__ = fails
    __hash__ = None


class Wordless(str):
    __repr__ = Hostile.fails


NONSENSE = [
    *(None, "", "235", 1j, -1, 0, 10**400, math.nan, math.inf, True, [], {}, set(), range(3)),
    *((None, None), "abcd", [[], []], {1: 2}, (1, 2, 3), (10**400, 10**400), iter("ab")),
    *(Hostile(), (Hostile(), Hostile()), Wordless("x"), len, int, nn.Module),
    *(nn.Module(), nn.Identity(), nn.LazyLinear(10), nn.Linear(784, 10)),
    nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Identity()),
    *(torch.zeros(0), torch.tensor(3.0), torch.zeros(2, dtype=torch.bool), torch.tensor(1j)),
    *(torch.zeros(3, device="meta"), torch.zeros(3, 3).to_sparse(), torch.full((28, 28), math.nan)),
    *(np.zeros((3, 3)), np.array(["a"]), lambda: 1, lambda *_: 1 / 0, lambda *given: given),
]
RETURNED = [
    *(Hostile(), "text", torch.tensor(math.nan), torch.zeros(0), (Hostile(), 1), nn.Identity()),
    *(torch.zeros(3, device="meta"), torch.zeros(3, 3).to_sparse(), 10**400, iter("ab"), {}, 1j),
]


@pytest.mark.parametrize(("number", "sentence", "answer"), list(mistakes()))
def test_each_mistake_earns_its_own_sentence(number, sentence, answer) -> None:
    verdict = judge(number, answer)
    assert not verdict.right
    assert verdict.message.endswith(sentence)


@each_exercise
def test_the_right_answer_earns_the_praise(number) -> None:
    exercise = EXERCISES[number]
    if not isinstance(exercise, Free):  # its right answers are given by hand
        verdict = judge(number, exercise.right)
        assert verdict.right
        assert verdict.message.startswith(f"Right. {exercise.praise}")


@each_exercise
def test_an_unfinished_answer_waits_and_the_hint_comes_when_it_is_asked_for(number, capsys) -> None:
    check(number, ...)
    waits = capsys.readouterr().out
    assert f"Exercise {number} waits for your answer in place of each `...`." in waits
    assert EXERCISES[number].hint not in waits
    waiting = [lambda *_: ...] if isinstance(EXERCISES[number], Code) else []
    for answer in [(..., ...), [1, ...], {"x[5]": ...}, *waiting]:
        assert judge(number, answer) == (False, waits.rstrip("\n"))
    eval(re.search(r"For a hint: `(.*)`", waits)[1], {"hint": hint})
    assert " ".join(capsys.readouterr().out.split()) == f"Hint: {EXERCISES[number].hint}"


@pytest.mark.filterwarnings("ignore")  # torch's, of tensors that are not yet all they will be
@each_exercise
def test_nonsense_is_neither_right_nor_raises(number) -> None:
    for answer in [*NONSENSE, *(lambda *_, value=value: value for value in RETURNED)]:
        right, message = judge(number, answer)
        assert not right
        assert message.startswith(("Not yet. ", f"Exercise {number} waits"))
        assert len(message) > 20


def test_there_are_five_exercises_in_each_lesson_and_no_other() -> None:
    numbers = [f"{lesson}.{one}" for lesson in range(1, 9) for one in range(1, 6)]
    assert list(EXERCISES) == numbers
    for unknown in ("9.9", 2.1, None):
        with pytest.raises(ValueError, match=r"in quotes, one of: 1\.1, 1\.2"):
            check(unknown, 1)
        with pytest.raises(ValueError, match="There is no exercise"):
            hint(unknown)


@pytest.mark.parametrize(("number", "answer"), [("1.2", 3), ("1.4", torch.zeros(28, 28))])
def test_digits_that_cannot_be_read_are_no_mistake_of_the_answer(
    number, answer, monkeypatch
) -> None:
    def unreadable():
        raise DataError("no folder")

    monkeypatch.setattr(lesson_01, "load_datasets", unreadable)
    with pytest.raises(DataError, match="no folder"):
        judge(number, answer)


ROW = torch.tensor([0.5, 1.5])
AXES = Values(
    hint="count",
    praise="Well counted.",
    right={"height": 3, "share": 0.25, "row": ROW},
    tolerance=0.01,
    mistakes=[
        {"You counted from 0.": 2, "{} is no height.": lambda height: height < 0},
        {"Those are per cent.": 25.0},
        {"Its shape is {}.": lambda row: row.shape != (2,), "Other numbers.": ...},
    ],
)
SIZES = Values(
    hint="",
    praise="",
    right={"width": 5, "height": 3},
    mistakes=[{"Three?": 3}, {}],
    tidy=lambda value: len(value) if isinstance(value, str) else value,
)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((3, 0.255, ROW), "Right. Well counted."),
        ([np.int64(3), torch.tensor([0.25]), ROW.double()], "Right. Well counted."),
        ({"row": ROW, "share": 0.25, "height": torch.tensor(3)}, "Right. Well counted."),
        ((2, 25.0, ROW), "Not yet. You counted from 0."),
        ((-4000, 0.25, ROW), "Not yet. -4,000 is no height."),
        ((4, 0.25, ROW), "Not yet. Your height is not 4."),
        ((3, 25, ROW), "Not yet. Your height is right. Those are per cent."),
        ((3, 0.27, ROW), "Not yet. Your height is right. Your share is not 0.27."),
        ((3, 0.25, ROW + 1), "Your height is right. Your share is right. Other numbers."),
        ((3, 0.25, ROW[None]), "Its shape is a tensor [1, 2] of float32."),
        ((3, 0.25), "a tuple of 2; give a value for each, in this order: (height, share, row)."),
        ({"height": 3, "share": 0.25}, "Not yet. The entry 'row' is missing."),
        ((3.0, 0.25, ROW), "Your height is 3.0, a float. It has to be a whole number"),
        ((True, 0.25, ROW), "Your height has to be a number; yours is True."),
        ((3, math.nan, ROW), "Your share is nan: somewhere a logarithm of 0"),
        ((3, 0.25, ROW.numpy()), "yours is of the type ndarray. `torch.tensor` makes"),
        ((3, 0.25, ROW.long()), "which cuts fractions off"),
    ],
)
def test_values_are_judged_one_by_one(answer, message) -> None:
    assert message in AXES.verdict("9.1", answer).message


def test_the_wrong_order_is_told_before_any_mistake_and_what_is_as_good_is_made_alike() -> None:
    assert "in the wrong order: (width, height)." in SIZES.verdict("9.4", (3, 5)).message
    assert SIZES.verdict("9.4", ("abcde", 3)).right


def first_of(result):
    refuse({"No text.": isinstance(result, str)})
    return result[0] if isinstance(result, list) else result


SCALED = Code(
    call="scaled(image, factor)",
    hint="multiply",
    praise="Well scaled.",
    cases=[(torch.arange(4.0), 2), (torch.arange(21.0), 3)],
    right=lambda image, factor: image * factor,
    mistakes={
        "You add.": lambda image, factor: image + factor,
        "The sign is lost.": lambda image, factor: image * abs(factor),
        "Turned round.": lambda image, factor: image.flip(0).view(4),  # fits the first case only
    },
    clue="Multiply each pixel.",
    later={
        "Right for factors above 0. Negative ones turn signs.": [
            (torch.full((2,), 2.0), -1),
            (torch.full((2,), 3.0), -2),
        ]
    },
    advice={"must match": "Use the image's own length.", "None": "Return it."},
    tidy=first_of,
    remark=lambda function: " Quick, too." if function.__name__ == "quick" else "",
)


def quick(image, factor):
    return factor * image


def in_place(image, factor):
    image *= factor
    return image


def into_one_tensor(image, factor, memory=torch.zeros(21)):  # noqa: B008
    return torch.mul(image, factor, out=memory[: len(image)])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda image, factor: [image.double() * factor], "Right. Well scaled."),
        (quick, "Right. Well scaled. Quick, too."),
        (into_one_tensor, "Right. Well scaled."),
        (lambda image, factor: image + factor, "Not yet. You add."),
        (
            lambda image, factor: image * factor**2,
            "scaled(tensor([0, 1, 2, 3]), 2) has 4 at [1] with yours, and should have 2. Multiply",
        ),
        (
            lambda image, factor: (image * factor)[:20],
            "scaled(image [21], 3) has the shape [20] with yours, and should have [21]. Multiply",
        ),
        (lambda image, factor: image * abs(factor), "Negative ones turn signs. The sign is lost."),
        (
            lambda image, factor: image * max(0, factor),
            "Right for factors above 0. Negative ones turn signs. "
            "scaled(tensor([2, 2]), -1) has 0 at [0] with yours, and should have -2.",
        ),
        (lambda image, factor: (image * factor).long(), "which cuts fractions off"),
        (lambda image, factor: (image * factor).numpy(), "What scaled(tensor([0, 1, 2, 3]), 2) re"),
        (lambda image, factor: "text", "Not yet. No text."),
        (lambda image, factor: None, "returns None. Return it."),
        (lambda image, factor: image * torch.ones(3), "raises RuntimeError: The size of tensor a"),
        (lambda image, factor: image * torch.ones(3), "\nUse the image's own length."),
        (lambda image: image, "\nMake such a call in a cell of its own"),
        (in_place, "Not yet. What you return is right, but your function changes what it is given"),
        (lambda image, factor: in_place(image, 5), "And your function changes what it is given"),
        (torch.ones(4), "Give the function itself, without calling it: `scaled`."),
        (nn.ReLU, "Your answer is the class ReLU. Give the function itself"),
        (lambda image, factor: (image, ...), "Exercise 9.2 waits"),
    ],
)
def test_a_function_is_judged_by_what_it_does(answer, message) -> None:
    assert message in SCALED.verdict("9.2", answer).message
    assert SCALED.cases[0][0].tolist() == [0, 1, 2, 3]


COUNTED = Code(
    call="counted(n)",
    hint="",
    praise="",
    cases=[(3,)],
    right=lambda n: (n * 10**7, torch.tensor([n / 3])),
    mistakes={"One too many.": lambda n: (n * 10**7 + 1, torch.tensor([n / 3]))},
    clue="",
)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: [torch.tensor(n * 10**7), torch.tensor([n / 3])], "Right."),
        (lambda n: (n * 10**7 + 1, torch.tensor([n / 3])), "One too many."),
        (lambda n: (n * 1e7, torch.tensor([n / 3])), "a float. It has to be a whole number"),
        (lambda n: (n * 10**7, torch.tensor([n / 3]).double()), "Right."),
        (lambda n: n, "returns is 3; give a value for each, in this order: (number 1, number 2)"),
    ],
)
def test_parts_of_a_result_and_whole_numbers_are_compared_exactly(answer, message) -> None:
    assert message in COUNTED.verdict("9.3", answer).message


def test_long_lines_are_wrapped_between_words_and_not_in_code(capsys, monkeypatch) -> None:
    code = "scaled(tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), 2)"
    message = (
        f"{'word ' * 9}{code} and `a = b + c`, (x, y). {'long-word ' * 20}\n  two  spaces\n\nend"
    )
    monkeypatch.setattr(exercises, "judge", lambda *_: Verdict(False, message))
    check("1.1", 0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) in (87, 88)
    assert lines[1].startswith(f"{code} and `a = b + c`,")
    assert "-" not in {line[-1:] for line in lines}
    assert lines[-3:] == ["  two  spaces", "", "end"]
    assert " ".join(lines).split() == message.split()
