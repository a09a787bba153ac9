"""Checks a learner's answer and says why: ``check("2.1", answer)``.

`answers` holds what all checkers share; ``lesson_01`` to ``lesson_07`` hold one checker for each exercise. A checker
judges what an answer does, not how it is written: code is tried on several inputs.
"""

from typing import NamedTuple

from ..data import DataError
from . import lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07
from .answers import Exercise, NotYet, Unanswered, unfinished


class Verdict(NamedTuple):
    """What is said of an answer: whether it is right, and a message to the learner."""

    right: bool
    message: str


def check(exercise: str, answer: object) -> None:
    """Print what `judge` says of the answer. This is the one place where the exercises print."""
    print(judge(exercise, answer).message)


def judge(exercise: str, answer: object) -> Verdict:
    """Return whether an answer is right, and why it is or is not.

    Args:
        exercise: the exercise's number as text, for example ``"2.1"``.
        answer: what the exercise asks for: a number, several, a tensor, a function, a module. While it is, or holds, or
            returns ``...``, the verdict is a hint.

    Raises:
        ValueError: there is no such exercise.
        DataError: the answer is compared with the digits, and those cannot be read.
    """
    known = _exercises()
    if not isinstance(exercise, str) or exercise not in known:
        raise ValueError(
            f"There is no exercise {exercise!r}. Write its number in quotes, one of: {', '.join(known)}."
        )
    hint, judge_answer = known[exercise]
    try:
        if unfinished(answer):
            raise Unanswered
        return Verdict(True, f"Right. {judge_answer(answer)}")
    except Unanswered:
        return Verdict(False, f"Hint: {hint}")
    except NotYet as not_yet:
        return Verdict(False, f"Not yet. {not_yet}")
    except DataError:
        raise  # the digits cannot be read, whatever the answer is
    except Exception as error:
        # An answer may be an object that raises anything when it is looked at, and the learner is to be told so.
        first_line = (str(error).strip() or "no message").splitlines()[0]
        return Verdict(
            False,
            f"Not yet. Your answer is of the type {type(answer).__name__}, and to look at it raises "
            f"{type(error).__name__}: {first_line}\nHint: {hint}",
        )


def exercise_numbers() -> list[str]:
    """Return the numbers of all exercises, in order: ``"1.1"``, ``"1.2"``, and so on."""
    return list(_exercises())


def _exercises() -> dict[str, Exercise]:
    lessons = (lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07)
    return {number: one for lesson in lessons for number, one in lesson.EXERCISES.items()}
