"""Checks a learner's answer and says why: ``check("2.1", answer)``. The exercises are data, in
``lesson_01`` to ``lesson_10``; `engine` judges what an answer does, not how it is written."""

from importlib import import_module
import os
import re

from ..data import DataError, data_root
from ..language import WIDE, translated
from . import lesson_02
from .engine import _Verdict

_LESSONS = [import_module(f"{__name__}.lesson_{number:02}") for number in range(1, 11)]
_EXERCISES = {number: one for lesson in _LESSONS for number, one in lesson.EXERCISES.items()}
_EXERCISES |= lesson_02.PUZZLES  # which `progress` does not count
# Spaces, a Chinese character or a word; with it the full-width bracket before, the comma behind.
_PIECE = f" +|\uff08?(?:[^ {WIDE}]+|[{WIDE}])[,)\xa0\u3001\u3002\uff01\uff09-\uff60]*"


def check(exercise: object, answer: object) -> None:
    """Print what `judge` says of the answer, and remember for `progress` that it is right."""
    right, message = judge(exercise, answer)
    _say(message)
    if exercise in lesson_02.PUZZLES:
        lesson_02.PUZZLES[exercise].draw(answer)
    if right:
        _solved(exercise)


def hint(exercise: object) -> None:
    """Print the hint of an exercise."""
    judge(exercise, ...)  # says which there are
    _say(f"Hint: {_EXERCISES[exercise].hint}")


def progress() -> None:
    """Print for each lesson which of its exercises are solved: ``02  ■■□■□  3 of 5``."""
    done = _solved()
    for lesson in _LESSONS:
        marks = "".join("■" if one in done else "□" for one in lesson.EXERCISES)
        count = f"{marks.count('■')} of {len(marks)}"
        print(translated(f"{lesson.__name__[-2:]}  {marks}  {count}"))


def judge(exercise: object, answer: object) -> _Verdict:
    """Say whether an answer is right, and why; while it is, holds or returns ``...``, it waits. A
    number that no exercise has is a ValueError."""
    if not isinstance(exercise, str) or exercise not in _EXERCISES:
        known = f"Write its number in quotes, one of: {', '.join(_EXERCISES)}."
        raise ValueError(translated(f"There is no exercise {exercise!r}. {known}"))
    return _EXERCISES[exercise].verdict(exercise, answer)


def _solved(*new: str) -> set[str]:
    """Return the numbers of the solved exercises, new ones added: empty files beside the digits."""
    if os.environ.get("MNIST_PROGRESS") == "off":
        return set()
    try:
        folder = data_root() / "solved"
        for number in new:
            folder.mkdir(exist_ok=True)
            (folder / number).touch()
        return {file.name for file in folder.glob("*")}
    except (OSError, DataError) as error:
        _say(f"Solved exercises cannot be kept (MNIST_PROGRESS=off keeps none): {error}")
        return set()


def _say(text: str) -> None:
    """Print in lines of 88 columns, as JupyterLab breaks longer ones in words; what stands in
    brackets or in backticks stays in one piece. Chinese may be broken between any two characters,
    but no line begins with a full-width comma or the like."""
    for line in translated(text).split("\n"):
        joined, depth, quoted = "", 0, False
        for sign in line:
            depth = max(0, depth + (sign in "([") - (sign in ")]"))
            quoted ^= sign == "`"
            joined += "\xa0" if sign == " " and (depth or quoted) else sign
        rows = [""]
        for piece in re.findall(_PIECE, joined):
            if rows[-1].strip(" ") and _columns(rows[-1] + piece) > 88:
                rows.append("")
                piece = piece.lstrip(" ")
            rows[-1] += piece
        print("\n".join(row.rstrip(" \xa0") for row in rows).replace("\xa0", " "))


def _columns(text: str) -> int:
    return len(text) + len(re.findall(f"[{WIDE}]", text))  # a Chinese character takes two
