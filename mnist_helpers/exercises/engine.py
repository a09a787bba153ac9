"""An exercise is data: the right answer, and a sentence for each common mistake. `judge` compares.

`Values` asks for one or several numbers or tensors, `Code` for a function, which is tried on several
cases beside a reference. What fits neither is `Free`: a function that returns the praise or raises
`NotYet`. Mistakes stand under the message that they earn.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import copy
from dataclasses import dataclass, field
import itertools
import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..data import DataError


class NotYet(Exception):
    """An answer that is not right yet; its message says why."""


class Unanswered(Exception):
    """An answer that is, holds or returns ``...``; it gets the hint."""


class Verdict(NamedTuple):
    """What is said of an answer: whether it is right, and a message to the learner."""

    right: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class Values:
    """Asks for numbers or tensors, each by its name.

    A mistake is a wrong value, or a function that tells whether a value is of its kind; ``...``
    stands for every other. In a message ``{}`` becomes the value given.
    """

    hint: str
    praise: str
    right: Mapping[str, Any] | Callable[[], Mapping[str, Any]]  # in order; a function reads digits
    mistakes: Mapping[str, Mapping[str, Any]]  # of each name
    tolerance: float = 0
    read: Callable[[object, str], Any] | None = None  # of a value and what it is: one to compare

    def judge(self, answer: object) -> str:
        rights = self.right() if callable(self.right) else self.right
        given = {}
        for value, (name, right) in zip(several(answer, rights), rights.items(), strict=True):
            what = f"Your {name}"
            given[name] = self.read(value, what) if self.read else like(right, value, what)
        names = list(rights)
        wrong = [name for name in names if not self._close(given[name], rights[name])]
        if not wrong:
            return self.praise
        for order in itertools.permutations(names):
            if all(self._close(given[n], rights[m]) for n, m in zip(names, order, strict=True)):
                wanted = ", ".join(names)
                raise NotYet(
                    f"What you give is right, in the wrong order. It has to be: ({wanted})."
                )
        name, value, before = wrong[0], given[wrong[0]], names.index(wrong[0])
        passed = f"The first {before} are right. " if before > 1 else ""
        if before == 1:
            passed = f"Your {names[0]} is right. "
        for message, mistake in self.mistakes[name].items():
            if mistake is ... or self._is_mistake(value, mistake):
                raise NotYet(passed + message.replace("{}", _shown(value)))
        raise NotYet(f"{passed}Your {name} is not {_shown(value)}.")

    def _is_mistake(self, value: Any, mistake: Any) -> bool:
        if not callable(mistake):
            return self._close(value, mistake)
        try:
            return bool(mistake(value))
        except DataError:
            raise
        except MISFITS:
            return False

    def _close(self, one: Any, other: Any) -> bool:
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            return abs(one - other) <= self.tolerance
        return same(one, other)


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
    right: Callable[..., Any]
    mistakes: Mapping[str, Callable[..., Any] | tuple[Callable[..., Any], ...]]
    clue: str
    later: Mapping[str, Sequence[tuple]] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)  # for a part of an error, or "None"
    tidy: Callable[[Any], Any] = lambda result: result  # makes alike what is as good; may refuse
    remark: Callable[[Callable[..., Any]], str] = lambda function: ""  # added to the praise

    def judge(self, answer: object) -> str:
        function = a_function(answer, self.call)
        changed = self._judge_cases(function, self.cases, "", self.clue, self.advice)
        for passed, cases in self.later.items():
            advice = self.advice or {"": passed}
            changed += self._judge_cases(function, cases, f"{passed} ", "", advice)
        if changed:
            raise NotYet(f"What you return is right, but your function also {changed[0]}")
        return self.praise + self.remark(function)

    def _judge_cases(
        self,
        function: Callable[..., Any],
        cases: Sequence[tuple],
        passed: str,
        clue: str,
        advice: Mapping[str, str],
    ) -> list[str]:
        """Return which arguments were changed, as ends of sentences."""
        given, rights, refused, changed = [], [], None, []
        for case in cases:
            shown, arguments = self._shown(case), copy.deepcopy(case)
            result = called(function, *arguments, shown=shown, advice=advice)
            rights.append(self.right(*copy.deepcopy(case)))
            try:
                result = self.tidy(result)
                result = like(rights[-1], result, f"What {shown} returns")
            except NotYet as not_yet:
                refused = refused or not_yet
            given.append(result)
            changed += self._changes(arguments, case)
        if refused is None and all(map(same, given, rights)):
            return changed
        for message, wrongs in self.mistakes.items():
            for wrong in wrongs if isinstance(wrongs, tuple) else (wrongs,):
                with contextlib.suppress(*MISFITS):  # a mistake need not fit every case
                    results = [wrong(*copy.deepcopy(case)) for case in cases]
                    if all(map(same, given, results)):
                        raise NotYet(passed + message)
        if refused is not None:
            raise refused
        for case, result, right in zip(cases, given, rights, strict=True):
            if not same(result, right):
                also = f" Your function also {changed[0]}" if changed else ""
                said = f"{self._shown(case)} {_difference(result, right)} {clue}".rstrip()
                raise NotYet(passed + said + also)
        raise AssertionError("no result differs")

    def _shown(self, case: tuple) -> str:
        name, names = self.call.removesuffix(")").split("(")
        parts = [_brief(*pair) for pair in zip(names.split(", "), case, strict=True)]
        return f"{name}({', '.join(parts)})"

    def _changes(self, arguments: Sequence[Any], case: tuple) -> list[str]:
        names = self.call.removesuffix(")").split("(")[1].split(", ")
        return [
            f"changes the {name} that it is given. Work on a copy, `{name}.clone()`."
            if isinstance(before, Tensor)
            else f"changes the list `{name}` that it is given. Work on a copy, `list({name})`."
            for name, after, before in zip(names, arguments, case, strict=True)
            if isinstance(before, (Tensor, list)) and not same(after, before)
        ]


@dataclass(frozen=True, kw_only=True)
class Free:
    """Asks for what only a function can judge: it returns the praise, or raises `NotYet`."""

    hint: str
    judge: Callable[[Any], str]


# What a mistake may raise on a value or a case that it does not fit.
MISFITS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def judge(exercise: Values | Code | Free, answer: object) -> Verdict:
    """Say whether an answer is right, and why; while it is, holds or returns ``...``, give the hint.

    Raises DataError where the digits are needed and cannot be read.
    """
    try:
        if unfinished(answer):
            raise Unanswered
        return Verdict(True, f"Right. {exercise.judge(answer)}")
    except Unanswered:
        return Verdict(False, f"Hint: {exercise.hint}")
    except NotYet as not_yet:
        return Verdict(False, f"Not yet. {not_yet}")
    except DataError:
        raise  # whatever the answer is
    except Exception as error:  # an answer may raise anything when it is looked at
        return Verdict(
            False,
            f"Not yet. Your answer is of the type {type(answer).__name__}, and to look at it raises "
            f"{first_line(error)}\nHint: {exercise.hint}",
        )


def called(
    function: Callable[..., Any],
    *arguments: object,
    shown: str,
    advice: Mapping[str, str] | None = None,
) -> Any:
    """Return what a learner's code returns. `shown` is the call as a learner could write it;
    `advice` says, for a part of an error's message, what most likely is behind it."""
    advice = advice or {}
    try:
        result = function(*arguments)
    except Exception as error:  # a learner's code can raise anything, and is to be told so
        tips = [text for part, text in advice.items() if part in str(error)]
        tip = tips[0] if tips else "Run that call in a cell of its own to see the whole traceback."
        raise NotYet(f"{shown} raises {first_line(error)}\n{tip}") from error
    if unfinished(result):
        raise Unanswered
    if result is None:
        raise NotYet(f"{shown} returns None. {advice.get('None', 'Does it end with `return`?')}")
    return result


def a_function(answer: object, call: str) -> Callable[..., Any]:
    """Return a function; `call` is how it is called, "surest(logits)"."""
    if isinstance(answer, type) or not callable(answer):
        name = call.split("(")[0]
        raise NotYet(
            f"Your answer is {described(answer)}. Give the function itself, without calling it: "
            f"`{name}`."
        )
    return answer


def a_module(answer: object) -> nn.Module:
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        raise NotYet(
            f"Your answer is {described(answer)}. Make a network of it by calling it: "
            f"{answer.__name__}()."
        )
    if isinstance(answer, Tensor):
        raise NotYet("Your answer is a tensor, what a module gives. Give the module itself.")
    if not isinstance(answer, nn.Module):
        raise NotYet(
            f"Your answer is {described(answer)}; it has to be a module, such as an nn.Sequential."
        )
    return answer


def several(value: object, names: Sequence[str] | Mapping[str, Any]) -> list[Any]:
    """Return the entries of a list, tuple, dictionary or tensor that has one for each name."""
    if len(names) == 1 and not isinstance(value, (list, tuple, Mapping)):
        return [value]
    if isinstance(value, Mapping):
        missing = [name for name in names if name not in value]
        if missing:
            raise NotYet(f"The entry {missing[0]!r} is missing.")
        return [value[name] for name in names]
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        wanted = "one value" if len(names) == 1 else f"{len(names)} values in this order"
        raise NotYet(f"Your answer is {described(value)}; give {wanted}: ({', '.join(names)}).")
    return list(value)


def like(right: object, value: Any, what: str) -> Any:
    """Return a value as the right one is: a tensor, a whole number, a number, or a tuple of such.

    `what` begins a sentence: "Your padding".
    """
    if isinstance(right, tuple):
        parts = several(value, [str(place) for place in range(1, len(right) + 1)])
        return tuple(like(one, part, what) for one, part in zip(right, parts, strict=True))
    if isinstance(right, Tensor):
        value = a_tensor(value, what)
        if right.is_floating_point() and not value.is_floating_point():
            dtype = str(value.dtype).removeprefix("torch.")
            raise NotYet(f"{what} is {dtype}, which cuts fractions off. Make it float.")
        if not right.is_floating_point() and value.dtype != right.dtype:
            given, wanted = (str(one.dtype).removeprefix("torch.") for one in (value, right))
            raise NotYet(f"{what} is {given}, and has to be {wanted}.")
        return value
    return whole_number(value, what) if isinstance(right, int) else real_number(value, what)


def a_tensor(value: object, what: str) -> Tensor:
    if isinstance(value, np.ndarray):
        raise NotYet(f"{what} is a NumPy array; `torch.from_numpy` makes a tensor of it.")
    if isinstance(value, list):
        raise NotYet(
            f"{what} is a list. `torch.tensor` makes a tensor of numbers, `torch.stack` of tensors."
        )
    if not isinstance(value, Tensor):
        raise NotYet(f"{what} has to be a tensor; yours is {described(value)}.")
    return value.detach().cpu().clone()


def whole_number(value: object, what: str) -> int:
    number = real_number(value, what)
    if isinstance(number, float):
        raise NotYet(
            f"{what} is {number}, a float. It has to be a whole number: round it the right way, or "
            f"divide with `//`."
        )
    return int(number)


def real_number(value: object, what: str) -> float:
    """Return a number, an int as it is; a tensor or an array that holds just one is accepted."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)) and math.prod(value.shape) == 1:
        value = value.item()
    if isinstance(value, bool):
        raise NotYet(f"{what} is {value}, which is a bool: a yes or no, not a number.")
    if not isinstance(value, numbers.Real):
        raise NotYet(f"{what} has to be a number; yours is {described(value)}.")
    try:
        finite = math.isfinite(value)
    except OverflowError as error:
        raise NotYet(f"{what} is larger than any float can be.") from error
    if not finite:
        raise NotYet(f"{what} is {value}: somewhere a logarithm of 0 or a division by 0.")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def same(one: object, other: object) -> bool:
    """Return whether two results are alike, but for rounding; whole numbers have to be equal."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    try:
        one, other = torch.as_tensor(one), torch.as_tensor(other)
    except (TypeError, ValueError, RuntimeError):  # no numbers, or too large
        return isinstance(one, int) and isinstance(other, int) and one == other
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or other.is_floating_point()):
        return torch.equal(one, other)
    one, other = one.double(), other.double()
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def unfinished(answer: object) -> bool:
    """Return whether an answer is ``...``, or a list, tuple or dictionary with ``...`` in it."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(unfinished, answer)))


def described(value: object) -> str:
    """Return what a value is: ``the int 234``, ``a tensor [3, 28] of float32``, ``a function``."""
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array {list(value.shape)}"
    if value is None:
        return "None"
    if isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return f"the {type(value).__name__} {text if len(text) < 60 else text[:60] + '…'}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"


def _difference(given: Any, right: Any) -> str:
    """Return where two results differ, as the end of a sentence."""
    if not isinstance(right, Tensor):
        return f"is {_shown(given)} with yours, and should be {_shown(right)}."
    if given.shape != right.shape:
        return f"has the shape {list(given.shape)} with yours, and should have {list(right.shape)}."
    close = torch.isclose(given.double(), right.double(), rtol=1e-4, atol=1e-5)
    place = tuple((~close).nonzero()[0].tolist())
    one, other = given[place].item(), right[place].item()
    return f"has {one:.4g} at {list(place)} with yours, and should have {other:.4g}."


def _brief(name: str, argument: object) -> str:
    if not isinstance(argument, Tensor):
        return repr(argument) if isinstance(argument, (int, float, str, list)) else name
    if argument.numel() > 12:
        return f"{name} {list(argument.shape)}"
    return f"tensor({_shown(argument.tolist())})"


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_shown, value))
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else described(value)
