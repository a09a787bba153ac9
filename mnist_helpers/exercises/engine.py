"""An exercise is data: the right answer, and a sentence for each common mistake.

`Values` asks for numbers or tensors, `Code` for a function, which is tried on several cases beside
a reference, `Free` for what only a function can judge.
"""

from collections.abc import Callable, Mapping, Sequence
import copy
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..data import DataError
from .given import Given, NotYet, refuse, same


class Verdict(NamedTuple):
    """Whether an answer is right, and what is said of it."""

    right: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class _Exercise:
    hint: str

    def verdict(self, number: str, answer: object) -> Verdict:
        try:
            Given(answer).finished()
            # An answer may raise anything when it is looked at.
            advice = {"": f"Hint: {self.hint}"}
            judged = Given(self.judge, "Looking at your answer", advice).call(answer)
        except NotYet as not_yet:
            waits = f"Exercise {number} waits for your answer in place of each `...`."
            ask = f'For a hint: `hint("{number}")`.'
            return Verdict(False, f"Not yet. {not_yet}" if not_yet.args else f"{waits} {ask}")
        return Verdict(True, f"Right. {judged.value}")


@dataclass(frozen=True, kw_only=True)
class Values(_Exercise):
    """Asks for numbers or tensors, each by its name.

    `mistakes` holds those of each value in turn: a wrong value, or a function that tells whether a
    value is of its kind, under its message; ``...`` stands for every other. In a message ``{}``
    becomes the value given.
    """

    praise: str
    right: Mapping[str, Any]
    mistakes: Sequence[Mapping[str, Any]]
    tolerance: float = 1e-5
    tidy: Callable[[Any], Any] = lambda value: value  # makes alike what is as good; may refuse

    def judge(self, answer: object) -> str:
        names, rights = list(self.right), list(self.right.values())
        close = partial(same, tolerance=self.tolerance)
        given = [
            Given(self.tidy(value), f"Your {name}").like(right)
            for value, name, right in zip(Given(answer).entries(names), names, rights, strict=True)
        ]
        fits = list(map(close, given, rights))
        if all(fits):
            return self.praise
        if any(all(map(close, given, order)) for order in permutations(rights)):
            raise NotYet(f"What you give is right, in the wrong order: ({', '.join(names)}).")
        first = fits.index(False)
        wrong, shown = given[first], _shown(given[first])
        passed = "".join(f"Your {name} is right. " for name in names[:first])
        for message, mistake in self.mistakes[first].items():
            fit = _tried(mistake, wrong) if callable(mistake) else close(wrong, mistake)
            if mistake is ... or fit:
                raise NotYet(passed + message.replace("{}", shown))
        raise NotYet(f"{passed}Your {names[first]} is not {shown}.")


_CHANGES = "your function changes what it is given. Work on a copy, by `clone()` or `list()`."


@dataclass(frozen=True, kw_only=True)
class Code(_Exercise):
    """Asks for a function.

    It is called on copies of each of `cases`, as are `right` and `mistakes`; the first mistake that
    explains all results is told. Else the first wrong result is shown beside the right one, with
    `clue`. Once the cases are right it is tried on `later` ones, each under a sentence: "Right for
    shifts above 0. Negative ones move up and left."
    """

    call: str  # "surest(logits)"
    praise: str
    cases: Sequence[tuple]
    right: Callable
    mistakes: Mapping[str, Callable]
    clue: str
    later: Mapping[str, Sequence[tuple]] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)  # as that of `Given`
    tidy: Callable[[Any], Any] = lambda result: result  # makes alike what is as good; may refuse
    remark: Callable[[Callable], str] = lambda function: ""  # added to the praise

    def judge(self, answer: object) -> str:
        changed = self._judge_cases(answer, self.cases)
        for passed, cases in self.later.items():
            changed |= self._judge_cases(answer, cases, f"{passed} ")
        refuse({f"What you return is right, but {_CHANGES}": changed})
        return self.praise + self.remark(answer)

    def _judge_cases(self, function: object, cases: Sequence[tuple], passed: str = "") -> bool:
        """Return whether it changes its arguments; `passed` is said before each complaint."""
        advice = self.advice or ({"": passed.strip()} if passed else {})
        given, rights, refused, changed = [], [], None, False
        for case in cases:
            arguments = copy.deepcopy(case)
            returned = Given(function, self._shown(case), advice).call(*arguments)
            rights.append(self.right(*copy.deepcopy(case)))
            try:
                tidied = Given(self.tidy(returned.value), returned.what)
                given.append(tidied.like(rights[-1]))
            except NotYet as not_yet:
                given.append(returned.value)
                refused = refused or not_yet
            for after, before in zip(arguments, case, strict=True):
                changed |= isinstance(before, (Tensor, list)) and not same(after, before)
        fits = list(map(same, given, rights))
        if not all(fits):
            for message, mistake in self.mistakes.items():
                wrongly = [_tried(mistake, *copy.deepcopy(case)) for case in cases]
                refuse({passed + message: all(map(same, given, wrongly))})
        if refused is not None:
            raise refused
        if all(fits):
            return changed
        first = fits.index(False)
        said = f"{passed}{self._shown(cases[first])} {_difference(given[first], rights[first])}"
        said += "" if passed else f" {self.clue}"
        raise NotYet(f"{said} And {_CHANGES}" if changed else said)

    def _shown(self, case: tuple) -> str:
        """Return the call with a case: small tensors in full, larger ones by name and shape."""
        name, names = self.call.removesuffix(")").split("(")
        small = sum(one.numel() for one in case if isinstance(one, Tensor)) <= 20
        parts = []
        for argument, value in zip(names.split(", "), case, strict=True):
            if isinstance(value, Tensor):
                shape = f"{argument} {list(value.shape)}"
                parts.append(f"tensor({_shown(value.tolist())})" if small else shape)
            else:
                parts.append(argument if callable(value) else repr(value))
        return f"{name}({', '.join(parts)})"


@dataclass(frozen=True, kw_only=True)
class Free(_Exercise):
    """Asks for what only a function can judge: it returns the praise, or refuses."""

    judge: Callable[[Any], str]


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
    return f"{value:,}" if isinstance(value, int) else Given(value).kind
