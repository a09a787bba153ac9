"""Checks a learner's answer and says why: ``check("2.1", answer)``.

The exercises are in ``lesson_01`` to ``lesson_07``, as data; `engine` judges. What counts is what
an answer does, not how it is written: code is tried on several inputs.
"""

from . import engine, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07
from .engine import Verdict


def check(exercise: object, answer: object) -> None:
    """Print what `judge` says of the answer. This is the one place where the exercises print."""
    print(judge(exercise, answer).message)


def judge(exercise: object, answer: object) -> Verdict:
    """Say whether an answer is right, and why; `exercise` is its number as text, ``"2.1"``.

    While an answer is, holds or returns ``...``, the verdict is the hint. Raises ValueError where
    there is no such exercise, DataError where the digits are needed and cannot be read.
    """
    known = _exercises()
    if not isinstance(exercise, str) or exercise not in known:
        raise ValueError(
            f"There is no exercise {exercise!r}. Write its number in quotes, one of: "
            f"{', '.join(known)}."
        )
    return engine.judge(known[exercise], answer)


def exercise_numbers() -> list[str]:
    """Return the numbers of all exercises, in order: ``"1.1"``, ``"1.2"``, and so on."""
    return list(_exercises())


def _exercises() -> dict[str, engine.Values | engine.Code | engine.Free]:
    lessons = (lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07)
    return {number: one for lesson in lessons for number, one in lesson.EXERCISES.items()}
