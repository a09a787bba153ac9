"""An exercise is data: the right answer, and a sentence for each common mistake. `judge` compares.

`Values` asks for numbers or tensors, `Code` for a function, which is tried on several cases beside
a reference, `Free` for what only a function can judge. A mistake stands under its sentence.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
import copy
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import DataError


class NotYet(Exception):
    """An answer that is not right yet; its message says why."""


class _Unanswered(Exception):
    """An answer that is, holds or returns ``...``; it gets the hint."""


class Verdict(NamedTuple):
    """Whether an answer is right, and what is said of it."""

    right: bool
    message: str


_CHANGES = (
    "your function changes what it is given. Work on a copy: `clone()` or `list()` makes one."
)


@dataclass(frozen=True, kw_only=True)
class Values:
    """Asks for numbers or tensors, each by its name.

    A mistake is a wrong value, or a function that tells whether a value is of its kind; ``...``
    stands for every other. In a message ``{}`` becomes the value given.
    """

    hint: str
    praise: str
    right: Mapping[str, Any]
    mistakes: Mapping[str, Mapping[str, Any]]
    tolerance: float = 1e-5
    read: Callable[[object, str], Any] | None = None  # of a value and what it is: one to compare

    def judge(self, answer: object) -> str:
        names, close, given = list(self.right), partial(same, tolerance=self.tolerance), []
        for value, (name, right) in zip(several(answer, names), self.right.items(), strict=True):
            what = f"Your {name}"
            given.append(self.read(value, what) if self.read else _like(right, value, what))
        fits = list(map(close, given, self.right.values()))
        if all(fits):
            return self.praise
        if any(all(map(close, given, order)) for order in permutations(self.right.values())):
            raise NotYet(f"What you give is right, in the wrong order: ({', '.join(names)}).")
        wrong = fits.index(False)
        verb = "are" if wrong > 1 else "is"
        passed = f"Your {' and '.join(names[:wrong])} {verb} right. " if wrong else ""
        for message, mistake in self.mistakes[names[wrong]].items():
            fit = (
                _tried(mistake, given[wrong]) if callable(mistake) else close(given[wrong], mistake)
            )
            if mistake is ... or fit:
                raise NotYet(passed + message.replace("{}", _shown(given[wrong])))
        raise NotYet(f"{passed}Your {names[wrong]} is not {_shown(given[wrong])}.")


@dataclass(frozen=True, kw_only=True)
class Code:
    """Asks for a function.

    It is called on copies of each of `cases`, as are `right` and `mistakes` (one function or several
    under a message); the first mistake that explains all results is told. Else the first wrong
    result is shown beside the right one, with `clue`. Once the cases are right it is tried on
    `later` ones, each under a sentence: "Right for shifts above 0. Negative ones move up and left."
    """

    call: str  # "surest(logits)"
    hint: str
    praise: str
    cases: Sequence[tuple]
    right: Callable
    mistakes: Mapping[str, Callable | tuple[Callable, ...]]
    clue: str
    later: Mapping[str, Sequence[tuple]] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)  # for a part of an error, or "None"
    tidy: Callable[[Any], Any] = lambda result: result  # makes alike what is as good; may refuse
    remark: Callable[[Callable], str] = lambda function: ""  # added to the praise

    def judge(self, answer: object) -> str:
        function, changed = a_function(answer, self.call), False
        for passed, cases in {"": self.cases, **self.later}.items():
            changed |= self._judge_cases(function, cases, passed)
        if changed:
            raise NotYet(f"What you return is right, but {_CHANGES}")
        return self.praise + self.remark(function)

    def _judge_cases(self, function: Callable, cases: Sequence[tuple], passed: str) -> bool:
        """Return whether it changes its arguments; `passed` is said before each complaint."""
        advice = self.advice or ({"": passed} if passed else {})
        given, rights, refused, changed = [], [], None, False
        for case in cases:
            shown, arguments = self._shown(case), copy.deepcopy(case)
            result = called(function, *arguments, shown=shown, advice=advice)
            rights.append(self.right(*copy.deepcopy(case)))
            try:
                result = _like(rights[-1], self.tidy(result), f"What {shown} returns")
            except NotYet as not_yet:
                refused = refused or not_yet
            given.append(result)
            for after, before in zip(arguments, case, strict=True):
                changed |= isinstance(before, (Tensor, list)) and not same(after, before)
        if all(map(same, given, rights)):
            if refused is not None:
                raise refused
            return changed
        for message, wrongs in self.mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                wrongly = [_tried(wrong, *copy.deepcopy(case)) for case in cases]
                if all(map(same, given, wrongly)):
                    raise NotYet(f"{passed} {message}".lstrip())
        if refused is not None:
            raise refused
        wrong = list(map(same, given, rights)).index(False)
        shown, clue = self._shown(cases[wrong]), "" if passed else self.clue
        said = f"{passed} {shown} {_difference(given[wrong], rights[wrong])} {clue}".strip()
        raise NotYet(f"{said} And {_CHANGES}" if changed else said)

    def _shown(self, case: tuple) -> str:
        """Return the call with a case: small tensors in full, larger ones by name and shape."""
        name, names = self.call.removesuffix(")").split("(")
        small = sum(one.numel() for one in case if isinstance(one, Tensor)) <= 20
        parts = []
        for argument, value in zip(names.split(", "), case, strict=True):
            if isinstance(value, Tensor) and not small:
                parts.append(f"{argument} {list(value.shape)}")
            elif isinstance(value, Tensor):
                parts.append(f"tensor({_shown(value.tolist())})")
            else:
                parts.append(argument if callable(value) else repr(value))
        return f"{name}({', '.join(parts)})"


@dataclass(frozen=True, kw_only=True)
class Free:
    """Asks for what only a function can judge: it returns the praise, or raises `NotYet`."""

    hint: str
    judge: Callable[[Any], str]


def judge(exercise: Values | Code | Free, answer: object) -> Verdict:
    """Say whether an answer is right, and why; while it is, holds or returns ``...``, give the hint.

    Raises DataError where the digits are needed and cannot be read.
    """
    try:
        if _unfinished(answer):
            raise _Unanswered
        return Verdict(True, f"Right. {exercise.judge(answer)}")
    except _Unanswered:
        return Verdict(False, f"Hint: {exercise.hint}")
    except NotYet as not_yet:
        return Verdict(False, f"Not yet. {not_yet}")
    except DataError:
        raise  # whatever the answer is
    except Exception as error:  # an answer may raise anything when it is looked at
        kind = type(answer).__name__
        looked = f"Your answer is of the type {kind}, and to look at it raises {_first_line(error)}"
        return Verdict(False, f"Not yet. {looked}\nHint: {exercise.hint}")


def refuse(complaints: Mapping[str, Any]) -> None:
    """Raise `NotYet` with the first message whose condition holds."""
    for message, holds in complaints.items():
        if holds:
            raise NotYet(message)


def called(function: Callable, *given: Any, shown: str, advice: Mapping | None = None) -> Any:
    """Return what a learner's code returns. `shown` is the call as a learner could write it;
    `advice` says, for a part of an error's message, what most likely is behind it."""
    tips = dict(advice or {})
    tips.setdefault("", "Make such a call in a cell of its own to see the whole traceback.")
    try:
        result = function(*given)
    except Exception as error:  # a learner's code can raise anything, and is to be told so
        tip = next(tip for part, tip in tips.items() if part in str(error))
        raise NotYet(f"{shown} raises {_first_line(error)}\n{tip}") from error
    if _unfinished(result):
        raise _Unanswered
    if result is None:
        raise NotYet(f"{shown} returns None. {tips.get('None', 'Does it end with `return`?')}")
    return result


def a_function(answer: object, call: str) -> Callable:
    """Return a function; `call` is how it is called, "surest(logits)"."""
    if isinstance(answer, type) or not callable(answer):
        wanted = f"Give the function itself, without calling it: `{call.split('(')[0]}`."
        raise NotYet(f"Your answer is {described(answer)}. {wanted}")
    return answer


def several(value: object, names: Collection[str], what: str = "Your answer") -> list[Any]:
    """Return the entries of a list, tuple, dictionary or tensor that has one for each name."""
    if len(names) == 1 and not isinstance(value, (list, tuple, Mapping)):
        return [value]
    if isinstance(value, Mapping):
        refuse({f"The entry {name!r} is missing.": name not in value for name in names})
        return [value[name] for name in names]
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        wanted = "one value" if len(names) == 1 else f"{len(names)} values in this order"
        raise NotYet(f"{what} is {described(value)}; give {wanted}: ({', '.join(names)}).")
    return list(value)


def _like(right: object, value: Any, what: str) -> Any:
    """Return a value as the right one is: a tensor, a whole number, a number, or a tuple of such.

    `what` begins a sentence: "Your padding".
    """
    if isinstance(right, tuple):
        parts = several(value, [f"number {place + 1}" for place in range(len(right))], what)
        return tuple(_like(one, part, what) for one, part in zip(right, parts, strict=True))
    if not isinstance(right, Tensor):
        return whole_number(value, what) if isinstance(right, int) else real_number(value, what)
    value = a_tensor(value, what)
    if value.dtype != right.dtype and not (right.is_floating_point() and value.is_floating_point()):
        cut = ", which cuts fractions off" if right.is_floating_point() else ""
        raise NotYet(f"{what} is {value.dtype}{cut}. Make it {right.dtype}.")
    return value


def a_tensor(value: object, what: str) -> Tensor:
    if isinstance(value, np.ndarray):
        raise NotYet(f"{what} is a NumPy array; `torch.from_numpy` makes a tensor of it.")
    if isinstance(value, list):
        ways = "`torch.tensor` makes a tensor of numbers, `torch.stack` of tensors"
        raise NotYet(f"{what} is a list. {ways}.")
    if not isinstance(value, Tensor):
        raise NotYet(f"{what} has to be a tensor; yours is {described(value)}.")
    return value.detach().cpu().clone()


def in_float32(result: Any) -> Any:
    """Return a result; refuse pixels that have become float64, which no network takes."""
    doubled = isinstance(result, Tensor) and result.dtype == torch.float64
    refuse({"Yours is float64; the pixels have to stay what they are, float32.": doubled})
    return result


def whole_number(value: object, what: str) -> int:
    number = real_number(value, what)
    if isinstance(number, float):
        wanted = "It has to be a whole number: round it the right way, or divide with `//`."
        raise NotYet(f"{what} is {number}, a float. {wanted}")
    return number


def real_number(value: object, what: str) -> int | float:
    """Return a number, an int as it is; a tensor or an array that holds just one is accepted."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, bool):
        raise NotYet(f"{what} is {value}, which is a bool: a yes or no, not a number.")
    if not isinstance(value, numbers.Real):
        raise NotYet(f"{what} has to be a number; yours is {described(value)}.")
    if not math.isfinite(value):
        raise NotYet(f"{what} is {value}: somewhere a logarithm of 0 or a division by 0.")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def same(one: object, other: object, tolerance: float = 1e-5) -> bool:
    """Return whether two results are alike, but for rounding; whole numbers have to be equal."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        one, other = torch.as_tensor(one), torch.as_tensor(other)
    except (TypeError, ValueError, RuntimeError):  # no numbers, or too large
        return False
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or other.is_floating_point()):
        return torch.equal(one, other)
    one, other = one.double(), other.double()
    return torch.allclose(one, other, rtol=1e-4, atol=tolerance, equal_nan=True)


def _unfinished(answer: object) -> bool:
    """Return whether an answer is ``...``, or a list, tuple or dictionary with ``...`` in it."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(_unfinished, answer)))


def described(value: object) -> str:
    """Return what a value is: ``the int 234``, ``a tensor [3, 28] of float32``, ``a function``."""
    name = type(value).__name__
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    if value is None or isinstance(value, type):
        return "None" if value is None else f"the class {value.__name__}"
    if isinstance(value, (bool, int, float, str)):
        return f"the {name} {repr(value)[:60]}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {name} of {len(value)}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"


def _tried(mistake: Callable, *arguments: object) -> Any:
    """Return what a mistake makes of a value or a case, which it need not fit."""
    try:
        return mistake(*arguments)
    except DataError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None


def _difference(given: Any, right: Any) -> str:
    """Return where two results differ, as the end of a sentence."""
    if not isinstance(right, Tensor):
        return f"is {_shown(given)} with yours, and should be {_shown(right)}."
    if given.shape != right.shape:
        return f"has the shape {list(given.shape)} with yours, and should have {list(right.shape)}."
    place = next(place for place in np.ndindex(right.shape) if not same(given[place], right[place]))
    one, other = _shown(given[place].item()), _shown(right[place].item())
    return f"has {one} at {list(place)} with yours, and should have {other}."


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_shown, value))
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else described(value)
