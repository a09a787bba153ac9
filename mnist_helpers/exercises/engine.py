"""An exercise is data: the right answer, and a sentence for each common mistake.

`Values` asks for numbers or tensors, `Code` for a function, which is tried on several cases beside
a reference, `Free` for what only a function can judge. `Given` is what a learner gives.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import copy
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, permutations
import math
import numbers
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..data import DataError


class _Verdict(NamedTuple):
    """Whether an answer is right, and what is said of it."""

    right: bool
    message: str


class _NotYet(Exception):
    """An answer that is not right yet; the message says why. Without one it is still `...`."""


def _random(*shape: int) -> Tensor:
    """Return numbers from 0 to 1: for one shape always the same."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape)))


def refuse(complaints: Mapping[str, Any]) -> None:
    """Raise `_NotYet` with the first message whose condition holds."""
    for message, holds in complaints.items():
        if holds:
            raise _NotYet(message)


def _in_tensor(value: object) -> object:
    """Make one tensor of a list, tuple, dictionary or iterator, of numbers or rows."""
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, (list, tuple, Iterator)):
        return value
    try:
        return torch.as_tensor(np.array([np.asarray(one) for one in value]))
    except (TypeError, ValueError):
        raise _NotYet("It has to hold numbers alone, in rows of one length.") from None


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


@dataclass(frozen=True)
class Given:
    """What a learner gives, with what begins a sentence about it: "Your padding". Each method reads
    it as one thing, or raises `_NotYet`."""

    value: Any
    what: str = "Your answer"
    advice: Mapping[str, str] = field(default_factory=dict)  # for a part of an error, or "None"

    @property
    def kind(self) -> str:
        """What it is: ``234``, ``a tensor [3, 28] of float32``, ``of the type function``."""
        value, name = self.value, type(self.value).__name__
        if isinstance(value, Tensor):
            return f"a tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
        if isinstance(value, type):
            return f"the class {value.__name__}"
        if isinstance(value, (list, tuple, dict)):
            return f"a {name} of {len(value)}"
        plain = isinstance(value, (int, float, str, type(None)))
        return repr(value)[:60] if plain else f"of the type {name}"

    def finished(self) -> "Given":
        """Refuse ``...``, and a list, tuple or dictionary with ``...`` in it."""
        if self.value is ...:
            raise _NotYet
        parts = list(self.value.values()) if isinstance(self.value, Mapping) else self.value
        for part in parts if isinstance(parts, (list, tuple)) else ():
            Given(part).finished()
        return self

    def call(self, *arguments: Any) -> "Given":
        """Return what it returns; `what` is the call as a learner could write it."""
        if isinstance(self.value, type) or not callable(self.value):
            name = self.what.split("(")[0]
            raise _NotYet(f"Your answer is {self.kind}. Give the function itself: `{name}`.")
        try:
            result = self.value(*arguments)
        except (_NotYet, DataError):
            raise
        except Exception as error:  # a learner's code can raise anything, and is to be told so
            tip = "Make such a call in a cell of its own to see the whole traceback."
            tip = next((tip for part, tip in self.advice.items() if part in str(error)), tip)
            line = (str(error).strip() or "no message").splitlines()[0]
            raise _NotYet(f"{self.what} raises {type(error).__name__}: {line}\n{tip}") from error
        tip = self.advice.get("None", "Does it end with `return`?")
        refuse({f"{self.what} returns None. {tip}": result is None})
        return Given(result, f"What {self.what} returns").finished()

    def module(self) -> nn.Module:
        if isinstance(self.value, type) and issubclass(self.value, nn.Module):
            raise _NotYet(f"{self.what} is {self.kind}. Call it: {self.value.__name__}().")
        if not isinstance(self.value, nn.Module):
            raise _NotYet(f"{self.what} is {self.kind}; it has to be an nn.Module.")
        return self.value

    def batches(self, limit: int) -> list[list[Tensor]]:
        """Return the pairs of tensors that it holds or yields, `limit` at most."""
        wanted = "It has to yield pairs (images, labels), as a DataLoader does."

        def walk() -> list:
            return [(images, labels) for images, labels in islice(self.value, limit)]

        pairs = Given(walk, "Walking through it", {"": wanted}).call().value
        batches = [[Given(part, "What stands in a pair").tensor() for part in one] for one in pairs]
        single = any(part.ndim == 0 for pair in batches for part in pair)
        refuse({f"{self.what} holds single numbers. {wanted}": single})
        return batches

    def entries(self, names: Sequence[str]) -> list[Any]:
        """Return the entries of a list, tuple, dictionary or tensor that has one for each name."""
        value = self.value
        if len(names) == 1 and not isinstance(value, (list, tuple, Mapping)):
            return [value]
        if isinstance(value, Mapping):
            refuse({f"The entry {name!r} is missing.": name not in value for name in names})
            return [value[name] for name in names]
        if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 1:
            value = value.tolist()
        if not isinstance(value, (list, tuple)) or len(value) != len(names):
            wanted = f"give a value for each, in this order: ({', '.join(names)})."
            raise _NotYet(f"{self.what} is {Given(value).kind}; {wanted}")
        return list(value)

    def like(self, right: object) -> Any:
        """Return it as the right one is: a number, a tensor, or a tuple or list of such."""
        if isinstance(right, tuple):
            parts = self.entries([f"number {place + 1}" for place in range(len(right))])
            pairs = zip(parts, right, strict=True)
            return tuple(Given(part, self.what).like(one) for part, one in pairs)
        if isinstance(right, list):  # of whole numbers, however many
            wanted = f"{self.what} is {self.kind}; it has to be a list of whole numbers."
            refuse({wanted: not isinstance(self.value, (list, tuple))})
            what = f"An entry of {self.what.lower()}"
            return [Given(one, what).number(whole=True) for one in self.value]
        if not isinstance(right, Tensor):
            return self.number(whole=isinstance(right, int))
        value, fraction = self.value, right.is_floating_point()
        if isinstance(value, np.ndarray) and value.dtype.kind in "bif":
            value = torch.tensor(value)
        value = Given(value, self.what).tensor()
        if value.dtype != right.dtype and not (fraction and value.is_floating_point()):
            cut = ", which cuts fractions off" if fraction else ""
            raise _NotYet(f"{self.what} is {value.dtype}{cut}. Make it {right.dtype}.")
        return value

    def tensor(self) -> Tensor:
        if not isinstance(self.value, Tensor):
            ways = "`torch.tensor` makes one of numbers, `torch.stack` of tensors."
            raise _NotYet(f"{self.what} has to be a tensor; yours is {self.kind}. {ways}")
        # A copy: a learner's function may use one tensor for all that it returns.
        return self.value.detach().cpu().clone()

    def number(self, whole: bool = False) -> int | float:
        """Return a number, an int as it is; a tensor or an array may hold just one."""
        value = self.value
        if isinstance(value, (Tensor, np.ndarray, np.generic)) and math.prod(value.shape) == 1:
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise _NotYet(f"{self.what} has to be a number; yours is {Given(value).kind}.")
        if not math.isfinite(value):
            raise _NotYet(f"{self.what} is {value}: somewhere a logarithm of 0 or a division by 0.")
        if isinstance(value, numbers.Integral):
            return int(value)
        if whole:
            way = f"`int({float(value)})`" if value == int(value) else "divide with `//`"
            raise _NotYet(f"{self.what} is {float(value)}, a float. Make it whole: {way}.")
        return float(value)


@dataclass(frozen=True, kw_only=True)
class _Exercise:
    hint: str

    def verdict(self, number: str, answer: object) -> _Verdict:
        try:
            Given(answer).finished()
            # An answer may raise anything when it is looked at.
            advice = {"": f"Hint: {self.hint}"}
            judged = Given(self.judge, "Looking at your answer", advice).call(answer)
        except _NotYet as not_yet:
            waits = f"Exercise {number} waits for your answer in place of each `...`."
            ask = f'For a hint: `hint("{number}")`.'
            return _Verdict(False, f"Not yet. {not_yet}" if not_yet.args else f"{waits} {ask}")
        return _Verdict(True, f"Right. {judged.value}")


@dataclass(frozen=True, kw_only=True)
class Values(_Exercise):
    """Asks for numbers or tensors by name. `mistakes` holds those of each: a wrong value, or what
    tells whether a value is of its kind; ``...`` is every other. ``{}`` becomes the value given."""

    praise: str
    right: Mapping[str, Any]
    mistakes: Sequence[Mapping[str, Any]]
    tolerance: float = 1e-5
    tidy: Callable = lambda value: value  # makes alike what is as good; may refuse

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
            raise _NotYet(f"What you give is right, in the wrong order: ({', '.join(names)}).")
        first = fits.index(False)
        wrong, shown = given[first], _shown(given[first])
        passed = "".join(f"Your {name} is right. " for name in names[:first])
        for message, mistake in self.mistakes[first].items():
            fit = _tried(mistake, wrong) if callable(mistake) else close(wrong, mistake)
            if mistake is ... or fit:
                raise _NotYet(passed + message.replace("{}", shown))
        other = "right" if shown == _shown(rights[first]) else shown
        raise _NotYet(f"{passed}Your {names[first]} is not {other}. Hint: {self.hint}")


_CHANGES = "your function changes what it is given. Work on a copy, by `clone()` or `list()`"


@dataclass(frozen=True, kw_only=True)
class Code(_Exercise):
    """Asks for a function. The first mistake that explains its results of all `cases` is told, else
    the first wrong result beside the right one. Then come the `later` cases, each under a sentence:
    "Right for shifts above 0."
    """

    call: str  # "surest(logits)"
    praise: str
    cases: Sequence[tuple]
    right: Callable
    mistakes: Mapping[str, Callable] = field(default_factory=dict)
    clue: str = ""  # what the result has to be, where the hint does not say it
    later: Mapping[str, Sequence[tuple]] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)  # as that of `Given`
    tidy: Callable = lambda result: result  # as that of `Values`
    remark: Callable = lambda function: ""  # added to the praise

    def judge(self, answer: object) -> str:
        changed = False
        for passed, cases in {"": self.cases, **self.later}.items():
            changed |= self._judge_cases(answer, cases, passed and f"{passed} ")
        refuse({f"What you return is right, but {_CHANGES}.": changed})
        return self.praise + self.remark(answer)

    def _judge_cases(self, function: object, cases: Sequence[tuple], passed: str) -> bool:
        """Return whether it changes its arguments; `passed` is said before each complaint."""
        advice = self.advice or ({"": passed.strip()} if passed else {})
        given, rights, refused, changed = [], [], None, False
        for case in cases:
            arguments = copy.deepcopy(case)
            returned = Given(function, self._call_with(case), advice).call(*arguments)
            rights.append(self.right(*copy.deepcopy(case)))
            try:
                given.append(Given(self.tidy(returned.value), returned.what).like(rights[-1]))
            except _NotYet as not_yet:
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
        said = f"{passed}{self._call_with(cases[first])}{_difference(given[first], rights[first])}"
        said += "" if passed else f" {self.clue or f'Hint: {self.hint}'}"
        raise _NotYet(said + f" And {_CHANGES}." * changed)

    def _call_with(self, case: tuple) -> str:
        """Return the call with a case: larger tensors by name and shape, objects by name."""
        name, names = self.call.removesuffix(")").split("(")
        small = sum(one.numel() for one in case if isinstance(one, Tensor)) <= 20
        parts = []
        for argument, value in zip(names.split(", "), case, strict=True):
            if isinstance(value, Tensor):
                shape = f"{argument} {list(value.shape)}"
                parts.append(f"tensor({_shown(value.tolist())})" if small else shape)
            else:
                parts.append(repr(value) if type(value) in (int, float, list) else argument)
        return f"{name}({', '.join(parts)})"


@dataclass(frozen=True, kw_only=True)
class Free(_Exercise):
    """Asks for what only a function can judge: it returns the praise, or refuses."""

    judge: Callable


def _tried(mistake: Callable, *arguments: object) -> Any:
    try:
        return mistake(*arguments)
    except DataError:
        raise
    except Exception:  # it need not fit every value or case
        return None


def _difference(given: Any, right: Any) -> str:
    """Return where two results differ, as the end of a sentence: ``[1] has 2 at [0] ...``."""
    if isinstance(right, tuple) and isinstance(right[0], (tuple, Tensor)):
        part = list(map(same, given, right)).index(False)
        return f"[{part}]{_difference(given[part], right[part])}"
    if not isinstance(right, Tensor):
        return f" is {_shown(given)} with yours, and should be {_shown(right)}."
    has, wanted = list(given.shape), list(right.shape)
    if has != wanted:
        return f" has the shape {has} with yours, and should have {wanted}."
    place = next(place for place in np.ndindex(right.shape) if not same(given[place], right[place]))
    has, wanted = _shown(given[place].item()), _shown(right[place].item())
    return f" has {has} at {list(place)} with yours, and should have {wanted}."


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_shown, value))
        return f"[{text}]" if isinstance(value, list) else f"({text})"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else Given(value).kind
