import math
import re
from unittest.mock import Mock

from mnist_helpers import exercises
from mnist_helpers.data import DataError
from mnist_helpers.exercises import check, hint, judge, lesson_01
from mnist_helpers.exercises.engine import Code, Free, Values, _Verdict
import numpy as np
import pytest
import torch
from torch import nn

EXERCISES = exercises._EXERCISES
each_exercise = pytest.mark.parametrize("number", EXERCISES)


def mistakes():
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
RETURNED = [Hostile(), (Hostile(), 1), "text", 10**400, iter("ab"), {}, 1j, nn.Identity()]
RETURNED += [one for one in NONSENSE if isinstance(one, torch.Tensor)]


@pytest.mark.parametrize(("number", "sentence", "answer"), list(mistakes()))
def test_each_mistake_earns_its_own_sentence(number, sentence, answer):
    verdict = judge(number, answer)
    assert not verdict.right
    assert verdict.message.endswith(sentence)


@each_exercise
def test_the_right_answer_earns_the_praise(number):
    exercise = EXERCISES[number]
    if not isinstance(exercise, Free):  # its right answers are given by hand
        verdict = judge(number, exercise.right)
        assert verdict.right
        assert verdict.message.startswith(f"Right. {exercise.praise}")


@each_exercise
def test_an_unfinished_answer_waits_and_tells_of_the_hint(number, capsys):
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
def test_nonsense_is_neither_right_nor_raises(number):
    for answer in [*NONSENSE, *(lambda *_, value=value: value for value in RETURNED)]:
        right, message = judge(number, answer)
        assert not right
        assert message.startswith(("Not yet. ", f"Exercise {number} waits"))
        assert len(message) > 20


def test_there_are_five_exercises_in_each_lesson_and_no_other():
    numbers = [f"{lesson}.{one}" for lesson in range(1, 11) for one in range(1, 6)]
    assert list(EXERCISES) == numbers + [f"2.{puzzle}" for puzzle in "ABCDE"]
    for unknown in ("9.9", 2.1, None):
        with pytest.raises(ValueError, match=r"in quotes, one of: 1\.1, 1\.2"):
            check(unknown, 1)
        with pytest.raises(ValueError, match="There is no exercise"):
            hint(unknown)


@pytest.mark.parametrize(("number", "answer"), [("1.2", 3), ("1.4", torch.zeros(28, 28))])
def test_unreadable_digits_are_no_mistake_of_the_answer(number, answer, monkeypatch):
    unreadable = Mock(side_effect=DataError("no folder"))
    monkeypatch.setattr(lesson_01, "load_datasets", unreadable)
    with pytest.raises(DataError, match="no folder"):
        judge(number, answer)


ROW = torch.tensor([0.5, 1.5])
VALUES = Values(
    hint="count",
    praise="Well counted.",
    right={"height": 30_000, "share": 0.25, "row": ROW, "width": 5},
    tolerance=0.01,
    mistakes=[
        {"Five?": 5, "{} is no height.": lambda height: height < 0},
        {"Those are per cent.": 25.0},
        {"Other numbers.": ...},
        {},
    ],
    tidy=lambda value: len(value) if isinstance(value, str) else value,
)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([np.int64(30_000), torch.tensor([0.25]), ROW.numpy(), "abcde"], "Right. Well counted."),
        ({"row": ROW.double(), "share": 0.255, "height": 30_000, "width": 5}, "Right. Well"),
        ((5, 0.25, ROW, 30_000), "in the wrong order: (height, share, row, width)."),
        ((5, 0.25, ROW, 5), "Five?"),
        ((-4000, 0.25, ROW, 5), "-4,000 is no height."),
        ((30_001, 0.25, ROW, 5), "Your height is not 30,001. Hint: count"),
        ((30_000, 25, ROW, 5), "Your height is right. Those are per cent."),
        ((30_000, 0.27, ROW, 5), "Your height is right. Your share is not 0.27."),
        ((30_000, 0.25, ROW + 1, 5), "Your share is right. Other numbers."),
        ((30_000, 0.25), "a tuple of 2; give a value for each, in this order: (height, share, row"),
        ({"height": 30_000, "share": 0.25}, "Not yet. The entry 'row' is missing."),
        ((3e4, 0.25, ROW, 5), "a float. Make it whole: `int(30000.0)`."),
        ((3.5, 0.25, ROW, 5), "Make it whole: divide with `//`"),
        ((True, 0.25, ROW, 5), "Your height has to be a number; yours is True."),
        ((None, 0.25, ROW, 5), "Your height has to be a number; yours is None."),
        ((3, math.nan, ROW, 5), "Your share is nan: somewhere a logarithm of 0"),
        ((3, 0.25, ROW.tolist(), 5), "yours is a list of 2. `torch.tensor` makes"),
        ((3, 0.25, ROW.long(), 5), "which cuts fractions off"),
    ],
)
def test_values_are_judged_one_by_one(answer, message):
    assert message in VALUES.verdict("9.1", answer).message


SCALED = Code(
    call="scaled(image, factor)",
    hint="multiply",
    praise="Well scaled.",
    cases=[(torch.arange(4.0), 2), (torch.arange(5.0), 3)],
    right=lambda x, k: x * k,
    mistakes={
        "You add.": lambda x, k: x + k,
        "The sign is lost.": lambda x, k: x * abs(k),
        "Turned round.": lambda x, k: x.flip(0).view(4),  # fits the first case only
    },
    clue="Multiply each pixel.",
    later={"Negative factors turn signs.": [(torch.ones(2), -1), (torch.ones(2), -2)]},
    advice={"must match": "Use the image's own length.", "None": "Return it."},
    tidy=lambda result: result[0] if isinstance(result, list) else result,
    remark=lambda function: " Quick, too." if function is torch.mul else "",
)


def in_place(image, factor):
    image *= factor
    return image


def into_one_tensor(image, factor, memory=torch.zeros(5)):  # noqa: B008
    return torch.mul(image, factor, out=memory[: len(image)])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, k: [x.double() * k], "Right. Well scaled."),
        (torch.mul, "Right. Well scaled. Quick, too."),
        (into_one_tensor, "Right. Well scaled."),
        (lambda x, k: x * k**2, "has 4 at [1] with yours, and should have 2. Mu"),
        (lambda x, k: x * abs(k), "Negative factors turn signs. The sign is lost."),
        (lambda x, k: x * max(0, k), "with yours, and should have -1."),
        (lambda x, k: (x * k).numpy(), "Right. Well scaled."),
        (lambda x, k: 4.5, "What scaled(tensor([0, 1, 2, 3]), 2) returns has to"),
        (lambda x, k: None, "returns None. Return it."),
        (
            lambda x, k: x * torch.ones(3),
            "dimension 0\nUse the image's own length.",
        ),
        (lambda x: x, "\nMake such a call in a cell of its own"),
        (in_place, "Not yet. What you return is right, but your function changes what it is given"),
        (lambda x, k: in_place(x, 5), "And your function changes what it is given"),
        (torch.ones(4), "Give the function itself: `scaled`."),
        (nn.ReLU, "Your answer is the class ReLU. Give the function itself"),
        (lambda x, k: (x, ...), "Exercise 9.2 waits"),
    ],
)
def test_a_function_is_judged_by_what_it_does(answer, message):
    assert message in SCALED.verdict("9.2", answer).message
    assert SCALED.cases[0][0].tolist() == [0, 1, 2, 3]


def test_long_lines_are_wrapped_between_words_and_not_in_code(capsys, monkeypatch):
    code = "scaled(tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), 2)"
    words = f"{'word ' * 9}{code} and `a = b + c`, (x, y). {'long-word ' * 20}"
    message = f"{words}\n  two  spaces\n\nend"
    monkeypatch.setattr(exercises, "judge", lambda *_: _Verdict(False, message))
    check("1.1", 0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) in (87, 88)
    assert lines[1].startswith(f"{code} and `a = b + c`,")
    assert "-" not in {line[-1:] for line in lines}
    assert lines[-3:] == ["  two  spaces", "", "end"]
    assert " ".join(lines).split() == message.split()
