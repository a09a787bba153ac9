"""Checks a learner's answer and says why: ``check("2.1", answer)``.

The exercises are in ``lesson_01`` to ``lesson_10``, as data; `engine` judges. What counts is what
an answer does, not how it is written: code is tried on several inputs.
"""

import contextlib
import json
import os
from pathlib import Path
import tempfile
import textwrap

from ..data import DataError, data_root
from . import (
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
    lesson_10,
)
from .engine import Verdict

_LESSONS = (
    *(lesson_01, lesson_02, lesson_03, lesson_04, lesson_05),
    *(lesson_06, lesson_07, lesson_08, lesson_10),
)
_EXERCISES = {number: one for lesson in _LESSONS for number, one in lesson.EXERCISES.items()}
_EXERCISES |= lesson_02.PUZZLES  # which `progress` does not count


def check(exercise: object, answer: object) -> None:
    """Print what `judge` says of the answer, and remember for `progress` that it is right."""
    right, message = judge(exercise, answer)
    _say(message)
    if exercise in lesson_02.PUZZLES:
        lesson_02.PUZZLES[exercise].draw(answer)
    if right:
        _solved(exercise)


def hint(exercise: object) -> None:
    """Print the hint of an exercise. Raises ValueError where there is no such exercise."""
    judge(exercise, ...)  # says which there are
    _say(f"Hint: {_EXERCISES[exercise].hint}")


def progress() -> None:
    """Print for each lesson which of its exercises are solved: ``02  ■■□■□  3 of 5``."""
    done = _solved()
    for lesson in _LESSONS:
        marks = "".join("■" if one in done else "□" for one in lesson.EXERCISES)
        print(f"{lesson.__name__[-2:]}  {marks}  {marks.count('■')} of {len(marks)}")


def judge(exercise: object, answer: object) -> Verdict:
    """Say whether an answer is right, and why; while it is, holds or returns ``...``, it waits.
    Raises ValueError for no exercise's number, DataError where the digits cannot be read."""
    if not isinstance(exercise, str) or exercise not in _EXERCISES:
        known = f"Write its number in quotes, one of: {', '.join(_EXERCISES)}."
        raise ValueError(f"There is no exercise {exercise!r}. {known}")
    return _EXERCISES[exercise].verdict(exercise, answer)


def _solved(*new: str) -> set[str]:
    """Return the numbers of the solved exercises, new ones added, from a file beside the digits."""
    done = set()
    if os.environ.get("MNIST_PROGRESS") == "off":
        return done
    try:
        file = data_root() / "progress.json"
        # A file that is not there yet, or is damaged, counts as none.
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, RecursionError):
            done = {one for one in json.loads(file.read_text()) if isinstance(one, str)}
        if not done.issuperset(new):
            done.update(new)
            # Another notebook reads it whole; of two that write at once, one may be forgotten.
            with tempfile.TemporaryDirectory(dir=file.parent) as beside:
                written = Path(beside, file.name)
                written.write_text(json.dumps(sorted(done)))
                os.replace(written, file)
    except (OSError, DataError) as error:
        _say(f"Solved exercises cannot be kept (MNIST_PROGRESS=off keeps none): {error}")
    return done


def _say(text: str) -> None:
    """Print in lines of 88 columns, as JupyterLab breaks longer ones in words. What stands in
    brackets or in backticks, such as a tensor or code, stays in one piece."""
    for line in text.split("\n"):
        joined, depth, quoted = "", 0, False
        for sign in line:
            depth = max(0, depth + (sign in "([") - (sign in ")]"))
            quoted ^= sign == "`"
            joined += "\xa0" if sign == " " and (depth or quoted) else sign
        wrapped = textwrap.fill(joined, 88, break_long_words=False, break_on_hyphens=False)
        print(wrapped.replace("\xa0", " "))
